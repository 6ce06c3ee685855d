"""A Bloom filter of n-grams in which an n-gram touches one cache line, and the choice of what is a repetition by it.

A *block* is eight words of 64 bits; an n-gram sets one bit in each word of one block (Putze, Sanders, Singler 2007; the split
blocks of Parquet). The rate of false positives is then a mean over the Poisson number of n-grams a block has (`false_positives`):
10.1 bits an n-gram give 1 %, 15.7 give .1 %; a filter without blocks needs 9.6 and 14.4.

What is sifted is lines: `sift` says how.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from tamis.kernels.jit import Buffers, njit
from tamis.kernels.memory import prefetch
from tamis.kernels.shingle import PUNCTUATION, SPACE_BYTE, Bytes, Hashes, Offsets, hash_words, longest, normalise, roll, table
from tamis.kernels.text import count_byte, count_words, find_newline, grown, table_size
from tamis.kernels.wordbreaks import classes, hash_tokens

WORDS, BITS = 8, 64
BLOCK = WORDS * BITS // 8  # bytes
AHEAD = 16  # look-ups between asking for memory and using it
LINES, CUT_LINES, CUT_TEXTS, GRAMS, ENTERED = range(5)  # counts of `sift`
MIX = np.uint64(0x9E3779B97F4A7C15)
U0, U1, U6, U32, U63 = (np.uint64(i) for i in (0, 1, 6, 32, 63))
NEWLINE = 10


def false_positives(ngrams: int, blocks: int) -> float:
    """The chance that an n-gram which was not entered is found all the same, once `ngrams` different ones were."""
    mean = ngrams / blocks
    count = np.arange(int(mean + 12 * mean**0.5 + 12))
    chance = np.exp(count * np.log(max(mean, 1e-300)) - mean - gammaln(count + 1))
    return float((chance * (1 - (1 - 1 / BITS) ** count) ** WORDS).sum())


def blocks_for(ngrams: int, rate: float) -> int:
    """The fewest blocks with which at most `rate` of unknown n-grams are found."""
    low, high = 0, 1 + ngrams // (WORDS * BITS)  # a bit each: too few for any rate below .9
    while false_positives(ngrams, high) > rate:
        low, high = high, 2 * high
    while high - low > max(1, high >> 12):
        middle = (low + high) // 2
        low, high = (middle, high) if false_positives(ngrams, middle) > rate else (low, middle)
    return high


def empty_filter(blocks: int) -> Hashes:
    """A filter of so many blocks without an n-gram, each block in a cache line of its own."""
    raw = np.zeros((blocks + 1) * WORDS, np.uint64)
    shift = -(raw.ctypes.data // 8) % WORDS
    return raw[shift : shift + blocks * WORDS]


@njit
def _block(gram: np.uint64, blocks: np.uint64) -> Any:
    """Where the block of an n-gram starts."""
    return np.int64(((gram >> U32) * blocks) >> U32) * WORDS


@njit
def _bits(gram: np.uint64) -> np.uint64:
    """Eight times six bits."""
    x = gram * MIX
    return x ^ x >> U32


@njit
def holds(filter: Hashes, gram: np.uint64) -> bool:
    """Whether an n-gram was entered, or seems so."""
    at, bits, all = _block(gram, np.uint64(len(filter) // WORDS)), _bits(gram), U1
    for k in range(WORDS):
        all &= filter[at + k] >> (bits & U63)
        bits >>= U6
    return all == U1


@njit
def enter(filter: Hashes, gram: np.uint64) -> None:
    """Enter an n-gram."""
    at, bits = _block(gram, np.uint64(len(filter) // WORDS)), _bits(gram)
    for k in range(WORDS):
        filter[at + k] |= U1 << (bits & U63)
        bits >>= U6


class Rule(NamedTuple):
    """What an n-gram is: `ngram` words in a row of one line; a line of fewer, but at least `minimum`, is one; others have none.

    Words are those of `kernels.shingle`, or with `tokens` those of `kernels.wordbreaks`.
    """

    ngram: int
    minimum: int
    tokens: bool


@njit
def _grams(
    text: Bytes,
    rule: Rule,
    table: Any,
    classes: Bytes,
    scratch: Bytes,
    words: Hashes,
    grams: Hashes,
    lines: npt.NDArray[np.int64],
) -> tuple[int, int]:
    """Write the n-grams of a text, and start, end and first n-gram of every line that has some; returns how many of each."""
    n, count, start, place = 0, 0, 0, 0
    length = 0 if rule.tokens else normalise(text, 0, len(text), table, True, scratch)
    while start <= len(text):
        end = find_newline(text, start)
        if rule.tokens:
            size = hash_tokens(text, start, end, classes, words)
        else:
            stop = find_newline(scratch[:length], place)
            scratch[stop] = SPACE_BYTE
            size = hash_words(scratch[place:], stop - place, table, words)
            place = stop + 1
        if size >= rule.minimum:
            lines[count, 0], lines[count, 1], lines[count, 2] = start, end, n
            n += roll(words, size, rule.ngram, grams[n:])
            count += 1
        start = end + 1
    lines[count, 2] = n
    return n, count


@njit
def _room(data: Bytes, offsets: Offsets) -> tuple[Bytes, Hashes, Hashes, npt.NDArray[np.int64]]:
    """Scratch for `_grams` of the longest text."""
    size, most = longest(offsets), 0
    for i in range(len(offsets) - 1):
        most = max(most, count_byte(data[offsets[i] : offsets[i + 1]], NEWLINE))
    scratch = np.empty(3 * size + 16, np.uint8)
    return scratch, np.empty(size + 1, np.uint64), np.empty(size + 1, np.uint64), np.empty((most + 2, 3), np.int64)


@njit
def _count_grams(data: Bytes, offsets: Offsets, rule: Rule, table: Any, classes: Bytes) -> npt.NDArray[np.int64]:
    scratch, nothing = np.empty(3 * longest(offsets) + 16, np.uint8), np.empty(0, np.uint64)
    out = np.zeros(len(offsets) - 1, np.int64)
    for i in range(len(out)):
        text, start = data[offsets[i] : offsets[i + 1]], 0
        if not rule.tokens:
            text = scratch[: normalise(text, 0, len(text), table, True, scratch)]
        while start <= len(text):
            end = find_newline(text, start)
            if rule.tokens:
                size = hash_tokens(text, start, end, classes, nothing)
            else:
                size = count_words(text[start:end], end - start)
            if size >= rule.minimum:
                out[i] += max(size - rule.ngram + 1, 1)
            start = end + 1
    return out


@cache
def line_table() -> npt.NDArray[np.uint32]:
    """The table of `kernels.shingle`, but a line break is no white space: it stays in a normalised text."""
    out = table().copy()
    out[NEWLINE] = NEWLINE | PUNCTUATION << 24
    out.setflags(write=False)
    return out


def count_grams(texts: Buffers, rule: Rule) -> npt.NDArray[np.int64]:
    """The number of n-grams of every text."""
    return _count_grams(texts.data, texts.offsets, rule, line_table(), classes())


@njit
def _own(grams: Hashes, start: int, end: int, known: npt.NDArray[np.bool_], own: Hashes, size: int, add: bool) -> int:
    """How many of grams[start:end] are known or among `own`; with `add` they are among it afterwards."""
    count = 0
    mask = np.uint64(size - 1)
    for i in range(start, end):
        if known[i]:
            count += 1
            continue
        gram = grams[i] | U1  # 0 marks a free place
        slot = gram >> U1 & mask
        while own[slot] != U0 and own[slot] != gram:
            slot = (slot + U1) & mask
        count += own[slot] == gram
        if add:
            own[slot] = gram
    return count


@njit
def _sift(
    data: Bytes,
    offsets: Offsets,
    order: Offsets,
    rule: Rule,
    threshold: float,
    bff: bool,
    table: Any,
    classes: Bytes,
    filter: Hashes,
    counts: Any,
) -> Any:
    scratch, words, grams, lines = _room(data, offsets)
    known, own = np.empty(0, np.bool_), np.empty(0, np.uint64)
    found, places = 0, np.empty((16, 3), np.int64)
    blocks = np.uint64(len(filter) // WORDS)
    for t in range(len(order)):
        text = data[offsets[order[t]] : offsets[order[t] + 1]]
        n, parts = _grams(text, rule, table, classes, scratch, words, grams, lines)
        if n == 0:
            continue
        known, size = grown(known, n), table_size(n)
        own = grown(own, size)
        earlier = 0
        for i in range(n):
            if i + AHEAD < n:
                prefetch(filter, _block(grams[i + AHEAD], blocks))
            known[i] = holds(filter, grams[i])
            earlier += known[i]
        whole = not bff and earlier / n > threshold
        if found + parts >= len(places):
            places = np.concatenate((places, np.empty((found + parts + 1, 3), np.int64)))
        first, contained = found, 0
        if not whole:
            own[:size] = U0
            for k in range(parts):
                start, end = lines[k, 2], lines[k + 1, 2]
                count = _own(grams, start, end, known, own, size, False)
                contained += count
                if count / (end - start) > threshold:
                    places[found, 0], places[found, 1], places[found, 2] = t, lines[k, 0], lines[k, 1]
                    found += 1
                    known[start:end] = True
                else:
                    _own(grams, start, end, known, own, size, True)
            for i in range(n):
                if not known[i]:
                    enter(filter, grams[i])
                    counts[ENTERED] += 1
            whole = bff and contained / n > threshold
        counts[LINES] += parts
        counts[GRAMS] += n
        counts[CUT_LINES] += parts if whole else found - first
        if whole:
            counts[CUT_TEXTS] += 1
            places[first, 0], places[first, 1], places[first, 2] = t, 0, len(text)
            found = first + 1
    return places[:found]


def sift(
    texts: Buffers,
    order: Offsets,
    rule: Rule,
    threshold: float,
    filter: Hashes,
    counts: npt.NDArray[np.int64],
    bff: bool = False,
) -> npt.NDArray[np.int64]:
    """Lines and texts that repeat earlier ones: (place of the text in `order`, start, end), rising; what stays is entered.

    A text goes whole if more than `threshold` of its n-grams were entered before it. Of any other, a line goes if more than
    `threshold` of its n-grams were entered before or stand in an earlier line of the text that stays. With `bff` the lines are
    judged first and entered at once, and the text goes whole if more than `threshold` of its n-grams were in that sense
    contained: the n-grams of its other lines stay entered although no text has them. `counts` grow.
    """
    out: npt.NDArray[np.int64] = _sift(
        texts.data, texts.offsets, order, rule, threshold, bff, line_table(), classes(), filter, counts
    )
    return out


@njit
def _found_at_random(filter: Hashes, probes: int) -> int:
    found, state = 0, U0
    for _ in range(probes):
        state += MIX
        z = state
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        found += holds(filter, z ^ (z >> np.uint64(31)))
    return found


def measured_false_positives(filter: Hashes, probes: int = 1_000_000) -> float:
    """The share found of so many random n-grams (splitmix64 of 0, 1, 2, ...), none of which was entered."""
    return float(_found_at_random(filter, probes) / probes)
