"""What is known of the tasks behind a table: how many items, which baseline is subtracted, which aggregate holds them.

It comes from a second CSV with one row per task (schema: `docs/audit.md`); shares are 0 to 1 here whatever the file printed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.core.errors import TamisError
from tamis.stats.audit.table import Floats, Table

ITEMS = ("items", "n", "n_items", "n_file", "n_meta")
CONSTANT = ("constant", "majority_answer", "measured_chance", "chance")


@dataclass(frozen=True, eq=False)
class Tasks:
    """`names`: the tasks, as the table's columns are called. `items` (tasks,): NaN where unknown.

    `baselines`: name → score of a know-nothing model (tasks,). `groups`: name → (tasks,) whether the aggregate holds the task.
    `constant` (tasks,): the measured score of the best constant answer or of chance, whichever is higher; NaN where unknown.
    """

    names: tuple[str, ...]
    items: Floats
    baselines: dict[str, Floats]
    groups: dict[str, np.ndarray[tuple[int], np.dtype[np.bool_]]]
    constant: Floats


def read_tasks(table: Table) -> Tasks:
    """Raises TamisError when there is no column `task` or a task is listed twice."""
    if "task" not in table.cells:
        raise TamisError(f"{table.name}: no column 'task' (the name of each task's column); it has {', '.join(table.columns)}")
    names = table.cells["task"]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise TamisError(f"{table.name}: line {table.lines[index]}: task {name!r} is listed twice")
    items = np.full(len(names), np.nan)
    for column in ITEMS:
        if column in table.cells:
            items = np.where(np.isnan(items), table.numbers(column), items)
    constant = np.full(len(names), np.nan)
    for column in table.columns:
        if column.startswith(CONSTANT):
            constant = np.fmax(constant, _share(table, column))
    return Tasks(
        names,
        items,
        {column.removesuffix("_pct"): _share(table, column) for column in table.columns if column.startswith("baseline")},
        {column: table.numbers(column) == 1 for column in table.columns if column.startswith("in_")},
        constant,
    )


def _share(table: Table, column: str) -> Floats:
    """Shares; per cent when the column's name says so or a value exceeds 1."""
    values = table.numbers(column)
    return values / 100 if column.endswith("_pct") or np.nanmax(values, initial=0.0) > 1 else values
