"""The families of problems: which world, which facts are told, what is asked, in which words.

A family fixes everything but numbers and surface. Its *controls* are easier questions in the same words with the same correct
answer, so that a failure on the family cannot be blamed on reading numbers, adding them, or the answer's form. Numbers of the
first variations are those of the published problems; all answers are executed, none is written down here.

Source of the families and of the canonical numbers: Nezhurina et al. 2024, arXiv:2406.02061, and LAION-AI/AIW.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from tamis.core.errors import UsageError
from tamis.eval.aiw.world import (
    FEMALE,
    MALE,
    Count,
    Gender,
    Query,
    Schema,
    Table,
    World,
    mirrored,
    opposite,
    structure_hash,
)

ANSWERS = (7, 3, 5, 2, 4, 6)  # of variations 1 to 6, in every family and every count control


@dataclass(frozen=True)
class Part:
    """A question over a schema: the family's own, or one of its controls.

    `numbers`: the stated numbers of variations 1 to 6, in the order of `facts` (empty: drawn). `first`: which fact each of them
    tells first. `mirror_even`: genders are exchanged in every second variation, so that both answers to "male or female?" occur.
    """

    name: str
    schema: Schema
    facts: tuple[Count, ...]
    query: Query
    numbers: tuple[tuple[int, ...], ...] = ()
    first: tuple[int, ...] = (0, 1, 1, 0, 0, 1)
    mirror_even: bool = False

    @property
    def table(self) -> Table:
        return _table(self.schema, self.facts, self.query)

    @property
    def structure(self) -> str:
        return structure_hash(self.schema, self.facts, self.query)


@dataclass(frozen=True)
class Family:
    """`main` and its `controls`; `relation` is the surface relation; `depth`: relations that must be followed to answer."""

    name: str
    relation: str
    depth: int
    main: Part
    controls: tuple[Part, ...]
    distractors: tuple[tuple[str, str], ...]
    symbolic: bool = False


@cache
def _table(schema: Schema, facts: tuple[Count, ...], query: Query) -> Table:
    return Table(schema, facts, query)


@cache
def circle(relation: str) -> Schema:
    """Alice and f women and m men, all in one relation to each other."""

    def build(sizes: Sequence[int]) -> World:
        women, men = sizes
        genders = (FEMALE,) * (women + 1) + (MALE,) * men
        return World(genders, ((relation, frozenset(range(len(genders)))),), (("A", 0),))

    return Schema(f"circle/{relation}", (10, 10), build)


@cache
def pair(relation: str) -> Schema:
    """Alice and Bob, and f women and m men beside them, all in one relation to each other."""

    def build(sizes: Sequence[int]) -> World:
        women, men = sizes
        genders = (FEMALE,) * (women + 1) + (MALE,) * (men + 1)
        return World(genders, ((relation, frozenset(range(len(genders)))),), (("A", 0), ("B", women + 1)))

    return Schema(f"pair/{relation}", (10, 10), build)


def _two_circles(sizes: Sequence[int]) -> World:
    """Alice's circle and Bob's circle share Carol and nobody else."""
    women_a, men_a, women_b, men_b = sizes
    genders = (FEMALE, MALE, FEMALE) + (FEMALE,) * women_a + (MALE,) * men_a + (FEMALE,) * women_b + (MALE,) * men_b
    split = 3 + women_a + men_a
    first = frozenset({0, 2, *range(3, split)})
    second = frozenset({1, 2, *range(split, len(genders))})
    return World(genders, (("colleague", first), ("colleague", second)), (("A", 0), ("B", 1), ("C", 2)))


def _cousins(sizes: Sequence[int]) -> World | None:
    """Alice's sisters; her mother's brothers and their children; her father's brother, his daughters, other nephews of his."""
    sisters, brothers, theirs, others, daughters = sizes
    if theirs and not brothers:
        return None
    genders: list[str] = []

    def born(gender: str, count: int) -> list[int]:
        genders.extend([gender] * count)
        return list(range(len(genders) - count, len(genders)))

    own, (mother, aunt), uncles = born(FEMALE, sisters + 1), born(FEMALE, 2), born(MALE, brothers)
    father, uncle = born(MALE, 2)
    other = born(FEMALE, 1 if others else 0)
    children = {mother: own, uncle: born(FEMALE, daughters)}
    if theirs:
        children[uncles[0]] = born(FEMALE, theirs)
    if others:
        children[other[0]] = born(MALE, others)
    parents = [(p, c) for p, kids in children.items() for c in kids] + [(father, c) for c in own]
    circles = [own, [mother, aunt, *uncles], [father, uncle, *other]]
    named = (("A", own[0]), ("mother", mother), ("aunt", aunt), ("father", father), ("uncle", uncle))
    return World(tuple(genders), tuple(("sibling", frozenset(c)) for c in circles), named, tuple(parents))


CIRCLES = Schema("two-circles", (5, 4, 7, 4), _two_circles)
COUSINS = Schema("cousins", (4, 6, 5, 3, 3), _cousins)


def _circle_controls(relation: str) -> tuple[Part, ...]:
    schema, men, women = circle(relation), Count("A", (relation, MALE)), Count("A", (relation, FEMALE))
    facts = (men, women)
    asymmetric = ((7, 3), (3, 4), (5, 2), (2, 3), (4, 3), (6, 2))
    sums = ((3, 4), (1, 2), (1, 4), (1, 1), (1, 3), (2, 4))
    return (
        Part("parse", schema, facts, men, asymmetric),
        Part("arithmetic", schema, facts, Count("A", (relation, "")), sums),
        Part("attribute", schema, facts, Gender("A"), asymmetric, mirror_even=True),
        Part("hop", schema, facts, Count("A", (relation, MALE), ((relation, FEMALE),)), asymmetric),
        Part("set", schema, facts, Count("A", ("member", FEMALE)), ((3, 6), (4, 2), (1, 4), (4, 1), (2, 3), (3, 5))),
    )


def _circle_family(name: str, relation: str) -> Family:
    men, women = Count("A", (relation, MALE)), Count("A", (relation, FEMALE))
    main = Part(
        "main",
        circle(relation),
        (men, women),
        Count("A", (relation, FEMALE), ((relation, MALE),)),
        ((3, 6), (4, 2), (1, 4), (4, 1), (2, 3), (3, 5)),
    )
    return Family(name, relation, 2, main, _circle_controls(relation), _CIRCLE_DISTRACTORS)


# Wrong answers with a reason, as expressions of the answer `x` and the stated numbers `a`, `b`, …: the first that fits counts.
_CIRCLE_DISTRACTORS = (
    ("forgets the person asked about", "x-1"),
    ("copies the other number", "a"),
    ("adds up all that is stated", "a+b"),
    ("adds up everybody", "a+b+1"),
    ("one too many", "x+1"),
)
_PAIR_DISTRACTORS = (
    ("forgets the person asked about", "x-1"),
    ("one too many", "x+1"),
    ("copies the other number", "a"),
    ("adds up all that is stated", "a+b"),
)


def _named_siblings() -> Family:
    sisters, brothers = Count("A", ("sibling", FEMALE)), Count("B", ("sibling", MALE))
    schema = pair("sibling")
    main = Part(
        "main",
        schema,
        (sisters, brothers),
        Count("A", ("sibling", MALE)),
        ((3, 6), (2, 2), (1, 4), (3, 1), (2, 3), (3, 5)),
        (0, 0, 0, 0, 0, 0),
    )
    told = ((3, 7), (2, 3), (1, 5), (3, 2), (2, 4), (3, 6))
    parse = replace(main, name="parse", query=brothers, numbers=told)
    others = [p for p in _circle_controls("sibling") if p.name != "parse"]
    return Family("named-siblings", "sibling", 2, main, (parse, *others), _PAIR_DISTRACTORS)


def _named_friends(name: str, query: Count, numbers: tuple[tuple[int, ...], ...]) -> Family:
    """Friends where one of them is named, and the other's number includes the person asked about."""
    men, women = Count("A", ("friend", MALE)), Count("B", ("friend", FEMALE))
    main = Part("main", pair("friend"), (men, women), query, numbers, (0, 0, 0, 0, 0, 0))
    parse = replace(main, name="parse", query=women, numbers=tuple((a, x) for (a, _), x in zip(numbers, ANSWERS, strict=True)))
    others = [p for p in _circle_controls("friend") if p.name != "parse"]
    labels = (("counts the person asked about", "x+1"), ("one too few", "x-1"), *_PAIR_DISTRACTORS[2:])
    return Family(name, "friend", 2, main, (parse, *others), labels)


def _colleagues() -> Family:
    facts = tuple(Count(who, ("colleague", g)) for who in "AB" for g in (MALE, FEMALE))
    numbers = ((3, 4, 2, 4), (2, 2, 3, 2), (4, 3, 1, 3), (3, 1, 2, 2), (1, 2, 4, 3), (2, 3, 1, 4))
    main = Part("main", CIRCLES, facts, Count("C", ("colleague", FEMALE)), numbers, (0, 0, 0, 0, 0, 0))
    controls = (
        replace(main, name="parse", query=facts[3], numbers=()),
        replace(main, name="arithmetic", query=Count("A", ("colleague", "")), numbers=()),
        replace(main, name="attribute", query=Gender("C"), mirror_even=True),
    )
    labels = (
        ("forgets the person asked about", "x-1"),
        ("adds up both circles", "b+d"),
        ("one circle only", "b"),
        ("the other circle only", "d"),
        ("one too many", "x+1"),
    )
    return Family("colleagues", "colleague", 3, main, controls, labels)


def _cousins_family() -> Family:
    facts = (
        Count("A", ("sibling", FEMALE)),
        Count("aunt", ("nephew", "")),
        Count("aunt", ("sibling", MALE)),
        Count("uncle", ("nephew", "")),
        Count("uncle", ("child", FEMALE)),
    )
    numbers = ((2, 6, 2, 5, 2), (3, 6, 2, 4, 1), (3, 7, 2, 5, 1), (4, 6, 2, 5, 1), (3, 6, 2, 5, 1), (2, 6, 2, 4, 2))
    main = Part("main", COUSINS, facts, Count("A", ("cousin", ""), (("sibling", FEMALE),)), numbers, (0, 0, 0, 0, 0, 0))
    controls = (
        replace(main, name="parse", query=facts[1], numbers=()),
        replace(main, name="arithmetic", query=Count("mother", ("sibling", "")), numbers=()),
        replace(main, name="attribute", query=Gender("A"), mirror_even=True),
    )
    labels = (
        ("forgets the person asked about", "x+2"),
        ("takes all nephews and nieces", "b+d"),
        ("adds the daughters to all nephews and nieces", "b+d+e"),
        ("forgets the daughters", "x-e"),
        ("the daughters only", "e"),
    )
    return Family("cousins", "sibling", 4, main, controls, labels)


SIBLINGS = _circle_family("siblings", "sibling")
FRIENDS = _circle_family("friends", "friend")
NAMED_SIBLINGS = _named_siblings()
NAMED_FRIENDS = _named_friends("named-friends", Count("A", ("friend", FEMALE)), ((5, 8), (6, 4), (3, 6), (4, 3), (2, 5), (8, 7)))
NAMED_FRIENDS_OTHER = _named_friends(
    "named-friends-other", Count("B", ("friend", MALE)), ((8, 5), (4, 6), (6, 3), (3, 4), (5, 2), (7, 8))
)
COLLEAGUES = _colleagues()
COUSINS_FAMILY = _cousins_family()
SYMBOLIC = replace(
    SIBLINGS,
    name="symbolic",
    symbolic=True,
    controls=tuple(p for p in SIBLINGS.controls if p.name in ("parse", "arithmetic", "hop")),
)
FAMILIES = {
    f.name: f
    for f in (
        SIBLINGS,
        NAMED_SIBLINGS,
        FRIENDS,
        NAMED_FRIENDS,
        NAMED_FRIENDS_OTHER,
        COLLEAGUES,
        COUSINS_FAMILY,
        SYMBOLIC,
    )
}


def mirrored_part(part: Part) -> Part:
    """The part with genders exchanged; answers and structure stay."""
    return replace(
        part,
        schema=mirrored(part.schema),
        facts=tuple(_count(opposite(f)) for f in part.facts),
        query=opposite(part.query),
    )


def with_relation(part: Part, relation: str) -> Part:
    """The part of a single circle told of another relation; answers and structure stay. UsageError for other schemas."""
    kind, _, old = part.schema.name.partition("/")
    if kind not in ("circle", "pair"):
        raise UsageError(f"the relation of {kind} cannot be exchanged: only problems of one circle can be told otherwise")

    def other(query: Query) -> Query:
        hops = tuple((relation if r == old else r, g) for r, g in query.hops)
        if isinstance(query, Gender):
            return Gender(query.start, hops)
        name, gender = query.counted
        return Count(query.start, (relation if name == old else name, gender), hops)

    schema = circle(relation) if kind == "circle" else pair(relation)
    return replace(part, schema=schema, facts=tuple(_count(other(f)) for f in part.facts), query=other(part.query))


def _count(query: Query) -> Count:
    assert isinstance(query, Count)
    return query
