"""The edit of ROOTS: words that hold pieces of links, and words that are too long, go; layout is tidied on the way.

Source: as `tamis.data.scores.roots`; `remove_words_with_incorrect_substrings` and `remove_long_words` there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tamis.data.edit import Edit
from tamis.data.scores.roots import is_special

LINKS = ("http", "www", ".com", "href", "//")


@dataclass(frozen=True)
class RootsWords(Edit):
    """Drop words, between blanks, tabs and newlines, that hold one of `pieces` or have more than `max_length` code points.

    A word is looked at stripped of special characters, and a long one is kept if that makes it short enough. Of several
    separators in a row one is left, and none at either end. White space but tab and newline is written as a blank.
    """

    unicode: ClassVar[bool] = True

    max_length: int
    pieces: tuple[str, ...] = LINKS

    def edit(self, text: str) -> str:
        text = "".join(" " if c.isspace() and c not in "\t\n" else c for c in text.strip())
        lines = (self._cells(line) for line in text.split("\n"))
        return "\n".join(line for line in lines if line)

    def _cells(self, line: str) -> str:
        cells = (" ".join(w for w in cell.split(" ") if w and self._keeps(w)) for cell in line.split("\t"))
        return "\t".join(cell for cell in cells if cell)

    def _keeps(self, word: str) -> bool:
        inner = [i for i, character in enumerate(word) if not is_special(character)]
        stripped = word[inner[0] : inner[-1] + 1] if inner else ""
        if any(piece in stripped for piece in self.pieces):
            return False
        return len(word) <= self.max_length or 0 < len(stripped) <= self.max_length
