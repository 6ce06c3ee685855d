"""Unions: texts one after another, without a copy and without scoring a row twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from algebra import Bench, Length, Number, write

from tamis.data.apply import ScoreText, UnionColumns
from tamis.data.dataset import Dataset
from tamis.data.dedup import Exact, MinHash

A, B = Dataset.jsonl("a.jsonl"), Dataset.jsonl("b.jsonl")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    write(tmp_path, "a.jsonl", [f"a {i}" for i in range(6)])
    write(tmp_path, "b.jsonl", [f"b {i}" for i in range(4)])
    return Bench(tmp_path)


def test_a_union_keeps_the_selections_of_its_parts(bench: Bench) -> None:
    both = A.keep(Number(), min=4) + B
    assert bench.texts(both) == ["a 4", "a 5", "b 0", "b 1", "b 2", "b 3"]
    text, selection = bench.run(both)
    assert text.rows == selection.rows == 10
    assert (selection.ledger.rows_in, selection.ledger.rows_out) == (6, 6)


def test_a_rule_after_a_union_scores_each_row_once(bench: Bench) -> None:
    parts, union = A.keep(Number(), min=1), (A.keep(Number(), min=1) + B).keep(Number(), max=3)
    bench.run(parts)
    fresh = [s for s in bench.steps(union) if bench.store.find(s) is None]
    assert [s.label for s in fresh if isinstance(s.op, ScoreText)] == ["number"]  # that of B alone
    assert bench.texts(union) == ["a 1", "a 2", "a 3", "b 0", "b 1", "b 2", "b 3"]
    assert sum(isinstance(s.op, ScoreText) for s in bench.steps(union)) == 2
    assert sum(isinstance(s.op, UnionColumns) for s in bench.steps(union)) == 1


def test_order_of_a_union_is_declared_and_nesting_is_not(bench: Bench) -> None:
    assert bench.texts(B + A)[0] == "b 0"
    assert bench.texts((A + B) + B.sample(0.99)) == bench.texts(A + B + B.sample(0.99))


def test_whole_corpus_operators_work_over_a_union(bench: Bench) -> None:
    write(bench.root, "c.jsonl", ["a 0", "c 1"])
    union = A + Dataset.jsonl("c.jsonl")
    for dedup in (Exact(), MinHash()):
        assert sorted(bench.texts(union.dedup(dedup))) == ["a 0", *(f"a {i}" for i in range(1, 6)), "c 1"]
    assert bench.texts(union.top(Number(), 0.25)) == ["a 4", "a 5"]
    assert bench.texts(union.keep(Length().chars, min=3).sample(1.0)) == bench.texts(union)
