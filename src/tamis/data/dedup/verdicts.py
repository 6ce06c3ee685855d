"""From verdicts to a selection, for every kind of deduplication.

A verdict is a row that is dropped: where it lies, its survivor's id, and the similarity. Verdicts are published by whoever
compares rows, cut by groups of shards; here they become the next selection.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.ledger import Ledger
from tamis.core.step import Inputs, Operator, Output, Piece, Published, Step, Where
from tamis.data.apply import UnionColumns, UnionText, scored
from tamis.data.schema import ID
from tamis.data.score import Field, Score
from tamis.data.select import Resolve, View, carry
from tamis.data.shuffle import gather, groups, scatter
from tamis.kernels.lsh import REFERENCE, ROW

VERDICT = pa.schema(
    [pa.field("shard", pa.int32()), pa.field("row", pa.int32()), pa.field("survivor", ID), pa.field("similarity", pa.float64())]
)
Indices = npt.NDArray[np.signedinteger[Any]]


def shard_groups(text: Published) -> list[list[str]]:
    """Names of shards that are written together."""
    return groups((s.name, s.rows) for s in text.shards)


def publish_verdicts(
    out: Output, piece: Piece, text: Published, rows: pa.Table, survivor: Indices, similarity: npt.NDArray[np.float64]
) -> None:
    """Write what one job found, each verdict for the group of its shard.

    rows: what was compared (columns role, shard, row, id), in order; of them survivor[i] >= 0 is the row that i is dropped for.
    Only rows in the role ROW are dropped.
    """
    gone = np.flatnonzero((survivor >= 0) & (rows.column("role").to_numpy() == ROW))
    place, winner = pa.array(gone), pa.array(survivor[gone])
    columns = [rows.column("shard").take(place), rows.column("row").take(place), rows.column("id").take(winner)]
    verdicts = pa.table([*columns, pa.array(similarity[gone])], schema=VERDICT)
    out.ledger.rows_in, out.ledger.rows_out = rows.num_rows, rows.num_rows - len(gone)
    out.ledger.dropped["duplicate"] = len(gone)
    numbers = {name: number for number, names in enumerate(shard_groups(text)) for name in names}
    group = np.array([numbers[s.name] for s in text.shards], np.int32)
    scatter(out.path(f"{piece.name}.arrow"), verdicts, group[verdicts.column("shard").to_numpy()])


@dataclass(frozen=True)
class Survivors(Operator):
    """The selection without the rows that have a verdict. Inputs: text, selection, verdicts."""

    reason: str
    measure: str
    kind: ClassVar[str] = "selection"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece(f"{number:05d}", names) for number, names in enumerate(shard_groups(inputs[0]))]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        verdicts = gather(inputs[2:], int(piece.name), VERDICT)
        number = {s.name: i for i, s in enumerate(inputs[0].shards)}
        shard, row = (verdicts.column(name).to_numpy() for name in ("shard", "row"))
        order = np.lexsort((row, shard))
        total = Ledger()
        for name in piece.spec:
            low, high = np.searchsorted(shard[order], [number[name], number[name] + 1])
            mine = verdicts.take(pa.array(order[low:high]))
            proof = [
                json.dumps({"survivor": survivor.hex(), self.measure: round(value, 4)})
                for survivor, value in zip(
                    mine.column("survivor").to_pylist(), mine.column("similarity").to_pylist(), strict=True
                )
            ]
            rows = mine.column("row").to_numpy()
            selection, ledger = carry(inputs[1].read(name), rows, [self.reason] * len(rows), proof)
            total = Ledger.total([total, ledger])
            out.write(name, selection)
        out.ledger = total


def beside(op: Operator, text: Step) -> Step:
    """Columns beside a text; over a union they are the union of its parts' columns, so that arms share them."""
    if isinstance(text.op, UnionText):
        return Step(UnionColumns(), (text, *(beside(op, part) for part in text.inputs)))
    return Step(op, (text,))


def preferred(prefer: Field | Score | None, view: View, resolve: Resolve) -> tuple[str | None, tuple[Step, ...]]:
    """The name of the preferred column and the step that holds it; nothing if there is no preference."""
    if prefer is None:
        return None, ()
    field = prefer.field() if isinstance(prefer, Score) else prefer
    return field.name, (scored(field.score, view.text, view.selection, field.score.requires(resolve)),)


def preference(values: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """A preferred column as numbers of which the highest comes first; NaN and null come last."""
    numbers = values.cast(pa.float64()).to_numpy()
    out: npt.NDArray[np.float64] = np.where(np.isnan(numbers), -np.inf, numbers)
    return out


def in_order(ids: pa.ChunkedArray, value: npt.NDArray[np.float64], role: npt.NDArray[np.int8]) -> Indices:
    """Places of rows in order: references, rows, canaries; each by falling preference, then by id."""
    halves = np.ascontiguousarray(fixed_bytes(ids)).view(">u8")
    rank = np.where(role == REFERENCE, -1, role)
    order: Indices = np.lexsort((halves[:, 1], halves[:, 0], -value, rank))
    return order


def fixed_bytes(column: pa.ChunkedArray) -> npt.NDArray[np.uint8]:
    """A column of fixed-size bytes as uint8 (rows, width)."""
    array = column.combine_chunks()
    width = array.type.byte_width
    raw = np.frombuffer(array.buffers()[1] or b"", np.uint8, len(array) * width, array.offset * width)
    return raw.reshape(len(array), width)


__all__ = [
    "VERDICT",
    "Survivors",
    "beside",
    "fixed_bytes",
    "in_order",
    "preference",
    "preferred",
    "publish_verdicts",
    "shard_groups",
]
