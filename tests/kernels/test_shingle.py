"""The kernels give exactly the words and shingles of the plain definition, in every script."""

from __future__ import annotations

import io
import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.kernels.jit import buffers
from tamis.kernels.shingle import TABLE_SIZE, kind_of, lower_of, normalise, shingle_sets, table, word_hashes, words

SCRIPTS = [
    "",
    " \n\t ",
    "one",
    "The quick brown fox — “jumps” over\u00a0the lazy dog's 12.5 kg\u2028tail",
    "ΟΔΟΣ οδός ὁδὸς ΣΑΣ",
    "İstanbul ISPARTA ı K Å",
    "日本語のテキスト、ｶﾀｶﾅ々〇 and English mixed日本",
    "ภาษาไทยไม่มีช่องว่าง แต่มีวรรค",
    "ພາສາລາວ ភាសាខ្មែរ မြန်မာဘာသာ བོད་སྐད་",
    "हिन्दी में शब्द हैं العَرَبِيَّة עִבְרִית",
    "한국어 띄어쓰기",
    "𠀀𠀁 𐐀𐐨 😀😀 a😀b",
    "aaaaaaa bbbbbbbb ccccccccc dddddddddddddddd eeeeeeeeeeeeeeeeee",
    "x" * 100 + " \x00 \x1f \x0b\x0c a\x7fb",
    "e\u0301tude étude",
]


def hashes_of(texts: list[str], punctuation: bool) -> list[list[int]]:
    found, ends, _ = word_hashes(*buffers(pa.array(texts, pa.large_string())), table(), punctuation)
    return [found[a:b].tolist() for a, b in pairwise(ends)]


def same_words(texts: list[str], punctuation: bool) -> None:
    """Equal words have equal hashes, different words different ones, and every word has one."""
    forward: dict[str, int] = {}
    backward: dict[int, str] = {}
    for text, hashes in zip(texts, hashes_of(texts, punctuation), strict=True):
        expected = words(text, punctuation)
        assert len(hashes) == len(expected), text
        for word, h in zip(expected, hashes, strict=True):
            assert forward.setdefault(word, h) == h
            assert backward.setdefault(h, word) == word


def test_the_table_is_the_definition_of_every_code_point() -> None:
    entries = table().tolist()
    wrong = [p for p in range(TABLE_SIZE) if entries[p] != ord(lower_of(chr(p))) | kind_of(chr(p)) << 24]
    assert not wrong


def test_beyond_the_table_nothing_has_case_space_or_punctuation() -> None:
    chars = [chr(point) for point in (*range(TABLE_SIZE, 0x33480, 7), *range(0xE0000, 0xE0200), 0xF0000, 0x10FFFF)]
    assert all(char.lower() == char and not char.isspace() for char in chars)
    same_words([f"ab{char}cd" for char in chars], False)


@pytest.mark.parametrize("punctuation", [True, False])
def test_words_of_many_scripts(punctuation: bool) -> None:
    same_words(SCRIPTS, punctuation)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=5), st.booleans())
def test_words_of_any_text(texts: list[str], punctuation: bool) -> None:
    same_words(texts, punctuation)


def test_the_stated_rules() -> None:
    assert words("ΟΔΟΣ") == words("οδος") == ["οδοσ"]
    assert words("İI") == ["ii"]
    assert words("日本go語") == ["日", "本", "go", "語"]
    assert words("ที่นี่") == ["ที่", "นี่"]
    assert words("don't stop!", punctuation=False) == ["don", "t", "stop"]
    assert words("A  B\n\u3000C") == ["a", "b", "c"]


def test_bit_0_marks_letters_of_unspaced_scripts() -> None:
    (found,) = hashes_of(["日 english ไท हिन्दी 😀 ๑๒"], True)
    assert [h & 1 for h in found] == [1, 0, 1, 1, 0, 0, 0]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text("ab日 ", max_size=40), max_size=6), st.integers(1, 6))
def test_shingle_sets_are_the_sets_of_the_definition(texts: list[str], ngram: int) -> None:
    found, offsets = shingle_sets(*buffers(pa.array(texts, pa.large_string())), table(), ngram, True)
    names: dict[int, tuple[str, ...]] = {}
    for i, text in enumerate(texts):
        own = words(text)
        size = min(ngram, len(own))
        expected = {tuple(own[k : k + size]) for k in range(len(own) - size + 1)} if own else set()
        hashes = found[offsets[i] : offsets[i + 1]]
        assert len(hashes) == len(expected)
        assert (np.diff(hashes.astype(object)) > 0).all()
        for shingle in expected:  # a set of one fixes the hash of its shingle
            one, _ = shingle_sets(*buffers(pa.array([" ".join(shingle)], pa.large_string())), table(), max(size, 1), True)
            assert one[0] in hashes
            assert names.setdefault(int(one[0]), shingle) == shingle


def test_bytes_that_are_not_utf8_do_no_harm() -> None:
    generator = np.random.default_rng(5)
    for _ in range(200):
        data = generator.integers(0, 256, 40).astype(np.uint8)
        out = np.empty(3 * 40 + 16, np.uint8)
        length = normalise(data, 0, 40, table(), True, out)
        assert 0 <= length <= 120


def test_a_slice_of_a_column_gives_the_words_of_its_rows() -> None:
    column = pa.array(SCRIPTS, pa.large_string())
    found, ends, _ = word_hashes(*buffers(column[3:8]), table(), True)
    assert [found[a:b].tolist() for a, b in pairwise(ends)] == hashes_of(SCRIPTS, True)[3:8]


def test_words_of_the_declaration_of_human_rights_in_448_languages() -> None:
    if "TAMIS_DATA" not in os.environ:
        pytest.skip("TAMIS_DATA is not set")
    import zstandard

    path = Path(os.environ["TAMIS_DATA"]) / "multilingual" / "udhr-all.jsonl.zst"
    with zstandard.open(path, "rb") as stream:
        texts = [json.loads(line)["text"][:1500] for line in io.TextIOWrapper(stream, encoding="utf-8")]
    assert len(texts) > 500
    same_words(texts, True)
    same_words(texts, False)
