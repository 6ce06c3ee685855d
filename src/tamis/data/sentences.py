"""Where a sentence ends, in any script, also where nobody wrote a full stop. The pieces always join to the text.

A sentence ends after a line break; after a mark that ends sentences (`tamis.kernels.unicode.is_stop`), closing quotes and
brackets included, if white space follows and what comes next does not start in lower case, or at once if the mark or what
follows is of a script without spaces. A dot does not end one after an initial, an abbreviation with a dot inside ("e.g."), a
known title, or a number at the start of a line. Where no mark comes for `longest` characters the text is cut at the best
place in them: after a clause mark, else at white space, else (in a script without spaces, or one endless word) after a
letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import numpy as np

from tamis.data.scores.c4 import CLOSING
from tamis.kernels.unicode import STOP, flags

LONGEST = 600  # characters: of Wikipedia's sentences one in 1,700 (Spanish) to one in 8,900 (English) is longer
_TITLES = frozenset(
    (
        *(
            "mr",
            "mrs",
            "ms",
            "dr",
            "prof",
            "st",
            "sr",
            "jr",
            "gen",
            "col",
            "lt",
            "rev",
            "hon",
            "vs",
            "fig",
            "no",
            "nr",
            "vol",
            "pp",
        ),
        *("cf", "ca", "al", "sra", "dra", "bzw", "mme", "mlle", "dott", "ing", "тов", "им", "ул"),
    )
)
_CLAUSE = re.compile(r"[;,:،؛、，；：–—]\s?")
_BLANK = re.compile(r"\s+")
_UNSPACED = (  # Thai and Lao, Burmese, Khmer, Chinese and Japanese
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF)),
    *((0x2E80, 0x9FFF), (0xF900, 0xFAFF), (0xFF00, 0xFFEF), (0x20000, 0x3FFFF)),
)


def sentences(text: str, longest: int = LONGEST) -> list[str]:
    """The sentences of a text, each with the white space after it; "".join of them is the text."""
    pieces: list[str] = []
    for line in text.splitlines(keepends=True):
        for piece in _marked(line):
            if piece.isspace() and pieces:
                pieces[-1] += piece
            else:
                pieces += _cut(piece, longest)
    return pieces


@cache
def _marks() -> re.Pattern[str]:
    """Matches a mark that ends a sentence; Philippine scripts name theirs "punctuation"."""
    points = np.flatnonzero(flags() & STOP).tolist()
    return re.compile("[" + re.escape("".join(map(chr, points)) + "\u1735\u1736") + "]")


def _unspaced(character: str) -> bool:
    return any(low <= ord(character) <= high for low, high in _UNSPACED)


def _marked(line: str) -> Iterator[str]:
    """A line cut after the marks that end its sentences."""
    start = place = 0
    while place < len(line):
        match = _marks().search(line, place)
        if match is None:
            break
        mark, stop = match.span()
        while stop < len(line) and (_marks().match(line, stop) or line[stop] in CLOSING + "」』）】》"):
            stop += 1
        after = stop
        while after < len(line) and line[after].isspace():
            after += 1
        place = stop
        if _ends(line, start, mark, stop, after):
            yield line[start:after]
            start = place = after
    if start < len(line):
        yield line[start:]


def _ends(line: str, start: int, mark: int, stop: int, after: int) -> bool:
    if after == len(line):
        return False  # the line ends here anyway
    if after == stop:
        return _unspaced(line[mark]) or (line[mark] not in ".?!" and _unspaced(line[after]))
    if line[after].islower():
        return False
    if line[mark] != "." or stop - mark > 1:
        return True
    word = line[start:mark].rpartition(" ")[2].lstrip("(\"'“«[")
    initial = len(word) == 1 and word.isalpha() and not _unspaced(word)
    numbered = word.isdigit() and not line[start:mark].removesuffix(word).strip()
    return not (initial or numbered or "." in word or word.casefold() in _TITLES)


def _cut(piece: str, longest: int) -> Iterator[str]:
    """A piece cut into parts of at most `longest` characters and the white space that follows."""
    start = 0
    while len(piece) - start > longest and len(piece[start:].rstrip()) > longest:
        half = start + longest // 2
        for expression in (_CLAUSE, _BLANK):
            ends = [match.end() for match in expression.finditer(piece, half, start + longest)]
            if ends:
                end = ends[-1]
                break
        else:
            end = start + longest
        while end < len(piece) and piece[end].isspace():
            end += 1
        yield piece[start:end]
        start = end
    if start < len(piece):
        yield piece[start:]
