"""Passages that another text had first, or the same text before: found exactly, to the byte.

`Substring` marks every run of at least `minimum` units (50 bytes by default; Lee et al. 2022 take 50 tokens) that occurs before:
in a selected text of smaller id, or earlier in the same text without overlap (of fifty equal letters and fifty more the second
fifty are marked). Nothing is normalised with unit "bytes"; with "words" two runs are equal if their words are, as
`kernels.shingle.words` cuts and lower-cases them, and what is marked reaches from the first byte of the run's first word to the
last byte of its last. Runs end where a text ends. Marked bytes of a character that is not marked whole are left alone.

Invariants: the first occurrence of a run is never marked on its account, so every marked byte is held by an earlier place, and
following places back ends at one that stays; the marks are the same for any order of shards, any number of workers and any
amount of memory. A passage that one text joins from two earlier ones is cut whole: both halves stand elsewhere, their joint does
not.

One job, in memory: about 3 bytes a byte of selected text (17 a word with unit "words"), stated before it starts, and refused if
it is not there; parts compared on their own would miss what they share, so there is no way to do it by halves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.core.budget import Needs
from tamis.core.errors import UsageError
from tamis.core.step import Inputs, Operator, Output, Piece, Published, Step, Where
from tamis.data.select import Resolve, View, kept
from tamis.data.spans import Marking, Places, spans_table
from tamis.kernels.jit import Buffers, buffers
from tamis.kernels.shingle import table as code_points
from tamis.kernels.shingle import word_hashes
from tamis.kernels.substring import Units, repeated, word_places

MEMORY = {"bytes": 3.5, "words": 6.0}  # bytes a byte of text; words of less than three bytes would take more
FIXED = 400_000_000  # bytes for whatever does not grow with the text
AFTER: dict[str, Any] = {"bytes": np.uint8(0xFF), "words": np.uint64(0xFFFFFFFFFFFFFFFF)}  # stands after each text, in none


@dataclass(frozen=True)
class Substring(Marking):
    """Mark passages of at least `minimum` units ("bytes" or "words") that occur before; cut them out, or with `share` drop the
    rows of whose bytes at least that share is marked."""

    minimum: int = 50
    unit: str = "bytes"
    label: ClassVar[str] = "substring dedup"
    reason: ClassVar[str] = "repeated-substring"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.minimum < 1:
            raise UsageError(f"Substring: minimum must be at least 1, not {self.minimum}")
        if self.unit not in AFTER:
            raise UsageError(f"Substring: unit must be 'bytes' or 'words', not {self.unit!r}")

    def spans(self, view: View, resolve: Resolve) -> Step:
        return Step(RepeatedSubstrings(self.minimum, self.unit), view)


class Texts(NamedTuple):
    """The selected rows' units, shard after shard, AFTER before the first text and after each."""

    units: Units
    starts: Places  # of each text in units, rising
    ends: Places
    order: Places  # the texts by id
    shards: list[Places]  # of each shard the numbers of the selected rows
    size: int  # bytes of UTF-8


@dataclass(frozen=True)
class RepeatedSubstrings(Operator):
    """The passages marked by `Substring`. Inputs: text, selection. Facts: bytes of the selected texts, and marked ones."""

    minimum: int
    unit: str
    kind: ClassVar[str] = "columns"
    unicode: ClassVar[bool] = True

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all", None, float(sum(s.bytes for s in inputs[0].shards)))]

    def needs(self, inputs: Inputs) -> Needs:
        share = inputs[1].ledger.rows_out / max(inputs[0].rows, 1)
        return Needs(int(MEMORY[self.unit] * share * _text_bytes(inputs[0])) + FIXED)

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        texts = self._gather(inputs)
        mask = repeated(texts.units, texts.starts[texts.order], texts.ends[texts.order], self.minimum)
        edges = np.flatnonzero(mask[1:] != mask[:-1]) + 1
        del mask
        starts, ends = edges[::2], edges[1::2]
        if self.unit == "bytes":
            starts, ends = whole_characters(texts.units, starts, ends)
        owner = np.searchsorted(texts.starts, starts, "right") - 1
        starts, ends = starts - texts.starts[owner], ends - texts.starts[owner]
        first, marked = 0, 0
        for shard, rows in zip(inputs[0].shards, texts.shards, strict=True):
            part = slice(*np.searchsorted(owner, (first, first + len(rows))))
            mine, start, end = owner[part] - first, starts[part], ends[part]
            first += len(rows)
            if self.unit == "words" and len(mine):
                start, end = _bytes_of_words(_selected(inputs, shard.name)[0], mine, start, end)
            marked += int((end - start).sum())
            out.write(shard.name, spans_table(rows[mine], start, end, shard.rows))
        out.ledger.rows_in = out.ledger.rows_out = inputs[0].rows
        out.facts = {"bytes": texts.size, "marked_bytes": marked}

    def _gather(self, inputs: Inputs) -> Texts:
        parts: list[Any] = [np.full(1, AFTER[self.unit])]
        lengths, ids, shards, size = [np.zeros(0, np.int64)], [np.zeros(0, "S16")], [], 0
        for shard in inputs[0].shards:
            table, rows = _selected(inputs, shard.name)
            text = buffers(table.column("text").combine_chunks())
            size += int(text.offsets[-1] - text.offsets[0])
            units, offsets = self._units(text)
            parts.append(np.insert(units, offsets[1:], AFTER[self.unit]))
            lengths.append(np.diff(offsets))
            shards.append(rows)
            ids.append(np.array(table.column("id").to_pylist(), "S16"))
        pa.default_memory_pool().release_unused()
        length = np.concatenate(lengths)
        ends = np.cumsum(length + 1)
        order = np.argsort(np.concatenate(ids), kind="stable")
        return Texts(_joined(parts), ends - length, ends, order, shards, size)

    def _units(self, text: Buffers) -> tuple[Units, Places]:
        """The units of all texts, and offsets (texts + 1) into them."""
        if self.unit == "words":
            hashes, offsets, _ = word_hashes(*text, code_points(), True)
            return hashes, offsets
        first, last = text.offsets[0], text.offsets[-1]
        return text.data[first:last], text.offsets - first


def _selected(inputs: Inputs, name: str) -> tuple[pa.Table, Places]:
    """Ids and texts of the selected rows of a shard, and their places in it."""
    chosen = kept(inputs[1].read(name))
    return inputs[0].read(name, ["id", "text"]).filter(pa.array(chosen)), np.flatnonzero(chosen)


def _joined(parts: list[Any]) -> Units:
    """One array of all; each part is let go once it is copied, so that memory does not double."""
    out = np.empty(sum(map(len, parts)), parts[0].dtype)
    at = 0
    while parts:
        part = parts.pop(0)
        out[at : at + len(part)] = part
        at += len(part)
    return out


def _text_bytes(text: Published) -> int:
    """Bytes of all texts, from the shards' footers."""
    total = 0
    for shard in text.shards:
        footer = pq.read_metadata(text.file(shard.name))
        column = footer.schema.names.index("text")
        total += sum(footer.row_group(group).column(column).total_uncompressed_size for group in range(footer.num_row_groups))
    return total


def whole_characters(data: Units, starts: Places, ends: Places) -> tuple[Places, Places]:
    """Ranges of UTF-8 without the characters of which they hold only a part."""
    for _ in range(3):
        starts = starts + (data[starts] & 0xC0 == 0x80)
        ends = ends - (data[ends] & 0xC0 == 0x80)
    some = starts < ends
    return starts[some], ends[some]


def _bytes_of_words(table: pa.Table, row: Places, start: Places, end: Places) -> tuple[Places, Places]:
    """Ranges of words in rows of a table as ranges of bytes, both counted inside their text."""
    data, offsets = buffers(table.column("text").combine_chunks())
    first, last, before = word_places(data, offsets, code_points())
    return first[before[row] + start] - offsets[row], last[before[row] + end - 1] - offsets[row]
