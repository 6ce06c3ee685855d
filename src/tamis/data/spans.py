"""Parts of texts that are marked to go, such as paragraphs and passages that another text had first.

A finder publishes columns beside a text: for every row the byte ranges [start, end) of its UTF-8 that are marked, rising,
disjoint, and on boundaries of characters; a row that is not selected has none. Two things are made of them: a text without the
marked parts (a row of which no visible character is left is dropped and says so), or, with `share`, a selection that drops the
rows of whose bytes at least that share is marked and leaves all others whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tamis.core.errors import UsageError
from tamis.core.step import DROPPED, Inputs, Operator, Output, Piece, Step
from tamis.data.apply import GONE, SHOWN
from tamis.data.select import Resolve, View, carry, kept
from tamis.kernels.cut import without
from tamis.kernels.jit import buffers
from tamis.kernels.shingle import table

Places = npt.NDArray[np.int64]
SPANS = pa.schema([pa.field("starts", pa.list_(pa.int64())), pa.field("ends", pa.list_(pa.int64()))])


def spans_table(row: Places, start: Places, end: Places, rows: int) -> pa.Table:
    """The published form of marked ranges, given in order of `row` (0 to rows - 1) and, inside a row, of `start`."""
    offsets = pa.array(np.searchsorted(row, np.arange(rows + 1)), pa.int32())
    columns = [pa.ListArray.from_arrays(offsets, pa.array(places, pa.int64())) for places in (start, end)]
    return pa.table(columns, schema=SPANS)


def merged(row: Places, start: Places, end: Places) -> tuple[Places, Places, Places]:
    """Ranges in any order as rising, disjoint ones: those of a row that overlap or touch become one."""
    order = np.lexsort((start, row))
    row, start, end = row[order], start[order], end[order]
    if not len(row):
        return row, start, end
    wide = int(end.max()) + 1
    reach = np.maximum.accumulate(row * wide + end)
    fresh = np.append(True, (row * wide + start)[1:] > reach[:-1])
    last = np.append(fresh[1:], True)
    return row[fresh], start[fresh], reach[last] - row[fresh] * wide


@dataclass(frozen=True, kw_only=True)
class Marking:
    """Base of the selects that mark parts of texts: without `share` they are cut out, with it rows so much marked are dropped."""

    share: float | None = None
    reason: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if self.share is not None and not 0 < self.share <= 1:
            raise UsageError(f"{type(self).__name__}: share must be in (0, 1], not {self.share}")

    def spans(self, view: View, resolve: Resolve) -> Step:
        """The step that publishes the marked ranges."""
        raise TypeError(f"{type(self).__name__} does not define spans")

    def select(self, view: View, resolve: Resolve) -> Step:
        found = self.spans(view, resolve)
        op: Operator = CutSpans(self.reason) if self.share is None else DropCovered(self.reason, self.share)
        return Step(op, (*view, found))


@dataclass(frozen=True)
class CutSpans(Operator):
    """The selected rows without their marked parts: a new text. Inputs: text, selection, spans."""

    reason: str
    kind: ClassVar[str] = "text"

    @property
    def label(self) -> str:
        return f"cut-{self.reason}"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        chosen = pa.array(kept(inputs[1].read(piece.spec)))
        rows = inputs[0].read(piece.spec).filter(chosen).combine_chunks()
        spans = inputs[2].read(piece.spec).filter(chosen).combine_chunks()
        texts, stays = _cut(rows.column("text").combine_chunks(), spans)
        result = rows.set_column(rows.schema.get_field_index("text"), rows.schema.field("text"), texts)
        out.ledger.rows_in = rows.num_rows
        out.ledger.rows_out = int(stays.sum())
        out.write(piece.spec, result.filter(pa.array(stays)))
        gone = rows.filter(pa.array(~stays))
        if gone.num_rows:
            out.ledger.dropped[self.reason] = gone.num_rows
            shown = [text[:SHOWN] for text in gone.column("text").to_pylist()]
            evidence = ["no text is left"] * gone.num_rows
            columns = [gone.column("id"), [self.reason] * gone.num_rows, evidence, shown]
            out.write(DROPPED + piece.spec, pa.table(columns, schema=GONE))


def _cut(texts: pa.Array, spans: pa.Table) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """The texts without their spans, and which rows stay: those that lost nothing, or have a visible character left."""
    starts, ends = (spans.column(name).combine_chunks() for name in SPANS.names)
    lengths = pc.list_value_length(starts).to_numpy(zero_copy_only=False).astype(np.int64)
    low, high = (column.flatten().to_numpy(zero_copy_only=False).astype(np.int64) for column in (starts, ends))
    data, offsets, stays = without(*buffers(texts), np.append(0, np.cumsum(lengths)), low, high, table())
    left = pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(data))
    return left, stays


@dataclass(frozen=True)
class DropCovered(Operator):
    """Drop the rows of whose bytes at least `share` is marked. Inputs: text, selection, spans."""

    reason: str
    share: float
    kind: ClassVar[str] = "selection"

    @property
    def label(self) -> str:
        return f"drop-{self.reason}"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        previous = inputs[1].read(piece.spec)
        sizes = np.concatenate([np.diff(b.offsets) for b in map(buffers, _chunks(inputs, piece))] or [np.zeros(0, np.int64)])
        covered = covered_bytes(inputs[2].read(piece.spec))
        share = covered / np.maximum(sizes, 1)
        rows = np.flatnonzero(kept(previous) & (covered > 0) & (share >= self.share))
        evidence = [json.dumps({"share": round(float(share[row]), 4)}) for row in rows]
        table, out.ledger = carry(previous, rows, [self.reason] * len(rows), evidence)
        out.write(piece.spec, table)


def _chunks(inputs: Inputs, piece: Piece) -> Iterator[pa.Array]:
    yield from inputs[0].read(piece.spec, ["text"]).column("text").chunks


def covered_bytes(spans: pa.Table) -> npt.NDArray[np.int64]:
    """Marked bytes of every row."""
    starts, ends = (spans.column(name).combine_chunks() for name in SPANS.names)
    total = np.append(0, np.cumsum(ends.flatten().to_numpy() - starts.flatten().to_numpy()))
    lengths = np.append(0, np.cumsum(pc.list_value_length(starts).to_numpy(zero_copy_only=False)))
    out: npt.NDArray[np.int64] = total[lengths[1:]] - total[lengths[:-1]]
    return out
