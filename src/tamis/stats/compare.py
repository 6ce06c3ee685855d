"""What is compared: the declared rule, the items of every domain, and all paired differences of the arms.

A difference D(A, B) is the mean over seeds of the paired difference of a metric; the metric is the unweighted mean over deciding
domains. Its variance is `v_items + v_run` (`noise.py`). Everything here is descriptive; `decide.py` gives verdicts. Invariant: an
interval exists only where both its parts can be measured: 2 seeds or more, and 10 clusters or more in a domain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.core.errors import TamisError, UsageError
from tamis.stats.noise import Floats, bootstrap_variance, half_width, pool_items, resampled, run_mean_square

MIN_CLUSTERS = 10  # a domain with fewer has no interval and does not decide


@dataclass(frozen=True)
class Compare:
    """The rule that decides, declared before any result exists.

    `domains`: names of the deciding domains; None takes every domain whose `decides` is true.
    `at`: name of the deciding recipe; None takes the largest size.
    `alpha`: chance of any false claim in the family (all pairs of arms; Holm).
    `equivalence`: the difference, in the metric's unit, below which two arms count as the same; None makes no such claim.
    `bootstrap`: resamples of the clusters; `seed`: of those resamples, nothing else.
    """

    domains: tuple[str, ...] | None = None
    at: str | None = None
    alpha: float = 0.05
    equivalence: float | None = None
    bootstrap: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.domains, str) or (self.domains is not None and not self.domains):
            raise UsageError(f"Compare(domains={self.domains!r}): give a tuple of domain names, or None for all that decide")
        if not 0 < self.alpha < 0.5:
            raise UsageError(f"Compare(alpha={self.alpha}): must lie between 0 and 0.5")
        if self.equivalence is not None and not 0 < self.equivalence < np.inf:
            raise UsageError(f"Compare(equivalence={self.equivalence}): must be a positive difference in the metric's unit")
        if self.bootstrap < 200:
            raise UsageError(f"Compare(bootstrap={self.bootstrap}): at least 200 resamples are needed for a stable variance")


@dataclass(frozen=True, eq=False)
class Domain:
    """Every item of one domain as every model answered it; its score is sum(value) / sum(weight).

    Bits per byte: value = bits, weight = UTF-8 bytes of the item. Accuracy: value = 1 if correct else 0, weight = 1.
    `cluster` (items,) integers: items of one book, package or site share a number. `weight` (items,) > 0.
    `value` (arms, seeds, items).
    `decides` false: shown, and decides only when the rule names it.
    """

    name: str
    unit: str
    higher_is_better: bool
    cluster: NDArray[np.integer[Any]]
    weight: Floats
    value: Floats
    decides: bool = True


@dataclass(frozen=True)
class Difference:
    """`second` minus `first` in one metric, its two variances and its plain interval at 1 - alpha (not corrected for many pairs).

    `per_seed`: the paired differences. `v_items` and `df_items` are None below 10 clusters, `v_run` is None with one seed,
    `interval` is None when either is.
    """

    metric: str
    first: str
    second: str
    value: float
    per_seed: tuple[float, ...]
    v_items: float | None
    df_items: float | None
    v_run: float | None
    df_run: int
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class DomainResult:
    """One domain, descriptive: `scores` (arms x seeds) and the difference of every pair."""

    name: str
    unit: str
    higher_is_better: bool
    items: int
    clusters: int
    decides: bool
    scores: tuple[tuple[float, ...], ...]
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Comparison:
    """Every pair of arms at one size, without verdicts (`decide` gives those).

    `scores` (arms x seeds) and `differences` belong to the metric, the unweighted mean over deciding domains; both are empty when
    no domain can decide. `identical`: pairs (arm, earlier arm) equal in every item and seed; the later one takes part in no
    difference and no variance. `notes`: a sentence for each thing a reader must know. `no_verdict`: why nothing can be claimed.
    """

    rule: Compare
    arms: tuple[str, ...]
    seeds: int
    unit: str
    higher_is_better: bool
    scores: tuple[tuple[float, ...], ...]
    differences: tuple[Difference, ...]
    domains: tuple[DomainResult, ...]
    identical: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    no_verdict: str | None


def compare(
    arms: Sequence[str],
    domains: Sequence[Domain],
    rule: Compare | None = None,
    touched: Mapping[str, NDArray[np.bool_]] | None = None,
) -> Comparison:
    """All paired differences of `arms` (the order of axis 0 of every `Domain.value`).

    `touched` (domain name -> bool (items,)): items to leave out, for instance those found in training data.
    Errors: `TamisError` for damaged numbers (NaN, infinity, mismatched arrays), `UsageError` for a rule that does not fit.
    """
    rule = rule or Compare()
    _check(arms, domains)
    notes: list[str] = []
    kept = _without(domains, touched, notes)
    seeds = domains[0].value.shape[1]
    alike = _identical(arms, domains)
    distinct = [index for index, arm in enumerate(arms) if arm not in dict(alike)]
    pairs = list(combinations(distinct, 2))
    deciding = _deciding(domains, kept, rule, notes)

    results: list[DomainResult] = []
    variances: list[Floats] = []
    for domain in kept:
        scores, clusters = domain_scores(domain), len(np.unique(domain.cluster))
        items = None
        if clusters >= MIN_CLUSTERS:
            items = _pair_variance(domain, pairs, rule)
            variances += [items] if domain.name in deciding else []
        differences = _differences(domain.name, arms, pairs, scores, distinct, items, clusters - 1.0, rule.alpha)
        results.append(
            DomainResult(
                domain.name,
                domain.unit,
                domain.higher_is_better,
                len(domain.weight),
                clusters,
                domain.name in deciding,
                _nested(scores),
                differences,
            )
        )

    chosen = [result for result in results if result.decides]
    scores = np.mean([result.scores for result in chosen], axis=0) if chosen else np.empty((0, 0))
    differences = ()
    if chosen:
        v_items, df_items = pool_items(np.array(variances), np.array([result.clusters - 1.0 for result in chosen]))
        metric = chosen[0].name if len(chosen) == 1 else f"mean of {len(chosen)} domains"
        differences = _differences(metric, arms, pairs, scores, distinct, v_items, df_items, rule.alpha)
    head = chosen[0] if chosen else domains[0]
    return Comparison(
        rule,
        tuple(arms),
        seeds,
        head.unit,
        head.higher_is_better,
        _nested(scores),
        differences,
        tuple(results),
        alike,
        tuple(notes),
        _obstacle(chosen, seeds, scores, distinct),
    )


def domain_scores(domain: Domain) -> Floats:
    """sum(value) / sum(weight): (arms, seeds)."""
    scores: Floats = domain.value.sum(axis=-1, dtype=np.float64) / domain.weight.sum(dtype=np.float64)
    return scores


def _pair_variance(domain: Domain, pairs: Sequence[tuple[int, int]], rule: Compare) -> Floats:
    """Variance of each pair's difference over resampled clusters: (pairs,). Weights are shared, so seeds are averaged first."""
    replicas = resampled(domain.value.mean(axis=1), domain.weight, domain.cluster, domain.name, rule.bootstrap, rule.seed)
    first, second = (np.array([pair[side] for pair in pairs], dtype=np.intp) for side in (0, 1))
    return bootstrap_variance(replicas[:, second] - replicas[:, first], len(np.unique(domain.cluster)))


def _differences(
    metric: str,
    arms: Sequence[str],
    pairs: Sequence[tuple[int, int]],
    scores: Floats,
    distinct: Sequence[int],
    v_items: Floats | None,
    df_items: Floats | float,
    alpha: float,
) -> tuple[Difference, ...]:
    seeds = scores.shape[1]
    v_run = float(2 * run_mean_square(scores[distinct]) / seeds) if seeds > 1 and len(distinct) > 1 else None
    df_run = (len(distinct) - 1) * (seeds - 1)
    freedom = np.broadcast_to(df_items, len(pairs))
    rows = []
    for row, (first, second) in enumerate(pairs):
        per_seed = scores[second] - scores[first]
        value, interval = float(per_seed.mean()), None
        items = None if v_items is None else float(v_items[row])
        df = None if v_items is None else float(freedom[row])
        if items is not None and v_run is not None:
            half = float(half_width(alpha, items, df, v_run, df_run))
            interval = (value - half, value + half)
        rows.append(
            Difference(metric, arms[first], arms[second], value, tuple(per_seed.tolist()), items, df, v_run, df_run, interval)
        )
    return tuple(rows)


# Input


def _check(arms: Sequence[str], domains: Sequence[Domain]) -> None:
    if len(arms) < 2 or len(set(arms)) != len(arms):
        raise UsageError(f"arms {', '.join(arms) or 'none'}: a comparison needs two or more arms with different names")
    names = [domain.name for domain in domains]
    if not names or len(set(names)) != len(names):
        raise UsageError(f"domains {', '.join(names) or 'none'}: a comparison needs one or more domains with different names")
    seeds = domains[0].value.shape[1] if domains[0].value.ndim == 3 else 0
    for domain in domains:
        items = len(domain.weight)
        expected = (len(arms), seeds, items)
        if not seeds or not items or domain.value.shape != expected or domain.cluster.shape != (items,):
            raise TamisError(
                f"domain {domain.name}: values {domain.value.shape} and clusters {domain.cluster.shape} do not fit "
                f"{len(arms)} arms x {seeds} seeds x {items} items; every model must have answered every item once"
            )
        bad = np.argwhere(~np.isfinite(domain.value))
        if len(bad):
            arm, seed, item = bad[0].tolist()
            raise TamisError(
                f"domain {domain.name}: arm {arms[arm]}, seed {seed}, item {item} has the value {domain.value[arm, seed, item]} "
                f"({len(bad)} such values); a model that diverged cannot be compared: look at its loss curve and train it again"
            )
        light = np.flatnonzero(~(np.isfinite(domain.weight) & (domain.weight > 0)))
        if len(light):
            raise TamisError(
                f"domain {domain.name}: item {light[0]} has the weight {domain.weight[light[0]]}; weights must be positive"
            )


def _without(domains: Sequence[Domain], touched: Mapping[str, NDArray[np.bool_]] | None, notes: list[str]) -> list[Domain]:
    kept: list[Domain] = []
    unknown = set(touched or {}) - {domain.name for domain in domains}
    if unknown:
        raise UsageError(f"touched items name no domain of this comparison: {', '.join(sorted(unknown))}")
    for domain in domains:
        mask = None if touched is None else touched.get(domain.name)
        if mask is None or not mask.any():
            kept.append(domain)
            continue
        if mask.shape != domain.weight.shape:
            raise TamisError(f"domain {domain.name}: {len(mask)} marks for {len(domain.weight)} items")
        notes.append(f"{domain.name}: {int(mask.sum())} of {len(mask)} items left out")
        if not mask.all():
            left = ~mask
            kept.append(
                Domain(
                    domain.name,
                    domain.unit,
                    domain.higher_is_better,
                    domain.cluster[left],
                    domain.weight[left],
                    domain.value[:, :, left],
                    domain.decides,
                )
            )
    return kept


def _deciding(domains: Sequence[Domain], kept: Sequence[Domain], rule: Compare, notes: list[str]) -> set[str]:
    """Names of the domains that decide: chosen by the rule, and with clusters enough for an interval in what is kept of them."""
    names = {domain.name for domain in domains}
    missing = [name for name in rule.domains or () if name not in names]
    if missing:
        raise UsageError(f"Compare(domains=...): no domain {', '.join(missing)}; there are {', '.join(sorted(names))}")
    chosen = [domain for domain in domains if (domain.decides if rule.domains is None else domain.name in rule.domains)]
    kinds = sorted({f"{domain.unit} ({'higher' if domain.higher_is_better else 'lower'} is better)" for domain in chosen})
    if len(kinds) > 1:
        raise UsageError(
            f"deciding domains mix {' and '.join(kinds)}, which have no common mean: name some in Compare(domains=...)"
        )
    if not chosen:
        notes.append("no domain is declared to decide")
    enough = {domain.name for domain in kept if len(np.unique(domain.cluster)) >= MIN_CLUSTERS}
    few = [domain.name for domain in chosen if domain.name not in enough]
    notes += [f"{name} has fewer than {MIN_CLUSTERS} clusters and does not decide" for name in few]
    return {domain.name for domain in chosen} & enough


def _identical(arms: Sequence[str], domains: Sequence[Domain]) -> tuple[tuple[str, str], ...]:
    first: dict[bytes, str] = {}
    alike = []
    for index, arm in enumerate(arms):
        digest = hashlib.sha256(b"".join(np.ascontiguousarray(domain.value[index]).tobytes() for domain in domains)).digest()
        if digest in first:
            alike.append((arm, first[digest]))
        first.setdefault(digest, arm)
    return tuple(alike)


def _obstacle(chosen: Sequence[DomainResult], seeds: int, scores: Floats, distinct: Sequence[int]) -> str | None:
    if not chosen:
        return f"no domain that may decide has {MIN_CLUSTERS} clusters of items: add items from more books, packages or sites"
    if seeds < 2:
        return "one seed cannot tell a better arm from a luckier run: train at least 2 seeds, better 3"
    if len(distinct) < 2:
        return "all arms gave the same answer to every item in every seed: they hold the same data"
    if run_mean_square(scores[distinct]) <= (1e-12 * np.abs(scores).max()) ** 2:
        return (
            "the scores do not vary over seeds, so run noise cannot be measured: check that each seed trained a model of its own"
        )
    return None


def _nested(scores: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row.tolist()) for row in scores)
