"""The quality and repetition statistics of Gopher, and its rules.

Source: Rae et al. 2021, "Scaling Language Models: Methods, Analysis & Insights from Training Gopher", arXiv 2112.11446,
section A.1.1 and Table A1. Made for English (stop words, lengths of words); repetition suits any language that writes spaces
between words. With `tamis.data.scores.language.english()` before them, texts in other languages are counted as such. Use:
`dataset.keep(*gopher.quality(), *gopher.repetition())`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from tamis.data.score import Column, Rule, Score, Value
from tamis.data.scores.text import code_points, known, lines, paragraphs, record, share, shares
from tamis.kernels import repeats, words
from tamis.kernels.jit import buffers
from tamis.kernels.unicode import flags

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")  # section A.1.1


@dataclass(frozen=True)
class GopherQuality(Score):
    """Word, symbol and line statistics of section A.1.1, over white-space words and lines (see `tamis.data.scores.text`).

    Where datatrove 0.10.1 differs, given the same white-space words: it leaves words of punctuation alone out of the word count
    and the mean length; its line shares count blank lines too, and it also cuts lines at U+2028 and its like.
    """

    unicode: ClassVar[bool] = True

    stop_words: tuple[str, ...] = STOP_WORDS
    """Words to look for, as they stand in the text (case matters)."""
    bullets: str = "•-"
    """Characters that make a line a bullet point when it begins with one."""

    words = Column("Number of words.", "int64")
    mean_word_length = Column("Code points per word.")
    hash_ratio = Column("'#' characters per word.")
    ellipsis_ratio = Column("Ellipses ('...' or U+2026) per word.")
    bullet_lines = Column("Share of lines that begin with a bullet.")
    ellipsis_lines = Column("Share of lines that end in an ellipsis.")
    alphabetic_words = Column("Share of words with at least one alphabetic character (str.isalpha).")
    stop_words_present = Column("How many of the stop words occur.", "int64")

    def __post_init__(self) -> None:
        if len(set(self.stop_words)) < len(self.stop_words) or any(w.split() != [w] for w in self.stop_words):
            raise ValueError("stop_words: each must be one word without white space, and none twice")

    def score(self, text: str) -> tuple[Value, ...]:
        """The definition."""
        found, rows = text.split(), lines(text)
        return (
            len(found),
            share(sum(map(len, found)), len(found)),
            share(text.count("#"), len(found)),
            share(text.count("...") + text.count("…"), len(found)),
            share(sum(line[0] in self.bullets for line in rows), len(rows)),
            share(sum(line.endswith(("...", "…")) for line in rows), len(rows)),
            share(sum(any(map(str.isalpha, word)) for word in found), len(found)),
            len(set(self.stop_words).intersection(found)),
        )

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        stop_words = known(sorted(self.stop_words, key=str.encode))
        n = words.quality(*buffers(columns[0]), flags(), *stop_words, code_points(self.bullets)).T
        count, rows = n[words.WORDS], n[words.LINES]
        return record(
            self,
            (
                count,
                shares(n[words.CHARACTERS], count),
                shares(n[words.HASHES], count),
                shares(n[words.ELLIPSES], count),
                shares(n[words.BULLETS], rows),
                shares(n[words.TRAILING], rows),
                shares(n[words.LETTERED], count),
                n[words.STOP_WORDS],
            ),
        )


@dataclass(frozen=True)
class GopherRepetition(Score):
    """How much of a text repeats itself, by Table A1.

    A line or paragraph is a duplicate if an equal one came before: the first is not counted. Characters in duplicates are
    divided by all code points of the text.

    *Top n-gram*: occurrences of the most frequent n-gram (the earliest among equally frequent) times its length, written with
    single spaces, over all code points. Occurrences may overlap, so a text like "ha ha ha" exceeds 1; a text of at least n
    words without any repetition has its first n-gram, once.

    *Duplicate n-grams*: read from left to right; an n-gram that was met before counts its words' code points (without spaces),
    and reading goes on after it, so no position counts twice and the first occurrence does not count; any other n-gram is met,
    and reading goes on at the next word.

    These are the definitions of datatrove 0.10.1, so that thresholds carry over. It differs, given the same white-space words:
    it compares lines unstripped and counts an empty line at either end; it takes a line of white space for text rather than for
    the end of a paragraph; and its duplicate n-grams are compared with the words run together ("ab c" equals "a bc").
    """

    unicode: ClassVar[bool] = True

    duplicate_lines = Column("Share of lines that equal an earlier one.")
    duplicate_paragraphs = Column("Share of paragraphs that equal an earlier one.")
    duplicate_line_characters = Column("Code points in duplicate lines over all.")
    duplicate_paragraph_characters = Column("Code points in duplicate paragraphs over all.")
    top_2_gram_characters = Column("Code points in the most frequent 2-gram over all.")
    top_3_gram_characters = Column("The same for 3 words.")
    top_4_gram_characters = Column("The same for 4 words.")
    duplicate_5_gram_characters = Column("Code points in duplicate 5-grams over all.")
    duplicate_6_gram_characters = Column("The same for 6 words.")
    duplicate_7_gram_characters = Column("The same for 7 words.")
    duplicate_8_gram_characters = Column("The same for 8 words.")
    duplicate_9_gram_characters = Column("The same for 9 words.")
    duplicate_10_gram_characters = Column("The same for 10 words.")

    def score(self, text: str) -> tuple[Value, ...]:
        """The definition."""
        found, size = text.split(), len(text)
        line_count, line_length = duplicates(rows := lines(text))
        paragraph_count, paragraph_length = duplicates(blocks := paragraphs(text))
        return (
            share(line_count, len(rows)),
            share(paragraph_count, len(blocks)),
            share(line_length, size),
            share(paragraph_length, size),
            *(share(top_ngram(found, n), size) for n in (2, 3, 4)),
            *(share(duplicate_ngrams(found, n), size) for n in (5, 6, 7, 8, 9, 10)),
        )

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        n = repeats.repetition(*buffers(columns[0]), flags()).T
        size = n[repeats.CHARACTERS]
        return record(
            self,
            (
                shares(n[repeats.DUPLICATE_LINES], n[repeats.LINES]),
                shares(n[repeats.DUPLICATE_PARAGRAPHS], n[repeats.PARAGRAPHS]),
                shares(n[repeats.LINE_CHARACTERS], size),
                shares(n[repeats.PARAGRAPH_CHARACTERS], size),
                *(shares(column, size) for column in n[repeats.NGRAMS :]),
            ),
        )


def duplicates(parts: Sequence[str]) -> tuple[int, int]:
    """How many parts equal an earlier one, and their code points."""
    later = [part for part, count in Counter(parts).items() for _ in range(count - 1)]
    return len(later), sum(map(len, later))


def top_ngram(found: Sequence[str], n: int) -> int:
    """Occurrences of the most frequent n-gram times its code points; 0 if there are fewer than n words."""
    counts = Counter(tuple(found[i : i + n]) for i in range(len(found) - n + 1))
    return max((count * len(" ".join(ngram)) for ngram, count in counts.most_common(1)), default=0)


def duplicate_ngrams(found: Sequence[str], n: int) -> int:
    """Code points of the n-grams met before, read from left to right without overlap."""
    met: set[tuple[str, ...]] = set()
    total, i = 0, 0
    while i + n <= len(found):
        ngram = tuple(found[i : i + n])
        if ngram in met:
            total += sum(map(len, ngram))
            i += n
        else:
            met.add(ngram)
            i += 1
    return total


def quality() -> tuple[Rule, ...]:
    """The quality rules of Gopher, section A.1.1."""
    score = GopherQuality()
    return (
        Rule(score.words, min=50, max=100_000),
        Rule(score.mean_word_length, min=3, max=10),
        Rule(score.hash_ratio, max=0.1),
        Rule(score.ellipsis_ratio, max=0.1),
        Rule(score.bullet_lines, max=0.9),
        Rule(score.ellipsis_lines, max=0.3),
        Rule(score.alphabetic_words, min=0.8),
        Rule(score.stop_words_present, min=2),
    )


def repetition() -> tuple[Rule, ...]:
    """The repetition rules of Gopher, Table A1."""
    score = GopherRepetition()
    return (
        Rule(score.duplicate_lines, max=0.30),
        Rule(score.duplicate_paragraphs, max=0.30),
        Rule(score.duplicate_line_characters, max=0.20),
        Rule(score.duplicate_paragraph_characters, max=0.20),
        Rule(score.top_2_gram_characters, max=0.20),
        Rule(score.top_3_gram_characters, max=0.18),
        Rule(score.top_4_gram_characters, max=0.16),
        Rule(score.duplicate_5_gram_characters, max=0.15),
        Rule(score.duplicate_6_gram_characters, max=0.14),
        Rule(score.duplicate_7_gram_characters, max=0.13),
        Rule(score.duplicate_8_gram_characters, max=0.12),
        Rule(score.duplicate_9_gram_characters, max=0.11),
        Rule(score.duplicate_10_gram_characters, max=0.10),
    )
