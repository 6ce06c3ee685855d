"""Counts over lines: what the rules of C4 and FineWeb are made of. One row of counts per text."""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.kernels.jit import njit
from tamis.kernels.repeats import duplicate_spans
from tamis.kernels.text import (
    NEWLINE,
    blank,
    characters,
    count_byte,
    count_words,
    ends_with_ellipsis,
    grown,
    last_code_point,
    next_word,
    split_lines,
    table_size,
    word_length,
)
from tamis.kernels.unicode import STOP

LINES, STOPPED, SHORT, LINE_CHARACTERS, DUPLICATE_CHARACTERS, NEWLINES, WORDS = range(7)  # columns of `fineweb`
JAVASCRIPT, POLICY, KEPT, SENTENCES, BRACKETS, LOREM = range(3, 9)  # columns of `c4`, after LINES, STOPPED, SHORT


@njit
def is_among(point: int, points: Any) -> bool:
    """Whether a code point is in a short array."""
    found = False
    for known in points:
        found |= point == known
    return found


@njit
def ends_sentence(blanked: Any, start: int, stop: int, flags: Any, closing: Any) -> bool:
    """Whether a word ends in a sentence-ending mark, closing quotes and brackets after it set aside."""
    while start < stop:
        point, stop = last_code_point(blanked, start, stop)
        if not is_among(point, closing):
            return flags[point] & STOP != 0
    return False


@njit
def measure_words(blanked: Any, start: int, stop: int, limit: int, flags: Any, closing: Any) -> tuple[int, bool, int]:
    """White-space words of a line, whether one has more than `limit` code points, and how many end a sentence."""
    words, too_long, ended = 0, False, 0
    a, b = next_word(blanked, start, stop)
    while a < stop:
        words += 1
        if b - a > limit:
            too_long |= word_length(blanked, a, b) > limit
        if not 0x61 <= blanked[b - 1] <= 0x7A:  # nearly always a letter from a to z
            ended += ends_sentence(blanked, a, b, flags, closing)
        a, b = next_word(blanked, b, stop)
    return words, too_long, ended


@njit
def pair(text: Any, i: int) -> int:
    """A number below 4,096 for the bytes before `i` and at it, the same in either case."""
    return ((int(text[i - 1]) | 0x20) << 5 ^ (int(text[i]) | 0x20)) & 0xFFF


@njit
def phrase_shifts(phrases: Any, offsets: Any) -> Any:
    """How far the end of a window as long as the shortest phrase may move on from a pair of bytes without passing over a phrase:
    uint8 [4096], by `pair`; the last element is the length of the window (Wu and Manber 1994)."""
    window = 255
    for p in range(len(offsets) - 1):
        window = min(window, offsets[p + 1] - offsets[p])
    shifts = np.full(4097, np.uint8(window - 1))
    shifts[4096] = window
    for p in range(len(offsets) - 1):
        for i in range(1, window):
            k = pair(phrases, offsets[p] + i)
            shifts[k] = min(shifts[k], window - 1 - i)
    return shifts


@njit
def find_phrases(text: Any, phrases: Any, offsets: Any, shifts: Any, counts: Any) -> bool:
    """Set counts[p] to the occurrences of phrase p, ASCII letters of either case alike; whether any but the first occurs.

    Phrases are ASCII, in lower case, of at least 2 bytes, none overlapping itself.
    """
    for p in range(len(counts)):
        counts[p] = 0
    window = int(shifts[4096])
    others = 0
    end = window - 1
    while end < len(text):
        shift = int(shifts[pair(text, end)])
        end += max(shift, 1)
        if shift:
            continue
        start = end - window
        for p in range(len(offsets) - 1):
            a, size = offsets[p], offsets[p + 1] - offsets[p]
            j = 0
            while j < size and start + j < len(text):
                b = text[start + j]
                if b != phrases[a + j] and not (0x41 <= b <= 0x5A and b + 32 == phrases[a + j]):
                    break
                j += 1
            if j == size:
                counts[p] += 1
                others += p > 0
    return others > 0


@njit
def citation_end(text: Any, i: int, words: Any, offsets: Any) -> int:
    """Where a citation mark that starts at the "[" at byte `i` ends ("[12]", "[]", "[edit]", "[citation needed]"), else `i`."""
    j = i + 1
    while j < len(text) and 0x30 <= text[j] <= 0x39:
        j += 1
    if j < len(text) and text[j] == 0x5D:
        return j + 1
    for w in range(len(offsets) - 1):
        a, size = offsets[w], offsets[w + 1] - offsets[w]
        if i + size <= len(text):
            k = 0
            while k < size and text[i + k] == words[a + k]:
                k += 1
            if k == size:
                return i + size
    return i


@njit
def drop_citations(text: Any, words: Any, offsets: Any, out: Any) -> int:
    """Copy a text to `out` without its citation marks; return the bytes written."""
    size = 0
    i = 0
    while i < len(text):
        b = text[i]
        end = citation_end(text, i, words, offsets) if b == 0x5B else i
        if end > i:
            i = end
        else:
            out[size] = b
            size += 1
            i += 1
    return size


@njit
def c4(
    data: Any,
    offsets: Any,
    flags: Any,
    terminal: Any,
    closing: Any,
    citations: Any,
    citation_offsets: Any,
    phrases: Any,
    phrase_offsets: Any,
    min_words: int,
    max_word_length: int,
) -> Any:
    """Counts of every text, int64 [texts, 9]. `terminal` and `closing` are code points; `phrases` are "lorem ipsum", "javascript"
    and the policy phrases, in this order."""
    texts = len(offsets) - 1
    rows = np.zeros((texts, 9), np.int64)
    found = np.zeros(len(phrase_offsets) - 1, np.int64)
    shifts = phrase_shifts(phrases, phrase_offsets)
    clean, blanked = np.empty(0, np.uint8), np.empty(0, np.uint8)
    starts, stops, opens = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_)
    for t in range(texts):
        row = rows[t]
        text = data[offsets[t] : offsets[t + 1]]
        if count_byte(text, 0x5B):
            clean = grown(clean, len(text))
            text = clean[: drop_citations(text, citations, citation_offsets, clean)]
        blanked = blank(text, flags, blanked)
        any_line_phrase = find_phrases(text, phrases, phrase_offsets, shifts, found)
        row[LOREM] = found[0]
        row[BRACKETS] = count_byte(text, 0x7B)
        room = count_byte(text, NEWLINE) + 1
        starts, stops, opens = grown(starts, room), grown(stops, room), grown(opens, room)
        lines = split_lines(text, blanked, starts, stops, opens)
        row[LINES] = lines
        for k in range(lines):
            a, b = starts[k], stops[k]
            stopped = is_among(last_code_point(text, a, b)[0], terminal) and not ends_with_ellipsis(text, a, b)
            words, too_long, ended = measure_words(blanked, a, b, max_word_length, flags, closing)
            javascript, policy = False, False
            if any_line_phrase:
                find_phrases(text[a:b], phrases, phrase_offsets, shifts, found)
                javascript = found[1] > 0
                for p in range(2, len(found)):
                    policy |= found[p] > 0
            row[STOPPED] += stopped
            row[SHORT] += words < min_words
            row[JAVASCRIPT] += javascript
            row[POLICY] += policy
            if stopped and words >= min_words and not too_long and not javascript and not policy:
                row[KEPT] += 1
                row[SENTENCES] += max(1, ended)
    return rows


@njit
def fineweb(data: Any, offsets: Any, flags: Any, short: int) -> Any:
    """Counts of every text, int64 [texts, 7]; a line of at most `short` code points is short."""
    texts = len(offsets) - 1
    rows = np.zeros((texts, 7), np.int64)
    starts, stops, opens = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_)
    hashes, table, first, count = np.empty(0, np.uint64), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int32)
    blanked = np.empty(0, np.uint8)
    for t in range(texts):
        text, row = data[offsets[t] : offsets[t + 1]], rows[t]
        blanked = blank(text, flags, blanked)
        row[NEWLINES] = count_byte(text, NEWLINE)
        room = row[NEWLINES] + 1
        starts, stops, opens = grown(starts, room), grown(stops, room), grown(opens, room)
        hashes, first, count = grown(hashes, room), grown(first, room), grown(count, room)
        lines = split_lines(text, blanked, starts, stops, opens)
        table = grown(table, table_size(lines))
        row[LINES] = lines
        for k in range(lines):
            a, b = starts[k], stops[k]
            length = characters(text[a:b])
            row[LINE_CHARACTERS] += length
            row[SHORT] += length <= short
            row[STOPPED] += flags[last_code_point(text, a, b)[0]] & STOP != 0
        row[DUPLICATE_CHARACTERS] = duplicate_spans(text, starts, stops, lines, hashes, table, first, count)[1]
        row[WORDS] = count_words(blanked, len(text))
    return rows
