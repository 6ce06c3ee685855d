"""Texts without some of their bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tamis.kernels.jit import njit
from tamis.kernels.shingle import SPACE, Bytes, Offsets, _decode, _look_up

Mask = npt.NDArray[np.bool_]


@njit
def without(
    data: Bytes, offsets: Offsets, bounds: Offsets, starts: Offsets, ends: Offsets, table: npt.NDArray[np.uint32]
) -> tuple[Bytes, Offsets, Mask]:
    """Of text i the ranges starts[k]:ends[k] go, for bounds[i] <= k < bounds[i + 1]; they are rising and disjoint.

    Returns the bytes left, their offsets, and for each text whether it lost nothing or has a visible character left.
    """
    out, q = np.empty(offsets[-1] - offsets[0], np.uint8), 0
    places, stays = np.zeros(len(offsets), np.int64), np.ones(len(offsets) - 1, np.bool_)
    for i in range(len(offsets) - 1):
        begin, p = offsets[i], offsets[i]
        for k in range(bounds[i], bounds[i + 1]):
            size = begin + starts[k] - p
            out[q : q + size] = data[p : p + size]
            q += size
            p = begin + ends[k]
        size = offsets[i + 1] - p
        out[q : q + size] = data[p : p + size]
        q += size
        if bounds[i] < bounds[i + 1]:
            stays[i] = _visible(out, places[i], q, table)
        places[i + 1] = q
    return out[:q].copy(), places, stays


@njit
def _visible(data: Bytes, start: Any, end: Any, table: npt.NDArray[np.uint32]) -> bool:
    p = start
    while p < end:
        point, length = _decode(data, p, end)
        if _look_up(point, table)[1] != SPACE:
            return True
        p += length
    return False
