"""The edits of DCLM-baseline: addresses and empty lines taken out of a text, and RefinedWeb's corrections of lines.

Source: Li et al. 2024 (DCLM), its released code and configuration; steps 6 and 7, and 18 to 26. The whole chain is
`tamis.data.presets.dclm_baseline`. `tamis.data.edits.lines.RefinedWebLines` removes a whole line for a remain of navigation in
it; DCLM takes the remain out alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.data.edit import Drop, Edit, Edited
from tamis.data.listing import Listing
from tamis.data.scores.dclm import count_words
from tamis.data.scores.text import known
from tamis.kernels import addresses, remains
from tamis.kernels.jit import buffers
from tamis.kernels.unicode import flags

_IN_ADDRESS = r"-a-zA-Z0-9@:%._\+~#="
_AFTER = r"[-a-zA-Z0-9()@:%_\+.~#?&//=]*"
_NUMERIC = re.compile(rf"\s{{0,10}}\b(?:(?:https?|ftp)://)?(?:[0-2]?[0-9]{{1,2}}\.){{3}}[0-2]?[0-9]{{1,2}}{_AFTER}")
_EMPTY_LINES = re.compile(r"\n{3,}")
_COUNTED = "likes|shares|comments|retweets|reposts|quotes|bookmarks|upvotes|downvotes|downloads|views|followers"
COUNTER = re.compile(rf"^\W*\d(?:,|\.|\d)*(?:k|m|b)?\s+(?:{_COUNTED})\W*$")
ANYWHERE, END, START = "items in cart", "read more...", "sign-in"


def trie(words: frozenset[str]) -> str:
    """A regular expression for any of the words, the longest first, that looks at every character once."""
    if not words - {""}:
        return ""
    branches = [
        re.escape(first) + trie(frozenset(w[1:] for w in words if w[:1] == first)) for first in sorted({w[0] for w in words if w})
    ]
    return f"(?:{'|'.join(branches)}){'?' if '' in words else ''}"


@cache
def _addresses(tlds: Listing) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What finds addresses in a text, and what DCLM asks first: whether the text begins with a top-level domain."""
    known = trie(tlds.entries())
    # The look-behind starts a match at the beginning of a run only: without it a long run would be tried from every place in it.
    run = rf"(?:(?:(?:https?|ftp)://)|(?<![{_IN_ADDRESS}]))[{_IN_ADDRESS}]+\.{known}\b{_AFTER}"
    return re.compile(rf"\s{{0,10}}{run}"), re.compile(known, re.IGNORECASE)


@dataclass(frozen=True)
class DclmText(Edit):
    """Remove web addresses, with the white space before them, and all but one of several empty lines together.

    A host ends in one of the top-level domains `tlds` (IANA's list) or is four numbers, which need no list. DCLM's code looks for
    the former only in a text that begins with the letters of a top-level domain: "The" does, "A" and "When" do not.
    """

    unicode: ClassVar[bool] = True

    tlds: Listing | None = None
    dclm_compat: bool = False

    def edit(self, text: str) -> str:
        """The definition."""
        if self.tlds:
            address, begins = _addresses(self.tlds)
            if not self.dclm_compat or begins.match(text):
                text = address.sub("", text)
        return _EMPTY_LINES.sub("\n\n", _NUMERIC.sub("", text))

    def edit_batch(self, rows: pa.RecordBatch) -> list[Edited]:
        text = rows.column("text")
        entries = self.tlds.entries() if self.tlds else frozenset()
        hosts = np.full(len(text), self.tlds is not None)
        if self.tlds and self.dclm_compat:
            begins, longest = _addresses(self.tlds)[1], max(map(len, entries), default=0)
            hosts = np.array([begins.match(start) is not None for start in pc.utf8_slice_codeunits(text, 0, longest).to_pylist()])
        domains = known(sorted(entries - {""}, key=str.encode))
        data, ends = addresses.addresses(*buffers(text), flags(), *domains, not entries or "" in entries, hosts)
        return _texts(data, ends)


@dataclass(frozen=True)
class DclmLines(Edit):
    """Remove lines of capitals, digits, counters ("3 likes") or one word, and remains of navigation in short lines; drop a page
    that loses more than 5 % of its words so.

    In a line of at most 10 words "items in cart" is taken out anywhere, "Read more..." at the end, "Sign-in" at the beginning, in
    either case, and a line with nothing else goes. DCLM's code reads the three full stops as any three characters.
    """

    unicode: ClassVar[bool] = True

    max_capitals: float = 0.5
    """A line with a greater share of capitals among its characters is removed."""
    max_removed: float = 0.05
    """The page is dropped when a greater share of its words is removed."""
    dclm_compat: bool = False

    def edit(self, text: str) -> str | Drop:
        """The definition: DCLM's steps one after the other, each on the lines the one before it left."""
        before = count_words(text, self.dclm_compat)
        text = _without(text, lambda line: sum(map(str.isupper, line)) > self.max_capitals * len(line))
        text = _without(text, lambda line: sum(map(str.isdigit, line)) > 0.999999 * len(line))
        text = _without(text, lambda line: COUNTER.search(line.lower()) is not None)
        text = "\n".join(line for line in text.split("\n") if not line or len(line.split()) > 1)
        for remain in _remains(self.dclm_compat):
            text = "\n".join(kept for line in text.split("\n") if (kept := _cut(line, remain)) is not None).strip()
        after = count_words(text, self.dclm_compat)
        if not text or before - after > self.max_removed * before:
            return _dropped(before, after)
        return text

    def edit_batch(self, rows: pa.RecordBatch) -> list[Edited]:
        counted = known(sorted(_COUNTED.split("|")))
        anywhere, start, end = (np.frombuffer(phrase.encode(), np.uint8) for phrase in (ANYWHERE, START, END))
        if self.dclm_compat:
            end = np.where(end == ord("."), np.uint8(remains.ANY), end)
        text = buffers(rows.column("text"))
        data, ends, words = remains.pages(*text, flags(), *counted, anywhere, end, start, self.max_capitals, self.dclm_compat)
        out = _texts(data, ends)
        for row, (before, after) in enumerate(words.tolist()):
            if not out[row] or before - after > self.max_removed * before:
                out[row] = _dropped(before, after)
        return out


def _dropped(before: int, after: int) -> Drop:
    return Drop("dclm-lines", f"{before - after} of {before} words removed")


def _texts(data: Any, ends: Any) -> list[Edited]:
    """The texts that a kernel wrote."""
    array = pa.LargeStringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(data))
    texts: list[Edited] = array.to_pylist()
    return texts


def _without(text: str, removes: Callable[[str], bool]) -> str:
    return "\n".join(line for line in text.split("\n") if not line or not removes(line)).strip()


@cache
def _remains(dclm_compat: bool) -> tuple[re.Pattern[str], ...]:
    spell = str if dclm_compat else re.escape
    patterns = (rf"\s?(?:{spell(ANYWHERE)})", rf"\s?(?:{spell(END)})$", rf"^(?:{spell(START)})\s?")
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)


def _cut(line: str, remain: re.Pattern[str]) -> str | None:
    """A line without a remain; None if nothing else was in it."""
    if len(line.split()) > 10:
        return line
    kept = remain.sub("", line)
    return kept if kept.strip() or not line else None
