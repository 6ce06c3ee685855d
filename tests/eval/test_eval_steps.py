"""Evaluation through the engine: items published once, results per model, ledgers balanced, keys that mean something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from tamis.core.errors import TamisError
from tamis.core.runner import Local, run
from tamis.core.step import Inputs, Operator, Output, Piece, Step, Where
from tamis.core.store import Store
from tamis.eval.bpb import EMPTY, BitsPerByte
from tamis.eval.directory import evaluate_directory
from tamis.eval.questions import MultipleChoice
from tamis.eval.steps import items_step, results_step
from tamis.eval.task import ITEMS, from_table

TEXTS = ("ka lo", "", "mi ru ten", "sé var")


@dataclass(frozen=True)
class Texts(Operator):
    """Two shards of documents."""

    kind: ClassVar[str] = "text"

    def jobs(self, inputs: Inputs, where: Where) -> list[Piece]:
        return [Piece("0"), Piece("1")]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        ids = [f"{piece.name}-{i}".ljust(16).encode() for i in range(len(TEXTS))]
        blank = [""] * len(TEXTS)
        table = {"id": pa.array(ids, pa.binary(16)), "text": list(TEXTS), "url": blank, "source": blank, "meta": blank}
        out.ledger.rows_in = out.ledger.rows_out = len(TEXTS)
        out.write(f"{piece.name}.parquet", pa.table(table))


@dataclass(frozen=True)
class FirstDropped(Operator):
    """A selection without each shard's first row."""

    kind: ClassVar[str] = "selection"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        out.ledger.rows_in, out.ledger.rows_out = len(TEXTS), len(TEXTS) - 1
        out.ledger.dropped["first"] = 1
        reason = pa.array(["first"] + [None] * (len(TEXTS) - 1), pa.string())
        out.write(piece.spec, pa.table({"reason": reason, "evidence": pa.nulls(len(TEXTS), pa.string())}))


@dataclass(frozen=True)
class Ready(Operator):
    """A model directory that exists already, published as a step."""

    path: str
    kind: ClassVar[str] = "model"

    def jobs(self, inputs: Inputs, where: Where) -> list[Piece]:
        return [Piece("model")]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        for file in sorted(Path(self.path).iterdir()):
            out.path(file.name).write_bytes(file.read_bytes())


def test_documents_become_items_and_results(model_directory: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    text = Step(Texts())
    task = BitsPerByte("domain", None)
    items = items_step(task, documents=(text, Step(FirstDropped(), (text,))))
    results = results_step(task, Step(Ready(str(model_directory))), items)
    (answers,) = run([results], store, Local(1), Where())
    published = store.get(items)
    assert [s.name for s in published.shards] == ["0.parquet", "1.parquet"]
    assert (published.ledger.rows_in, published.ledger.rows_out, dict(published.ledger.dropped)) == (6, 4, {EMPTY: 2})
    table = pa.concat_tables([published.read(s.name) for s in published.shards])
    assert table.schema.equals(ITEMS) and [i.text for i in from_table(table)] == [TEXTS[2], TEXTS[3]] * 2
    scored = answers.read("results.parquet")
    assert scored["item"].to_pylist() == table["id"].to_pylist()
    assert answers.facts == {
        "items": 4,
        "value": pytest.approx(sum(scored["value"].to_pylist())),
        "weight": 2.0 * sum(len(t.encode()) for t in TEXTS[2:]),
    }
    assert scored.to_pylist() == evaluate_directory(model_directory, [task], items={"domain": table}).to_pylist()


def test_questions_become_items_of_one_file(tmp_path: Path, jsonl: Callable[..., str]) -> None:
    row = {"query": "ka", "choices": ["lo", "mi"], "gold": 0}
    task = MultipleChoice("m", jsonl(row))
    items = items_step(task, tmp_path)
    (published,) = run([items], Store(tmp_path / "store"), Local(1), Where(data=str(tmp_path)))
    assert published.read("items.parquet")["id"].to_pylist() == ["1"]
    assert items_step(replace(task, licence="CC0", why="because", decides=True), tmp_path).key == items.key
    assert items_step(replace(task, delimiter="\n"), tmp_path).key != items.key
    jsonl(row, row)
    changed = items_step(task, tmp_path)
    assert changed.key != items.key
    jsonl(row)
    with pytest.raises(TamisError, match=r"changed while it was being read; run again"):
        run([changed], Store(tmp_path / "store"), Local(1), Where(data=str(tmp_path)))
    with pytest.raises(TamisError, match=r"other.jsonl: no such file under the data root"):
        items_step(replace(task, path="other.jsonl"), tmp_path)


def test_a_domain_without_items_is_refused(model_directory: Path, tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Unused:
        pass

    items = Step(Nothing())
    step = results_step(BitsPerByte("domain", Unused()), Step(Ready(str(model_directory))), items)
    with pytest.raises(TamisError, match=r"task domain has no items: nothing to judge by"):
        run([step], Store(tmp_path / "store"), Local(1), Where())


@dataclass(frozen=True)
class Nothing(Operator):
    kind: ClassVar[str] = "items"

    def jobs(self, inputs: Inputs, where: Where) -> list[Piece]:
        return []


def test_keys_know_task_and_device() -> None:
    model, items = Step(Nothing()), Step(Texts())
    first: Any = results_step(BitsPerByte("a", None), model, items)
    assert first.key == results_step(BitsPerByte("a", object(), why="x"), model, items).key
    assert first.key != results_step(BitsPerByte("b", None), model, items).key
    assert first.key != results_step(BitsPerByte("a", None), model, items, device="cuda").key
