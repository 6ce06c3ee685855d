"""Repeated passages: exactly those of the definition, to the byte, whatever the order of shards and the room for the table."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import Here, generated, name_id, outcome, real, view_of

from tamis.core import budget
from tamis.core.errors import TamisError, UsageError
from tamis.core.runner import run
from tamis.core.step import Where
from tamis.core.store import Store
from tamis.data.substring import Substring
from tamis.kernels import substring
from tamis.kernels.shingle import words

Ranges = list[tuple[int, int]]


def no_dataset(_: Any) -> Any:
    raise AssertionError("nothing to resolve")


def definition(texts: Sequence[Sequence[Any]], minimum: int) -> list[list[bool]]:
    """Every window is compared with all that end before it starts."""
    out = [[False] * len(text) for text in texts]
    for t, text in enumerate(texts):
        for i in range(len(text) - minimum + 1):
            window = text[i : i + minimum]
            before = [*texts[:t], text[:i]]
            if any(o[j : j + minimum] == window for o in before for j in range(len(o) - minimum + 1)):
                out[t][i : i + minimum] = [True] * minimum
    return out


def by_kernel(texts: Sequence[Sequence[int]], minimum: int, unit: Any) -> list[list[bool]]:
    """The texts laid out from the last to the first: where they lie must not matter."""
    units, places = [np.iinfo(unit).max], {}
    for t in reversed(range(len(texts))):
        places[t] = (len(units), len(units) + len(texts[t]))
        units += [*texts[t], np.iinfo(unit).max]
    starts, ends = np.array([places[t] for t in range(len(texts))], np.int64).reshape(-1, 2).T.copy()
    mask = substring.repeated(np.array(units, unit), starts, ends, minimum)
    return [mask[start:end].tolist() for start, end in zip(starts, ends, strict=True)]


TEXTS = st.lists(st.lists(st.integers(0, 2), max_size=30), max_size=5)


@pytest.mark.parametrize("unit", [np.uint8, np.uint64])
@pytest.mark.parametrize("smallest", [1 << 26, 64])
@given(texts=TEXTS, minimum=st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_the_kernel_marks_what_the_definition_marks(smallest: int, unit: Any, texts: list[list[int]], minimum: int) -> None:
    """With little room for the table the windows are dealt out to many passes, and tables that are too small grow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(substring, "SMALLEST", smallest)
        assert by_kernel(texts, minimum, unit) == definition(texts, minimum)


@given(texts=TEXTS, minimum=st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_every_marked_unit_stands_before_at_a_place_that_stays(texts: list[list[int]], minimum: int) -> None:
    marks = by_kernel(texts, minimum, np.uint8)
    first: dict[tuple[int, ...], tuple[int, int]] = {}
    source: dict[tuple[int, int], tuple[int, int]] = {}
    for t, text in enumerate(texts):
        for i in range(len(text) - minimum + 1):
            u, j = first.setdefault(tuple(text[i : i + minimum]), (t, i))
            if u < t or j + minimum <= i:
                source |= {(t, i + k): (u, j + k) for k in range(minimum)}
    for t, text in enumerate(texts):
        for i, marked in enumerate(marks[t]):
            place = (t, i)
            while marks[place[0]][place[1]]:
                assert source[place] < place
                place = source[place]
            assert texts[place[0]][place[1]] == text[i] and (place != (t, i)) == marked


def spans_of(
    rows: Sequence[tuple[str, str]], op: Substring, folder: Path, shards: int = 1, cut: tuple[str, ...] = ()
) -> dict[str, Ranges]:
    """Hex id -> the marked ranges of a text, for texts that have any."""
    view = view_of(rows, shards, cut)
    text, found = run([view.text, op.spans(view, no_dataset)], Store(folder), Here(), Where())
    out = {}
    for shard in text.shards:
        ids = text.read(shard.name, ["id"]).column("id").to_pylist()
        for own, row in zip(ids, found.read(shard.name).to_pylist(), strict=True):
            if row["starts"]:
                out[own.hex()] = list(zip(row["starts"], row["ends"], strict=True))
    assert found.facts["marked_bytes"] == sum(b - a for ranges in out.values() for a, b in ranges)
    assert found.facts["bytes"] == sum(len(text.encode()) for name, text in rows if name not in cut)
    return out


def ranges_of(marks: Sequence[bool]) -> Ranges:
    edges = np.flatnonzero(np.diff(np.array([False, *marks, False], np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def in_order(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Rows whose ids rise in the order of the texts."""
    return list(zip(sorted((f"r{k}" for k in range(len(texts))), key=name_id), texts, strict=True))


def expected_bytes(texts: Sequence[str], marks: Sequence[Sequence[bool]]) -> dict[str, Ranges]:
    """The marked bytes of characters that are marked whole."""
    out = {}
    for (name, text), flags in zip(in_order(texts), marks, strict=True):
        whole: list[bool] = []
        for char in text:
            size = len(char.encode())
            whole += [all(flags[len(whole) : len(whole) + size])] * size
        if any(whole):
            out[name_id(name)] = ranges_of(whole)
    return out


@given(texts=st.lists(st.text(st.sampled_from("aé日😀\0\n"), max_size=14), max_size=4), minimum=st.integers(1, 9))
@settings(max_examples=25, deadline=None)
def test_ranges_end_at_characters(texts: list[str], minimum: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    marks = definition([text.encode() for text in texts], minimum)
    found = spans_of(in_order(texts), Substring(minimum), tmp_path_factory.mktemp("store"), 2)
    assert found == expected_bytes(texts, marks)


@given(texts=st.lists(st.text(st.sampled_from("aAbέ .\n日本\u0301"), max_size=20), max_size=4), minimum=st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_runs_of_words_are_marked_from_first_to_last(
    texts: list[str], minimum: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = spans_of(in_order(texts), Substring(minimum, "words"), tmp_path_factory.mktemp("store"), 2)
    for (name, text), flags in zip(in_order(texts), definition([words(text) for text in texts], minimum), strict=True):
        data, own, runs = text.encode(), words(text), ranges_of(flags)
        ranges = found.get(name_id(name), [])
        assert len(ranges) == len(runs)
        for (start, end), (first, last) in zip(ranges, runs, strict=True):
            assert words(data[:start].decode()) == own[:first] and words(data[end:].decode()) == own[last:]
            assert words(data[start:end].decode()) == own[first:last]
            assert data[start:end].decode() == data[start:end].decode().strip()


def test_the_outcome_depends_neither_on_order_nor_on_shards(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    texts = generated(120, generator)
    texts += [f"{texts[k][50:300]} own {k} {texts[k + 1][20:200]}" for k in range(0, 60, 2)] + ["", "short"]
    rows = [(f"r{k}", text) for k, text in enumerate(texts)]
    for unit in ("bytes", "words"):
        expected = spans_of(rows, Substring(20, unit), tmp_path / unit)
        assert len(expected) > 30
        for number, shards in enumerate((2, 9)):
            shuffled = [rows[i] for i in generator.permutation(len(rows))]
            assert spans_of(shuffled, Substring(20, unit), tmp_path / f"{unit}{number}", shards) == expected


def test_planted_repeats_are_found_to_the_byte(tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    host, *guests = ["".join(map(chr, generator.integers(97, 123, 3000))) for _ in range(40)]
    copies = [f"<{host[70 * k : 70 * k + 30 + k]}>" for k in range(40)]
    texts = [host, *(guest + copy for guest, copy in zip(guests, copies, strict=False))]
    found = spans_of(in_order(texts), Substring(50), tmp_path, 3)
    names = [name_id(name) for name, _ in in_order(texts)]
    assert found == {names[k + 1]: [(3001, 3031 + k)] for k in range(20, 39)}


def test_equal_texts_lose_all_but_the_first_and_say_so(tmp_path: Path) -> None:
    text = generated(1, np.random.default_rng(3))[0]
    rows = in_order([text, text, text + " and more of its own", "short", "short"])
    view = view_of(rows, 2)
    step = Substring().select(view, no_dataset)
    published = run([step], Store(tmp_path), Here(), Where())[0]
    left = [t for s in published.shards for t in published.read(s.name, ["text"]).column("text").to_pylist()]
    assert sorted(left) == sorted([text, " and more of its own", "short", "short"])
    assert published.ledger.dropped == {"repeated-substring": 1}
    flagged = outcome(view, Substring(share=0.5).select(view, no_dataset), tmp_path)
    assert set(flagged) == {name_id(rows[1][0]), name_id(rows[2][0])}


def test_rows_dropped_before_are_no_earlier_place_and_get_no_ranges(tmp_path: Path) -> None:
    text = generated(1, np.random.default_rng(4))[0]
    (first, _), (second, _), (third, _) = rows = in_order([text] * 3)
    found = spans_of(rows, Substring(), tmp_path, 2, cut=(first,))
    assert found == {name_id(third): [(0, len(text))]} and second != third


@pytest.mark.parametrize("unit", ["bytes", "words"])
@pytest.mark.parametrize("texts", [[], [""], ["", "", " "], ["one text"]])
def test_tiny_corpora(texts: list[str], unit: str, tmp_path: Path) -> None:
    assert spans_of(in_order(texts), Substring(unit=unit), tmp_path, 2) == {}


def test_one_huge_text(tmp_path: Path) -> None:
    """Of a text that repeats itself the first period stays; of equal letters the first fifty."""
    generator = np.random.default_rng(5)
    period = "".join(map(chr, generator.integers(97, 123, 1_000_000)))
    found = spans_of(in_order([period * 4 + "!", "0" * 1_000_000]), Substring(), tmp_path)
    assert sorted(found.values()) == [[(50, 1_000_000)], [(1_000_000, 4_000_000)]]


def brute_force(texts: Sequence[bytes], minimum: int) -> Iterator[list[bool]]:
    """First places of all windows in a dictionary, those with one first byte at a time, so that they fit into memory."""
    whole = b"\xff".join(texts)
    data = np.frombuffer(whole, np.uint8)
    ends = np.cumsum([len(text) + 1 for text in texts]) - 1
    left = np.repeat(ends, [len(text) + 1 for text in texts])[: len(data)] - np.arange(len(data))
    marks = np.zeros(len(data), bool)
    for byte in range(255):
        first: dict[bytes, int] = {}
        for i in np.flatnonzero((data == byte) & (left >= minimum)).tolist():
            if first.setdefault(whole[i : i + minimum], i) <= i - minimum:
                marks[i : i + minimum] = True
    for end, text in zip(ends.tolist(), texts, strict=True):
        yield marks[end - len(text) : end].tolist()


def check_by_brute_force(texts: Sequence[str], folder: Path) -> None:
    marks = list(brute_force([text.encode() for text in texts], 50))
    found = spans_of(in_order(texts), Substring(), folder, 5)
    assert found == expected_bytes(texts, marks)
    size, marked = sum(len(m) for m in marks), sum(sum(m) for m in marks)
    print(f"{marked:,} of {size:,} bytes marked ({marked / size:.1%}), equal to brute force to the byte")
    assert marked > 0.001 * size


def test_real_text_by_brute_force(tmp_path: Path) -> None:
    files = ("text/recipes-wikibooks-en", "text/email-spam-ham", "text/qa-medquad-en", "text/recipes-wikibooks-de")
    check_by_brute_force(real(files, 100), tmp_path)


@pytest.mark.slow
def test_twenty_megabytes_by_brute_force(real_data: Path, tmp_path: Path) -> None:
    texts, size = [], 0
    for name in ("email-spam-ham", "qa-medquad-en", "recipes-wikibooks-en", "wikipedia-vital-fr"):
        taken = 0
        with zstandard.open(real_data / f"text/{name}.jsonl.zst", "rb") as stream:
            for line in io.TextIOWrapper(stream, encoding="utf-8"):
                texts.append(json.loads(line)["text"])
                taken += len(texts[-1].encode())
                if taken >= 7_000_000:
                    break
        size += taken
    assert size >= 20_000_000, size
    check_by_brute_force(texts, tmp_path)


def test_what_cannot_fit_is_refused_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "available_memory", lambda: 1000)
    view = view_of([("a", "one text")])
    with pytest.raises(TamisError, match=r"repeated-substrings needs 400\.0 MB of memory and"):
        run([Substring().select(view, no_dataset)], Store(tmp_path), Here(), Where())


@pytest.mark.parametrize("wrong", [{"minimum": 0}, {"unit": "tokens"}, {"share": 0.0}])
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="Substring"):
        Substring(**wrong)
