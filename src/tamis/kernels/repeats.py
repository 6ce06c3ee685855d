"""How much of a text repeats itself: duplicate lines, paragraphs and n-grams of words, for n from 2 to 10.

Exact, not by hash alone: words get numbers by comparing their bytes, and an n-gram is the pair of the numbers of its first and
last n-1 words. An n-gram can only repeat where both of those repeat, so each n looks at the places that n-1 left, soon few.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.kernels.jit import njit
from tamis.kernels.shingle import load64
from tamis.kernels.text import (
    BLANK,
    GOLDEN,
    NEWLINE,
    SEED,
    U32,
    blank,
    characters,
    count_byte,
    count_words,
    first_equal,
    grown,
    hash_span,
    leading_word,
    low_bytes,
    split_lines,
    table_size,
    word_length,
)

CHARACTERS, LINES, DUPLICATE_LINES, LINE_CHARACTERS, PARAGRAPHS, DUPLICATE_PARAGRAPHS, PARAGRAPH_CHARACTERS, NGRAMS = range(8)
COLUMNS = NGRAMS + 9  # one column for each n: of the top n-gram for n = 2, 3, 4, of duplicates for n = 5 .. 10
TOP_UNTIL = 4
LONGEST = 10


@njit
def hash_words(blanked: Any, size: int, ascii: bool, starts: Any, stops: Any, hashes: Any, position: Any) -> int:
    """Write span and hash (`hash_span`) of each word, and the code points of all words before it; return the number of words.

    `position` must hold one element more than there are words: position[j] - position[i] is the length of words i .. j - 1
    without the spaces between them.
    """
    words, length, p = 0, 0, 0
    position[0] = 0
    while p < size:
        if blanked[p] == BLANK:
            p += 1
            continue
        start, h = p, SEED
        while True:
            block = load64(blanked, p)
            bytes = leading_word(block)
            if bytes < 8 or blanked[p + 8] == BLANK:
                break
            h = (h ^ block) * GOLDEN
            h ^= h >> U32
            p += 8
        p += bytes
        h = (h ^ low_bytes(block, bytes)) * GOLDEN
        starts[words], stops[words], hashes[words] = start, p, h ^ (h >> U32)
        length += p - start if ascii else word_length(blanked, start, p)
        words += 1
        position[words] = length
        p += 1
    return words


@njit
def keep_repeated(first: Any, places: Any, candidates: int, count: Any) -> int:
    """Keep the places whose word or n-gram occurs more than once, set `first` of the others to -1; return how many remain."""
    kept = 0
    for p in range(candidates):  # no branch: the processor could not guess it
        i = places[p]
        again = count[first[i]] > 1
        places[kept] = i
        kept += again
        first[i] = first[i] if again else -1
    return kept


@njit
def lengthen(first: Any, places: Any, kept: int, count: Any, pairs: Any, keys: Any, table: Any) -> int:
    """From repeated (n-1)-grams to repeated n-grams, in place: first[i] becomes the place where the n-gram at i first occurs, or
    -1 if it occurs once; count[first[i]] how often; `places` the remaining i, ascending; returns how many remain."""
    candidates = 0
    for p in range(kept):
        i = places[p]
        left, right = first[i], first[i + 1]
        first[i] = -1
        places[candidates] = i
        pairs[candidates] = (np.uint64(left) << U32) | np.uint64(right)
        candidates += right >= 0
    size = table_size(candidates)
    mask = np.uint64(size - 1)
    table[:size] = -1
    for p in range(candidates):
        i, key = places[p], pairs[p]
        h = key * GOLDEN
        slot = (h ^ (h >> U32)) & mask
        while table[slot] >= 0 and keys[slot] != key:
            slot = (slot + np.uint64(1)) & mask
        known = table[slot]
        earliest = i if known < 0 else known
        table[slot], keys[slot] = earliest, key
        first[i] = earliest
        count[earliest] = 1 if known < 0 else count[earliest] + 1
    return keep_repeated(first, places, candidates, count)


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
def duplicate_spans(
    text: Any, starts: Any, stops: Any, items: int, hashes: Any, table: Any, first: Any, count: Any
) -> tuple[int, int]:
    """How many spans equal an earlier one, and their code points."""
    for i in range(items):
        hashes[i] = hash_span(text, starts[i], stops[i])
    first_equal(text, hashes, starts, stops, items, table, first, count)
    duplicates, length = 0, 0
    for i in range(items):
        if first[i] != i:
            duplicates += 1
            length += characters(text[starts[i] : stops[i]])
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
    opens, seen, blanked = np.empty(0, np.bool_), np.empty(0, np.bool_), np.empty(0, np.uint8)
    for t in range(texts):
        text, row = data[offsets[t] : offsets[t + 1]], rows[t]
        size = len(text)
        row[CHARACTERS] = characters(text)
        blanked = blank(text, flags, blanked)

        room = max(count_words(blanked, size), count_byte(text, NEWLINE)) + 1
        starts, stops, position, hashes = grown(starts, room), grown(stops, room), grown(position, room), grown(hashes, room)
        first, places, count = grown(first, room), grown(places, room), grown(count, room)
        opens, seen = grown(opens, room), grown(seen, room)
        table, keys = grown(table, table_size(room)), grown(keys, table_size(room))

        lines = split_lines(text, blanked, starts, stops, opens)
        row[LINES] = lines
        row[DUPLICATE_LINES], row[LINE_CHARACTERS] = duplicate_spans(text, starts, stops, lines, hashes, table, first, count)
        paragraphs = join_paragraphs(starts, stops, opens, lines)
        row[PARAGRAPHS] = paragraphs
        row[DUPLICATE_PARAGRAPHS], row[PARAGRAPH_CHARACTERS] = duplicate_spans(
            text, starts, stops, paragraphs, hashes, table, first, count
        )

        words = hash_words(blanked, size, row[CHARACTERS] == size, starts, stops, hashes, position)
        first_equal(blanked, hashes, starts, stops, words, table, first, count)
        first[words] = -1
        for i in range(words):
            places[i] = i
        kept = keep_repeated(first, places, words, count)
        for n in range(2, LONGEST + 1):
            kept = lengthen(first, places, kept, count, hashes, keys, table)
            if n <= TOP_UNTIL:
                row[NGRAMS + n - 2] = top_ngram(n, words, first, places, kept, count, position)
            else:
                row[NGRAMS + n - 2] = duplicate_ngrams(n, first, places, kept, seen, position)
    return rows
