"""Problems: a family, a variation of its numbers, a surface, and whether it is the family's own question or a control.

A `Study` declares what is asked; it is a frozen dataclass of plain values. Axes are switched one at a time, never two at once,
so that an effect has one cause; numbers vary always. Invariants, checked when problems are made: each has exactly one answer over
all worlds that its text allows, variation v has the same answer in the family and in every counting control, and all variations
share the family's structure hash.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from tamis.core.errors import TamisError, UsageError
from tamis.eval.aiw.algebra import Polynomial, parse_expression, polynomial
from tamis.eval.aiw.families import ANSWERS, FAMILIES, Family, Part, mirrored_part, with_relation
from tamis.eval.aiw.text import NAMES, PROMPTS, Teller, with_instruction
from tamis.eval.aiw.world import Gender

# Men's and women's letters of the symbolic variations, and which is told first; the first three are the published ones.
LETTERS = (("N", "M"), ("Y", "X"), ("X", "Y"), ("N", "M"), ("Q", "P"), ("P", "Q"))
LETTERS_FIRST = (1, 1, 0, 0, 1, 0)
AXES: dict[str, tuple[Any, ...]] = {
    "order": (True,),
    "names": (1, 2, 3),
    "words": (True,),
    "mirrored": (True,),
    "relation": ("sibling", "friend", "colleague"),
    "irrelevant": (True,),
    "prompt": ("STANDARD", "THINKING", "RESTRICTED"),
}


@dataclass(frozen=True)
class Surface:
    """Everything about a text that must not matter. `order`: clauses exchanged. `relation`: "" is the family's own."""

    order: bool = False
    names: int = 0
    words: bool = False
    mirrored: bool = False
    relation: str = ""
    irrelevant: bool = False
    prompt: str = "STANDARD"

    def __post_init__(self) -> None:
        if self.prompt not in PROMPTS:
            raise UsageError(f"prompt {self.prompt!r}: use one of {', '.join(PROMPTS)}")
        if not 0 <= self.names < len(NAMES):
            raise UsageError(f"names {self.names}: there are sets 0 to {len(NAMES) - 1}")


@dataclass(frozen=True)
class Problem:
    """One question. `key` is its answer, `distractors` wrong answers that have a reason, `structure` the structure hash."""

    family: str
    part: str
    variation: int
    surface: Surface
    changed: str
    problem: str
    key: int | Polynomial
    distractors: tuple[tuple[int, str], ...]
    structure: str

    @property
    def id(self) -> str:
        """Unique in a study: family, axis, part, variation, names."""
        changed = f".{self.changed}" if self.changed else ""
        return f"{self.family}{changed}.{self.part}.{self.variation}.n{self.surface.names}"

    @property
    def group(self) -> str:
        """What variations are compared within: the family and the axis value that was switched."""
        return f"{self.family} · {self.changed}" if self.changed else self.family

    @property
    def prompt(self) -> str:
        return with_instruction(self.problem, self.surface.prompt)


@dataclass(frozen=True)
class Study:
    """What is asked, and how often.

    `families`: names of `families.FAMILIES`. `axes`: names of `AXES`, each switched alone, with all its values; numbers always
    vary. `seed`: None asks the published numbers, another draws fresh numbers with the same answers. `trials`: samples of each
    problem where a model is sampled; at least 60 are recommended (power .88 for rates between .3 and .7). `surface`: the base.
    """

    name: str = "aiw"
    families: tuple[str, ...] = ("siblings", "named-siblings", "friends", "named-friends", "colleagues", "cousins", "symbolic")
    axes: tuple[str, ...] = ()
    variations: int = 6
    controls: bool = True
    seed: int | None = None
    trials: int = 60
    temperature: float = 1.0
    max_tokens: int = 2048
    surface: Surface = Surface()
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for kind, names, known in (("family", self.families, FAMILIES), ("axis", self.axes, AXES)):
            if isinstance(names, str):
                raise UsageError(f"Study: {kind} names are a tuple, not the text {names!r}")
            if unknown := [n for n in names if n not in known]:
                raise UsageError(f"Study: no {kind} is called {unknown[0]!r}; there are: {', '.join(known)}")
        if not 2 <= self.variations <= len(ANSWERS) or self.trials < 1 or self.max_tokens < 1 or self.temperature < 0:
            raise UsageError("Study: variations are 2 to 6, trials and max_tokens at least 1, temperature at least 0")

    def problems(self) -> Iterator[Problem]:
        """Every problem, family by family: its own question and its controls, base surface first, then each axis."""
        for name in self.families:
            family = FAMILIES[name]
            for surface, changed in self._surfaces(family):
                for part in (family.main, *(family.controls if self.controls else ())):
                    for variation in range(1, self.variations + 1):
                        yield make(family, part, variation, surface, changed, self.seed)

    def _surfaces(self, family: Family) -> Iterator[tuple[Surface, str]]:
        yield self.surface, ""
        for axis in self.axes:
            for value in AXES[axis]:
                usual = family.relation if axis == "relation" else getattr(self.surface, axis)
                switchable = axis not in ("relation", "order") or family.main.schema.name.startswith("circle")
                if value != usual and switchable and not (axis == "words" and family.symbolic):
                    surface: Surface = replace(self.surface, **{axis: value})
                    yield surface, axis if value is True else f"{axis} {value}"


def make(family: Family, part: Part, variation: int, surface: Surface, changed: str = "", seed: int | None = None) -> Problem:
    """One problem. TamisError if a text would have no or several answers, or another structure than its family's."""
    told = with_relation(part, surface.relation) if surface.relation else part
    if (part.mirror_even and variation % 2 == 0) != surface.mirrored:
        told = mirrored_part(told)
    if told.structure != part.structure:
        raise TamisError(f"{family.name}, {part.name}: variation {variation} has another structure")
    letters = family.symbolic and len(part.facts) == 2
    numbers: tuple[int | str, ...] = LETTERS[variation - 1] if letters else _numbers(part, variation, seed)
    first = (LETTERS_FIRST if letters else part.first)[variation - 1]
    teller = Teller(told, numbers, surface.names, 1 - first if surface.order else first, surface.words, surface.irrelevant)
    key: int | Polynomial
    if letters:
        key = symbolic_key(told, LETTERS[variation - 1])
        wrong: tuple[tuple[int, str], ...] = ()
    else:
        key = told.table.unique[tuple(int(n) for n in numbers)]
        wrong = _distractors(family, key, tuple(int(n) for n in numbers)) if part.name == "main" else ()
    return Problem(family.name, part.name, variation, surface, changed, teller.problem(), key, wrong, told.structure)


def _numbers(part: Part, variation: int, seed: int | None) -> tuple[int, ...]:
    """The published numbers, or drawn ones, that give the answer of the variation."""
    answer = ANSWERS[variation - 1]
    if seed is None and part.numbers:
        numbers = part.numbers[variation - 1]
        if not isinstance(part.query, Gender) and part.table.unique.get(numbers) != answer:
            raise TamisError(f"{part.name}: numbers {numbers} do not lead to the one answer {answer}")
        return numbers
    wanted = None if isinstance(part.query, Gender) else answer
    found = sorted(n for n, a in part.table.unique.items() if wanted in (None, a) and max(n) <= 9)
    if not found:
        raise TamisError(f"{part.name}: no numbers lead to the answer {answer}")
    source = np.random.Generator(
        np.random.Philox(key=[seed or 0, zlib.crc32(f"{part.structure}{part.name}{variation}".encode())])
    )
    return found[int(source.integers(len(found)))]


def symbolic_key(part: Part, letters: tuple[str, ...]) -> Polynomial:
    """The answer as an expression of the stated letters: fitted to executed answers, and right in every world or refused."""
    unique = part.table.unique
    start = (1,) * len(letters)
    slopes = [unique[tuple(2 if i == j else 1 for j in range(len(letters)))] - unique[start] for i in range(len(letters))]
    constant = unique[start] - sum(slopes)
    if any(constant + sum(s * n for s, n in zip(slopes, stated, strict=True)) != answer for stated, answer in unique.items()):
        raise TamisError(f"{part.name}: the answer is no linear expression of the stated numbers")
    return polynomial({(): Fraction(constant)} | {(x,): Fraction(s) for x, s in zip(letters, slopes, strict=True)})


def _distractors(family: Family, key: int, numbers: tuple[int, ...]) -> tuple[tuple[int, str], ...]:
    """Wrong answers with a reason; where two reasons give one number the first is told."""
    values = {"x": key, **dict(zip("abcdefgh", numbers, strict=False))}
    out: dict[int, str] = {}
    for label, expression in family.distractors:
        form = parse_expression(expression)
        assert form is not None
        value = int(sum(f * values[m[0]] if m else f for m, f in form.terms))
        if value != key:
            out.setdefault(value, label)
    return tuple(out.items())
