"""Edits: every row that goes is a row that says why, and every row that is born knows its parent."""

from __future__ import annotations

from pathlib import Path

import pytest
from algebra import Bench, Doubles, Length, NoShouting, Sentences, write

from tamis.core.errors import TamisError
from tamis.data.dataset import Dataset
from tamis.data.schema import DOCUMENT, child_id

ALL = Dataset.jsonl("a.jsonl")


def test_dropped_rows_stand_beside_the_text_with_reason_and_evidence(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", ["Hello", "BUY NOW", "World"])
    bench = Bench(tmp_path)
    source = bench.rows(ALL)
    text, _ = bench.run(ALL.edit(NoShouting()))
    assert bench.texts(ALL.edit(NoShouting())) == ["hello", "world"]
    assert (text.ledger.rows_in, text.ledger.rows_out, dict(text.ledger.dropped)) == (3, 2, {"shouting": 1})
    assert [s.name for s in text.dropped] == [f"dropped-{s.name}" for s in text.shards]
    gone = text.read(text.dropped[0].name).to_pylist()
    assert gone == [{"id": source[1]["id"], "reason": "shouting", "evidence": "BUY NOW", "text": "BUY NOW"}]


def test_an_edit_reads_only_selected_rows_and_keeps_ids_and_urls(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", ["Hello there", "x", "World wide"])
    bench = Bench(tmp_path)
    before = {r["text"]: r for r in bench.rows(ALL)}
    after = bench.rows(ALL.keep(Length().words, min=2).edit(NoShouting()))
    assert [r["text"] for r in after] == ["hello there", "world wide"]
    assert [r["id"] for r in after] == [before["Hello there"]["id"], before["World wide"]["id"]]
    assert [r["url"] for r in after] == [before["Hello there"]["url"], before["World wide"]["url"]]


def test_children_have_ids_of_their_own_that_follow_from_the_parent(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", ["One. Two. Three.", "", "Four."])
    bench = Bench(tmp_path)
    parents = [r["id"] for r in bench.rows(ALL)]
    text, _ = bench.run(ALL.edit(Sentences()))
    rows = bench.rows(ALL.edit(Sentences()))
    assert [r["text"] for r in rows] == ["One", "Two", "Three", "Four"]
    assert [r["id"] for r in rows] == [*(child_id(parents[0], i) for i in range(3)), child_id(parents[2], 0)]
    ledger = text.ledger
    assert ledger.rows_in + ledger.rows_born == ledger.rows_out + ledger.rows_dropped == 4 + ledger.rows_dropped


def test_only_an_edit_that_splits_may_bear_rows(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", ["One."])
    with pytest.raises(TamisError, match="edit Doubles returned list; only splits=True may"):
        Bench(tmp_path).run(ALL.edit(Doubles()))


def test_a_text_in_which_all_rows_were_dropped_has_the_schema(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", ["LOUD"])
    text, _ = Bench(tmp_path).run(ALL.edit(NoShouting()))
    assert text.rows == 0
    assert text.read(text.shards[0].name).schema.equals(DOCUMENT)
