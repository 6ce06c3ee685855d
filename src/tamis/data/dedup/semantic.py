"""Semantic duplicates: documents that say the same in other words, by embeddings that the user brings (SemDeDup, Abbas et al.
2023).

Documents are dealt to clusters by the nearest of k centres (spherical k-means on a sample drawn by hash of id), and inside a
cluster judged in order: one is dropped if the cosine of its embedding and that of a document kept before is at least `cosine`.
Pairs that lie in different clusters are not compared: that is the published shortcut, and what it overlooks is not bounded. A
document without an embedding (all zero) is kept. Memory of a job: 8 bytes a number of the largest cluster's embeddings. Cosines
are rounded to five digits, so that they do not depend on the order of additions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.core.errors import TamisError, UsageError
from tamis.core.step import Inputs, Operator, Output, Piece, Published, Step, Where
from tamis.data.dedup.verdicts import (
    Survivors,
    fixed_bytes,
    in_order,
    preference,
    preferred,
    publish_verdicts,
    shard_groups,
)
from tamis.data.schema import ID, fraction_of
from tamis.data.score import Field, Score
from tamis.data.select import Resolve, View, kept
from tamis.data.shuffle import gather, scatter
from tamis.kernels.lsh import REFERENCE, ROW

Vectors = npt.NDArray[np.float32]
SAMPLE = 256  # documents a centre, at most, that k-means looks at
ROUNDS = 20
PER_CLUSTER = 1000  # documents, on average, where the number of clusters is not given


class Embedder(Protocol):
    """A frozen dataclass that gives embeddings: `tamis.data.embedding.Encoder`, `StoredVectors`, or the user's own."""

    def embed_rows(self, ids: Sequence[bytes], texts: Sequence[str]) -> Vectors:
        """Float32 (rows, width), each of length 1 (or 0: no embedding)."""
        ...


@dataclass(frozen=True)
class StoredVectors:
    """Embeddings computed elsewhere: a Parquet file with the columns `id` (as `tamis build` writes it: 32 hex digits, or 16
    bytes) and `vector` (a list of numbers). Declare it with `StoredVectors.file(path)`, which notes the file's sha256."""

    places: ClassVar[tuple[str, ...]] = ("place",)

    place: str
    sha256: str

    @classmethod
    def file(cls, path: str | Path) -> StoredVectors:
        """The file as it is now. UsageError if it cannot be read."""
        place = Path(path).expanduser().absolute()
        try:
            with place.open("rb") as stream:
                return cls(str(place), hashlib.file_digest(stream, "sha256").hexdigest())
        except OSError as error:
            raise UsageError(f"vectors {place}: {error.strerror}") from error

    def embed_rows(self, ids: Sequence[bytes], texts: Sequence[str]) -> Vectors:
        known, vectors = _stored(self)
        missing = [own.hex() for own in ids if own not in known]
        if missing:
            raise TamisError(f"vectors {self.place} has none for {len(missing)} of {len(ids)} documents, such as {missing[0]}")
        return vectors[[known[own] for own in ids]]


@lru_cache(maxsize=1)
def _stored(source: StoredVectors) -> tuple[dict[bytes, int], Vectors]:
    if StoredVectors.file(source.place).sha256 != source.sha256:
        raise TamisError(f"vectors {source.place} has changed: declare it again with StoredVectors.file")
    try:
        table = pq.read_table(source.place, columns=["id", "vector"])
        ids = [bytes.fromhex(i) if isinstance(i, str) else bytes(i) for i in table.column("id").to_pylist()]
        vectors = np.array(table.column("vector").to_pylist(), np.float32).reshape(len(ids), -1)
    except (pa.ArrowException, ValueError, TypeError, OSError) as error:
        raise TamisError(f"vectors {source.place} cannot be read: {' '.join(str(error).split())[:200]}") from error
    if not np.isfinite(vectors).all():
        raise TamisError(f"vectors {source.place}: document {ids[int(np.argwhere(~np.isfinite(vectors))[0][0])].hex()} has NaN")
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return {own: row for row, own in enumerate(ids)}, (vectors / np.where(length > 0, length, 1)).astype(np.float32)


@dataclass(frozen=True)
class Semantic:
    """Drop documents whose embedding has a cosine >= `cosine` with that of a kept one in the same of `clusters` clusters.

    `prefer`, `against`: see `MinHash`. Evidence: the survivor's id and the cosine.
    """

    embedder: Any
    cosine: float = 0.95
    clusters: int | None = None
    seed: int = 0
    prefer: Field | Score | None = None
    against: Any = None
    label: ClassVar[str] = "semantic dedup"

    def __post_init__(self) -> None:
        if not 0 < self.cosine <= 1 or (self.clusters is not None and self.clusters < 1):
            raise UsageError(f"Semantic: cosine must be in (0, 1] and clusters at least 1, not {self.cosine} and {self.clusters}")

    def select(self, view: View, resolve: Resolve) -> Step:
        views = [view] if self.against is None else [view, resolve(self.against)]
        vectors = [Step(Embeddings(self.embedder), tuple(each)) for each in views]
        centres = Step(Centres(self.clusters, self.seed), (*view, vectors[0]))
        dealt = []
        for number, (each, own) in enumerate(zip(views, vectors, strict=True)):
            name, columns = preferred(None if number else self.prefer, each, resolve)
            dealt.append(Step(Dealt(number > 0, name), (*each, own, centres, *columns)))
        verdicts = Step(Alike(self.cosine), (view.text, centres, *dealt))
        return Step(Survivors("semantic-duplicate", "cosine"), (*view, verdicts))


@dataclass(frozen=True)
class Embeddings(Operator):
    """Columns: the embedding of every selected row, little-endian float32 as bytes; of the others zeros. Inputs: text,
    selection."""

    embedder: Any
    kind: ClassVar[str] = "columns"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        table = inputs[0].read(piece.spec, ["id", "text"])
        rows = np.flatnonzero(kept(inputs[1].read(piece.spec)))
        chosen = table.take(pa.array(rows))
        found = self.embedder.embed_rows(chosen.column("id").to_pylist(), chosen.column("text").to_pylist())
        if found.ndim != 2 or len(found) != len(rows) or not np.isfinite(found).all():
            raise TamisError(
                f"{type(self.embedder).__name__}: gave {found.shape} finite numbers or not for {len(rows)} documents"
            )
        vectors = np.zeros((table.num_rows, found.shape[1]), "<f4")
        vectors[rows] = found
        raw = pa.py_buffer(vectors.tobytes())
        array = pa.FixedSizeBinaryArray.from_buffers(pa.binary(4 * max(found.shape[1], 1)), table.num_rows, [None, raw])
        out.ledger.rows_in = out.ledger.rows_out = table.num_rows
        out.write(piece.spec, pa.table({"vector": array}))


def _vectors(step: Published, name: str) -> Vectors:
    column = step.read(name, ["vector"]).column("vector")
    return np.ascontiguousarray(fixed_bytes(column)).view("<f4").astype(np.float32, copy=False)


@dataclass(frozen=True)
class Centres(Operator):
    """Spherical k-means. Inputs: text, selection, embeddings. File: centres.npy, float32 (clusters, width)."""

    clusters: int | None
    seed: int
    kind: ClassVar[str] = "centres"
    libraries: ClassVar[tuple[str, ...]] = ("numpy",)

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all", None, float(sum(s.bytes for s in inputs[2].shards)))]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        places = [np.flatnonzero(kept(inputs[1].read(s.name))) for s in inputs[0].shards]
        ids = [inputs[0].read(s.name, ["id"]).column("id") for s in inputs[0].shards]
        draws = [fraction_of(i, self.seed, "semantic").to_numpy()[rows] for i, rows in zip(ids, places, strict=True)]
        every = np.concatenate([np.zeros(0), *draws])
        count = min(self.clusters or max(1, round(len(every) / PER_CLUSTER)), max(len(every), 1))
        least = np.partition(every, SAMPLE * count)[SAMPLE * count] if len(every) > SAMPLE * count else np.inf
        parts, keys = [], []
        for shard, rows, draw in zip(inputs[0].shards, places, draws, strict=True):
            parts.append(_vectors(inputs[2], shard.name)[rows[draw < least]])
            keys.append(draw[draw < least])
        sample = np.concatenate(parts)[np.argsort(np.concatenate(keys), kind="stable")] if parts else np.zeros((1, 1), np.float32)
        centres = sample[:count]  # the order of the sample is that of a hash: a random start
        for _ in range(ROUNDS if len(sample) else 0):
            nearest = np.argmax(sample @ centres.T, axis=1)
            sums = np.zeros_like(centres, np.float64)
            np.add.at(sums, nearest, sample)
            length = np.linalg.norm(sums, axis=1, keepdims=True)
            fresh = np.where(length > 0, sums / np.where(length > 0, length, 1), centres).astype(np.float32)
            if np.array_equal(fresh, centres):
                break
            centres = fresh
        np.save(out.path("centres.npy"), centres)
        out.facts = {"clusters": len(centres), "sample": len(sample)}

    def summary(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return dict(facts[0])


def schema(width: int) -> pa.Schema:
    """Rows under comparison; `vector` has `width` bytes."""
    fields = [("role", pa.int8()), ("shard", pa.int32()), ("row", pa.int32()), ("id", ID), ("value", pa.float64())]
    return pa.schema([*(pa.field(name, type) for name, type in fields), pa.field("vector", pa.binary(width))])


@dataclass(frozen=True)
class Dealt(Operator):
    """The selected rows that have an embedding, each for its cluster. Inputs: text, selection, embeddings, centres, preferred
    score."""

    reference: bool
    prefer: str | None
    kind: ClassVar[str] = "dealt"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece(f"{number:05d}", names) for number, names in enumerate(shard_groups(inputs[0]))]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        centres = np.load(inputs[3].file("centres.npy"))
        numbers = {s.name: i for i, s in enumerate(inputs[0].shards)}
        tables, clusters = [schema(centres.shape[1] * 4).empty_table()], [np.zeros(0, np.int64)]
        for name in piece.spec:
            vectors = _vectors(inputs[2], name)
            rows = np.flatnonzero(kept(inputs[1].read(name)) & vectors.any(axis=1))
            out.ledger.rows_in += len(rows)
            if not len(rows):
                continue
            value = np.zeros(len(rows))
            if self.prefer:
                value = preference(inputs[4].read(name, [self.prefer]).column(self.prefer))[rows]
            raw = pa.py_buffer(np.ascontiguousarray(vectors[rows]).astype("<f4").tobytes())
            columns = [
                pa.array(np.full(len(rows), REFERENCE if self.reference else ROW, np.int8)),
                pa.array(np.full(len(rows), numbers[name], np.int32)),
                pa.array(rows.astype(np.int32)),
                inputs[0].read(name, ["id"]).column("id").take(pa.array(rows)),
                pa.array(value),
                pa.FixedSizeBinaryArray.from_buffers(pa.binary(4 * vectors.shape[1]), len(rows), [None, raw]),
            ]
            tables.append(pa.table(columns, schema=schema(4 * vectors.shape[1])))
            clusters.append(np.argmax(vectors[rows] @ centres.T, axis=1))
        out.ledger.rows_out = out.ledger.rows_in
        scatter(out.path(f"{piece.name}.arrow"), pa.concat_tables(tables), np.concatenate(clusters))


@dataclass(frozen=True)
class Alike(Operator):
    """Which rows are dropped for which. Inputs: the text that is judged, centres, the dealt rows of all datasets."""

    cosine: float
    kind: ClassVar[str] = "verdicts"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece(f"{cluster:06d}", cluster) for cluster in range(inputs[1].facts["clusters"])]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        width = 4 * np.load(inputs[1].file("centres.npy"), mmap_mode="r").shape[1]
        rows = gather(inputs[2:], piece.spec, schema(width))
        roles = rows.column("role").to_numpy()
        order = in_order(rows.column("id"), rows.column("value").to_numpy(), roles)
        rows, roles = rows.take(pa.array(order)), roles[order]
        vectors = np.ascontiguousarray(fixed_bytes(rows.column("vector"))).view("<f4").astype(np.float64)
        survivor, similarity = first_alike(vectors, roles, self.cosine)
        publish_verdicts(out, piece, inputs[0], rows, survivor, similarity)


def first_alike(
    vectors: npt.NDArray[np.float64], roles: npt.NDArray[np.int8], cosine: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """In order, each row's first kept row with a cosine of at least `cosine` (-1: it is kept), and that cosine."""
    survivor, similarity = np.full(len(vectors), -1, np.int64), np.zeros(len(vectors))
    kept_vectors, places, count = np.empty_like(vectors), np.empty(len(vectors), np.int64), 0
    for row in range(len(vectors)):
        if roles[row] == ROW and count:
            cosines = np.round(kept_vectors[:count] @ vectors[row], 5)
            first = int(np.argmax(cosines >= cosine))
            if cosines[first] >= cosine:
                survivor[row], similarity[row] = places[first], min(cosines[first], 1.0)
                continue
        kept_vectors[count], places[count] = vectors[row], row
        count += 1
    return survivor, similarity
