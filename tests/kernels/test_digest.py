"""Digests are MurmurHash3's, of the bytes or of the words; equal only where the strings are."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.kernels.digest import digests, word_digests
from tamis.kernels.jit import buffers
from tamis.kernels.shingle import words

FULL = 2**64 - 1


def rotated(x: int, bits: int) -> int:
    return (x << bits | x >> (64 - bits)) & FULL


def avalanche(k: int) -> int:
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        k = (k ^ k >> 33) * factor & FULL
    return k ^ k >> 33


def murmur(data: bytes) -> tuple[int, int]:
    """The definition, on Python's integers."""
    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
    h1 = h2 = 0
    padded = data + bytes(16 - len(data) % 16)
    for p in range(0, len(padded), 16):
        k1, k2 = (int.from_bytes(padded[q : q + 8], "little") for q in (p, p + 8))
        h1 ^= rotated(k1 * c1 & FULL, 31) * c2 & FULL
        if p + 16 < len(padded):
            h1 = ((rotated(h1, 27) + h2) * 5 + 0x52DCE729) & FULL
        h2 ^= rotated(k2 * c2 & FULL, 33) * c1 & FULL
        if p + 16 < len(padded):
            h2 = ((rotated(h2, 31) + h1) * 5 + 0x38495AB5) & FULL
    h1, h2 = h1 ^ len(data), h2 ^ len(data)
    h1 = h1 + h2 & FULL
    h2 = h2 + h1 & FULL
    h1, h2 = avalanche(h1), avalanche(h2)
    h1 = h1 + h2 & FULL
    return h1, h2 + h1 & FULL


def column(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


def of(texts: list[str]) -> list[bytes]:
    return [row.tobytes() for row in digests(buffers(column(texts)))]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("", "0" * 32),
        ("hello", "cbd8a7b341bd9b025b1e906a48ae1d19"),
        ("The quick brown fox jumps over the lazy dog", "e34bbc7bbc071b6c7a433ca9c49a9347"),
    ],
)
def test_published_values(text: str, known: str) -> None:
    (own,) = of([text])
    assert own[:8][::-1].hex() + own[8:][::-1].hex() == known


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(max_size=70), max_size=5), st.integers(0, 2))
def test_digests_are_those_of_the_definition(texts: list[str], skip: int) -> None:
    part = column(texts)[skip:]
    found = [row.tobytes() for row in digests(buffers(part))]
    assert found == [b"".join(half.to_bytes(8, "little") for half in murmur(t.encode())) for t in texts[skip:]]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.sampled_from("aB Σς\n\t\0日本ไ.,é\u0301\u2003"), max_size=40), max_size=5), st.booleans())
def test_digests_of_words_are_digests_of_the_words_joined(texts: list[str], punctuation: bool) -> None:
    found = [row.tobytes() for row in word_digests(buffers(column(texts)), punctuation)]
    assert found == of([" ".join(words(t, punctuation)) for t in texts])


def test_zeros_and_long_texts_are_told_apart() -> None:
    texts = ["\0" * size for size in range(100)] + ["x" * 10**7, "x" * (10**7 - 1) + "y", "y" + "x" * (10**7 - 1)]
    assert len(set(of(texts))) == len(texts)
