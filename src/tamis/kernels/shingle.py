"""From text to hashed words and shingles: the ground that MinHash, verification and nearness share.

A *word* is a maximal run of characters that are not white space (`str.isspace`), in lower case. Case is folded code point by
code point: the first code point of `str.lower()`, and the final sigma counts as sigma; canonical equivalents (NFC, NFD) stay
different. Chinese, Japanese kana, Thai, Lao, Khmer, Burmese and Tibetan are written without spaces: there each letter, with the
combining marks after it, is a word. With `punctuation=False` punctuation and symbols (Unicode P*, S*) separate words as white
space does. A *shingle* is `ngram` words in a row; a text of fewer words is one shingle of all of them; without words, none.

`words` is the definition; the kernels give the same words as 64-bit hashes. Bit 0 of a word's hash says that it is a letter of
an unspaced script. Different words or shingles share a hash with a chance of about 2^-63, which everything here neglects.
Memory of a batch: 3 bytes per byte of its longest text, and 8 per word of it, besides the result.
"""

from __future__ import annotations

import itertools
import unicodedata
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tamis.kernels.jit import njit

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

WORD, SPACE, SINGLE, MARK, PUNCTUATION = range(5)
TABLE_SIZE = 0x20000  # beyond it: no case, no space, no punctuation; planes 2 and 3 are Chinese, 0xE0100.. are marks
UNSPACED = (
    (0x0E00, 0x0FFF),  # Thai, Lao, Tibetan
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),  # iteration mark, closing mark, zero
    (0x3040, 0x312F),  # kana, bopomofo
    (0x31F0, 0x31FF),
    (0x3400, 0x9FFF),  # Chinese
    (0xA9E0, 0xA9FF),
    (0xAA60, 0xAA7F),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),  # half-width kana
)

SPACES = np.uint64(0x2020202020202020)
ONES = np.uint64(0x0101010101010101)
HIGHS = np.uint64(0x8080808080808080)
K1 = np.uint64(0x9E3779B97F4A7C15)
K2 = np.uint64(0xD6E8FEB86659FD93)
K3 = np.uint64(0xFF51AFD7ED558CCD)
BASE = np.uint64(0x5851F42D4C957F2D)  # of the polynomial over word hashes
U0, U1, U3, U29, U32, U56 = (np.uint64(i) for i in (0, 1, 3, 29, 32, 56))
SPACE_BYTE = np.uint8(32)


@cache
def kind_of(char: str) -> int:
    """Which of WORD, SPACE, SINGLE, MARK, PUNCTUATION a character is."""
    if char.isspace():
        return SPACE
    category, point = unicodedata.category(char), ord(char)
    if category[0] in "PS":
        return PUNCTUATION
    if category[0] == "M":
        return MARK
    if 0x20000 <= point < 0x40000:
        return SINGLE
    unspaced = any(low <= point <= high for low, high in UNSPACED)
    return SINGLE if unspaced and (category[0] == "L" or category == "Nl") else WORD


@cache
def lower_of(char: str) -> str:
    """One code point for one code point."""
    return "σ" if char in "Σς" else char.lower()[0]


def words(text: str, punctuation: bool = True) -> list[str]:
    """The words of a text: the definition that the kernels are tested against."""
    out: list[list[str]] = [[]]
    single = False  # the current word is a letter of an unspaced script: only marks may join it
    for char in text:
        kind = kind_of(char)
        if kind == SPACE or (kind == PUNCTUATION and not punctuation):
            out.append([])
            single = False
            continue
        if kind == SINGLE or (single and kind != MARK):
            out.append([])
            single = kind == SINGLE
        out[-1].append(lower_of(char))
    return ["".join(word) for word in out if word]


@cache
def table() -> npt.NDArray[np.uint32]:
    """Code point -> `lower_of` and, in the highest 8 bits, `kind_of`; uint32, TABLE_SIZE entries. Made once a process (40 ms)."""
    chars = [chr(point) for point in range(TABLE_SIZE)]
    category = np.array([unicodedata.category(c) for c in chars])
    major = category.astype("U1")
    unspaced = np.zeros(TABLE_SIZE, bool)
    for low, high in UNSPACED:
        unspaced[low : high + 1] = True
    kind: npt.NDArray[Any] = np.full(TABLE_SIZE, WORD, np.uint32)
    kind[unspaced & ((major == "L") | (category == "Nl"))] = SINGLE
    kind[major == "M"] = MARK
    kind[(major == "P") | (major == "S")] = PUNCTUATION
    kind[[c.isspace() for c in chars]] = SPACE
    lower: npt.NDArray[Any] = np.arange(TABLE_SIZE, dtype=np.uint32)
    cased = [c for c in chars if c.lower() != c or c == "ς"]
    lower[[ord(c) for c in cased]] = [ord(lower_of(c)) for c in cased]
    out: npt.NDArray[np.uint32] = lower | kind << 24
    out.flags.writeable = False
    return out


@intrinsic
def load64(context: Any, array: Any, index: Any) -> Any:
    """Eight bytes of a uint8 array from any index, little-endian. The caller makes sure that they exist."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, args[0])
        place = builder.gep(view.data, [args[1]])
        return builder.load(builder.bitcast(place, context.get_value_type(types.uint64).as_pointer()), align=1)

    return types.uint64(array, types.int64), code


@intrinsic
def trailing_zeros(context: Any, value: Any) -> Any:
    """Number of zero bits below the lowest set bit of a uint64 that is not 0."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], cgutils.true_bit)

    return types.uint64(types.uint64), code


@njit
def _decode(data: Bytes, p: int, end: int) -> tuple[Any, int]:
    """The code point at byte p and its length; a byte that is not UTF-8 stands for itself."""
    c: Any = np.int64(data[p])
    if c >= 0xF0 and p + 3 < end:
        low = (np.int64(data[p + 1]) & 63) << 12 | (np.int64(data[p + 2]) & 63) << 6 | (np.int64(data[p + 3]) & 63)
        return (c & 7) << 18 | low, 4
    if c >= 0xE0 and p + 2 < end:
        return (c & 15) << 12 | (np.int64(data[p + 1]) & 63) << 6 | (np.int64(data[p + 2]) & 63), 3
    if c >= 0xC0 and p + 1 < end:
        return (c & 31) << 6 | (np.int64(data[p + 1]) & 63), 2
    return c, 1


@njit
def _encode(point: int, out: Bytes, q: int) -> int:
    """Write a code point as UTF-8 at out[q:]; returns the new q."""
    if point < 0x80:
        out[q] = point
        return q + 1
    if point < 0x800:
        out[q] = 0xC0 | point >> 6
        out[q + 1] = 0x80 | point & 63
        return q + 2
    if point < 0x10000:
        out[q] = 0xE0 | point >> 12
        out[q + 1] = 0x80 | (point >> 6) & 63
        out[q + 2] = 0x80 | point & 63
        return q + 3
    out[q] = 0xF0 | (point >> 18) & 7
    out[q + 1] = 0x80 | (point >> 12) & 63
    out[q + 2] = 0x80 | (point >> 6) & 63
    out[q + 3] = 0x80 | point & 63
    return q + 4


@njit
def _look_up(point: int, table: npt.NDArray[np.uint32]) -> tuple[Any, Any]:
    """Lower-case code point and kind."""
    if point < TABLE_SIZE:
        entry = np.int64(table[point])
        return entry & 0xFFFFFF, entry >> 24
    if point < 0x40000:
        return point, SINGLE
    return point, MARK if 0xE0100 <= point < 0xE01F0 else WORD


@njit
def normalise(data: Bytes, start: int, end: int, table: npt.NDArray[np.uint32], punctuation: bool, out: Bytes) -> int:
    """Write data[start:end] to `out` as lower-case words with one or more spaces (byte 32) between them.

    `out` needs 3 * (end - start) + 16 bytes. Returns the length; 8 spaces follow, so that eight bytes can be read anywhere.
    """
    ascii = np.empty(128, np.uint8)
    for c in range(128):
        entry = np.int64(table[c])
        kind = entry >> 24
        ascii[c] = SPACE_BYTE if kind == SPACE or (kind == PUNCTUATION and not punctuation) else entry & 0x7F
    p, q, single = start, 0, False
    while p < end:
        if data[p] < 128:
            if single:
                out[q] = SPACE_BYTE
                q += 1
                single = False
            stop = p + 1
            while stop + 8 <= end and load64(data, stop) & HIGHS == U0:
                stop += 8
            while stop < end and data[stop] < 128:
                stop += 1
            for k in range(stop - p):
                out[q + k] = ascii[data[p + k]]
            q += stop - p
            p = stop
            continue
        point, length = _decode(data, p, end)
        p += length
        point, kind = _look_up(point, table)
        if kind == SPACE or (kind == PUNCTUATION and not punctuation):
            out[q] = SPACE_BYTE
            q += 1
            single = False
            continue
        if kind == SINGLE or (single and kind != MARK):
            out[q] = SPACE_BYTE
            q += 1
            single = kind == SINGLE
        q = _encode(point, out, q)
    for k in range(8):
        out[q + k] = SPACE_BYTE
    return q


@njit
def hash_words(text: Bytes, length: int, table: npt.NDArray[np.uint32], out: Hashes) -> int:
    """Hash the words of a normalised text into `out` ((length + 1) // 2 entries suffice); returns their number."""
    p: Any = 0
    n = 0
    while p < length:
        block = load64(text, p)
        if block & np.uint64(255) == np.uint64(32):
            p += 1
            continue
        unspaced = U0
        if text[p] >= 0xE0:
            point, _ = _decode(text, p, length)
            unspaced = np.uint64(_look_up(point, table)[1] == SINGLE)
        start, h = p, K2
        while True:
            gap = block ^ SPACES
            hit = (gap - ONES) & ~gap & HIGHS  # the lowest set bit marks the first space: higher ones may be wrong
            if hit != U0:
                break
            h = (h ^ block) * K1
            h ^= h >> U32
            p += 8
            block = load64(text, p)
        bits = trailing_zeros(hit) & ~np.uint64(7)
        h = (h ^ (block & ((U1 << bits) - U1))) * K1
        h ^= h >> U32
        p += np.int64(bits >> U3)
        h = (h ^ np.uint64(p - start)) * K3
        out[n] = ((h ^ (h >> U29)) & ~U1) | unspaced
        n += 1
        p += 1
    return n


@njit
def finish(h: np.uint64, length: int) -> np.uint64:
    """A polynomial over `length` word hashes to a well-mixed 64-bit hash of the n-gram."""
    h = (h ^ (h >> U32) ^ np.uint64(length)) * K3
    h = (h ^ (h >> U29)) * K2
    return h ^ (h >> U32)


@njit
def roll(words: Hashes, n: int, ngram: int, out: Hashes) -> int:
    """Hashes of the n-grams of words[:n]; returns their number: n - ngram + 1, or 1 if 0 < n < ngram, or 0."""
    if n == 0:
        return 0
    size = min(n, ngram)
    power, h = U1, U0
    for i in range(size):
        h = h * BASE + words[i]
        power *= BASE
    out[0] = finish(h, size)
    for i in range(size, n):
        h = h * BASE + words[i] - words[i - size] * power
        out[i - size + 1] = finish(h, size)
    return n - size + 1


@njit
def longest(offsets: Offsets) -> int:
    """Bytes of the longest text."""
    out = 0
    for i in range(len(offsets) - 1):
        out = max(out, offsets[i + 1] - offsets[i])
    return out


@njit
def _count_words(
    data: Bytes, offsets: Offsets, table: npt.NDArray[np.uint32], punctuation: bool
) -> tuple[Hashes, Offsets, Bytes]:
    """Scratch for the hashes of one text, places (texts + 1) for those of all, scratch for one normalised text."""
    size = longest(offsets)
    scratch, hashes = np.empty(3 * size + 16, np.uint8), np.empty(size + 1, np.uint64)
    ends = np.zeros(len(offsets), np.int64)
    for i in range(len(offsets) - 1):
        length = normalise(data, offsets[i], offsets[i + 1], table, punctuation, scratch)
        ends[i + 1] = ends[i] + hash_words(scratch, length, table, hashes)
    return hashes, ends, scratch


@njit
def word_hashes(
    data: Bytes, offsets: Offsets, table: npt.NDArray[np.uint32], punctuation: bool
) -> tuple[Hashes, Offsets, npt.NDArray[np.bool_]]:
    """All words of all texts, text after text.

    Returns hashes (uint64), offsets (texts + 1) into them, and whether each word holds a letter or anything beyond ASCII.
    """
    _, ends, scratch = _count_words(data, offsets, table, punctuation)
    out = np.empty(ends[-1], np.uint64)
    lettered = np.zeros(ends[-1], np.bool_)
    for i in range(len(offsets) - 1):
        length = normalise(data, offsets[i], offsets[i + 1], table, punctuation, scratch)
        hash_words(scratch, length, table, out[ends[i] :])
        word = ends[i]
        for p in range(length):
            if scratch[p] >= 128 or 97 <= scratch[p] <= 122:
                lettered[word] = True
            if scratch[p] != SPACE_BYTE and scratch[p + 1] == SPACE_BYTE:
                word += 1
    return out, ends, lettered


@njit
def _shingles(
    data: Bytes, offsets: Offsets, table: npt.NDArray[np.uint32], ngram: int, punctuation: bool
) -> tuple[Hashes, Offsets]:
    """All shingles of each text as they come, and offsets (texts + 1) into them."""
    size = longest(offsets)
    scratch, hashes = np.empty(3 * size + 16, np.uint8), np.empty(size + 1, np.uint64)
    out = np.empty(
        (offsets[-1] - offsets[0]) // 2 + len(offsets), np.uint64
    )  # a word takes a byte and a space: room is not touched
    places = np.zeros(len(offsets), np.int64)
    for i in range(len(offsets) - 1):
        length = normalise(data, offsets[i], offsets[i + 1], table, punctuation, scratch)
        n = hash_words(scratch, length, table, hashes)
        if places[i] + n > len(out):  # only texts of an unspaced script have more
            grown = np.empty(2 * len(out) + n, np.uint64)
            grown[: places[i]] = out[: places[i]]
            out = grown
        places[i + 1] = places[i] + roll(hashes, n, ngram, out[places[i] :])
    return out[: places[-1]].copy(), places


@njit
def _distinct(hashes: Hashes, places: Offsets) -> int:
    """Move the distinct ones of each rising run to the front, in place; returns how many there are."""
    q, start = 0, np.int64(0)
    for i in range(len(places) - 1):
        begin = q
        for k in range(start, places[i + 1]):
            if q == begin or hashes[k] != hashes[q - 1]:
                hashes[q] = hashes[k]
                q += 1
        start = places[i + 1]
        places[i + 1] = q
    return q


def shingle_sets(
    data: Bytes, offsets: Offsets, table: npt.NDArray[np.uint32], ngram: int, punctuation: bool
) -> tuple[Hashes, Offsets]:
    """Each text's set of shingles: distinct hashes in rising order, and offsets (texts + 1) into them."""
    out, places = _shingles(data, offsets, table, ngram, punctuation)
    for start, end in itertools.pairwise(places.tolist()):
        out[start:end].sort()  # numpy's sort uses vector instructions: twice the speed of numba's
    return out[: _distinct(out, places)], places
