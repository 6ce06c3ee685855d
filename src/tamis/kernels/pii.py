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
_WORD, _DIGIT, _UPPER, _HEX, _SEPARATOR, _HEAD, _SIGN = (1 << i for i in range(7))


def byte_classes(heads: bytes) -> Any:
    """One byte of flags per byte value; `heads` are the first bytes of the known beginnings."""
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
    for value in heads:
        table[value] |= _HEAD
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
def _starts_with(data: Any, i: int, end: int, word: Any) -> bool:
    if i + len(word) > end:
        return False
    k = 0
    while k < len(word) and data[i + k] == word[k]:
        k += 1
    return k == len(word)


@njit
def _is_address(data: Any, table: Any, i: int, end: int) -> bool:
    if i + 5 > end or data[i + 4] != 58 or (data[i] != 50 and data[i] != 51):
        return False
    return table[data[i + 1]] & table[data[i + 2]] & table[data[i + 3]] & _HEX != 0


@njit
def _is_account(data: Any, table: Any, i: int, end: int) -> bool:
    return i + 4 <= end and table[data[i + 1]] & _UPPER != 0 and table[data[i + 2]] & table[data[i + 3]] & _DIGIT != 0


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


@njit
def candidates(data: Any, offsets: Any, table: Any, heads: Any, head_places: Any, words: Any, word_places: Any) -> Any:
    """All candidates of all texts as rows (text, class, start, stop); only a NUMBER has a `stop` of its own."""
    found = np.empty((256, 4), np.int64)
    count = 0
    for text in range(len(offsets) - 1):
        begin, end = offsets[text], offsets[text + 1]
        beyond = begin  # end of the last number
        for i in range(begin, end):
            flags = table[data[i]]
            if not flags & (_DIGIT | _UPPER | _HEAD | _SIGN):
                continue
            if count + 4 > len(found):
                larger = np.empty((2 * len(found), 4), np.int64)
                larger[:count] = found[:count]
                found = larger
            before = table[data[i - 1]] if i > begin else np.uint8(0)
            if flags & _DIGIT and i >= beyond:
                beyond, digits, dots = _number(data, table, i, end)
                if digits >= DIGITS or (digits >= 4 and dots >= 3):
                    found[count] = text, NUMBER, i, beyond
                    count += 1
            if flags & _DIGIT and not before & _WORD and _is_address(data, table, i, end):
                found[count] = text, ADDRESS, i, i
                count += 1
            if flags & _UPPER and not before & _WORD and _is_account(data, table, i, end):
                found[count] = text, ACCOUNT, i, i
                count += 1
            if flags & _HEAD and not before & _WORD:
                for h in range(len(head_places) - 1):
                    if _starts_with(data, i, end, heads[head_places[h] : head_places[h + 1]]):
                        found[count] = text, TOKEN, i, i
                        count += 1
                        break
            if flags & _SIGN:
                if data[i] == 64:
                    if before & _WORD and i + 1 < end and table[data[i + 1]] & _WORD:
                        found[count] = text, AT, i, i
                        count += 1
                elif _names_secret(data, begin, i, words, word_places):
                    found[count] = text, ASSIGNMENT, i, i
                    count += 1
    return found[:count]
