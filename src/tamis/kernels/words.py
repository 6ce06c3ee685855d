"""Counts over white-space words, symbols and lines: what Gopher's quality rules are made of. One row of counts per text."""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.kernels.jit import njit
from tamis.kernels.text import (
    BLANK,
    NEWLINE,
    blank,
    characters,
    code_point,
    count_byte,
    count_words,
    ends_with_ellipsis,
    grown,
    next_word,
    split_lines,
)
from tamis.kernels.unicode import LETTER

WORDS, CHARACTERS, HASHES, ELLIPSES, LETTERED, STOP_WORDS, LINES, BULLETS, TRAILING = range(9)
COLUMNS = 9


@njit
def buckets(known: Any, offsets: Any) -> Any:
    """Where the known words (sorted by bytes, none empty) that begin with byte b start: [257]."""
    first = np.zeros(257, np.int64)
    for k in range(len(offsets) - 1):
        first[known[offsets[k]] + 1] += 1
    for b in range(256):
        first[b + 1] += first[b]
    return first


@njit
def longest_word(offsets: Any) -> int:
    """Bytes of the longest of the known words."""
    longest = 0
    for k in range(len(offsets) - 1):
        longest = max(longest, offsets[k + 1] - offsets[k])
    return longest


@njit
def find_word(blanked: Any, start: int, stop: int, known: Any, offsets: Any, bucket: Any) -> int:
    """The position of a span among the known words, or -1."""
    b = blanked[start]
    for k in range(bucket[b], bucket[b + 1]):
        a = offsets[k]
        size = offsets[k + 1] - a
        if size == stop - start:
            j = 1
            while j < size and known[a + j] == blanked[start + j]:
                j += 1
            if j == size:
                return k
    return -1


@njit
def has_kind(blanked: Any, start: int, stop: int, flags: Any, kind: int) -> bool:
    """Whether a word has a character with the flag `kind`, such as LETTER."""
    while start < stop:  # seldom more than once
        point, width = code_point(blanked, start)
        if flags[point] & kind:
            return True
        start += width
    return False


@njit
def count_ellipses(text: Any) -> int:
    """Occurrences of "..." (not overlapping) and of U+2026."""
    found, dotted, size = 0, 0, max(len(text) - 2, 0)
    first, second, third = text[:size], text[1 : size + 1], text[2:]
    for i in range(size):  # eight and more at a time: both are rare
        dotted += (first[i] == 0x2E) & (second[i] == 0x2E) & (third[i] == 0x2E)
        found += (first[i] == 0xE2) & (second[i] == 0x80) & (third[i] == 0xA6)
    i = 0
    while dotted and i < size:
        if first[i] == 0x2E and second[i] == 0x2E and third[i] == 0x2E:
            found += 1
            i += 3
        else:
            i += 1
    return found


@njit
def quality(data: Any, offsets: Any, flags: Any, known: Any, known_offsets: Any, bullets: Any) -> Any:
    """Counts of every text, int64 [texts, COLUMNS]; `known` are the stop words, `bullets` code points that open a bullet line."""
    texts = len(offsets) - 1
    rows = np.zeros((texts, COLUMNS), np.int64)
    bucket, longest = buckets(known, known_offsets), longest_word(known_offsets)
    seen = np.zeros(len(known_offsets) - 1, np.int64)  # the number of the last text, from 1, that has the word
    blanked = np.empty(0, np.uint8)
    starts, stops, opens = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_)
    for t in range(texts):
        text, row = data[offsets[t] : offsets[t + 1]], rows[t]
        size = len(text)
        blanked = blank(text, flags, blanked)
        start, stop = next_word(blanked, 0, size)
        while start < size:
            row[LETTERED] += has_kind(blanked, start, stop, flags, LETTER)
            k = find_word(blanked, start, stop, known, known_offsets, bucket) if stop - start <= longest else -1
            if k >= 0:
                row[STOP_WORDS] += seen[k] <= t
                seen[k] = t + 1
            start, stop = next_word(blanked, stop, size)
        row[WORDS] = count_words(blanked, size)
        row[CHARACTERS] = characters(blanked[:size]) - count_byte(blanked[:size], BLANK)
        row[HASHES] = count_byte(text, 0x23)
        row[ELLIPSES] = count_ellipses(text)
        room = count_byte(text, NEWLINE) + 1
        starts, stops, opens = grown(starts, room), grown(stops, room), grown(opens, room)
        row[LINES] = split_lines(text, blanked, starts, stops, opens)
        for k in range(row[LINES]):
            first = code_point(text, starts[k])[0]
            for bullet in bullets:
                row[BULLETS] += first == bullet
            row[TRAILING] += ends_with_ellipsis(text, starts[k], stops[k])
    return rows
