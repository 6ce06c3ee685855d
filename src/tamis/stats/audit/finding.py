"""What an audit says: one finding is one line, with its place, its evidence and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tamis.stats.audit.table import Table

Sure = Literal["certain", "likely", "note"]
Kind = Literal["cell", "row", "formula", "recipe", "noise", "baseline"]
NAMED = 4  # rows named in one line; the rest is counted


@dataclass(frozen=True)
class Finding:
    """`kind`: cell, row and formula say that something printed is wrong or mixed; recipe, noise and baseline that rows or tasks
    do not mean what they seem to.

    `rows`: indices into the table, empty when it concerns all of a column. `column`: None when it concerns whole rows.
    `also`: further columns that the finding is about (the other of two swapped cells, the aggregates that betray a cell).
    `sure`: certain (arithmetic), likely (an accident has a chance below 1 in 1000), note (true, and for the reader to judge).
    """

    kind: Kind
    rows: tuple[int, ...]
    column: str | None
    evidence: str
    sure: Sure
    also: tuple[str, ...] = ()

    @property
    def damage(self) -> bool:
        """Whether a printed number, or a row, cannot be right as it stands."""
        return self.kind in ("cell", "row") or (self.kind == "formula" and self.sure != "note")


def line(finding: Finding, table: Table, label: str | None) -> str:
    """The finding as one line; `label` is the column by which rows are called."""
    place = [places(finding.rows, table, label)] if finding.rows else []
    if finding.column is not None:
        place.append(finding.column)
    where = ", ".join(place)
    return f"{finding.kind}: {where + ': ' if where else ''}{finding.evidence} [{finding.sure}]"


def places(rows: Sequence[int], table: Table, label: str | None) -> str:
    """Rows by line, with their name: `line 8 (Mistral), line 12 (Phi) and 3 more`."""
    named = [f"line {table.lines[row]}{_called(table, label, row)}" for row in rows[:NAMED]]
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return ", ".join(named) + more


def _called(table: Table, label: str | None, row: int) -> str:
    name = table.cells[label][row] if label else ""
    return f" ({name if len(name) <= 60 else name[:28] + '…' + name[-28:]})" if name else ""
