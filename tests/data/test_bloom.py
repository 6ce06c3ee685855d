"""N-gram dedup with a Bloom filter: the stated false positives, the plain definition, no text lost, DCLM's rules on request."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import Here, copy_of, generated, name_id, view_of

from tamis.core import budget
from tamis.core.errors import TamisError, UsageError
from tamis.core.runner import run
from tamis.core.step import Published, Where
from tamis.core.store import Store
from tamis.data import bloom as module
from tamis.data.bloom import NgramBloom
from tamis.kernels.bloom import (
    ENTERED,
    GRAMS,
    Rule,
    blocks_for,
    count_grams,
    empty_filter,
    enter,
    false_positives,
    holds,
    measured_false_positives,
    sift,
)
from tamis.kernels.jit import buffers
from tamis.kernels.shingle import words

Rows = Sequence[tuple[str, str]]
Gram = tuple[str, ...]
SURE = 1e-7  # false positives so rare that none occurs


def published(
    rows: Rows, op: NgramBloom, folder: Path, shards: int = 2, cut: tuple[str, ...] = ()
) -> tuple[Published, Published]:
    """The text without what is marked, and the spans."""
    view = view_of(rows, shards, cut)
    out = run([op.select(view, lambda _: view), op.spans(view, lambda _: view)], Store(folder), Here(), Where())
    return out[0], out[1]


def texts_of(step: Published) -> dict[str, str]:
    """Hex id -> text."""
    rows = [row for s in step.shards for row in step.read(s.name, ["id", "text"]).to_pylist()]
    return {row["id"].hex(): row["text"] for row in rows}


def grams_of(line: str, split: Callable[[str], list[str]], ngram: int, minimum: int) -> list[Gram]:
    own = split(line)
    return [tuple(own[k : k + ngram]) for k in range(max(len(own) - ngram, 0) + 1)] if len(own) >= minimum else []


def marked_lines(texts: list[str], ngram: int, minimum: int, threshold: float) -> list[set[int]]:
    """The definition, with an exact set: of each text the numbers of its marked lines."""
    entered: set[Gram] = set()
    out = []
    for text in texts:
        lines = [grams_of(line, words, ngram, minimum) for line in text.split("\n")]
        everything = list(itertools.chain(*lines))
        if everything and sum(g in entered for g in everything) / len(everything) > threshold:
            out.append(set(range(len(lines))))
            continue
        own: set[Gram] = set()
        marked = set()
        for k, line in enumerate(lines):
            if line and sum(g in entered or g in own for g in line) / len(line) > threshold:
                marked.add(k)
            else:
                own.update(line)
        entered |= own
        out.append(marked)
    return out


def marked_by_bff(texts: list[str], split: Callable[[str], list[str]], ngram: int, threshold: float) -> list[set[int]]:
    """DCLM's rule, from its description: lines are entered as they are judged, then the text is judged as a whole."""
    entered: set[Gram] = set()
    out = []
    for text in texts:
        lines = text.split("\n")
        marked, contained, total = set(), 0, 0
        for k, line in enumerate(lines):
            grams = grams_of(line, split, ngram, ngram)
            hits = sum(g in entered for g in grams)
            contained, total = contained + hits, total + len(grams)
            if grams and hits / len(grams) > threshold:
                marked.add(k)
            else:
                entered.update(grams)
        out.append(set(range(len(lines))) if total and contained / total > threshold else marked)
    return out


def sifted(texts: list[str], rule: Rule, threshold: float, bff: bool, rate: float = SURE) -> list[set[int]]:
    """The same by the kernel."""
    column = buffers(pa.array(texts, pa.large_string()))
    counts = np.zeros(5, np.int64)
    ngrams = int(count_grams(column, rule).sum())
    filter = empty_filter(blocks_for(ngrams, rate))
    out: list[set[int]] = [set() for _ in texts]
    for t, start, end in sift(column, np.arange(len(texts)), rule, threshold, filter, counts, bff).tolist():
        data = texts[t].encode()
        first = data[:start].count(b"\n")
        out[t] |= set(range(first, first + data[start:end].count(b"\n") + 1))
    assert counts[GRAMS] == ngrams
    return out


SMALL = st.lists(st.lists(st.sampled_from(["a", "b", "c", "日", "."]), max_size=9).map(" ".join), max_size=4).map("\n".join)


@settings(max_examples=80, deadline=None)
@given(st.lists(SMALL, max_size=8), st.integers(1, 4), st.integers(1, 4), st.sampled_from([0.3, 0.5, 0.8]))
def test_what_is_marked_is_what_the_definition_says(texts: list[str], ngram: int, minimum: int, threshold: float) -> None:
    minimum = min(minimum, ngram)
    assert sifted(texts, Rule(ngram, minimum, False), threshold, False) == marked_lines(texts, ngram, minimum, threshold)
    expected = marked_by_bff(texts, str.split, ngram, threshold)  # these words are Unicode's
    assert sifted(texts, Rule(ngram, ngram, True), threshold, True) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(SMALL, max_size=8), st.integers(1, 3), st.sampled_from([0.3, 0.5, 0.8]))
def test_what_goes_stands_in_what_stays(texts: list[str], ngram: int, threshold: float) -> None:
    """Of every marked line or text more than `threshold` of the n-grams stand in lines that stay: not all copies can vanish."""
    marks = sifted(texts, Rule(ngram, 1, False), threshold, False)
    left: set[Gram] = set()
    for text, marked in zip(texts, marks, strict=True):
        for k, line in enumerate(text.split("\n")):
            left.update(grams_of(line, words, ngram, 1) if k not in marked else [])
    for text, marked in zip(texts, marks, strict=True):
        lines = [grams_of(line, words, ngram, 1) for line in text.split("\n")]
        whole = len(marked) == len(lines)
        for grams in [list(itertools.chain(*lines))] if whole else [lines[k] for k in marked]:
            assert not grams or sum(g in left for g in grams) / len(grams) > threshold


def test_a_text_that_repeats_itself_loses_all_copies_by_dclm_s_rules_and_none_by_ours(tmp_path: Path) -> None:
    line = " ".join(f"w{k}" for k in range(20))
    rows = [("a", "\n".join([line] * 10)), ("b", "\n".join([line] * 10))]
    left, _ = published(rows, NgramBloom(false_positives=SURE), tmp_path / "ours")
    assert texts_of(left) == {min(name_id("a"), name_id("b")): line}
    left, _ = published(rows, NgramBloom(dclm_compat=True, false_positives=SURE), tmp_path / "dclm")
    assert texts_of(left) == {}


@pytest.mark.parametrize("rate", [0.1, 0.01, 0.001])
def test_false_positives_are_those_stated(rate: float) -> None:
    ngrams = 50_000
    filter = empty_filter(blocks_for(ngrams, rate))
    grams = np.random.default_rng(1).integers(0, 2**64, ngrams, np.uint64)
    for gram in grams:
        enter(filter, gram)
    assert all(holds(filter, gram) for gram in grams)
    measured = measured_false_positives(filter)
    bits = 8 * filter.nbytes / ngrams
    print(f"stated {rate}, measured {measured:.5f} with {bits:.1f} bits an n-gram")
    assert 0.9 * rate < false_positives(ngrams, filter.nbytes // 64) <= rate
    assert measured == pytest.approx(rate, rel=0.1)


def real_texts(folder: Path, names: Sequence[str], each: int) -> list[str]:
    out = []
    for name in names:
        with zstandard.open(folder / f"{name}.jsonl.zst", "rb") as stream:
            lines = itertools.islice(io.TextIOWrapper(stream, encoding="utf-8"), each)
            out += [json.loads(line)["text"][:20_000] for line in lines]
    return out


REAL = ("text/qa-medquad-en", "multilingual/udhr-all", "text/wikipedia-vital-fr")


def test_false_positives_on_real_text(real_data: Path) -> None:
    """N-grams of half the texts are entered, those of the other half asked for, against an exact set."""
    texts = real_texts(real_data, REAL, 300)
    rule, rate = Rule(13, 5, False), 0.01
    known = buffers(pa.array(texts[::2], pa.large_string()))
    ngrams = int(count_grams(known, rule).sum())
    filter, counts = empty_filter(blocks_for(ngrams, rate)), np.zeros(5, np.int64)
    sift(known, np.arange(len(texts[::2])), rule, 1.0, filter, counts)
    exact = {g for text in texts[::2] for line in text.split("\n") for g in grams_of(line, words, 13, 5)}
    assert 0.98 * len(exact) <= counts[ENTERED] <= 1.05 * len(exact)  # n-grams that a text repeats are entered twice
    other = (g for text in texts[1::2] for line in text.split("\n") for g in grams_of(line, words, 13, 5) if g not in exact)
    unknown = list(dict.fromkeys(" ".join(gram) for gram in itertools.islice(other, 0, 60_000, 3)))
    found = 0
    for k in range(0, len(unknown), 500):  # few at once, since they are entered too
        column = buffers(pa.array(unknown[k : k + 500], pa.large_string()))
        found += len(sift(column, np.arange(len(unknown[k : k + 500])), Rule(13, 1, False), 0.5, filter.copy(), counts))
    stated = false_positives(len(exact), filter.nbytes // 64)
    print(f"{found} of {len(unknown)} unknown n-grams found: {found / len(unknown):.4f}; by the formula {stated:.4f}")
    assert stated <= rate and found / len(unknown) == pytest.approx(stated, rel=0.25)


def test_marks_on_real_text_are_those_of_the_exact_definition(real_data: Path) -> None:
    texts = real_texts(real_data, REAL, 120)
    texts += [copy_of(text, "2%", np.random.default_rng(2)) for text in texts[::5]] + texts[::7]
    ours = sifted(texts, Rule(13, 5, False), 0.8, False)
    expected = marked_lines(texts, 13, 5, 0.8)
    assert ours == expected
    loose = sifted(texts, Rule(13, 5, False), 0.8, False, rate=0.01)
    lines = sum(len(text.split("\n")) for text in texts)
    differ = sum(len(a ^ b) for a, b in zip(loose, expected, strict=True))
    print(f"{lines} lines, {sum(map(len, ours))} marked; with 1 % false positives {differ} are judged otherwise")
    assert differ < 0.01 * lines


def test_dclm_s_rules_on_real_text(real_data: Path) -> None:
    """Against a plain model that takes its words from another implementation of Unicode's bounds."""
    regex = pytest.importorskip("regex")
    bounds = regex.compile(r"(?V1w)\b")

    def tokens(line: str) -> list[str]:
        return [token for token in bounds.split(line) if token.strip()]

    texts = real_texts(real_data, REAL, 120)
    texts += [copy_of(text, "2%", np.random.default_rng(2)) for text in texts[::5]] + texts[::7]
    ours, theirs = sifted(texts, Rule(13, 13, True), 0.8, True), marked_by_bff(texts, tokens, 13, 0.8)
    differ = sum(a != b for a, b in zip(ours, theirs, strict=True))
    print(f"{sum(map(len, theirs))} lines go by the model; {differ} of {len(texts)} texts are judged otherwise")
    assert differ <= 0.002 * len(texts)


def planted(count: int) -> list[tuple[str, str]]:
    texts = generated(count, np.random.default_rng(4))
    copies = [(f"c{k}", f"own words of {k} and no other\n{text}\nmore {k}") for k, text in enumerate(texts[::3])]
    return [(f"t{k}", text) for k, text in enumerate(texts)] + copies + [(f"d{k}", text) for k, text in enumerate(texts[::4])]


@pytest.mark.parametrize("compat", [False, True])
def test_order_shards_and_ranges_change_nothing(compat: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(5)
    rows = planted(60)
    op = NgramBloom(dclm_compat=compat)
    expected, spans = published(rows, op, tmp_path / "0", 1)
    assert spans.facts["marked_texts"] >= 15 and len(texts_of(expected)) <= 80
    for number, (shards, size) in enumerate([(3, 1 << 28), (11, 1 << 28), (3, 5000)], 1):
        monkeypatch.setattr(module, "RANGE", size)
        shuffled = [rows[i] for i in generator.permutation(len(rows))]
        assert texts_of(published(shuffled, op, tmp_path / str(number), shards)[0]) == texts_of(expected)


def test_rows_dropped_before_neither_count_nor_get_spans(tmp_path: Path) -> None:
    names = sorted(("a", "b", "c"), key=name_id)
    rows = [(name, generated(1, np.random.default_rng(6))[0]) for name in names]
    left, spans = published(rows, NgramBloom(), tmp_path, cut=(names[0],))
    assert set(texts_of(left)) == {name_id(names[1])}
    assert (
        spans.facts["marked_texts"] == 1
        and sum(len(v) for s in spans.shards for v in spans.read(s.name)["starts"].to_pylist()) == 1
    )


def test_short_lines_stay_and_lines_are_cut_cleanly(tmp_path: Path) -> None:
    names = sorted(("a", "b"), key=name_id)
    line = "a line of more than four words"
    texts = [
        f"{line}\nYes, it is.\nfirst text with words of its own",
        f"second text with words of its own\r\nYes, it is.\n{line}\n",
    ]
    left, _ = published(list(zip(names, texts, strict=True)), NgramBloom(false_positives=SURE), tmp_path)
    assert [texts_of(left)[name_id(n)] for n in names] == [texts[0], "second text with words of its own\r\nYes, it is.\n"]


@pytest.mark.parametrize("rows", [[], [("a", "")], [("a", "\0\n\r\n"), ("b", "x" * 10_000_000), ("c", "x" * 10_000_000)]])
def test_odd_corpora(rows: list[tuple[str, str]], tmp_path: Path) -> None:
    left, _ = published(rows, NgramBloom(), tmp_path)
    assert sorted(texts_of(left).values()) == sorted(text for _, text in rows)


def test_memory_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "available_memory", lambda: 100)
    with pytest.raises(TamisError, match=r"needs .* of memory and 100 B is available"):
        published(planted(10), NgramBloom(), tmp_path)


@pytest.mark.parametrize("wrong", [{"minimum": 14}, {"threshold": 1.0}, {"false_positives": 0.0}, {"share": -1.0}])
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="NgramBloom"):
        NgramBloom(**wrong)  # type: ignore[arg-type]
