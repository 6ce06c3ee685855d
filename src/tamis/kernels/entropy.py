"""How evenly a text spends its words: the entropy of its words and of its sequences of three words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tamis.kernels.jit import njit
from tamis.kernels.shingle import hash_words, longest, normalise, roll

WORDS, ENTROPY, TRIPLES, TRIPLE_ENTROPY = range(4)
COLUMNS = 4


@njit
def _entropy(hashes: Any) -> float:
    """Bits: -sum p log2 p over the different values, in the order of the values; sorts them."""
    hashes.sort()
    n = len(hashes)
    total, run = 0.0, 0
    for i in range(n):
        run += 1
        if i + 1 == n or hashes[i + 1] != hashes[i]:
            total += run * math.log2(run)
            run = 0
    return math.log2(n) - total / n if n else 0.0


@njit
def entropies(data: Any, offsets: Any, table: Any) -> npt.NDArray[np.float64]:
    """Of every text [texts, COLUMNS]: words, their entropy in bits, sequences of three words, and their entropy."""
    rows = np.zeros((len(offsets) - 1, COLUMNS))
    size = longest(offsets)
    scratch = np.empty(3 * size + 16, np.uint8)
    hashes, triples = np.empty(size + 1, np.uint64), np.empty(size + 1, np.uint64)
    for i in range(len(rows)):
        length = normalise(data, offsets[i], offsets[i + 1], table, False, scratch)
        n = hash_words(scratch, length, table, hashes)
        count = roll(hashes, n, 3, triples) if n >= 3 else 0
        rows[i, WORDS], rows[i, TRIPLES] = n, count
        rows[i, TRIPLE_ENTROPY] = _entropy(triples[:count])
        rows[i, ENTROPY] = _entropy(hashes[:n])
    return rows
