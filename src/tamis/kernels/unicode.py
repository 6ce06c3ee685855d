"""What Python says about every code point, as one table that compiled loops can read.

Built from `str` methods and `unicodedata` of the running interpreter, so that a kernel agrees with `str.split`, `str.strip`
and `str.isalpha` for all code points; `unicodedata.unidata_version` therefore belongs in the key of whatever reads the table.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import numpy as np
import numpy.typing as npt

SPACE = 1  # str.isspace: where str.split and str.strip cut
LETTER = 2  # str.isalpha
STOP = 4  # ends a sentence: is_stop
ALPHANUMERIC = 8  # str.isalnum
MARK = 16  # category M: written on the letter before it
CAPITAL = 32  # str.isupper
DIGIT = 64  # str.isdigit
DECIMAL = 128  # str.isdecimal

_CODE_POINTS = 0x110000
_LETTERS = 0x40000  # Unicode assigns no letter, number or space above plane 3,
_PUNCTUATION = 0x20000  # no punctuation, capital or digit above plane 1,
_SELECTORS = range(0xE0100, 0xE01F0)  # and no mark but these above plane 1: a test holds the running Python to all of it
_STOP_NAME = re.compile(r"\b(FULL STOP|QUESTION MARK|EXCLAMATION MARK|INTERROBANG|(DOUBLE )?(DANDA|SHAD))\b")
_NOT_STOP_NAME = re.compile(r"\b(INVERTED|INITIAL)\b")


def is_stop(character: str) -> bool:
    """Whether a character ends a sentence: punctuation named full stop, question or exclamation mark, danda or shad."""
    if unicodedata.category(character) != "Po":
        return False
    name = unicodedata.name(character, "")
    return bool(_STOP_NAME.search(name)) and not _NOT_STOP_NAME.search(name)


@cache
def flags() -> npt.NDArray[np.uint8]:
    """One byte of the bits above per code point (1,114,112 bytes, read-only), built once per process."""
    table = np.zeros(_CODE_POINTS, np.uint8)
    characters = list(map(chr, range(_LETTERS)))
    table[:_LETTERS] |= SPACE * np.fromiter(map(str.isspace, characters), np.uint8, _LETTERS)
    table[:_LETTERS] |= LETTER * np.fromiter(map(str.isalpha, characters), np.uint8, _LETTERS)
    table[:_LETTERS] |= ALPHANUMERIC * np.fromiter(map(str.isalnum, characters), np.uint8, _LETTERS)
    characters = characters[:_PUNCTUATION]
    for kind, method in ((CAPITAL, str.isupper), (DIGIT, str.isdigit), (DECIMAL, str.isdecimal)):
        table[:_PUNCTUATION] |= kind * np.fromiter(map(method, characters), np.uint8, _PUNCTUATION)
    for point in range(_PUNCTUATION):
        if is_stop(characters[point]):
            table[point] |= STOP
        if unicodedata.category(characters[point])[0] == "M":
            table[point] |= MARK
    table[_SELECTORS.start : _SELECTORS.stop] |= MARK
    table.setflags(write=False)
    return table
