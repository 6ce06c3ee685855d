"""Addresses taken out of a text, and all but one of several empty lines, as DCLM-baseline does.

The definitions are the regular expressions of `tamis.data.edits.dclm.DclmText`; what makes a scan equal to them is said where
it is not plain. An edit never makes a text longer, so its output fits into the room of its input.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.kernels.jit import njit
from tamis.kernels.text import NEWLINE, code_point, grown, last_code_point
from tamis.kernels.unicode import ALPHANUMERIC, SPACE
from tamis.kernels.words import buckets

DOT, ZERO, NINE, TWO, UNDERSCORE = 0x2E, 0x30, 0x39, 0x32, 0x5F
HOST, PATH = 1, 2
SPACES = 10  # white-space characters that go with an address


def _address_table() -> Any:
    """Which bytes may stand in a host (HOST), and which after it (PATH)."""
    table = np.zeros(256, np.uint8)
    common = b"-@:%._+~#=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    table[[*common]] = HOST | PATH
    table[[*b"()?&/"]] = PATH
    return table


ADDRESS = _address_table()
SCHEMES = np.frombuffer(b"http://https://ftp://", np.uint8)
SCHEME_ENDS = (0, 7, 15, 21)


@njit
def same(text: Any, i: int, known: Any, start: int, stop: int) -> bool:
    """Whether known[start:stop] stands at byte `i`."""
    if i < 0 or i + stop - start > len(text):
        return False
    k = start
    while k < stop and text[i + k - start] == known[k]:
        k += 1
    return k == stop


@njit
def is_word(point: int, flags: Any) -> bool:
    """Whether regular expressions take a character for one of a word."""
    return point >= 0 and (flags[point] & ALPHANUMERIC != 0 or point == UNDERSCORE)


@njit
def is_edge(text: Any, i: int, flags: Any) -> bool:
    """Whether a word begins or ends at byte `i`."""
    before = i > 0 and is_word(last_code_point(text, 0, i)[0], flags)
    return before != (i < len(text) and is_word(code_point(text, i)[0], flags))


@njit
def domain_end(text: Any, i: int, flags: Any, domains: Any, offsets: Any, bucket: Any, bare: bool) -> int:
    """Where the longest of the domains at byte `i` that ends at the edge of a word ends, or -1; `bare`: "" is one."""
    end = i if bare and is_edge(text, i, flags) else -1
    if i < len(text):
        for k in range(bucket[text[i]], bucket[text[i] + 1]):
            stop = i + offsets[k + 1] - offsets[k]
            if stop > end and same(text, i, domains, offsets[k], offsets[k + 1]) and is_edge(text, stop, flags):
                end = stop
    return end


@njit
def path_end(text: Any, i: int) -> int:
    """Where the characters that may follow a host end."""
    while i < len(text) and ADDRESS[text[i]] & PATH:
        i += 1
    return i


@njit
def scheme_start(text: Any, i: int) -> int:
    """Where a scheme that ends at byte `i` begins, or `i`."""
    for k in range(len(SCHEME_ENDS) - 1):
        start = i - SCHEME_ENDS[k + 1] + SCHEME_ENDS[k]
        if same(text, start, SCHEMES, SCHEME_ENDS[k], SCHEME_ENDS[k + 1]):
            return start
    return i


@njit
def spaces_start(text: Any, i: int, flags: Any) -> int:
    """Where the last (at most) SPACES white-space characters before byte `i` begin."""
    for _ in range(SPACES):
        point, before = last_code_point(text, 0, i)
        if point < 0 or flags[point] & SPACE == 0:
            break
        i = before
    return i


@njit
def append(text: Any, start: int, stop: int, out: Any, size: int) -> int:
    """Copy text[start:stop] behind the first `size` bytes of `out`; return the new size."""
    for i in range(start, stop):
        out[size + i - start] = text[i]
    return size + stop - start


@njit
def cut_hosts(text: Any, flags: Any, domains: Any, offsets: Any, bucket: Any, bare: bool, out: Any) -> int:
    """Copy a text without addresses whose host ends in one of the domains; return the bytes written.

    A match starts at the first byte of a run of HOST (or at the scheme before it) and reaches to the last full stop in the run
    that a domain follows. The PATH after it holds all of HOST, so a match never ends inside a run.
    """
    size, done, i = 0, 0, 0
    while i < len(text):
        if text[i] != DOT or domain_end(text, i + 1, flags, domains, offsets, bucket, bare) < 0:
            i += 1
            continue
        start, dot = i, i
        while start > 0 and ADDRESS[text[start - 1]] & HOST:
            start -= 1
        if start == i:
            i += 1
            continue
        while dot + 1 < len(text) and ADDRESS[text[dot + 1]] & HOST:
            dot += 1
        end = -1
        while end < 0:
            if text[dot] == DOT:
                end = domain_end(text, dot + 1, flags, domains, offsets, bucket, bare)
            dot -= 1
        size = append(text, done, spaces_start(text, scheme_start(text, start), flags), out, size)
        i = done = path_end(text, end)
    return append(text, done, len(text), out, size)


@njit
def is_numeric(text: Any, i: int) -> bool:
    """Whether four numbers joined by full stops stand at byte `i`, each of three digits at most and then below 300."""
    for part in range(4):
        digits = 0
        while digits < 4 and i + digits < len(text) and ZERO <= text[i + digits] <= NINE:
            digits += 1
        if part == 3 or digits == 0:
            return digits > 0
        if digits > 3 or (digits == 3 and text[i] > TWO) or i + digits == len(text) or text[i + digits] != DOT:
            return False
        i += digits + 1
    return True


@njit
def cut_numeric(text: Any, flags: Any, out: Any) -> int:
    """Copy a text without addresses of four numbers; return the bytes written."""
    size, done, i = 0, 0, 0
    while i < len(text):
        if not ZERO <= text[i] <= NINE or not is_numeric(text, i) or not is_edge(text, i, flags):
            i += 1
            continue
        start = scheme_start(text, i)
        if not is_edge(text, start, flags):
            start = i
        size = append(text, done, spaces_start(text, start, flags), out, size)
        i = done = path_end(text, i)
    return append(text, done, len(text), out, size)


@njit
def cut_empty_lines(text: Any, out: Any) -> int:
    """Copy a text with at most two "\\n" together; return the bytes written."""
    size, together = 0, 0
    for i in range(len(text)):
        together = together + 1 if text[i] == NEWLINE else 0
        out[size] = text[i]
        size += together < 3
    return size


@njit
def addresses(data: Any, offsets: Any, flags: Any, domains: Any, domain_offsets: Any, bare: bool, hosts: Any) -> tuple[Any, Any]:
    """The bytes and offsets of all texts without addresses and with at most one empty line together.

    Addresses with a host are taken out where `hosts` (bool [texts]) is set: those whose host ends in one of the domains, which
    are sorted by bytes, or after any full stop before a word if `bare` is set. Addresses of numbers are taken out everywhere.
    """
    out, ends = np.empty(offsets[-1] - offsets[0] + 1, np.uint8), np.zeros(len(offsets), np.int64)
    bucket = buckets(domains, domain_offsets)
    named, numeric = np.empty(0, np.uint8), np.empty(0, np.uint8)
    for t in range(len(offsets) - 1):
        text = data[offsets[t] : offsets[t + 1]]
        named, numeric = grown(named, len(text)), grown(numeric, len(text))
        if hosts[t]:
            size = cut_hosts(text, flags, domains, domain_offsets, bucket, bare, named)
        else:
            size = append(text, 0, len(text), named, 0)
        size = cut_numeric(named[:size], flags, numeric)
        ends[t + 1] = ends[t] + cut_empty_lines(numeric[:size], out[ends[t] :])
    return out, ends
