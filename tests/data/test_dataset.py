"""Declarations: values that run nothing, hold-out before any arm, the notebook methods."""

from __future__ import annotations

from pathlib import Path

import pytest
from algebra import Bench, Length, NoShouting, Number, Sentences, write

from tamis.core.errors import UsageError
from tamis.data.dataset import Dataset, Holdout

A, B = Dataset.jsonl("a.jsonl"), Dataset.jsonl("b.jsonl")
HOLDOUT = Holdout(fraction=0.2, seed=3)


def corpus(root: Path, rows: int = 100) -> None:
    write(root, "a.jsonl", [f"a {i}" for i in range(rows)])
    write(root, "b.jsonl", [f"B. b {i}" for i in range(rows)])


def test_declarations_are_values() -> None:
    assert A.keep(Number(), min=1).sample(0.5) == Dataset.jsonl("a.jsonl").keep(Number(), min=1).sample(0.5)
    assert hash(A + B) == hash(A + B)
    assert A.sample(0.5) != A.sample(0.5, seed=1)
    assert (A + B.sample(0.5) + A.keep(Number(), min=1)).sources() == [A, B]


def test_held_out_rows_are_never_in_an_arm(tmp_path: Path) -> None:
    corpus(tmp_path)
    bench = Bench(tmp_path, HOLDOUT)
    held = set()
    for source in (A, B):
        view = bench.resolver.held_out(source)
        from tamis.core.runner import Local, run
        from tamis.core.step import Where
        from tamis.data.select import kept

        text, selection = run(list(view), bench.store, Local(1), Where(str(tmp_path)))
        for shard in text.shards:
            mask = kept(selection.read(shard.name))
            held |= {i for i, k in zip(text.read(shard.name)["id"].to_pylist(), mask, strict=True) if k}
    assert 20 < len(held) < 60
    arms = [A, B, A + B, A.keep(Number(), min=5), A.sample(0.9), (A + B).top(Length().chars, 0.9), A.edit(NoShouting())]
    for arm in arms:
        ids = {r["id"] for r in bench.rows(arm) if r["reason"] is None}
        assert ids
        assert not ids & held
    whole = {r["id"] for r in bench.rows(A) if r["reason"] is None}
    everything = {r["id"] for r in Bench(tmp_path).rows(A)}
    assert whole | (held & everything) == everything


def test_a_child_of_a_held_out_row_is_in_no_arm(tmp_path: Path) -> None:
    corpus(tmp_path)
    with_holdout, without = Bench(tmp_path, HOLDOUT), Bench(tmp_path)
    held = {r["text"] for r in with_holdout.rows(B) if r["reason"] == "holdout"}
    assert held
    children = set(with_holdout.texts(B.edit(Sentences())))
    assert children < set(without.texts(B.edit(Sentences())))
    assert not children & {text.partition(". ")[2] for text in held}


def test_the_hold_out_is_the_same_whatever_the_arms_do(tmp_path: Path) -> None:
    corpus(tmp_path)
    bench = Bench(tmp_path, HOLDOUT)
    steps = [{s.key for s in bench.steps(arm) if s.label == "sample"} for arm in (A, A.keep(Number(), min=5))]
    assert steps[0] == steps[1] != set()


@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0, -0.1])
def test_a_hold_out_of_everything_or_nothing_is_refused(fraction: float) -> None:
    with pytest.raises(UsageError, match="Holdout: fraction must be between 0 and 0"):
        Holdout(fraction=fraction)


def test_a_misspelt_option_names_itself() -> None:
    with pytest.raises(TypeError, match="txet"):
        Dataset.jsonl("a.jsonl", txet="body")


def test_notebook_methods(tmp_path: Path) -> None:
    corpus(tmp_path, 30)
    dataset = A.keep(Number(), min=10).edit(NoShouting())
    place = {"data": str(tmp_path), "store": str(tmp_path / "store")}
    assert dataset.head(3, **place).column("text").to_pylist() == ["a 10", "a 11", "a 12"]
    assert dataset.head(0, **place).num_rows == 0
    frame = dataset.to_pandas(**place)
    assert len(frame) == 20
    funnel = dataset.funnel(**place).to_pylist()
    assert [(r["operator"], r["rows_in"], r["rows_out"], r["reason"], r["rows"]) for r in funnel] == [
        ("jsonl", 30, 30, None, 30),
        ("keep Number", 30, 20, None, 20),
        ("keep Number", 30, 20, "10 <= Number", 10),
        ("no-shouting", 20, 20, None, 20),
    ]
