"""Which rules fire, which do so alone, and which go together.

The funnel counts a row under the first rule that dropped it. Here every rule of a chain is asked about every row that came before
the first of them, so that rules which say the same are seen: one that never fires alone could be left out, and the same rows
would be kept. (A costly score is computed for selected rows only; its rule is asked about those.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tamis.core.step import Published
from tamis.data.select import Bound, Keep, kept

Rules = Sequence[tuple[Bound, Published]]


@dataclass(frozen=True)
class Firing:
    """Of `rows` rows: on how many two rules fire, `together` [rules, rules] (one, on the diagonal), and only one, `alone`."""

    rules: tuple[str, ...]
    rows: int
    together: npt.NDArray[np.int64]
    alone: npt.NDArray[np.int64]

    def table(self) -> list[dict[str, Any]]:
        """A row per rule: rule, rows, fires, alone, and the other rule that fires most often with it (None, 0 if none does)."""
        out = []
        for i, rule in enumerate(self.rules):
            both = self.together[i].copy()
            both[i] = -1
            other = int(both.argmax())
            company = (self.rules[other], int(both[other])) if both[other] > 0 else (None, 0)
            row = {"rule": rule, "rows": self.rows, "fires": int(self.together[i, i]), "alone": int(self.alone[i])}
            out.append(row | {"with": company[0], "both": company[1]})
        return out


def rules_of(keep: Keep, inputs: Sequence[Published]) -> list[tuple[Bound, Published]]:
    """The rules of a step and the columns they read. inputs: those of the step (text, selection, columns ...)."""
    return [(bound, inputs[2 + bound.column]) for bound in keep.bounds]


def firing(before: Published, rules: Rules) -> Firing:
    """Ask all rules about the rows that the selection `before` keeps. Reads columns only, a shard at a time."""
    count, rows = len(rules), 0
    together, alone = np.zeros((count, count), np.int64), np.zeros(count, np.int64)
    for shard in before.shards:
        place = np.flatnonzero(kept(before.read(shard.name)))
        fires = np.zeros((count, len(place)), np.float32)
        for number, (bound, columns) in enumerate(rules):
            values = columns.read(shard.name, [bound.name]).column(bound.name).combine_chunks()
            asked = values.is_valid().to_numpy(zero_copy_only=False)
            fires[number] = (asked & ~bound.passes(values))[place]
        rows += len(place)
        together += (fires @ fires.T).astype(np.int64)
        alone += fires[:, fires.sum(0) == 1].sum(1).astype(np.int64)
    return Firing(tuple(bound.reason for bound, _ in rules), rows, together, alone)


def never_alone(table: Iterable[dict[str, Any]]) -> list[str]:
    """The rules of a `Firing.table` that fire, and never alone."""
    return [row["rule"] for row in table if row["fires"] and not row["alone"]]
