"""Edits that remove lines: what RefinedWeb corrects, and boilerplate that a user names.

Source: Penedo et al. 2023 (RefinedWeb), appendix G.2, with the patterns of DCLM's reproduction of it (Li et al. 2024), its text
fragments taken literally. C4's lines are `tamis.data.edits.c4.C4Lines`; lines that many pages of a site share are
`tamis.data.repeated.RepeatedLines`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tamis.core.errors import UsageError
from tamis.data.edit import Drop, Edit

_COUNTED = r"likes?|shares?|comments?|retweets?|reposts?|quotes?|bookmarks?|upvotes?|downvotes?|downloads?|views?|followers?"
COUNTER = re.compile(rf"\W*\d[\d.,]*\s*[kKmM]?\s*(?:{_COUNTED})\W*", re.IGNORECASE)
STARTS, ENDS, ANYWHERE = ("sign-in", "sign in"), ("read more...", "read more…"), ("items in cart",)


@dataclass(frozen=True)
class RefinedWebLines(Edit):
    """Remove lines of capitals, numbers or one word, counters ("3 likes") and remains of navigation; drop a page full of them."""

    max_capitals: float = 0.5
    """A line with a greater share of capitals among its characters is removed."""
    min_words: int = 2
    """A line with fewer words is removed."""
    fragment_words: int = 10
    """A line of at most so many words is removed for a fragment of navigation in it."""
    max_removed: float = 0.05
    """The page is dropped when a greater share of its words stood in removed lines; 1 keeps every page."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_removed <= 1:
            raise UsageError(f"RefinedWebLines: max_removed must be between 0 and 1, not {self.max_removed}")

    def removes(self, line: str) -> bool:
        """Whether a line that is not blank is removed."""
        words, bare, small = line.split(), line.strip(), line.strip().lower()
        capitals = sum(map(str.isupper, bare)) / len(bare)
        fragment = small.startswith(STARTS) or small.endswith(ENDS) or any(each in small for each in ANYWHERE)
        return (
            len(words) < self.min_words
            or capitals > self.max_capitals
            or all(c.isnumeric() or not c.isalnum() for c in bare)
            or COUNTER.fullmatch(bare) is not None
            or (fragment and len(words) <= self.fragment_words)
        )

    def edit(self, text: str) -> str | Drop:
        """The definition. Blank lines stay as they are."""
        lines = text.split("\n")
        gone = [bool(line.strip()) and self.removes(line) for line in lines]
        words = [len(line.split()) for line in lines]
        removed, total = sum(n for n, out in zip(words, gone, strict=True) if out), sum(words)
        if removed > self.max_removed * total:
            return Drop("refinedweb-lines", f"{removed} of {total} words in {sum(gone)} removed lines")
        return "\n".join(line for line, out in zip(lines, gone, strict=True) if not out)


@dataclass(frozen=True)
class PunctuatedLines(Edit):
    """Keep the lines that end in a terminal mark, white space after it set aside: C4's rule by itself, as Dolma applies it."""

    terminal: str = '.?!"'
    """Characters that may end a line."""

    def edit(self, text: str) -> str | Drop:
        """The definition."""
        kept = [line for line in text.split("\n") if line.rstrip()[-1:] in set(self.terminal)]
        return "\n".join(kept) if kept else Drop("no-punctuated-line")


@dataclass(frozen=True)
class BoilerplateLines(Edit):
    """Remove lines of at most `max_words` words that hold one of `phrases`, in either case: cookie banners, "share this", ©."""

    phrases: tuple[str, ...]
    max_words: int = 25

    def __post_init__(self) -> None:
        if not self.phrases or not all(phrase.strip() for phrase in self.phrases):
            raise UsageError("BoilerplateLines: give at least one phrase, none of them blank")

    def edit(self, text: str) -> str:
        """The definition."""
        phrases = [phrase.casefold() for phrase in self.phrases]

        def stays(line: str) -> bool:
            small = line.casefold()
            return not any(phrase in small for phrase in phrases) or len(line.split()) > self.max_words

        return "\n".join(line for line in text.split("\n") if stays(line))
