"""Comparing the rows of each part: their texts brought together, verified exactly, and judged in order.

`Candidates` sends the rows that share a band with another one to the part of their cluster, `Verdicts` judges a part at a time.
Memory of a job: the texts of a part, 16 bytes a shingle of it and 12 a row and band; a cluster is never cut, so the largest one
bounds it. Disk: the compressed texts of the candidates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.budget import Needs
from tamis.core.step import Inputs, Operator, Output, Piece, Published, Where
from tamis.data.dedup.bands import chosen
from tamis.data.dedup.canaries import Verdict, check, lost, must_be_found
from tamis.data.dedup.verdicts import fixed_bytes, in_order, preference, publish_verdicts
from tamis.data.schema import ID
from tamis.data.shuffle import gather, scatter
from tamis.kernels.jit import buffers
from tamis.kernels.lsh import CANARY, REFERENCE, ROW, buckets, greedy
from tamis.kernels.shingle import shingle_sets, table


def schema(bands: int) -> pa.Schema:
    """Rows under comparison; of a canary `row` is its number and `id` that of its original."""
    return pa.schema(
        [
            pa.field("role", pa.int8()),
            pa.field("shard", pa.int32()),
            pa.field("row", pa.int32()),
            pa.field("id", ID),
            pa.field("value", pa.float64()),
            pa.field("signature", pa.binary(8 * bands)),
            pa.field("text", pa.large_string()),
        ]
    )


@dataclass(frozen=True)
class Candidates(Operator):
    """The rows of one dataset that are compared, cut by part. Inputs: clusters, bands, text, selection, signatures, preferred
    score.

    `number` is the dataset's place among those of the clusters; all but the first are references, which are not judged.
    """

    signature: Any
    number: int = 0
    threshold: float = 0.8
    prefer: str | None = None
    kind: ClassVar[str] = "candidates"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        parts = np.load(inputs[0].file("parts.npy"), mmap_mode="r")
        place, pieces = inputs[0].facts["starts"][self.number], []
        for number, shard in enumerate(inputs[2].shards):
            count = inputs[1].facts["rows"][shard.name]
            if (parts[place : place + count] >= 0).any():
                pieces.append(Piece(shard.name.removesuffix(".parquet"), (number, shard.name, place, count), float(shard.bytes)))
            place += count
        canaries = any(s.name == "canaries.parquet" for s in inputs[1].shards)
        return [*pieces, Piece("canaries")] if canaries else pieces

    def needs(self, inputs: Inputs) -> Needs:
        rows = max(sum(inputs[1].facts["rows"].values()), 1)
        return Needs(0, sum(s.bytes for s in inputs[2].shards) * inputs[0].facts["clustered"] // rows)

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        if piece.name == "canaries":
            self._canaries(inputs, out)
            return
        number, name, place, count = piece.spec
        part = np.load(inputs[0].file("parts.npy"), mmap_mode="r")[place : place + count]
        rows, _, hashes = chosen((inputs[2], inputs[3], inputs[4]), name)
        mine = np.flatnonzero(part >= 0)
        found = inputs[2].read(name, ["id", "text"]).take(pa.array(rows[mine]))
        if self.prefer:
            value = preference(inputs[5].read(name, [self.prefer]).column(self.prefer))[rows[mine]]
        else:
            value = np.zeros(len(mine))
        role = ROW if self.number == 0 else REFERENCE
        columns = [
            pa.array(np.full(len(mine), role, np.int8)),
            pa.array(np.full(len(mine), number, np.int32)),
            pa.array(rows[mine].astype(np.int32)),
            found.column("id"),
            pa.array(value),
            _signature(hashes[mine]),
            found.column("text"),
        ]
        out.ledger.rows_in = out.ledger.rows_out = len(mine)
        scatter(out.path(f"{piece.name}.arrow"), pa.table(columns, schema=schema(self.signature.keys)), part[mine])

    def _canaries(self, inputs: Inputs, out: Output) -> None:
        planted = inputs[1].read("canaries.parquet")
        part = np.load(inputs[0].file("parts.npy"), mmap_mode="r")[inputs[0].facts["starts"][-1] :]
        true = planted.column("jaccard").to_numpy()
        alone = [j for j, p in zip(true, part, strict=True) if p < 0 and must_be_found(j, self.threshold, self.signature.miss)]
        if alone:
            raise lost(len(alone))
        mine = np.flatnonzero(part >= 0)
        found = planted.take(pa.array(mine))
        hashes, _ = self.signature.sign(found.column("text").chunks)
        columns = [
            pa.array(np.full(len(mine), CANARY, np.int8)),
            pa.array(np.full(len(mine), -1, np.int32)),
            pa.array(mine.astype(np.int32)),
            found.column("original"),
            pa.array(np.zeros(len(mine))),
            _signature(hashes),
            found.column("text"),
        ]
        out.ledger.rows_in = out.ledger.rows_out = len(mine)
        scatter(out.path("canaries.arrow"), pa.table(columns, schema=schema(self.signature.keys)), part[mine])


def _signature(hashes: npt.NDArray[np.uint64]) -> pa.Array:
    raw = pa.py_buffer(np.ascontiguousarray(hashes).astype("<u8").tobytes())
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(8 * hashes.shape[1]), len(hashes), [None, raw])


@dataclass(frozen=True)
class Verdicts(Operator):
    """Which rows are dropped for which. Inputs: text and bands of the dataset that is judged, clusters, candidates of all
    datasets."""

    signature: Any
    threshold: float
    kind: ClassVar[str] = "verdicts"
    unicode: ClassVar[bool] = True

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece(f"{part:05d}", part) for part in range(inputs[2].facts["parts"])]

    def needs(self, inputs: Inputs) -> Needs:
        return Needs(24 * inputs[2].facts["largest_part"])

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        rows = gather(inputs[3:], piece.spec, schema(self.signature.keys))
        roles = rows.column("role").to_numpy()
        order = in_order(rows.column("id"), rows.column("value").to_numpy(), roles)
        hashes, places = shingle_sets(*buffers(rows.column("text").combine_chunks()), table(), self.signature.ngram, True)
        starts, ends = places[:-1][order], places[1:][order]
        rows, roles = rows.drop_columns("text").take(pa.array(order)), roles[order]
        bands = np.ascontiguousarray(fixed_bytes(rows.column("signature"))).view("<u8").astype(np.uint64, copy=False)
        survivor, similarity = greedy(buckets(bands), hashes, starts, ends, self.threshold, roles)
        out.facts = {"canaries": check(self._canaries(inputs[1], rows, roles, survivor), self.threshold, self.signature.miss)}
        publish_verdicts(out, piece, inputs[0], rows, survivor, similarity)

    def _canaries(
        self, bands: Published, rows: pa.Table, roles: npt.NDArray[np.int8], survivor: npt.NDArray[np.int32]
    ) -> Iterator[Verdict]:
        planted = np.flatnonzero(roles == CANARY)
        if not len(planted):
            return
        true = bands.read("canaries.parquet").column("jaccard").to_numpy()
        ids = rows.column("id").to_pylist()
        judged = {ids[i]: i for i in np.flatnonzero(roles == ROW)[::-1].tolist()}
        for i in planted.tolist():
            original = judged.get(ids[i], -1)
            winner = int(survivor[i])
            kept = original >= 0 and survivor[original] < 0
            number = rows.column("row")[i].as_py()
            yield Verdict(float(true[number]), kept, winner >= 0, winner >= 0 and winner == original)
