"""How much of a text repeats itself: duplicate lines, paragraphs and n-grams of words, for n from 2 to 10.

Exact, not by hash alone: words get numbers by comparing their bytes, and an n-gram is the pair of the numbers of its first and
last n-1 words. An n-gram can only repeat where both of those repeat, so each n looks at the places that n-1 left, soon few.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.kernels.jit import njit
from tamis.kernels.text import (
    FNV_OFFSET,
    FNV_PRIME,
    GOLDEN,
    U32,
    characters,
    code_point,
    first_equal,
    grown,
    hash_span,
    split_lines,
    table_size,
)
from tamis.kernels.unicode import SPACE

CHARACTERS, LINES, DUPLICATE_LINES, LINE_CHARACTERS, PARAGRAPHS, DUPLICATE_PARAGRAPHS, PARAGRAPH_CHARACTERS, NGRAMS = range(8)
COLUMNS = NGRAMS + 9  # one column for each n: of the top n-gram for n = 2, 3, 4, of duplicates for n = 5 .. 10
TOP_UNTIL = 4
LONGEST = 10


@njit
def hash_words(data: Any, start: int, stop: int, flags: Any, starts: Any, stops: Any, hashes: Any, position: Any) -> int:
    """Write span and hash of each word, and the code points of all words before it; return the number of words.

    The arrays must hold `most_words` elements, `position` one more: position[j] - position[i] is the length of
    words i .. j - 1 without the spaces between them.
    """
    words = 0
    length = 0
    position[0] = 0
    i = start
    while i < stop:
        word = i
        h = FNV_OFFSET
        width = 1
        while i < stop:
            b = int(data[i])
            if b < 0x80:
                if flags[b] & SPACE:
                    break
                h = (h ^ np.uint64(b)) * FNV_PRIME
                i += 1
            else:
                b, width = code_point(data, i)
                if flags[b] & SPACE:
                    break
                h = (h ^ np.uint64(b)) * FNV_PRIME
                i += width
            length += 1
        if i > word:
            starts[words], stops[words] = word, i
            h *= GOLDEN
            hashes[words] = h ^ (h >> U32)
            words += 1
            position[words] = length
        if i < stop:
            i += 1 if data[i] < 0x80 else width
    return words


@njit
def most_words(data: Any, start: int, stop: int) -> int:
    """Not fewer than the words of a text, nor than its "\\n" and one: bytes that can begin white space, and one."""
    count = 1
    for i in range(start, stop):
        b = data[i]
        count += (b <= 0x20) | (b == 0xC2) | ((b >= 0xE1) & (b <= 0xE3))
    return count


@njit
def repeated_words(first: Any, words: int, count: Any, places: Any) -> int:
    """Mark words that occur once with -1 in `first`; write the places of the others, return how many."""
    count[:words] = 0
    for i in range(words):
        count[first[i]] += 1
    kept = 0
    for i in range(words):
        if count[first[i]] > 1:
            places[kept] = i
            kept += 1
        else:
            first[i] = -1
    first[words] = -1
    return kept


@njit
def lengthen(first: Any, places: Any, kept: int, count: Any, keys: Any, table: Any) -> int:
    """From repeated (n-1)-grams to repeated n-grams, in place: first[i] becomes the place where the n-gram at i first occurs, or
    -1 if it occurs once; count[first[i]] how often; `places` the remaining i, ascending; returns how many remain."""
    size = table_size(kept)
    mask = np.uint64(size - 1)
    table[:size] = -1
    pairs = 0
    for p in range(kept):
        i = places[p]
        left, right = first[i], first[i + 1]
        if right < 0:
            first[i] = -1
            continue
        key = (np.uint64(left) << U32) | np.uint64(right)
        h = key * GOLDEN
        slot = (h ^ (h >> U32)) & mask
        while table[slot] >= 0 and keys[slot] != key:
            slot = (slot + np.uint64(1)) & mask
        if table[slot] < 0:
            table[slot], keys[slot], count[i] = i, key, 0
        first[i] = table[slot]
        count[table[slot]] += 1
        places[pairs] = i
        pairs += 1
    kept = 0
    for p in range(pairs):
        i = places[p]
        if count[first[i]] > 1:
            places[kept] = i
            kept += 1
        else:
            first[i] = -1
    return kept


@njit
def top_ngram(n: int, words: int, first: Any, places: Any, kept: int, count: Any, position: Any) -> int:
    """Occurrences times length (with single spaces) of the most frequent n-gram, the earliest of equals; 0 if none."""
    if words < n:
        return 0
    best, most = 0, 1
    for p in range(kept):
        i = places[p]
        if first[i] == i and count[i] > most:
            best, most = i, count[i]
    return most * (position[best + n] - position[best] + n - 1)


@njit
def duplicate_ngrams(n: int, first: Any, places: Any, kept: int, seen: Any, position: Any) -> int:
    """Length of all n-grams that occurred before, left to right, none overlapping the one counted last."""
    total = 0
    free = 0
    for p in range(kept):
        seen[places[p]] = False
    for p in range(kept):
        i = places[p]
        if i < free:
            continue
        if seen[first[i]]:
            total += position[i + n] - position[i]
            free = i + n
        else:
            seen[first[i]] = True
    return total


@njit
def duplicate_spans(data: Any, starts: Any, stops: Any, items: int, hashes: Any, table: Any, first: Any) -> tuple[int, int]:
    """How many spans equal an earlier one, and their code points."""
    for i in range(items):
        hashes[i] = hash_span(data, starts[i], stops[i])
    first_equal(data, hashes, starts, stops, items, table, first)
    duplicates, length = 0, 0
    for i in range(items):
        if first[i] != i:
            duplicates += 1
            length += characters(data, starts[i], stops[i])
    return duplicates, length


@njit
def join_paragraphs(starts: Any, stops: Any, opens: Any, lines: int) -> int:
    """Turn the spans of lines into the spans of paragraphs, in place; return how many."""
    paragraphs = 0
    for i in range(lines):
        if opens[i]:
            starts[paragraphs] = starts[i]
            paragraphs += 1
        stops[paragraphs - 1] = stops[i]
    return paragraphs


@njit
def repetition(data: Any, offsets: Any, flags: Any) -> Any:
    """Counts of every text, int64 [texts, COLUMNS]."""
    texts = len(offsets) - 1
    rows = np.zeros((texts, COLUMNS), np.int64)
    starts, stops, position = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
    hashes, keys = np.empty(0, np.uint64), np.empty(0, np.uint64)
    table, first, places, count = np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int32)
    opens, seen = np.empty(0, np.bool_), np.empty(0, np.bool_)
    for t in range(texts):
        start, stop = offsets[t], offsets[t + 1]
        row = rows[t]
        row[CHARACTERS] = characters(data, start, stop)

        room = most_words(data, start, stop) + 1  # of lines there are never more than of words, and each "\n" counts
        starts, stops, position, hashes = grown(starts, room), grown(stops, room), grown(position, room), grown(hashes, room)
        first, places, count = grown(first, room), grown(places, room), grown(count, room)
        opens, seen = grown(opens, room), grown(seen, room)
        lines = split_lines(data, start, stop, flags, starts, stops, opens)
        table = grown(table, table_size(lines))
        row[LINES] = lines
        row[DUPLICATE_LINES], row[LINE_CHARACTERS] = duplicate_spans(data, starts, stops, lines, hashes, table, first)
        row[PARAGRAPHS] = join_paragraphs(starts, stops, opens, lines)
        row[DUPLICATE_PARAGRAPHS], row[PARAGRAPH_CHARACTERS] = duplicate_spans(
            data, starts, stops, row[PARAGRAPHS], hashes, table, first
        )

        words = hash_words(data, start, stop, flags, starts, stops, hashes, position)
        table, keys = grown(table, table_size(words)), grown(keys, table_size(words))
        first_equal(data, hashes, starts, stops, words, table, first)
        kept = repeated_words(first, words, count, places)
        for n in range(2, LONGEST + 1):
            kept = lengthen(first, places, kept, count, keys, table)
            if n <= TOP_UNTIL:
                row[NGRAMS + n - 2] = top_ngram(n, words, first, places, kept, count, position)
            else:
                row[NGRAMS + n - 2] = duplicate_ngrams(n, first, places, kept, seen, position)
    return rows
