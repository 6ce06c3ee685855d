"""128 bits of a text or of a part of one: two byte strings with the same digest are taken to be equal.

MurmurHash3 x64 128 with seed 0 (Appleby 2011, public domain), over the bytes or, normalised, over the words (`kernels.shingle`)
with one space between them. Among n different strings some two agree with a chance of about n**2 / 2**129: 1e-19 for 10 billion.
It is no cryptographic hash: whoever wants to can construct two strings that agree.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tamis.kernels.jit import Buffers, njit
from tamis.kernels.memory import store64
from tamis.kernels.shingle import SPACE_BYTE, Bytes, Offsets, load64, longest, normalise, table
from tamis.kernels.text import leading_word

Words64 = npt.NDArray[np.uint64]
C1, C2 = np.uint64(0x87C37B91114253D5), np.uint64(0x4CF5AD432745937F)
M1, M2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
N1, N2, FIVE = np.uint64(0x52DCE729), np.uint64(0x38495AB5), np.uint64(5)
U0, U27, U31, U33, U64 = (np.uint64(i) for i in (0, 27, 31, 33, 64))


@njit
def _rotated(x: np.uint64, bits: np.uint64) -> np.uint64:
    return x << bits | x >> (U64 - bits)


@njit
def _avalanche(k: np.uint64) -> np.uint64:
    k = (k ^ k >> U33) * M1
    k = (k ^ k >> U33) * M2
    return k ^ k >> U33


@njit
def _tail(data: Bytes, start: int, end: int) -> Any:
    """The bytes from `start`, at most eight of them before `end`, as a little-endian number."""
    size = end - start
    if size >= 8:
        return load64(data, start)
    k = U0
    for i in range(size):
        k |= np.uint64(data[start + i]) << np.uint64(8 * i)
    return k


@njit
def digest(data: Bytes, start: int, end: int) -> tuple[Any, Any]:
    """The two halves of the digest of data[start:end]."""
    h1, h2 = U0, U0
    p: Any = start
    while p + 16 <= end:
        h1 ^= _rotated(load64(data, p) * C1, U31) * C2
        h1 = (_rotated(h1, U27) + h2) * FIVE + N1
        h2 ^= _rotated(load64(data, p + 8) * C2, U33) * C1
        h2 = (_rotated(h2, U31) + h1) * FIVE + N2
        p += 16
    h1 ^= _rotated(_tail(data, p, end) * C1, U31) * C2
    h2 ^= _rotated(_tail(data, p + 8, end) * C2, U33) * C1
    size = np.uint64(end - start)
    h1, h2 = h1 ^ size, h2 ^ size
    h1 += h2
    h2 += h1
    h1, h2 = _avalanche(h1), _avalanche(h2)
    h1 += h2
    return h1, h2 + h1


@njit
def squeeze(text: Bytes, length: int, out: Bytes) -> Any:
    """Copy the words of a normalised text with one space between them; returns their length. `out` needs length + 16 bytes."""
    p: Any = 0
    q: Any = 0
    while p < length:
        if text[p] == SPACE_BYTE:
            p += 1
            continue
        size: Any = 8
        while size == 8:
            block = load64(text, p)
            store64(out, q, block)
            size = leading_word(block)
            p += size
            q += size
        out[q] = SPACE_BYTE
        p += 1
        q += 1
    return max(q - 1, 0)


@njit
def _digests(data: Bytes, offsets: Offsets, out: Words64) -> None:
    for i in range(len(offsets) - 1):
        out[i, 0], out[i, 1] = digest(data, offsets[i], offsets[i + 1])


@njit
def _word_digests(data: Bytes, offsets: Offsets, table: npt.NDArray[np.uint32], punctuation: bool, out: Words64) -> None:
    size = 3 * longest(offsets) + 16
    scratch, words = np.empty(size, np.uint8), np.empty(size + 16, np.uint8)
    for i in range(len(offsets) - 1):
        length = normalise(data, offsets[i], offsets[i + 1], table, punctuation, scratch)
        out[i, 0], out[i, 1] = digest(words, 0, squeeze(scratch, length, words))


def digests(texts: Buffers) -> npt.NDArray[np.uint8]:
    """16 bytes for every text: uint8 (texts, 16)."""
    out = np.zeros((len(texts.offsets) - 1, 2), np.uint64)
    _digests(texts.data, texts.offsets, out)
    return out.astype("<u8", copy=False).view(np.uint8)


def word_digests(texts: Buffers, punctuation: bool = True) -> npt.NDArray[np.uint8]:
    """16 bytes for the words of every text, that is of `" ".join(shingle.words(text, punctuation))`: uint8 (texts, 16)."""
    out = np.zeros((len(texts.offsets) - 1, 2), np.uint64)
    _word_digests(texts.data, texts.offsets, table(), punctuation, out)
    return out.astype("<u8", copy=False).view(np.uint8)
