"""What source files are judged by: lines, kinds of characters, and long runs of base64.

Invariant: everything is counted in one pass over the bytes of a text; lengths are in code points. A line is what stands between
two "\\n", not stripped. `flags` is the table of `tamis.kernels.unicode`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.kernels.jit import njit
from tamis.kernels.text import NEWLINE, code_point
from tamis.kernels.unicode import ALPHANUMERIC, LETTER, SPACE

CHARACTERS, LINES, LONGEST, LETTERS, ALPHANUMERICS, UNDERSCORES, BASE64, LONGEST_BASE64, WORDS, WORD_SQUARES, WORD_CHARACTERS = (
    range(11)
)
COLUMNS = 11
RUN = 64  # base64 characters in a row that count as encoded
EQUALS, PLUS, SLASH, UNDERSCORE = 61, 43, 47, 95


@njit
def statistics(data: Any, offsets: Any, flags: Any) -> Any:
    """Counts of every text, int64 [texts, COLUMNS]; WORD_SQUARES is the sum of squared lengths of words."""
    texts = len(offsets) - 1
    rows = np.zeros((texts, COLUMNS), np.int64)
    for t in range(texts):
        text, row = data[offsets[t] : offsets[t + 1]], rows[t]
        size = len(text)
        line, run, word, i = 0, 0, 0, 0
        while i < size:
            point, width = code_point(text, i)
            flag = flags[point]
            letter, alphanumeric = flag & LETTER != 0, flag & ALPHANUMERIC != 0
            row[CHARACTERS] += 1
            row[LETTERS] += letter
            row[ALPHANUMERICS] += alphanumeric
            row[UNDERSCORES] += point == UNDERSCORE
            if point == NEWLINE:
                row[LINES] += 1
                row[LONGEST] = max(row[LONGEST], line)
                line = 0
            else:
                line += 1
            if flag & SPACE == 0:
                word += 1
            elif word:
                close_word(row, word)
                word = 0
            if width == 1 and (alphanumeric or point in (NEWLINE, EQUALS, PLUS, SLASH)):
                run += 1
            elif run:
                close_run(row, run)
                run = 0
            i += width
        row[LINES] += 1
        row[LONGEST] = max(row[LONGEST], line)
        close_run(row, run)
        if word:
            close_word(row, word)
    return rows


@njit
def close_run(row: Any, run: int) -> None:
    """Count a run of base64 characters that has ended."""
    if run >= RUN:
        row[BASE64] += run
        row[LONGEST_BASE64] = max(row[LONGEST_BASE64], run)


@njit
def close_word(row: Any, word: int) -> None:
    """Count a word that has ended."""
    row[WORDS] += 1
    row[WORD_CHARACTERS] += word
    row[WORD_SQUARES] += word * word
