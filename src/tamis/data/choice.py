"""Choosing among all rows in order of preference, in one job: the ground of address deduplication and domain caps.

Memory: about 100 bytes for every selected row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.step import Inputs, Operator, Piece, Published, Where
from tamis.data.select import kept

Indices = npt.NDArray[np.signedinteger[Any]]


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
    """One job over all rows in order of preference. Inputs: text, selection, columns, preferred score."""

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
