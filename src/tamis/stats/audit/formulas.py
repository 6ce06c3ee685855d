"""Which formula makes each number of an aggregate column: known ones are tried, unknown ones are recovered from the numbers.

A formula is a weighted sum of task columns plus a constant: raw means, means of baseline-centred scores and everything linear.
A row is *explained* when formula and print agree within the rounding of what is printed, so a correct table has no mismatch
whatever its number of digits. Recovery is a least-absolute-deviations fit, which passes exactly through the rows that share a
formula and ignores the others (gross errors included), as long as those that share it are the larger part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.stats.audit.table import Floats, Table
from tamis.stats.audit.tasks import Tasks

UNEXPLAINED, UNKNOWN = -1, -2
TRIM = 0.75  # rows that a recovered formula is fitted to while gross errors are still among them
FLOAT = 1e-10  # relative error of the tables' own floating point
SHARED = 3  # rows that must share a formula before it counts as one that the column uses
SPARE = 5  # rows beyond the number of unknowns that a recovered formula must explain


@dataclass(frozen=True, eq=False)
class Scores:
    """The task columns of a table: `values` and `halves` (rows, tasks); see `Table.numbers` and `Table.halves`."""

    names: tuple[str, ...]
    values: Floats
    halves: Floats

    @classmethod
    def of(cls, table: Table, names: Sequence[str]) -> Scores:
        empty = np.empty((table.rows, 0))
        values = np.column_stack([empty, *(table.numbers(name) for name in names)])
        return cls(tuple(names), values, np.column_stack([empty, *(table.halves(name) for name in names)]))


@dataclass(frozen=True, eq=False)
class Formula:
    """value = constant + Σ weights (tasks,) · score; a row without one of its tasks has no value."""

    name: str
    weights: Floats
    constant: float

    @property
    def members(self) -> NDArray[np.bool_]:
        held: NDArray[np.bool_] = self.weights != 0
        return held

    def apply(self, scores: Scores) -> Floats:
        values: Floats = scores.values[:, self.members] @ self.weights[self.members] + self.constant
        return values

    def slack(self, scores: Scores) -> Floats:
        """How far rounding of the printed scores can move the value, (rows,)."""
        moved: Floats = scores.halves[:, self.members] @ np.abs(self.weights[self.members])
        return moved


@dataclass(frozen=True, eq=False)
class Explained:
    """An aggregate column. `formulas`: those in use, most used first. `which` (rows,): the index of each row's formula,
    UNEXPLAINED, or UNKNOWN where the cell or a task of the main formula is missing."""

    column: str
    values: Floats
    halves: Floats
    formulas: tuple[Formula, ...]
    which: NDArray[np.intp]

    @property
    def main(self) -> Formula:
        return self.formulas[0]

    def agrees(self, formula: Formula, scores: Scores) -> NDArray[np.bool_]:
        return _agrees(formula, scores, self.values, self.halves)


def known_formulas(scores: Scores, tasks: Tasks | None) -> list[Formula]:
    """Raw and centred means over every group of tasks, and over all of them."""
    count = len(scores.names)
    if tasks is None:
        return [Formula(f"plain mean of all {count} tasks", np.full(count, 1 / max(count, 1)), 0.0)]
    index = [tasks.names.index(name) for name in scores.names]
    groups = {group: held[index] for group, held in tasks.groups.items()}
    if not any(held.all() for held in groups.values()):
        groups["all"] = np.ones(count, dtype=np.bool_)
    formulas = []
    for group, held in groups.items():
        size = int(held.sum())
        if size and size == int(tasks.groups.get(group, held).sum()):
            for name, shares in tasks.baselines.items():
                formulas.append(centred(f"mean of the {size} tasks {group}, centred by {name}", held, shares[index]))
            formulas.append(Formula(f"plain mean of the {size} tasks {group}", held / size, 0.0))
    return formulas


def centred(name: str, held: NDArray[np.bool_], baselines: Floats) -> Formula:
    """The mean of (score - baseline) / (1 - baseline) over the tasks held."""
    weights = np.where(held, 1 / (1 - baselines), 0.0) / held.sum()
    return Formula(name, weights, -float((weights * np.where(held, baselines, 0.0)).sum()))


def explain(
    table: Table,
    column: str,
    scores: Scores,
    known: Sequence[Formula],
    asked: bool = False,
    unlisted: NDArray[np.bool_] | None = None,
) -> Explained | None:
    """How a column follows from the tasks; None when no formula explains half of it (`asked`: a tenth), three rows at least.

    `unlisted` (rows,): rows from which formulas that are not known may be recovered; None recovers none.
    """
    values, halves = table.numbers(column), table.halves(column)
    per_cent = np.nanmax(values, initial=0.0) > 1.5 >= np.nanmax(scores.values, initial=0.0)
    left = np.isfinite(values)
    pool = [Formula(f.name, 100 * f.weights, 100 * f.constant) if per_cent else f for f in known]
    used: list[tuple[Formula, NDArray[np.bool_]]] = []
    while True:
        hits = [(formula, left & _agrees(formula, scores, values, halves)) for formula in pool]
        best = max(hits, key=lambda hit: int(hit[1].sum()), default=None)
        if best is None or best[1].sum() < SHARED:
            if unlisted is None:
                break
            groups = [formula.members for formula in pool]
            recovered = recover(
                scores, values, halves, left & unlisted, groups, used[0][0] if used else None, 100.0 if per_cent else 1.0
            )
            if recovered is None:
                break
            best = recovered, left & _agrees(recovered, scores, values, halves)
            if best[1].sum() < SHARED:
                break
        used.append(best)
        left = left & ~best[1]
    if not used:
        return None
    used.sort(key=lambda hit: -int(hit[1].sum()))
    computable = np.isfinite(values) & np.isfinite(used[0][0].apply(scores))
    if sum(hit.sum() for _, hit in used) < max(SHARED, computable.sum() * (0.1 if asked else 0.5)):
        return None
    # Formulas that fit fewer rows than SHARED are worth naming, but are not formulas of the column.
    used += [(f, hit) for f in pool if (hit := left & _agrees(f, scores, values, halves)).any()]
    which = np.where(computable, UNEXPLAINED, UNKNOWN).astype(np.intp)
    for number, (_, hit) in enumerate(used):
        which[hit & (which < 0)] = number
    return Explained(column, values, halves, tuple(formula for formula, _ in used), which)


def recover(
    scores: Scores,
    values: Floats,
    halves: Floats,
    rows: NDArray[np.bool_],
    groups: Sequence[NDArray[np.bool_]],
    near: Formula | None,
    scale: float = 1.0,
) -> Formula | None:
    """The linear formula that most of `rows` share exactly, over the smallest group of tasks that has one; None if none does.

    A column may also be one task, times `scale` (100 if it is in per cent and the tasks are not).
    """
    for task, name in enumerate(scores.names):
        alone = Formula(f"the task {name}", np.eye(len(scores.names))[task] * scale, 0.0)
        if (rows & _agrees(alone, scores, values, halves)).sum() >= max(SHARED, 0.5 * rows.sum()):
            return alone
    tried: list[NDArray[np.bool_]] = []
    present = np.isfinite(scores.values[rows]).mean(axis=0) >= 0.9 if rows.any() else np.zeros(len(scores.names), dtype=np.bool_)
    for held in [*sorted(groups, key=lambda g: int(g.sum())), present]:
        if held.any() and not any((held == other).all() for other in tried):
            tried.append(held)
            found = _recover(scores, values, halves, rows, held, near)
            if found is not None:
                return found
    return None


def _recover(
    scores: Scores, values: Floats, halves: Floats, rows: NDArray[np.bool_], held: NDArray[np.bool_], near: Formula | None
) -> Formula | None:
    whole = rows & np.isfinite(scores.values[:, held]).all(axis=1)
    unknowns = int(held.sum()) + 1
    if whole.sum() < unknowns + SPARE:
        return None
    design = np.column_stack([np.ones(int(whole.sum())), scores.values[whole][:, held]])
    target = values[whole]
    solution = _concentrated(design, target, _least_absolute(design, target))
    error = np.abs(design @ solution - target)
    exact = error <= 100 * np.median(halves[whole]) + 1e-7 * np.abs(target).max()
    for _ in range(3):
        if len(np.unique(target[exact])) < unknowns + SPARE or exact.sum() < 0.5 * whole.sum():
            return None
        solution = _least_squares(design[exact], target[exact])
        slack = scores.halves[whole][:, held] @ np.abs(solution[1:]) + halves[whole]
        exact = np.abs(design @ solution - target) <= slack + FLOAT * np.abs(target)
    weights = np.zeros(len(scores.names))
    weights[held] = solution[1:]
    weights[np.abs(weights) < 1e-6 * np.abs(weights).max()] = 0.0
    return Formula(_describe(scores.names, weights, near), weights, float(solution[0]))


def _least_absolute(design: Floats, target: Floats) -> Floats:
    """argmin Σ |design · x - target|, as a linear program."""
    from scipy import optimize, sparse

    rows, unknowns = design.shape
    slack = sparse.identity(rows, format="csr")
    matrix = sparse.hstack([sparse.csr_matrix(design), slack, -slack], format="csr")
    cost = np.concatenate([np.zeros(unknowns), np.ones(2 * rows)])
    bounds: list[tuple[float | None, float | None]] = [(None, None)] * unknowns + [(0.0, None)] * (2 * rows)
    solved: Any = optimize.linprog(cost, A_eq=matrix, b_eq=target, bounds=bounds, method="highs")
    answer: Floats = solved.x[:unknowns] if solved.success else np.zeros(unknowns)
    return answer


def _concentrated(design: Floats, target: Floats, solution: Floats) -> Floats:
    """Least squares on the rows that fit best, again until they stay the same (Rousseeuw & Van Driessen 2006, C-steps).

    Where tasks barely vary, least absolute deviations spreads gross errors thinly over all rows; this gathers them again.
    """
    keep = max(design.shape[1] + SPARE, int(TRIM * len(target)))
    best = np.zeros(0, dtype=np.intp)
    for _ in range(50):
        rows = np.sort(np.argsort(np.abs(design @ solution - target), kind="stable")[:keep])
        if np.array_equal(rows, best):
            break
        best, solution = rows, _least_squares(design[rows], target[rows])
    return solution


def _least_squares(design: Floats, target: Floats) -> Floats:
    return np.asarray(np.linalg.lstsq(design, target, rcond=None)[0], dtype=np.float64)


def _describe(names: Sequence[str], weights: Floats, near: Formula | None) -> str:
    """In words: a mean of centred scores if the weights are those of one, told by its difference from `near`."""
    held = np.flatnonzero(weights)
    size = len(held)
    baselines = 1 - 1 / (size * weights[held]) if (weights[held] > 0).all() else np.full(size, -1.0)
    if not ((baselines > -0.005) & (baselines < 0.995)).all():
        return f"a formula recovered from the numbers, over {size} tasks"
    told = {names[t]: f"{names[t]} {100 * b:.3g}" for t, b in zip(held.tolist(), baselines, strict=True)}
    if near is not None and (near.members == (weights != 0)).all():
        before = 1 - 1 / (size * near.weights[held] / _scale(near, size))
        told = {
            names[t]: told[names[t]] for t, b, old in zip(held.tolist(), baselines, before, strict=True) if abs(b - old) > 5e-4
        }
        return f"an unlisted formula, {near.name} but with baselines {', '.join(told.values())} (per cent)"
    kind = "the plain mean" if np.abs(baselines).max() < 5e-3 else "a mean of centred scores"
    return f"{kind} of {size} tasks, recovered from the numbers"


def _scale(formula: Formula, size: int) -> float:
    return 100.0 if formula.weights.sum() > 20 and size else 1.0


def _agrees(formula: Formula, scores: Scores, values: Floats, halves: Floats) -> NDArray[np.bool_]:
    room = formula.slack(scores) + halves + FLOAT * np.abs(values)
    with np.errstate(invalid="ignore"):
        close: NDArray[np.bool_] = np.abs(formula.apply(scores) - values) <= room
    return close
