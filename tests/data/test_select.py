"""Selections: the first broken rule in declared order is the reason, what was dropped stays dropped, ties have one answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from algebra import Bench, Costly, Length, Nan, Number, write

from tamis.core.errors import TamisError, UsageError
from tamis.data.apply import ScoreText
from tamis.data.dataset import Dataset
from tamis.data.score import Rule

ALL = Dataset.jsonl("a.jsonl")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    write(tmp_path, "a.jsonl", ["a", "bb bb", "ccc ccc ccc", "dddd dddd dddd dddd"])
    return Bench(tmp_path)


def test_the_reason_is_the_first_broken_rule_in_declared_order(bench: Bench) -> None:
    chars, words = Rule(Length().chars, min=6), Rule(Length().words, min=2, max=3)
    one, other = bench.reasons(ALL.keep(chars, words)), bench.reasons(ALL.keep(words, chars))
    assert list(one.values()) == ["6 <= Length.chars", "6 <= Length.chars", None, "2 <= Length.words <= 3"]
    assert list(other.values()) == ["2 <= Length.words <= 3", "6 <= Length.chars", None, "2 <= Length.words <= 3"]


def test_the_evidence_is_the_value_that_broke_the_rule(bench: Bench) -> None:
    rows = bench.rows(ALL.keep(Length().chars, min=6))
    assert [json.loads(r["evidence"]) if r["evidence"] else None for r in rows] == [{"value": 1}, {"value": 5}, None, None]


def test_a_named_rule_gives_its_name_as_reason(bench: Bench) -> None:
    assert bench.reasons(ALL.keep(Rule(Length().words, min=2, name="too short")))["a"] == "too short"


def test_a_row_keeps_its_first_reason_and_is_counted_once(bench: Bench) -> None:
    dataset = ALL.keep(Length().words, min=2).keep(Length().chars, min=6)
    assert list(bench.reasons(dataset).values()) == ["2 <= Length.words", "6 <= Length.chars", None, None]
    ledgers = [bench.store.get(s.step).ledger for s in bench.resolver.stages(dataset)]
    assert [(x.rows_in, x.rows_out, dict(x.dropped)) for x in ledgers] == [
        (4, 4, {}),
        (4, 3, {"2 <= Length.words": 1}),
        (3, 2, {"6 <= Length.chars": 1}),
    ]


def test_a_threshold_is_free_to_change(bench: Bench) -> None:
    bench.run(ALL.keep(Length().words, min=2))
    fresh = [s for s in bench.steps(ALL.keep(Length().words, min=3)) if bench.store.find(s) is None]
    assert [s.label for s in fresh] == ["keep"]


def test_membership(bench: Bench) -> None:
    assert bench.texts(ALL.keep(Length().words, isin=(1, 3))) == ["a", "ccc ccc ccc"]


def test_declarations_that_say_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match="keep: give rules, or one score with min, max or isin"):
        ALL.keep(Number())
    with pytest.raises(UsageError, match="keep: give rules"):
        ALL.keep(min=3)
    with pytest.raises(ValueError, match=r"Length has 2 columns: name one of chars, words"):
        ALL.keep(Length(), min=3)
    with pytest.raises(UsageError, match=r"top: fraction must be in \(0, 1\], not 0"):
        ALL.top(Number(), 0)


def test_top_fraction_breaks_ties_by_id(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", [f"x{i} {i // 4}" for i in range(12)])
    bench = Bench(tmp_path)
    rows = bench.rows(ALL.top(Number(), 0.5))
    kept = {r["text"] for r in rows if r["reason"] is None}
    tied = sorted((r for r in rows if r["text"].endswith(" 1")), key=lambda r: r["id"])
    assert kept == {f"x{i} 2" for i in range(8, 12)} | {r["text"] for r in tied[:2]}
    assert json.loads(next(r for r in rows if r["text"] == "x0 0")["evidence"]) == {"value": 0.0}


def test_top_fraction_is_of_the_rows_still_selected(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", [f"x {i}" for i in range(10)])
    assert Bench(tmp_path).texts(ALL.keep(Number(), max=3).top(Number(), 0.5)) == ["x 2", "x 3"]


def test_top_fraction_does_not_depend_on_the_cut_into_shards(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", [f"x{i} {i * 7 % 5}" for i in range(40)])
    small = Dataset.jsonl("a.jsonl", shard_bytes=200)
    bench = Bench(tmp_path)
    assert len(bench.run(small)[0].shards) > 3
    assert bench.texts(small.top(Number(), 0.3)) == bench.texts(ALL.top(Number(), 0.3))


def test_a_sample_holds_the_same_rows_in_every_dataset(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", [f"x {i}" for i in range(400)])
    bench = Bench(tmp_path)
    plain = set(bench.texts(ALL.sample(0.3)))
    assert 80 < len(plain) < 160
    assert set(bench.texts(ALL.keep(Number(), min=100).sample(0.3))) == {t for t in plain if int(t[2:]) >= 100}
    assert set(bench.texts(ALL.sample(0.3).keep(Number(), min=100))) == {t for t in plain if int(t[2:]) >= 100}
    assert set(bench.texts(ALL.sample(0.1))) < plain
    assert set(bench.texts(ALL.sample(0.3, seed=1))) != plain


def test_a_costly_score_sees_only_rows_that_are_still_selected(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", ["good", "bad", "better"])
    bench = Bench(tmp_path)
    assert bench.texts(ALL.keep(Length().chars, min=4).keep(Costly(), min=5)) == ["better"]
    with pytest.raises(TamisError, match=r"score Costly failed in .*: ValueError: saw 'bad'"):
        bench.texts(ALL.keep(Costly(), min=5))


def test_a_costly_score_is_keyed_by_the_selection_and_a_cheap_one_is_not(bench: Bench) -> None:
    def keys(dataset: Dataset) -> set[str]:
        return {s.key for s in bench.steps(dataset) if isinstance(s.op, ScoreText)}

    short, long = ALL.keep(Length().words, min=2), ALL.keep(Length().words, min=3)
    assert keys(short.keep(Number(), min=1)) == keys(long.keep(Number(), min=1))
    assert keys(short.keep(Costly(), min=1)) != keys(long.keep(Costly(), min=1))


def test_nan_names_rule_and_document(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", ["good", "bad"])
    bench = Bench(tmp_path)
    bad = bench.rows(ALL)[1]["id"].hex()
    for dataset in (ALL.keep(Nan(), min=0), ALL.top(Nan(), 0.5)):
        with pytest.raises(TamisError, match=f"the score is NaN for document {bad}"):
            bench.run(dataset)
    assert bench.texts(ALL.keep(Length().chars, min=4).keep(Nan(), min=0)) == ["good"]
