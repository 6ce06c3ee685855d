"""The vectors of a text under a fastText model: vocabulary, character n-grams, word n-grams, pruned buckets.

Compiled; the definitions are the methods of `tamis.kernels.fasttext.Model`, whose fields `model` has here. Rows are added in one
order, in float32, by definition and kernel alike: first those of a token, then the sums, so that the sum of a token that comes
again is remembered.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tamis.kernels.jit import njit

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Ints32 = npt.NDArray[np.int32]
Words64 = npt.NDArray[np.uint64]

EOS, LABEL = b"</s>", b"__label__"
FNV_START, FNV_PRIME, WORD_PRIME = 2166136261, 16777619, 116049371  # the last is fastText's own
_START, _PRIME, _WORD_PRIME = np.uint64(FNV_START), np.uint64(FNV_PRIME), np.uint64(WORD_PRIME)
_LOW, _HIGH, U0, U1, U6, U63 = (np.uint64(n) for n in (0xFFFFFFFF, 0xFFFFFFFFFFFFFF00, 0, 1, 6, 63))
_EOS, _LABEL = np.frombuffer(EOS, np.uint8), np.frombuffer(LABEL, np.uint8)
BUFFER = 4096  # rows collected before they are added up: bounds memory for words of any length
REMEMBERED = 1 << 18  # numbers in the sums of tokens that are remembered (1 MB)


class Memory(NamedTuple):
    """One token for every slot: where in the data it stands (-1: nowhere), its bytes + 1, how many n-grams it has, their sum."""

    places: Ints
    sizes: Ints
    counts: Ints
    sums: Floats


def memory_of(dimensions: int) -> Memory:
    """Empty memory for vectors of so many dimensions."""
    slots = 1 << max(REMEMBERED // max(dimensions, 1), 1).bit_length() - 1
    zeros = np.zeros(slots, np.int64)
    return Memory(np.full(slots, -1), zeros, zeros.copy(), np.empty((slots, dimensions), np.float32))


@njit
def _signed(byte: np.uint8) -> np.uint64:
    return np.uint64(byte) | _HIGH if byte & 0x80 else np.uint64(byte)


@njit
def hash_names(names: Bytes, ends: Ints) -> Words64:
    """FNV-1a of names[ends[i]:ends[i + 1]], 32 bits each."""
    out = np.empty(len(ends) - 1, np.uint64)
    for i in range(len(out)):
        h = _START
        for k in range(ends[i], ends[i + 1]):
            h = (h ^ _signed(names[k])) * _PRIME
        out[i] = h & _LOW
    return out


@njit
def _entry(data: Bytes, start: int, end: int, h: np.uint64, model: Any) -> int:
    """The number of the entry data[start:end], or -1."""
    mask = len(model.slots) - 1
    place = np.int64(h) & mask
    while model.slots[place] >= 0:
        entry = model.slots[place]
        if model.hashes[entry] == h and model.ends[entry + 1] - model.ends[entry] == end - start:
            first, k = model.ends[entry], 0
            while k < end - start and model.names[first + k] == data[start + k]:
                k += 1
            if k == end - start:
                return entry
        place = (place + 1) & mask
    return -1


@njit
def slots_of(names: Bytes, ends: Ints, hashes: Words64, slots: Ints32) -> None:
    """Fill `slots` (a power of two, all -1, more than there are names); of equal names the last is found, as in fastText."""
    mask = len(slots) - 1
    for i in range(len(hashes)):
        place = np.int64(hashes[i]) & mask
        while slots[place] >= 0 and not _equal(names, ends, slots[place], i):
            place = (place + 1) & mask
        slots[place] = i


@njit
def _equal(names: Bytes, ends: Ints, a: int, b: int) -> bool:
    if ends[a + 1] - ends[a] != ends[b + 1] - ends[b]:
        return False
    return _starts(names, ends[a], ends[a + 1], names[ends[b] : ends[b + 1]])


@njit
def _starts(data: Bytes, start: int, end: int, prefix: Bytes) -> bool:
    if end - start < len(prefix):
        return False
    k = 0
    while k < len(prefix) and data[start + k] == prefix[k]:
        k += 1
    return k == len(prefix)


@njit
def _ones(x: np.uint64) -> np.uint64:
    """How many bits are set (Warren, Hacker's Delight, figure 5-2)."""
    x = x - ((x >> U1) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


@njit
def _push(bucket: np.uint64, model: Any, out: Ints32, n: int) -> Any:
    """Write the row of a bucket to out[n] and return n + 1, or n if the bucket was pruned; without a branch on the bit."""
    if not model.pruned:
        out[n] = model.words + np.int64(bucket)
        return n + 1
    if len(model.kept) == 0:
        return n
    place = np.int64(bucket >> U6)
    bits, shift = model.kept[place], bucket & U63
    out[n] = model.words + model.before[place] + np.int64(_ones(bits & ((U1 << shift) - U1)))
    return n + np.int64((bits >> shift) & U1)


@njit
def _add(rows: Floats, features: Ints32, n: int, total: Floats) -> None:
    for i in range(n):
        row = features[i]
        for d in range(rows.shape[1]):
            total[d] += rows[row, d]


@njit
def _subwords(word: Bytes, size: int, model: Any, features: Ints32, total: Floats) -> int:
    """Add the n-grams of word[:size], which has its "<" and ">"; returns their number."""
    count, n, bucket = 0, 0, np.uint64(model.bucket)
    room = len(features) - model.longest
    inverse, shift = model.division[0], model.division[1]
    for i in range(size):
        if word[i] & 0xC0 == 0x80:
            continue
        h, j, length = _START, i, 0
        while j < size and length < model.longest:
            h = (h ^ _signed(word[j])) * _PRIME
            j += 1
            while j < size and word[j] & 0xC0 == 0x80:
                h = (h ^ _signed(word[j])) * _PRIME
                j += 1
            length += 1
            if length >= model.shortest and not (length == 1 and (i == 0 or j == size)):
                low = h & _LOW
                rest = low - ((low * inverse) >> shift) * bucket  # low % bucket, or that and one bucket more
                n = _push(rest - bucket if rest >= bucket else rest, model, features, n)
        if n > room:
            _add(model.rows, features, n, total)
            count, n = count + n, 0
    _add(model.rows, features, n, total)
    return count + n


def division(bucket: int) -> Words64:
    """What replaces a division by `bucket` (at least 1): x // bucket is x * out[0] >> out[1], or one more, for x below 2**32."""
    digits = max(bucket, 1).bit_length()
    return np.array([min((1 << (31 + digits)) // max(bucket, 1), 0xFFFFFFFF), 31 + digits], np.uint64)


@njit
def entries(data: Bytes, start: int, count: int) -> tuple[Bytes, Ints, Ints, Bytes, int]:
    """The vocabulary of a model file: names, ends (count + 1), counts, types, and the place after it, -1 if cut short.

    `names` has room for the whole file; what lies behind the last end is untouched memory.
    """
    ends, counts, types = np.zeros(count + 1, np.int64), np.zeros(count, np.int64), np.zeros(count, np.uint8)
    names = np.empty(len(data) - start, np.uint8)
    place = start
    for i in range(count):
        size = 0
        while place < len(data) and data[place] != 0:
            names[ends[i] + size] = data[place]
            size, place = size + 1, place + 1
        if place + 10 > len(data):
            return names, ends, counts, types, -1
        for k in range(8):
            counts[i] |= np.int64(data[place + 1 + k]) << (8 * k)
        types[i] = data[place + 9]
        ends[i + 1] = ends[i] + size
        place += 10
    return names, ends, counts, types, place


@njit
def settle(model: Any) -> None:
    """Turn the rows of words into sums with their n-grams, in place, and count them."""
    if model.longest < 1:
        return
    size = 2
    for i in range(model.words):
        size = max(size, model.ends[i + 1] - model.ends[i] + 2)
    word, features = np.empty(size, np.uint8), np.empty(BUFFER + model.longest, np.int32)
    for i in range(model.words):
        start, end = model.ends[i], model.ends[i + 1]
        if end - start == len(_EOS) and _starts(model.names, start, end, _EOS):
            continue
        word[0], word[end - start + 1] = 60, 62
        for k in range(start, end):
            word[k - start + 1] = model.names[k]
        model.counts[i] += _subwords(word, end - start + 2, model, features, model.rows[i])


@njit
def _same(word: Bytes, data: Bytes, place: int, size: int) -> bool:
    """Whether word[1:size] stands in the data at `place`."""
    k = 1
    while k < size and word[k] == data[place + k - 1]:
        k += 1
    return k == size


@njit
def mean(
    data: Bytes, start: int, end: int, model: Any, word: Bytes, features: Ints32, runs: Words64, memory: Memory, total: Floats
) -> int:
    """The mean of the vectors of data[start:end] to `total`; returns how many there are."""
    for d in range(len(total)):
        total[d] = 0
    count, open_runs, n, i = 0, 0, 0, start
    ended = False
    while not ended:
        while i < end and (data[i] == 32 or 9 <= data[i] <= 13 or data[i] == 0):
            i += 1
        h, size = _START, 1
        while i < end and not (data[i] == 32 or 9 <= data[i] <= 13 or data[i] == 0):
            h = (h ^ _signed(data[i])) * _PRIME
            word[size] = data[i]
            size, i = size + 1, i + 1
        if size == 1:
            for k in range(len(_EOS)):
                h = (h ^ _signed(_EOS[k])) * _PRIME
                word[size] = _EOS[k]
                size += 1
        h &= _LOW
        ended = size == 5 and _starts(word, 1, size, _EOS)
        entry = _entry(word, 1, size, h, model)
        if entry >= model.words or (entry < 0 and _starts(word, 1, size, _LABEL)):
            continue
        if entry >= 0:
            features[0] = entry
            _add(model.rows, features, 1, total)
            count += model.counts[entry]
        elif not ended and model.longest > 0:
            slot = np.int64(h) & (len(memory.places) - 1)
            place = memory.places[slot]
            if place < 0 or memory.sizes[slot] != size or not _same(word, data, place, size):
                word[0], word[size] = 60, 62
                for d in range(len(total)):
                    memory.sums[slot, d] = 0
                memory.counts[slot] = _subwords(word, size + 1, model, features, memory.sums[slot])
                memory.places[slot], memory.sizes[slot] = i - size + 1, size
            features[0] = slot
            _add(memory.sums, features, 1, total)
            count += memory.counts[slot]
        if model.word_ngrams > 1:
            signed = np.uint64(np.int64(np.int32(h)))
            n = 0
            for k in range(open_runs):
                runs[k] = runs[k] * _WORD_PRIME + signed
                n = _push(runs[k] % np.uint64(model.bucket), model, features, n)
            _add(model.rows, features, n, total)
            count += n
            if open_runs == model.word_ngrams - 1:
                open_runs -= 1
                for k in range(open_runs):
                    runs[k] = runs[k + 1]
            runs[open_runs] = signed
            open_runs += 1
    if count:
        scale = np.float32(1.0 / count)
        for d in range(len(total)):
            total[d] *= scale
    return count
