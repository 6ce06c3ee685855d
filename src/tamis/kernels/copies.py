"""How much of a text occurs more than once, every occurrence counted: lines, paragraphs, n-grams of words, and loops of words.

`tamis.kernels.repeats` leaves the first occurrence out, as datatrove does; DCLM and Dolma count it. Exact in the same way:
words by their bytes, n-grams by the numbers of their words. A word is a white-space word, or, with `inner`, one found by
`keep_words`. Lengths are in code points, those of words without the spaces between them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.kernels.jit import njit
from tamis.kernels.repeats import hash_words, join_paragraphs, keep_repeated, lengthen
from tamis.kernels.text import (
    BLANK,
    NEWLINE,
    blank,
    characters,
    code_point,
    count_byte,
    count_words,
    first_equal,
    grown,
    hash_span,
    split_lines,
    table_size,
)
from tamis.kernels.unicode import ALPHANUMERIC, LETTER, MARK

LINES, COPIED_LINES, LINE_CHARACTERS, COPIED_LINE_CHARACTERS = range(4)
PARAGRAPHS, COPIED_PARAGRAPHS, PARAGRAPH_CHARACTERS, COPIED_PARAGRAPH_CHARACTERS, WORD_CHARACTERS, LOOPS = range(4, 10)
EARLIEST, LONGEST, COVERED, COPIED, ALL = 10, 13, 16, 22, 28  # the first of 3 (n = 2, 3, 4) and of 6 columns (n = 5 .. 10)
COLUMNS = 34
LONGEST_TOP, LONGEST_NGRAM, LONGEST_LOOP = 4, 10, 13
STOP, APOSTROPHE, QUOTE, COLON, COMMA = 0x2E, 0x27, 0x2019, 0x3A, 0x2C


@njit
def kind(point: int, flags: Any) -> int:
    """0 between words, 1 a letter or mark, 2 any other alphanumeric character."""
    flag = flags[point]
    return 1 if flag & (LETTER | MARK) else 2 if flag & ALPHANUMERIC else 0


@njit
def joins(point: int, side: int) -> bool:
    """Whether a character between two letters (side 1) or two digits (side 2) belongs to their word."""
    return point in (STOP, APOSTROPHE, QUOTE) or point == (COLON if side == 1 else COMMA)


@njit
def keep_words(text: Any, flags: Any, out: Any) -> Any:
    """Like `tamis.kernels.text.blank`, but everything outside words of letters, marks and digits is blanked."""
    size = len(text)
    out = grown(out, size + 8)
    before, i = 0, 0
    while i < size:
        point, width = code_point(text, i)
        here = kind(point, flags)
        stays = here > 0
        if not stays and before and joins(point, before) and i + width < size:
            stays = kind(code_point(text, i + width)[0], flags) == before
        if width == 1:
            out[i] = point if stays else BLANK
        else:
            for k in range(i, i + width):
                out[k] = text[k] if stays else BLANK
        before = here
        i += width
    out[size : size + 8] = BLANK
    return out


@njit
def copied_spans(
    text: Any, starts: Any, stops: Any, items: int, hashes: Any, table: Any, first: Any, count: Any
) -> tuple[int, int, int]:
    """How many spans equal another one, the code points of all spans, and of those."""
    for i in range(items):
        hashes[i] = hash_span(text, starts[i], stops[i])
    first_equal(text, hashes, starts, stops, items, table, first, count)
    copies, length, copied = 0, 0, 0
    for i in range(items):
        size = characters(text[starts[i] : stops[i]])
        length += size
        if count[first[i]] > 1:
            copies += 1
            copied += size
    return copies, length, copied


@njit
def most_loops(first: Any, words: int) -> int:
    """The most times that one run of at most LONGEST_LOOP words stands in a row."""
    most = min(words, 1)
    for period in range(1, LONGEST_LOOP + 1):
        run = 0
        for i in range(period, words):
            run = run + 1 if first[i] == first[i - period] else 0
            if run >= period * most:
                most = run // period + 1
    return most


@njit
def top_ngrams(n: int, words: int, first: Any, places: Any, kept: int, count: Any, position: Any) -> tuple[int, int]:
    """Occurrences times length of the most frequent n-gram: of the earliest of equals, of the longest (0 if none is repeated)."""
    if words < n:
        return 0, 0
    best, most, longest = 0, 1, 0
    for p in range(kept):
        i = places[p]
        if first[i] != i:
            continue
        length = position[i + n] - position[i]
        if count[i] > most:
            best, most, longest = i, count[i], length
        elif count[i] == most:
            longest = max(longest, length)
    return most * (position[best + n] - position[best]), most * longest


@njit
def repeated_ngrams(n: int, words: int, places: Any, kept: int, position: Any) -> tuple[int, int, int]:
    """Length of all words inside a repeated n-gram, of all repeated n-grams, and of all n-grams (what ends them less what begins
    them: all but the last and the first n places cancel)."""
    covered, copied, total, end = 0, 0, 0, 0
    for p in range(kept):
        i = places[p]
        covered += position[i + n] - position[max(i, end)]
        copied += position[i + n] - position[i]
        end = i + n
    for i in range(n if words >= n else 0):
        total += position[words - i] - position[i]
    return covered, copied, total


@njit
def copies(data: Any, offsets: Any, flags: Any, inner: bool) -> Any:
    """Counts of every text, int64 [texts, COLUMNS]; LOOPS are not counted with `inner`."""
    texts = len(offsets) - 1
    rows = np.zeros((texts, COLUMNS), np.int64)
    starts, stops, position = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
    hashes, keys = np.empty(0, np.uint64), np.empty(0, np.uint64)
    table, first, places, count = np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int32)
    opens, blanked = np.empty(0, np.bool_), np.empty(0, np.uint8)
    for t in range(texts):
        text, row = data[offsets[t] : offsets[t + 1]], rows[t]
        size = len(text)
        blanked = blank(text, flags, blanked)
        room = count_byte(text, NEWLINE) + 1
        starts, stops, hashes, opens = grown(starts, room), grown(stops, room), grown(hashes, room), grown(opens, room)
        first, count, table = grown(first, room), grown(count, room), grown(table, table_size(room))
        lines = split_lines(text, blanked, starts, stops, opens)
        row[LINES] = lines
        row[COPIED_LINES:PARAGRAPHS] = copied_spans(text, starts, stops, lines, hashes, table, first, count)
        paragraphs = join_paragraphs(starts, stops, opens, lines)
        row[PARAGRAPHS] = paragraphs
        row[COPIED_PARAGRAPHS:WORD_CHARACTERS] = copied_spans(text, starts, stops, paragraphs, hashes, table, first, count)

        if inner:
            blanked = keep_words(text, flags, blanked)
        room = count_words(blanked, size) + 1
        starts, stops, position, hashes = grown(starts, room), grown(stops, room), grown(position, room), grown(hashes, room)
        first, places, count = grown(first, room), grown(places, room), grown(count, room)
        table, keys = grown(table, table_size(room)), grown(keys, table_size(room))
        words = hash_words(blanked, size, characters(text) == size, starts, stops, hashes, position)
        row[WORD_CHARACTERS] = position[words]
        first_equal(blanked, hashes, starts, stops, words, table, first, count)
        first[words] = -1
        row[LOOPS] = 0 if inner else most_loops(first, words)
        for i in range(words):
            places[i] = i
        kept = keep_repeated(first, places, words, count)
        for n in range(2, LONGEST_NGRAM + 1):
            kept = lengthen(first, places, kept, count, hashes, keys, table)
            if n <= LONGEST_TOP:
                row[EARLIEST + n - 2], row[LONGEST + n - 2] = top_ngrams(n, words, first, places, kept, count, position)
            else:
                k = n - LONGEST_TOP - 1
                row[COVERED + k], row[COPIED + k], row[ALL + k] = repeated_ngrams(n, words, places, kept, position)
    return rows
