"""Paragraphs and lines that stood earlier: the first of equal ones stays, all later ones are marked.

*Earlier* is in order of id over the whole corpus and, inside a text, in order of place. Hence the outcome is the same for any
order of shards, any number of workers and any amount of memory, and no paragraph is lost: the first of its kind always stays.
Equal means equal 64-bit hashes (`kernels.paragraphs`): among n different ones n**2 / 2**65 pairs agree, 3 in 10 billion.

Two steps: hashes and places beside the text (parallel, shared by all arms that read it), then one job that reads only these. It
takes one range of hashes after another if memory is short. Memory: a byte a paragraph, 50 a row, and 48 per paragraph of a range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.budget import Needs, available_memory
from tamis.core.errors import TamisError, UsageError
from tamis.core.step import Inputs, Operator, Output, Piece, Published, Step, Where
from tamis.data.dedup.verdicts import beside, in_order
from tamis.data.schema import ID
from tamis.data.select import Resolve, View, kept
from tamis.data.spans import Marking, Places, spans_table
from tamis.kernels.jit import buffers
from tamis.kernels.paragraphs import enter, mark_later, paragraphs

UNITS = ("line", "paragraph")
ENTRY = 48  # bytes of memory per paragraph of a range, at most: a third of a table of pairs is in use
LEAST = 1 << 22  # paragraphs of a range


@dataclass(frozen=True)
class Paragraphs(Marking):
    """Mark each paragraph (`unit="line"`: each line) of at least `minimum` characters that an equal one precedes.

    A paragraph is a longest run of lines that are not blank. White space at the ends does not count; with `normalise` only the
    words do, in lower case. Marked paragraphs are cut out; with `share` instead, rows of which so much is marked are dropped.
    """

    unit: str = "paragraph"
    minimum: int = 20
    normalise: bool = False
    reason: ClassVar[str] = "repeated-paragraphs"
    label: ClassVar[str] = "paragraph dedup"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unit not in UNITS or self.minimum < 1:
            raise UsageError(f"Paragraphs: unit must be one of {', '.join(UNITS)} and minimum at least 1")

    def spans(self, view: View, resolve: Resolve) -> Step:
        return Step(LaterParagraphs(), (*view, beside(ParagraphHashes(self.unit, self.minimum, self.normalise), view.text)))


@dataclass(frozen=True)
class ParagraphHashes(Operator):
    """Hash and places of each paragraph that counts, as in `kernels.paragraphs.Parts`, and the bytes of each text."""

    unit: str
    minimum: int
    normalise: bool
    kind: ClassVar[str] = "columns"
    fuses: ClassVar[bool] = True
    unicode: ClassVar[bool] = True

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        texts = buffers(inputs[0].read(piece.spec, ["text"]).column("text").combine_chunks())
        size = np.diff(texts.offsets)
        if size.max(initial=0) >= 2**32 - 1:
            raise TamisError(f"{piece.spec}: a text of {size.max()} bytes is too long: cut it into parts below 4 GB")
        parts = paragraphs(texts, self.unit == "line", self.minimum, self.normalise)
        places = np.stack(parts[2:], axis=1).astype("<u4")
        columns = {"size": pa.array(size), "count": pa.array(np.diff(parts.offsets))}
        columns |= {"hash": packed(parts.hash.astype("<u8", copy=False), parts.offsets), "places": packed(places, parts.offsets)}
        out.ledger.rows_in = out.ledger.rows_out = len(size)
        out.write(piece.spec, pa.table(columns))


def packed(values: npt.NDArray[Any], offsets: Places) -> pa.Array:
    """Rows of numbers as bytes, those from offsets[i] to offsets[i + 1] in element i: a third of the time of lists."""
    places = offsets * values.strides[0]
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(offsets) - 1, [None, pa.py_buffer(places), pa.py_buffer(values)]
    )


def unpacked(column: pa.ChunkedArray, dtype: str) -> npt.NDArray[Any]:
    """All numbers of a packed column, one after another."""
    array = column.combine_chunks()
    _, offsets, data = array.buffers()
    first, last = np.frombuffer(offsets or bytes(8), np.int64, len(array) + 1, 8 * array.offset)[[0, -1]]
    return np.frombuffer((data or b"")[first:last], dtype)


class Rows(NamedTuple):
    """Of one shard: the paragraphs of each row, how many of them take part (none unless the row is selected), and the place of
    the first of these in the whole order."""

    name: str
    every: Places
    taking: Places
    first: Places

    def read(self, columns: Published, name: str, dtype: str, width: int = 1) -> npt.NDArray[Any]:
        """A packed column of the paragraphs that take part: (paragraphs, width)."""
        values = unpacked(columns.read(self.name, [name]).column(name), dtype).reshape(-1, width)
        return values[np.repeat(self.taking > 0, self.every)]

    def place(self) -> Places:
        """The place of each paragraph that takes part in the whole order."""
        return np.repeat(self.first - np.cumsum(self.taking) + self.taking, self.taking) + np.arange(int(self.taking.sum()))


@dataclass(frozen=True)
class LaterParagraphs(Operator):
    """The spans of the paragraphs that an equal one precedes. Inputs: text, selection, hashes."""

    kind: ClassVar[str] = "columns"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all", None, float(sum(s.bytes for s in inputs[2].shards)))]

    def needs(self, inputs: Inputs) -> Needs:
        most = sum(s.bytes for s in inputs[2].shards) // 8  # hashes do not compress
        return Needs(memory=most + 50 * inputs[0].rows + ENTRY * min(most, LEAST))

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        shards = placed(inputs)
        marked = [np.zeros(int(shard.taking.sum()), np.bool_) for shard in shards]
        total = sum(map(len, marked))
        rounds = max(1, -(-total // max(LEAST, available_memory() // (2 * ENTRY))))
        for number in range(rounds):
            known = np.zeros(2 << (3 * total // (2 * rounds) + 1024).bit_length(), np.uint64)
            for shard in shards:
                enter(shard.read(inputs[2], "hash", "<u8").ravel(), shard.place(), number, rounds, known)
            for shard, mask in zip(shards, marked, strict=True):
                mark_later(shard.read(inputs[2], "hash", "<u8").ravel(), shard.place(), number, rounds, known, mask)
            out.progress((number + 1) / (rounds + 1))
        for shard, mask in zip(shards, marked, strict=True):
            row = np.repeat(np.arange(len(shard.taking)), shard.taking)[mask]
            before, start, after = shard.read(inputs[2], "places", "<u4", 3)[mask].astype(np.int64).T
            size = inputs[2].read(shard.name, ["size"]).column("size").to_numpy()[row]
            out.write(shard.name, spans_table(*with_gaps(row, before, start, after, size), len(shard.taking)))
        out.facts = {"paragraphs": total, "repeated": int(sum(map(np.sum, marked)))}
        out.ledger.rows_in = out.ledger.rows_out = inputs[0].rows


def placed(inputs: Inputs) -> list[Rows]:
    """The rows of all shards, placed by id. Inputs: text, selection, hashes."""
    text, selection, columns = inputs
    names = [s.name for s in text.shards]
    counts = [columns.read(name, ["count"]).column("count").to_numpy() for name in names]
    used = [count * kept(selection.read(name)) for name, count in zip(names, counts, strict=True)]
    flat = np.concatenate([np.zeros(0, np.int64), *used])
    order = by_id(text)
    first = np.empty_like(flat)
    first[order] = np.cumsum(flat[order]) - flat[order]
    firsts = np.split(first, np.cumsum([len(c) for c in counts])[:-1])
    return [Rows(*columns) for columns in zip(names, counts, used, firsts, strict=False)]


def by_id(text: Published) -> Places:
    """All rows of all shards, numbered one after another, in order of id."""
    ids = [chunk for shard in text.shards for chunk in text.read(shard.name, ["id"]).column("id").chunks]
    column = pa.chunked_array(ids, ID)
    order: Places = in_order(column, np.zeros(len(column)), np.zeros(len(column), np.int8))
    return order


def with_gaps(row: Places, before: Places, start: Places, after: Places, size: Places) -> tuple[Places, Places, Places]:
    """Row, start and end of the bytes that go with marked parts, given in order: a part takes what stands between it and the
    next one with it, and the last parts of a text what stands before them."""
    fresh = np.append(True, (row[1:] != row[:-1]) | (start[1:] != after[:-1]))[: len(row)]
    first = np.flatnonzero(fresh)
    end = after[np.append(first[1:] - 1, len(row) - 1)[: len(first)]]
    ends_text = end > size[first]
    return row[first], np.where(ends_text, before[first], start[first]), end - ends_text
