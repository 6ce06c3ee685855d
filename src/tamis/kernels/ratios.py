"""Repetition of characters and words, special characters and listed words, as ROOTS counted them.

A word here is stripped of special characters at both ends and in lower case, code point by code point
(`tamis.kernels.shingle.lower_of`); a special character is neither a letter nor a mark. N-grams are compared by 64-bit hashes:
two different ones are taken for equal with a chance of about 2^-63, which is neglected. Memory: about 32 bytes per code point
of the longest text.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.kernels.jit import njit
from tamis.kernels.shingle import TABLE_SIZE
from tamis.kernels.text import GOLDEN, SEED, U32, code_point, grown, table_size
from tamis.kernels.unicode import LETTER, MARK, SPACE

CHARACTERS, SPECIAL, WORDS, TOP, CHARACTER_NGRAMS, REPEATED, WORD_NGRAMS, STOP_WORDS, FLAGGED = range(9)
COLUMNS = 9
LOWER = np.int64(0xFFFFFF)  # the bits of `shingle.table` that hold the lower-case code point


@njit
def stir(h: Any, value: Any) -> Any:
    """One more value into a hash."""
    h = (h ^ np.uint64(value)) * GOLDEN
    return h ^ (h >> U32)


@njit
def hash_words(text: Any, flags: Any, lowers: Any, hashes: Any, points: Any, row: Any) -> int:
    """Hashes of the words and all code points of a text; counts SPECIAL and CHARACTERS; returns the number of words."""
    words, characters, i = 0, 0, 0
    h, solid, inside = SEED, SEED, False  # of the word so far, of the word up to its last letter, whether it has a letter
    while i < len(text):
        point, width = code_point(text, i)
        i += width
        points[characters] = point
        characters += 1
        letter = flags[point] & (LETTER | MARK) != 0
        row[SPECIAL] += not letter
        if flags[point] & SPACE:
            if inside:
                hashes[words] = solid
                words += 1
            h, inside = SEED, False
        elif letter or inside:
            h = stir(h, lowers[point] & LOWER if point < TABLE_SIZE else point)
            if letter:
                solid, inside = h, True
    if inside:
        hashes[words] = solid
        words += 1
    row[CHARACTERS] = characters
    return words


@njit
def combine(values: Any, items: int, n: int, out: Any) -> int:
    """Hashes of all runs of n values; returns how many."""
    for i in range(items - n + 1):
        h = SEED
        for j in range(n):
            h = stir(h, values[i + j])
        out[i] = h
    return max(items - n + 1, 0)


@njit
def tally(keys: Any, items: int, table: Any, counts: Any) -> int:
    """Write to counts[i] how often keys[i] occurs if it stands there first, else 0; returns the number of distinct keys."""
    size = table_size(items)
    mask = np.uint64(size - 1)
    table[:size] = -1
    distinct = 0
    for i in range(items):
        key = keys[i]
        counts[i] = 0
        slot = key & mask
        while table[slot] >= 0 and keys[table[slot]] != key:
            slot = (slot + np.uint64(1)) & mask
        if table[slot] < 0:
            table[slot] = i
            distinct += 1
        counts[table[slot]] += 1
    return distinct


@njit
def top(counts: Any, items: int, distinct: int, histogram: Any) -> int:
    """Sum of the k highest counts, k = min(floor(sqrt(distinct)), distinct - those that occur once)."""
    histogram[: items + 1] = 0
    for i in range(items):
        histogram[counts[i]] += 1
    left = min(int(np.sqrt(distinct)), distinct - (histogram[1] if items else 0))
    total, value = 0, items
    while left > 0:
        taken = min(left, histogram[value])
        total += taken * value
        left -= taken
        value -= 1
    return total


@njit
def listed(hashes: Any, items: int, known: Any) -> int:
    """How many of the hashes are in a sorted array."""
    found = 0
    if len(known):
        for i in range(items):
            place = np.searchsorted(known, hashes[i])
            found += place < len(known) and known[place] == hashes[i]
    return found


@njit
def ratios(
    data: Any, offsets: Any, flags: Any, lowers: Any, of_characters: int, of_words: int, stop: Any, flagged: Any, pairs: bool
) -> Any:
    """Counts of every text, int64 [texts, COLUMNS].

    stop, flagged: sorted hashes of words, or with `pairs` also of two words in a row (`combine`).
    """
    texts = len(offsets) - 1
    rows = np.zeros((texts, COLUMNS), np.int64)
    hashes, keys = np.empty(0, np.uint64), np.empty(0, np.uint64)
    points, table, counts, histogram = np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int32)
    for t in range(texts):
        text, row = data[offsets[t] : offsets[t + 1]], rows[t]
        room = len(text) + 2
        hashes, keys, points = grown(hashes, room), grown(keys, room), grown(points, room)
        table, counts, histogram = grown(table, table_size(room)), grown(counts, room), grown(histogram, room)
        words = hash_words(text, flags, lowers, hashes, points, row)
        row[WORDS] = words
        row[STOP_WORDS], row[FLAGGED] = listed(hashes, words, stop), listed(hashes, words, flagged)
        if pairs:
            two = combine(hashes, words, 2, keys)
            row[STOP_WORDS] += listed(keys, two, stop)
            row[FLAGGED] += listed(keys, two, flagged)
        items = combine(points, row[CHARACTERS], of_characters, keys)
        row[CHARACTER_NGRAMS] = items
        row[TOP] = top(counts, items, tally(keys, items, table, counts), histogram)
        items = combine(hashes, words, of_words, keys)
        row[WORD_NGRAMS] = items
        tally(keys, items, table, counts)
        for i in range(items):
            row[REPEATED] += counts[i] if counts[i] > 1 else 0
    return rows
