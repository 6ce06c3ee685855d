"""A text with our lines in it, to hand to a peer: what the peer cuts at newlines comes out stripped and without blank lines."""

from __future__ import annotations

import re
from typing import Any

_BLANK = re.compile(r"\n\s*\n")


class OurLines(str):
    """A text whose `split("\\n")` and `splitlines()` are our lines, and whose `replace("\\n", "")` is these joined."""

    def splitlines(self, keepends: bool = False) -> list[str]:
        return [line for piece in str.split(self, "\n") if (line := piece.strip())]

    def split(self, sep: str | None = None, maxsplit: Any = -1) -> list[str]:
        return self.splitlines() if sep == "\n" else str.split(self, sep, maxsplit)

    def replace(self, old: str, new: str, count: Any = -1) -> str:
        return "".join(self.splitlines()) if (old, new) == ("\n", "") else str.replace(self, old, new, count)


def paragraphs(text: str) -> list[str]:
    """Our paragraphs: apart by blank lines, white space on these or not."""
    return [paragraph for piece in _BLANK.split(text) if (paragraph := piece.strip())]
