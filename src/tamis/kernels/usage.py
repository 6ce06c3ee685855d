"""Counts over words, symbols and lines that DCLM and Dolma take in another way than Gopher. One row of counts per text.

Words are white-space words and lines are stripped (`tamis.kernels.text`). Stop words are ASCII and in lower case.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.kernels.jit import njit
from tamis.kernels.text import (
    NEWLINE,
    blank,
    code_point,
    count_byte,
    ends_with_ellipsis,
    grown,
    next_word,
    split_lines,
    word_length,
)
from tamis.kernels.unicode import ALPHANUMERIC
from tamis.kernels.words import buckets, count_ellipses, find_word, has_kind, longest_word

WORDS, SOLID, OPENED, TWICE_MEDIAN, STOP_WORDS, SYMBOL_WORDS, SYMBOLS, LINES, BULLETS, DOTTED, SPACED, SINGLE = range(12)
COLUMNS = 12
HASH, DOT, SPACE = 0x23, 0x2E, 0x20


@njit
def has_symbol(blanked: Any, start: int, stop: int) -> bool:
    """Whether a word holds "#" or U+2026."""
    for i in range(start, stop):
        if blanked[i] == HASH:
            return True
        if blanked[i] == 0xE2 and blanked[i + 1] == 0x80 and blanked[i + 2] == 0xA6:
            return True
    return False


@njit
def count_opened(text: Any, flags: Any) -> int:
    """Words that begin with an alphanumeric character, where only ASCII white space and NUL part words."""
    found = 0
    apart = True
    for i in range(len(text)):
        b = text[i]
        if b <= SPACE and (b == SPACE or b == 0 or (b >= 9 and b <= 13)):
            apart = True
        elif apart:
            found += flags[code_point(text, i)[0]] & ALPHANUMERIC != 0
            apart = False
    return found


@njit
def is_spaced_ellipsis(text: Any, i: int) -> bool:
    """Whether ". . ." stands at byte `i`."""
    return text[i] == DOT and text[i + 1] == SPACE and text[i + 2] == DOT and text[i + 3] == SPACE and text[i + 4] == DOT


@njit
def count_spaced(text: Any) -> int:
    """Occurrences of ". . .", not overlapping."""
    found, i = 0, 0
    while i + 5 <= len(text):
        if is_spaced_ellipsis(text, i):
            found += 1
            i += 5
        else:
            i += 1
    return found


@njit
def counted(counts: Any, length: int) -> Any:
    """`counts` with one more of a length, in a longer array if it has no place for it."""
    if length >= len(counts):
        longer = np.zeros(2 * length, np.int32)
        longer[: len(counts)] = counts
        counts = longer
    counts[length] += 1
    return counts


@njit
def twice_median(counts: Any, words: int) -> int:
    """Twice the median of the lengths of `words` words, of which counts[n] have the length n; 0 if there are none."""
    total, below, n = 0, 0, 0
    for middle in ((words - 1) // 2, words // 2):
        while below + counts[n] <= middle and words:
            below += counts[n]
            n += 1
        total += n
    return total


@njit
def usage(data: Any, offsets: Any, flags: Any, known: Any, known_offsets: Any, either_case: bool, bullets: Any) -> Any:
    """Counts of every text, int64 [texts, COLUMNS]; `known` are stop words, in capitals too if `either_case` is set."""
    texts = len(offsets) - 1
    rows = np.zeros((texts, COLUMNS), np.int64)
    bucket = buckets(known, known_offsets)
    blanked, small, lengths = np.empty(0, np.uint8), np.empty(64, np.uint8), np.zeros(64, np.int32)
    starts, stops, opens = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_)
    longest = longest_word(known_offsets)
    small = grown(small, longest)
    for t in range(texts):
        text, row = data[offsets[t] : offsets[t + 1]], rows[t]
        size = len(text)
        blanked = blank(text, flags, blanked)
        hashes, ellipses = count_byte(text, HASH), count_ellipses(text)
        lengths[:] = 0
        words = 0
        start, stop = next_word(blanked, 0, size)
        while start < size:
            lengths = counted(lengths, word_length(blanked, start, stop))
            words += 1
            row[SOLID] += has_kind(blanked, start, stop, flags, ALPHANUMERIC)
            if hashes or ellipses:
                row[SYMBOL_WORDS] += has_symbol(blanked, start, stop)
            if stop - start <= longest:
                for i in range(stop - start):
                    b = blanked[start + i]
                    small[i] = b + 32 if either_case and 0x41 <= b <= 0x5A else b
                row[STOP_WORDS] += find_word(small, 0, stop - start, known, known_offsets, bucket) >= 0
            start, stop = next_word(blanked, stop, size)
        row[WORDS] = words
        row[TWICE_MEDIAN] = twice_median(lengths, words)
        row[OPENED] = count_opened(text, flags)
        row[SYMBOLS] = hashes + ellipses + count_spaced(text)
        room = count_byte(text, NEWLINE) + 1
        starts, stops, opens = grown(starts, room), grown(stops, room), grown(opens, room)
        row[LINES] = split_lines(text, blanked, starts, stops, opens)
        for k in range(row[LINES]):
            a, b = starts[k], stops[k]
            first = code_point(text, a)[0]
            for bullet in bullets:
                row[BULLETS] += first == bullet
            row[DOTTED] += ends_with_ellipsis(text, a, b)
            row[SINGLE] += b - a >= 3 and text[b - 1] == 0xA6 and text[b - 2] == 0x80 and text[b - 3] == 0xE2
            row[SPACED] += b - a >= 5 and is_spaced_ellipsis(text, b - 5)
    return rows
