"""Selections: what became of every row of a text, row for row beside it and without a copy of it.

A selection has two columns: `reason` (null while the row is kept, else the first reason it was dropped for) and `evidence`
(JSON text: the value, the survivor, the match). It is cumulative: a row dropped before keeps its reason and is not looked at
again. Every select step reads (text, previous selection, ...) and starts from `All`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.core.errors import TamisError
from tamis.core.ledger import Ledger
from tamis.core.step import Inputs, Operator, Output, Piece, Step, Where
from tamis.data.schema import fraction_of
from tamis.data.score import Value

Mask = np.ndarray[Any, np.dtype[np.bool_]]
SELECTION = pa.schema([pa.field("reason", pa.string()), pa.field("evidence", pa.string())])


class View(NamedTuple):
    """A dataset as steps: a text, and the selection of its rows."""

    text: Step
    selection: Step


Resolve = Callable[[Any], View]  # a declared dataset to its view, for operators that refer to another dataset


class Select(Protocol):
    """A declared operator on a whole corpus (dedup, nearness, sampling): it adds the steps that drop rows of a view."""

    def select(self, view: View, resolve: Resolve) -> Step: ...


def kept(selection: pa.Table) -> Mask:
    """Boolean per row: still selected."""
    mask: Mask = pc.is_null(selection.column("reason")).combine_chunks().to_numpy(zero_copy_only=False)
    return mask


def carry(
    previous: pa.Table, rows: np.ndarray[Any, Any], reasons: Sequence[str], evidence: Sequence[str | None]
) -> tuple[pa.Table, Ledger]:
    """The next selection: `rows` (indices, all kept before) are dropped for `reasons`; everything else stays as it was."""
    reason, proof = previous.column("reason").combine_chunks(), previous.column("evidence").combine_chunks()
    order = np.argsort(rows, kind="stable")
    mask = np.zeros(len(reason), bool)
    mask[rows] = True
    before = reason.null_count
    if mask.sum() != len(rows) or not reason.is_null().filter(pa.array(mask)).to_numpy(zero_copy_only=False).all():
        raise AssertionError("a row was dropped twice")
    new_reasons = pa.array([reasons[i] for i in order.tolist()], pa.string())
    new_proofs = pa.array([evidence[i] for i in order.tolist()], pa.string())
    columns = [pc.replace_with_mask(old, pa.array(mask), new) for old, new in ((reason, new_reasons), (proof, new_proofs))]
    ledger = Ledger(rows_in=before, rows_out=before - len(rows), dropped=Counter(reasons))
    return pa.table(columns, schema=SELECTION), ledger


@dataclass(frozen=True)
class All(Operator):
    """Every row of the text is selected."""

    kind: ClassVar[str] = "selection"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        rows = next(s.rows for s in inputs[0].shards if s.name == piece.spec)
        nothing = pa.nulls(rows, pa.string())
        out.ledger.rows_in = out.ledger.rows_out = rows
        out.write(piece.spec, pa.table([nothing, nothing], schema=SELECTION))


@dataclass(frozen=True)
class Bound:
    """A rule on column `name` of input number `column`, counted from 0 after text and selection."""

    column: int
    name: str
    reason: str
    min: float | None = None
    max: float | None = None
    isin: tuple[Value, ...] | None = None

    def passes(self, values: pa.Array) -> Mask:
        """Boolean per row: inside the bound."""
        if self.isin is not None:
            inside: Mask = pc.is_in(values, pa.array(list(self.isin), values.type)).to_numpy(zero_copy_only=False)
        else:
            inside = np.ones(len(values), bool)
        if self.min is not None or self.max is not None:
            number = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
            inside &= (number >= (-np.inf if self.min is None else self.min)) & (
                number <= (np.inf if self.max is None else self.max)
            )
        return inside


@dataclass(frozen=True)
class Keep(Operator):
    """Keep the rows whose scores are inside all bounds; the reason is the first bound that is broken, in declared order."""

    bounds: tuple[Bound, ...]
    kind: ClassVar[str] = "selection"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        previous = inputs[1].read(piece.spec)
        tables = [i.read(piece.spec) for i in inputs[2:]]
        open_rows = kept(previous)
        first = np.full(len(open_rows), -1)
        columns = [tables[b.column].column(b.name).combine_chunks() for b in self.bounds]
        for number, (bound, values) in enumerate(zip(self.bounds, columns, strict=True)):
            self._refuse_nan(values, open_rows, bound, inputs, piece)
            fails = open_rows & (first < 0) & ~bound.passes(values)
            first[fails] = number
        rows = np.flatnonzero(first >= 0)
        chosen = first[rows].tolist()
        evidence = [""] * len(rows)
        for number, values in enumerate(columns):
            mine = np.flatnonzero(first[rows] == number)
            for place, value in zip(mine.tolist(), values.take(pa.array(rows[mine])).to_pylist(), strict=True):
                evidence[place] = json.dumps({"value": value})
        table, out.ledger = carry(previous, rows, [self.bounds[b].reason for b in chosen], evidence)
        out.write(piece.spec, table)

    def _refuse_nan(self, values: pa.Array, rows: np.ndarray[Any, Any], bound: Bound, inputs: Inputs, piece: Piece) -> None:
        if not pa.types.is_floating(values.type):
            return
        bad = np.flatnonzero(rows & np.isnan(values.to_numpy(zero_copy_only=False)))
        if len(bad):
            ids = inputs[0].read(piece.spec, ["id"]).column("id")
            raise TamisError(
                f"{bound.reason}: the score is NaN for document {ids[int(bad[0])].as_py().hex()}; return a number for every text"
            )


@dataclass(frozen=True)
class Sample(Operator):
    """Keep the rows whose hash of (stream, seed, id) falls below `fraction` (or, with `complement`, the others): the same rows in
    every arm. The hold-out draws from the stream "", a dataset's `sample` from "sample"."""

    fraction: float
    seed: int = 0
    complement: bool = False
    reason: str = "not sampled"
    stream: str = ""
    kind: ClassVar[str] = "selection"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        previous = inputs[1].read(piece.spec)
        ids = inputs[0].read(piece.spec, ["id"]).column("id")
        inside = fraction_of(ids, self.seed, self.stream).to_numpy() < self.fraction
        rows = np.flatnonzero(kept(previous) & (inside == self.complement))
        table, out.ledger = carry(previous, rows, [self.reason] * len(rows), [None] * len(rows))
        out.write(piece.spec, table)

    def select(self, view: View, resolve: Resolve) -> Step:
        if not 0 < self.fraction <= 1:
            raise TamisError(f"sample: fraction must be in (0, 1], not {self.fraction}")
        return Step(self, (view.text, view.selection))


@dataclass(frozen=True)
class TopFraction(Operator):
    """Keep the `fraction` of the still selected rows with the highest value of one column; ties go to the smaller id."""

    column: str
    fraction: float
    reason: str
    kind: ClassVar[str] = "selection"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all", None, float(sum(s.bytes for s in inputs[2].shards)))]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        text, before, columns = inputs[:3]
        names = [s.name for s in text.shards]
        open_rows = {name: np.flatnonzero(kept(before.read(name))) for name in names}
        values = np.concatenate([columns.read(n).column(self.column).to_numpy()[open_rows[n]] for n in names] or [np.empty(0)])
        ids = np.concatenate(
            [np.array(text.read(n, ["id"]).column("id").to_pylist(), dtype="S16")[open_rows[n]] for n in names]
            or [np.empty(0, "S16")]
        )
        if np.isnan(values).any():
            raise TamisError(f"{self.reason}: the score is NaN for document {ids[np.isnan(values)][0].hex()}")
        order = np.lexsort((ids, -values))
        passes = np.zeros(len(values), bool)
        passes[order[: round(self.fraction * len(values))]] = True
        start, total = 0, Ledger()
        for name in names:
            rows = open_rows[name]
            inside, value = passes[start : start + len(rows)], values[start : start + len(rows)]
            start += len(rows)
            evidence = [json.dumps({"value": float(v)}) for v in value[~inside]]
            table, ledger = carry(before.read(name), rows[~inside], [self.reason] * len(evidence), evidence)
            total = Ledger.total([total, ledger])
            out.write(name, table)
        out.ledger = total
