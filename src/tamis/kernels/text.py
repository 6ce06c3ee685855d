"""The loops that text statistics share: decode, strip, split into lines and words, count characters, number equal spans.

Texts are valid UTF-8 (Arrow guarantees it), a *span* is a byte range [start, stop), lengths are in code points. A *line* is
what stands between two "\\n", stripped; blank lines do not count. A *paragraph* is a longest run of lines without a blank line
between. `flags` is the table of `tamis.kernels.unicode`. Scratch arrays belong to the caller's loop and only ever grow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.kernels.jit import njit
from tamis.kernels.unicode import SPACE

NEWLINE = 10
FNV_OFFSET = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
U32 = np.uint64(32)


@njit
def code_point(data: Any, i: int) -> tuple[int, int]:
    """The code point that starts at byte `i`, and its width in bytes."""
    b = int(data[i])
    if b < 0x80:
        return b, 1
    if b < 0xE0:
        return ((b & 0x1F) << 6) | (data[i + 1] & 0x3F), 2
    if b < 0xF0:
        return ((b & 0x0F) << 12) | ((data[i + 1] & 0x3F) << 6) | (data[i + 2] & 0x3F), 3
    return ((b & 0x07) << 18) | ((data[i + 1] & 0x3F) << 12) | ((data[i + 2] & 0x3F) << 6) | (data[i + 3] & 0x3F), 4


@njit
def last_code_point(data: Any, start: int, stop: int) -> tuple[int, int]:
    """The code point that ends at `stop` and the byte where it starts; (-1, start) for an empty span."""
    if start >= stop:
        return -1, start
    i = stop - 1
    while data[i] & 0xC0 == 0x80:
        i -= 1
    return code_point(data, i)[0], i


@njit
def strip(data: Any, start: int, stop: int, flags: Any) -> tuple[int, int]:
    """The span without white space at either end."""
    while start < stop:
        point, width = code_point(data, start)
        if not flags[point] & SPACE:
            break
        start += width
    while start < stop:
        point, i = last_code_point(data, start, stop)
        if not flags[point] & SPACE:
            break
        stop = i
    return start, stop


@njit
def characters(data: Any, start: int, stop: int) -> int:
    """Code points in a span."""
    count = 0
    for i in range(start, stop):
        count += data[i] & 0xC0 != 0x80
    return count


@njit
def count_byte(data: Any, start: int, stop: int, value: int) -> int:
    """How often an ASCII character occurs in a span."""
    count = 0
    for i in range(start, stop):
        count += data[i] == value
    return count


@njit
def grown(scratch: Any, size: int) -> Any:
    """`scratch` if it holds `size` elements, else a new array that does."""
    return scratch if len(scratch) >= size else np.empty(size + size // 4, scratch.dtype)


@njit
def split_lines(data: Any, start: int, stop: int, flags: Any, starts: Any, stops: Any, opens: Any) -> int:
    """Write the span of each line, and whether it opens a paragraph; return how many there are.

    The three arrays must hold one element more than the span has "\\n".
    """
    lines = 0
    blank = True
    while start < stop:
        end = start
        while end < stop and data[end] != NEWLINE:
            end += 1
        a, b = strip(data, start, end, flags)
        if a < b:
            starts[lines], stops[lines], opens[lines] = a, b, blank
            lines += 1
        blank = a == b
        start = end + 1
    return lines


@njit
def ends_with_ellipsis(data: Any, start: int, stop: int) -> bool:
    """Whether a span ends in "..." or U+2026."""
    if stop - start < 3:
        return False
    a, b, c = data[stop - 3], data[stop - 2], data[stop - 1]
    return (a == 0x2E and b == 0x2E and c == 0x2E) or (a == 0xE2 and b == 0x80 and c == 0xA6)


@njit
def hash_span(data: Any, start: int, stop: int) -> Any:
    """64 bits of a span, eight bytes at a time."""
    h = FNV_OFFSET ^ np.uint64(stop - start)
    while start + 8 <= stop:
        word = np.uint64(0)
        for k in range(8):
            word |= np.uint64(data[start + k]) << np.uint64(8 * k)
        h = (h ^ word) * GOLDEN
        h ^= h >> U32
        start += 8
    while start < stop:
        h = (h ^ np.uint64(data[start])) * FNV_PRIME
        start += 1
    h *= GOLDEN
    return h ^ (h >> U32)


@njit
def same_bytes(data: Any, a: int, b: int, size: int) -> bool:
    """Whether the `size` bytes at `a` and at `b` are equal."""
    k = 0
    while k < size and data[a + k] == data[b + k]:
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
def first_equal(data: Any, hashes: Any, starts: Any, stops: Any, items: int, table: Any, first: Any) -> None:
    """Write to first[i] the smallest j whose span has the same bytes as span i. Exact: hashes only choose the slot.

    `table` (int32) must hold `table_size(items)` elements.
    """
    size = table_size(items)
    mask = np.uint64(size - 1)
    table[:size] = -1
    for i in range(items):
        slot = hashes[i] & mask
        while True:
            j = table[slot]
            if j < 0:
                table[slot] = i
                first[i] = i
                break
            if hashes[j] == hashes[i]:
                length = stops[i] - starts[i]
                if stops[j] - starts[j] == length and same_bytes(data, starts[j], starts[i], length):
                    first[i] = j
                    break
            slot = (slot + np.uint64(1)) & mask
