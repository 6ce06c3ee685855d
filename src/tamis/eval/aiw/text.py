"""From a problem's facts and query to English, one sentence form a schema.

Invariant: the text states every fact, closes the world ("no other friends aside") where the graph is closed, and asks the query;
nothing in it depends on the answer. The wording of single circles is that of the published problems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tamis.eval.aiw.families import Part
from tamis.eval.aiw.parse import NUMBER_WORDS
from tamis.eval.aiw.world import FEMALE, MALE, Gender, Query

NAMES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (  # (female, male) names of the roles, in order of appearance
    (("Alice", "Carol"), ("Bob", "David")),
    (("Maria", "Ingrid"), ("Peter", "Samuel")),
    (("Yuki", "Leila"), ("Omar", "Kenji")),
    (("Nadia", "Chloe"), ("Ivan", "Marco")),
    (("Fatima", "Rosa"), ("Erik", "Tomás")),
    (("Priya", "Anna"), ("Arjun", "Lukas")),
    (("Grace", "Helen"), ("Henry", "Walter")),
    (("Zofia", "Elena"), ("Felix", "Diego")),
)
IRRELEVANT = "The house across the street has {number} windows."

# What is asked for beside the problem, after it; COMPLETION is for models that only continue a text.
INSTRUCTIONS = {
    "STANDARD": 'Solve this problem and provide the final answer in following form: "### Answer: ".',
    "THINKING": (
        "Before providing answer to this problem, think carefully and double check the path to the correct solution for any "
        'mistakes. Provide then the final answer in following form: "### Answer: ".'
    ),
    "THINKING_v2": (
        "Before providing answer to this problem, think carefully step by step and double check the path to the correct solution "
        'for any mistakes. Provide then the final answer in following form: "### Answer: ".'
    ),
    "RESTRICTED": (
        'To answer the question, DO NOT OUTPUT ANY TEXT EXCEPT following format that contains final answer: "### Answer: ".'
    ),
}
COMPLETION = "### Problem: {problem}\n### Answer:"
PROMPTS = (*INSTRUCTIONS, "COMPLETION")

_NOUNS = {
    ("sibling", FEMALE): ("sister", "sisters"),
    ("sibling", MALE): ("brother", "brothers"),
    ("sibling", ""): ("sibling", "siblings"),
    ("child", FEMALE): ("daughter", "daughters"),
    ("child", MALE): ("son", "sons"),
    ("nephew", ""): ("nephew or niece", "nephews and nieces"),
    ("cousin", ""): ("cousin", "cousins"),
}


@dataclass(frozen=True)
class Teller:
    """Tells one problem: its part (already mirrored or in another relation), stated numbers (or letters), surface choices."""

    part: Part
    numbers: Sequence[int | str]
    names: int = 0
    first: int = 0
    words: bool = False
    irrelevant: bool = False

    def problem(self) -> str:
        kind = self.part.schema.name.partition("/")[0]
        told = {"circle": self._circle, "pair": self._pair, "two-circles": self._two_circles, "cousins": self._cousins}[kind]()
        extra = f" {IRRELEVANT.format(number=self._number(11))}" if self.irrelevant else ""
        return f"{told}{extra} {self._question(self.part.query)}"

    def name(self, role: str) -> str:
        women, men = NAMES[self.names]
        genders = [self._gender(r) for r in "ABC"[: "ABC".index(role) + 1]]
        return (women if genders[-1] == FEMALE else men)[genders.count(genders[-1]) - 1]

    def _gender(self, role: str) -> str:
        world = self.part.schema.worlds[-1]
        named = dict(world.named)
        return world.genders[named[role]] if role in named else ""

    def _they(self, role: str) -> str:
        return "she" if self._gender(role) == FEMALE else "he"

    def _number(self, value: int | str) -> str:
        return NUMBER_WORDS[value] if self.words and isinstance(value, int) and value < len(NUMBER_WORDS) else str(value)

    def _many(self, place: int) -> str:
        """ "3 brothers" of the fact at a place."""
        value = self.numbers[place]
        singular, plural = _noun(self.part.facts[place].counted)
        return f"{self._number(value)} {singular if value == 1 else plural}"

    def _circle(self) -> str:
        order = (self.first, 1 - self.first)
        a, b = (self._many(i) for i in order)
        return f"{self.name('A')} has {a} and {self._they('A')} also has {b}.{self._closed()}"

    def _closed(self) -> str:
        relation = self.part.schema.name.split("/")[1]
        if relation == "sibling":
            return ""
        between = "friends with each other" if relation == "friend" else "colleagues of each other"
        return f" All mentioned persons are {between} and have no other {relation}s aside."

    def _pair(self) -> str:
        a, b, relation = self.name("A"), self.name("B"), self.part.schema.name.split("/")[1]
        one, other = (_noun((relation, self._gender(role)))[0] for role in "AB")
        if relation == "sibling":
            return f"{a} and {b} are {one} and {other}. {a} has {self._many(0)} and {b} has {self._many(1)}."
        others = _noun((relation, self._gender("A")))[1]
        return (
            f"{a} has {self._many(0)} in total and {self._they('A')} also has {others}. {b} is one of {a}'s "
            f"{_noun((relation, self._gender('B')))[1]}, and {self._they('B')} has {self._many(1)} in total.{self._closed()}"
        )

    def _two_circles(self) -> str:
        a, b, c = (self.name(role) for role in "ABC")
        return (
            f"{a} has {self._many(0)} and {self._they('A')} also has {self._many(1)}. All persons in {a}'s circle are colleagues "
            f"of each other. {b} has {self._many(2)} and {self._they('B')} also has {self._many(3)}. All persons in {b}'s circle "
            f"are colleagues of each other. {c} is a colleague of {a} and a colleague of {b}, and {self._they('C')} is the only "
            "person who belongs to both circles. Nobody has other colleagues aside."
        )

    def _cousins(self) -> str:
        her = "Her" if self._gender("A") == FEMALE else "His"
        mother, aunt = ("mother", "sister") if self._gender("mother") == FEMALE else ("father", "brother")
        father, uncle = ("father", "brother") if self._gender("father") == MALE else ("mother", "sister")
        a = self.name("A")
        return (
            f"{a} has {self._many(0)} and no other siblings. {her} {mother} has {self._number(1)} {aunt} who does not have "
            f"children and who has {self._many(1)} and also {self._many(2)}. {a}'s {father} has a {uncle} who has "
            f"{self._many(3)} in total, and who also has {self._many(4)} and no other children."
        )

    def _question(self, query: Query) -> str:
        who = self._who(query)
        if isinstance(query, Gender):
            return f"Is {who} male or female? Answer with 1 for female and with 2 for male."
        relation, gender = query.counted
        if relation == "member":
            family = self.part.schema.name.endswith("sibling") or "sibling/" in self.part.schema.name
            noun = ("girls" if gender == FEMALE else "boys") if family else f"{'female' if gender == FEMALE else 'male'} persons"
            return f"How many {noun} are there in total?"
        return f"How many {_noun(query.counted)[1]} does {who} have?"

    def _who(self, query: Query) -> str:
        """ "Alice's brother", "male friend of Alice"."""
        relatives = {"mother": "mother", "father": "father"}
        if query.start in ("aunt", "uncle", *relatives):
            side = "mother" if query.start in ("aunt", "mother") else "father"
            parent = "mother" if self._gender(side) == FEMALE else "father"
            base = f"{self.name('A')}'s {parent}"
            if query.start in relatives:
                return base
            return f"{base}'s {'sister' if self._gender(query.start) == FEMALE else 'brother'}"
        who = self.name(query.start)
        for relation, gender in query.hops:
            noun = _noun((relation, gender))[0]
            who = f"{who}'s {noun}" if relation == "sibling" else f"{noun} of {who}"
        return who


def _noun(counted: tuple[str, str]) -> tuple[str, str]:
    """Singular and plural of a relation to persons of a gender."""
    if counted in _NOUNS:
        return _NOUNS[counted]
    relation, gender = counted
    before = {FEMALE: "female ", MALE: "male ", "": ""}[gender]
    return f"{before}{relation}", f"{before}{relation}s"


def with_instruction(problem: str, prompt: str) -> str:
    """The text that a model sees."""
    return COMPLETION.format(problem=problem) if prompt == "COMPLETION" else f"{problem} {INSTRUCTIONS[prompt]}"
