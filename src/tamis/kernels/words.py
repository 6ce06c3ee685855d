"""Counts over white-space words, symbols and lines: what Gopher's quality rules are made of. One row of counts per text."""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.kernels.jit import njit
from tamis.kernels.text import code_point, count_byte, ends_with_ellipsis, grown, split_lines
from tamis.kernels.unicode import LETTER, SPACE

WORDS, CHARACTERS, HASHES, ELLIPSES, LETTERED, STOP_WORDS, LINES, BULLETS, TRAILING = range(9)
COLUMNS = 9


@njit
def buckets(known: Any, offsets: Any) -> Any:
    """Where the known words (sorted by bytes, none empty) that begin with byte b start: [257]."""
    first = np.zeros(257, np.int64)
    for k in range(len(offsets) - 1):
        first[known[offsets[k]] + 1] += 1
    return np.cumsum(first)


@njit
def find_word(data: Any, start: int, stop: int, known: Any, offsets: Any, bucket: Any) -> int:
    """The position of a span among the known words, or -1."""
    b = data[start]
    for k in range(bucket[b], bucket[b + 1]):
        a = offsets[k]
        size = offsets[k + 1] - a
        if size == stop - start:
            j = 1
            while j < size and known[a + j] == data[start + j]:
                j += 1
            if j == size:
                return k
    return -1


@njit
def count_words(data: Any, start: int, stop: int, flags: Any, known: Any, offsets: Any, bucket: Any, seen: Any, row: Any) -> None:
    """Fill the columns WORDS to STOP_WORDS of `row` for one text. `seen` has one element per known word."""
    seen[:] = False
    i = start
    while i < stop:
        word = i
        bits = 0
        dots = 0
        while i < stop:
            b = int(data[i])
            if b < 0x80:
                property = flags[b]
                width = 1
                row[HASHES] += b == 0x23
                dots = dots + 1 if b == 0x2E else 0
                if dots == 3:
                    row[ELLIPSES] += 1
                    dots = 0
            else:
                b, width = code_point(data, i)
                property = flags[b]
                row[ELLIPSES] += b == 0x2026
                dots = 0
            if property & SPACE:
                break
            bits |= property
            row[CHARACTERS] += 1
            i += width
        if i > word:
            row[WORDS] += 1
            row[LETTERED] += bits & LETTER != 0
            k = find_word(data, word, i, known, offsets, bucket)
            if k >= 0:
                seen[k] = True
        if i < stop:
            i += width
    row[STOP_WORDS] = seen.sum()


@njit
def quality(data: Any, offsets: Any, flags: Any, known: Any, known_offsets: Any, bullets: Any) -> Any:
    """Counts of every text, int64 [texts, COLUMNS]; `known` are the stop words, `bullets` code points that open a bullet line."""
    texts = len(offsets) - 1
    rows = np.zeros((texts, COLUMNS), np.int64)
    bucket = buckets(known, known_offsets)
    seen = np.zeros(len(known_offsets) - 1, np.bool_)
    starts, stops, opens = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_)
    for t in range(texts):
        start, stop = offsets[t], offsets[t + 1]
        row = rows[t]
        count_words(data, start, stop, flags, known, known_offsets, bucket, seen, row)
        room = count_byte(data, start, stop, 10) + 1
        starts, stops, opens = grown(starts, room), grown(stops, room), grown(opens, room)
        lines = split_lines(data, start, stop, flags, starts, stops, opens)
        row[LINES] = lines
        for k in range(lines):
            first = code_point(data, starts[k])[0]
            for bullet in bullets:
                row[BULLETS] += first == bullet
            row[TRAILING] += ends_with_ellipsis(data, starts[k], stops[k])
    return rows
