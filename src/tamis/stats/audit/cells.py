"""Which cell is wrong: aggregates and counts of right answers betray it, and often say what should stand there.

Two independent witnesses. An aggregate is explained by its formula or not (`formulas.py`). A score on n items is k / n for a
whole number k (the GRIM test, Brown & Heathers 2017); it is used for a task only where the rest of its column passes. A row's
faults are looked for in order: two cells exchanged, one task's cell, one aggregate's cell; what several causes would explain
equally well is reported as a row whose numbers do not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tamis.stats.audit.finding import Finding
from tamis.stats.audit.formulas import FLOAT, UNEXPLAINED, Explained, Scores
from tamis.stats.audit.table import Floats, Table

SINGLE = 6e-8  # relative error of scores that were computed in single precision
PASS = 0.97  # share of a column's cells that must be k / n before one that is not counts as wrong


@dataclass(frozen=True)
class Suspect:
    """A wrong cell: what is printed, and what its aggregates say should stand there (None when they say nothing)."""

    row: int
    column: str
    printed: float
    should: float | None
    room: float
    why: str
    betrayed_by: tuple[str, ...] = ()


def not_counts(scores: Scores, items: Floats) -> NDArray[np.bool_]:
    """Cells (rows, tasks) that are no k / n although (nearly) all of their column are."""
    n = items[None, :]
    with np.errstate(invalid="ignore"):
        off = np.abs(scores.values - np.round(scores.values * n) / n)
        room = scores.halves + SINGLE
        telling = 2 * room * n < 0.2  # else a wrong digit would pass by chance
        wrong = (off > room) & telling
        counted = np.isfinite(off) & telling
    usable = wrong.sum(axis=0) <= (1 - PASS) * np.maximum(counted.sum(axis=0), 1) + 1e-9
    few = counted.sum(axis=0) < 1 / (1 - PASS)  # in a short column one bad cell must not condemn the test
    usable |= few & (wrong.sum(axis=0) <= np.maximum(1, counted.sum(axis=0) // 5))
    answer: NDArray[np.bool_] = wrong & usable[None, :]
    return answer


def cell_findings(table: Table, scores: Scores, explained: Sequence[Explained], items: Floats) -> list[Finding]:
    """Everything wrong with single cells, of tasks and of aggregates."""
    grim = not_counts(scores, items)
    suspects: list[Suspect] = []
    findings: list[Finding] = []
    for row in range(table.rows):
        known = [e for e in explained if e.which[row] in (0, UNEXPLAINED)]
        broken = [e for e in known if e.which[row] == UNEXPLAINED]
        if not broken and not grim[row].any():
            continue
        found = _Row(table, scores, row, known, broken, grim[row], items).explain()
        suspects += [item for item in found if isinstance(item, Suspect)]
        findings += [item for item in found if isinstance(item, Finding)]
    return findings + _exchanged_between_rows(suspects)


@dataclass(frozen=True, eq=False)
class _Row:
    table: Table
    scores: Scores
    row: int
    known: list[Explained]
    broken: list[Explained]
    grim: NDArray[np.bool_]
    items: Floats

    def explain(self) -> Sequence[Suspect | Finding]:
        self_swap = self._exchanged()
        if self_swap is not None:
            return [self_swap]
        cells = self._one_task()
        names = ", ".join(e.column for e in self.broken)
        if len(cells) == 1 and (self.grim.any() or len(self.broken) > 1):
            return [cells[0]]
        by_digit = [cell for cell in cells if cell.why.startswith("one digit")]
        aggregate = self._aggregate() if len(self.broken) == 1 else None
        if aggregate is not None and (self._vouched() or not cells or (aggregate.why and not by_digit)):
            return [aggregate]
        if len(by_digit) == 1:
            return by_digit
        if self.grim.any():
            rest = (
                [] if self._covered() else [Finding("row", (self.row,), None, f"{names} do not follow from the tasks", "certain")]
            )
            return [*(self._miscounted(int(task)) for task in np.flatnonzero(self.grim)), *rest]
        if cells:
            places = ", ".join(cell.column for cell in cells[:6])
            more = f" and {len(cells) - 6} more" if len(cells) > 6 else ""
            text = (
                f"{names} do not follow from the tasks; one wrong cell would explain it, in one of {places}{more} (or in {names})"
            )
            return [
                Finding(
                    "row",
                    (self.row,),
                    None,
                    text,
                    "certain",
                    (*(e.column for e in self.broken), *(cell.column for cell in cells)),
                )
            ]
        gaps = ", ".join(f"{e.column} by {e.values[self.row] - e.main.apply(self.scores)[self.row]:+.3g}" for e in self.broken)
        return [Finding("row", (self.row,), None, f"more than one cell is wrong: off are {gaps}", "certain")]

    def _residuals(self) -> tuple[Floats, Floats, Floats]:
        """Of each known aggregate: print minus formula, room for rounding, weights (aggregates, tasks)."""
        residual = np.array([e.values[self.row] - e.main.apply(self.scores)[self.row] for e in self.known])
        room = [e.main.slack(self.scores)[self.row] + e.halves[self.row] + FLOAT * abs(e.values[self.row]) for e in self.known]
        return residual, np.array(room), np.array([e.main.weights for e in self.known]).reshape(len(self.known), -1)

    def _exchanged(self) -> Finding | None:
        """Two tasks of the row whose exchange sets right every aggregate and every count."""
        residual, room, weights = self._residuals()
        values, count = self.scores.values[self.row], len(self.scores.names)
        swaps = []
        for a in range(count):
            for b in range(a + 1, count):
                gap = values[b] - values[a]
                if not abs(gap) > 0 or (self.grim.any() and set(np.flatnonzero(self.grim)) - {a, b}):
                    continue
                if len(residual) and (np.abs(residual - gap * (weights[:, a] - weights[:, b])) > room).any():
                    continue
                if self.broken or (self.grim[a] and self.grim[b] and self._count(a, values[b]) and self._count(b, values[a])):
                    swaps.append((a, b))
        good = [(a, b) for a, b in swaps if self._count(a, values[b]) and self._count(b, values[a])]
        if len(good) != 1:
            return None
        first, second = (self.scores.names[task] for task in good[0])
        told = ", ".join([*(e.column for e in self.broken), "the counts of right answers"])
        text = f"exchanged with {second}: put back, they fit {told}"
        return Finding("cell", (self.row,), first, text, "certain", (second,))

    def _one_task(self) -> list[Suspect]:
        """Tasks whose cell alone, changed, would set right every known aggregate."""
        if not self.broken:
            return []
        residual, room, weights = self._residuals()
        out = []
        for task in np.flatnonzero(np.isfinite(self.scores.values[self.row])):
            weight, inside = weights[:, task], weights[:, task] != 0
            if not inside.any() or (np.abs(residual[~inside]) > room[~inside]).any():
                continue
            best = int(np.argmin(np.where(inside, room / np.maximum(np.abs(weight), 1e-300), np.inf)))
            change, give = residual[best] / weight[best], room[best] / abs(weight[best])
            if (np.abs(residual - weight * change)[inside] > (room + give * np.abs(weight))[inside]).any():
                continue
            printed = float(self.scores.values[self.row, task])
            should = printed + change
            if not -give <= should <= max(1.0, float(np.nanmax(self.scores.values[:, task]))) + give:
                continue
            if self.grim.any() and not self.grim[task]:
                continue
            if not self._count(int(task), should, give):
                continue
            column = self.scores.names[task]
            why = self._digit(column, should, give)
            out.append(Suspect(self.row, column, printed, should, give, why, tuple(e.column for e in self.broken)))
        return out

    def _aggregate(self) -> Suspect:
        wrong = self.broken[0]
        should = float(wrong.main.apply(self.scores)[self.row])
        room = float(wrong.main.slack(self.scores)[self.row] + wrong.halves[self.row])
        why = self._digit(wrong.column, should, room)
        printed = float(wrong.values[self.row])
        if not why:
            same = np.flatnonzero((np.abs(wrong.values - printed) <= 0) & (np.arange(self.table.rows) != self.row))
            if len(same) and len(same) <= 2:
                why = f"the number of line {self.table.lines[same[0]]}"
        return Suspect(self.row, wrong.column, printed, should, room, why)

    def _vouched(self) -> bool:
        """Another aggregate, over all the tasks of the broken one, fits: then the tasks are right."""
        members = self.broken[0].main.members
        return any((e.main.members | ~members).all() for e in self.known if e not in self.broken)

    def _covered(self) -> bool:
        bad = {self.scores.names[task] for task in np.flatnonzero(self.grim)}
        return all(bad & {n for n, held in zip(self.scores.names, e.main.members, strict=True) if held} for e in self.broken)

    def _miscounted(self, task: int) -> Suspect:
        value, n = self.scores.values[self.row, task], self.items[task]
        why = f"{value:.9g} × {n:.0f} items = {value * n:.4g}, no whole number of right answers"
        return Suspect(self.row, self.scores.names[task], float(value), None, 0.0, why)

    def _count(self, task: int, value: float, give: float = 0.0) -> bool:
        n = self.items[task]
        if not np.isfinite(n) or self._macro(task):
            return True
        return bool(abs(value - round(value * n) / n) <= np.nanmax(self.scores.halves[:, task]) + SINGLE + give)

    def _macro(self, task: int) -> bool:
        """The column is not made of k / n (a mean over categories, say), so the count proves nothing."""
        values, n = self.scores.values[:, task], self.items[task]
        with np.errstate(invalid="ignore"):
            good = np.abs(values - np.round(values * n) / n) <= self.scores.halves[:, task] + SINGLE
        return bool(good[np.isfinite(values)].mean() < 0.5)

    def _digit(self, column: str, should: float, room: float) -> str:
        """`one digit differs: ...` when another digit in one place of the print gives what should stand there."""
        text = self.table.cells[column][self.row]
        for place, old in enumerate(text):
            if old.isdigit():
                for new in "0123456789":
                    other = text[:place] + new + text[place + 1 :]
                    if new != old and abs(self.table.number(other) - should) <= room:
                        return f"one digit differs: {text} should be {other}"
        return ""


def _exchanged_between_rows(suspects: Sequence[Suspect]) -> list[Finding]:
    """Pairs of suspects of one column, each holding what the other should, become one finding; the rest one each."""
    left, out = list(suspects), []
    while left:
        first = left.pop(0)
        for second in left:
            if second.column == first.column and _holds(first, second) and _holds(second, first):
                left.remove(second)
                out.append(Finding("cell", (first.row, second.row), first.column, "these two cells are exchanged", "certain"))
                break
        else:
            text = f"printed {first.printed:.9g}"
            if first.should is not None:
                text += f", should be {first.should:.6g}"
            text += f" ({first.why})" if first.why else " (by its formula)" if first.should is not None else ""
            if first.betrayed_by:
                text += f"; betrayed by {', '.join(first.betrayed_by)}"
            out.append(Finding("cell", (first.row,), first.column, text, "certain", first.betrayed_by))
    return out


def _holds(first: Suspect, second: Suspect) -> bool:
    return first.should is not None and abs(first.should - second.printed) <= first.room + 1e-12
