"""A linear model of hashed words and pairs of words: features of a text, training by gradient descent, scoring.

A *token* is a maximal run of ASCII letters, digits, underscores and bytes of 0x80 and above, or any other single byte above a
space; letters in lower case, every digit read as 0. A text of n tokens has 2n features: each token, and each token with the one
before it (the first with nothing). A feature is a bucket: the highest bits of a 64-bit hash. A text is the vector of how often it
has each feature, scaled to length 1, so that one sign repeated a thousand times weighs no more than one. `features` and `margin`
are the definitions.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tamis.kernels.jit import Buffers, njit

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Buckets = npt.NDArray[np.int32]

_FNV_START, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3  # Fowler, Noll, Vo: 64 bits, variant 1a
_MIX = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1
START, PRIME, MIX = np.uint64(_FNV_START), np.uint64(_FNV_PRIME), np.uint64(_MIX)
U32 = np.uint64(32)
_TOKEN = re.compile(rb"[a-z0_\x80-\xff]+|[^\x00-\x20]")
_FOLD = bytes(ord("0") if chr(b).isdigit() and b < 128 else b + 32 if 65 <= b <= 90 else b for b in range(256))


def features(text: str, bits: int) -> list[int]:
    """The buckets of a text in order: token, pair, token, pair, ... (the definition)."""
    out, before = [], 0
    for token in _TOKEN.findall(text.encode().translate(_FOLD)):
        h = _FNV_START
        for byte in token:
            h = ((h ^ byte) * _FNV_PRIME) & _MASK
        h = ((h ^ h >> 32) * _MIX) & _MASK
        pair = before * _MIX + h & _MASK
        pair = ((pair ^ pair >> 32) * _MIX) & _MASK
        out += [h >> 64 - bits, pair >> 64 - bits]
        before = h
    return out


def margin(buckets: Sequence[int], weights: Floats, bias: float) -> float:
    """bias + sum of weights / length of the vector of counts; the bias alone for a text without tokens (the definition)."""
    total = 0.0
    for bucket in buckets:
        total += float(weights[bucket])
    return bias + total / math.sqrt(sum(n * n for n in Counter(buckets).values())) if buckets else bias


@njit
def _class(byte: np.uint8) -> int:
    """0: separates, 1: part of a run, 2: a token by itself."""
    if byte <= 32:
        return 0
    if byte >= 128 or 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte == 95:
        return 1
    return 2


@njit
def _fold(byte: np.uint8) -> np.uint64:
    if 48 <= byte <= 57:
        return np.uint64(48)
    if 65 <= byte <= 90:
        return np.uint64(byte + 32)
    return np.uint64(byte)


@njit
def _features(data: npt.NDArray[np.uint8], start: int, end: int, bits: int, out: Buckets) -> int:
    """Write the buckets of data[start:end] to `out` (2 * bytes suffice); returns their number."""
    shift = np.uint64(64 - bits)
    n, i, before = 0, start, np.uint64(0)
    while i < end:
        sort = _class(data[i])
        if sort == 0:
            i += 1
            continue
        h = (START ^ _fold(data[i])) * PRIME
        i += 1
        while sort == 1 and i < end and _class(data[i]) == 1:
            h = (h ^ _fold(data[i])) * PRIME
            i += 1
        h = (h ^ h >> U32) * MIX
        pair = before * MIX + h
        pair = (pair ^ pair >> U32) * MIX
        out[n] = np.int32(h >> shift)
        out[n + 1] = np.int32(pair >> shift)
        n += 2
        before = h
    return n


@njit
def _hash_all(data: npt.NDArray[np.uint8], offsets: Ints, bits: int, out: Buckets) -> Ints:
    places = np.zeros(len(offsets), np.int64)
    for i in range(len(offsets) - 1):
        places[i + 1] = places[i] + _features(data, offsets[i], offsets[i + 1], bits, out[places[i] :])
    return places


def hash_all(texts: Buffers, bits: int) -> tuple[Buckets, Ints]:
    """Buckets of all texts, int32, one text after the other, and offsets (texts + 1) into them.

    Memory: 8 bytes per byte of text are reserved, of which 8 a token are touched.
    """
    out = np.empty(2 * int(texts.offsets[-1] - texts.offsets[0]), np.int32)
    places = _hash_all(texts.data, texts.offsets, bits, out)
    return out[: places[-1]], places


@njit
def _lengths(buckets: Buckets, places: Ints, size: int) -> Doubles:
    """Length of every text's vector of counts; 0 without features. `size`: the number of buckets."""
    out, counts = np.zeros(len(places) - 1), np.zeros(size, np.int32)
    for i in range(len(out)):
        squares = np.int64(0)
        for k in range(places[i], places[i + 1]):
            counts[buckets[k]] += 1
            squares += 2 * np.int64(counts[buckets[k]]) - 1  # n * n is the sum of the first n odd numbers
        for k in range(places[i], places[i + 1]):
            counts[buckets[k]] = 0
        out[i] = math.sqrt(squares)
    return out


@njit
def margins(buckets: Buckets, places: Ints, weights: Floats, bias: float) -> Doubles:
    """`margin` of every text hashed by `hash_all`, float64."""
    out, lengths = np.full(len(places) - 1, bias), _lengths(buckets, places, len(weights))
    for i in range(len(out)):
        total = 0.0
        for k in range(places[i], places[i + 1]):
            total += np.float64(weights[buckets[k]])
        if lengths[i]:
            out[i] = bias + total / lengths[i]
    return out


@njit
def descend(
    buckets: Buckets, places: Ints, labels: npt.NDArray[np.bool_], costs: Doubles, orders: Ints, bits: int, rate: float
) -> tuple[Floats, float]:
    """Logistic regression by stochastic gradient descent, one text at a time: weights (2**bits) and bias.

    Text i has buckets[places[i]:places[i + 1]], its loss counts costs[i]-fold. `orders` (epochs, texts): the texts of each epoch
    in order. The rate falls linearly to 0. Sequential, so the result does not depend on the machine's number of cores.
    """
    weights, bias, lengths = np.zeros(1 << bits, np.float32), 0.0, _lengths(buckets, places, 1 << bits)
    epochs, texts = orders.shape
    for step in range(epochs * texts):
        i = orders[step // texts, step % texts]
        start, end = places[i], places[i + 1]
        if start == end:
            continue
        scale = 1.0 / lengths[i]
        total = 0.0
        for k in range(start, end):
            total += np.float64(weights[buckets[k]])
        p = 1.0 / (1.0 + math.exp(-(bias + total * scale)))
        slope = rate * (1.0 - step / (epochs * texts)) * costs[i] * (np.float64(labels[i]) - p)
        bias += slope
        change = np.float32(slope * scale)
        for k in range(start, end):
            weights[buckets[k]] += change
    return weights, bias
