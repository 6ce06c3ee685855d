"""What a difference between two rows must exceed: noise of runs, from repeats, and of items, from their number.

Runs: rows of one subject, group and recipe are repeats; s² is their pooled variance. Items: a score on n items has variance
p (1 - p) / n, carried through the aggregate's weights (tasks independent; without item results nothing can be paired, so this
is what two tables of means allow). Both are about one row; a difference of two has twice the variance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tamis.stats.audit.finding import Finding
from tamis.stats.audit.formulas import Explained, Scores
from tamis.stats.audit.rows import Roles
from tamis.stats.audit.table import Floats, Table
from tamis.stats.audit.tasks import Tasks

REPEATS = 3  # degrees of freedom below which the items' error is the better guide
OUTLYING = 10.0  # robust standard deviations
TELLING = 0.01  # a constant answer this far above the baseline is worth a line


@dataclass(frozen=True)
class Spread:
    """Noise of one aggregate in one group, in the aggregate's unit.

    `runs`: standard deviation between repeats, None without any; `df`: its degrees of freedom. `items`: standard error of one
    row by the items alone, None where their number is unknown. `heaviest`: the tasks with the largest share of the item
    variance. `visible`: the difference of two single rows beyond which noise alone comes in fewer than 1 of 20 (by runs, if
    known with REPEATS degrees of freedom, else by items). `within_of_best`: rows nearer than that to the best. `broken`: rows
    left out, far from their repeats.
    """

    group: str
    column: str
    rows: int
    runs: float | None
    df: int
    items: float | None
    heaviest: tuple[tuple[str, float], ...]
    visible: float | None
    within_of_best: int
    broken: tuple[int, ...]


def run_noise(values: Floats, keys: Sequence[tuple[str, ...]]) -> tuple[float | None, int, list[int]]:
    """Pooled standard deviation of rows with equal keys, its degrees of freedom, and the rows left out of it.

    Left out are rows further from the median of their repeats than OUTLYING robust standard deviations: runs that broke.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, key in enumerate(keys):
        if math.isfinite(values[index]):
            groups.setdefault(key, []).append(index)
    repeats = [np.array(rows) for rows in groups.values() if len(rows) > 1]
    away = [np.abs(values[rows] - np.median(values[rows])) for rows in repeats]
    usual = 1.4826 * float(np.median(np.concatenate([a for a in away if len(a) > 2]))) if any(len(a) > 2 for a in away) else 0.0
    kept = [rows[gap <= OUTLYING * usual] if usual and len(rows) > 2 else rows for rows, gap in zip(repeats, away, strict=True)]
    df = sum(max(len(rows) - 1, 0) for rows in kept)
    square = sum(float(((values[rows] - values[rows].mean()) ** 2).sum()) for rows in kept if len(rows) > 1)
    left_out = sorted({int(r) for rows in repeats for r in rows} - {int(r) for rows in kept for r in rows})
    return (math.sqrt(square / df) if df else None), df, left_out


def item_noise(explained: Explained, scores: Scores, items: Floats, rows: NDArray[np.bool_]) -> tuple[float, Floats] | None:
    """Median over rows of the standard error by items alone, and each task's share of the variance (tasks,)."""
    held = explained.main.members
    p = scores.values[rows][:, held]
    p = p[np.isfinite(p).all(axis=1)]
    if not len(p) or not np.isfinite(items[held]).all() or p.min() < 0 or p.max() > 1:
        return None
    parts = explained.main.weights[held] ** 2 * p * (1 - p) / items[held]
    share = np.zeros(len(held))
    share[held] = parts.sum(axis=0) / parts.sum()
    return float(np.sqrt(np.median(parts.sum(axis=1)))), share


def spreads(
    table: Table, scores: Scores, explained: Sequence[Explained], roles: Roles, tasks: Tasks | None, distinct: NDArray[np.bool_]
) -> list[Spread]:
    """Of every aggregate in every group with three rows or more; `distinct` (rows,) leaves out rows listed twice."""
    groups = table.cells[roles.within] if roles.within else ("",) * table.rows
    named = [c for c in (roles.subject, *roles.recipe) if c]
    out = []
    for group in dict.fromkeys(groups):
        rows = distinct & np.array([g == group for g in groups])
        index = np.flatnonzero(rows)
        if len(index) < 3 or (roles.within and not group):
            continue
        keys = [
            tuple(table.cells[c][r] for c in named) if roles.subject and table.cells[roles.subject][r] else (str(r),)
            for r in index
        ]
        for each in explained:
            runs, df, broken = run_noise(each.values[index], keys)
            by_items = item_noise(each, scores, _items(scores, tasks), rows)
            se, share = by_items if by_items is not None else (None, np.zeros(len(scores.names)))
            sd, quantile = (runs, -special.stdtrit(df, 0.025)) if runs and df >= REPEATS else (se, -special.ndtri(0.025))
            visible = None if sd is None else float(quantile * math.sqrt(2) * sd)
            finite = each.values[index][np.isfinite(each.values[index])]
            near = int((finite > finite.max() - visible).sum()) - 1 if visible is not None and len(finite) else 0
            heavy = tuple((scores.names[t], float(share[t])) for t in np.argsort(-share)[:3] if share[t] > 0)
            out.append(
                Spread(
                    group, each.column, len(finite), runs, df, se, heavy, visible, near, tuple(int(index[row]) for row in broken)
                )
            )
    return out


def noise_findings(spread: Sequence[Spread]) -> list[Finding]:
    """One line for each group and aggregate whose best row is not apart from the next."""
    out = []
    for s in spread:
        if s.visible is None or s.within_of_best < 1:
            continue
        runs = (
            f"two runs of one recipe differ by SD {s.runs:.2g} ({s.df} df)"
            if s.runs and s.df >= REPEATS
            else f"items alone give SE {s.items:.2g}"
        )
        where = f"{s.group}: " if s.group else ""
        text = f"{where}{runs}; differences below {s.visible:.2g} are noise"
        text += f", and {s.within_of_best} of {s.rows - 1} rows are that near the best"
        out.append(Finding("noise", (), s.column, text, "note"))
    return out


def broken_findings(spread: Sequence[Spread], explained: Sequence[Explained]) -> list[Finding]:
    """Rows far from the repeats of the same subject and recipe, one line each."""
    values = {each.column: each.values for each in explained}
    columns: dict[int, list[str]] = {}
    for s in spread:
        for row in s.broken:
            columns.setdefault(row, []).append(s.column)
    return [
        Finding(
            "noise",
            (row,),
            names[0],
            f"{values[names[0]][row]:.4g} is more than {OUTLYING:.0f} standard deviations from its repeats (same subject and "
            "recipe): a run that broke, or a change that no column tells",
            "likely",
            tuple(names[1:]),
        )
        for row, names in columns.items()
    ]


def baseline_findings(scores: Scores, explained: Sequence[Explained], tasks: Tasks, rules: Sequence[str]) -> list[Finding]:
    """Tasks where a constant answer (or chance) scores more than the baseline subtracted; furthest off first."""
    out = []
    gaps = {rule: tasks.constant - tasks.baselines[rule] for rule in rules}
    worst = np.nanmax(np.nan_to_num(np.array(list(gaps.values())), nan=-1.0), axis=0)
    for task in np.argsort(-worst, kind="stable"):
        name = tasks.names[task]
        if worst[task] <= TELLING or name not in scores.names:
            continue
        own = scores.names.index(name)
        told = ", ".join(f"{rule} is {tasks.baselines[rule][task]:.3g}" for rule in rules if gaps[rule][task] > TELLING)
        worth = [
            f"{e.main.weights[own] * gaps[rule][task]:.2g} of {e.column}"
            for e in explained
            for rule in rules
            if f"centred by {rule}" in e.main.name and e.main.weights[own] and gaps[rule][task] > TELLING
        ]
        values = scores.values[:, own]
        below, held = int((values <= tasks.constant[task]).sum()), int(np.isfinite(values).sum())
        text = f"{told}, but a constant answer scores {tasks.constant[task]:.3g}" + (
            f" (worth {', '.join(worth)})" if worth else ""
        )
        out.append(Finding("baseline", (), name, f"{text}; {below} of {held} rows do no better", "certain"))
    return out


def _items(scores: Scores, tasks: Tasks | None) -> Floats:
    if tasks is None:
        return np.full(len(scores.names), np.nan)
    return tasks.items[[tasks.names.index(name) for name in scores.names]]
