"""A published table as it was printed: every cell's text is kept, because the number of printed digits says how exact it can be.

Invariant: nothing is dropped. A cell that is not a number is NaN in `numbers` and stays readable in `cells`; every row knows
its line in the file.
"""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tamis.core.errors import TamisError, UsageError

Floats = NDArray[np.float64]

MISSING = frozenset({"", "-", "–", "—", "?", "na", "n/a", "nan", "none", "null"})
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of text, all of one length. `lines`: the line of the file on which each row ends."""

    name: str
    cells: dict[str, tuple[str, ...]]
    lines: tuple[int, ...]
    decimal_comma: bool = False
    _numbers: dict[str, Floats] = field(default_factory=dict, repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.cells)

    @property
    def rows(self) -> int:
        return len(self.lines)

    def numbers(self, column: str) -> Floats:
        """The column as numbers (rows,), NaN where a cell is missing or not a finite number; a per cent sign is dropped."""
        if column not in self._numbers:
            self._numbers[column] = np.array([self.number(cell) for cell in self.cells[column]])
        return self._numbers[column]

    def halves(self, column: str) -> Floats:
        """Half a unit of the last place to which each cell is printed (rows,), NaN where there is no number.

        Printers drop trailing zeros, so the column says how many decimals, and significant digits, there were: nine cells in
        ten have no more. A cell with more of its own is taken at its word.
        """
        values = self.numbers(column)
        shapes = [_shape(_plain(cell)) for cell in self.cells[column]]
        decimals, digits = (np.array([shape[side] for shape in shapes], dtype=np.float64) for side in (0, 1))
        finite = np.isfinite(values)
        if finite.any():
            decimals, digits = (np.maximum(n, np.quantile(n[finite], 0.9, method="higher")) for n in (decimals, digits))
        size = np.floor(np.log10(np.maximum(np.abs(values), 1e-300)))
        return np.where(finite, 0.5 * 10.0 ** np.maximum(-decimals, size + 1 - digits), np.nan)

    def missing(self, column: str) -> NDArray[np.bool_]:
        """Where the column has no value at all, (rows,)."""
        return np.array([cell.strip().lower() in MISSING for cell in self.cells[column]])

    def is_numeric(self, column: str) -> bool:
        """At least half of the cells that hold something hold numbers."""
        present = ~self.missing(column)
        return bool(present.any() and np.isfinite(self.numbers(column))[present].mean() >= 0.5)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Table:
        """The table of some rows, in order; they keep their lines."""
        index = np.arange(self.rows)[rows]
        cells = {name: tuple(column[i] for i in index) for name, column in self.cells.items()}
        return Table(self.name, cells, tuple(self.lines[i] for i in index), self.decimal_comma)

    def replaced(self, row: int, column: str, text: str) -> Table:
        """The same table with one other cell."""
        changed = list(self.cells[column])
        changed[row] = text
        return Table(self.name, self.cells | {column: tuple(changed)}, self.lines, self.decimal_comma)

    def joined(self, other: Table, on: str) -> Table:
        """This table with the columns of `other` that it lacks, row by row where `on` is equal; empty where nothing is.

        Raises UsageError when `on` is not in both, or names more than one row of `other` that is asked for.
        """
        for table in (self, other):
            if on not in table.cells:
                raise UsageError(f"{table.name}: no column {on!r} to join on; it has {', '.join(table.columns[:12])}")
        where: dict[str, list[int]] = {}
        for index, key in enumerate(other.cells[on]):
            where.setdefault(key, []).append(index)
        for key in self.cells[on]:
            if key and len(where.get(key, [])) > 1:
                raise UsageError(
                    f"{other.name}: lines {other.lines[where[key][0]]} and {other.lines[where[key][1]]} both have {on} = {key}"
                )
        more = {
            name: tuple(column[where[key][0]] if key and key in where else "" for key in self.cells[on])
            for name, column in other.cells.items()
            if name not in self.cells
        }
        return Table(self.name, self.cells | more, self.lines, self.decimal_comma)

    def number(self, cell: str) -> float:
        """One printed cell as a number, NaN where it is none."""
        text = _plain(cell)
        if self.decimal_comma and re.fullmatch(r"[+-]?\d*,\d+", text):
            text = text.replace(",", ".")
        return float(text) if NUMBER.fullmatch(text) and math.isfinite(float(text)) else math.nan


def parse(text: str, name: str) -> Table:
    """A table from CSV text: comma, semicolon (then a decimal comma is understood) or tab, whichever the header holds most of.

    Raises TamisError for an empty file, a header without rows, two columns of one name, a row with too few or too many cells.
    """
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise TamisError(f"{name}: the file is empty; a table needs a header line and rows")
    if "\0" in text:
        raise TamisError(f"{name}: is not a text table (it holds zero bytes)")
    header_line = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=header_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        records = [(reader.line_num, record) for record in reader if any(cell.strip() for cell in record)]
    except csv.Error as error:
        raise TamisError(f"{name}: line {reader.line_num}: {error}") from None
    header = [cell.strip() for cell in records[0][1]]
    for index, column in enumerate(header):
        if not column:
            raise TamisError(f"{name}: column {index + 1} has no name in the header")
        if column in header[:index]:
            raise TamisError(f"{name}: two columns are called {column!r}: give each its own name")
    if len(records) == 1:
        raise TamisError(f"{name}: a header and no rows")
    for line, record in records[1:]:
        if len(record) != len(header):
            raise TamisError(f"{name}: line {line}: {len(record)} cells, the header has {len(header)}")
    cells = {column: tuple(record[index].strip() for _, record in records[1:]) for index, column in enumerate(header)}
    return Table(name, cells, tuple(line for line, _ in records[1:]), decimal_comma=delimiter == ";")


def _plain(cell: str) -> str:
    return cell.strip().strip("*").removesuffix("%").strip()


def _shape(text: str) -> tuple[int, int]:
    """Decimals and significant digits of a printed number."""
    if not NUMBER.fullmatch(text.replace(",", ".")):
        return 0, 1
    mantissa, _, exponent = text.replace(",", ".").lower().lstrip("+-").partition("e")
    whole, _, decimals = mantissa.partition(".")
    return max(len(decimals) - int(exponent or 0), 0), max(len((whole + decimals).lstrip("0")), 1)
