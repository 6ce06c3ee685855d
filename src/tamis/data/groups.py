"""Cutting a pool where a score's distribution falls into two groups, so that no threshold has to be guessed.

The logarithm of the score over all rows still selected is taken for a mixture of two normal distributions, fitted by expectation
and maximisation from Otsu's cut (Otsu 1979); the threshold lies between the means, where both groups are equally likely.
Ashman's D (Ashman, Bird and Zepf 1994), the distance of the means over the root mean square of the deviations, says how far apart
the groups are: below 2 there are not two to be told apart, and the step fails rather than cut at a place that means nothing. A D
above 2 does not prove two groups: look at the histogram.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from tamis.core.errors import TamisError, UsageError
from tamis.core.ledger import Ledger
from tamis.core.step import Inputs, Operator, Output, Piece, Step, Where
from tamis.data.apply import scored
from tamis.data.score import Field
from tamis.data.select import Resolve, View, carry, kept

Doubles = npt.NDArray[np.float64]
ROUNDS = 1000
APART = 2.0  # Ashman's D from which two groups are told apart


class Groups(NamedTuple):
    """Two groups of values: where they part, their means, standard deviations and shares (low, high), and Ashman's D."""

    threshold: float
    means: tuple[float, float]
    deviations: tuple[float, float]
    shares: tuple[float, float]
    apart: float


def otsu(values: Doubles) -> float:
    """The cut with the least variance inside its two sides; values, sorted, are not all equal."""
    n = np.arange(1, len(values))
    total = np.cumsum(values)
    below, above = total[:-1] / n, (total[-1] - total[:-1]) / (len(values) - n)
    between = n * (len(values) - n) * (above - below) ** 2
    between[values[1:] == values[:-1]] = -1
    best = int(np.argmax(between))
    return float((values[best] + values[best + 1]) / 2)


def two_groups(values: Doubles) -> Groups:
    """The mixture of two normal distributions that fits best, from Otsu's cut. UsageError if there are not enough values."""
    values = np.sort(values)
    if len(values) < 20 or len(np.unique(values)) < 4:
        raise UsageError(f"{len(values)} values, {len(np.unique(values))} of them different, are too few for two groups")
    high = (values > otsu(values)).astype(float)
    least = 1e-3 * values.std()
    before = -math.inf
    for _ in range(ROUNDS):
        weight = np.stack([1 - high, high])
        share = weight.mean(1)
        mean = weight @ values / (share * len(values))
        deviation = np.sqrt(np.maximum((weight * (values - mean[:, None]) ** 2).sum(1) / (share * len(values)), least**2))
        density = np.log(share)[:, None] - np.log(deviation)[:, None] - ((values - mean[:, None]) / deviation[:, None]) ** 2 / 2
        likelihood = np.logaddexp(*density)
        high = np.exp(density[1] - likelihood)
        if likelihood.mean() - before < 1e-10:
            break
        before = likelihood.mean()
    apart = abs(mean[1] - mean[0]) / math.sqrt((deviation**2).mean())
    low, up = (float(m) for m in mean)
    return Groups(_between(low, up, deviation, share), (low, up), tuple(deviation.tolist()), tuple(share.tolist()), float(apart))


def _between(low: float, high: float, deviation: Doubles, share: Doubles) -> float:
    """Where both groups are equally likely between the means; the middle if that is nowhere."""
    places = np.linspace(low, high, 10_001)
    odds = np.log(share[1] / share[0] * deviation[0] / deviation[1])
    odds = odds - ((places - high) / deviation[1]) ** 2 / 2 + ((places - low) / deviation[0]) ** 2 / 2
    crossing = np.flatnonzero((odds[:-1] < 0) & (odds[1:] >= 0))
    return float(places[crossing[0] + 1]) if len(crossing) else (low + high) / 2


@dataclass(frozen=True)
class TwoGroups:
    """Keep the group of rows with the higher (or `keep="low"`: the lower) values of a field whose values are positive."""

    field: Field
    keep: str = "high"
    label: ClassVar[str] = "two groups"

    def __post_init__(self) -> None:
        if self.keep not in ("high", "low"):
            raise UsageError(f"TwoGroups: keep must be 'high' or 'low', not {self.keep!r}")

    def select(self, view: View, resolve: Resolve) -> Step:
        score = self.field.score
        columns = scored(score, view.text, view.selection, score.requires(resolve))
        return Step(GroupOf(self.field.name, self.keep), (*view, columns))


@dataclass(frozen=True)
class GroupOf(Operator):
    """Inputs: text, selection, columns. Facts: threshold (of the score itself) and the groups (of its natural logarithm)."""

    column: str
    keep: str
    kind: ClassVar[str] = "selection"
    label: ClassVar[str] = "two-groups"
    libraries: ClassVar[tuple[str, ...]] = ("numpy",)

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all", None, float(sum(s.bytes for s in inputs[2].shards)))]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        names = [s.name for s in inputs[0].shards]
        before = {name: inputs[1].read(name) for name in names}
        rows = {name: np.flatnonzero(kept(before[name])) for name in names}
        values = {name: inputs[2].read(name, [self.column]).column(0).to_numpy()[rows[name]] for name in names}
        whole = np.concatenate([np.zeros(0), *values.values()])
        if not (whole > 0).all() or not np.isfinite(whole).all():
            raise TamisError(f"two groups of {self.column}: its values must be positive and finite")
        found = two_groups(np.log(whole))
        if found.apart < APART:
            raise TamisError(
                f"{self.column} has not two groups: Ashman's D is {found.apart:.2f}, below {APART:g}; state a threshold by keep"
            )
        threshold = math.exp(found.threshold)
        reason = f"the {'low' if self.keep == 'high' else 'high'} group by {self.column}"
        total = Ledger()
        for name in names:
            wrong = (values[name] < threshold) == (self.keep == "high")
            evidence = [json.dumps({"value": float(v)}) for v in values[name][wrong]]
            table, ledger = carry(before[name], rows[name][wrong], [reason] * len(evidence), evidence)
            total = Ledger.total([total, ledger])
            out.write(name, table)
        out.ledger = total
        out.facts = {"threshold": threshold, **found._asdict()}

    def summary(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return dict(facts[0])
