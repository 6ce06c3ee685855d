"""Paragraphs and lines of texts with their hashes, and which of them an equal one precedes.

A *line* stands between two "\\n", a *paragraph* is a longest run of lines that are not blank; both are compared without the
white space at their ends, normalised ones by their words (`kernels.shingle`). The hash is the first half of
`kernels.digest`: among n different ones about n**2 / 2**65 pairs agree by accident, 3 in 10 billion paragraphs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tamis.kernels.digest import digest, squeeze
from tamis.kernels.jit import Buffers, njit
from tamis.kernels.memory import prefetch
from tamis.kernels.shingle import Bytes, Hashes, Offsets, longest, normalise, table
from tamis.kernels.text import characters, code_point, count_byte, find_newline, last_code_point
from tamis.kernels.unicode import SPACE, flags

Places = npt.NDArray[np.int64]
AHEAD = 24  # look-ups between asking for memory and using it
NEWLINE, U32 = 10, np.uint64(32)


class Parts(NamedTuple):
    """The parts that count, text after text: those of text i are offsets[i]:offsets[i + 1] of the other arrays.

    A part takes the bytes [start, after) of its text with it, `after` being where the next part starts, one more than the size
    of the text if there is none; `before` is where the part before it ended. Parts that do not count are parts all the same.
    """

    offsets: Offsets
    hash: Hashes
    before: Places
    start: Places
    after: Places


@njit
def _stripped(text: Bytes, start: int, end: int, flags: Bytes) -> tuple[Any, Any]:
    """The span without the white space at its ends; the empty one if nothing is left."""
    while start < end:
        point, width = code_point(text, start)
        if not flags[point] & SPACE:
            break
        start += width
    while start < end:
        point, place = last_code_point(text, start, end)
        if not flags[point] & SPACE:
            break
        end = place
    return start, end


@njit
def _split(text: Bytes, flags: Bytes, lines: bool, bounds: Places) -> int:
    """Write start and end, and both once more without white space, of every part of a text; returns how many there are."""
    parts = 0
    gap, start = True, 0
    while start <= len(text):
        end = find_newline(text, start)
        a, b = _stripped(text, start, end, flags)
        if lines or (gap and a < b):
            bounds[parts, 0], bounds[parts, 1], bounds[parts, 2], bounds[parts, 3] = start, end, a, b
            parts += 1
        elif a < b:
            bounds[parts - 1, 1], bounds[parts - 1, 3] = end, b
        gap = a == b
        start = end + 1
    return parts


@njit
def _counts(text: Bytes, start: int, end: int, minimum: int) -> bool:
    """Whether a stripped part is not empty and has at least `minimum` characters."""
    return start < end and (end - start >= 4 * minimum or characters(text[start:end]) >= minimum)


@njit
def _paragraphs(
    data: Bytes, offsets: Offsets, flags: Bytes, table: npt.NDArray[np.uint32], lines: bool, minimum: int, normalised: bool
) -> Any:
    most = 1
    total = 0
    for i in range(len(offsets) - 1):
        room = count_byte(data[offsets[i] : offsets[i + 1]], NEWLINE) + 1
        most, total = max(most, room), total + room
    bounds = np.empty((most, 4), np.int64)
    ends, hashes = np.zeros(len(offsets), np.int64), np.empty(total, np.uint64)
    before, starts, after = np.empty(total, np.int64), np.empty(total, np.int64), np.empty(total, np.int64)
    size = 3 * longest(offsets) + 16 if normalised else 0
    scratch, words = np.empty(size, np.uint8), np.empty(size + 16, np.uint8)
    n = 0
    for i in range(len(offsets) - 1):
        text = data[offsets[i] : offsets[i + 1]]
        parts = _split(text, flags, lines, bounds)
        for k in range(parts):
            a, b = bounds[k, 2], bounds[k, 3]
            if not _counts(text, a, b, minimum):
                continue
            if normalised:
                length = squeeze(scratch, normalise(text, a, b, table, True, scratch), words)
                hashes[n], _ = digest(words, 0, length)
            else:
                hashes[n], _ = digest(text, a, b)
            before[n] = bounds[k - 1, 1] if k else 0
            starts[n] = bounds[k, 0]
            after[n] = bounds[k + 1, 0] if k + 1 < parts else len(text) + 1
            n += 1
        ends[i + 1] = n
    return ends, hashes[:n], before[:n], starts[:n], after[:n]


def paragraphs(texts: Buffers, lines: bool, minimum: int, normalised: bool) -> Parts:
    """The lines or else the paragraphs of at least `minimum` (>= 1) characters."""
    return Parts(*_paragraphs(texts.data, texts.offsets, flags(), table(), lines, minimum, normalised))


@njit
def _among(h: np.uint64, part: int, parts: int) -> bool:
    """Whether a hash belongs to one of `parts` equal ranges of hashes."""
    return np.int64(((h >> U32) * np.uint64(parts)) >> U32) == part


@njit
def _slot(hashes: Hashes, i: int, mask: int) -> Any:
    return 2 * (np.int64(hashes[i]) & mask)


@njit
def enter(hashes: Hashes, places: Places, part: int, parts: int, known: Hashes) -> int:
    """Note the lowest place of every hash of one range; returns how many of them are new.

    `known`: pairs of hash and place + 1, zeros at the beginning, of a power of two of which some must stay free.
    """
    mask = len(known) // 2 - 1
    new = 0
    for i in range(len(hashes)):
        if i + AHEAD < len(hashes):
            prefetch(known, _slot(hashes, i + AHEAD, mask))
        h = hashes[i]
        if not _among(h, part, parts):
            continue
        slot = _slot(hashes, i, mask)
        while known[slot + 1] != 0 and known[slot] != h:
            slot = (slot + 2) & (2 * mask + 1)
        place = np.uint64(places[i] + 1)
        if known[slot + 1] == 0:
            known[slot], known[slot + 1] = h, place
            new += 1
        elif place < known[slot + 1]:
            known[slot + 1] = place
    return new


@njit
def mark_later(hashes: Hashes, places: Places, part: int, parts: int, known: Hashes, marked: npt.NDArray[np.bool_]) -> None:
    """Mark the hashes of one range that also stand at a lower place."""
    mask = len(known) // 2 - 1
    for i in range(len(hashes)):
        if i + AHEAD < len(hashes):
            prefetch(known, _slot(hashes, i + AHEAD, mask))
        h = hashes[i]
        if not _among(h, part, parts):
            continue
        slot = _slot(hashes, i, mask)
        while known[slot] != h:
            slot = (slot + 2) & (2 * mask + 1)
        marked[i] = known[slot + 1] != np.uint64(places[i] + 1)
