"""How often a small measurement decides as a large one does: pairwise decision accuracy, transfer between scales, gaps to trust.

Decision accuracy is DataDecide's (Magnusson et al. 2025, `stats.py`): over all pairs of recipes, the share that the small
measurement orders as the target does. The target's value is its mean over seeds; the small one's accuracy is computed seed by
seed and averaged; **a tie in the small measurement is wrong**. Intervals are by bootstrap over recipes, never over pairs: a
recipe drawn twice makes no pair with itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from tamis.core.errors import TamisError, UsageError

Floats = NDArray[np.float64]

GRID = 801  # scales tried, over four factors of e on each side of the median gap: steps of 1 %
TRUST = 0.9  # a gap is trusted when nine such pairs in ten keep their order


@dataclass(frozen=True)
class DecisionAccuracy:
    """`accuracy` over `pairs` pairs of `recipes`, its interval, and the share of (pair, seed) that were `ties` (wrong)."""

    accuracy: float
    interval: tuple[float, float]
    recipes: int
    pairs: int
    ties: float


@dataclass(frozen=True)
class Budget:
    """What a predictor costs, as a share of the target's compute, and how well it decides."""

    name: str
    share_of_target: float
    result: DecisionAccuracy


@dataclass(frozen=True)
class Gaps:
    """Pairs by their gap at the small scale: `kept` of `pairs` in [low, high) keep their order at the large scale."""

    low: float
    high: float
    kept: int
    pairs: int


@dataclass(frozen=True)
class GapRule:
    """P(a gap g keeps its order) = Phi(g / scale), in the unit of the scores.

    `trusted`: the gap at which that is 0.9, and its interval. `log_loss`, `constant_log_loss`: per pair, each pair predicted
    by a rule fitted without both its members, and by the same pairs' constant share kept. `calibration_error`: mean absolute
    gap between predicted and kept over five bins of those predictions, weighted by pairs.
    """

    scale: float
    trusted: float
    interval: tuple[float, float]
    log_loss: float
    constant_log_loss: float
    calibration_error: float
    predictions: tuple[tuple[float, bool], ...]

    def keeps(self, gap: float) -> float:
        """The probability that a gap of this size keeps its order."""
        return float(special.ndtr(abs(gap) / self.scale)) if self.scale > 0 else 1.0


@dataclass(frozen=True)
class Transfer:
    """One metric of the same subjects in two groups. `regret`: the metric lost in the second by taking the first's winner.

    `spearman`, `pearson`: correlation with 95 % interval, by bootstrap over subjects.
    """

    metric: str
    small: str
    large: str
    subjects: tuple[str, ...]
    spearman: tuple[float, float, float]
    pearson: tuple[float, float, float]
    accuracy: DecisionAccuracy
    regret: float
    gaps: tuple[Gaps, ...]
    rule: GapRule | None


def decision_accuracy(
    small: Mapping[str, Sequence[float]],
    target: Mapping[str, Sequence[float]],
    *,
    higher_is_better: bool = True,
    bootstrap: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> DecisionAccuracy:
    """How often `small` orders two recipes as the mean of `target` does. Values are one a seed; recipes are those of both.

    A recipe with fewer seeds than another is judged on the seeds both have. `higher_is_better` does not change the
    accuracy (both sides turn over); it is asked so that loss and score are not mixed up: use it with two metrics of one sense.
    Raises UsageError with fewer than two shared recipes, TamisError for a value that is no finite number.
    """
    names = [name for name in small if name in target]
    if len(names) < 2:
        raise UsageError(f"decision accuracy needs two recipes measured at both scales; {len(names)} is shared")
    for name in names:
        for value in (*small[name], *target[name]):
            if not math.isfinite(value):
                raise TamisError(f"recipe {name}: {value} is no finite number; leave the recipe out or measure it again")
        if not len(small[name]) or not len(target[name]):
            raise TamisError(f"recipe {name}: no values")
    sign = 1.0 if higher_is_better else -1.0
    want = sign * np.array([np.mean(target[name]) for name in names])
    right, tied = _agreement([sign * np.asarray(small[name], dtype=np.float64) for name in names], want)
    upper = np.triu_indices(len(names), 1)
    draws = _over_recipes(right, bootstrap, seed)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    accuracy, ties = float(right[upper].mean()), float(tied[upper].mean())
    return DecisionAccuracy(accuracy, (float(low), float(high)), len(names), len(upper[0]), ties)


def against_compute(
    small: Mapping[str, tuple[float, Mapping[str, Sequence[float]]]],
    target: tuple[float, Mapping[str, Sequence[float]]],
    *,
    higher_is_better: bool = True,
    seed: int = 0,
) -> list[Budget]:
    """Decision accuracy of predictors against their share of the target's compute, cheapest first.

    `small`: name → (FLOPs of one run, values); `target`: (FLOPs of one run, values).
    """
    budgets = [
        Budget(name, flops / target[0], decision_accuracy(values, target[1], higher_is_better=higher_is_better, seed=seed))
        for name, (flops, values) in small.items()
    ]
    return sorted(budgets, key=lambda budget: budget.share_of_target)


def transfer(
    metric: str,
    groups: tuple[str, str],
    small: Mapping[str, float],
    large: Mapping[str, float],
    *,
    edges: Sequence[float] = (0.01, 0.03),
    bootstrap: int = 2000,
    seed: int = 0,
) -> Transfer:
    """Everything about one metric of the same subjects at two scales (higher is better). `edges`: of the bins of gaps."""
    names = sorted(name for name in small if name in large)
    decided = decision_accuracy({n: [small[n]] for n in names}, {n: [large[n]] for n in names}, bootstrap=bootstrap, seed=seed)
    x, y = (np.array([side[name] for name in names]) for side in (small, large))
    a, b = np.triu_indices(len(names), 1)
    gap, kept = np.abs(x[a] - x[b]), np.sign(x[a] - x[b]) * np.sign(y[a] - y[b]) > 0
    bounds = [0.0, *edges, math.inf]
    bins = tuple(
        Gaps(low, high, int(kept[inside].sum()), int(inside.sum()))
        for low, high in pairwise(bounds)
        if (inside := (gap >= low) & (gap < high)).any()
    )
    return Transfer(
        metric,
        *groups,
        tuple(names),
        _correlation(x, y, True, bootstrap, seed),
        _correlation(x, y, False, bootstrap, seed),
        decided,
        float(y.max() - y[int(x.argmax())]),
        bins,
        gap_rule(x, y, bootstrap=bootstrap, seed=seed) if len(names) >= 5 else None,
    )


def gap_rule(small: Floats, large: Floats, *, bootstrap: int = 2000, seed: int = 0) -> GapRule:
    """Fit P(order kept | gap) = Phi(gap / scale) by maximum likelihood, and judge it on pairs whose members it has not seen."""
    a, b = np.triu_indices(len(small), 1)
    gap = np.abs(small[a] - small[b])
    kept = np.sign(small[a] - small[b]) * np.sign(large[a] - large[b]) > 0
    times = _times(len(small), bootstrap, seed)
    unseen = ((a[:, None] != a) & (a[:, None] != b) & (b[:, None] != a) & (b[:, None] != b)).astype(np.float64)
    weights = np.concatenate([np.ones((1, len(gap))), unseen, times[:, a] * times[:, b]])
    scales = _scales(gap, kept, weights)
    predicted = special.ndtr(gap / scales[1 : len(gap) + 1])
    constant = (unseen @ kept + 1) / (unseen.sum(axis=1) + 2)
    low, high = np.quantile(scales[len(gap) + 1 :], [0.025, 0.975], method="nearest") * special.ndtri(TRUST)
    scale, needed = float(scales[0]), float(special.ndtri(TRUST))
    return GapRule(
        scale,
        scale * needed,
        (float(low), float(high)),
        _log_loss(predicted, kept),
        _log_loss(constant, kept),
        calibration_error(predicted, kept),
        tuple((float(p), bool(k)) for p, k in zip(predicted, kept, strict=True)),
    )


def calibration_error(predicted: Floats, kept: NDArray[np.bool_], bins: int = 5) -> float:
    """Mean over predictions of |predicted - kept| of their bin; bins of equal numbers of predictions."""
    order = np.array_split(np.argsort(predicted, kind="stable"), bins)
    gaps = [len(part) * abs(float(predicted[part].mean()) - float(kept[part].mean())) for part in order if len(part)]
    return sum(gaps) / len(predicted)


def transfer_line(t: Transfer) -> str:
    """One transfer in one line."""
    rho, low, high = t.spearman
    told = ", ".join(f"{g.kept} of {g.pairs} at gaps {_bounds(g)}" for g in t.gaps)
    text = (
        f"{t.metric}, {t.small} -> {t.large}: {len(t.subjects)} compared, Spearman {rho:.2f} [{low:.2f}, {high:.2f}], Pearson "
        f"{t.pearson[0]:.2f}, {t.accuracy.accuracy:.0%} of pairs alike "
        f"[{t.accuracy.interval[0]:.0%}, {t.accuracy.interval[1]:.0%}] ({told}), regret {t.regret:.4f}"
    )
    if t.rule is not None:
        better = "better" if t.rule.log_loss < t.rule.constant_log_loss else "no better"
        text += (
            f"; a gap of {t.rule.trusted:.4f} [{t.rule.interval[0]:.4f}, {t.rule.interval[1]:.4f}] keeps its order with chance "
            f"{TRUST:.0%} (cross-validated: {better} than a constant, log loss {t.rule.log_loss:.2f} against "
            f"{t.rule.constant_log_loss:.2f}, calibration error {t.rule.calibration_error:.2f})"
        )
    return text


def _bounds(gaps: Gaps) -> str:
    return f"{gaps.low:g} to {gaps.high:g}" if math.isfinite(gaps.high) else f"of {gaps.low:g} and more"


def _agreement(values: Sequence[Floats], want: Floats) -> tuple[Floats, Floats]:
    """(recipes, recipes): share of the seeds both have that order a pair as `want`, and share that tie."""
    table = np.full((len(values), max(map(len, values))), np.nan)
    for row, seeds in zip(table, values, strict=True):
        row[: len(seeds)] = seeds
    way = np.sign(table[:, None, :] - table[None, :, :])
    both = np.isfinite(way).sum(axis=-1)
    right = (way == np.sign(want[:, None] - want[None, :])[:, :, None]) & (way != 0)
    return right.sum(axis=-1) / both, (way == 0).sum(axis=-1) / both


def _times(count: int, bootstrap: int, seed: int) -> Floats:
    """How often each of `count` recipes is drawn in each resample, (bootstrap, count)."""
    drawn = np.random.Generator(np.random.Philox(seed)).integers(count, size=(bootstrap, count))
    times = np.zeros((bootstrap, count))
    np.add.at(times, (np.arange(bootstrap)[:, None], drawn), 1.0)
    return times


def _over_recipes(right: Floats, bootstrap: int, seed: int) -> Floats:
    """Bootstrap accuracies: recipes drawn with replacement, pairs of one recipe with itself left out."""
    times = _times(len(right), bootstrap, seed)
    pairs = times.sum(axis=1) ** 2 - (times**2).sum(axis=1)
    hits = ((times @ right) * times).sum(axis=1)
    accuracies: Floats = hits[pairs > 0] / pairs[pairs > 0]
    return accuracies


def _correlation(x: Floats, y: Floats, ranked: bool, bootstrap: int, seed: int) -> tuple[float, float, float]:
    """Pearson's correlation, or of ranks, with a 95 % interval by bootstrap over subjects; draws without variation count not."""
    drawn = np.random.Generator(np.random.Philox(seed)).integers(len(x), size=(bootstrap, len(x)))
    rows = np.concatenate([np.arange(len(x))[None, :], drawn])
    u, v = (stats.rankdata(side[rows], axis=1) if ranked else side[rows] for side in (x, y))
    u, v = u - u.mean(axis=1, keepdims=True), v - v.mean(axis=1, keepdims=True)
    norm = np.sqrt((u**2).sum(axis=1) * (v**2).sum(axis=1))
    all_draws = np.divide((u * v).sum(axis=1), norm, out=np.full(len(rows), np.nan), where=norm > 0)
    low, high = np.nanquantile(all_draws[1:], [0.025, 0.975])
    return float(all_draws[0]), float(low), float(high)


def _scales(gap: Floats, kept: NDArray[np.bool_], weights: Floats) -> Floats:
    """Maximum-likelihood scale of P(kept) = Phi(gap / scale) for every row of `weights` (fits, pairs), on a fine grid.

    Half a kept and half a lost pair at the median gap keep the estimate finite where every pair was kept. A scale at the grid's
    upper end means that gaps say nothing: it is infinite.
    """
    middle = float(np.median(gap[gap > 0])) if (gap > 0).any() else 1.0
    grid = middle * np.exp(np.linspace(-4, 4, GRID))
    side = np.where(kept, 1.0, -1.0) * gap
    likelihood = special.log_ndtr(side[:, None] / grid)
    prior = 0.5 * (special.log_ndtr(middle / grid) + special.log_ndtr(-middle / grid))
    best = np.argmax(weights @ likelihood + prior, axis=1)
    found: Floats = np.where(best == GRID - 1, np.inf, grid[best])
    return found


def _log_loss(predicted: Floats, kept: NDArray[np.bool_]) -> float:
    sure = np.clip(predicted, 1e-6, 1 - 1e-6)
    return float(-np.log(np.where(kept, sure, 1 - sure)).mean())
