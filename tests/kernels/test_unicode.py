"""The table says what the running Python says, for every code point."""

from __future__ import annotations

import unicodedata

import numpy as np

from tamis.kernels.unicode import ALPHANUMERIC, CAPITAL, DECIMAL, DIGIT, LETTER, MARK, SPACE, STOP, flags, is_stop

EVERY = list(map(chr, range(0x110000)))


def test_white_space_and_letters_are_those_of_str() -> None:
    table = flags()
    assert [chr(i) for i in np.flatnonzero(table & SPACE)] == [c for c in EVERY if c.isspace()]
    assert np.array_equal((table & LETTER) != 0, np.fromiter(map(str.isalpha, EVERY), bool, len(EVERY)))
    assert np.array_equal((table & ALPHANUMERIC) != 0, np.fromiter(map(str.isalnum, EVERY), bool, len(EVERY)))


def test_capitals_and_digits_are_those_of_str() -> None:
    for kind, method in ((CAPITAL, str.isupper), (DIGIT, str.isdigit), (DECIMAL, str.isdecimal)):
        assert np.array_equal((flags() & kind) != 0, np.fromiter(map(method, EVERY), bool, len(EVERY)))


def test_marks() -> None:
    assert np.array_equal((flags() & MARK) != 0, np.array([unicodedata.category(c)[0] == "M" for c in EVERY]))


def test_split_and_strip_cut_where_isspace_does() -> None:
    for c in (c for c in EVERY if c.isspace()):
        assert f"a{c}b".split() == ["a", "b"]
        assert f"{c}a{c}".strip() == "a"


def test_sentence_ends() -> None:
    table = flags()
    assert np.array_equal((table & STOP) != 0, np.fromiter(map(is_stop, EVERY), bool, len(EVERY)))
    assert all(map(is_stop, ".!?。！？｡።؟۔।॥‼⁉"))
    assert not any(map(is_stop, "¿¡…,;:·\"')a1 \n"))


def test_white_space_starts_with_the_bytes_that_blank_looks_for() -> None:
    starts = {c.encode()[0] for c in EVERY if c.isspace()}
    assert {b for b in starts if b >= 0x80} <= {0xC2, 0xE1, 0xE2, 0xE3}
    assert {b for b in starts if b < 0x80} == {*range(9, 14), *range(28, 33)}
