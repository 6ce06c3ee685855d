"""Does a rate hold over variations that should not matter, or does a good mean hide a breakdown?

A *cell* is one variation: values in [0, 1], one a trial: 0 or 1 where answers were sampled, probabilities where scored. The
verdict needs three things at once: rates that differ more than chance (G-test, Holm over families), a spread that matters, and
controls that rule out simpler reasons. Invariant: no model is called a breakdown whose controls fail; it is below the floor.

Rule and thresholds: Nezhurina et al. 2024 (arXiv:2406.02061) for the Beta of a mean; the rest was fixed with simulations that
`operating_characteristics` repeats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tamis.core.errors import TamisError, UsageError

Floats = NDArray[np.float64]
Cells = Mapping[Any, Sequence[float]]  # variation -> values

ROBUST, PARTIAL, FLUCTUATING, COLLAPSING, BELOW_FLOOR = "robust", "partial", "fluctuating", "collapsing", "below floor"
MIN_CELLS = 10  # for an interval of a paired comparison
DRAWS = 4000


@dataclass(frozen=True)
class RobustnessRule:
    """What counts as what.

    `alpha`: of the test that rates are equal, after Holm. `spread`: largest minus smallest rate that matters. `collapse` and
    `robust`: bounds of the mean rate. `floor`: mean of the controls below which no breakdown is claimed.
    """

    alpha: float = 1e-3
    spread: float = 0.25
    collapse: float = 0.2
    robust: float = 0.9
    floor: float = 0.9

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 0.5 and 0 < self.spread < 1 and 0 <= self.collapse < self.robust <= 1 and 0 <= self.floor <= 1):
            raise UsageError(f"{self}: alpha lies in (0, 0.5), spread in (0, 1), collapse below robust")


@dataclass(frozen=True)
class Rate:
    """A mean of n values with its interval at 95 %."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Robustness:
    """One family of one model. `p`: of equal rates (None with one cell); `p_holm`: over all families judged together.

    `breakdown` is None where no controls were asked. `score` = control mean - worst variation, `score_interval` at 95 %.
    `overdispersion`: the beta-binomial's rho between variations (0: only chance).
    """

    name: str
    rate: Rate
    variations: dict[Any, Rate]
    controls: dict[str, Rate]
    control_mean: float | None
    p: float | None
    p_holm: float | None
    overdispersion: float | None
    spread: float
    verdict: str
    breakdown: bool | None
    score: float | None
    score_interval: tuple[float, float] | None


def beta_interval(mean: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Quantiles of Beta(p(n-1), (1-p)(n-1)), whose mean is p and variance p(1-p)/n; Jeffreys' where p is 0 or 1 or n is 1."""
    tail = (1 - level) / 2
    a, b = mean * (n - 1), (1 - mean) * (n - 1)
    if min(a, b) <= 0:
        return jeffreys_interval(mean * n, n, level)
    return float(special.betaincinv(a, b, tail)), float(special.betaincinv(a, b, 1 - tail))


def jeffreys_interval(correct: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Quantiles of Beta(x + 1/2, n - x + 1/2); the end at 0 or 1 is kept where x is 0 or n (Brown, Cai, DasGupta 2001)."""
    tail = (1 - level) / 2
    a, b = correct + 0.5, n - correct + 0.5
    low = 0.0 if correct <= 0 else float(special.betaincinv(a, b, tail))
    high = 1.0 if correct >= n else float(special.betaincinv(a, b, 1 - tail))
    return low, high


def rate(values: Sequence[float]) -> Rate:
    """Mean and interval: Beta for zeros and ones, Student's t for probabilities (n of them; 1 has no width)."""
    x = _checked(values)
    mean = float(x.mean())
    if _binary(x):
        low, high = beta_interval(mean, len(x))
    elif len(x) == 1:
        low = high = mean
    else:
        half = float(special.stdtrit(len(x) - 1, 0.975) * x.std(ddof=1) / np.sqrt(len(x)))
        low, high = max(0.0, mean - half), min(1.0, mean + half)
    return Rate(mean, low, high, len(x))


def g_test(correct: Any, n: Any) -> Any:
    """p of the hypothesis that all rates are equal: G = 2 Σ O ln(O/E), chi-squared with (variations - 1) degrees of freedom.

    `correct`, `n`: (..., variations). Where nobody or everybody is right, p is 1.
    """
    x, total = np.asarray(correct, np.float64), np.asarray(n, np.float64)
    pooled = x.sum(-1, keepdims=True) / total.sum(-1, keepdims=True)
    g = 2 * (special.rel_entr(x, total * pooled) + special.rel_entr(total - x, total * (1 - pooled))).sum(-1)
    return special.chdtrc(x.shape[-1] - 1, np.maximum(g, 0.0))


def friedman_test(values: Floats) -> float:
    """p of equal values over variations, (variations, units) ranked within each unit (Friedman 1937), ties averaged."""
    count, units = values.shape
    ranks = np.apply_along_axis(_ranks, 0, values)
    ties = sum(float((c**3 - c).sum()) for c in (np.unique(col, return_counts=True)[1] for col in values.T))
    scale = 1 - ties / (units * (count**3 - count))
    if scale <= 0:
        return 1.0
    q = 12 / (units * count * (count + 1)) * (ranks.sum(1) ** 2).sum() - 3 * units * (count + 1)
    return float(special.chdtrc(count - 1, max(q / scale, 0.0)))


def _ranks(column: Floats) -> Floats:
    _, place, counts = np.unique(column, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[place], np.float64)


def equal_rates(cells: Cells) -> float | None:
    """p of equal rates over variations: the G-test for zeros and ones, Friedman's for probabilities of the same units."""
    if len(cells) < 2:
        return None
    arrays = [_checked(v) for v in cells.values()]
    if all(_binary(a) for a in arrays):
        return float(g_test([a.sum() for a in arrays], [len(a) for a in arrays]))
    if len({len(a) for a in arrays}) != 1:
        raise TamisError("probabilities must be given for the same units in every variation")
    return None if len(arrays[0]) < 2 else friedman_test(np.array(arrays))


def overdispersion(correct: Sequence[float], n: Sequence[int]) -> float | None:
    """The beta-binomial's intraclass correlation between variations by moments (Kleinman 1973); 0 if they differ by chance."""
    x, size = np.asarray(correct, np.float64), np.asarray(n, np.float64)
    pooled = x.sum() / size.sum()
    if len(x) < 2 or pooled * (1 - pooled) <= 0 or size.min() < 2:
        return None
    between = float((size * (x / size - pooled) ** 2).sum())
    spread = float(pooled * (1 - pooled))
    count = len(x)
    inner = float((size - size**2 / size.sum()).sum())
    rho = (between - spread * (count - 1)) / (spread * (inner - (count - 1)))
    return float(np.clip(rho, 0.0, 1.0))


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p values; None stays None and does not count."""
    known = sorted((value, place) for place, value in enumerate(p) if value is not None)
    out: list[float | None] = [None] * len(p)
    largest = 0.0
    for rank, (value, place) in enumerate(known):
        largest = max(largest, min(1.0, value * (len(known) - rank)))
        out[place] = largest
    return out


def judge_families(
    families: Mapping[str, tuple[Cells, Mapping[str, Sequence[float]]]], rule: RobustnessRule | None = None
) -> list[Robustness]:
    """Families of one model, judged together: name -> (cells of the main question, values of each control).

    TamisError for values outside [0, 1] and for cells without values.
    """
    rule = rule or RobustnessRule()
    tests = [equal_rates(cells) for cells, _ in families.values()]
    adjusted = holm(tests)
    return [
        _judge(name, cells, controls, test, p, rule)
        for (name, (cells, controls)), test, p in zip(families.items(), tests, adjusted, strict=True)
    ]


def _judge(
    name: str,
    cells: Cells,
    controls: Mapping[str, Sequence[float]],
    test: float | None,
    adjusted: float | None,
    rule: RobustnessRule,
) -> Robustness:
    rates = {variation: rate(values) for variation, values in cells.items()}
    if not rates:
        raise TamisError(f"{name}: no variation was answered")
    means = [r.mean for r in rates.values()]
    pooled = [v for values in cells.values() for v in values]
    mean, spread = float(np.mean(means)), max(means) - min(means)
    told = {control: rate(values) for control, values in controls.items()}
    control_mean = float(np.mean([r.mean for r in told.values()])) if told else None
    verdict = classify(mean, spread, adjusted, rule)
    breaks = verdict in (FLUCTUATING, COLLAPSING)
    sound = control_mean is not None and control_mean >= rule.floor
    if breaks and control_mean is not None and not sound:
        verdict = BELOW_FLOOR
    score = None if control_mean is None else control_mean - min(means)
    binary = all(_binary(_checked(v)) for v in cells.values())
    return Robustness(
        name=name,
        rate=rate(pooled),
        variations=rates,
        controls=told,
        control_mean=control_mean,
        p=test,
        p_holm=adjusted,
        overdispersion=overdispersion([sum(v) for v in cells.values()], [len(v) for v in cells.values()]) if binary else None,
        spread=spread,
        verdict=verdict,
        breakdown=None if control_mean is None else breaks and sound,
        score=score,
        score_interval=None if score is None else _score_interval(cells, controls),
    )


def classify(mean: float, spread: float, p: float | None, rule: RobustnessRule) -> str:
    """The verdict before controls are looked at. A collapsed mean comes first, then fluctuation: a mean of .92 may hide it."""
    if mean < rule.collapse:
        return COLLAPSING
    if p is not None and p < rule.alpha and spread >= rule.spread:
        return FLUCTUATING
    return ROBUST if mean >= rule.robust else PARTIAL


def _score_interval(cells: Cells, controls: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    """95 % of control mean - worst variation when every rate is drawn from its Jeffreys posterior (fixed seed)."""
    rng = np.random.Generator(np.random.Philox(0))

    def draws(groups: list[Sequence[float]]) -> Floats:
        right, n = np.array([sum(g) for g in groups]), np.array([len(g) for g in groups])
        return rng.beta(right + 0.5, n - right + 0.5, (DRAWS, len(groups)))

    score = draws(list(controls.values())).mean(1) - draws(list(cells.values())).min(1)
    low, high = np.quantile(score, [0.025, 0.975])
    return float(low), float(high)


@dataclass(frozen=True)
class PairedRates:
    """`second` minus `first`, mean over shared cells; an interval (95 %) only from 10 cells on."""

    difference: float
    low: float | None
    high: float | None
    cells: int


def compare_rates(
    first: Mapping[Any, Sequence[float]], second: Mapping[Any, Sequence[float]], bootstrap: int = 4000, seed: int = 0
) -> PairedRates:
    """Two models on the same variations: paired differences of cell means, clusters are the cells.

    The interval is Student's t with the bootstrap's standard error over cells: trials within a cell do not count as independent.
    """
    shared = [key for key in first if key in second]
    if not shared:
        raise TamisError("the two models share no variation")
    d = np.array([_checked(second[k]).mean() - _checked(first[k]).mean() for k in shared])
    mean = float(d.mean())
    if len(d) < MIN_CELLS:
        return PairedRates(mean, None, None, len(d))
    rng = np.random.Generator(np.random.Philox(seed))
    means = d[rng.integers(len(d), size=(bootstrap, len(d)))].mean(1)
    error = means.std(ddof=1) * np.sqrt(len(d) / (len(d) - 1))
    half = float(special.stdtrit(len(d) - 1, 0.975) * error)
    return PairedRates(mean, mean - half, mean + half, len(d))


def operating_characteristics(
    rates: Sequence[float], n: int, experiments: int = 4000, families: int = 1, seed: int = 0, rule: RobustnessRule | None = None
) -> float:
    """The share of simulated experiments called fluctuating: binomial answers at true `rates`, `n` trials a variation.

    `families`: how many are judged together; the others' p values are taken as large, so Holm multiplies by this number.
    """
    rule = rule or RobustnessRule()
    rng = np.random.Generator(np.random.Philox(seed))
    x = rng.binomial(n, np.asarray(rates, np.float64), (experiments, len(rates)))
    p = np.minimum(g_test(x, np.full(x.shape, n)) * families, 1.0)
    found = x / n
    spread = found.max(1) - found.min(1)
    called = (p < rule.alpha) & (spread >= rule.spread) & (found.mean(1) >= rule.collapse)
    return float(called.mean())


def _checked(values: Sequence[float]) -> Floats:
    x = np.asarray(values, np.float64)
    if not x.size or not np.isfinite(x).all() or x.min() < 0 or x.max() > 1:
        raise TamisError("a cell needs values between 0 and 1")
    return x


def _binary(x: Floats) -> bool:
    return bool(np.isin(x, (0.0, 1.0)).all())
