"""Planted defects: each function turns a text (or nothing) into a known fault, and says exactly what it did.

Invariant: what a function reports is measured on the text it returns, never assumed: the Jaccard index of a near-duplicate is
computed, the spans of personal data are in the text as reported.
"""

from __future__ import annotations

import base64
import re
import textwrap
from collections.abc import Iterable
from functools import cached_property

from tamis.data.world.draw import Draw
from tamis.data.world.words import BANNERS, FAMILY, FOOTERS, GIVEN, NAVIGATION, OFFERS, SALES

SHINGLE = 5  # words
SPAM_FORMS = ("faint", "plain", "loud")
JUNK_FORMS = ("symbols", "base64", "encoded")
LEAK_FORMS = ("verbatim", "rewrapped", "recased")
_FILLER = (
    *("amber", "bishop", "cobalt", "drifting", "eleven", "furrow", "gable", "hollow", "ivory", "jagged", "kettle", "lumen"),
    *("marble", "nimble", "opal", "pewter", "quartz"),
)


def shingles(text: str) -> set[str]:
    """The distinct runs of five white-space words in lower case (the unit of `MinHash`); a shorter text is one shingle."""
    words = text.lower().split()
    return {" ".join(words[i : i + SHINGLE]) for i in range(max(len(words) - SHINGLE + 1, 1))}


def jaccard(a: str, b: str) -> float:
    """Exact Jaccard index of the five-word shingles of two texts."""
    one, two = shingles(a), shingles(b)
    return len(one & two) / len(one | two)


def words_needed(target: float) -> int:
    """The fewest words for which replacing one word gives a Jaccard index of at least `target`."""
    return SHINGLE - 1 + int(SHINGLE * (1 + target) / (1 - target)) if target < 1 else SHINGLE


def near_duplicate(draw: Draw, text: str, target: float) -> tuple[str, str]:
    """A copy whose Jaccard index with `text` is close to `target`, and how: words "replaced", or the end "cut".

    A word replaced at least five words from any other takes five shingles from both texts: J = (S - 5k) / (S + 5k). A cut
    text keeps J of its shingles.
    """
    parts = re.split(r"(\s+)", text.strip())
    words = parts[::2]
    total = len(words) - SHINGLE + 1
    if total >= 2 and draw.one(4) == 0:
        keep = min(max(round(total * target), 1), total - 1) + SHINGLE - 1
        return "".join(parts[: 2 * keep - 1]), "cut"
    count = max(round(total * (1 - target) / (SHINGLE * (1 + target))), 1)
    room = max((len(words) - 2 * (SHINGLE - 1)) // count, 1)  # each change in a slot of its own, away from both ends
    for i in range(count):
        at = SHINGLE - 1 + i * room + draw.one(max(room - SHINGLE + 1, 1))
        if at < len(words):
            parts[2 * at] = f"{draw.pick(_FILLER)}{draw.one(1000)}"
    return "".join(parts), "replaced"


def shuffle_words(draw: Draw, text: str) -> str:
    """The same words in random order; white space and the words that end a sentence stay, so lines and sentences look right."""
    parts = re.split(r"(\s+)", text.strip())
    places = [i for i in range(0, len(parts), 2) if not parts[i].endswith((".", "!", "?", ":"))]
    words = [parts[i] for i in places]
    for place, at in zip(places, draw.order(len(words)).tolist(), strict=True):
        parts[place] = words[at]
    return "".join(parts)


class Markov:
    """Chains of one and two words learnt from a sample of texts: fluent nonsense."""

    def __init__(self, texts: Iterable[str]) -> None:
        words = [word for text in texts for word in text.split()]
        self.words = words
        self.one: dict[str, list[int]] = {}
        self.two: dict[tuple[str, str], list[int]] = {}
        for i in range(2, len(words)):
            self.one.setdefault(words[i - 1], []).append(i)
            self.two.setdefault((words[i - 2], words[i - 1]), []).append(i)

    def run(self, draw: Draw, order: int, size: int) -> list[str]:
        """`size` words of a chain of the given order (1 or 2)."""
        words = self.words
        at = 2 + draw.one(len(words) - 2)
        out = []
        for die in (draw.raw(size) >> 33).tolist():
            options = self.two[words[at - 1], words[at]] if order == 2 and at + 1 < len(words) else self.one.get(words[at])
            at = options[die % len(options)] if options else 2 + die % (len(words) - 2)
            out.append(words[at])
        return out

    def spam(self, draw: Draw, form: str) -> str:
        """Search-engine spam: "faint" (chain of two words, an offer every 45), "plain" (one word, 15), "loud" (mostly offers)."""
        order, gap = {"faint": (2, 45), "plain": (1, 15), "loud": (1, 3)}[form]
        good = draw.pick(OFFERS)
        phrases = [phrase.format(good) for phrase in draw.picks(SALES, 3)]
        words = self.run(draw, order, draw.between(60, 280) // (2 if form == "loud" else 1))
        runs = [" ".join([*words[at : at + gap], draw.pick(phrases)]) + "." for at in range(0, len(words), gap)]
        lines = 60 // gap + 1
        return "\n\n".join(" ".join(runs[at : at + lines]) for at in range(0, len(runs), lines))


class Pseudo:
    """A language that is none: words of invented syllables, drawn by rank, in sentences."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @cached_property
    def words(self) -> list[str]:
        draw = Draw(self.seed, "pseudo")
        syllables = [a + b + c for a in "bdfgklmnprstvz" for b in "aeiouy" for c in ("", "", "l", "n", "r", "sh")]
        return ["".join(draw.picks(syllables, 1 + draw.one(4))) for _ in range(2000)]

    def text(self, draw: Draw) -> str:
        """Sentences of four to fourteen words; squaring a uniform draw gives the first words more often."""
        out = []
        for _ in range(draw.between(6, 40)):
            size = draw.between(4, 14)
            picks = draw.below(1 << 16, size).tolist()
            out.append(" ".join(self.words[(p * p * 2000) >> 32] for p in picks).capitalize() + ".")
        return " ".join(out)


def junk(draw: Draw, form: str) -> str:
    """Not language: "symbols", lines of "base64", or "encoded" bytes (percent and hexadecimal)."""
    size = draw.between(300, 2000)
    data = draw.raw(size // (24 if form == "encoded" else 8) + 1).tobytes()
    if form == "symbols":
        text = "".join(draw.picks("#*=|<>{}[]()~^%$@&+_;:!?/\\-.0123456789 \n", size))
        return text.strip() or "#"
    if form == "base64":
        return "\n".join(textwrap.wrap(base64.b64encode(data).decode(), 76))
    return "\n".join(
        "%" + data[i : i + 24].hex("%").upper() if i % 48 else data[i : i + 36].hex() for i in range(0, len(data), 24)
    )


def frame(draw: Draw, text: str) -> tuple[str, list[int]]:
    """`text` between navigation, banners and a footer; and how many lines were put before and after it."""
    year = f"Copyright {draw.between(1998, 2024)} {draw.pick(FAMILY)} Media"
    before = [NAVIGATION[i] for i in draw.order(len(NAVIGATION)).tolist()[: draw.between(2, 6)]]
    before += [BANNERS[i] for i in draw.order(len(BANNERS)).tolist()[: draw.between(1, 3)]]
    after = [FOOTERS[i] for i in draw.order(len(FOOTERS)).tolist()[: draw.between(3, 7)]] + [year]
    return "\n".join([*before, text, *after]), [len(before), len(after)]


def stub(draw: Draw) -> str:
    """A page that is boilerplate and nothing else: menus, notices and lists of links."""
    lines = [draw.pick(BANNERS), draw.pick(BANNERS)]
    for _ in range(draw.between(12, 60)):
        lines.append(draw.pick((draw.pick(NAVIGATION), draw.pick(FOOTERS), f"{draw.pick(FAMILY)} ({draw.one(400)})")))
    return "\n".join(lines)


def personal(draw: Draw, text: str) -> tuple[str, list[list[str]]]:
    """`text` with two to five sentences of invented personal data, and the [sort, value] of each.

    Only what can belong to nobody: names under example domains (RFC 2606), telephone numbers 555-0100 to 555-0199, addresses
    of the documentation networks (RFC 5737, RFC 3849).
    """
    paragraphs = text.split("\n\n")
    spans = []
    for _ in range(draw.between(2, 5)):
        given, family = draw.pick(GIVEN), draw.pick(FAMILY)
        sort = draw.pick(("email", "email", "phone", "ip"))
        if sort == "email":
            value = f"{given}.{family}@{draw.pick(('example.com', 'example.org', 'mail.example.net'))}".lower()
            sentence = f"Write to {given} {family} at {value} for details."
        elif sort == "phone":
            area, line = draw.between(201, 989), draw.between(100, 199)
            value = draw.pick((f"({area}) 555-0{line}", f"{area}-555-0{line}", f"+1 {area} 555 0{line}"))
            sentence = f"The office of {given} {family} answers under {value} on working days."
        else:
            network = draw.pick(("192.0.2.{}", "198.51.100.{}", "203.0.113.{}", "2001:db8::{:x}"))
            value = network.format(draw.between(1, 254))
            sentence = f"The last visit came from {value} in the evening."
        at = draw.one(len(paragraphs))
        paragraphs[at] = f"{paragraphs[at]} {sentence}"
        spans.append([sort, value])
    return "\n\n".join(paragraphs), spans


def leak(draw: Draw, text: str, item: str, form: str) -> str:
    """`text` with an evaluation item inside, as a paragraph of its own: verbatim, with other line ends, or in other case."""
    if form == "rewrapped":
        item = "\n".join(textwrap.wrap(item, draw.between(28, 60), break_long_words=False, break_on_hyphens=False))
    elif form == "recased":
        item = draw.pick((item.upper(), item.lower(), item.swapcase()))
    paragraphs = text.split("\n\n")
    paragraphs.insert(draw.one(len(paragraphs) + 1), item)
    return "\n\n".join(paragraphs)
