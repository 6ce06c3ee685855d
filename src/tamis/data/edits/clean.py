"""Edits of characters and spaces: they change how a text is written, not what it says. Each is idempotent.

A usual order: `Mojibake`, `NormalizeUnicode`, `RemoveControls`, `Whitespace`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar, Literal

from tamis.core.errors import UsageError
from tamis.data.edit import Edit
from tamis.data.sentences import LONGEST, sentences

_BREAKS = re.compile("\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff\ufff9-\ufffb]")
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060]")
_SPACES = re.compile(r"[^\S\n]+")
_AROUND = re.compile(r" *\n *")


@dataclass(frozen=True)
class NormalizeUnicode(Edit):
    """One spelling of equal characters: NFC changes nothing that can be seen, NFKC unifies full-width letters, ligatures, ²."""

    unicode: ClassVar[bool] = True

    form: Literal["NFC", "NFKC"] = "NFC"

    def __post_init__(self) -> None:
        if self.form not in ("NFC", "NFKC"):
            raise UsageError(f"NormalizeUnicode: form must be NFC or NFKC, not {self.form!r}")

    def edit(self, text: str) -> str:
        """The definition."""
        return text if unicodedata.is_normalized(self.form, text) else unicodedata.normalize(self.form, text)


@dataclass(frozen=True)
class Mojibake(Edit):
    """Undo a wrong decoding ("schÃ¶n" is "schön"), by ftfy, which must be installed. Quotes and ligatures stay as they are."""

    libraries: ClassVar[tuple[str, ...]] = ("ftfy",)

    def edit(self, text: str) -> str:
        """The definition: ftfy's `fix_encoding`, again until nothing changes."""
        try:
            fix_encoding = import_module("ftfy").fix_encoding
        except ImportError as error:
            raise UsageError("Mojibake needs ftfy: pip install 'tamis[mojibake]'") from error
        while (fixed := str(fix_encoding(text))) != text:
            text = fixed
        return text


@dataclass(frozen=True)
class RemoveControls(Edit):
    """One kind of line break; no control characters but tab and newline, no byte order marks, soft hyphens, zero-width spaces.

    The joiners U+200C and U+200D and the tags of flags stay: they spell words and emoji. Marks of direction stay unless
    `directions` is set.
    """

    directions: bool = False

    def edit(self, text: str) -> str:
        """The definition."""
        text = _INVISIBLE.sub("", _CONTROLS.sub("", _BREAKS.sub("\n", text)))
        return _DIRECTIONS.sub("", text) if self.directions else text


@dataclass(frozen=True)
class Whitespace(Edit):
    """One blank for any run of them, none at the ends of lines; at most `empty` empty lines together, none at the ends."""

    empty: int = 1

    def edit(self, text: str) -> str:
        """The definition."""
        text = _AROUND.sub("\n", _SPACES.sub(" ", text))
        return re.sub(rf"\n{{{self.empty + 2},}}", "\n" * (self.empty + 1), text).strip()


@dataclass(frozen=True)
class SentenceLines(Edit):
    """One sentence a line, by `tamis.data.sentences`; paragraphs stay apart by the empty lines they had."""

    unicode: ClassVar[bool] = True

    longest: int = LONGEST
    """Characters after which a sentence without an end is cut."""

    def edit(self, text: str) -> str:
        """The definition."""
        found = sentences(text, self.longest)
        lines = [piece if piece[-1:] == "\n" else piece.rstrip() + "\n" for piece in found[:-1]]
        return "".join([*lines, *found[-1:]])
