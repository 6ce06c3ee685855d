"""Plant known errors in a table of scores and count which of them an audit names.

Run it on any table: `python tests/stats/plant_errors.py TABLE TASKS [SEEDS]`. The draws are fixed by the seed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tamis.stats.audit.audit import Audit, audit
from tamis.stats.audit.finding import Finding
from tamis.stats.audit.formulas import Formula, Scores, known_formulas
from tamis.stats.audit.table import Table, parse
from tamis.stats.audit.tasks import Tasks, read_tasks

KINDS = ("swapped in a row", "swapped in a column", "another formula", "wrong digit", "copied row")
NAMES = ("file", "model_uuid", "eval_uuid", "dataset")  # what a copied row keeps of its own


@dataclass(frozen=True)
class Planted:
    kind: str
    rows: frozenset[int]
    columns: frozenset[str]  # empty: the whole row


def plant(table: Table, tasks: Tasks, aggregates: tuple[str, ...], seed: int, count: int = 20) -> tuple[Table, list[Planted]]:
    """`count` errors of the five kinds in turn, each in rows of its own; digits are changed among the first four decimals."""
    rng = np.random.default_rng(seed)
    free = list(rng.permutation(table.rows))
    names = [name for name in tasks.names if name in table.cells]
    formulas = known_formulas(Scores.of(table, names), tasks)
    planted: list[Planted] = []
    while len(planted) < count:
        kind = KINDS[len(planted) % len(KINDS)]
        row, other = int(free.pop()), int(free.pop())
        done = _plant(kind, table, names, aggregates, formulas, row, other, rng)
        if done is not None:
            table, error = done
            planted.append(error)
    return table, planted


def _plant(
    kind: str,
    table: Table,
    names: list[str],
    aggregates: tuple[str, ...],
    formulas: list[Formula],
    row: int,
    other: int,
    rng: np.random.Generator,
) -> tuple[Table, Planted] | None:
    def cell(column: str, at: int = row) -> str:
        return table.cells[column][at]

    if kind == "swapped in a row":
        a, b = (str(name) for name in rng.choice(names, 2, replace=False))
        if not cell(a) or not cell(b) or cell(a) == cell(b):
            return None
        return table.replaced(row, a, cell(b)).replaced(row, b, cell(a)), Planted(kind, frozenset({row}), frozenset({a, b}))
    if kind == "swapped in a column":
        a = str(rng.choice([*names, *aggregates]))
        if not cell(a) or not cell(a, other) or cell(a) == cell(a, other):
            return None
        changed = table.replaced(row, a, cell(a, other)).replaced(other, a, cell(a))
        return changed, Planted(kind, frozenset({row, other}), frozenset({a}))
    if kind == "another formula":
        a = str(rng.choice(aggregates))
        formula = formulas[int(rng.integers(len(formulas)))]
        value = formula.apply(Scores.of(table, names))[row]
        if not cell(a) or not np.isfinite(value) or abs(value - float(cell(a))) < 1e-6:
            return None
        return table.replaced(row, a, f"{value:.9g}"), Planted(kind, frozenset({row}), frozenset({a}))
    if kind == "wrong digit":
        a = str(rng.choice([*names, *aggregates]))
        text = cell(a)
        point = text.find(".")
        if point < 0 or point + 1 >= len(text):
            return None
        place = point + 1 + int(rng.integers(min(4, len(text) - point - 1)))
        digit = str((int(text[place]) + int(rng.integers(1, 10))) % 10)
        return table.replaced(row, a, text[:place] + digit + text[place + 1 :]), Planted(kind, frozenset({row}), frozenset({a}))
    for column in table.columns:
        if column not in NAMES:
            table = table.replaced(row, column, cell(column, other))
    return table, Planted(kind, frozenset({row, other}), frozenset())


def names_it(finding: Finding, error: Planted) -> bool:
    """The finding names the planted row, and where it names columns, one of those that were changed."""
    if not set(finding.rows) & error.rows:
        return False
    columns = {finding.column, *finding.also} - {None}
    return not error.columns or not columns or bool(columns & error.columns)


def count_found(clean: Audit, dirty: Audit, planted: list[Planted]) -> tuple[list[Planted], list[Finding]]:
    """Planted errors that no finding names, and damage (not already found in the clean table) that names none of them."""
    before = {(finding.kind, finding.rows, finding.column) for finding in clean.damage}
    damage = [finding for finding in dirty.damage if (finding.kind, finding.rows, finding.column) not in before]
    missed = [error for error in planted if not any(names_it(finding, error) for finding in damage)]
    return missed, [finding for finding in damage if not any(names_it(finding, error) for error in planted)]


def main(table_path: str, tasks_path: str, seeds: int) -> None:
    table, tasks = (parse(Path(path).read_text(encoding="utf-8"), Path(path).name) for path in (table_path, tasks_path))
    known = read_tasks(tasks)
    if "source" in table.cells:
        table = table.take(np.array([source == "exp_data" for source in table.cells["source"]]))
    clean = audit(table, known)
    aggregates = tuple(each.column for each in clean.explained)
    print(f"{table.rows} rows, aggregates {', '.join(aggregates)}; the table as it is: {len(clean.damage)} findings of damage")
    found, alarms = [], []
    for seed in range(seeds):
        dirty, planted = plant(table, known, aggregates, seed)
        missed, false = count_found(clean, audit(dirty, known), planted)
        found.append(len(planted) - len(missed))
        alarms.append(len(false))
        told = "; ".join(f"{error.kind} {sorted(error.columns)}" for error in missed)
        print(
            f"seed {seed}: {found[-1]} of {len(planted)} found, {len(false)} false alarms{' | missed: ' + told if told else ''}"
        )
        for finding in false:
            print(f"    false: {finding}")
    good = sum(f >= 18 and a <= 1 for f, a in zip(found, alarms, strict=True))
    print(f"found: mean {np.mean(found):.2f}, least {min(found)}; false alarms: mean {np.mean(alarms):.2f}, most {max(alarms)}")
    print(f"{good} of {seeds} seeds have >= 18 found and <= 1 false alarm")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 10)
