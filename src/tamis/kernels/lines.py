"""Counts over lines: what the rules of C4 and FineWeb are made of. One row of counts per text."""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.kernels.jit import njit
from tamis.kernels.repeats import duplicate_spans
from tamis.kernels.text import (
    NEWLINE,
    characters,
    code_point,
    count_byte,
    ends_with_ellipsis,
    grown,
    last_code_point,
    split_lines,
    table_size,
)
from tamis.kernels.unicode import SPACE, STOP

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
def count_words(data: Any, start: int, stop: int, flags: Any) -> tuple[int, int]:
    """White-space words of a span, and the code points of the longest."""
    words, longest, length = 0, 0, 0
    i = start
    while i < stop:
        point, width = code_point(data, i)
        i += width
        if flags[point] & SPACE:
            length = 0
        else:
            words += length == 0
            length += 1
            longest = max(longest, length)
    return words, longest


@njit
def count_sentences(data: Any, start: int, stop: int, flags: Any, closing: Any) -> int:
    """Words that end in a sentence-ending mark, closing quotes and brackets after it set aside; at least one."""
    sentences = 0
    ended = False  # the word so far ends in a mark, or in a mark and closing characters
    i = start
    while i < stop:
        point, width = code_point(data, i)
        i += width
        property = flags[point]
        if property & SPACE:
            sentences += ended
            ended = False
        elif property & STOP:
            ended = True
        elif not is_among(point, closing):
            ended = False
    return max(1, sentences + ended)


@njit
def find_phrases(data: Any, start: int, stop: int, phrases: Any, offsets: Any, counts: Any) -> None:
    """Set counts[p] to the occurrences of phrase p in a span, ASCII letters of either case alike.

    Phrases are ASCII, in lower case, none empty, none overlapping itself.
    """
    counts[:] = 0
    interesting = np.zeros(256, np.bool_)
    for p in range(len(offsets) - 1):
        b = phrases[offsets[p]]
        interesting[b] = True
        if 0x61 <= b <= 0x7A:
            interesting[b - 32] = True
    for i in range(start, stop):
        if interesting[data[i]]:
            for p in range(len(offsets) - 1):
                a, size = offsets[p], offsets[p + 1] - offsets[p]
                j = 0
                while j < size and i + j < stop:
                    b = data[i + j]
                    if 0x41 <= b <= 0x5A:
                        b += 32
                    if b != phrases[a + j]:
                        break
                    j += 1
                counts[p] += j == size


@njit
def citation_end(data: Any, i: int, stop: int, words: Any, offsets: Any) -> int:
    """Where a citation mark that starts at byte `i` ends ("[12]", "[]", "[edit]", "[citation needed]"); `i` if none starts."""
    if data[i] != 0x5B:
        return i
    j = i + 1
    while j < stop and 0x30 <= data[j] <= 0x39:
        j += 1
    if j < stop and data[j] == 0x5D:
        return j + 1
    for w in range(len(offsets) - 1):
        a, size = offsets[w], offsets[w + 1] - offsets[w]
        if i + size <= stop:
            k = 0
            while k < size and data[i + k] == words[a + k]:
                k += 1
            if k == size:
                return i + size
    return i


@njit
def drop_citations(data: Any, start: int, stop: int, words: Any, offsets: Any, out: Any) -> int:
    """Copy a text to `out` without its citation marks; return the bytes written."""
    size = 0
    i = start
    while i < stop:
        end = citation_end(data, i, stop, words, offsets)
        if end > i:
            i = end
        else:
            out[size] = data[i]
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
    clean = np.empty(0, np.uint8)
    starts, stops, opens = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_)
    for t in range(texts):
        row = rows[t]
        clean = grown(clean, offsets[t + 1] - offsets[t])
        size = drop_citations(data, offsets[t], offsets[t + 1], citations, citation_offsets, clean)
        find_phrases(clean, 0, size, phrases, phrase_offsets, found)
        row[LOREM] = found[0]
        line_phrases = found[1:].any()
        row[BRACKETS] = count_byte(clean, 0, size, 0x7B)
        room = count_byte(clean, 0, size, NEWLINE) + 1
        starts, stops, opens = grown(starts, room), grown(stops, room), grown(opens, room)
        lines = split_lines(clean, 0, size, flags, starts, stops, opens)
        row[LINES] = lines
        for k in range(lines):
            a, b = starts[k], stops[k]
            stopped = is_among(last_code_point(clean, a, b)[0], terminal) and not ends_with_ellipsis(clean, a, b)
            words, longest = count_words(clean, a, b, flags)
            javascript, policy = False, False
            if line_phrases:
                find_phrases(clean, a, b, phrases, phrase_offsets, found)
                javascript, policy = found[1] > 0, bool(found[2:].any())
            row[STOPPED] += stopped
            row[SHORT] += words < min_words
            row[JAVASCRIPT] += javascript
            row[POLICY] += policy
            if stopped and words >= min_words and longest <= max_word_length and not javascript and not policy:
                row[KEPT] += 1
                row[SENTENCES] += count_sentences(clean, a, b, flags, closing)
    return rows


@njit
def fineweb(data: Any, offsets: Any, flags: Any, short: int) -> Any:
    """Counts of every text, int64 [texts, 7]; a line of at most `short` code points is short."""
    texts = len(offsets) - 1
    rows = np.zeros((texts, 7), np.int64)
    starts, stops, opens = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_)
    hashes, table, first = np.empty(0, np.uint64), np.empty(0, np.int32), np.empty(0, np.int32)
    for t in range(texts):
        start, stop = offsets[t], offsets[t + 1]
        row = rows[t]
        row[NEWLINES] = count_byte(data, start, stop, NEWLINE)
        room = row[NEWLINES] + 1
        starts, stops, opens = grown(starts, room), grown(stops, room), grown(opens, room)
        hashes, first = grown(hashes, room), grown(first, room)
        lines = split_lines(data, start, stop, flags, starts, stops, opens)
        table = grown(table, table_size(lines))
        row[LINES] = lines
        for k in range(lines):
            a, b = starts[k], stops[k]
            length = characters(data, a, b)
            row[LINE_CHARACTERS] += length
            row[SHORT] += length <= short
            row[STOPPED] += flags[last_code_point(data, a, b)[0]] & STOP != 0
        row[DUPLICATE_CHARACTERS] = duplicate_spans(data, starts, stops, lines, hashes, table, first)[1]
        row[WORDS] = count_words(data, start, stop, flags)[0]
    return rows
