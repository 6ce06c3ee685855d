"""Runs of units (bytes, or hashes of words) that occurred before: found by hashing their windows, and compared unit by unit.

A unit is *repeated* if it lies in a window of `minimum` units that stood before: in an earlier text, or earlier in the same text
without overlap. Every window of a longer run that stood before did too, so the repeated units are those of all runs of at least
`minimum` units.

1. `_note`: of every window the least hash of its parts of `minimum` - `width` + 1 units is its *anchor* (a minimizer: Roberts
   et al. 2004). Equal windows have equal anchors, and neighbours mostly share one. Two bits for each value say whether it came
   from two places; a window whose anchor did not is new, and `_open` leaves it out.
2. `_mark`: the others enter a hash table at their first place, text after text; one that is there already is compared unit by
   unit, marked, and followed to the right as far as both places agree. If the table would exceed its share of memory, windows
   are dealt out to several passes by their hash; the result is the same.

Exact: hashes decide what is compared, never what is marked. Time is linear in the units (times `minimum` for texts made so that
every window is old and no run is longer). Memory beside the units: 1 byte a unit, a quarter more during step 1, and during step
2 the table, which takes no more than the units do (or SMALLEST): together 3 bytes a byte of text. A suffix array with its common
prefixes takes 9, and sorting the suffixes alone, by libdivsufsort, took 1.6 times as long as this whole step (150 MB of mixed
text, 50 bytes).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tamis.kernels.jit import njit
from tamis.kernels.memory import prefetch
from tamis.kernels.shingle import BASE, K1, MARK, SINGLE, SPACE, U0, U1, U32, _decode, _look_up, finish

Units = npt.NDArray[np.unsignedinteger[Any]]
Places = npt.NDArray[np.int64]
Words64 = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.uint8]

OPEN, REPEATED = 1, 2  # flags: the window that starts here must be looked at; this unit is repeated
WIDTH = 20  # parts of a window at most, of which the anchor is the least; measured on 50-byte windows of web text
SMALLEST, LARGEST = 1 << 26, 1 << 34  # bytes of the hash table
BATCH = 32  # windows whose slots are fetched together
U16, U40, U63 = (np.uint64(i) for i in (16, 40, 63))
MOST, LOW16, LOW24, LOW40 = (np.uint64((1 << i) - 1) for i in (64, 16, 24, 40))


@njit
def _power(count: int) -> Any:
    out = U1
    for _ in range(count):
        out *= BASE
    return out


@njit
def _mixed(h: Any) -> Any:
    h *= K1
    return h ^ (h >> U32)


@njit
def _bit_of(x: Any, size: Any) -> Any:
    """The word and the bit that stand for a value."""
    x *= K1
    return ((x >> U32) * size) >> U32, x & U63


@njit
def _note(
    units: Any, starts: Places, ends: Places, minimum: int, width: int, seen: Words64, twice: Words64, flags: Flags
) -> None:
    """Note in `seen` and `twice` the anchors of all windows, and in `flags`, for a window whose anchor is not the one before's,
    how far into it the anchor lies, plus 1."""
    size, part = np.uint64(len(seen)), minimum - width + 1
    power = _power(part)
    room = 1
    while room < width:
        room *= 2
    ring = np.empty(room, np.uint64)
    for t in range(len(starts)):
        start, end = starts[t], ends[t]
        if end - start < minimum:
            continue
        h, gone = U0, U0
        for i in range(start, start + part - 1):
            h = h * BASE + np.uint64(units[i])
        least, at, last = MOST, start, np.int64(-1)
        for p in range(start, end - part + 1):
            h = h * BASE + np.uint64(units[p + part - 1]) - gone
            gone = np.uint64(units[p]) * power
            x = _mixed(h)
            ring[p & (room - 1)] = x
            window = p - width + 1
            if x <= least:
                least, at = x, p
            elif at < window:
                least = MOST
                for q in range(window, p + 1):
                    if ring[q & (room - 1)] <= least:
                        least, at = ring[q & (room - 1)], q
            if window >= start and at != last:
                last = at
                flags[window] = at - window + 1
                word, bit = _bit_of(least, size)
                twice[word] |= seen[word] & (U1 << bit)  # without a branch: it would wait for memory
                seen[word] |= U1 << bit


@njit
def _open(units: Any, starts: Places, ends: Places, minimum: int, width: int, twice: Words64, flags: Flags) -> Any:
    """Set OPEN for windows whose anchor came twice, and clear what `_note` left for others; returns the number of those."""
    size, part, opened = np.uint64(len(twice)), minimum - width + 1, np.int64(0)
    for t in range(len(starts)):
        came = U0
        for window in range(starts[t], ends[t] - minimum + 1):
            if flags[window]:
                at, h = window + flags[window] - 1, U0
                for i in range(at, at + part):
                    h = h * BASE + np.uint64(units[i])
                word, bit = _bit_of(_mixed(h), size)
                came = (twice[word] >> bit) & U1
            flags[window] = came
            opened += np.int64(came)
    return opened


@njit
def _agree(units: Any, place: Any, other: Any, end: Any) -> int:
    """How many units from `place` to `end` are those from `other` on."""
    k = 0
    while place + k < end and units[place + k] == units[other + k]:
        k += 1
    return k


@njit
def _mark(units: Any, starts: Places, ends: Places, minimum: int, passes: int, number: int, table: Words64, flags: Flags) -> bool:
    """Set REPEATED for the windows of one pass; False if the table is too small for them.

    An entry: one more than the first place of a window, in 40 bits, and 24 bits of its hash; 0 is free.
    """
    slots, power, free = np.uint64(len(table)), _power(minimum), len(table) - 1
    hashes, places = np.empty(BATCH, np.uint64), np.empty(BATCH, np.int64)
    for t in range(len(starts)):
        end = ends[t]
        last, i, at, h = end - minimum, starts[t], np.int64(-1), U0  # h belongs to the window at `at`
        while i <= last:
            n = 0
            while i <= last and n < BATCH:
                if not flags[i] & OPEN:
                    i += 1
                    continue
                if at < 0 or i - at > minimum:
                    h = U0
                    for q in range(i, i + minimum):
                        h = h * BASE + np.uint64(units[q])
                else:
                    for q in range(at, i):
                        h = h * BASE + np.uint64(units[q + minimum]) - np.uint64(units[q]) * power
                at = i
                i += 1
                x = finish(h, minimum)
                if ((x & LOW16) * np.uint64(passes)) >> U16 == np.uint64(number):
                    hashes[n], places[n] = x, at
                    prefetch(table, np.int64(((x >> U32) * slots) >> U32))
                    n += 1
            done = np.int64(0)  # windows before it are known to be repeated
            for b in range(n):
                place = places[b]
                if place < done:
                    continue
                slot, tag = ((hashes[b] >> U32) * slots) >> U32, ((hashes[b] >> U16) & LOW24) << U40
                while True:
                    entry = table[slot]
                    if entry == U0:
                        if free == 0:
                            return False
                        free -= 1
                        table[slot] = tag | np.uint64(place + 1)
                        break
                    first = np.int64(entry & LOW40) - 1
                    if entry & ~LOW40 == tag and _agree(units, place, first, place + minimum) == minimum:
                        if first > place or first + minimum <= place:
                            stop = place + _agree(units, place, first, end)
                            for q in range(place, stop):
                                flags[q] |= REPEATED
                            done = stop - minimum + 1
                        break
                    slot += U1
                    if slot == slots:
                        slot = U0
            i = max(i, done)
    return True


def repeated(units: Units, starts: Places, ends: Places, minimum: int) -> npt.NDArray[np.bool_]:
    """For every unit whether it is repeated; bool, shape of `units`.

    Text t is units[starts[t]:ends[t]]; texts come in the order in which they count as earlier or later, wherever they lie. Each
    must be followed by a unit that no text contains, which also keeps runs within a text.
    """
    flags = np.zeros(len(units), np.uint8)
    seen, twice = (np.full(len(units) // 64 + 1, 0, np.uint64) for _ in range(2))
    width = min(minimum // 2 + 1, WIDTH)
    _note(units, starts, ends, minimum, width, seen, twice, flags)
    windows = _open(units, starts, ends, minimum, width, twice, flags)
    del seen, twice
    slots = windows + windows // 4 + 64
    passes = -(-8 * slots // min(max(units.nbytes, SMALLEST), LARGEST))
    table = np.empty(slots // passes + 1, np.uint64)
    for number in range(passes):
        table.fill(0)
        while not _mark(units, starts, ends, minimum, passes, number, table, flags):
            table = np.full(2 * len(table), 0, np.uint64)
    flags >>= 1  # leaves REPEATED alone
    return flags.view(np.bool_)


@njit
def word_places(data: Any, offsets: Places, table: Any) -> tuple[Places, Places, Places]:
    """Where the words of `shingle.words` start and end in `data`, and the number of words before each text (texts + 1)."""
    room = 0
    for i in range(offsets[0], offsets[-1]):
        room += data[i] & 0xC0 != 0x80
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    before = np.zeros(len(offsets), np.int64)
    n = np.int64(0)
    for t in range(len(offsets) - 1):
        p, inside, single = offsets[t], False, False
        while p < offsets[t + 1]:
            point, length = _decode(data, p, offsets[t + 1])
            _, kind = _look_up(point, table)
            if kind == SPACE:
                inside = single = False
            else:
                if not inside or kind == SINGLE or (single and kind != MARK):
                    starts[n], single = p, kind == SINGLE
                    inside = True
                    n += 1
                ends[n - 1] = p + length
            p += length
        before[t + 1] = n
    return starts[:n].copy(), ends[:n].copy(), before
