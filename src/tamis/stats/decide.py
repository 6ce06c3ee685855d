"""The rule that decides: Holm over all pairs of arms, equivalence by two one-sided tests, and what the design could have seen.

Invariant: the chance that pairs without any difference yield a `better` is at most alpha (arms of equal run noise: see
`docs/statistics.md`); nothing is claimed from one seed, from domains with few clusters, or from scores that never vary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tamis.stats.compare import Comparison, Difference
from tamis.stats.noise import Floats, half_width, holm, p_value, step_levels
from tamis.stats.power import smallest_visible

Kind = Literal["better", "equivalent", "no difference shown", "no verdict"]


@dataclass(frozen=True)
class Verdict:
    """What may be said of one pair. `better`: the better arm, or None.

    `estimate`: `second` minus `first`, its variances, paired differences per seed and plain interval at 1 - alpha.
    `interval`: the same difference at confidence 1 - `level`, drawn to match the verdict, None without one. Better and no
    difference shown: the level of Holm's step at which the pair was decided, so that zero lies outside exactly when `kind` is
    better. Equivalent: twice the level of its step, so that the interval lies within +-delta.
    `p`, `p_holm`: two-sided, plain and adjusted. `p_equivalence`: Holm-adjusted p of the two one-sided tests; None without delta.
    `equivalent`: shown to lie within delta; a tiny difference can be shown to exist and to be tiny, then `kind` is better.
    `smallest_visible`: the true difference of this pair that four such experiments in five would claim, at Holm's first step.
    `domains`: the pair's difference in every domain, plain intervals, descriptive.
    """

    first: str
    second: str
    kind: Kind
    better: str | None
    estimate: Difference
    interval: tuple[float, float] | None
    level: float | None
    p: float | None
    p_holm: float | None
    p_equivalence: float | None
    equivalent: bool
    smallest_visible: float | None
    domains: tuple[Difference, ...]


@dataclass(frozen=True)
class Decision:
    """Verdicts on all pairs of distinct arms of a comparison, in the order of its differences."""

    comparison: Comparison
    verdicts: tuple[Verdict, ...]

    def between(self, arm: str, other: str) -> Verdict:
        """The verdict on a pair, in whichever order it is named; arms identical to an earlier one stand for that one."""
        same = dict(self.comparison.identical)
        pair = {same.get(arm, arm), same.get(other, other)}
        for verdict in self.verdicts:
            if {verdict.first, verdict.second} == pair:
                return verdict
        raise KeyError(f"no verdict on {arm} and {other}")


def decide(comparison: Comparison) -> Decision:
    """Apply the comparison's own rule to its metric."""
    differences = comparison.differences
    by_pair = {
        (difference.first, difference.second): tuple(domain.differences[index] for domain in comparison.domains)
        for index, difference in enumerate(differences)
    }
    if comparison.no_verdict is not None:
        return Decision(comparison, tuple(_undecided(d, by_pair[d.first, d.second]) for d in differences))
    rule = comparison.rule
    value, vi, di, vr, dr = (
        np.array([getattr(difference, name) for difference in differences], dtype=np.float64)
        for name in ("value", "v_items", "df_items", "v_run", "df_run")
    )
    p = p_value(value, vi, di, vr, dr)
    p_holm, levels = holm(p), step_levels(p, rule.alpha)
    same = equivalence_p(value, vi, di, vr, dr, rule.equivalence)
    same_holm, same_levels = holm(same), step_levels(same, rule.alpha)
    arms = len(comparison.arms) - len(comparison.identical)
    verdicts = []
    for index, difference in enumerate(differences):
        shown, equivalent = bool(p_holm[index] <= rule.alpha), bool(same_holm[index] <= rule.alpha)
        kind: Kind = "better" if shown else "equivalent" if equivalent else "no difference shown"
        second_wins = (difference.value > 0) == comparison.higher_is_better
        level = float(2 * same_levels[index] if kind == "equivalent" else levels[index])
        half = float(half_width(level, vi[index], di[index], vr[index], dr[index]))
        verdicts.append(
            Verdict(
                first=difference.first,
                second=difference.second,
                kind=kind,
                better=(difference.second if second_wins else difference.first) if shown else None,
                estimate=difference,
                interval=(difference.value - half, difference.value + half),
                level=level,
                p=float(p[index]),
                p_holm=float(p_holm[index]),
                p_equivalence=None if rule.equivalence is None else float(same_holm[index]),
                equivalent=equivalent,
                smallest_visible=smallest_visible(
                    seeds=comparison.seeds,
                    s=float(np.sqrt(vr[index] * comparison.seeds / 2)),
                    v_items=float(vi[index]),
                    arms=arms,
                    df_items=float(di[index]),
                    alpha=rule.alpha,
                ),
                domains=by_pair[difference.first, difference.second],
            )
        )
    return Decision(comparison, tuple(verdicts))


def equivalence_p(
    difference: Floats, v_items: Floats, df_items: Floats, v_run: Floats, df_run: Floats, delta: float | None
) -> Floats:
    """The larger p of the two one-sided tests that the true difference is at least +-delta away from zero; 1 without a delta."""
    if delta is None:
        return np.ones_like(difference)
    room = delta - np.abs(difference)
    half = p_value(room, v_items, df_items, v_run, df_run) / 2
    return np.where(room > 0, half, 1 - half)


def changes(whole: Decision, untouched: Decision) -> tuple[tuple[Verdict, Verdict | None], ...]:
    """Pairs whose verdict differs once items found in training data are left out: (with them, without them).

    Print both verdicts of each; an empty tuple means contamination changes no claim. The second is None where the pair no longer
    has a domain to decide on.
    """
    others = {(verdict.first, verdict.second): verdict for verdict in untouched.verdicts}
    differing = []
    for verdict in whole.verdicts:
        other = others.get((verdict.first, verdict.second))
        if other is None or (verdict.kind, verdict.better) != (other.kind, other.better):
            differing.append((verdict, other))
    return tuple(differing)


def _undecided(difference: Difference, domains: tuple[Difference, ...]) -> Verdict:
    return Verdict(
        difference.first,
        difference.second,
        "no verdict",
        None,
        difference,
        None,
        None,
        None,
        None,
        None,
        False,
        None,
        domains,
    )
