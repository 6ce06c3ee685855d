"""The answer in one sentence, which says no more than the verdicts do.

Invariant: an arm "lowers" or "raises" the metric against another only where their verdict is `better`.
"""

from __future__ import annotations

import math

from tamis.core.errors import UsageError
from tamis.stats.compare import Comparison
from tamis.stats.decide import Decision, Verdict


def sentence(
    decision: Decision, *, parameters: float, tokens: float, domains: str = "held-out domains", baseline: str | None = None
) -> str:
    """The answer: size, seeds, metric, domains, difference with its interval, smallest visible difference.

    `parameters` and `tokens` of the deciding size; `domains`: what several deciding domains are called together ("held-out
    packages"); `baseline`: the arm the others are held against (default: the first).
    """
    comparison = decision.comparison
    if baseline is not None and baseline not in comparison.arms:
        raise UsageError(f"baseline {baseline}: no such arm; there are {', '.join(comparison.arms)}")
    base = dict(comparison.identical).get(baseline or "", baseline or comparison.arms[0])
    seeds = f"{comparison.seeds} seed{'s' if comparison.seeds > 1 else ''}"
    head = f"At {_amount(parameters)} parameters and {_amount(tokens)} tokens ({seeds}), "
    tail = "".join(f" {arm} gave the same answers as {same}, item for item." for arm, same in comparison.identical)
    words = _Words(decision, domains)
    if comparison.no_verdict is not None:
        shown = f"{words.leaning(base)}; " if decision.verdicts else ""
        return f"{head}{shown}no verdict: {comparison.no_verdict}.{tail}"
    return f"{head}{words.answer(base)}; this design can see {words.number(words.visible)}.{tail}"


class _Words:
    """Clauses on one decision, all with the same number of decimals."""

    def __init__(self, decision: Decision, noun: str) -> None:
        self.decision, comparison = decision, decision.comparison
        self.verb = "raises" if comparison.higher_is_better else "lowers"
        self.sign = 1.0 if comparison.higher_is_better else -1.0
        chosen = [domain.name for domain in comparison.domains if domain.decides]
        self.unit = comparison.unit
        self.where = f"on {chosen[0]}" if len(chosen) == 1 else f"on {len(chosen)} {noun}"
        self.visible = max((verdict.smallest_visible or 0.0 for verdict in decision.verdicts), default=0.0)
        largest = max((abs(verdict.estimate.value) for verdict in decision.verdicts), default=0.0)
        self.decimals = min(
            12, max([_decimals(self.visible or largest, 2), *(_decimals(b, 1) for b in _claimed_bounds(decision))])
        )
        self.ranked = _ranked(comparison)

    def number(self, value: float) -> str:
        return f"{value:.{self.decimals}f}".replace("-" + f"{0:.{self.decimals}f}", f"{0:.{self.decimals}f}")

    def answer(self, base: str) -> str:
        others = [arm for arm in self.ranked if arm != base]
        winners = [arm for arm in others if self.decision.between(arm, base).better == arm]
        scope = f"{self.unit} {self.where}"
        if not winners:
            best = others[0]
            lead = f"no arm is shown to be better than {base}: " if len(others) > 1 else ""
            return f"{lead}{self.pair(best, base, scope)}"
        lead = winners[0]
        clauses = [self.pair(lead, base, scope)]
        rest = [arm for arm in others if arm != lead]
        if rest:
            clauses.append(f"the runner-up is {rest[0]}: {self.pair(rest[0], base, 'it')}, and {self.pair(lead, rest[0], 'it')}")
        return "; ".join(clauses)

    def pair(self, arm: str, other: str, metric: str) -> str:
        """One clause on one pair, in the words its verdict allows."""
        verdict = self.decision.between(arm, other)
        if verdict.better is not None:
            worse = other if verdict.better == arm else arm
            gain, low, high = self.between(verdict, verdict.better, self.sign)
            return f"{verdict.better} {self.verb} {metric} by {gain} [{low}, {high}] against {worse}"
        value, low, high = self.between(verdict, arm, 1.0)
        estimate = f"{arm} minus {other} is {value} [{low}, {high}]"
        within = "" if metric == "it" else f" in {metric}"
        if verdict.kind == "equivalent":
            delta = self.decision.comparison.rule.equivalence or 0.0
            return f"{arm} and {other} are equivalent within {delta:g}{within} ({estimate})"
        return f"no difference between {arm} and {other} is shown{within} ({estimate})"

    def between(self, verdict: Verdict, arm: str, sign: float) -> tuple[str, str, str]:
        """`arm` minus the other arm, times `sign`, with its interval."""
        factor = sign if arm == verdict.second else -sign
        low, high = sorted(factor * bound for bound in verdict.interval or (math.nan, math.nan))
        return self.number(factor * verdict.estimate.value), self.number(low), self.number(high)

    def leaning(self, base: str) -> str:
        """What the scores look like where nothing may be claimed."""
        best = next(arm for arm in self.ranked if arm != base)
        verdict = self.decision.between(best, base)
        factor = 1.0 if best == verdict.second else -1.0
        return f"{best} minus {base} is {self.number(factor * verdict.estimate.value)} in {self.unit} {self.where}"


def _ranked(comparison: Comparison) -> list[str]:
    """Distinct arms, best mean score first."""
    same = dict(comparison.identical)
    means = {arm: sum(scores) for arm, scores in zip(comparison.arms, comparison.scores, strict=False) if arm not in same}
    return sorted(means, key=lambda arm: means[arm], reverse=comparison.higher_is_better)


def _claimed_bounds(decision: Decision) -> list[float]:
    """The bound nearest zero of every claim: it must not be printed as zero."""
    return [min(abs(bound) for bound in verdict.interval or ()) for verdict in decision.verdicts if verdict.kind == "better"]


def _decimals(value: float, digits: int) -> int:
    """Decimals that show `value` to so many significant digits."""
    return max(0, digits - 1 - math.floor(math.log10(value))) if value > 0 else 0


def _amount(count: float) -> str:
    """240000 as "0.24 M", 800000 as "0.8 M": two significant digits at most."""
    size, unit = (1e9, "B") if count >= 1e9 else (1e6, "M")
    number = f"{count / size:.{_decimals(count / size, 2)}f}"
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}"
