"""Random numbers that will be the same for ever: a counter-based generator (SplitMix64) keyed by a seed and a path.

The world promises the same bytes with every version of every library, which numpy's distributions do not. A `Draw` costs two
microseconds to make, so every document has one of its own and can be made again alone, in any order.

Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014), figure 15.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1
_30, _27, _31, _32 = (np.uint64(shift) for shift in (30, 27, 31, 32))
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_COUNTER = np.arange(1, 4097, dtype=np.uint64) * np.uint64(_GOLDEN)


class Draw:
    """A stream of uniform draws that is a pure function of `path` (numbers and names)."""

    def __init__(self, *path: int | str) -> None:
        text = "\0".join(map(str, path)).encode()
        self._state = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")

    def raw(self, n: int) -> npt.NDArray[np.uint64]:
        """The next n words of 64 bits."""
        steps = _COUNTER[:n] if n <= len(_COUNTER) else np.arange(1, n + 1, dtype=np.uint64) * np.uint64(_GOLDEN)
        z = steps + np.uint64(self._state)
        self._state = (self._state + n * _GOLDEN) & _MASK
        z ^= z >> _30
        z *= _MIX1
        z ^= z >> _27
        z *= _MIX2
        z ^= z >> _31
        return z

    def next(self) -> int:
        """The next word of 64 bits, without numpy: quicker for one."""
        self._state = z = (self._state + _GOLDEN) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def below(self, limit: int, n: int) -> npt.NDArray[np.int64]:
        """n integers uniform in [0, limit), limit < 2**31 (multiply-shift: bias below 2**-32 * limit)."""
        return ((self.raw(n) >> _32) * np.uint64(limit) >> _32).astype(np.int64)

    def one(self, limit: int) -> int:
        """One integer uniform in [0, limit)."""
        return ((self.next() >> 32) * limit) >> 32

    def unit(self) -> float:
        """One number uniform in [0, 1)."""
        return (self.next() >> 11) * 2.0**-53

    def pick(self, items: Sequence[T]) -> T:
        """One of `items`."""
        return items[self.one(len(items))]

    def picks(self, items: Sequence[T], n: int) -> list[T]:
        """n of `items`, with replacement."""
        return [items[i] for i in self.below(len(items), n).tolist()]

    def order(self, n: int) -> npt.NDArray[np.int64]:
        """A random permutation of range(n)."""
        return np.argsort(self.raw(n), kind="stable").astype(np.int64)

    def between(self, low: int, high: int) -> int:
        """One integer uniform in [low, high]."""
        return low + self.one(high - low + 1)
