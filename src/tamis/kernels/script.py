"""Which script each letter of a text belongs to, by the name that Unicode gives the letter."""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
import numpy.typing as npt

from tamis.kernels.jit import Buffers, njit
from tamis.kernels.text import code_point

# First word of the names of a script's letters, and its code in ISO 15924; those in which living languages are mostly written.
NAMES = (
    "LATIN Latn,GREEK Grek,CYRILLIC Cyrl,ARMENIAN Armn,GEORGIAN Geor,HEBREW Hebr,ARABIC Arab,SYRIAC Syrc,THAANA Thaa,NKO Nkoo,"
    "ETHIOPIC Ethi,TIFINAGH Tfng,VAI Vaii,CHEROKEE Cher,CANADIAN Cans,DEVANAGARI Deva,BENGALI Beng,GURMUKHI Guru,GUJARATI Gujr,"
    "ORIYA Orya,TAMIL Taml,TELUGU Telu,KANNADA Knda,MALAYALAM Mlym,SINHALA Sinh,THAI Thai,LAO Laoo,KHMER Khmr,MYANMAR Mymr,"
    "TIBETAN Tibt,MONGOLIAN Mong,JAVANESE Java,BALINESE Bali,HANGUL Hang,HIRAGANA Hira,KATAKANA Kana,BOPOMOFO Bopo,CJK Hani,"
    "YI Yiii"
)
PAIRS = tuple(tuple(pair.split()) for pair in NAMES.split(","))
OTHER, NONE = "Zzzz", "Zyyy"  # ISO 15924: not of these scripts; of none
CODES = (*(code for _, code in PAIRS), OTHER)
_LETTERS = 0x40000  # Unicode assigns no letter above plane 3


@cache
def scripts() -> npt.NDArray[np.uint8]:
    """For every code point below 0x40000: 1 + the place in CODES of the script of a letter, 0 for anything else."""
    places = {name: place for place, (name, _) in enumerate(PAIRS)}
    table = np.zeros(_LETTERS, np.uint8)
    for point in filter(lambda p: chr(p).isalpha(), range(_LETTERS)):
        word = unicodedata.name(chr(point), "").removeprefix("FULLWIDTH ").removeprefix("HALFWIDTH ").partition(" ")[0]
        table[point] = 1 + places.get(word, len(PAIRS))
    table.setflags(write=False)
    return table


@njit
def _count(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], table: npt.NDArray[np.uint8], width: int
) -> npt.NDArray[np.int64]:
    out = np.zeros((len(offsets) - 1, width), np.int64)
    for i in range(len(out)):
        place = offsets[i]
        while place < offsets[i + 1]:
            point, size = code_point(data, place)
            place += size
            if point < len(table) and table[point]:
                out[i, table[point] - 1] += 1
    return out


def letters(texts: Buffers) -> npt.NDArray[np.int64]:
    """Letters of every text by script: (texts, scripts), in the order of CODES."""
    return _count(texts.data, texts.offsets, scripts(), len(CODES))
