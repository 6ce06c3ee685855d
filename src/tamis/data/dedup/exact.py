"""Exact duplicates: texts with the same 128-bit hash, of their bytes or of their words.

Hashes lie beside the text. They are dealt out by their value, so that equal ones meet in one part, and each part is judged alone.
Memory of a job: about 100 bytes a row of its part. Disk: about 50 bytes a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from tamis.core.budget import Needs
from tamis.core.step import Inputs, Operator, Output, Piece, Step, Where
from tamis.data.dedup.verdicts import (
    Survivors,
    beside,
    fixed_bytes,
    in_order,
    preference,
    preferred,
    publish_verdicts,
    shard_groups,
)
from tamis.data.schema import ID
from tamis.data.score import Field, Score
from tamis.data.select import Resolve, View, kept
from tamis.data.shuffle import gather, scatter
from tamis.kernels.digest import digests, word_digests
from tamis.kernels.jit import buffers
from tamis.kernels.lsh import REFERENCE, ROW

PART_ROWS = 1 << 22
HASHED = pa.schema(
    [
        pa.field("role", pa.int8()),
        pa.field("shard", pa.int32()),
        pa.field("row", pa.int32()),
        pa.field("id", ID),
        pa.field("value", pa.float64()),
        pa.field("hash", pa.binary(16)),
    ]
)


@dataclass(frozen=True)
class Exact:
    """Drop documents whose text was kept before; with `normalise`, whose lower-case words were.

    `prefer` names a score: of equal texts the row with the highest value is kept. `against`: see `MinHash`.
    """

    normalise: bool = False
    prefer: Field | Score | None = None
    against: Any = None
    label: ClassVar[str] = "exact dedup"

    def select(self, view: View, resolve: Resolve) -> Step:
        views = [view] if self.against is None else [view, resolve(self.against)]
        dealt = []
        for number, each in enumerate(views):
            name, columns = preferred(None if number else self.prefer, each, resolve)
            op = HashesByValue(number > 0, name, len(views))
            rows = tuple(v.text for v in views)
            dealt.append(Step(op, (*each, beside(TextHashes(self.normalise), each.text), *rows, *columns)))
        verdicts = Step(Equal(), (view.text, *dealt))
        return Step(Survivors("duplicate", "jaccard"), (*view, verdicts))


@dataclass(frozen=True)
class TextHashes(Operator):
    """A 128-bit digest of every text, or of its words."""

    normalise: bool = False
    version: ClassVar[int] = 2  # `kernels.digest`
    kind: ClassVar[str] = "columns"
    fuses: ClassVar[bool] = True
    unicode: ClassVar[bool] = True

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        chunks = [buffers(chunk) for chunk in inputs[0].read(piece.spec, ["text"]).column("text").chunks]
        parts = [word_digests(texts) if self.normalise else digests(texts) for texts in chunks]
        raw = np.concatenate([np.zeros((0, 16), np.uint8), *parts])
        hashes = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(raw), [None, pa.py_buffer(raw.tobytes())])
        out.ledger.rows_in = out.ledger.rows_out = len(raw)
        out.write(piece.spec, pa.table({"hash": hashes}))


@dataclass(frozen=True)
class HashesByValue(Operator):
    """The selected rows of a dataset, dealt out by their hash. Inputs: text, selection, hashes, the texts of all datasets that
    are compared (their rows decide the number of parts), preferred score. References are not judged."""

    reference: bool
    prefer: str | None
    datasets: int
    kind: ClassVar[str] = "hashes"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece(f"{number:05d}", names) for number, names in enumerate(shard_groups(inputs[0]))]

    def needs(self, inputs: Inputs) -> Needs:
        return Needs(0, 50 * inputs[0].rows)

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        number = {s.name: i for i, s in enumerate(inputs[0].shards)}
        tables = [self._rows(inputs, name, number[name]) for name in piece.spec]
        rows = pa.concat_tables(tables) if tables else HASHED.empty_table()
        out.ledger.rows_in = out.ledger.rows_out = rows.num_rows
        parts = parts_for(sum(i.rows for i in inputs[3 : 3 + self.datasets]))
        high = np.ascontiguousarray(fixed_bytes(rows.column("hash"))[:, :8]).view(">u8").ravel()
        out.facts = {"parts": parts}
        scatter(out.path(f"{piece.name}.arrow"), rows, (high >> np.uint64(32)).astype(np.int64) * parts >> 32)

    def _rows(self, inputs: Inputs, name: str, number: int) -> pa.Table:
        rows = np.flatnonzero(kept(inputs[1].read(name)))
        take = pa.array(rows)
        if self.prefer:
            value = preference(inputs[-1].read(name, [self.prefer]).column(self.prefer))[rows]
        else:
            value = np.zeros(len(rows))
        columns = [
            pa.array(np.full(len(rows), REFERENCE if self.reference else ROW, np.int8)),
            pa.array(np.full(len(rows), number, np.int32)),
            pa.array(rows.astype(np.int32)),
            inputs[0].read(name, ["id"]).column("id").take(take),
            pa.array(value),
            inputs[2].read(name, ["hash"]).column("hash").take(take),
        ]
        return pa.table(columns, schema=HASHED)

    def summary(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return dict(facts[0]) if facts else {"parts": 0}


def parts_for(rows: int) -> int:
    """Into how many parts so many rows are dealt."""
    return -(-rows // PART_ROWS) or 1


@dataclass(frozen=True)
class Equal(Operator):
    """Of the rows with one hash all but the first are dropped. Inputs: the text that is judged, the dealt rows of all
    datasets."""

    kind: ClassVar[str] = "verdicts"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece(f"{part:05d}", part) for part in range(max(i.facts["parts"] for i in inputs[1:]))]

    def needs(self, inputs: Inputs) -> Needs:
        rows = sum(i.ledger.rows_out for i in inputs[1:])
        return Needs(100 * min(rows, PART_ROWS), 32 * rows)

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        rows = gather(inputs[1:], piece.spec, HASHED)
        roles = rows.column("role").to_numpy()
        rows = rows.take(pa.array(in_order(rows.column("id"), rows.column("value").to_numpy(), roles)))
        hashes = np.ascontiguousarray(fixed_bytes(rows.column("hash"))).view(">u8")
        order = np.lexsort((hashes[:, 1], hashes[:, 0]))
        fresh = np.ones(len(order), bool)
        fresh[1:] = (hashes[order][1:] != hashes[order][:-1]).any(axis=1)
        first = np.empty(len(order), np.int64)
        first[order] = order[np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))]
        survivor = np.where(first == np.arange(len(order)), -1, first)
        publish_verdicts(out, piece, inputs[0], rows, survivor, np.ones(len(order)))
