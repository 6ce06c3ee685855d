"""Candidates from band hashes, exact Jaccard similarity, and the greedy choice of survivors.

Invariant: rows are taken in order of preference; a row is dropped exactly if a row kept before it shares a band with it *and* has
a verified similarity of at least the threshold. The first such row in the order is its survivor. So every dropped row is near
a row that is kept, chains do not form, and the outcome depends on the order alone. A row is only ever compared with kept rows:
a cluster of k copies costs k comparisons, not k squared.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tamis.kernels.jit import njit
from tamis.kernels.shingle import Hashes, Offsets

Places = npt.NDArray[np.int32]


def buckets(bands: npt.NDArray[np.uint32]) -> Places:
    """For each row and band the first place of its bucket, int32 (rows, bands).

    Places of a band run from 0 to rows - 1; a bucket of k rows owns k places. Memory: 4 bytes per row and band, and 32 per row.
    """
    rows, count = bands.shape
    out = np.empty((rows, count), np.int32)
    number = np.arange(rows, dtype=np.uint64)
    for band in range(count):
        packed = bands[:, band].astype(np.uint64) << np.uint64(32) | number
        packed.sort()
        fresh = np.ones(rows, bool)
        fresh[1:] = packed[1:] >> np.uint64(32) != packed[:-1] >> np.uint64(32)
        first = np.maximum.accumulate(np.where(fresh, np.arange(rows), 0))
        out[(packed & np.uint64(0xFFFFFFFF)).astype(np.int64), band] = first
    return out


def have_company(bands: npt.NDArray[np.uint32], among: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether each of the rows `among` shares a bucket with another of them in any band: only those need their text again.
    Memory: 40 bytes a row."""
    rows, count = len(among), bands.shape[1]
    out = np.zeros(rows, bool)
    number = np.arange(rows, dtype=np.uint64)
    for band in range(count):
        packed = bands[among, band].astype(np.uint64) << np.uint64(32) | number
        packed.sort()
        same = packed[1:] >> np.uint64(32) == packed[:-1] >> np.uint64(32)
        together = np.zeros(rows, bool)
        together[1:] |= same
        together[:-1] |= same
        out[(packed[together] & np.uint64(0xFFFFFFFF)).astype(np.int64)] = True
    return out


@njit
def jaccard(left: Hashes, right: Hashes, threshold: float) -> float:
    """|both| / |either| of two sets of distinct hashes in rising order; may stop early with 0.0 if it is below `threshold`."""
    n, m = len(left), len(right)
    if min(n, m) == 0 or min(n, m) < threshold * max(n, m):
        return 0.0
    i, j, both = 0, 0, 0
    while i < n and j < m:
        x, y = left[i], right[j]
        both += x == y
        i += x <= y
        j += y <= x
    return both / (n + m - both)


@njit
def greedy(
    places: Places, hashes: Hashes, starts: Offsets, ends: Offsets, threshold: float
) -> tuple[Places, npt.NDArray[np.float64]]:
    """Survivors among rows that lie in order of preference.

    places: from `buckets`, (rows, bands). Row i's set of shingles (`shingle.shingle_sets`) is hashes[starts[i]:ends[i]].
    Returns each row's survivor (int32, -1: the row is kept) and the similarity to it (0.0 if kept).
    Memory: 8 bytes per row and band, and 16 per row.
    """
    rows, bands = places.shape
    survivor, similarity = np.full(rows, -1, np.int32), np.zeros(rows)
    kept = np.empty((bands, rows), np.int32)  # a bucket's kept rows, from its first place on
    count = np.zeros((bands, rows), np.int32)  # at a bucket's first place: how many
    seen = np.full(rows, -1, np.int32)
    for row in range(rows):
        candidates = [np.int32(0) for _ in range(0)]
        for band in range(bands):
            first = places[row, band]
            for k in range(first, first + count[band, first]):
                other = kept[band, k]
                if seen[other] != row:
                    seen[other] = row
                    candidates.append(other)
        candidates.sort()
        for other in candidates:
            value = jaccard(hashes[starts[other] : ends[other]], hashes[starts[row] : ends[row]], threshold)
            if value >= threshold:
                survivor[row], similarity[row] = other, value
                break
        if survivor[row] < 0:
            for band in range(bands):
                first = places[row, band]
                kept[band, first + count[band, first]] = row
                count[band, first] += 1
    return survivor, similarity
