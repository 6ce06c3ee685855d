"""The document statistics of ROOTS, and its cutoffs for 13 languages.

Source: Laurençon et al. 2022, "The BigScience ROOTS Corpus", arXiv 2303.03915, and the code of its OSCAR part
(`01b_oscar_cleaning_and_filtering`). The lists of stop words and flagged words are not shipped: bring them as files of one word
a line. The bound on perplexity needs a model and is not part of this. Use:
`pages.edit(RootsWords(45)).keep(*roots.quality("fr", stop_words="stop-fr.txt", flagged_words="flagged-fr.txt"))`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.errors import TamisError, UsageError
from tamis.data.score import Column, Rule, Score, Value
from tamis.data.scores.language import Language
from tamis.data.scores.text import record, share, shares
from tamis.kernels import ratios as kernel
from tamis.kernels.jit import buffers
from tamis.kernels.shingle import lower_of, table
from tamis.kernels.unicode import LETTER, MARK, flags


class Cutoffs(NamedTuple):
    """One row of ROOTS' table: bounds of `RootsQuality`, of the language's probability, and the longest word of `RootsWords`."""

    max_word_length: int
    min_words: int
    character_repetition: float
    word_repetition: float
    special_characters: float
    stop_words: float
    flagged_words: float
    language: float
    character_ngram: int = 10
    word_ngram: int = 5


CUTOFFS = {
    "ar": Cutoffs(25, 20, 0.20, 0.34, 0.30, 0.07, 0.03, 0.81),
    "bn": Cutoffs(20, 33, 0.13, 0.21, 0.45, 0.002, 0.001, 0.95),
    "ca": Cutoffs(20, 15, 0.20, 0.40, 0.25, 0.25, 0.10, 0.80),
    "en": Cutoffs(25, 20, 0.106, 0.19, 0.40, 0.30, 0.01, 0.80),
    "es": Cutoffs(25, 16, 0.14, 0.25, 0.34, 0.40, 0.01, 0.80),
    "eu": Cutoffs(28, 8, 0.20, 0.40, 0.31, 0.05, 0.10, 0.70),
    "fr": Cutoffs(45, 13, 0.14, 0.13, 0.34, 0.27, 0.008, 0.80),
    "hi": Cutoffs(25, 38, 0.18, 0.47, 0.45, 0.01, 0.005, 0.90),
    "id": Cutoffs(30, 15, 0.15, 0.20, 0.34, 0.15, 0.01, 0.70),
    "pt": Cutoffs(19, 19, 0.25, 0.98, 0.35, 0.20, 0.007, 0.60),
    "ur": Cutoffs(20, 25, 0.19, 0.50, 0.25, 0.01, 0.025, 0.90, word_ngram=7),
    "vi": Cutoffs(25, 30, 0.15, 0.20, 0.34, 0.08, 0.005, 0.90),
    "zh": Cutoffs(1000, 1, 0.20, 0.96, 0.30, 0.1691, 0.001, 0.85, character_ngram=3),
}
MAX_WORDS = 100_000
IN_PAIRS = ("vi",)  # listed words may be two syllables
UNSPACED = ("zh",)  # ROOTS cut it into words with a SentencePiece model


@dataclass(frozen=True)
class RootsQuality(Score):
    """Statistics of ROOTS over white-space words, stripped of special characters and in lower case (by code points).

    *Character repetition*: of all character n-grams, the share taken by the k most frequent ones, k = min(floor(sqrt(distinct)),
    distinct that occur more than once). *Word repetition*: the share of word n-grams that occur more than once. *Special* is
    what is neither a letter nor a mark (Unicode L, M), so also digits and white space; ROOTS lists its special characters and
    emoji by hand, among them some letters and Devanagari vowel signs, and breaks words at blank, tab and newline only.
    """

    unicode: ClassVar[bool] = True

    stop_words: tuple[str, ...] = ()
    flagged_words: tuple[str, ...] = ()
    character_ngram: int = 10
    word_ngram: int = 5
    pairs: bool = False
    """Also look up two words in a row, with a space between, in the lists; the shares stay per word."""

    words = Column("Number of words.", "int64")
    character_repetition = Column("Share of the most frequent character n-grams.")
    word_repetition = Column("Share of word n-grams that occur more than once.")
    special_characters = Column("Share of code points that are neither letters nor marks.")
    stop_word_share = Column("Listed stop words per word, at most 1.")
    flagged_word_share = Column("Listed flagged words per word, at most 1.")

    def __post_init__(self) -> None:
        if min(self.character_ngram, self.word_ngram) < 1:
            raise UsageError("RootsQuality: n-grams have at least one character or word")

    def score(self, text: str) -> tuple[Value, ...]:
        """The definition."""
        found = words(text)
        ngrams = [tuple(found[i : i + self.word_ngram]) for i in range(len(found) - self.word_ngram + 1)]
        repeated = [count for count in Counter(ngrams).values() if count > 1]
        looked_up = found + [" ".join(pair) for pair in pairwise(found)] if self.pairs else found
        stop, flagged = set(normalised(self.stop_words)), set(normalised(self.flagged_words))
        return (
            len(found),
            character_repetition(text, self.character_ngram),
            share(sum(repeated), len(ngrams)),
            share(sum(map(is_special, text)), len(text)),
            min(1.0, share(sum(w in stop for w in looked_up), len(found))),
            min(1.0, share(sum(w in flagged for w in looked_up), len(found))),
        )

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        lists = (_hashes(self.stop_words, self.pairs), _hashes(self.flagged_words, self.pairs))
        sizes = (self.character_ngram, self.word_ngram)
        n = kernel.ratios(*buffers(columns[0]), flags(), table(), *sizes, *lists, self.pairs).T
        found = n[kernel.WORDS]
        return record(
            self,
            (
                found,
                shares(n[kernel.TOP], n[kernel.CHARACTER_NGRAMS]),
                shares(n[kernel.REPEATED], n[kernel.WORD_NGRAMS]),
                shares(n[kernel.SPECIAL], n[kernel.CHARACTERS]),
                np.minimum(shares(n[kernel.STOP_WORDS], found), 1.0),
                np.minimum(shares(n[kernel.FLAGGED], found), 1.0),
            ),
        )


def is_special(character: str) -> bool:
    """Whether a character is neither a letter nor a mark."""
    return not flags()[ord(character)] & (LETTER | MARK)


def words(text: str) -> list[str]:
    """White-space words, stripped of special characters at both ends, in lower case; those without a letter or mark are none."""
    return [found for word in text.split() if (found := _stripped(word))]


def _stripped(word: str) -> str:
    inner = [i for i, character in enumerate(word) if not is_special(character)]
    return "".join(map(lower_of, word[inner[0] : inner[-1] + 1])) if inner else ""


def normalised(entries: Sequence[str]) -> list[str]:
    """Entries of a list as words of a text are; an entry of several words is joined by single spaces."""
    return [" ".join(found) for entry in entries if (found := words(entry))]


def character_repetition(text: str, n: int) -> float:
    """See `RootsQuality`."""
    counts = sorted(Counter(text[i : i + n] for i in range(len(text) - n + 1)).values(), reverse=True)
    most = min(int(np.sqrt(len(counts))), len(counts) - counts.count(1))
    return share(sum(counts[:most]), sum(counts))


def _hashes(entries: Sequence[str], pairs: bool) -> npt.NDArray[np.uint64]:
    """Sorted hashes of the entries of one word, and with `pairs` of those of two."""
    out = []
    for entry in normalised(entries):
        if (size := entry.count(" ") + 1) > 1 + pairs:
            continue
        text = np.frombuffer(entry.encode(), np.uint8)
        hashes, points = np.empty(len(text) + 1, np.uint64), np.empty(len(text) + 1, np.int32)
        kernel.hash_words(text, flags(), table(), hashes, points, np.zeros(kernel.COLUMNS, np.int64))
        if size == 2:
            kernel.combine(hashes, 2, 2, hashes)
        out.append(hashes[0])
    return np.unique(np.array(out, np.uint64))


def word_list(path: str | Path) -> tuple[str, ...]:
    """The words of a file, one a line, sorted; blank lines and lines that begin with # do not count."""
    try:
        rows = Path(path).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise TamisError(f"{path}: not a readable list of words, one a line in UTF-8 ({error})") from None
    return tuple(sorted({row.strip() for row in rows if row.strip() and not row.startswith("#")}))


def quality(language: str, *, stop_words: str | Path | None, flagged_words: str | Path | None) -> tuple[Rule, ...]:
    """The rules of ROOTS for a language, in its order; None leaves out the rule that would need that list.

    Chinese has only the rules on characters and on the language: ROOTS counts its words with a model.
    """
    if language not in CUTOFFS:
        raise UsageError(f"roots.quality({language!r}): ROOTS has cutoffs for {', '.join(CUTOFFS)}")
    cut, spaced = CUTOFFS[language], language not in UNSPACED
    score = RootsQuality(
        word_list(stop_words) if stop_words is not None and spaced else (),
        word_list(flagged_words) if flagged_words is not None and spaced else (),
        cut.character_ngram,
        cut.word_ngram,
        pairs=language in IN_PAIRS,
    )
    identified = Language()
    rules = (
        Rule(score.words, min=cut.min_words, max=MAX_WORDS) if spaced else None,
        Rule(score.character_repetition, max=cut.character_repetition),
        Rule(score.word_repetition, max=cut.word_repetition) if spaced else None,
        Rule(score.special_characters, max=cut.special_characters),
        Rule(score.stop_word_share, min=cut.stop_words) if score.stop_words else None,
        Rule(score.flagged_word_share, max=cut.flagged_words) if score.flagged_words else None,
        Rule(identified.label, isin=(language,)),
        Rule(identified.confidence, min=cut.language),
    )
    return tuple(rule for rule in rules if rule is not None)
