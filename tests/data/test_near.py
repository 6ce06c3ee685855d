"""Nearness to a reference: leaks and copies are found and named, look-alikes are not, earlier drops stay."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from algebra import Bench, write
from planted import Here, copy_of, generated, name_id, outcome, plain_jaccard, real, view_of

from tamis.core.errors import TamisError, UsageError
from tamis.core.runner import run
from tamis.core.step import Step, Where
from tamis.core.store import Store
from tamis.data.dataset import Dataset
from tamis.data.near import Near, NearIndex, Nearness, NearRows, mark
from tamis.data.select import View


def marked(
    rows: list[tuple[str, str]], references: list[tuple[str, str]], folder: Path, rule: Nearness, shards: int = 2, **view: Any
) -> dict[str, Any]:
    reference = view_of(references, 2, **view)
    own = view_of(rows, shards)
    return outcome(own, mark(own, reference, rule, "near-reference"), folder)


def test_a_leaked_item_is_found_inside_a_long_text_and_named(tmp_path: Path) -> None:
    items = generated(50, np.random.default_rng(1))
    texts = generated(50, np.random.default_rng(2))
    leak = " ".join(items[7].split()[5:30])
    rows = [(f"r{k}", text) for k, text in enumerate(texts)] + [("leak", f"{texts[0]}\n{leak.upper()}; {texts[1]}")]
    found = marked(rows, [(f"i{k}", item) for k, item in enumerate(items)], tmp_path, Nearness())
    assert set(found) == {name_id("leak")}
    reason, evidence = found[name_id("leak")]
    assert reason == "near-reference"
    assert [hit["reference"] for hit in evidence["near"]] == [name_id("i7")]
    assert evidence["near"][0]["words"] >= 25 and leak in evidence["near"][0]["text"]


def test_every_touched_reference_is_named_and_the_closest_first_with_its_words(tmp_path: Path) -> None:
    items = generated(6, np.random.default_rng(3))
    parts = [" ".join(item.split()[:20]) for item in items[:5]] + [items[5]]
    found = marked([("all", " between ".join(parts))], [(f"i{k}", t) for k, t in enumerate(items)], tmp_path, Nearness())
    hits = found[name_id("all")][1]["near"]
    assert {hit["reference"] for hit in hits} == {name_id(f"i{k}") for k in range(6)}
    assert hits[0]["reference"] == name_id("i5")
    assert ["text" in hit for hit in hits] == [True] * 3 + [False] * 3


def test_jaccard_finds_near_copies_and_nothing_below_the_threshold(tmp_path: Path) -> None:
    generator = np.random.default_rng(4)
    held = generated(120, generator)
    rates = ["0.5%", "2%", "5%", "10%", "20%", "upper"]
    rows = [(f"r{k}", copy_of(text, rates[k % 6], generator)) for k, text in enumerate(held)]
    references = [(f"h{k}", text) for k, text in enumerate(held)]
    found = marked(rows, references, tmp_path, Nearness(span=None, jaccard=0.5))
    expected = {}
    for (name, text), (reference, other) in zip(rows, references, strict=True):
        true = plain_jaccard(text, other)
        if true >= 0.5:
            expected[name_id(name)] = [{"reference": name_id(reference), "jaccard": round(true, 4)}]
    assert {own: evidence["near"] for own, (_, evidence) in found.items()} == expected
    assert 60 < len(expected) < 120


def test_shards_do_not_change_the_outcome(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    held = generated(60, generator)
    rows = [(f"r{k}", copy_of(text, "5%", generator)) for k, text in enumerate(held)]
    references = [(f"h{k}", text) for k, text in enumerate(held)]
    rule = Nearness(jaccard=0.5)
    outcomes = [marked(rows, references, tmp_path / str(n), rule, n) for n in (1, 3, 60)]
    assert outcomes[0] == outcomes[1] == outcomes[2] and len(outcomes[0]) > 50


def test_references_that_a_selection_dropped_do_not_count(tmp_path: Path) -> None:
    text, other = generated(2, np.random.default_rng(6))
    references = [("h", text), ("other", other)]
    assert marked([("r", text)], references, tmp_path / "0", Nearness()) != {}
    assert marked([("r", text)], references, tmp_path / "1", Nearness(), cut=("h",)) == {}


def test_rows_dropped_before_keep_their_reason_and_a_leak_of_the_same_id_is_found(tmp_path: Path) -> None:
    text = generated(1, np.random.default_rng(7))[0]
    own = view_of([("a", text), ("b", text)], 1, cut=("a",))
    reference = view_of([("b", text)])
    found = outcome(own, mark(own, reference, Nearness(), "near-holdout"), tmp_path)
    assert found[name_id("a")][0] == "cut" and found[name_id("b")][0] == "near-holdout"


def test_near_is_declared_with_a_dataset_and_its_settings_enter_the_key(tmp_path: Path) -> None:
    own, reference = view_of([("r", "some text")]), view_of([("h", "other text")])

    def resolve(dataset: Any) -> View:
        assert dataset == "a dataset"
        return reference

    step = Near("a dataset", jaccard=0.7, reason="seen-before").select(own, resolve)
    assert step.op == NearRows(Nearness(jaccard=0.7), "seen-before") and step.inputs[2].op == NearIndex(Nearness(jaccard=0.7))
    keys = {Near("a dataset", **settings).select(own, resolve).key for settings in ({}, {"span": 20}, {"common": 5})}
    assert len(keys) == 3


def test_empty_rows_are_near_nothing(tmp_path: Path) -> None:
    rule, text = Nearness(jaccard=0.5), generated(1, np.random.default_rng(6))[0]
    assert marked([], [("h", text)], tmp_path / "1", rule) == {}
    assert marked([("r", ""), ("s", " .,- ")], [("h", text), ("empty", "")], tmp_path / "2", rule) == {}


@pytest.mark.parametrize(
    ("references", "message"),
    [
        ([], "the reference has no rows"),
        ([("h", ""), ("i", "too short")], "none of the 2 references can be searched for: none has 8 words"),
        ([("h", "1 2 3 4 5 6 7 8 9 10 11 12 13 14"), ("i", "la " * 20)], "none of the 2 references can be searched for"),
    ],
)
def test_a_reference_that_finds_nothing_is_an_error(references: list[tuple[str, str]], message: str, tmp_path: Path) -> None:
    with pytest.raises(TamisError, match=message):
        marked([("r", "some text")], references, tmp_path, Nearness())


def test_references_too_short_to_search_are_counted(tmp_path: Path) -> None:
    reference = view_of([("a", "too short"), ("b", generated(1, np.random.default_rng(8))[0]), ("c", "7 " * 30)])
    (index,) = run([Step(NearIndex(Nearness()), reference)], Store(tmp_path), Here(), Where())
    assert index.facts == {"references": 3, "unsearchable": 2}
    assert index.read("references.parquet").column("searchable").to_pylist() == [False, True, False]


def test_the_memory_of_an_index_is_stated_by_the_size_of_its_texts(tmp_path: Path) -> None:
    texts = generated(400, np.random.default_rng(10))
    size = sum(len(t.encode()) for t in texts)
    (reference,) = run([view_of([(f"h{k}", text) for k, text in enumerate(texts)], 3).text], Store(tmp_path), Here(), Where())
    for rule, factor in ((Nearness(), 25), (Nearness(span=None, jaccard=0.5), 9), (Nearness(jaccard=0.5), 34)):
        assert size * factor < NearIndex(rule).needs((reference,)).memory < 1.1 * size * factor


def test_one_corpus_against_another(tmp_path: Path) -> None:
    """`base.select(Near(other))`: copies of what is in the other corpus go, with their source named."""
    generator = np.random.default_rng(11)
    old, new = generated(40, generator), generated(40, generator)
    copies = [
        copy_of(text, kind, generator) for text, kind in zip(old, ["upper", "wrapped", "1%", "truncated"] * 10, strict=True)
    ]
    write(tmp_path, "old.jsonl", old)
    write(tmp_path, "crawl.jsonl", [text for pair in zip(new, copies, strict=True) for text in pair])
    crawl, before = Dataset.jsonl("crawl.jsonl"), Dataset.jsonl("old.jsonl")
    bench = Bench(tmp_path)
    rows = bench.rows(crawl.select(Near(before, span=30, jaccard=0.8, reason="seen before")))
    assert [row["reason"] for row in rows] == [None, "seen before"] * 40
    named = [json.loads(row["evidence"])["near"][0]["reference"] for row in rows[1::2]]
    assert named == [row["id"].hex() for row in bench.rows(before)]
    left = crawl.select(Near(before, span=30, jaccard=0.8))
    assert bench.texts(before.select(Near(left, span=30, jaccard=0.8))) == old


@pytest.mark.parametrize("wrong", [{"span": None}, {"jaccard": 0.0}, {"span": 5}, {"shortest": 0}])
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="Nearness"):
        Nearness(**wrong)


def test_real_tasks_planted_in_real_text(tmp_path: Path) -> None:
    """Every planted item of gsm8k and boolq is found; in untouched books nothing is."""
    books = real(("text/books-standardebooks-en",), 300)
    tasks = Path(os.environ["TAMIS_DATA"]) / "eval" / "tasks"
    files = (tasks / "symbolic_problem_solving" / "gsm8k.jsonl", tasks / "reading_comprehension" / "boolq.jsonl")
    items: list[tuple[str, str]] = []
    for file in files:
        with file.open(encoding="utf-8") as lines:
            items += [
                (f"{file.stem}-{k}", json.loads(line).get("context") or json.loads(line)["query"]) for k, line in enumerate(lines)
            ]
    generator = np.random.default_rng(9)
    rows, planted = [], {}
    for k, book in enumerate(books):
        rows.append((f"b{k}", book))
        if k % 3 == 0:
            name, item = items[int(generator.integers(len(items)))]
            rows[-1] = (f"b{k}", book[:3000] + "\n" + copy_of(item, "wrapped", generator) + "\n" + book[3000:])
            planted[name_id(f"b{k}")] = name_id(name)
    found = marked(rows, items, tmp_path, Nearness())
    touched = {own: {hit["reference"] for hit in evidence["near"]} for own, (_, evidence) in found.items()}
    print(f"{len(planted)} planted items, {len(found)} rows marked")
    assert all(reference in touched.get(own, ()) for own, reference in planted.items())
    assert set(touched) == set(planted)
