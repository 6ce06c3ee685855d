"""Who may be near whom: from signatures beside texts to clusters of rows that share a band, out of core.

`Bands` writes the band hashes of the selected rows band by band, one file a band and a group of shards; `Clusters` reads one
band at a time, joins the rows that share a hash, and deals the clusters out to parts of about equal size, so that each part can
be compared alone. Rows are numbered through: datasets, shards and rows in order, the canaries last.

Memory of the one job of `Clusters`: 4 bytes a row (8 from two billion on), and besides either 16 a row for up to `RANGE_ROWS`
rows at a time, or 40 for each row that shares a band. Disk: 8 bytes a band and row. Both are stated before it starts (`needs`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.budget import Needs
from tamis.core.step import Inputs, Operator, Output, Piece, Published, Where
from tamis.data.dedup.canaries import CANARIES, CANARY, LONGEST, agreeing, copies, similarities
from tamis.data.dedup.verdicts import fixed_bytes, shard_groups
from tamis.data.select import kept
from tamis.data.shuffle import GROUP_ROWS
from tamis.kernels.lsh import flatten, link, shared

RANGE_ROWS = 1 << 27  # rows of a band that are looked at together
PART_WEIGHT = 1 << 24  # of a part, at least: about 200 MB
ROW_WEIGHT = 64  # of a row, in shingles
PARTS = 1024  # at most
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Bands(Operator):
    """Inputs: text, selection, signatures. Files: {group}-{band}.npy (uint64 hashes), {group}-weights.npy (int32 shingles),
    and, with `canaries`, the same of planted copies under the group "canaries", and canaries.parquet. Facts: rows per shard."""

    signature: Any  # the operator that made the signatures; of it `keys`, `ngram` and `sign(texts)` are used
    canaries: bool = True
    kind: ClassVar[str] = "bands"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        pieces = [Piece(f"{number:05d}", names) for number, names in enumerate(shard_groups(inputs[0]))]
        return [*pieces, Piece("canaries")] if self.canaries else pieces

    def needs(self, inputs: Inputs) -> Needs:
        rows = inputs[0].rows
        return Needs(10 * self.signature.keys * min(rows, GROUP_ROWS), 8 * self.signature.keys * rows)

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        if piece.name == "canaries":
            self._plant(inputs, out)
            return
        sizes = {s.name: s.rows for s in inputs[0].shards}
        parts: list[Hashes] = []  # (bands, rows) of each shard, so that a band is written without a copy of the others
        weights, counts = [], {}
        for name in piece.spec:
            rows, shingles, signature = chosen(inputs, name)
            out.ledger.rows_in += sizes[name]
            parts.append(np.ascontiguousarray(signature.T))
            weights.append(shingles)
            counts[name] = len(rows)
        out.ledger.rows_out = out.ledger.rows_in
        out.facts = {"rows": counts, "curve": []}
        self._write(out, piece.name, parts, weights)

    def _write(self, out: Output, group: str, parts: list[Hashes], weights: list[npt.NDArray[np.int32]]) -> None:
        for band in range(self.signature.keys):
            np.save(out.path(f"{group}-{band:03d}.npy"), np.concatenate([part[band] for part in parts]))
        np.save(out.path(f"{group}-weights.npy"), np.concatenate(weights))

    def _plant(self, inputs: Inputs, out: Output) -> None:
        ids, texts, signatures = self._originals(inputs)
        originals = pa.array(texts, pa.large_string())
        planted = pa.array(copies(texts, self.signature.ngram), pa.large_string())
        hashes, shingles = self.signature.sign([planted])
        found = agreeing(hashes, signatures)
        true = similarities(originals, planted, self.signature.ngram)
        columns = [pa.array(ids, pa.binary(16)), planted, pa.array(true, pa.float64()), pa.array(found, pa.bool_())]
        out.facts = {"rows": {}, "curve": [[round(j, 4), bool(f)] for j, f in zip(true, found, strict=True)]}
        self._write(out, "canaries", [hashes.T], [shingles])
        out.write("canaries.parquet", pa.table(columns, schema=CANARY))

    def _originals(self, inputs: Inputs) -> tuple[list[bytes], list[str], Hashes]:
        """Rows with words, not too long, of the first shards that have them: ids, texts, signatures. They are found by their
        text, not by what the signatures say of it."""
        ids: list[bytes] = []
        texts: list[str] = []
        hashes = [np.zeros((0, self.signature.keys), np.uint64)]
        for shard in inputs[0].shards:
            if len(ids) >= CANARIES:
                break
            rows = np.flatnonzero(kept(inputs[1].read(shard.name)))
            table = inputs[0].read(shard.name, ["id", "text"]).take(pa.array(rows[: 4 * CANARIES]))
            pairs = enumerate(zip(table.column("id").to_pylist(), table.column("text").to_pylist(), strict=True))
            mine = [(i, own, text) for i, (own, text) in pairs if text.strip() and len(text) <= LONGEST][: CANARIES - len(ids)]
            ids += [own for _, own, _ in mine]
            texts += [text for _, _, text in mine]
            signature = fixed_bytes(inputs[2].read(shard.name, ["signature"]).column("signature"))
            hashes.append(np.ascontiguousarray(signature[rows[[i for i, _, _ in mine]]]).view("<u8").astype(np.uint64))
        return ids, texts, np.concatenate(hashes)

    def summary(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        rows = {name: count for part in facts for name, count in part["rows"].items()}
        return {"rows": rows, "curve": [point for part in facts for point in part["curve"]]}


def chosen(inputs: Inputs, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], Hashes]:
    """The rows of a shard that are selected and have a word: their places, shingles, and band hashes (rows, bands).

    Inputs: text, selection, signatures. A text without words has no near-duplicates.
    """
    signed = inputs[2].read(name)
    shingles = signed.column("shingles").to_numpy()
    rows = np.flatnonzero(kept(inputs[1].read(name)) & (shingles > 0))
    hashes = np.ascontiguousarray(fixed_bytes(signed.column("signature"))[rows]).view("<u8").astype(np.uint64, copy=False)
    return rows, shingles[rows], hashes


@dataclass(frozen=True)
class Clusters(Operator):
    """For every row the part in which it is compared, or -1 if it shares no band with another one. Inputs: `Bands` of each
    dataset.

    File: parts.npy (int32, a row each). Facts: rows, parts, clustered rows, the largest cluster's rows and shingles, and where
    each dataset's rows start (the canaries' start last).
    """

    bands: int
    kind: ClassVar[str] = "clusters"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all", None, float(sum(s.bytes for i in inputs for s in i.shards)))]

    def needs(self, inputs: Inputs) -> Needs:
        rows = sum(sum(i.facts["rows"].values()) for i in inputs)
        return Needs(self.memory(rows), 4 * rows)

    @staticmethod
    def memory(rows: int) -> int:
        """Bytes for so many rows if a third of them share a band."""
        number = 4 if rows < 2**31 else 8
        return number * rows + max(16 * min(rows, RANGE_ROWS), 14 * rows)

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        files = [f for step in inputs for f in _group_files(step)] + [f for step in inputs for f in _canary_files(step)]
        sizes = [len(np.load(f"{f}-weights.npy", mmap_mode="r")) for f in files]
        rows = sum(sizes)
        parent: npt.NDArray[np.signedinteger[Any]] = np.arange(rows, dtype=np.int32 if rows < 2**31 else np.int64)
        ranges = max(1, -(-rows // RANGE_ROWS))
        for band in range(self.bands):
            for part in range(ranges):
                for places, start in _buckets([Path(f"{f}-{band:03d}.npy") for f in files], rows, part, ranges):
                    link(parent, places, start)
                out.progress((band * ranges + part + 1) / (self.bands * ranges))
        members = np.flatnonzero(flatten(parent))
        roots, inverse = np.unique(parent[members], return_inverse=True)
        del parent
        weight = _weights(files, sizes, members)
        shingles = np.bincount(inverse, weight, len(roots))
        sizes_of = np.bincount(inverse, minlength=len(roots))
        load = shingles + ROW_WEIGHT * sizes_of
        part_of = ((np.cumsum(load) - load) // max(PART_WEIGHT, load.sum() // PARTS)).astype(np.int32)
        parts = np.full(rows, -1, np.int32)
        parts[members] = np.unique(part_of, return_inverse=True)[1][inverse]
        np.save(out.path("parts.npy"), parts)
        counts = [sum(step.facts["rows"].values()) for step in inputs]
        out.facts = {
            "rows": sum(counts),
            "starts": np.cumsum([0, *counts]).tolist(),
            "clustered": len(members),
            "parts": int(parts.max(initial=-1)) + 1,
            "largest_cluster": int(sizes_of.max(initial=0)),
            "largest_part": int(np.bincount(part_of, load).max(initial=0)),
        }

    def summary(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return dict(facts[0])


def _group_files(step: Published) -> list[str]:
    ending = "-weights.npy"
    return [str(step.file(s.name))[: -len(ending)] for s in step.shards if s.name.endswith(ending) and s.name[0].isdigit()]


def _canary_files(step: Published) -> list[str]:
    ending = "-weights.npy"
    return [str(step.file(s.name))[: -len(ending)] for s in step.shards if s.name == f"canaries{ending}"]


def _buckets(
    files: list[Path], rows: int, part: int, ranges: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]]:
    """The rows that share a hash of one band, for one range of hashes."""
    if ranges == 1:
        hashes = np.empty(rows, np.uint64)
        place = 0
        for file in files:
            column = np.load(file, mmap_mode="r")
            hashes[place : place + len(column)] = column
            place += len(column)
        yield shared(hashes)
        return
    width = np.uint64(2**64 // ranges + 1)
    found, numbers, place = [], [], 0
    for file in files:
        column = np.load(file, mmap_mode="r")
        mine = np.flatnonzero(column // width == part)
        found.append(column[mine])
        numbers.append(mine + place)
        place += len(column)
    places, start = shared(np.concatenate(found))
    yield np.concatenate(numbers)[places], start


def _weights(files: list[str], sizes: list[int], members: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Shingles of the rows `members` (rising)."""
    out, place = np.zeros(len(members), np.int32), 0
    for file, size in zip(files, sizes, strict=True):
        low, high = np.searchsorted(members, [place, place + size])
        out[low:high] = np.load(f"{file}-weights.npy", mmap_mode="r")[members[low:high] - place]
        place += size
    return out
