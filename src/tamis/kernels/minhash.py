"""MinHash signatures, folded into bands (Broder 1997; banding: Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, ch. 3).

`bands * rows` permutations of 32-bit shingle hashes, each x -> a*x + b mod 2^32 with odd a; the minima of each band are folded
into 64 bits. Two texts with Jaccard similarity J agree in at least one band with probability 1 - (1 - J**rows)**bands, plus 2^-64
a band by accident (at ten billion texts 32 bits would give each of them two chance companions a band). Every candidate is
verified exactly (`kernels.lsh`).
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt

from tamis.kernels.jit import Buffers, njit
from tamis.kernels.shingle import K1, U0, U32, Bytes, Hashes, Offsets, finish, hash_words, longest, normalise, roll, table

Words32 = npt.NDArray[np.uint32]


@cache
def permutations(count: int) -> tuple[Words32, Words32]:
    """Fixed multipliers (odd) and addends, uint32, from splitmix64 of 0, 1, 2, ... (Steele, Lea, Flood 2014)."""
    with np.errstate(over="ignore"):
        z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return z.astype(np.uint32) | np.uint32(1), (z >> np.uint64(32)).astype(np.uint32)


@njit
def _minimum(x: Words32, n: int, a: np.uint32, b: np.uint32) -> np.uint32:
    """min over x[:n] of a*x + b mod 2^32; LLVM turns the loop into vector instructions."""
    least = np.uint32(0xFFFFFFFF)
    for k in range(n):
        v = np.uint32(x[k] * a + b)
        least = min(least, v)
    return least


@njit
def _signatures(
    data: Bytes,
    offsets: Offsets,
    table: Words32,
    a: Words32,
    b: Words32,
    bands: int,
    ngram: int,
    punctuation: bool,
) -> tuple[Hashes, npt.NDArray[np.int32]]:
    texts, rows, size = len(offsets) - 1, len(a) // bands, longest(offsets)
    out, counts = np.zeros((texts, bands), np.uint64), np.zeros(texts, np.int32)
    scratch = np.empty(3 * size + 16, np.uint8)
    words, shingles, x = np.empty(size + 1, np.uint64), np.empty(size + 1, np.uint64), np.empty(size + 1, np.uint32)
    for i in range(texts):
        length = normalise(data, offsets[i], offsets[i + 1], table, punctuation, scratch)
        n = roll(words, hash_words(scratch, length, table, words), ngram, shingles)
        counts[i] = n
        if n == 0:
            continue
        for k in range(n):
            x[k] = np.uint32(shingles[k] >> U32)
        for band in range(bands):
            h = U0
            for row in range(band * rows, (band + 1) * rows):
                h = (h ^ np.uint64(_minimum(x, n, a[row], b[row]))) * K1
                h ^= h >> U32
            out[i, band] = finish(h, band)
    return out, counts


def signatures(
    texts: Buffers, bands: int = 18, rows: int = 8, ngram: int = 5, punctuation: bool = True
) -> tuple[Hashes, npt.NDArray[np.int32]]:
    """Band hashes, uint64 (texts, bands), and the number of shingles of each text, int32 (0: a text without words, no candidate).

    Memory besides the result: 23 bytes per byte of the longest text.
    """
    a, b = permutations(bands * rows)
    return _signatures(texts.data, texts.offsets, table(), a, b, bands, ngram, punctuation)


def chance(jaccard: float, bands: int, rows: int) -> float:
    """Probability that two texts of this similarity become candidates."""
    return -math.expm1(bands * math.log1p(-min(jaccard**rows, 1 - 1e-16)))


def parameters(threshold: float, miss: float, permutations: int = 256) -> tuple[int, int]:
    """The (bands, rows) that overlook a pair at `threshold` with a probability of at most `miss`: of those with at most this many
    permutations the one with the most rows, so the fewest candidates below the threshold. ValueError if there is none."""
    for rows in range(permutations, 0, -1):
        agree = threshold**rows
        bands = 1 if agree >= 1 else math.ceil(math.log(miss) / math.log1p(-agree)) if agree > 1e-12 else permutations + 1
        if bands * rows <= permutations:
            return max(bands, 1), rows
    raise ValueError(f"{permutations} permutations cannot find pairs at J = {threshold:g} with a miss rate of {miss:g}")
