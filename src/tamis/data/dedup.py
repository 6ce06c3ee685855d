"""Deduplication: keep one of each, and say which one was kept.

In order of id (or of a preferred score, ties by id) a document is kept unless a *verified* neighbour was kept before it: an equal
text for `Exact`, a text whose set of 5-word shingles has a Jaccard similarity of at least .8 for `MinHash`. The dropped row names
that survivor and the similarity. Invariant: every dropped row is near a row that is kept, so chains do not form and no cluster is
lost, and the outcome is the same for any order of shards and any number of workers.

Two steps: columns of hashes beside the text (parallel, shared by all arms that read the text), then one job for the selection.
Memory of that job: 4 bytes a band and about 100 a row for every selected row (156 B with 14 bands); for rows that share a band
with another one, 8 bytes per shingle and 12 a band besides; one shard of text. A neighbour is overlooked with probability
(1 - J**rows)**bands: 7.7 % at J = .8, 1.1 % at .85, .04 % at .9 for 14 bands of 8 rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.errors import TamisError, UsageError
from tamis.core.ledger import Ledger
from tamis.core.step import Inputs, Operator, Output, Piece, Published, Step, Where
from tamis.data.apply import UnionColumns, UnionText, scored
from tamis.data.score import Field
from tamis.data.select import Resolve, View, carry, kept
from tamis.kernels.jit import buffers
from tamis.kernels.lsh import buckets, greedy, have_company
from tamis.kernels.minhash import signatures
from tamis.kernels.shingle import shingle_sets, table, words

CANARIES = 16  # rows copied in another layout; each copy must be found
Indices = npt.NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class Exact:
    """Drop documents whose text was kept before; with `normalise`, whose lower-case words were.

    `prefer` names a score: of equal texts the row with the highest value is kept.
    """

    normalise: bool = False
    prefer: Field | None = None
    label: ClassVar[str] = "exact dedup"

    def select(self, view: View, resolve: Resolve) -> Step:
        hashes = _beside(TextHashes(self.normalise), view.text)
        name = self.prefer.name if self.prefer else None
        return Step(FirstOfEqual(name), (*view, hashes, *_preferred(self.prefer, view, resolve)))


@dataclass(frozen=True)
class MinHash:
    """Drop documents whose shingles of `ngram` words have a Jaccard similarity >= `threshold` with those of a kept one.

    `prefer` names a score: rows are considered from its highest value down, ties by id.
    """

    bands: int = 14
    rows: int = 8
    ngram: int = 5
    threshold: float = 0.8
    prefer: Field | None = None
    label: ClassVar[str] = "dedup"

    def __post_init__(self) -> None:
        if min(self.bands, self.rows, self.ngram) < 1:
            raise UsageError("MinHash: bands, rows and ngram must be at least 1")
        if not 0 < self.threshold <= 1:
            raise UsageError(f"MinHash: threshold must be in (0, 1], not {self.threshold}")

    def select(self, view: View, resolve: Resolve) -> Step:
        columns = _beside(Signatures(self.bands, self.rows, self.ngram), view.text)
        name = self.prefer.name if self.prefer else None
        survivors = Survivors(name, self.bands, self.rows, self.ngram, self.threshold)
        return Step(survivors, (*view, columns, *_preferred(self.prefer, view, resolve)))


def _beside(op: Operator, text: Step) -> Step:
    """Columns beside a text; over a union they are the union of its parts' columns, so that arms share them."""
    if isinstance(text.op, UnionText):
        return Step(UnionColumns(), (text, *(_beside(op, part) for part in text.inputs)))
    return Step(op, (text,))


def _preferred(field: Field | None, view: View, resolve: Resolve) -> tuple[Step, ...]:
    return () if field is None else (scored(field.score, view.text, view.selection, field.score.requires(resolve)),)


@dataclass(frozen=True)
class TextHashes(Operator):
    """A 128-bit hash (BLAKE2b) of every text, or of its words."""

    normalise: bool = False
    kind: ClassVar[str] = "columns"
    fuses: ClassVar[bool] = True
    unicode: ClassVar[bool] = True

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        texts = inputs[0].read(piece.spec, ["text"]).column("text").to_pylist()
        if self.normalise:
            texts = [" ".join(words(text)) for text in texts]
        hashes = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
        out.ledger.rows_in = out.ledger.rows_out = len(texts)
        out.write(piece.spec, pa.table({"hash": pa.array(hashes, pa.binary(16))}))


@dataclass(frozen=True)
class Signatures(Operator):
    """MinHash bands of every text (uint32 each, as bytes) and its number of shingles."""

    bands: int
    rows: int
    ngram: int
    kind: ClassVar[str] = "columns"
    fuses: ClassVar[bool] = True
    unicode: ClassVar[bool] = True

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        chunks = inputs[0].read(piece.spec, ["text"]).column("text").chunks
        parts = [signatures(buffers(chunk), self.bands, self.rows, self.ngram) for chunk in chunks]
        bands = np.concatenate([np.zeros((0, self.bands), np.uint32), *(part for part, _ in parts)])
        shingles = np.concatenate([np.zeros(0, np.int32), *(part for _, part in parts)])
        raw = pa.py_buffer(bands.astype("<u4").tobytes())
        signature = pa.FixedSizeBinaryArray.from_buffers(pa.binary(4 * self.bands), len(shingles), [None, raw])
        out.ledger.rows_in = out.ledger.rows_out = len(shingles)
        out.write(piece.spec, pa.table({"signature": signature, "shingles": pa.array(shingles)}))


class Rows(NamedTuple):
    """The rows still selected, in order of preference, and where they lie."""

    shard: npt.NDArray[np.int32]  # number of the shard
    row: npt.NDArray[np.int32]  # row in the shard
    ids: npt.NDArray[Any]  # S16

    def id(self, number: int) -> str:
        """The id of a row, in hexadecimal digits."""
        return bytes(self.ids[number]).ljust(16, b"\0").hex()

    def by_shard(self, shards: int) -> list[Indices]:
        """For each shard the places of its rows in this order, by row."""
        order = np.lexsort((self.row, self.shard))
        return np.split(order, np.searchsorted(self.shard[order], np.arange(1, shards)))

    def bytes_of(self, columns: Published, name: str) -> npt.NDArray[np.uint8]:
        """A column of fixed-size bytes, in this order: uint8 (rows, width)."""
        out = np.zeros((len(self.row), 0), np.uint8)
        for shard, places in zip(columns.shards, self.by_shard(len(columns.shards)), strict=True):
            column = columns.read(shard.name, [name]).column(name).combine_chunks()
            width = column.type.byte_width
            raw = np.frombuffer(column.buffers()[1] or b"", np.uint8, len(column) * width, column.offset * width)
            if not out.size:
                out = np.empty((len(self.row), width), np.uint8)
            out[places] = raw.reshape(-1, width)[self.row[places]]
        return out


@dataclass(frozen=True)
class Choice(Operator):
    """What both selections share: one job over all rows in order of preference. Inputs: text, selection, hashes, score."""

    prefer: str | None
    kind: ClassVar[str] = "selection"
    reason: ClassVar[str] = ""

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all", None, float(sum(s.bytes for s in inputs[0].shards)))]

    def in_order(self, inputs: Inputs) -> Rows:
        """The selected rows of all shards. NaN in the preferred column counts as lowest."""
        shards, numbers, ids, values = [], [], [], []
        for number, shard in enumerate(inputs[0].shards):
            rows = np.flatnonzero(kept(inputs[1].read(shard.name)))
            shards.append(np.full(len(rows), number, np.int32))
            numbers.append(rows.astype(np.int32))
            ids.append(np.array(inputs[0].read(shard.name, ["id"]).column("id").to_pylist(), "S16")[rows])
            if self.prefer:
                value = inputs[3].read(shard.name, [self.prefer]).column(self.prefer).cast(pa.float64()).to_numpy()
                values.append(np.nan_to_num(value[rows], nan=-np.inf))
        if not shards:
            return Rows(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, "S16"))
        flat = Rows(np.concatenate(shards), np.concatenate(numbers), np.concatenate(ids))
        order = np.lexsort((flat.ids, -np.concatenate(values)) if self.prefer else (flat.ids,))
        return Rows(flat.shard[order], flat.row[order], flat.ids[order])

    def publish(self, inputs: Inputs, out: Output, rows: Rows, survivor: Indices, jaccard: npt.NDArray[np.float64]) -> None:
        """Write the next selection: row i is dropped for survivor[i] where that is >= 0."""
        total = Ledger()
        for shard, places in zip(inputs[0].shards, rows.by_shard(len(inputs[0].shards)), strict=True):
            mine = places[survivor[places] >= 0]
            proof = [json.dumps({"survivor": rows.id(int(survivor[i])), "jaccard": round(float(jaccard[i]), 4)}) for i in mine]
            selection, ledger = carry(inputs[1].read(shard.name), rows.row[mine], [self.reason] * len(mine), proof)
            total = Ledger.total([total, ledger])
            out.write(shard.name, selection)
        out.ledger = total


@dataclass(frozen=True)
class FirstOfEqual(Choice):
    """Keep the first of the rows with the same hash."""

    reason: ClassVar[str] = "duplicate"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        rows = self.in_order(inputs)
        hashes = rows.bytes_of(inputs[2], "hash")
        _, first, inverse = np.unique(hashes.view("S16").ravel(), return_index=True, return_inverse=True)
        survivor = np.where(first[inverse] == np.arange(len(rows.row)), -1, first[inverse])
        self.publish(inputs, out, rows, survivor, np.ones(len(rows.row)))


@dataclass(frozen=True)
class Survivors(Choice):
    """Greedy choice among verified near-duplicates."""

    bands: int
    rows: int
    ngram: int
    threshold: float
    unicode: ClassVar[bool] = True
    reason: ClassVar[str] = "near-duplicate"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        rows = self.in_order(inputs)
        bands = rows.bytes_of(inputs[2], "signature").view("<u4").astype(np.uint32, copy=False)
        originals, copies = _canaries(inputs[0], rows)
        planted, _ = signatures(buffers(copies), self.bands, self.rows, self.ngram)
        searched = _shingled(inputs[2], rows)
        candidates = np.union1d(searched[have_company(bands, searched)], originals)
        hashes, starts, ends = self._sets(inputs[0], rows, candidates)
        extra, places = shingle_sets(*buffers(copies), table(), self.ngram, True)
        starts, ends = np.append(starts, places[:-1] + len(hashes)), np.append(ends, places[1:] + len(hashes))
        groups = buckets(np.concatenate([bands[candidates], planted]))
        survivor, jaccard = greedy(groups, np.append(hashes, extra), starts, ends, self.threshold)
        real = len(candidates)
        self._check(survivor[:real], survivor[real:], np.searchsorted(candidates, originals))
        all_survivors, all_jaccard = np.full(len(rows.row), -1), np.zeros(len(rows.row))
        dropped = np.flatnonzero(survivor[:real] >= 0)
        all_survivors[candidates[dropped]] = candidates[survivor[dropped]]
        all_jaccard[candidates[dropped]] = jaccard[dropped]
        out.facts = {"canaries": len(originals), "candidates": real}
        self.publish(inputs, out, rows, all_survivors, all_jaccard)

    def _sets(self, text: Published, rows: Rows, wanted: Indices) -> tuple[npt.NDArray[np.uint64], Indices, Indices]:
        """The shingle sets of some rows: all hashes, and where each row's set starts and ends."""
        starts, ends = np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.int64)
        part = Rows(rows.shard[wanted], rows.row[wanted], rows.ids[wanted])
        parts, size = [np.zeros(0, np.uint64)], 0
        for shard, places in zip(text.shards, part.by_shard(len(text.shards)), strict=True):
            if len(places):
                column = text.read(shard.name, ["text"]).column("text").take(pa.array(part.row[places])).combine_chunks()
                hashes, offsets = shingle_sets(*buffers(column), table(), self.ngram, True)
                starts[places], ends[places] = offsets[:-1] + size, offsets[1:] + size
                parts.append(hashes)
                size += len(hashes)
        return np.concatenate(parts), starts, ends

    def _check(self, survivor: Indices, planted: Indices, originals: Indices) -> None:
        """Every planted copy must lose to its original, or to that one's survivor: else signatures and text do not fit."""
        expected = np.where(survivor[originals] >= 0, survivor[originals], originals)
        lost = int((planted != expected).sum())
        if lost:
            raise TamisError(
                f"near-duplicates: {lost} of {len(planted)} planted copies were not found, so nothing was dropped; "
                "the stored signatures do not belong to this text: delete their folder in the store and run again"
            )


def _canaries(text: Published, rows: Rows) -> tuple[Indices, pa.Array]:
    """Up to CANARIES rows with words from the first shard that has rows, and copies of their texts in another layout.

    The copies come after all rows, in an id space of their own: they can lose to a row, but no row to them.
    """
    if not len(rows.row):
        return rows.row, pa.array([], pa.large_string())
    shard = rows.shard.min()
    places = np.flatnonzero(rows.shard == shard)[: 16 * CANARIES]
    column = text.read(text.shards[shard].name, ["text"]).column("text").take(pa.array(rows.row[places]))
    worded = [(place, t) for place, t in zip(places, column.to_pylist(), strict=True) if t.strip()][:CANARIES]
    copies = [t.encode().upper().decode().replace(" ", "\n") for _, t in worded]
    return np.array([place for place, _ in worded], np.int64), pa.array(copies, pa.large_string())


def _shingled(signatures: Published, rows: Rows) -> Indices:
    """Places of the rows that have a word at all: a text without words has no near-duplicates."""
    out = np.zeros(len(rows.row), bool)
    for shard, places in zip(signatures.shards, rows.by_shard(len(signatures.shards)), strict=True):
        out[places] = signatures.read(shard.name, ["shingles"]).column("shingles").to_numpy()[rows.row[places]] > 0
    return np.flatnonzero(out)
