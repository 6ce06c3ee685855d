"""Deduplication: the same survivors whatever the order, every drop proved, planted copies found, canaries that bite."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from planted import Here, copy_of, generated, name_id, outcome, plain_jaccard, plant, real, view_of

from tamis.core.errors import TamisError, UsageError
from tamis.core.runner import run
from tamis.core.step import Inputs, Output, Piece, Where, walk
from tamis.core.store import Store
from tamis.data.dedup import Exact, MinHash, SimHash
from tamis.data.dedup.bands import Bands
from tamis.data.dedup.canaries import CANARIES
from tamis.data.dedup.minhash import Signatures
from tamis.data.dedup.signing import near_duplicates
from tamis.data.dedup.simhash import SimHashes
from tamis.data.scores.preference import Earliest, Longest, SourcePriority
from tamis.data.select import View
from tamis.kernels.jit import buffers
from tamis.kernels.minhash import chance
from tamis.kernels.shingle import shingle_sets, table
from tamis.kernels.simhash import keys, simhashes
from tamis.testing import conformance

REAL = ("text/wikipedia-vital-en", "text/qa-medquad-en", "text/recipes-wikibooks-en", "text/wikipedia-vital-fr")


def no_dataset(_: Any) -> View:
    raise AssertionError("nothing to resolve")


def dropped(rows: list[tuple[str, str]], op: Any, folder: Path, shards: int = 3, cut: tuple[str, ...] = ()) -> dict[str, Any]:
    view = view_of(rows, shards, cut)
    return outcome(view, op.select(view, no_dataset), folder)


def check_every_drop(rows: list[tuple[str, str]], found: dict[str, Any], threshold: float) -> None:
    """A dropped row names a row that is kept and truly is that near."""
    texts = {name_id(name): text for name, text in rows}
    for own, (_, evidence) in found.items():
        survivor = evidence["survivor"]
        assert survivor in texts and survivor not in found
        true = plain_jaccard(texts[own], texts[survivor])
        assert true >= threshold and evidence["jaccard"] == round(true, 4)


def report(rows: list[tuple[str, str]], pairs: list[tuple[str, str, str]], found: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Print and return, for each bin of true similarity, planted pairs found (one side dropped) of all."""
    texts = dict(rows)
    bins: dict[str, tuple[int, int]] = {}
    for left, right, _ in pairs:
        true = plain_jaccard(texts[left], texts[right])
        name = next((f">= {b}" for b in (1.0, 0.9, 0.85, 0.8, 0.7, 0.5) if true >= b), "< 0.5")
        hit, total = bins.get(name, (0, 0))
        bins[name] = (hit + (name_id(left) in found or name_id(right) in found), total + 1)
    for name in sorted(bins, reverse=True):
        print(f"J {name}: {bins[name][0]} of {bins[name][1]} planted pairs found")
    print(f"{len(found)} rows dropped, each with a verified survivor: precision 1")
    return bins


def check_recall(bins: dict[str, tuple[int, int]]) -> None:
    for name, least in ((">= 1.0", 1.0), (">= 0.9", 0.99), (">= 0.85", 0.94), (">= 0.8", 0.8)):
        hit, total = bins[name]
        assert hit >= least * total, name


def test_planted_copies_of_generated_text(tmp_path: Path) -> None:
    rows, pairs = plant(generated(900, np.random.default_rng(3)), np.random.default_rng(4))
    found = dropped(rows, MinHash(), tmp_path)
    check_every_drop(rows, found, 0.8)
    bins = report(rows, pairs, found)
    check_recall(bins)
    assert bins[">= 0.7"][0] == bins[">= 0.5"][0] == bins["< 0.5"][0] == 0


def test_planted_copies_of_real_text(tmp_path: Path) -> None:
    rows, pairs = plant(real(REAL, 500), np.random.default_rng(5))
    found = dropped(rows, MinHash(), tmp_path)
    check_every_drop(rows, found, 0.8)
    check_recall(report(rows, pairs, found))


def test_the_outcome_depends_neither_on_order_nor_on_shards(tmp_path: Path) -> None:
    generator = np.random.default_rng(6)
    rows, _ = plant(generated(200, generator), generator)
    rows += [(f"chain{k}", copy_of(rows[0][1], "1%", generator)) for k in range(30)]
    expected = dropped(rows, MinHash(), tmp_path / "0", 1)
    assert len(expected) > 80
    for number, shards in enumerate((1, 2, 7, 50), 1):
        shuffled = [rows[i] for i in generator.permutation(len(rows))]
        assert dropped(shuffled, MinHash(), tmp_path / str(number), shards) == expected


def test_the_outcome_is_the_greedy_choice_in_id_order(tmp_path: Path) -> None:
    """Against the definition with all pairs compared; at J >= .97 no candidate is overlooked (1e-10)."""
    generator = np.random.default_rng(7)
    base = generated(25, generator)
    rows = [(f"{k}-{n}", copy_of(text, "0.5%", generator)) for k, text in enumerate(base) for n in range(6)]
    texts = {name_id(name): text for name, text in rows}
    expected: dict[str, str] = {}
    for own in sorted(texts):
        near = (o for o in sorted(texts) if o < own and o not in expected and plain_jaccard(texts[o], texts[own]) >= 0.97)
        survivor = next(near, None)
        if survivor is not None:
            expected[own] = survivor
    found = dropped(rows, MinHash(threshold=0.97), tmp_path)
    assert {own: evidence["survivor"] for own, (_, evidence) in found.items()} == expected


def test_rows_dropped_before_are_neither_survivors_nor_dropped_again(tmp_path: Path) -> None:
    text = generated(1, np.random.default_rng(8))[0]
    names = sorted(("a", "b", "c"), key=name_id)
    rows = [(name, text) for name in names]
    for op in (MinHash(), Exact()):
        found = dropped(rows, op, tmp_path / type(op).__name__, cut=(names[0],))
        assert found[name_id(names[0])][0] == "cut" and name_id(names[1]) not in found
        assert found[name_id(names[2])][1]["survivor"] == name_id(names[1])


def test_exact_drops_equal_texts_and_with_normalise_equal_words(tmp_path: Path) -> None:
    rows = [("a", "One two"), ("b", "One two"), ("c", "one\n two "), ("d", "one two three"), ("e", ""), ("f", "")]
    equal = dropped(rows, Exact(), tmp_path / "0")
    assert {reason for reason, _ in equal.values()} == {"duplicate"} and len(equal) == 2
    first = min(("a", "b"), key=name_id)
    other = "a" if first == "b" else "b"
    assert equal[name_id(other)][1] == {"survivor": name_id(first), "jaccard": 1.0}
    assert len(dropped(rows, Exact(normalise=True), tmp_path / "1")) == 3


def test_texts_without_words_and_short_texts(tmp_path: Path) -> None:
    rows = [("a", ""), ("b", " "), ("c", "two words"), ("d", "TWO  words"), ("e", "two words more")]
    found = dropped(rows, MinHash(), tmp_path)
    assert set(found) == {max(name_id("c"), name_id("d"))}


@pytest.mark.parametrize("rows", [[], [("a", "")], [("a", "one text of a few words")]])
def test_tiny_corpora(rows: list[tuple[str, str]], tmp_path: Path) -> None:
    assert dropped(rows, MinHash(), tmp_path / "0", 2) == dropped(rows, Exact(), tmp_path / "1", 2) == {}


@pytest.mark.parametrize("op", [MinHash(prefer=Longest()), Exact(normalise=True, prefer=Longest().field())])
def test_a_preferred_score_decides_who_survives(op: Any, tmp_path: Path) -> None:
    text = generated(1, np.random.default_rng(9))[0]
    rows = [(f"r{k}", text + " " * k) for k in range(12)]
    found = dropped(rows, op, tmp_path)
    assert {evidence["survivor"] for _, evidence in found.values()} == {name_id("r11")} and len(found) == 11


@pytest.mark.parametrize("score", [Longest(), Earliest(), SourcePriority(("wiki*", "web"))])
def test_preferences_are_scores_like_any_other(score: Any) -> None:
    conformance(score)


def test_preferences_say_what_comes_first() -> None:
    early, late, none = (Earliest().score(meta) for meta in ('{"date": "2024-01-31"}', '{"date": "2024-02-01T00:00:00Z"}', "{}"))
    assert early > late > none == Earliest().score('{"date": "soon"}') == Earliest().score("[]") == Earliest().score("")
    priority = SourcePriority(("wiki*", "web"))
    assert [priority.score(s) for s in ("wiki-en", "web", "other")] == [0, -1, -2]
    with pytest.raises(UsageError, match="at least one source"):
        SourcePriority(())


@dataclass(frozen=True)
class Broken(Signatures):
    """Signatures on disk that do not belong to the text; those of planted copies are computed anew, and are right."""

    how: str = "numbers"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        rows = next(s.rows for s in inputs[0].shards if s.name == piece.spec)
        numbers = np.arange(rows * self.bands, dtype="<u8") if self.how == "numbers" else np.zeros(rows * self.bands, "<u8")
        raw = pa.py_buffer(numbers.tobytes())
        signature = pa.FixedSizeBinaryArray.from_buffers(pa.binary(8 * self.bands), rows, [None, raw])
        shingles = pa.array([0 if self.how == "empty" else 9] * rows, pa.int32())
        out.ledger.rows_in = out.ledger.rows_out = rows
        out.write(piece.spec, pa.table({"signature": signature, "shingles": shingles}))


@pytest.mark.parametrize("how", ["numbers", "zeros", "empty"])
def test_canaries_stop_a_step_whose_signatures_are_not_those_of_the_text(how: str, tmp_path: Path) -> None:
    rows, _ = plant(generated(20, np.random.default_rng(10)), np.random.default_rng(11))
    view = view_of(rows)
    step = near_duplicates(Broken(5, 14, 8, how), 0.8, None, None, view, no_dataset)
    with pytest.raises(TamisError, match="planted copies were judged wrongly"):
        run([step], Store(tmp_path), Here(), Where())


def test_canaries_measure_the_curve_and_reach_neither_ledger_nor_output(tmp_path: Path) -> None:
    rows = [(f"r{k}", text) for k, text in enumerate(generated(300, np.random.default_rng(12)))]
    view = view_of(rows, 2)
    step = MinHash(bands=4, rows=4).select(view, no_dataset)
    assert outcome(view, step, tmp_path) == {}
    bands = next(s for s in walk([step]) if isinstance(s.op, Bands))
    curve = Store(tmp_path).get(bands).facts["curve"]
    assert len(curve) == CANARIES
    expected = sum(chance(j, 4, 4) for j, _ in curve)
    assert abs(sum(found for _, found in curve) - expected) < 4 * np.sqrt(expected)
    assert all(found for j, found in curve if j == 1) and sum(j == 1 for j, _ in curve) >= CANARIES // 4
    assert not all(found for _, found in curve)


def test_against_another_dataset_only_new_rows_are_judged(tmp_path: Path) -> None:
    generator = np.random.default_rng(13)
    texts = generated(60, generator)
    old = view_of([(f"o{k}", t) for k, t in enumerate(texts[:40])] + [("o-again", texts[0])], 2)
    new = [(f"n{k}", copy_of(t, "0.5%", generator)) for k, t in enumerate(texts[20:])] + [("n-again", texts[59])]
    for op in (MinHash(against="old"), Exact(against="old")):
        view = view_of(new, 3)
        found = outcome(view, op.select(view, lambda _: old), tmp_path / type(op).__name__)
        names = {name_id(name): name for name, _ in new} | {name_id(f"o{k}"): f"o{k}" for k in range(40)}
        for own, (_, evidence) in found.items():
            assert names[own].startswith("n") and evidence["survivor"] in names
        if isinstance(op, MinHash):
            lost = {names[own]: names[evidence["survivor"]] for own, (_, evidence) in found.items()}
            assert {k: v for k, v in lost.items() if v.startswith("o")} == {f"n{k}": f"o{k + 20}" for k in range(20)}
            assert len(lost) == 21  # and one of the two copies of the last text


def test_a_second_crawl_reuses_the_signatures_of_the_first(tmp_path: Path) -> None:
    first, second = (
        view_of([(f"{name}{k}", t) for k, t in enumerate(generated(10, np.random.default_rng(14)))]) for name in "ab"
    )
    store = Store(tmp_path)
    run([MinHash().select(first, no_dataset)], store, Here(), Where())
    step = MinHash(against="first").select(second, lambda _: first)
    fresh = [s for s in walk([step]) if store.find(s) is None and isinstance(s.op, Signatures)]
    assert [s.inputs[0] for s in fresh] == [second.text]


def test_parts_and_ranges_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(15)
    rows, _ = plant(generated(120, generator), generator)
    expected = [dropped(rows, op, tmp_path / f"a{i}", 5) for i, op in enumerate((MinHash(), Exact(normalise=True)))]
    monkeypatch.setattr("tamis.data.dedup.bands.RANGE_ROWS", 50)
    monkeypatch.setattr("tamis.data.dedup.bands.PART_WEIGHT", 1000)
    monkeypatch.setattr("tamis.data.dedup.exact.PART_ROWS", 40)
    monkeypatch.setattr("tamis.data.shuffle.GROUP_ROWS", 30)
    assert [dropped(rows, op, tmp_path / f"b{i}", 5) for i, op in enumerate((MinHash(), Exact(normalise=True)))] == expected
    assert len(expected[0]) > 30 and len(list((tmp_path / "b0").glob("verdicts-*/*.arrow"))) > 3


def test_simhash_never_merges_distinct_short_texts(tmp_path: Path) -> None:
    """1,000 texts of one to four words, shorter than a shingle: ROOTS gave all of them one hash."""
    generator = np.random.default_rng(16)
    texts = {" ".join(f"w{k}" for k in generator.integers(0, 400, 1 + i % 4)) for i in range(1300)}
    rows = [(text, text) for text in sorted(texts)[:1000]]
    assert len(rows) == 1000 and dropped(rows, SimHash(), tmp_path / "0") == {}
    again = dropped([*rows, *((f"{name} again", text.upper()) for name, text in rows)], SimHash(), tmp_path / "1")
    assert len(again) == 1000


def test_simhash_finds_copies_and_verifies_them(tmp_path: Path) -> None:
    rows, pairs = plant(generated(600, np.random.default_rng(17)), np.random.default_rng(18))
    found = dropped(rows, SimHash(), tmp_path)
    check_every_drop(rows, found, 0.8)
    bins = report(rows, pairs, found)
    assert (
        bins[">= 1.0"][0] == bins[">= 1.0"][1] and 0.5 * bins[">= 0.9"][1] <= bins[">= 0.9"][0] < bins[">= 0.9"][1]
    )  # SimHash overlooks more than MinHash


def test_texts_within_the_distance_share_a_key() -> None:
    generator = np.random.default_rng(19)
    hashes = generator.integers(0, 2**64, 200, np.uint64)
    for distance, blocks in ((4, 6), (3, 5), (0, 1), (7, 8)):
        other = hashes.copy()
        for row in range(len(other)):
            for bit in generator.choice(64, distance, replace=False):
                other[row] ^= np.uint64(1 << int(bit))
        left, right = keys(hashes, blocks, distance), keys(other, blocks, distance)
        assert left.shape[1] == SimHashes(5, distance, blocks).keys and (left == right).any(axis=1).all()
        assert (left[1:] == right[:-1]).any(axis=1).mean() < 0.1 or distance == 7


def test_a_simhash_is_the_majority_of_the_shingles_bits() -> None:
    texts = ["a b c d e f g h i j k", "one", "", "a b c d e a b c d e a b c d e z"]
    column = buffers(pa.array(texts, pa.large_string()))
    hashes, counts = simhashes(column, 2)
    assert counts.tolist() == [10, 1, 0, 15]
    for text, found in zip(texts, hashes.tolist(), strict=True):
        own = text.split()
        parts = [" ".join(own[k : k + 2]) for k in range(max(len(own) - 1, 1))] if own else []
        each = [int(shingle_sets(*buffers(pa.array([p], pa.large_string())), table(), 2, True)[0][0]) for p in parts]
        assert found == sum((2 * sum(h >> bit & 1 for h in each) > len(each)) << bit for bit in range(64))


def test_a_miss_rate_gives_bands_and_rows() -> None:
    op = MinHash.for_miss_rate(0.01, 0.8)
    assert 1 - op.chance(0.8) <= 0.01 and op.bands * op.rows <= 256 and op.threshold == 0.8
    with pytest.raises(UsageError, match="permutations cannot find"):
        MinHash.for_miss_rate(1e-9, 0.1, permutations=16)
    with pytest.raises(UsageError, match="miss must be"):
        MinHash.for_miss_rate(0.0)


@pytest.mark.parametrize("wrong", [{"distance": 6}, {"distance": 10, "blocks": 20}, {"threshold": 0.0}, {"ngram": 0}])
def test_impossible_simhash_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="SimHash"):
        SimHash(**wrong)


@pytest.mark.parametrize("wrong", [{"threshold": 0.0}, {"threshold": 1.5}, {"bands": 0}, {"ngram": 0}])
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="MinHash"):
        MinHash(**wrong)
