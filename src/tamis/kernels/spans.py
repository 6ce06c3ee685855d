"""A reference set, indexed so that a text finds every reference it is near: by a shared span of words, or by Jaccard similarity.

Both searches are exact; there is no sampling and no sketch. A span is found through its n-grams, extended as far as the words
agree, and compared word by word. Memory of an index: at most 37 bytes per word of the reference; a text needs 24 per word.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tamis.kernels.jit import Buffers, njit
from tamis.kernels.shingle import (
    BASE,
    U1,
    Bytes,
    Hashes,
    Offsets,
    finish,
    hash_words,
    longest,
    normalise,
    roll,
    shingle_sets,
    table,
    word_hashes,
)

Ints = npt.NDArray[np.int32]
Words32 = npt.NDArray[np.uint32]


U6, U12, U63 = (np.uint64(i) for i in (6, 12, 63))


class SpanIndex(NamedTuple):
    """N-grams of a reference set. Lengths are in half words: a letter of an unspaced script is 1, any other word 2."""

    words: Hashes  # of all references, one after the other
    offsets: Offsets  # references + 1, into words
    required: Ints  # per reference: half words that a shared span must have; 0: the reference is too short to search for
    grams: Hashes  # rising
    places: Offsets  # per n-gram: its first word in `words`
    owners: Ints  # per n-gram: its reference
    sizes: Offsets  # the different n
    heads: Hashes  # sieve: with which words, as many as the smallest n, an n-gram of less than the largest n may begin
    sieve: Hashes  # of the n-grams themselves


class ShingleIndex(NamedTuple):
    """Shingle sets of a reference set, inverted."""

    grams: Hashes  # rising, one entry per reference that has it
    owners: Ints
    counts: Ints  # per reference: its number of distinct shingles
    sieve: Hashes


class Hits(NamedTuple):
    """Text, reference, and what they share; one entry per pair, by text, then reference."""

    text: Ints
    reference: Ints
    first: Ints  # span: first shared word of the text (number); Jaccard: 0
    words: Ints  # span: number of shared words; Jaccard: 0
    jaccard: npt.NDArray[np.float64]  # span: 0


@njit
def _mask(h: np.uint64) -> np.uint64:
    """Three bits of a sieve's 64, which the lowest 18 bits of h choose."""
    return U1 << (h & U63) | U1 << ((h >> U6) & U63) | U1 << ((h >> U12) & U63)


@njit
def _sieve(grams: Hashes) -> Hashes:
    """A Bloom filter in blocks: the highest bits of a hash choose one of the 64-bit words, `_mask` the bits that are set there.

    16 bits an entry or more, so that at most about 1 of 80 absent hashes passes.
    """
    bits = 4
    while 64 << bits < 16 * len(grams):
        bits += 1
    out = np.zeros(1 << bits, np.uint64)
    for h in grams:
        out[np.int64(h >> np.uint64(64 - bits))] |= _mask(h)
    return out


@njit
def _passes(h: np.uint64, sieve: Hashes, shift: np.uint64) -> bool:
    """Whether h may be among the hashes of a sieve."""
    return sieve[np.int64(h >> shift)] & _mask(h) == _mask(h)


@njit
def _find(h: np.uint64, grams: Hashes) -> int:
    """The first place of h in the rising `grams`, or -1."""
    low, high = 0, len(grams)
    while low < high:
        middle = (low + high) >> 1
        if grams[middle] < h:
            low = middle + 1
        else:
            high = middle
    return low if low < len(grams) and grams[low] == h else -1


@njit
def _shift(sieve: Hashes) -> np.uint64:
    """How far a hash is shifted to choose a word of a sieve."""
    bits = 0
    while 1 << bits < len(sieve):
        bits += 1
    return np.uint64(64 - bits)


@njit
def _distinct(words: Hashes, lettered: npt.NDArray[np.bool_], start: int, size: int) -> int:
    """How many different words with a letter words[start:start + size] holds."""
    out = 0
    for i in range(start, start + size):
        fresh = lettered[i]
        for j in range(start, i):
            fresh = fresh and words[j] != words[i]
        out += fresh
    return out


@njit
def _reference_grams(
    words: Hashes, offsets: Offsets, lettered: npt.NDArray[np.bool_], sizes: Offsets
) -> tuple[Hashes, Offsets, Ints]:
    """All n-grams (n = sizes[r] for reference r) of which at least half the words are different and hold a letter."""
    total = 0
    for r in range(len(sizes)):
        if sizes[r] > 0:
            total += offsets[r + 1] - offsets[r] - sizes[r] + 1
    grams, places, owners = np.empty(total, np.uint64), np.empty(total, np.int64), np.empty(total, np.int32)
    n = 0
    for r in range(len(sizes)):
        size = sizes[r]
        if size == 0:
            continue
        count = roll(words[offsets[r] : offsets[r + 1]], offsets[r + 1] - offsets[r], size, grams[n:])
        m = n
        for k in range(count):
            if 2 * _distinct(words, lettered, offsets[r] + k, size) >= size:
                grams[m], places[m], owners[m] = grams[n + k], offsets[r] + k, r
                m += 1
        n = m
    return grams[:n], places[:n], owners[:n]


@njit
def _heads(words: Hashes, places: Offsets, size: int) -> Hashes:
    """Hash of the `size` words from each place on."""
    out = np.empty(len(places), np.uint64)
    for k in range(len(places)):
        roll(words[places[k] :], size, size, out[k:])
    return out


@njit
def _weights(words: Hashes, offsets: Offsets) -> Offsets:
    """Half words of each reference."""
    out = np.zeros(len(offsets) - 1, np.int64)
    for r in range(len(out)):
        for k in range(offsets[r], offsets[r + 1]):
            out[r] += 2 - np.int64(words[k] & U1)
    return out


def span_index(
    references: Buffers, span: int = 13, shortest: int | Ints = 8, common: int = 20, punctuation: bool = False
) -> SpanIndex:
    """Index the n-grams of the references, n = min(span, words of the reference).

    A reference of fewer than `span` words is looked for as a whole, one of fewer than `shortest` (one number, or one for each
    reference) not at all (Brown et al. 2020, appendix C: n between 8 and 13). An n-gram that occurs more than `common` times in
    the reference set identifies nothing and is left out, and so is one of which fewer than half the words are different words
    with a letter (tables, counting, "la la la").
    """
    words, offsets, lettered = word_hashes(references.data, references.offsets, table(), punctuation)
    weights = _weights(words, offsets)
    required = np.where(weights >= 2 * shortest, np.minimum(weights, 2 * span), 0).astype(np.int32)
    sizes = np.where(required > 0, np.minimum(np.diff(offsets), span), 0)
    grams, places, owners = _reference_grams(words, offsets, lettered, sizes)
    order = np.lexsort((places, grams))
    grams, places, owners = grams[order], places[order], owners[order]
    _, inverse, counts = np.unique(grams, return_inverse=True, return_counts=True)
    rare = counts[inverse] <= common
    grams, places, owners = grams[rare], places[rare], owners[rare]
    kinds = np.unique(sizes[sizes > 0])
    short = places[sizes[owners] < kinds.max(initial=0)]
    heads = _sieve(np.unique(_heads(words, short, kinds.min(initial=span))))
    return SpanIndex(words, offsets, required, grams, places, owners, kinds, heads, _sieve(grams))


@njit
def _grow(rows: npt.NDArray[np.int32], n: int) -> npt.NDArray[np.int32]:
    """Room for row n."""
    if n < len(rows):
        return rows
    out = np.empty((2 * len(rows), rows.shape[1]), np.int32)
    out[: len(rows)] = rows
    return out


@njit
def _starts(prefix: Hashes, n: int, size: int, power: np.uint64, heads: Hashes, shift: np.uint64, out: Offsets) -> int:
    """Write to `out` where among n words the `size` that follow may begin an n-gram; returns how many. For speed, no branches."""
    m: Any = 0
    for k in range(n - size + 1):
        out[m] = k
        m += np.int64(_passes(finish(prefix[k + size] - prefix[k] * power, size), heads, shift))
    return m


@njit
def _agreeing(own: Hashes, k: int, other: Hashes, j: int) -> tuple[int, int, int]:
    """How many words agree before own[k] and other[j], how many from there on, and the half words of both together."""
    left, right = 0, 0
    while k - left > 0 and j - left > 0 and own[k - left - 1] == other[j - left - 1]:
        left += 1
    while k + right < len(own) and j + right < len(other) and own[k + right] == other[j + right]:
        right += 1
    weight: Any = 0
    for w in range(k - left, k + right):
        weight += 2 - np.int64(own[w] & U1)
    return left, right, weight


@njit
def _find_spans(
    data: Bytes,
    offsets: Offsets,
    table: Words32,
    punctuation: bool,
    words: Hashes,
    bounds: Offsets,
    required: Ints,
    grams: Hashes,
    places: Offsets,
    owners: Ints,
    sizes: Offsets,
    heads: Hashes,
    sieve: Hashes,
) -> npt.NDArray[np.int32]:
    """Rows (text, reference, first word in the text, number of words): the longest shared span of each pair."""
    size, head, shift = longest(offsets), _shift(heads), _shift(sieve)
    scratch = np.empty(3 * size + 16, np.uint8)
    own, prefix = np.empty(size + 1, np.uint64), np.zeros(size + 2, np.uint64)
    starts, powers = np.empty(size + 1, np.int64), np.ones(len(sizes), np.uint64)
    for s in range(len(sizes)):
        for _ in range(sizes[s]):
            powers[s] *= BASE
    last = len(sizes) - 1
    hits, count = np.empty((16, 4), np.int32), 0
    latest = np.full(len(required), -1, np.int64)  # per reference: its hit in this text
    diagonal, end = np.zeros(len(required), np.int64), np.zeros(len(required), np.int64)  # of the latest run
    for i in range(len(offsets) - 1):
        begin = count
        n = hash_words(scratch, normalise(data, offsets[i], offsets[i + 1], table, punctuation, scratch), table, own)
        for k in range(n):
            prefix[k + 1] = prefix[k] * BASE + own[k]
        for tier in range(2 * (last >= 0)):  # n-grams of less than the largest n, and those of the largest; a reference has one n
            low, high = (0, last) if tier == 0 else (last, last + 1)
            found = 0
            if low < high:
                passing, bits = (heads, head) if tier == 0 else (sieve, shift)
                found = _starts(prefix, n, sizes[low], powers[low], passing, bits, starts)
            for c in range(found):
                k = starts[c]
                for s in range(low, high):
                    if k + sizes[s] > n:
                        break
                    h = finish(prefix[k + sizes[s]] - prefix[k] * powers[s], sizes[s])
                    entry = _find(h, grams) if _passes(h, sieve, shift) else -1
                    while 0 <= entry < len(grams) and grams[entry] == h:
                        place, r = places[entry], owners[entry]
                        entry += 1
                        known = begin <= latest[r] < count and hits[latest[r], 1] == r and hits[latest[r], 0] == i
                        if known and diagonal[r] == place - k and k < end[r]:
                            continue
                        left, right, weight = _agreeing(own[:n], k, words[bounds[r] : bounds[r + 1]], place - bounds[r])
                        if right < sizes[s] or weight < required[r]:
                            continue
                        diagonal[r], end[r] = place - k, k + right
                        if not known:
                            hits = _grow(hits, count)
                            latest[r] = count
                            hits[count, 0], hits[count, 1], hits[count, 3] = i, r, 0
                            count += 1
                        if left + right > hits[latest[r], 3]:
                            hits[latest[r], 2], hits[latest[r], 3] = k - left, left + right
    return hits[:count].copy()


def find_spans(texts: Buffers, index: SpanIndex, punctuation: bool = False) -> Hits:
    """For each text and each reference with which it shares a span that is long enough, the longest one (the first of equals)."""
    rows = _find_spans(texts.data, texts.offsets, table(), punctuation, *index)
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    return Hits(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3], np.zeros(len(rows)))


def shingle_index(references: Buffers, ngram: int = 5, punctuation: bool = False) -> ShingleIndex:
    """Index the shingle sets of the references."""
    hashes, offsets = shingle_sets(references.data, references.offsets, table(), ngram, punctuation)
    counts = np.diff(offsets).astype(np.int32)
    owners = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    order = np.argsort(hashes, kind="stable")
    return ShingleIndex(hashes[order], owners[order], counts, _sieve(hashes))


@njit
def _find_similar(
    data: Bytes,
    offsets: Offsets,
    table: Words32,
    punctuation: bool,
    ngram: int,
    threshold: float,
    grams: Hashes,
    owners: Ints,
    counts: Ints,
    sieve: Hashes,
) -> tuple[Ints, Ints, npt.NDArray[np.float64]]:
    size, shift = longest(offsets), _shift(sieve)
    scratch = np.empty(3 * size + 16, np.uint8)
    own, shingles = np.empty(size + 1, np.uint64), np.empty(size + 1, np.uint64)
    known = np.empty(size + 1, np.uint64)
    both = np.zeros(len(counts), np.int32)
    pairs, values, count = np.empty((16, 2), np.int32), [0.0 for _ in range(0)], 0
    for i in range(len(offsets) - 1):
        n = hash_words(scratch, normalise(data, offsets[i], offsets[i + 1], table, punctuation, scratch), table, own)
        n = roll(own, n, ngram, shingles)
        m = 0
        for k in range(n):
            if _passes(shingles[k], sieve, shift) and _find(shingles[k], grams) >= 0:
                known[m] = shingles[k]
                m += 1
        if m == 0:
            continue
        known[:m].sort()
        touched = [np.int32(0) for _ in range(0)]
        promising = False
        for k in range(m):
            if k > 0 and known[k] == known[k - 1]:
                continue
            entry = _find(known[k], grams)
            while entry < len(grams) and grams[entry] == known[k]:
                r = owners[entry]
                if both[r] == 0:
                    touched.append(r)
                both[r] += 1
                promising = promising or both[r] >= threshold * counts[r]
                entry += 1
        distinct = 0
        if promising:  # both / |either| can only reach the threshold if both / |reference| does
            shingles[:n].sort()
            for k in range(n):
                distinct += k == 0 or shingles[k] != shingles[k - 1]
        for r in touched:
            value = both[r] / (distinct + counts[r] - both[r]) if promising else 0.0
            both[r] = 0
            if promising and value >= threshold:
                pairs = _grow(pairs, count)
                pairs[count, 0], pairs[count, 1] = i, r
                values.append(value)
                count += 1
    out = np.empty(count, np.float64)
    for k in range(count):
        out[k] = values[k]
    return pairs[:count, 0].copy(), pairs[:count, 1].copy(), out


def find_similar(texts: Buffers, index: ShingleIndex, threshold: float, ngram: int = 5, punctuation: bool = False) -> Hits:
    """For each text all references whose shingle set has a Jaccard similarity with it of at least `threshold`."""
    text, reference, value = _find_similar(texts.data, texts.offsets, table(), punctuation, ngram, threshold, *index)
    order = np.lexsort((reference, text))
    nothing = np.zeros(len(order), np.int32)
    return Hits(text[order], reference[order], nothing, nothing, value[order])
