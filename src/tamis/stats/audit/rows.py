"""Rows against rows: copies under another name, recipes that differ where rows are compared, long numbers one digit off.

A copy is told from a tie by how many cells agree: 80 % of the scores of two rows, and ten at least, where honest reruns of one
model agree in under a third (DCLM's 572 rows: 158,352 of 163,000 pairs of different models agree in less than 10 %).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tamis.stats.audit.finding import Finding
from tamis.stats.audit.formulas import Scores
from tamis.stats.audit.table import Table

EQUAL = 0.8
ENOUGH = 10
LONG = 5  # significant digits of a number that is not written by hand twice
AGREEING = 5


@dataclass(frozen=True)
class Roles:
    """What columns mean. `label`: how rows are called. `model`: one value per model, rows that share it are one model listed
    twice. `subject`: what is compared (the dataset). `within`: rows are compared inside one value of it (the scale).
    `recipe`: what should not differ between compared rows. None or empty where the table has no such column."""

    label: str | None = None
    model: str | None = None
    subject: str | None = None
    within: str | None = None
    recipe: tuple[str, ...] = ()


def copies(table: Table, scores: Scores, roles: Roles) -> list[Finding]:
    """Lines printed twice, and rows with the scores of another row under another name; O(rows²) in a few tasks' time."""
    whole = [tuple(column[row] for column in table.cells.values()) for row in range(table.rows)]
    first: dict[tuple[str, ...], int] = {}
    out, repeated = [], set()
    for row, cells in enumerate(whole):
        if cells in first:
            repeated.add(row)
            out.append(Finding("row", (row,), None, f"the same line as line {table.lines[first[cells]]}", "certain"))
        first.setdefault(cells, row)
    models = table.cells[roles.model] if roles.model else ("",) * table.rows
    seen: list[int] = []
    values = scores.values
    telling = np.isfinite(values) & (values != 0) & (values != 1)
    for row in range(table.rows):
        earlier = np.array([other for other in seen if not models[row] or models[other] != models[row]], dtype=np.intp)
        seen += [row] if row not in repeated else []
        if row in repeated or not len(earlier):
            continue
        both = telling[earlier] & telling[row]
        equal = (values[earlier] == values[row]) & both
        share = equal.sum(axis=1) / np.maximum(both.sum(axis=1), 1)
        share[both.sum(axis=1) < min(ENOUGH, max(3, values.shape[1]))] = 0.0
        if (best := int(share.argmax())) >= 0 and share[best] >= EQUAL:
            other = int(earlier[best])
            differing = ", ".join(name for name in table.columns[:12] if table.cells[name][row] != table.cells[name][other])
            text = (
                f"{equal[best].sum()} of {both[best].sum()} scores are those of line {table.lines[other]}, "
                f"yet {differing or 'other cells'} differ: a copied row, or one model under two names"
            )
            out.append(Finding("row", (row, other), None, text, "certain" if share[best] == 1 else "likely"))
    return out


def odd_numbers(table: Table, columns: Sequence[str]) -> list[Finding]:
    """Long numbers (parameters, tokens) that differ in one digit from one that several rows share."""
    out = []
    for column in columns:
        counts = Counter(cell for cell in table.cells[column] if sum(c.isdigit() for c in cell.rstrip("0")) >= LONG)
        for row, cell in enumerate(table.cells[column]):
            if counts[cell] == 1:
                for other, times in counts.items():
                    if (
                        times >= AGREEING
                        and len(other) == len(cell)
                        and sum(a != b for a, b in zip(cell, other, strict=True)) == 1
                    ):
                        text = f"{cell} is one digit from {other}, which {times} rows have"
                        out.append(Finding("cell", (row,), column, text, "likely"))
    return out


def recipes(table: Table, roles: Roles) -> list[Finding]:
    """Where compared rows were trained in different ways: one line for each group."""
    if not roles.recipe:
        return []
    groups = table.cells[roles.within] if roles.within else ("",) * table.rows
    out = []
    for group in dict.fromkeys(groups):
        rows = [r for r in range(table.rows) if groups[r] == group and _compared(table, roles, r)]
        ways = Counter(tuple(table.cells[c][r] for c in roles.recipe) for r in rows)
        if len(ways) < 2:
            continue
        varied = [i for i, _ in enumerate(roles.recipe) if len({way[i] for way in ways}) > 1]
        told = "; ".join(
            ", ".join(f"{roles.recipe[i]} {way[i] or '?'}" for i in varied) + f": {count} rows"
            for way, count in ways.most_common(3)
        )
        rest = f"; {len(ways) - 3} more recipes" if len(ways) > 3 else ""
        usual = ways.most_common(1)[0][0]
        odd = tuple(r for r in rows if tuple(table.cells[c][r] for c in roles.recipe) != usual)
        where = f"{roles.within} {group}: " if roles.within else ""
        text = f"{where}rows that are compared differ in recipe ({told}{rest}): differences are not the data's alone"
        out.append(Finding("recipe", odd if len(odd) <= 3 else (), None, text, "certain"))
    return out


def _compared(table: Table, roles: Roles, row: int) -> bool:
    """A row that says what it was trained on (where the table has a column for it) and how."""
    named = roles.subject is None or bool(table.cells[roles.subject][row])
    return named and any(table.cells[column][row] for column in roles.recipe)
