"""The statistics of DCLM-baseline's heuristics, and its rules. The whole chain is `tamis.data.presets.dclm_baseline`.

Source: Li et al. 2024, "DataComp-LM", arXiv 2406.11794, which rebuilt the filters of RefinedWeb (Penedo et al. 2023, arXiv
2306.01116); bounds and what is counted are those of its released code and configuration (`dclm_baseline_refinedweb.yaml`). Made
for English. Where that code has a bug, `dclm_compat=True` repeats it. Use: `pages.keep(*dclm.quality(), *dclm.repetition())`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlparse

import pyarrow as pa
import pyarrow.compute as pc

from tamis.data.listing import Listing
from tamis.data.score import Column, Rule, Score, Value
from tamis.data.scores.c4 import lower
from tamis.data.scores.gopher import STOP_WORDS, GopherQuality
from tamis.data.scores.language import Language
from tamis.data.scores.text import code_points, copied, known, lines, paragraphs, record, share, shares
from tamis.kernels import copies, usage
from tamis.kernels.jit import buffers
from tamis.kernels.unicode import ALPHANUMERIC, LETTER, MARK, flags

BULLETS = "●•*-"
ELLIPSES = ("...", ". . .", "…")
SYMBOLS = ("#", *ELLIPSES)
WHOLE = 1 << 30  # characters: the language is that of all of a page
_TOKEN = re.compile(r"[^ \n\r\t\v\f\0]+")


def count_words(text: str, dclm_compat: bool = False) -> int:
    """White-space words with an alphanumeric character. DCLM's code misses those that begin with another, such as a quote; it
    parts words at ASCII white space and NUL."""
    if dclm_compat:
        return sum(token[0].isalnum() for token in _TOKEN.findall(text))
    return sum(any(map(str.isalnum, word)) for word in text.split())


@dataclass(frozen=True)
class DclmQuality(Score):
    """Word, symbol and line counts of DCLM that differ from Gopher's; its mean word length and words with letters are Gopher's.

    Where DCLM's code differs: it counts as words only those that begin with an alphanumeric character.
    """

    unicode: ClassVar[bool] = True

    dclm_compat: bool = False

    words = Column("Words with an alphanumeric character.", "int64")
    symbol_ratio = Column("'#' and ellipses ('...', '. . .' or U+2026) per white-space word.")
    bullet_lines = Column("Share of lines that begin with ●, •, * or -.")
    ellipsis_lines = Column("Share of lines that end in an ellipsis.")
    stop_words = Column("Occurrences of Gopher's stop words, in either case.", "int64")

    def score(self, text: str) -> tuple[Value, ...]:
        """The definition."""
        found, rows = text.split(), lines(text)
        return (
            count_words(text, self.dclm_compat),
            share(sum(map(text.count, SYMBOLS)), len(found)),
            share(sum(line[0] in BULLETS for line in rows), len(rows)),
            share(sum(line.endswith(ELLIPSES) for line in rows), len(rows)),
            sum(lower(word) in STOP_WORDS for word in found),
        )

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        stop_words = known(sorted(STOP_WORDS, key=str.encode))
        n = usage.usage(*buffers(columns[0]), flags(), *stop_words, True, code_points(BULLETS)).T
        return record(
            self,
            (
                n[usage.OPENED if self.dclm_compat else usage.SOLID],
                shares(n[usage.SYMBOLS], n[usage.WORDS]),
                shares(n[usage.BULLETS], n[usage.LINES]),
                shares(n[usage.DOTTED] + n[usage.SPACED], n[usage.LINES]),
                n[usage.STOP_WORDS],
            ),
        )


@dataclass(frozen=True)
class DclmRepetition(Score):
    """How much of a text occurs more than once, every occurrence counted, so higher than `GopherRepetition`.

    Words are those of `words`; shares of n-grams are of the code points in words. *Top n-gram*: occurrences of the most frequent
    n-gram times its length, the longest of equals; 0 if none occurs twice. *Repeated n-grams*: words inside any n-gram that
    occurs twice. Where DCLM's code differs: it cuts words by UAX 29, which also parts them at the letters of Chinese, Japanese
    and Thai, and paragraphs at empty lines only.
    """

    unicode: ClassVar[bool] = True

    copied_lines = Column("Share of lines that equal another.")
    copied_paragraphs = Column("Share of paragraphs that equal another.")
    copied_line_characters = Column("Code points in those lines over those in all lines.")
    copied_paragraph_characters = Column("Code points in those paragraphs over those in all paragraphs.")
    top_2_gram_characters = Column("Code points in the most frequent 2-gram, over those in words.")
    top_3_gram_characters = Column("The same for 3 words.")
    top_4_gram_characters = Column("The same for 4 words.")
    repeated_5_gram_characters = Column("Code points of words in repeated 5-grams, over those in words.")
    repeated_6_gram_characters = Column("The same for 6 words.")
    repeated_7_gram_characters = Column("The same for 7 words.")
    repeated_8_gram_characters = Column("The same for 8 words.")
    repeated_9_gram_characters = Column("The same for 9 words.")
    repeated_10_gram_characters = Column("The same for 10 words.")

    def score(self, text: str) -> tuple[Value, ...]:
        """The definition."""
        found, rows, blocks = words(text), lines(text), paragraphs(text)
        size = sum(map(len, found))
        line_count, line_length = copied(rows)
        block_count, block_length = copied(blocks)
        return (
            share(line_count, len(rows)),
            share(block_count, len(blocks)),
            share(line_length, sum(map(len, rows))),
            share(block_length, sum(map(len, blocks))),
            *(share(top_ngram(found, n), size) for n in (2, 3, 4)),
            *(share(repeated_ngrams(found, n), size) for n in (5, 6, 7, 8, 9, 10)),
        )

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        n = copies.copies(*buffers(columns[0]), flags(), True).T
        size = n[copies.WORD_CHARACTERS]
        return record(
            self,
            (
                shares(n[copies.COPIED_LINES], n[copies.LINES]),
                shares(n[copies.COPIED_PARAGRAPHS], n[copies.PARAGRAPHS]),
                shares(n[copies.COPIED_LINE_CHARACTERS], n[copies.LINE_CHARACTERS]),
                shares(n[copies.COPIED_PARAGRAPH_CHARACTERS], n[copies.PARAGRAPH_CHARACTERS]),
                *(shares(n[copies.LONGEST + k], size) for k in range(3)),
                *(shares(n[copies.COVERED + k], size) for k in range(6)),
            ),
        )


def words(text: str) -> list[str]:
    """Longest runs of letters, marks and digits, close to the word boundaries of UAX 29: a full stop or apostrophe between two
    letters (or marks) or two digits belongs to the word, and so does a colon between letters and a comma between digits."""
    kinds = [0, *(1 if f & (LETTER | MARK) else 2 if f & ALPHANUMERIC else 0 for f in flags()[[*map(ord, text)]].tolist()), 0]
    joined = (".'’:", ".'’,")
    out = [
        character if here or (before and before == after and character in joined[before - 1]) else " "
        for character, before, here, after in zip(text, kinds, kinds[1:], kinds[2:], strict=False)
    ]
    return "".join(out).split()


def top_ngram(found: Sequence[str], n: int) -> int:
    """Occurrences of the most frequent n-gram times its code points, the longest of equals; 0 if none occurs twice."""
    counts = Counter(tuple(found[i : i + n]) for i in range(len(found) - n + 1))
    most = max(counts.values(), default=0)
    return most * max(sum(map(len, ngram)) for ngram, count in counts.items() if count == most) if most > 1 else 0


def repeated_ngrams(found: Sequence[str], n: int) -> int:
    """Code points of the words inside n-grams that occur more than once."""
    ngrams = [tuple(found[i : i + n]) for i in range(len(found) - n + 1)]
    counts = Counter(ngrams)
    inside = {j for i, ngram in enumerate(ngrams) if counts[ngram] > 1 for j in range(i, i + n)}
    return sum(len(found[j]) for j in inside)


@dataclass(frozen=True)
class DclmAddress(Score):
    """Bans by address as DCLM's code applies them, for `dclm_compat`.

    A domain is looked up as the whole host and port without any "www", so that "www.bad.org" (then ".bad.org") and subdomains
    pass; "_" does not part words.
    """

    reads: ClassVar[tuple[str, ...]] = ("url",)

    domains: Listing | None = None
    hard: Listing | None = None
    soft: Listing | None = None

    banned_domain = Column("Whether the host is listed.", "bool")
    hard_words = Column("Different hard words.", "int64")
    soft_words = Column("Different soft words.", "int64")

    def score(self, url: str) -> tuple[Value, ...]:
        """The definition."""
        try:
            host = urlparse(url).netloc.lower().replace("www", "")
        except ValueError:
            host = ""
        found = set(re.findall(r"\w+", url.lower()))
        banned = self.domains is not None and host in self.domains.entries()
        return banned, *(len(words.entries() & found) if words else 0 for words in (self.hard, self.soft))


@dataclass(frozen=True)
class GluedLanguage(Score):
    """The language of a whole text whose newlines are left out, so that the words beside them run together, for `dclm_compat`."""

    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = Language.libraries

    language: Language = field(default_factory=lambda: Language(characters=WHOLE))

    label = Column("As `Language.label`.", "string")
    confidence = Column("As `Language.confidence`.")

    def score(self, text: str) -> Value | tuple[Value, ...]:
        """The definition."""
        return self.language.score(text.replace("\n", ""))

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        return record(self, self.language.score_batch(pc.replace_substring(columns[0], "\n", "")).columns)


def quality(dclm_compat: bool = False) -> tuple[Rule, ...]:
    """Steps 10 to 16: words, mean word length, symbols, bullets, ellipses, words with letters, stop words."""
    score, gopher = DclmQuality(dclm_compat), GopherQuality()
    return (
        Rule(score.words, min=50, max=100_000),
        Rule(gopher.mean_word_length, min=3, max=10),
        Rule(score.symbol_ratio, max=0.1),
        Rule(score.bullet_lines, max=0.9),
        Rule(score.ellipsis_lines, max=0.3),
        Rule(gopher.alphabetic_words, min=0.8),
        Rule(score.stop_words, min=2),
    )


def repetition() -> tuple[Rule, ...]:
    """Step 17: the bounds of Gopher's Table A1 on DCLM's counts."""
    score = DclmRepetition()
    return (
        Rule(score.copied_lines, max=0.30),
        Rule(score.copied_paragraphs, max=0.30),
        Rule(score.copied_line_characters, max=0.20),
        Rule(score.copied_paragraph_characters, max=0.20),
        Rule(score.top_2_gram_characters, max=0.20),
        Rule(score.top_3_gram_characters, max=0.18),
        Rule(score.top_4_gram_characters, max=0.16),
        Rule(score.repeated_5_gram_characters, max=0.15),
        Rule(score.repeated_6_gram_characters, max=0.14),
        Rule(score.repeated_7_gram_characters, max=0.13),
        Rule(score.repeated_8_gram_characters, max=0.12),
        Rule(score.repeated_9_gram_characters, max=0.11),
        Rule(score.repeated_10_gram_characters, max=0.10),
    )
