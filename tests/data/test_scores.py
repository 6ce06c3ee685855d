"""A score's compiled kernel equals its plain definition, on invented text and on real documents in many scripts."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.data.score import Score
from tamis.data.scores.c4 import C4Quality
from tamis.data.scores.code import CodeQuality
from tamis.data.scores.dclm import DclmQuality, DclmRepetition
from tamis.data.scores.dolma import DolmaQuality, DolmaRepetition
from tamis.data.scores.fineweb import FineWebQuality
from tamis.data.scores.gopher import GopherQuality, GopherRepetition
from tamis.data.scores.language import Language
from tamis.data.scores.roots import RootsQuality

KERNELS: list[Score] = [
    GopherQuality(),
    GopherQuality(stop_words=("straße", "a", "ὀδός", "antidisestablishmentarianism", "z"), bullets="*→"),
    GopherRepetition(),
    C4Quality(),
    C4Quality(terminal=".。", min_words=2, max_word_length=7),
    FineWebQuality(),
    FineWebQuality(short_line=3),
    CodeQuality(),
    RootsQuality(("the", "Straße", "one two", "in a row"), ("abc", "abcdefgh abcdefgh"), pairs=True),
    RootsQuality(character_ngram=3, word_ngram=1),
    DclmQuality(),
    DclmQuality(dclm_compat=True),
    DclmRepetition(),
    DolmaQuality(),
    DolmaRepetition(),
]
SCORES = [*KERNELS, Language(), Language(characters=7)]

PIECES = st.sampled_from(
    [
        *" \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2028\u2029\u202f\u205f\u3000\u200b\ufeff\0",
        *"aàЖ語ก😀𝔸#{•-*.…。!?\"')]”’[",
        *("\n\n", "\n \n", "\r\n", "...", "....", "[1]", "[]", "[12345", "[edit]", "[citation needed]", "“so.”"),
        *("the ", "with ", "JavaScript", "LOREM ipsum", "Terms of Use", "use of cookies", "lorem\nipsum"),
        *(". . .", "don't ", "3.14", "10:30", "a:b", "1,000 ", "THE ", "\u0301", "① ", "a b c d e a b c d e "),
        *("ab", "abc ", "abcdefg", "abcdefgh", "abcdefghi", "abcdefghabcdefgh ", "straße ", "one two three four five.\n"),
        *(
            "0x1f, ",
            "\\x4a",
            "ab ",
            "7F\v",
            "\\u00e9",
            "\\u00E9" * 8,
            "a1,b2,c3," * 3,
            "QUJD" * 16,
            "QUJD" * 300 + "=",
            "Auto-Generated\n",
        ),
        *("antidisestablishmentarianism ", "cookie policy applies to all of us here.\n", "x" * 1001 + " "),
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=60).map("".join), st.text(alphabet="ab \n.", max_size=80), st.text(max_size=40))


def check(score: Score, texts: list[str], array: pa.Array | None = None) -> None:
    batch = score.score_batch(pa.array(texts, pa.large_string()) if array is None else array)
    batch.validate(full=True)
    assert batch.schema.equals(score.schema())
    for text, row in zip(texts, zip(*(column.to_pylist() for column in batch.columns), strict=True), strict=True):
        for name, got, want in zip(batch.schema.names, row, score.score(text), strict=True):  # type: ignore[call-overload]
            equal = pytest.approx(want, rel=1e-12, abs=0) if isinstance(want, float) else want
            assert got == equal, f"{type(score).__name__}.{name}: kernel {got}, definition {want}: {text[:200]!r}"


@pytest.mark.parametrize("score", SCORES, ids=repr)
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(texts=st.lists(TEXTS, max_size=5))
def test_kernel_equals_definition_on_invented_text(score: Score, texts: list[str]) -> None:
    check(score, texts)


@pytest.mark.parametrize("score", SCORES, ids=repr)
def test_a_slice_scores_as_its_own_array(score: Score) -> None:
    texts = ["zero.", "", "the one\nand two.", "trois [3]", "4"]
    check(score, texts[1:4], pa.array(texts, pa.large_string()).slice(1, 3))
    assert score.score_batch(pa.array([], pa.large_string())).num_rows == 0


@pytest.mark.parametrize("score", SCORES, ids=repr)
@pytest.mark.parametrize(
    "text", ["", "\0", "\n" * 3000, " " * 3000, "x" * 10_000_000, "\0a" * 5000, "ab " * 30_000, "é\n" * 9000]
)
def test_odd_documents_score(score: Score, text: str) -> None:
    check(score, [text, "and one more."])


def documents(path: Path) -> Iterator[str]:
    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        for line in io.TextIOWrapper(stream, "utf-8", newline="\n"):
            yield json.loads(line)["text"]


def real(folder: str, name: str, start: int, step: int, count: int) -> list[str]:
    root = os.environ.get("TAMIS_DATA")
    if not root:
        pytest.skip("TAMIS_DATA is not set")
    path = Path(root) / folder / f"{name}.jsonl.zst"
    if not path.exists():
        pytest.skip(f"{path.name} is not in TAMIS_DATA")
    return [text[:20_000] for text in islice(documents(path), start, start + step * count, step)]


REAL = [
    ("multilingual", "udhr-all", 0, 4, 120),
    ("multilingual", "libreoffice-help-parallel", 5, 61, 60),
    ("multilingual", "tldr-pages", 3, 97, 60),
    ("text", "wikipedia-vital-fr", 0, 41, 40),
    ("text", "email-spam-ham", 1, 23, 60),
    ("text", "recipes-wikibooks-de", 0, 5, 30),
    ("text", "qa-medquad-en", 0, 101, 40),
    ("text", "books-standardebooks-en", 0, 40, 8),
    ("code", "the-algorithms-8langs", 0, 83, 60),
]


@pytest.mark.parametrize("part", REAL, ids=lambda part: part[1])
def test_kernel_equals_definition_on_real_documents(part: Any) -> None:
    texts = real(*part)
    assert len(texts) > 5
    for score in KERNELS:
        check(score, texts)
    check(Language(), texts)
