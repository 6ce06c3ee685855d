"""Repeated paragraphs: the first of a kind stays and no other, for any order, shards and memory; what is cut is cut cleanly."""

from __future__ import annotations

import io
import itertools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import Here, generated, name_id, outcome, view_of

from tamis.core import budget
from tamis.core.errors import TamisError, UsageError
from tamis.core.runner import run
from tamis.core.step import Published, Where
from tamis.core.store import Store
from tamis.data import paragraphs as module
from tamis.data.paragraphs import Paragraphs
from tamis.kernels.jit import buffers
from tamis.kernels.paragraphs import paragraphs
from tamis.kernels.shingle import words

Rows = Sequence[tuple[str, str]]


def published(rows: Rows, op: Paragraphs, folder: Path, shards: int = 2, cut: tuple[str, ...] = ()) -> Published:
    view = view_of(rows, shards, cut)
    return run([op.select(view, lambda _: view)], Store(folder), Here(), Where())[0]


def texts_of(step: Published) -> dict[str, str]:
    """Hex id -> text."""
    rows = [row for s in step.shards for row in step.read(s.name, ["id", "text"]).to_pylist()]
    return {row["id"].hex(): row["text"] for row in rows}


def parts_of(text: str, unit: str) -> tuple[list[str], list[str]]:
    """Parts, and what stands before the first, between them, and after the last: the two lists alternate."""
    lines = text.split("\n")
    if unit == "line":
        return lines, ["", *["\n"] * (len(lines) - 1), ""]
    parts, gaps, gap = [], [], ""
    for filled, group in itertools.groupby(lines, lambda line: bool(line.strip())):
        joined = "\n".join(group)
        if filled:
            gaps.append(gap)
            parts.append(joined)
            gap = "\n"
        else:
            gap += joined + "\n"
    return parts, [*gaps, gap[:-1] if gap.endswith("\n") else gap]


def by_definition(rows: Rows, op: Paragraphs) -> dict[str, str]:
    """Text by text in order of id, with a set of what was seen."""
    seen: set[str] = set()
    out = {}
    for own, text in sorted((name_id(name), text) for name, text in rows):
        parts, gaps = parts_of(text, op.unit)
        stays = []
        for part in parts:
            same = " ".join(words(part)) if op.normalise else part.strip()
            counts = len(part.strip()) >= op.minimum
            stays.append(not (counts and same in seen))
            if counts:
                seen.add(same)
        kept = [k for k, stay in enumerate(stays) if stay]
        new = gaps[0] + "".join(parts[k] + (gaps[k + 1] if k < kept[-1] or k == len(parts) - 1 else "") for k in kept)
        if new.strip() or all(stays):
            out[own] = new
    return out


PIECES = st.sampled_from(
    ["a", "A", "b b", " b  b", "B b\t", "", " ", "\r", "a\r", "\0", "日本", "é", "e\u0301", "\u3000", "longer than x"]
)
TEXTS = st.lists(PIECES, max_size=7).map("\n".join)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(TEXTS, max_size=12),
    st.sampled_from(["line", "paragraph"]),
    st.sampled_from([1, 2, 4]),
    st.booleans(),
    st.integers(1, 3),
)
def test_what_stays_is_what_the_definition_says(texts: list[str], unit: str, minimum: int, normalise: bool, shards: int) -> None:
    rows = [(f"r{k}", text) for k, text in enumerate(texts)]
    op = Paragraphs(unit=unit, minimum=minimum, normalise=normalise)
    with tempfile.TemporaryDirectory() as folder:
        assert texts_of(published(rows, op, Path(folder), shards)) == by_definition(rows, op)


def planted(count: int, generator: np.random.Generator) -> list[tuple[str, str]]:
    """Texts of six paragraphs, a third of which were drawn before."""
    own = generated(count * 4, generator)
    texts = ["\n\n".join(own[k] for k in generator.integers(0, len(own), 6)) for _ in range(count)]
    return [(f"t{k}", text) for k, text in enumerate(texts)]


def test_order_shards_and_memory_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    rows = planted(60, generator)
    expected = by_definition(rows, Paragraphs())
    assert sum(map(len, expected.values())) < 0.8 * sum(len(text) for _, text in rows)
    for number, shards in enumerate((1, 7, 20)):
        shuffled = [rows[i] for i in generator.permutation(len(rows))]
        assert texts_of(published(shuffled, Paragraphs(), tmp_path / str(number), shards)) == expected
    monkeypatch.setattr(module, "LEAST", 50)
    monkeypatch.setattr(module, "available_memory", lambda: 0)
    assert texts_of(published(rows, Paragraphs(), tmp_path / "rounds", 3)) == expected


def test_a_paragraph_of_every_kind_stays_once(tmp_path: Path) -> None:
    rows = planted(60, np.random.default_rng(2))
    left = texts_of(published(rows, Paragraphs(), tmp_path)).values()
    own = [part for text in left for part in text.split("\n\n")]
    assert len(own) == len(set(own)) and set(own) == {part for _, text in rows for part in text.split("\n\n")}


def test_rows_dropped_before_neither_count_nor_get_spans(tmp_path: Path) -> None:
    shared = "the same words in all three texts"
    names = sorted(("a", "b", "c"), key=name_id)
    rows = [(name, f"{shared}\n\nand some words of {name} alone") for name in names]
    view = view_of(rows, 2, cut=(names[0],))
    spans = Paragraphs().spans(view, lambda _: view)
    text, found = run([view.text, spans], Store(tmp_path), Here(), Where())
    marked = {
        own.hex(): starts
        for s in text.shards
        for own, starts in zip(
            text.read(s.name, ["id"]).column("id").to_pylist(), found.read(s.name).column("starts").to_pylist(), strict=True
        )
    }
    assert marked == {name_id(names[0]): [], name_id(names[1]): [], name_id(names[2]): [0]}
    assert (found.facts["paragraphs"], found.facts["repeated"]) == (4, 1)


def test_long_paragraphs_and_zeros(tmp_path: Path) -> None:
    long = "x" * 10_000_000
    names = sorted("abcd", key=name_id)
    texts = [
        long,
        long + "y",
        f"own words that are enough\r\n\r\n{long}\r\n",
        "\0" * 30 + "\n\n" + "\0" * 31 + "\n\n" + "\0" * 30,
    ]
    left = texts_of(published(list(zip(names, texts, strict=True)), Paragraphs(), tmp_path))
    assert [left[name_id(n)] for n in names] == [long, long + "y", "own words that are enough\r", "\0" * 30 + "\n\n" + "\0" * 31]


def test_normalised_paragraphs_are_equal_if_their_words_are(tmp_path: Path) -> None:
    parts = [
        "ΟΔΟΣ ΤΗΣ",
        "οδος\u2003της",
        "İstanbul gidiyor",
        "istanbul  GİDİYOR",
        "日本 語",
        "日本語",
        "Straße",
        "STRASSE",
        "นี้",
        "นี ้",
    ]
    column = pa.array(["\n".join(parts)], pa.large_string())
    hashes = paragraphs(buffers(column), True, 1, True).hash.tolist()
    for a, b in itertools.combinations(range(len(parts)), 2):
        assert (hashes[a] == hashes[b]) == (words(parts[a]) == words(parts[b])), (parts[a], parts[b])
    assert len(set(hashes)) == 7


def test_with_a_share_rows_are_dropped_whole(tmp_path: Path) -> None:
    names = sorted(("a", "b", "c"), key=name_id)
    first, second = "one paragraph of some length", "another paragraph, a bit longer"
    texts = [f"{first}\n\n{second}", f"{second}\n\n{first}\n", f"{first}\n\nwords that nobody else has at all"]
    view = view_of(list(zip(names, texts, strict=True)))
    found = outcome(view, Paragraphs(share=0.9).select(view, lambda _: view), tmp_path)
    assert found == {name_id(names[1]): ("repeated-paragraphs", {"share": 1.0})}


def test_memory_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "available_memory", lambda: 100)
    with pytest.raises(TamisError, match=r"needs .* of memory and 100 B is available"):
        published(planted(3, np.random.default_rng(3)), Paragraphs(), tmp_path)


def test_wrong_settings_are_refused() -> None:
    for wrong in ({"unit": "sentence"}, {"minimum": 0}, {"share": 2.0}):
        with pytest.raises(UsageError, match="Paragraphs"):
            Paragraphs(**wrong)


def test_lines_of_real_text_are_those_of_the_definition(real_data: Path, tmp_path: Path) -> None:
    rows = []
    for name in ("text/qa-medquad-en", "multilingual/udhr-all", "text/recipes-wikibooks-en"):
        with zstandard.open(real_data / f"{name}.jsonl.zst", "rb") as stream:
            lines = itertools.islice(io.TextIOWrapper(stream, encoding="utf-8"), 400)
            rows += [(f"{name}{k}", json.loads(line)["text"]) for k, line in enumerate(lines)]
    for unit, normalise in (("line", False), ("paragraph", True)):
        op = Paragraphs(unit=unit, normalise=normalise)
        step = published(rows, op, tmp_path / unit, 5)
        assert texts_of(step) == by_definition(rows, op)
        print(f"{unit}s, normalise={normalise}: {step.ledger.rows_in} texts in, {step.ledger.rows_out} out")
