"""The statistics that FineWeb adds to Gopher's and C4's, and its rules.

Source: Penedo et al. 2024, "The FineWeb Datasets", arXiv 2406.17557, its own heuristic filters: fewer than 12 % of lines ending
in punctuation, 10 % of characters in duplicated lines, 67 % of lines of at most 30 characters. The bound on newlines per word
is in its code (datatrove, `FineWebQualityFilter`) and not in the paper. Made for English web pages. Use:
`dataset.keep(*fineweb.quality())`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from tamis.data.score import Column, Rule, Score, Value
from tamis.data.scores.gopher import duplicates
from tamis.data.scores.text import lines, record, share, shares
from tamis.kernels import lines as kernel
from tamis.kernels.jit import buffers
from tamis.kernels.unicode import flags, is_stop


@dataclass(frozen=True)
class FineWebQuality(Score):
    """Line statistics of FineWeb.

    Where datatrove 0.10.1 differs, given the same white-space words: it strips no line, so one that ends in a space or a
    carriage return has no punctuation and is longer; it divides by all characters but newlines, we by those in lines; its marks
    are the Unicode property Sentence_Terminal, ours `tamis.kernels.unicode.is_stop`, equal but for Tibetan and a few rare
    scripts; and its bound on duplicated characters is 0.01, the paper's 0.1.
    """

    unicode: ClassVar[bool] = True

    short_line: int = 30
    """Longest line, in code points, that is short."""

    punctuated_lines = Column("Share of lines that end in a sentence-ending mark.")
    short_lines = Column("Share of lines of at most `short_line` code points.")
    duplicate_line_characters = Column("Code points in lines that equal an earlier one, over those in all lines.")
    newlines_per_word = Column("Newlines per word.")

    def score(self, text: str) -> tuple[Value, ...]:
        """The definition."""
        rows = lines(text)
        return (
            share(sum(is_stop(line[-1]) for line in rows), len(rows)),
            share(sum(len(line) <= self.short_line for line in rows), len(rows)),
            share(duplicates(rows)[1], sum(map(len, rows))),
            share(text.count("\n"), len(text.split())),
        )

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        n = kernel.fineweb(*buffers(columns[0]), flags(), self.short_line).T
        return record(
            self,
            (
                shares(n[kernel.STOPPED], n[kernel.LINES]),
                shares(n[kernel.SHORT], n[kernel.LINES]),
                shares(n[kernel.DUPLICATE_CHARACTERS], n[kernel.LINE_CHARACTERS]),
                shares(n[kernel.NEWLINES], n[kernel.WORDS]),
            ),
        )


def quality() -> tuple[Rule, ...]:
    """The rules of FineWeb, and the bound on newlines per word of its code. A text without lines fails the first."""
    score = FineWebQuality()
    return (
        Rule(score.punctuated_lines, min=0.12),
        Rule(score.short_lines, max=0.67),
        Rule(score.duplicate_line_characters, max=0.1),
        Rule(score.newlines_per_word, max=0.3),
    )
