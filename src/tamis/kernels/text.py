"""The loops that text statistics share: blank out white space, split into words and lines, count characters, match equal spans.

A kernel looks at one text at a time as two arrays of bytes: the text itself (valid UTF-8: Arrow guarantees it) and a *blanked*
copy in which every byte of white space is 32. A *span* is a byte range [start, stop) of both; lengths are in code points. A
*line* is what stands between two "\\n", stripped; blank lines do not count. A *paragraph* is a longest run of lines without a
blank line between. `flags` is the table of `tamis.kernels.unicode`. Scratch arrays only ever grow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.kernels.jit import njit
from tamis.kernels.shingle import load64, trailing_zeros
from tamis.kernels.unicode import SPACE

BLANK = 32
NEWLINE = 10
SPACES = np.uint64(0x2020202020202020)
NEWLINES = np.uint64(0x0A0A0A0A0A0A0A0A)
ONES = np.uint64(0x0101010101010101)
HIGHS = np.uint64(0x8080808080808080)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
SEED = np.uint64(0xD6E8FEB86659FD93)
FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
U0, U3, U6, U7, U8, U32, U56, U64 = (np.uint64(i) for i in (0, 3, 6, 7, 8, 32, 56, 64))


@njit
def grown(scratch: Any, size: int) -> Any:
    """`scratch` if it holds `size` elements, else a new array that does."""
    return scratch if len(scratch) >= size else np.empty(size + size // 4, scratch.dtype)


@njit
def code_point(text: Any, i: int) -> tuple[int, int]:
    """The code point that starts at byte `i`, and its width in bytes."""
    b = int(text[i])
    if b < 0x80:
        return b, 1
    if b < 0xE0:
        return ((b & 0x1F) << 6) | (text[i + 1] & 0x3F), 2
    if b < 0xF0:
        return ((b & 0x0F) << 12) | ((text[i + 1] & 0x3F) << 6) | (text[i + 2] & 0x3F), 3
    return ((b & 0x07) << 18) | ((text[i + 1] & 0x3F) << 12) | ((text[i + 2] & 0x3F) << 6) | (text[i + 3] & 0x3F), 4


@njit
def last_code_point(text: Any, start: int, stop: int) -> tuple[int, int]:
    """The code point that ends at `stop` and the byte where it starts; (-1, start) for an empty span."""
    if start >= stop:
        return -1, start
    i = stop - 1
    while text[i] & 0xC0 == 0x80:
        i -= 1
    return code_point(text, i)[0], i


@njit
def characters(text: Any) -> int:
    """Code points in a text."""
    count = 0
    for b in text:
        count += b & 0xC0 != 0x80
    return count


@njit
def count_byte(text: Any, value: int) -> int:
    """How often an ASCII character occurs in a text."""
    count = 0
    for b in text:
        count += b == value
    return count


@njit
def blank(text: Any, flags: Any, out: Any) -> Any:
    """Write a copy of `text` with white space blanked to `out` or, if it is too small, to a new array; return the array.

    Eight blanks follow the copy, so that eight bytes can be read from any place in it.
    """
    size = len(text)
    out = grown(out, size + 8)
    for i in range(size):
        b = text[i]
        out[i] = BLANK if (b <= 32) & ((b >= 28) | ((b >= 9) & (b <= 13))) else b
    for i in range(size):
        b = text[i]
        if b >= 0xC2 and b <= 0xE3:  # white space is ASCII or starts with C2, E1, E2 or E3
            point, width = code_point(text, i)
            if flags[point] & SPACE:
                out[i : i + width] = BLANK
    out[size : size + 8] = BLANK
    return out


@njit
def leading_word(block: Any) -> Any:
    """How many of eight bytes stand before the first blank."""
    gap = block ^ SPACES
    hit = (gap - ONES) & ~gap & HIGHS  # its lowest set bit marks the first blank
    return 8 if hit == U0 else np.int64(trailing_zeros(hit) >> U3)


@njit
def next_word(blanked: Any, p: int, size: int) -> tuple[int, int]:
    """The span of the first word at or after byte `p`; it starts at `size` or beyond if there is none."""
    while p < size and blanked[p] == BLANK:
        p += 1
    start = p
    while True:
        bytes = leading_word(load64(blanked, p))
        p += bytes
        if bytes < 8:
            return start, p


@njit
def count_words(blanked: Any, size: int) -> Any:
    """Words of a text."""
    words = np.int64(size > 0 and blanked[0] != BLANK)
    for i in range(1, size):
        words += (blanked[i] != BLANK) & (blanked[i - 1] == BLANK)
    return words


@njit
def low_bytes(block: Any, size: int) -> Any:
    """The first `size` (1 to 8) of eight bytes, the others 0."""
    return block & (FULL >> (U64 - (np.uint64(size) << U3)))


@njit
def word_length(blanked: Any, start: int, stop: int) -> Any:
    """Code points of a word: its bytes less those that continue a character."""
    length: Any = stop - start
    for i in range(start, stop, 8):
        block = low_bytes(load64(blanked, i), min(8, stop - i))
        if block & HIGHS:
            length -= np.int64(((((block >> U7) & ~(block >> U6)) & ONES) * ONES) >> U56)
    return length


@njit
def hash_span(text: Any, start: int, stop: int) -> Any:
    """64 bits of a span, eight bytes at a time. Of two spans of one length up to 8, equal hashes mean equal bytes."""
    h = SEED
    i = start
    while i + 8 < stop:
        h = (h ^ load64(text, i)) * GOLDEN
        h ^= h >> U32
        i += 8
    if i < stop and i + 8 <= len(text):
        h ^= low_bytes(load64(text, i), stop - i)
    elif i < stop:
        for k in range(i, stop):
            h ^= np.uint64(text[k]) << (np.uint64(k - i) << U3)
    h *= GOLDEN
    return h ^ (h >> U32)


@njit
def same_bytes(text: Any, a: int, b: int, size: int) -> bool:
    """Whether the `size` bytes at `a` and at `b` are equal."""
    k = 0
    while k < size and text[a + k] == text[b + k]:
        k += 1
    return k == size


@njit
def table_size(items: int) -> int:
    """Slots of an open-addressing table for `items` entries: a power of two, at most half full."""
    size = 16
    while size < 2 * items:
        size *= 2
    return size


@njit
def first_equal(text: Any, hashes: Any, starts: Any, stops: Any, items: int, table: Any, first: Any, count: Any) -> None:
    """Write to first[i] the smallest j whose span has the bytes of span i, and to count[j] how many have. Exact.

    `hashes` are of `hash_span`; `table` (int32) must hold `table_size(items)` elements.
    """
    size = table_size(items)
    mask = np.uint64(size - 1)
    table[:size] = -1
    for i in range(items):
        h = hashes[i]
        length = stops[i] - starts[i]
        slot = h & mask
        while True:
            j = table[slot]
            if j < 0:
                table[slot], first[i], count[i] = i, i, 1
                break
            if (
                hashes[j] == h
                and stops[j] - starts[j] == length
                and (length <= 8 or same_bytes(text, starts[j], starts[i], length))
            ):
                first[i] = j
                count[j] += 1
                break
            slot = (slot + np.uint64(1)) & mask


@njit
def find_newline(text: Any, p: int) -> Any:
    """The place of the first "\\n" at or after byte `p`, or the end of the text."""
    size = len(text)
    while p + 8 <= size:
        gap = load64(text, p) ^ NEWLINES
        hit = (gap - ONES) & ~gap & HIGHS
        if hit != U0:
            return p + np.int64(trailing_zeros(hit) >> U3)
        p += 8
    while p < size and text[p] != NEWLINE:
        p += 1
    return p


@njit
def split_lines(text: Any, blanked: Any, starts: Any, stops: Any, opens: Any) -> int:
    """Write the span of each line, and whether it opens a paragraph; return how many there are.

    The three arrays must hold one element more than the text has "\\n".
    """
    lines = 0
    gap = True
    start = 0
    while start < len(text):
        end = find_newline(text, start)
        a, b = start, end
        while a < b and blanked[a] == BLANK:
            a += 1
        while a < b and blanked[b - 1] == BLANK:
            b -= 1
        if a < b:
            starts[lines], stops[lines], opens[lines] = a, b, gap
            lines += 1
        gap = a == b
        start = end + 1
    return lines


@njit
def ends_with_ellipsis(text: Any, start: int, stop: int) -> bool:
    """Whether a span ends in "..." or U+2026."""
    if stop - start < 3:
        return False
    a, b, c = text[stop - 3], text[stop - 2], text[stop - 1]
    return (a == 0x2E and b == 0x2E and c == 0x2E) or (a == 0xE2 and b == 0x80 and c == 0xA6)
