"""The edit that made C4: remove lines, and drop pages that are code, filler or too short.

Source: Raffel et al. 2020, section 2.2; the line rules are `tamis.data.scores.c4.C4Quality.keeps`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tamis.data.edit import Drop, Edit
from tamis.data.scores.c4 import C4Quality, lower, sentences, without_citations
from tamis.data.scores.text import lines


@dataclass(frozen=True)
class C4Lines(Edit):
    """Keep the lines that C4 keeps, one below the other; drop the page with a curly bracket, lorem ipsum or too few sentences."""

    unicode: ClassVar[bool] = True

    rules: C4Quality = field(default_factory=C4Quality)
    """What makes a line good."""
    min_sentences: int = 3
    """Fewer sentences in the kept lines drop the page."""

    def edit(self, text: str) -> str | Drop:
        text = without_citations(text)
        if "{" in text:
            return Drop("c4-curly-bracket")
        if "lorem ipsum" in lower(text):
            return Drop("c4-lorem-ipsum")
        kept = [line for line in lines(text) if self.rules.keeps(line)]
        found = sum(map(sentences, kept))
        if found < self.min_sentences:
            return Drop("c4-too-few-sentences", f"{found} sentences in {len(kept)} kept lines")
        return "\n".join(kept)
