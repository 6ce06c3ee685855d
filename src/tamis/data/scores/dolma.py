"""The statistics of Dolma's web rules, and its rules.

Source: Soldaini et al. 2024, "Dolma", arXiv 2402.00159, section 4.1; what is counted is that of its released tagger (`gopher_v1`
of the toolkit), bounds are those of its mixing configuration (`dolma-v1_6/mixing/cc-head.yaml`). Made for English. Words, and
words with letters, are those of `GopherQuality`. Use: `pages.keep(*dolma.quality(), *dolma.repetition())`; the whole chain is
`tamis.data.presets.dolma_web`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import ClassVar

import pyarrow as pa

from tamis.data.score import Column, Rule, Score, Value
from tamis.data.scores.gopher import STOP_WORDS, GopherQuality
from tamis.data.scores.text import code_points, copied, known, lines, record, share, shares
from tamis.kernels import copies, usage
from tamis.kernels.jit import buffers
from tamis.kernels.unicode import flags

BULLETS = "*-"
SYMBOLS = ("#", "…")
LOOP = 13


@dataclass(frozen=True)
class DolmaQuality(Score):
    """Word and line statistics of Dolma that differ from Gopher's.

    Where its tagger differs: it does not strip lines, and blank ones count.
    """

    unicode: ClassVar[bool] = True

    median_word_length = Column("Median of the words' code points; 0 without words.")
    symbol_words = Column("Share of words that hold '#' or U+2026.")
    stop_words = Column("Occurrences of Gopher's stop words as they stand.", "int64")
    bullet_lines = Column("Share of lines that begin with * or -.")
    ellipsis_lines = Column("Share of lines that end in U+2026.")

    def score(self, text: str) -> tuple[Value, ...]:
        """The definition."""
        found, rows = text.split(), lines(text)
        return (
            float(median(map(len, found))) if found else 0.0,
            share(sum(any(symbol in word for symbol in SYMBOLS) for word in found), len(found)),
            sum(word in STOP_WORDS for word in found),
            share(sum(line[0] in BULLETS for line in rows), len(rows)),
            share(sum(line.endswith("…") for line in rows), len(rows)),
        )

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        stop_words = known(sorted(STOP_WORDS, key=str.encode))
        n = usage.usage(*buffers(columns[0]), flags(), *stop_words, False, code_points(BULLETS)).T
        return record(
            self,
            (
                n[usage.TWICE_MEDIAN] / 2,
                shares(n[usage.SYMBOL_WORDS], n[usage.WORDS]),
                n[usage.STOP_WORDS],
                shares(n[usage.BULLETS], n[usage.LINES]),
                shares(n[usage.SINGLE], n[usage.LINES]),
            ),
        )


@dataclass(frozen=True)
class DolmaRepetition(Score):
    """How much of a text occurs more than once, every occurrence counted; shares are of code points in white-space words.

    *Top n-gram*: occurrences of the most frequent n-gram, the earliest of equals, times its length, even if it occurs once.
    *Repeated n-grams*: the length of all occurrences of n-grams that occur twice over that of all n-grams, so a word may count
    several times. *Loops*: the most times that one sequence of at most 13 words stands in a row. Where Dolma differs: blank lines
    are lines to it, and equal ones; lines are not stripped; and its loops are of tokens of the GPT-NeoX tokenizer.
    """

    unicode: ClassVar[bool] = True

    copied_lines = Column("Share of lines that equal another.")
    copied_line_characters = Column("Code points in those lines, spaces too.")
    top_2_gram_characters = Column("Code points in the most frequent 2-gram.")
    top_3_gram_characters = Column("The same for 3 words.")
    top_4_gram_characters = Column("The same for 4 words.")
    repeated_5_gram_characters = Column("Code points in repeated 5-grams, over those in all 5-grams.")
    repeated_6_gram_characters = Column("The same for 6 words.")
    repeated_7_gram_characters = Column("The same for 7 words.")
    repeated_8_gram_characters = Column("The same for 8 words.")
    repeated_9_gram_characters = Column("The same for 9 words.")
    repeated_10_gram_characters = Column("The same for 10 words.")
    loops = Column("Times in a row.", "int64")

    def score(self, text: str) -> tuple[Value, ...]:
        """The definition."""
        found, rows = text.split(), lines(text)
        size = sum(map(len, found))
        count, length = copied(rows)
        return (
            share(count, len(rows)),
            share(length, size),
            *(share(top_ngram(found, n), size) for n in (2, 3, 4)),
            *(share(*repeated_ngrams(found, n)) for n in (5, 6, 7, 8, 9, 10)),
            loops(found),
        )

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        n = copies.copies(*buffers(columns[0]), flags(), False).T
        size = n[copies.WORD_CHARACTERS]
        return record(
            self,
            (
                shares(n[copies.COPIED_LINES], n[copies.LINES]),
                shares(n[copies.COPIED_LINE_CHARACTERS], size),
                *(shares(n[copies.EARLIEST + k], size) for k in range(3)),
                *(shares(n[copies.COPIED + k], n[copies.ALL + k]) for k in range(6)),
                n[copies.LOOPS],
            ),
        )


def top_ngram(found: Sequence[str], n: int) -> int:
    """Occurrences of the most frequent n-gram times its code points, the earliest of equals; 0 with fewer than n words."""
    counts = Counter(tuple(found[i : i + n]) for i in range(len(found) - n + 1))
    return max((count * sum(map(len, ngram)) for ngram, count in counts.most_common(1)), default=0)


def repeated_ngrams(found: Sequence[str], n: int) -> tuple[int, int]:
    """Code points of all occurrences of n-grams that occur more than once, and of all n-grams."""
    counts = Counter(tuple(found[i : i + n]) for i in range(len(found) - n + 1))
    lengths = {ngram: count * sum(map(len, ngram)) for ngram, count in counts.items()}
    return sum(length for ngram, length in lengths.items() if counts[ngram] > 1), sum(lengths.values())


def loops(found: Sequence[str]) -> int:
    """The most times that one sequence of at most LOOP words stands in a row; 0 without words."""
    most = min(len(found), 1)
    for period in range(1, LOOP + 1):
        run = 0
        for i in range(period, len(found)):
            run = run + 1 if found[i] == found[i - period] else 0
            most = max(most, run // period + 1 if run >= period else 1)
    return most


def quality() -> tuple[Rule, ...]:
    """Dolma's form of Gopher's quality rules."""
    score, gopher = DolmaQuality(), GopherQuality()
    return (
        Rule(gopher.words, min=50, max=100_000),
        Rule(score.median_word_length, min=3, max=10),
        Rule(score.symbol_words, max=0.1),
        Rule(gopher.alphabetic_words, min=0.8),
        Rule(score.stop_words, min=2),
        Rule(score.bullet_lines, max=0.9),
        Rule(score.ellipsis_lines, max=0.3),
    )


def repetition(as_run: bool = False) -> tuple[Rule, ...]:
    """Dolma's form of Gopher's repetition rules, and its bound on loops.

    `as_run` leaves out those on the most frequent n-grams: the configuration names them without the final "s" of the tagger's
    attributes ("most_common_2gram", written "most_common_2grams"), so in the toolkit as published they never drop a page.
    """
    score = DolmaRepetition()
    top = (
        Rule(score.top_2_gram_characters, max=0.20),
        Rule(score.top_3_gram_characters, max=0.18),
        Rule(score.top_4_gram_characters, max=0.16),
    )
    return (
        Rule(score.copied_lines, max=0.30),
        Rule(score.copied_line_characters, max=0.30),
        *(() if as_run else top),
        Rule(score.repeated_5_gram_characters, max=0.15),
        Rule(score.repeated_6_gram_characters, max=0.14),
        Rule(score.repeated_7_gram_characters, max=0.13),
        Rule(score.repeated_8_gram_characters, max=0.12),
        Rule(score.repeated_9_gram_characters, max=0.11),
        Rule(score.repeated_10_gram_characters, max=0.10),
        Rule(score.loops, max=99),
    )
