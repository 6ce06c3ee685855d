"""SimHash: 64 bits that differ in few places where two texts share most shingles (Charikar 2002; Manku, Jain, Das Sarma 2007).

Bit b of a text is 1 if more of its shingles have bit b of their hash set than not (every occurrence counts; ties are 0). Two
texts whose SimHashes differ in at most `distance` bits agree in at least `blocks - distance` of `blocks` runs of bits; each
choice of so many blocks gives one key, so they share a key for certain.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from tamis.kernels.jit import Buffers, njit
from tamis.kernels.shingle import Bytes, Hashes, Offsets, finish, hash_words, longest, normalise, roll, table

U1 = np.uint64(1)


@njit
def _simhashes(data: Bytes, offsets: Offsets, table: npt.NDArray[np.uint32], ngram: int) -> tuple[Hashes, npt.NDArray[np.int32]]:
    texts, size = len(offsets) - 1, longest(offsets)
    scratch, words, shingles = np.empty(3 * size + 16, np.uint8), np.empty(size + 1, np.uint64), np.empty(size + 1, np.uint64)
    out, counts = np.zeros(texts, np.uint64), np.zeros(texts, np.int32)
    for i in range(texts):
        length = normalise(data, offsets[i], offsets[i + 1], table, True, scratch)
        n = roll(words, hash_words(scratch, length, table, words), ngram, shingles)
        counts[i] = n
        for bit in range(64):
            place = np.uint64(bit)
            ones: Any = 0
            for k in range(n):
                ones += np.int64(shingles[k] >> place & U1)
            if 2 * ones > n:
                out[i] |= U1 << place
    return out, counts


def simhashes(texts: Buffers, ngram: int = 5) -> tuple[Hashes, npt.NDArray[np.int32]]:
    """The SimHash of every text, uint64, and its number of shingles (0: a text without words)."""
    return _simhashes(texts.data, texts.offsets, table(), ngram)


def edges(blocks: int) -> list[int]:
    """Where the blocks of 64 bits start, and 64: sizes differ by at most one."""
    return [round(64 * k / blocks) for k in range(blocks + 1)]


@njit
def _mixed(values: Hashes, number: int, out: Hashes) -> None:
    for i in range(len(values)):
        out[i] = finish(values[i], number)


def keys(hashes: Hashes, blocks: int, distance: int) -> Hashes:
    """The keys of SimHashes, uint64 (texts, choose(blocks, distance)): the bits of one choice of blocks, mixed."""
    places = edges(blocks)
    choices = list(combinations(range(blocks), blocks - distance))
    out = np.empty((len(hashes), len(choices)), np.uint64)
    for column, choice in enumerate(choices):
        mask = sum(((1 << places[b + 1]) - (1 << places[b])) for b in choice)
        mixed = np.empty(len(hashes), np.uint64)
        _mixed(hashes & np.uint64(mask), column, mixed)
        out[:, column] = mixed
    return out
