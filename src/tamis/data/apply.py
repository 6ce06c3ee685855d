"""The steps that read text: sources, scores, edits, unions.

A source or an edit publishes a text; a score publishes columns beside one. All missing scores of a text run together, shard
by shard, so the text is decoded once however many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from tamis.core.errors import TamisError
from tamis.core.ledger import Ledger
from tamis.core.step import DROPPED, Inputs, Operator, Output, Piece, Step, Where, kebab
from tamis.data.edit import Drop, Edit
from tamis.data.schema import DOCUMENT, ID, child_id
from tamis.data.score import Score
from tamis.data.select import kept

SHOWN = 2000  # characters kept of a row that an edit dropped, for people to read
GONE = pa.schema([("id", ID), ("reason", pa.string()), ("evidence", pa.string()), ("text", pa.large_string())])
BATCH = 1024  # rows handed to an operator at once: bounds memory, changes nothing


@dataclass(frozen=True)
class ScoreText(Operator):
    """One score of every row of a text (of the selected rows, if the score is costly; the others are null)."""

    score: Score
    kind: ClassVar[str] = "columns"
    fuses: ClassVar[bool] = True

    @property
    def label(self) -> str:
        return kebab(type(self.score).__name__)

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        offset = 2 if self.score.costly else 1
        score = self.score.bind([i.path for i in inputs[offset:]])
        table = inputs[0].read(piece.spec)
        wanted = kept(inputs[1].read(piece.spec)) if self.score.costly else None
        rows = table if wanted is None else table.filter(pa.array(wanted))
        batches = [self._batch(score, b, piece) for b in rows.select(list(score.reads)).to_batches(max_chunksize=BATCH)]
        result = pa.Table.from_batches(batches, schema=score.schema())
        if wanted is not None:
            place = np.where(wanted, np.cumsum(wanted) - 1, 0)
            optional = pa.schema([field.with_nullable(True) for field in result.schema])
            result = pa.table(result.take(pa.array(place, mask=~wanted)).columns, schema=optional)
        out.ledger.rows_in = out.ledger.rows_out = table.num_rows
        out.write(piece.spec, result)

    def _batch(self, score: Score, batch: pa.RecordBatch, piece: Piece) -> pa.RecordBatch:
        try:
            result = score.score_batch(*batch.columns)
        except TamisError:
            raise
        except Exception as error:
            name = type(score).__name__
            raise TamisError(f"score {name} failed in {piece.spec}: {type(error).__name__}: {error}") from error
        if result.num_rows != batch.num_rows or not result.schema.equals(score.schema()):
            raise TamisError(
                f"score {type(score).__name__} returned {result.num_rows} rows of {result.schema.names} "
                f"for {batch.num_rows} documents; it declares {score.schema().names}"
            )
        return result


@dataclass(frozen=True)
class EditText(Operator):
    """The selected rows of a text, edited: a new text."""

    edit: Edit
    kind: ClassVar[str] = "text"

    @property
    def label(self) -> str:
        return kebab(type(self.edit).__name__)

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        table = inputs[0].read(piece.spec).filter(pa.array(kept(inputs[1].read(piece.spec))))
        out.ledger.rows_in = table.num_rows
        gone: list[tuple[bytes, str, str, str]] = []
        parts = [self._batch(b, out.ledger, gone) for b in table.to_batches(max_chunksize=BATCH)]
        result = pa.Table.from_batches(parts, schema=DOCUMENT)
        out.ledger.rows_out = result.num_rows
        out.write(piece.spec, result)
        if gone:
            out.write(DROPPED + piece.spec, pa.table([list(c) for c in zip(*gone, strict=True)], schema=GONE))

    def _batch(self, batch: pa.RecordBatch, ledger: Ledger, gone: list[tuple[bytes, str, str, str]]) -> pa.RecordBatch:
        ids: list[bytes] = []
        texts: list[str] = []
        rows: list[int] = []
        for row, result in enumerate(self.edit.edit_batch(batch)):
            parent = batch.column("id")[row].as_py()
            if isinstance(result, Drop):
                ledger.dropped[result.reason] += 1
                gone.append((parent, result.reason, result.evidence, batch.column("text")[row].as_py()[:SHOWN]))
            elif isinstance(result, str):
                ids.append(parent)
                texts.append(result)
                rows.append(row)
            elif not self.edit.splits:
                raise TamisError(f"edit {type(self.edit).__name__} returned {type(result).__name__}; only splits=True may")
            else:
                ledger.rows_born += len(result) - 1
                ids += [child_id(parent, i) for i in range(len(result))]
                texts += result
                rows += [row] * len(result)
        taken = batch.take(pa.array(rows, pa.int64()))
        columns: list[Any] = [pa.array(ids, DOCUMENT.field("id").type), pa.array(texts, pa.large_string())]
        return pa.RecordBatch.from_arrays([*columns, *taken.columns[2:]], schema=DOCUMENT)


@dataclass(frozen=True)
class UnionText(Operator):
    """Texts one after another, without a copy: shards are second names of the same files."""

    kind: ClassVar[str] = "text"
    label: ClassVar[str] = "union"
    skip: ClassVar[int] = 0

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [
            Piece(f"{i:02d}-{s.name.removesuffix('.parquet')}", (i, s.name), float(s.rows))
            for i, part in enumerate(inputs[self.skip :], self.skip)
            for s in part.shards
        ]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        number, name = piece.spec
        part = inputs[number]
        rows = next(s.rows for s in part.shards if s.name == name)
        out.link(f"{number - self.skip:02d}-{name}", part.file(name), rows)
        counted = int(kept(part.read(name)).sum()) if self.kind == "selection" else rows
        out.ledger.rows_in = out.ledger.rows_out = counted


@dataclass(frozen=True)
class UnionSelection(UnionText):
    """The selections of the texts of a union; the first input is the union."""

    kind: ClassVar[str] = "selection"
    label: ClassVar[str] = "union-selection"
    skip: ClassVar[int] = 1


@dataclass(frozen=True)
class UnionColumns(UnionText):
    """The scores of the texts of a union, so that a union never scores a row again; the first input is the union."""

    kind: ClassVar[str] = "columns"
    label: ClassVar[str] = "union-columns"
    skip: ClassVar[int] = 1


def scored(score: Score, text: Step, selection: Step, requires: Sequence[Step] = ()) -> Step:
    """The columns of `score` beside `text`; over a union they are the union of its parts' columns."""
    if isinstance(text.op, UnionText) and not score.costly:
        return Step(UnionColumns(), (text, *(scored(score, part, selection, requires) for part in text.inputs)))
    before = (text, selection) if score.costly else (text,)
    return Step(ScoreText(score), (*before, *requires))


__all__ = ["EditText", "ScoreText", "UnionColumns", "UnionSelection", "UnionText", "scored"]
