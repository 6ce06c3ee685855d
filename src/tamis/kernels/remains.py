"""Lines and remains of navigation taken out of a page, as DCLM-baseline does.

The definition is `tamis.data.edits.dclm.DclmLines`; what makes a scan equal to its regular expressions is said where it is not
plain. Lines are spans of one copy of the page, in which they get shorter in place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.kernels.addresses import DOT, append, is_word
from tamis.kernels.jit import njit
from tamis.kernels.text import BLANK, NEWLINE, blank, code_point, count_byte, grown, last_code_point, next_word
from tamis.kernels.unicode import ALPHANUMERIC, CAPITAL, DECIMAL, DIGIT, SPACE
from tamis.kernels.usage import count_opened
from tamis.kernels.words import has_kind

COMMA, LOW_B, LOW_K, LOW_M, KELVIN = 0x2C, 0x62, 0x6B, 0x6D, 0x212A
LIMIT = 0.999999  # of characters, above which DCLM calls a line digits
SHORT = 10  # words of a line that may hold a remain of navigation
ANY = 0  # in a phrase: any character


@njit
def fold(point: int) -> int:
    """A character as a regular expression without regard to case compares it with letters from a to z."""
    if 0x41 <= point <= 0x5A:
        return point + 32
    if point == 0x130 or point == 0x131:  # I with a dot, i without
        return 0x69
    if point == 0x17F:  # long s
        return 0x73
    return LOW_K if point == KELVIN else point


@njit
def phrase_end(text: Any, i: int, stop: int, phrase: Any) -> int:
    """Where a phrase that stands at byte `i` ends, or -1; ANY in it is any character."""
    for wanted in phrase:
        if i >= stop:
            return -1
        point, width = code_point(text, i)
        if wanted != ANY and fold(point) != wanted:
            return -1
        i += width
    return i


@njit
def is_counter(text: Any, start: int, stop: int, flags: Any, counted: Any, offsets: Any) -> bool:
    """Whether a line says how often a page was liked and the like; `counted` are the words for it, none the start of another.

    No part of the expression can begin where the part before it could go on, so it is read without going back.
    """
    i, point, width = start, ANY, 0
    while i < stop:
        point, width = code_point(text, i)
        if is_word(point, flags):
            break
        i += width
    if i >= stop or flags[point] & DECIMAL == 0:
        return False
    while i < stop and (flags[point] & DECIMAL or point in (COMMA, DOT)):
        i += width
        if i < stop:
            point, width = code_point(text, i)
    if i < stop and (point | 32 == LOW_M or point | 32 == LOW_B or point | 32 == LOW_K or point == KELVIN):
        i += width
    spaces = i
    while i < stop:
        point, width = code_point(text, i)
        if flags[point] & SPACE == 0:
            break
        i += width
    if i == spaces:
        return False
    end = -1
    for k in range(len(offsets) - 1):
        if end < 0:
            end = lower_end(text, i, stop, counted[offsets[k] : offsets[k + 1]])
    while 0 <= end < stop:
        point, width = code_point(text, end)
        if is_word(point, flags):
            return False
        end += width
    return end >= 0


@njit
def lower_end(text: Any, i: int, stop: int, word: Any) -> int:
    """Like `phrase_end` for a text in lower case, where only A to Z and Kelvin have become letters from a to z."""
    for wanted in word:
        if i >= stop:
            return -1
        point, width = code_point(text, i)
        if point != wanted and (point >= 0x80 or point + 32 != wanted) and (point != KELVIN or wanted != LOW_K):
            return -1
        i += width
    return i


@njit
def count_kind(text: Any, start: int, stop: int, flags: Any, kind: int) -> tuple[int, int]:
    """Characters of a span that have the flag `kind`, and all."""
    found, length, i = 0, 0, start
    while i < stop:
        point, width = code_point(text, i)
        found += flags[point] & kind != 0
        length += 1
        i += width
    return found, length


@njit
def words_of(blanked: Any, start: int, stop: int, most: int) -> int:
    """Words of a span, counted until there are more than `most`."""
    words = 0
    start, end = next_word(blanked, start, stop)
    while start < stop and words <= most:
        words += 1
        start, end = next_word(blanked, end, stop)
    return words


@njit
def solid_words(blanked: Any, start: int, stop: int, flags: Any) -> int:
    """Words of a span with an alphanumeric character."""
    words = 0
    start, end = next_word(blanked, start, stop)
    while start < stop:
        words += has_kind(blanked, start, min(end, stop), flags, ALPHANUMERIC)
        start, end = next_word(blanked, end, stop)
    return words


@njit
def strip(blanked: Any, starts: Any, stops: Any, low: int, high: int) -> tuple[int, int]:
    """Strip the text whose lines are the spans low to high - 1: the first and the last get shorter, blank ones before and behind
    them go. A text without any character has one line, which is empty."""
    while low < high:
        while starts[low] < stops[low] and blanked[starts[low]] == BLANK:
            starts[low] += 1
        if starts[low] < stops[low]:
            break
        low += 1
    while low < high:
        while starts[high - 1] < stops[high - 1] and blanked[stops[high - 1] - 1] == BLANK:
            stops[high - 1] -= 1
        if starts[high - 1] < stops[high - 1]:
            break
        high -= 1
    if low == high:
        low, high, starts[0], stops[0] = 0, 1, 0, 0
    return low, high


@njit
def whole_lines(
    text: Any, blanked: Any, flags: Any, counted: Any, offsets: Any, max_capitals: float, starts: Any, stops: Any
) -> tuple[int, int]:
    """Write the spans of the lines that are neither capitals, digits, a counter nor one word; return the first and the last + 1.

    Each rule sees the text as the one before it left it, stripped.
    """
    low, high, start = 0, 0, 0
    for i in range(len(text) + 1):
        if i == len(text) or text[i] == NEWLINE:
            starts[high], stops[high] = start, i
            high, start = high + 1, i + 1
    for rule in range(4):
        kept = low
        for k in range(low, high):
            a, b = starts[k], stops[k]
            gone = False
            if a == b:
                pass
            elif rule == 0:
                found, length = count_kind(text, a, b, flags, CAPITAL)
                gone = found > max_capitals * length
            elif rule == 1:
                found, length = count_kind(text, a, b, flags, DIGIT)
                gone = found > LIMIT * length
            elif rule == 2:
                gone = is_counter(text, a, b, flags, counted, offsets)
            else:
                gone = words_of(blanked, a, b, 1) < 2
            starts[kept], stops[kept] = a, b
            kept += not gone
        high = kept
        if rule < 3:
            low, high = strip(blanked, starts, stops, low, high)
    return low, high


@njit
def without_phrase(text: Any, start: int, stop: int, flags: Any, phrase: Any, out: Any, size: int) -> int:
    """Copy a line without a phrase and one white-space character before each; return the new size of `out`."""
    i, done = start, start
    while i < stop:
        end = phrase_end(text, i, stop, phrase)
        if end < 0:
            i += code_point(text, i)[1]
            continue
        point, before = last_code_point(text, done, i)
        if point >= 0 and flags[point] & SPACE:
            i = before
        size = append(text, done, i, out, size)
        i = done = end
    return append(text, done, stop, out, size)


@njit
def end_start(text: Any, start: int, stop: int, flags: Any, phrase: Any) -> int:
    """Where a phrase at the end of a line begins, with one white-space character before it; `stop` if there is none."""
    i = stop
    for _ in range(len(phrase)):
        i = last_code_point(text, start, i)[1]
    if phrase_end(text, i, stop, phrase) != stop:
        return stop
    point, before = last_code_point(text, start, i)
    return before if point >= 0 and flags[point] & SPACE else i


@njit
def start_end(text: Any, start: int, stop: int, flags: Any, phrase: Any) -> int:
    """Where a phrase at the start of a line ends, with one white-space character after it; `start` if there is none."""
    end = phrase_end(text, start, stop, phrase)
    if end < 0:
        return start
    if end < stop:
        point, width = code_point(text, end)
        if flags[point] & SPACE:
            end += width
    return end


@njit
def is_blank(blanked: Any, start: int, stop: int) -> bool:
    """Whether a span holds nothing but white space."""
    while start < stop and blanked[start] == BLANK:
        start += 1
    return start == stop


@njit
def without_remains(
    text: Any, blanked: Any, flags: Any, anywhere: Any, at_end: Any, at_start: Any, starts: Any, stops: Any, low: int, high: int
) -> tuple[int, int]:
    """Take the phrases out of short lines, in place (text, blanked copy, spans); return the first line and the last + 1.

    Each phrase is sought in what the one before it left, stripped; a line with nothing else in it goes.
    """
    for rule in range(3):
        kept = low
        for k in range(low, high):
            a, b = starts[k], stops[k]
            starts[kept], stops[kept] = a, b
            if words_of(blanked, a, b, SHORT) > SHORT:
                kept += 1
                continue
            if rule == 0:
                stops[kept] = without_phrase(text, a, b, flags, anywhere, text, a)
                if stops[kept] < b:  # the phrase leaves room for the eight blanks that follow
                    blank(text[a : stops[kept]], flags, blanked[a:])
            elif rule == 1:
                stops[kept] = end_start(text, a, b, flags, at_end)
            else:
                starts[kept] = start_end(text, a, b, flags, at_start)
            kept += a == b or not is_blank(blanked, starts[kept], stops[kept])
        low, high = strip(blanked, starts, stops, low, kept)
    return low, high


@njit
def pages(
    data: Any,
    offsets: Any,
    flags: Any,
    counted: Any,
    counted_offsets: Any,
    anywhere: Any,
    at_end: Any,
    at_start: Any,
    max_capitals: float,
    opened: bool,
) -> tuple[Any, Any, Any]:
    """The bytes and offsets of all texts without the lines and remains, and how many words each had and has, int64 [texts, 2].

    Words are those with an alphanumeric character or, if `opened` is set, those of `count_opened`.
    """
    out, ends = np.empty(offsets[-1] - offsets[0] + 1, np.uint8), np.zeros(len(offsets), np.int64)
    words = np.zeros((len(offsets) - 1, 2), np.int64)
    text, blanked = np.empty(0, np.uint8), np.empty(0, np.uint8)
    starts, stops = np.empty(0, np.int64), np.empty(0, np.int64)
    for t in range(len(offsets) - 1):
        size = offsets[t + 1] - offsets[t]
        text = grown(text, size)
        page = text[:size]
        append(data, offsets[t], offsets[t + 1], page, 0)
        blanked = blank(page, flags, blanked)
        words[t, 0] = count_opened(page, flags) if opened else solid_words(blanked, 0, size, flags)
        room = count_byte(page, NEWLINE) + 2
        starts, stops = grown(starts, room), grown(stops, room)
        low, high = whole_lines(page, blanked, flags, counted, counted_offsets, max_capitals, starts, stops)
        low, high = without_remains(page, blanked, flags, anywhere, at_end, at_start, starts, stops, low, high)
        end = ends[t]
        for k in range(low, high):
            if k > low:
                out[end] = NEWLINE
                end += 1
            end = append(page, starts[k], stops[k], out, end)
            words[t, 1] += 0 if opened else solid_words(blanked, starts[k], stops[k], flags)
        if opened:
            words[t, 1] = count_opened(out[ends[t] : end], flags)
        ends[t + 1] = end
    return out, ends, words
