"""English-like prose made from nothing but a seed, with enough structure to learn from: grammar, topics, a long tail of words.

Sentences are frames filled with phrases; phrases are words of the document's topic, drawn by rank (Zipf). Phrases stay below
five words, so two documents share five-word shingles only by chance. Also two other languages, verse, tables and code, and
questions. Invariant: document `number` is a pure function of (seed, number): any one can be made again alone.
"""

from __future__ import annotations

import re
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tamis.data.world.draw import Draw
from tamis.data.world.words import ENGLISH, FAMILY, GERMAN, GIVEN, SPANISH, Language, Topic

PHRASES = 1536  # phrases of each sort in a topic
RARE = 160  # invented nouns of a topic, the tail of its vocabulary
FOREIGN = {"de": GERMAN, "es": SPANISH}


def ranks(draw: Draw, size: int, n: int) -> list[int]:
    """n ranks below `size` by Zipf's law: P(r) proportional to 1 / (r + 2)."""
    weight = np.cumsum(1.0 / np.arange(2, size + 2))
    at: npt.NDArray[np.int64] = np.searchsorted(weight, (draw.raw(n) >> np.uint64(11)) * 2.0**-53 * weight[-1])
    return at.tolist()


class Vocabulary:
    """Phrases of one topic, ready to be drawn with equal chance."""

    def __init__(self, seed: int, language: Language, name: str, topic: Topic) -> None:
        draw = Draw(seed, "vocabulary", language.code, name)
        nouns, verbs, adjectives = (words.split("|") for words in topic)
        nouns = nouns + ["".join(draw.picks(language.syllables.split("|"), 2 + i % 2)) for i in range(RARE)]
        people = [f"{g} {f}" for g in GIVEN for f in FAMILY]
        self.nouns = nouns
        self.slots = {
            "S": self._nouns(draw, language.subjects, nouns, adjectives, people),
            "O": self._nouns(draw, language.objects, nouns, adjectives, people),
            "V": [verbs[i] for i in ranks(draw, len(verbs), PHRASES)],
            "N": [adjectives[i] for i in ranks(draw, len(adjectives), PHRASES)],
            "A": self._adverbials(draw, language, nouns),
        }
        self.frames = [self._frame(frame.split()) for frame in language.frames]

    def _frame(self, words: list[str]) -> tuple[str, list[list[str]]]:
        """A sentence as a format string, and the phrases to draw from for each of its slots; it begins with a capital."""
        text = re.sub(r" (?=[,;])", "", " ".join("%s" if word in self.slots else word for word in words)) + "."
        pools = [self.slots[word] for word in words if word in self.slots]
        if words[0] in self.slots:
            pools[0] = [phrase[0].upper() + phrase[1:] for phrase in pools[0]]
        return text, pools

    @staticmethod
    def _nouns(draw: Draw, words: str, nouns: list[str], adjectives: list[str], people: list[str]) -> list[str]:
        """Determiner and noun, one in three with an adjective (English only: others inflect), one in twenty a person."""
        out = []
        chosen = zip(ranks(draw, len(nouns), PHRASES), draw.picks(words.split("|"), PHRASES), strict=True)
        describe = "the" in words.split("|")
        for at, (noun, determiner) in enumerate(chosen):
            if at % 20 == 7:
                out.append(draw.pick(people))
            elif describe and at % 3 == 0:
                out.append(f"{determiner} {draw.pick(adjectives)} {nouns[noun]}")
            else:
                out.append(f"{determiner} {nouns[noun]}")
        return [re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", phrase) for phrase in out] if describe else out

    @staticmethod
    def _adverbials(draw: Draw, language: Language, nouns: list[str]) -> list[str]:
        places = draw.picks(language.places.split("|"), PHRASES)
        times = draw.picks(language.times.split("|"), PHRASES)
        where = [f"{place} {nouns[i]}" for place, i in zip(places, ranks(draw, len(nouns), PHRASES), strict=True)]
        return [where[i] if i % 3 else times[i] for i in range(PHRASES)]


class Prose:
    """The writer of a world: every method is a pure function of the seed and its arguments."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.topics = tuple(ENGLISH.topics)

    @cached_property
    def _english(self) -> list[Vocabulary]:
        return [Vocabulary(self.seed, ENGLISH, name, topic) for name, topic in ENGLISH.topics.items()]

    @cached_property
    def _foreign(self) -> dict[str, Vocabulary]:
        return {c: Vocabulary(self.seed, v, n, t) for c, v in FOREIGN.items() for n, t in v.topics.items()}

    def document(self, number: int) -> str:
        """English prose of one topic: paragraphs of three to seven sentences, log-normal length (median 1.1 kB)."""
        draw = Draw(self.seed, "document", number)
        return self._write(draw, self._english[number % len(self._english)], _length(draw))

    def topic(self, number: int) -> str:
        """The topic of document `number`."""
        return self.topics[number % len(self.topics)]

    def foreign(self, code: str, number: int) -> str:
        """Prose in the language `code` ("de" or "es")."""
        draw = Draw(self.seed, "foreign", code, number)
        return self._write(draw, self._foreign[code], _length(draw))

    def _write(self, draw: Draw, words: Vocabulary, sentences: int) -> str:
        frames = words.frames
        chosen = [frames[i] for i in draw.below(len(frames), sentences).tolist()]
        pools = [pool for _, slots in chosen for pool in slots]
        phrases = [pool[i] for pool, i in zip(pools, draw.below(PHRASES, len(pools)).tolist(), strict=True)]
        paragraphs, at = [], 0
        for size in draw.below(5, sentences // 3 + 1).tolist():
            if at < sentences:
                paragraphs.append(" ".join([frame for frame, _ in chosen[at : at + 3 + size]]))
                at += 3 + size
        return "\n\n".join(paragraphs) % tuple(phrases)

    def verse(self, number: int) -> str:
        """Stanzas of four short lines without full stops."""
        draw = Draw(self.seed, "verse", number)
        slots = self._english[number % len(self._english)].slots
        stanzas = []
        for _ in range(draw.between(4, 10)):
            s, v, o, a = (draw.picks(slots[name], 4) for name in "SVOA")
            stanzas.append(
                "\n".join((f"{s[0]}, {a[0]},", f"{v[1]} {o[1]} and {o[2]}", f"{a[2]} {s[2]} {v[2]}", f"{o[3]} {a[3]}"))
            )
        return "\n\n".join(stanzas)

    def table(self, number: int) -> str:
        """A plain-text table of figures: name, year and four numbers a row, under a head line."""
        draw = Draw(self.seed, "table", number)
        words = self._english[number % len(self._english)]
        rows = draw.between(12, 40)
        head = "name           year      low     high     mean      sum"
        names = [words.nouns[i] for i in ranks(draw, len(words.nouns), rows)]
        figures = draw.below(100_000, 4 * rows).reshape(rows, 4)
        years = draw.below(120, rows)
        lines = [
            f"{name:<14} {1900 + year} {low / 100:8.2f} {high / 10:8.1f} {mean / 100:8.2f} {total:8d}"
            for name, year, (low, high, mean, total) in zip(names, years.tolist(), figures.tolist(), strict=True)
        ]
        return "\n".join([head, "-" * len(head), *lines])

    def code(self, number: int) -> str:
        """A small Python module of functions, with docstrings."""
        draw = Draw(self.seed, "code", number)
        words = self._english[number % len(self._english)]
        out = []
        for _ in range(draw.between(3, 9)):
            one, two, three = draw.picks(words.nouns, 3)
            low, high = draw.between(1, 9), draw.between(10, 999)
            out.append(
                f"def {draw.pick(('count', 'find', 'merge', 'sort', 'load'))}_{one}({two}, {three}={low}):\n"
                f'    """Return {draw.pick(words.slots["O"])} of {draw.pick(words.slots["O"])}."""\n'
                f"    {one} = []\n    for i in range(len({two})):\n"
                f"        if {two}[i] > {three} and {two}[i] % {high} != {low}:\n"
                f"            {one}.append({two}[i] * {low} + {high})\n    return {one}\n"
            )
        return "\n\n".join(out)

    def question(self, number: int) -> str:
        """An evaluation item: a question of about forty words and its answer, unlike any other."""
        draw = Draw(self.seed, "question", number)
        slots = self._english[number % len(self._english)].slots
        s, v, o, a = (draw.picks(slots[name], 3) for name in "SVOA")
        n, m = draw.between(3, 40), draw.between(2, 30)
        return (
            f"Question {number + 1}: {draw.pick(GIVEN)} {draw.pick(FAMILY)} notes that {s[0]} {v[0]} {o[0]} {a[0]} {n} times, "
            f"and {m} more when {s[1]} {v[1]} {o[1]} {a[1]}. How often is that in all, if {s[2]} {v[2]} {o[2]}? Answer: {n + m}."
        )


def _length(draw: Draw) -> int:
    """Sentences of a document, log-normal: median 15, sigma .9, between 4 and 300."""
    normal = float(np.sum(draw.raw(12) >> np.uint64(11))) * 2.0**-53 - 6.0
    return int(min(max(15.0 * np.exp(0.9 * normal), 4.0), 300.0))
