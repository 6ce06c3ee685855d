"""Parts of texts as spans of bytes, without a copy: beginnings and long lines."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tamis.kernels.jit import njit

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@njit
def heads(data: Bytes, offsets: Ints, characters: int) -> Ints:
    """Where the first `characters` code points of every text end."""
    out = np.empty(len(offsets) - 1, np.int64)
    for i in range(len(out)):
        end, left = offsets[i], characters
        while end < offsets[i + 1]:
            if data[end] & 0xC0 != 0x80:
                if left == 0:
                    break
                left -= 1
            end += 1
        out[i] = end
    return out


@njit
def _lines(data: Bytes, offsets: Ints, shortest: int, out: Ints) -> int:
    """Write (text, start, end, length) of every long line to out, as far as it has room; returns their number."""
    n = 0
    for i in range(len(offsets) - 1):
        start, length = offsets[i], 0
        for k in range(offsets[i], offsets[i + 1] + 1):
            if k < offsets[i + 1] and data[k] != 10:
                length += data[k] > 32 and data[k] & 0xC0 != 0x80
                continue
            if length >= shortest:
                if n < len(out):
                    out[n, 0], out[n, 1], out[n, 2], out[n, 3] = i, start, k, length
                n += 1
            start, length = k + 1, 0
    return n


def long_lines(data: Bytes, offsets: Ints, shortest: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Number of the text, start, end and length of every line with `shortest` code points above U+0020 or more."""
    out = np.empty((_lines(data, offsets, shortest, np.empty((0, 4), np.int64)), 4), np.int64)
    _lines(data, offsets, shortest, out)
    return out[:, 0], out[:, 1].copy(), out[:, 2].copy(), out[:, 3]
