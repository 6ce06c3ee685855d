"""Evaluation as steps: `Items` publishes what a task asks, `Evaluate` one model's answers to it.

Items of documents read (text, selection); items of questions read a file whose sha256 is in the key. `Evaluate` reads
(model, items). The model step's directory is an ordinary model directory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from tamis.core.disk import file_sha256
from tamis.core.errors import TamisError
from tamis.core.step import Inputs, Operator, Output, Piece, Step, Where, kebab
from tamis.eval.bpb import EMPTY, BitsPerByte
from tamis.eval.directory import open_model
from tamis.eval.questions import Questions
from tamis.eval.score import evaluate, scoring_numerics
from tamis.eval.task import ITEMS, Task, to_table
from tamis.lm.numerics import Numerics


@dataclass(frozen=True)
class Items(Operator):
    """The items of a task, as a table. `sha256`: of the task's file, for questions."""

    task: Task
    sha256: str = ""

    kind: ClassVar[str] = "items"

    @property
    def label(self) -> str:
        return kebab(f"items-{self.task.name}")

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        if isinstance(self.task, Questions):
            return [Piece("items", where.data)]
        return super().jobs(inputs, where)

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        if isinstance(self.task, Questions):
            if file_sha256(Path(piece.spec) / self.task.path) != self.sha256:
                raise TamisError(f"{self.task.path}: changed while it was being read; run again")
            table = to_table(self.task.items(piece.spec), self.task.name)
            out.ledger.rows_in = out.ledger.rows_out = table.num_rows
            out.write("items.parquet", table)
            return
        assert isinstance(self.task, BitsPerByte)
        rows = inputs[0].read(piece.spec)
        if len(inputs) > 1:
            rows = rows.filter(pc.is_null(inputs[1].read(piece.spec, ["reason"]).column("reason")))
        table = to_table(self.task.items(rows.to_batches()), self.task.name)
        out.ledger.rows_in, out.ledger.rows_out = rows.num_rows, table.num_rows
        if rows.num_rows > table.num_rows:
            out.ledger.dropped[EMPTY] = rows.num_rows - table.num_rows
        out.write(piece.spec, table)


@dataclass(frozen=True)
class Evaluate(Operator):
    """One model on one task: one row of results an item. Facts: items, and the numerator and denominator of the metric."""

    task: Task
    numerics: Numerics

    kind: ClassVar[str] = "results"
    libraries: ClassVar[tuple[str, ...]] = ("tokenizers", "transformers")

    @property
    def label(self) -> str:
        return kebab(f"eval-{self.task.name}")

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        size = sum(s.bytes for s in inputs[0].shards)
        return [Piece("results", None, float(inputs[1].rows) * size)]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        model, published = inputs
        items = pa.concat_tables([published.read(s.name) for s in published.shards] or [ITEMS.empty_table()])
        if not items.num_rows:
            raise TamisError(f"task {self.task.name} has no items: nothing to judge by")
        with self.numerics.applied():
            loaded, tokenizer, context = open_model(model.path, self.numerics.device)
            results = evaluate(loaded, tokenizer, self.task, items, context, lambda judged, of: out.progress(judged / of))
        out.ledger.rows_in = out.ledger.rows_out = results.num_rows
        out.facts = {
            "items": results.num_rows,
            "value": pc.sum(results.column("value")).as_py(),
            "weight": pc.sum(results.column("weight")).as_py(),
        }
        out.write("results.parquet", results)


def items_step(task: Task, data: str | Path = ".", documents: Sequence[Step] = ()) -> Step:
    """The step that publishes a task's items: from its file under `data`, or from `documents` (text, selection)."""
    if isinstance(task, Questions):
        path = Path(data) / task.path
        if not path.is_file():
            raise TamisError(f"{task.path}: no such file under the data root; give --data or mend the task's path")
        return Step(Items(task.essence(), file_sha256(path)))
    return Step(Items(task.essence()), tuple(documents))


def results_step(task: Task, model: Step, items: Step, device: str = "cpu") -> Step:
    """The step that judges a model (a step whose directory is a model directory) on published items."""
    return Step(Evaluate(task.essence(), scoring_numerics(device)), (model, items))
