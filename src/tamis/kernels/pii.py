"""Where personal data may stand: one pass over the bytes that finds the few places worth a closer look.

A candidate is (text, class, start, stop) in bytes of the whole buffer. The classes, each with its definition as an expression in
`tamis.data.pii.candidates`:
  AT          an "@" between word characters
  NUMBER      a longest run of digits with at most `GAP` separators between two of them: 7 digits, or 4 with 3 dots
  ADDRESS     four hexadecimal digits, the first a 2 or 3, and a colon: the first group of a routed IPv6 address
  ACCOUNT     two capitals and two digits: the head of an IBAN
  TOKEN       a known beginning of a key or token
  ASSIGNMENT  a ":" or "=" after a name that ends in a word for a secret
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.kernels.jit import njit

AT, NUMBER, ADDRESS, ACCOUNT, TOKEN, ASSIGNMENT = range(6)
GAP = 4  # bytes of separators between two digits of one number
DIGITS = 7  # of the shortest number looked at
SEPARATORS = b" ().+/-\xc2\xa0"  # the last two bytes are the no-break space
_WORD, _DIGIT, _UPPER, _HEX, _SEPARATOR, _SIGN = (1 << i for i in range(6))


def beginnings(heads: tuple[bytes, ...]) -> Any:
    """Whether two bytes, the first times 256 plus the second, begin one of `heads`: bool (65536,)."""
    table = np.zeros(65536, np.bool_)
    for head in heads:
        table[head[0] * 256 + head[1]] = True
    return table


def byte_classes() -> Any:
    """One byte of flags per byte value."""
    table = np.zeros(256, np.uint8)
    for value in range(128):
        character = chr(value)
        table[value] |= _WORD * (character.isalnum() or character == "_")
        table[value] |= _DIGIT * character.isdigit()
        table[value] |= _UPPER * character.isupper()
        table[value] |= _HEX * (character in "0123456789abcdefABCDEF")
        table[value] |= _SIGN * (character in "@:=")
    for value in SEPARATORS:
        table[value] |= _SEPARATOR
    return table


@njit
def _number(data: Any, table: Any, start: int, end: int) -> tuple[int, int, int]:
    """Where the number that starts with the digit at `start` ends, its digits, and its single dots between digits."""
    stop, digits, dots = start + 1, 1, 0
    i = stop
    while i < end:
        flags = table[data[i]]
        if flags & _DIGIT:
            digits += 1
            dots += i == stop + 1 and data[stop] == 46
            stop = i + 1
        elif not flags & _SEPARATOR or i - stop >= GAP:
            break
        i += 1
    return stop, digits, dots


@njit
def _is_token(data: Any, i: int, end: int, heads: Any, places: Any) -> bool:
    """Whether one of the known beginnings stands at byte `i`."""
    for h in range(len(places) - 1):
        size = places[h + 1] - places[h]
        if i + size <= end:
            k = 0
            while k < size and data[i + k] == heads[places[h] + k]:
                k += 1
            if k == size:
                return True
    return False


@njit
def _is_address(data: Any, table: Any, i: int, end: int) -> bool:
    if i + 5 > end or data[i + 4] != 58 or (data[i] != 50 and data[i] != 51):
        return False
    return table[data[i + 1]] & table[data[i + 2]] & table[data[i + 3]] & _HEX != 0


@njit
def _is_account(data: Any, table: Any, begin: int, i: int, end: int) -> bool:
    """Whether the digit at `i` is the first of two after the capitals at `i - 2` and `i - 1`, where no word goes on."""
    if i - 2 < begin or i + 1 >= end or not table[data[i - 2]] & _UPPER or not table[data[i + 1]] & _DIGIT:
        return False
    return i - 3 < begin or not table[data[i - 3]] & _WORD


@njit
def _names_secret(data: Any, begin: int, i: int, words: Any, places: Any) -> bool:
    """Whether a word for a secret ends before byte `i`, at most 3 blanks and 2 closing quotes or brackets set aside."""
    stop = i
    while stop > begin and i - stop < 3 and (data[stop - 1] == 32 or data[stop - 1] == 9):
        stop -= 1
    quoted = stop
    while stop > begin and quoted - stop < 2 and (data[stop - 1] == 34 or data[stop - 1] == 39 or data[stop - 1] == 93):
        stop -= 1
    for w in range(len(places) - 1):
        size = places[w + 1] - places[w]
        start = stop - size
        if start >= begin:
            k = 0
            while k < size and (data[start + k] | 32) == words[places[w] + k]:
                k += 1
            if k == size:
                return True
    return False


def candidates(
    data: Any, offsets: Any, table: Any, pairs: Any, heads: Any, head_places: Any, words: Any, word_places: Any
) -> Any:
    """All candidates of all texts as rows (text, class, start, stop); only a NUMBER has a `stop` of its own."""
    rows = np.empty((64 + len(data) // 256, 4), np.int64)
    while True:
        count = _write(data, offsets, table, pairs, heads, head_places, words, word_places, rows)
        if count <= len(rows):
            return rows[:count]
        rows = np.empty((count, 4), np.int64)


@njit
def _put(rows: Any, count: int, text: int, kind: int, start: int, stop: int) -> int:
    """Write a row if there is room; return the number of rows so far."""
    if count < len(rows):
        rows[count, 0], rows[count, 1], rows[count, 2], rows[count, 3] = text, kind, start, stop
    return count + 1


@njit
def _write(
    data: Any, offsets: Any, table: Any, pairs: Any, heads: Any, head_places: Any, words: Any, word_places: Any, rows: Any
) -> int:
    """Write the candidates to `rows` as far as there is room; return how many there are.

    The array is not made here: a variable array costs a locked instruction in every turn of the loop.
    """
    count = 0
    for text in range(len(offsets) - 1):
        begin, end = offsets[text], offsets[text + 1]
        beyond = begin  # end of the last number
        for i in range(begin, end):
            flags = table[data[i]]
            if not (flags & (_DIGIT | _SIGN)) | pairs[256 * data[i] + (data[i + 1] if i + 1 < end else 0)]:
                continue
            before = table[data[i - 1]] if i > begin else np.uint8(0)
            if flags & _DIGIT:
                if i >= beyond:
                    beyond, digits, dots = _number(data, table, i, end)
                    if digits >= DIGITS or (digits >= 4 and dots >= 3):
                        count = _put(rows, count, text, NUMBER, i, beyond)
                if not before & _WORD and _is_address(data, table, i, end):
                    count = _put(rows, count, text, ADDRESS, i, i)
                if before & _UPPER and _is_account(data, table, begin, i, end):
                    count = _put(rows, count, text, ACCOUNT, i - 2, i - 2)
            elif data[i] == 64:
                if before & _WORD and i + 1 < end and table[data[i + 1]] & _WORD:
                    count = _put(rows, count, text, AT, i, i)
            elif flags & _SIGN:
                if _names_secret(data, begin, i, words, word_places):
                    count = _put(rows, count, text, ASSIGNMENT, i, i)
            elif not before & _WORD and _is_token(data, i, end, heads, head_places):
                count = _put(rows, count, text, TOKEN, i, i)
    return count
