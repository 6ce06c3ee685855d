"""Candidates from band hashes, exact Jaccard similarity, and the greedy choice of survivors.

Invariant: rows are taken in order of preference; a row is dropped exactly if a row kept before it shares a band with it *and* has
a verified similarity of at least the threshold. The first such row in the order is its survivor. So every dropped row is near
a row that is kept, chains do not form, and the outcome depends on the order alone. A row is only ever compared with kept rows:
a cluster of k copies costs k comparisons, not k squared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tamis.kernels.jit import njit
from tamis.kernels.shingle import Hashes, Offsets

Places = npt.NDArray[np.int32]
Flags = npt.NDArray[np.int8]
Ints = npt.NDArray[np.signedinteger[Any]]
ROW, REFERENCE, CANARY = range(3)  # what becomes of a row: a choice; kept unseen; dropped or not, but no survivor


def buckets(bands: Hashes) -> Places:
    """For each row and band the first place of its bucket, int32 (rows, bands).

    Places of a band run from 0 to rows - 1; a bucket of k rows owns k places. Memory: 4 bytes per row and band, and 40 per row.
    """
    rows, count = bands.shape
    out = np.empty((rows, count), np.int32)
    for band in range(count):
        order = np.argsort(bands[:, band], kind="stable")
        own = bands[order, band]
        fresh = np.ones(rows, bool)
        fresh[1:] = own[1:] != own[:-1]
        out[order, band] = np.maximum.accumulate(np.where(fresh, np.arange(rows), 0))
    return out


@njit
def _members(hashes: Hashes, repeated: Hashes, sieve: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Places of the hashes that are among `repeated` (rising); sieve: see `shared`."""
    mask = np.uint64(len(sieve) - 1)
    out, count = np.empty(max(2 * len(repeated), 1), np.int64), 0
    for i in range(len(hashes)):
        if not sieve[hashes[i] & mask]:
            continue
        low, high = 0, len(repeated)
        while low < high:
            middle = (low + high) >> 1
            if repeated[middle] < hashes[i]:
                low = middle + 1
            else:
                high = middle
        if low < len(repeated) and repeated[low] == hashes[i]:
            if count == len(out):
                grown = np.empty(2 * count, np.int64)
                grown[:count] = out
                out = grown
            out[count] = i
            count += 1
    return out[:count].copy()


def shared(hashes: Hashes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Places of all hashes that occur more than once, bucket after bucket and rising inside one; and where a bucket starts.

    Memory: 8 bytes a hash besides them, and about 40 for each that is shared.
    """
    ordered = np.sort(hashes)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    del ordered
    fresh = np.ones(len(repeated), bool)
    fresh[1:] = repeated[1:] != repeated[:-1]
    repeated = repeated[fresh]
    sieve = np.zeros(1 << max(6, (8 * len(repeated)).bit_length()), bool)
    sieve[(repeated & np.uint64(len(sieve) - 1)).astype(np.int64)] = True
    places = _members(hashes, repeated, sieve)
    own = hashes[places]
    order = np.argsort(own, kind="stable")
    places, own = places[order], own[order]
    start = np.ones(len(places), bool)
    start[1:] = own[1:] != own[:-1]
    return places, start


@njit
def _root(parent: Ints, row: int) -> Any:
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = parent[row]
    return row


@njit
def link(parent: Ints, rows: npt.NDArray[np.int64], start: npt.NDArray[np.bool_]) -> None:
    """Join the clusters of rows that lie in one bucket; `parent` (its own number for a row alone) is changed in place.

    Invariant: a parent is never larger than its child, so a cluster's root is its smallest row.
    """
    for k in range(1, len(rows)):
        if start[k]:
            continue
        a, b = _root(parent, rows[k - 1]), _root(parent, rows[k])
        if a < b:
            parent[b] = a
        elif b < a:
            parent[a] = b


@njit
def flatten(parent: Ints) -> npt.NDArray[np.bool_]:
    """Point every row to its root, in place; returns which rows are in a cluster of at least two."""
    together = np.zeros(len(parent), np.bool_)
    for row in range(len(parent)):
        parent[row] = parent[parent[row]]
        if parent[row] != row:
            together[row] = True
            together[parent[row]] = True
    return together


@njit
def jaccard(left: Hashes, right: Hashes, threshold: float) -> float:
    """|both| / |either| of two sets of distinct hashes in rising order; may stop early with 0.0 if it is below `threshold`."""
    n, m = len(left), len(right)
    if min(n, m) == 0 or min(n, m) < threshold * max(n, m):
        return 0.0
    least = threshold * (n + m) / (1 + threshold) - 1e-3  # shared hashes without which the threshold is out of reach
    i, j, both = 0, 0, 0
    while i < n and j < m:
        if both + min(n - i, m - j) < least:
            return 0.0
        for _ in range(32):
            if i == n or j == m:
                break
            x, y = left[i], right[j]
            both += x == y
            i += x <= y
            j += y <= x
    return both / (n + m - both)


@njit
def greedy(
    places: Places, hashes: Hashes, starts: Offsets, ends: Offsets, threshold: float, roles: Flags
) -> tuple[Places, npt.NDArray[np.float64]]:
    """Survivors among rows that lie in order of preference.

    places: from `buckets`, (rows, bands). Row i's set of shingles (`shingle.shingle_sets`) is hashes[starts[i]:ends[i]].
    roles: ROW, REFERENCE or CANARY of each row. Returns each row's survivor (int32, -1: the row is kept) and the similarity to it
    (0.0 if kept). Memory: 8 bytes per row and band, and 16 per row.
    """
    rows, bands = places.shape
    survivor, similarity = np.full(rows, -1, np.int32), np.zeros(rows)
    kept = np.empty((bands, rows), np.int32)  # a bucket's kept rows, from its first place on
    count = np.zeros((bands, rows), np.int32)  # at a bucket's first place: how many
    seen = np.full(rows, -1, np.int32)
    for row in range(rows):
        candidates = [np.int32(0) for _ in range(0)]
        for band in range(bands if roles[row] != REFERENCE else 0):
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
        if survivor[row] < 0 and roles[row] != CANARY:
            for band in range(bands):
                first = places[row, band]
                kept[band, first + count[band, first]] = row
                count[band, first] += 1
    return survivor, similarity


__all__ = ["CANARY", "REFERENCE", "ROW", "buckets", "flatten", "greedy", "jaccard", "link", "shared"]
