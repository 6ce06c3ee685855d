"""The line and page statistics of C4, and its page rules.

Source: Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", JMLR 21(140),
section 2.2 (a line has at least 5 words, a page at least 3 sentences); policy phrases, ellipsis and longest word as in the code
released with it (TensorFlow Datasets, `c4_utils.py`). Made for English, as its phrases are. Its word list and deduplication are
not part of this. The edit that removes the lines is `tamis.data.edits.c4.C4Lines`. Use: `dataset.keep(*c4.quality())`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from tamis.data.score import Column, Rule, Score, Value
from tamis.data.scores.text import code_points, known, lines, record, share, shares
from tamis.kernels import lines as kernel
from tamis.kernels.jit import buffers
from tamis.kernels.unicode import flags, is_stop

CITATIONS = ("[edit]", "[citation needed]")
POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
CLOSING = "\"')]}”’»›"
ELLIPSES = ("...", "…")

_CITATION = re.compile(r"\[[0-9]*\]|" + "|".join(map(re.escape, CITATIONS)))
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def without_citations(text: str) -> str:
    """The text without the marks of Wikipedia: [12], [], [edit], [citation needed]."""
    return _CITATION.sub("", text)


def lower(text: str) -> str:
    """ASCII letters in lower case."""
    return text.translate(_ASCII_LOWER)


def sentences(line: str) -> int:
    """Words that end in a sentence-ending mark, closing quotes and brackets set aside; at least 1.

    The mark is `tamis.kernels.unicode.is_stop`. No list of abbreviations: "Mr. Smith went." has two. C4 used NLTK's Punkt.
    """
    return max(1, sum(is_stop(word.rstrip(CLOSING)[-1:] or " ") for word in line.split()))


@dataclass(frozen=True)
class C4Quality(Score):
    """What C4's heuristics look at, over lines stripped and freed of citation marks (`without_citations`).

    Phrases are found in ASCII letters of either case. Where datatrove 0.10.1 differs, given the same sentences: it wants 3
    words a line and 5 sentences a page, takes "'" for terminal too, counts the words of a line before citation marks are
    removed, looks for "lorem ipsum" and "{" only in lines that its other rules keep, and does not strip a line again after
    removing a mark at its end.
    """

    unicode: ClassVar[bool] = True

    terminal: str = '.?!"'
    """Characters that may end a line; an ellipsis may not."""
    min_words: int = 5
    """Fewer words make a line short."""
    max_word_length: int = 1000
    """A line with a longer word is not kept."""

    terminal_lines = Column("Share of lines that end in a terminal mark.")
    short_lines = Column("Share of lines with fewer than `min_words` words.")
    javascript_lines = Column("Share of lines with the word Javascript.")
    policy_lines = Column("Share of lines with a phrase of cookie banners and terms of use.")
    kept_lines = Column("Share of lines that none of C4's line rules removes.")
    sentences = Column("Sentences in those lines.", "int64")
    curly_brackets = Column("Occurrences of '{'.", "int64")
    lorem_ipsum = Column("Occurrences of 'lorem ipsum'.", "int64")

    def ends_well(self, line: str) -> bool:
        """Whether a line ends in a terminal mark."""
        return line[-1] in self.terminal and not line.endswith(ELLIPSES)

    def keeps(self, line: str) -> bool:
        """Whether C4 keeps a line (stripped, not blank, citation marks removed)."""
        found, small = line.split(), lower(line)
        return (
            self.ends_well(line)
            and len(found) >= self.min_words
            and max(map(len, found)) <= self.max_word_length
            and "javascript" not in small
            and not any(phrase in small for phrase in POLICIES)
        )

    def score(self, text: str) -> tuple[Value, ...]:
        """The definition."""
        text = without_citations(text)
        rows = lines(text)
        kept = [line for line in rows if self.keeps(line)]
        small = [lower(line) for line in rows]
        return (
            share(sum(map(self.ends_well, rows)), len(rows)),
            share(sum(len(line.split()) < self.min_words for line in rows), len(rows)),
            share(sum("javascript" in line for line in small), len(rows)),
            share(sum(any(phrase in line for phrase in POLICIES) for line in small), len(rows)),
            share(len(kept), len(rows)),
            sum(map(sentences, kept)),
            text.count("{"),
            lower(text).count("lorem ipsum"),
        )

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        n = kernel.c4(
            *buffers(columns[0]),
            flags(),
            code_points(self.terminal),
            code_points(CLOSING),
            *known(CITATIONS),
            *known(("lorem ipsum", "javascript", *POLICIES)),
            self.min_words,
            self.max_word_length,
        ).T
        rows = n[kernel.LINES]
        shared = (shares(n[i], rows) for i in (kernel.STOPPED, kernel.SHORT, kernel.JAVASCRIPT, kernel.POLICY, kernel.KEPT))
        return record(self, (*shared, n[kernel.SENTENCES], n[kernel.BRACKETS], n[kernel.LOREM]))


def quality() -> tuple[Rule, ...]:
    """The page rules of C4, section 2.2: no curly bracket, no lorem ipsum, at least 3 sentences in the lines kept."""
    score = C4Quality()
    return (Rule(score.curly_brackets, max=0), Rule(score.lorem_ipsum, max=0), Rule(score.sentences, min=3))
