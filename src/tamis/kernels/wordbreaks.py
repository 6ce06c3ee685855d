"""Words by Unicode's default rules (UAX #29, section 4.1), as hashes: what tools in Rust mean by word bounds.

The classes of Table 3 are derived from `unicodedata` and the short lists below, since Python does not know the property itself.
Parts of a text without a character that is not white space are no tokens. Case counts, punctuation marks are tokens, and a letter
of a script without spaces (Chinese, kana but katakana, Thai, Lao, Khmer, Burmese) is one.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
import numpy.typing as npt

from tamis.kernels.jit import njit
from tamis.kernels.shingle import Bytes, Hashes
from tamis.kernels.text import code_point, hash_span

OTHER, LINE_END, CR, LF, EXTEND, ZWJ, FORMAT, LETTER, HEBREW, NUMBER, JOINER, KATAKANA, REGION, BLANK = range(14)
SINGLE_QUOTE, DOUBLE_QUOTE, MID_LETTER, MID_NUMBER, MID_BOTH, NOTHING = range(14, 20)
CLASS, PICTURE, WHITE = 31, 32, 64  # of the byte of a code point: its class, and two bits

_TABLE = {  # in hexadecimal digits; all others by general category. OTHER: letters that stand alone, and two spaces
    OTHER: "a0 200b 2007 e00-eff 1000-109f 1780-17ff 1950-19df 1a20-1aaf 3006 3007 3021-3029 3038-303a 3041-309f 3400-9fff "
    "a9e0-a9fe aa60-aadf f900-faff 11700-1174f 16ff0-18dff 1b001-1b2ff 1f200 20000-3ffff",
    CR: "d",
    LF: "a",
    LINE_END: "b c 85 2028 2029",
    ZWJ: "200d",
    EXTEND: "200c ff9e ff9f 1f3fb-1f3ff e0020-e007f",
    REGION: "1f1e6-1f1ff",
    FORMAT: "e0001",
    SINGLE_QUOTE: "27",
    DOUBLE_QUOTE: "22",
    MID_BOTH: "2e 2018 2019 2024 fe52 ff07 ff0e",
    MID_LETTER: "3a b7 387 55f 5f4 2027 fe13 fe55 ff1a",
    MID_NUMBER: "2c 3b 37e 589 60c 60d 66c 7f8 2044 fe50 fe54 ff0c ff1b",
    NUMBER: "600-605 66b 6dd 890 891 8e2 19da 110bd 110cd",
    JOINER: "202f",
    KATAKANA: "3031-3035 309b 309c 30a0-30fa 30fc-30ff 31f0-31ff 32d0-32fe 3300-3357 ff66-ff9d 1aff0-1affe 1b000 1b120-1b122 "
    "1b155 1b164-1b167",
    HEBREW: "5d0-5f2 fb1d fb1f-fb28 fb2a-fb4f",
    LETTER: "b8 2c2-2c5 2d2-2d7 2de 2df 2e5-2eb 2ed 2ef-2ff 55a-55c 55e 58a 5f3 70f 24b6-24e9 3005 303b 303c a708-a716 a720 a721 "
    "a789 a78a ab5b 1f130-1f149 1f150-1f169 1f170-1f189",
}
_BY_CATEGORY = {"Lu": LETTER, "Ll": LETTER, "Lt": LETTER, "Lm": LETTER, "Lo": LETTER, "Nl": LETTER, "Nd": NUMBER, "Zs": BLANK}
_BY_CATEGORY |= {"Mn": EXTEND, "Mc": EXTEND, "Me": EXTEND, "Cf": FORMAT, "Pc": JOINER}
_ALWAYS = ("Mn", "Mc", "Me", "Nd")  # also among letters that stand alone
_ASSIGNED = 0x40000  # beyond it only marks have a class
_SELECTORS = slice(0xE0100, 0xE01F0)
_PICTURES = (
    "a9 ae 203c 2049 2122 2139 2190-245f 24c2 2500-2bff 3030 303d 3297 3299 1f000-1f12f 1f18a-1f1e5 1f200-1f3fa 1f400-1faff"
)
_WHITE = "9-d 20 85 a0 1680 2000-200a 2028 2029 202f 205f 3000"


def _points(listed: str) -> npt.NDArray[np.int64]:
    """The code points of a list."""
    bounds = [[int(part, 16) for part in item.split("-")] for item in listed.split()]
    return np.concatenate([np.arange(b[0], b[-1] + 1) for b in bounds])


@cache
def classes() -> npt.NDArray[np.uint8]:
    """One byte for every code point (1,114,112 bytes, read-only), built once per process (0.1 s)."""
    out = np.zeros(0x110000, np.uint8)
    kinds = np.array([unicodedata.category(chr(point)) for point in range(_ASSIGNED)])
    for kind, name in _BY_CATEGORY.items():
        out[:_ASSIGNED][kinds == kind] = name
    out[_SELECTORS] = EXTEND
    firm = np.zeros(len(out), np.bool_)
    firm[:_ASSIGNED] = np.isin(kinds, _ALWAYS)
    for name, listed in _TABLE.items():
        points = _points(listed)
        out[points[~firm[points]] if name == OTHER else points] = name
    out[_points(_PICTURES)] |= PICTURE
    out[_points(_WHITE)] |= WHITE
    out.setflags(write=False)
    return out


@njit
def _letter(kind: int) -> bool:
    return kind in (LETTER, HEBREW)


@njit
def _in_word(kind: int) -> bool:
    return kind in (LETTER, HEBREW, NUMBER)


@njit
def _skipped(kind: int) -> bool:
    """Whether a character belongs to whatever stands before it (rule WB4)."""
    return kind in (EXTEND, FORMAT, ZWJ)


@njit
def _following(text: Bytes, p: int, end: int, classes: Bytes) -> int:
    """The class of the first character at or after `p` that is not skipped."""
    while p < end:
        point, width = code_point(text, p)
        kind = classes[point] & CLASS
        if not _skipped(kind):
            return kind
        p += width
    return NOTHING


@njit
def _bridges(kind: int, letters: bool) -> bool:
    """Whether a mark may stand between two letters (or two numbers) of one word."""
    return kind in (MID_BOTH, SINGLE_QUOTE) or kind == (MID_LETTER if letters else MID_NUMBER)


@njit
def _joined(before: int, left: int, kind: int, following: int, regions: int) -> bool:
    """Rules WB5 to WB16: whether no word ends between `left` and `kind`, the classes before and after these being given."""
    if _letter(left) and _letter(kind):
        return True
    if _letter(left) and _bridges(kind, True) and _letter(following):
        return True
    if _letter(before) and _bridges(left, True) and _letter(kind):
        return True
    if left == HEBREW and (kind == SINGLE_QUOTE or (kind == DOUBLE_QUOTE and following == HEBREW)):
        return True
    if before == HEBREW and left == DOUBLE_QUOTE and kind == HEBREW:
        return True
    if (left == NUMBER and _in_word(kind)) or (_letter(left) and kind == NUMBER):
        return True
    if left == NUMBER and _bridges(kind, False) and following == NUMBER:
        return True
    if before == NUMBER and _bridges(left, False) and kind == NUMBER:
        return True
    if left == KATAKANA and kind == KATAKANA:
        return True
    if kind == JOINER and (_in_word(left) or left in (KATAKANA, JOINER)):
        return True
    if left == JOINER and (_in_word(kind) or kind == KATAKANA):
        return True
    return left == REGION and kind == REGION and regions % 2 == 1


@njit
def hash_tokens(text: Bytes, start: int, end: int, classes: Bytes, out: Hashes) -> int:
    """Hash the tokens of text[start:end] into `out` (one entry per byte suffices; none: only count); returns their number."""
    n, token, p = 0, start, start
    visible = False
    last, before, left, regions = NOTHING, NOTHING, NOTHING, 0  # last: the class of the last character, skipped or not
    while p < end:
        point, width = code_point(text, p)
        entry = classes[point]
        kind = entry & CLASS
        ends = last in (CR, LF, LINE_END)
        if ends or kind in (CR, LF, LINE_END):
            whole = last == CR and kind == LF
        elif kind == BLANK or left == BLANK:
            whole = last != NOTHING and (last == kind or _skipped(kind) or (last == ZWJ and entry & PICTURE > 0))
        elif (last == ZWJ and entry & PICTURE) or (last != NOTHING and _skipped(kind)):
            whole = True
        else:
            looks = _bridges(kind, True) or _bridges(kind, False) or kind == DOUBLE_QUOTE
            following = _following(text, p + width, end, classes) if looks else NOTHING
            whole = _joined(before, left, kind, following, regions)
        if not whole:
            if visible:
                if len(out):
                    out[n] = hash_span(text, token, p)
                n += 1
            token, visible = p, False
        visible |= entry & WHITE == 0
        last = kind
        if not _skipped(kind) or ends or left == NOTHING:
            before, left = left, kind
            regions = regions + 1 if kind == REGION else 0
        p += width
        if _in_word(kind):
            run = p
            while p < end and text[p] < 128 and _in_word(classes[text[p]] & CLASS):
                p += 1
            if p > run:
                before = classes[text[p - 2]] & CLASS if p > run + 1 else kind
                last = left = classes[text[p - 1]] & CLASS
    if visible:
        if len(out):
            out[n] = hash_span(text, token, end)
        n += 1
    return n
