"""A small world of persons, and questions that are answered by looking at it.

Persons have a gender; circles say who is sibling, friend or colleague of whom; parents have children. A `Count` starts at a
named person, hops over relations and counts. Invariants: an answer is found by executing the query on the explicit graph, never
by a formula; a problem is asked only if every world that its text allows gives the same answer (`Table.answers`).
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

FEMALE, MALE = "f", "m"


@dataclass(frozen=True)
class World:
    """`genders[i]` of person i; `circles`: (relation, persons who stand in it to each other); `parents`: (parent, child)."""

    genders: tuple[str, ...]
    circles: tuple[tuple[str, frozenset[int]], ...]
    named: tuple[tuple[str, int], ...]
    parents: tuple[tuple[int, int], ...] = ()

    def related(self, person: int, relation: str) -> frozenset[int]:
        """Everybody to whom `person` stands in a relation: sibling, friend, colleague, child, nephew (or niece), cousin."""
        if relation == "member":  # of a circle, oneself included
            return frozenset().union(*(c for _, c in self.circles if person in c))
        if relation == "child":
            return frozenset(c for p, c in self.parents if p == person)
        if relation == "nephew":
            return self._over(self.related(person, "sibling"), "child")
        if relation == "cousin":
            own = frozenset(p for p, c in self.parents if c == person)
            return self._over(self._over(own, "sibling"), "child")
        return frozenset().union(*(c for r, c in self.circles if r == relation and person in c)) - {person}

    def _over(self, persons: frozenset[int], relation: str) -> frozenset[int]:
        return frozenset().union(*(self.related(p, relation) for p in persons))

    def select(self, persons: frozenset[int], gender: str) -> frozenset[int]:
        return frozenset(p for p in persons if not gender or self.genders[p] == gender)


@dataclass(frozen=True)
class Count:
    """How many `counted` (relation, gender; "" is any) has the person reached from `start` over `hops`?

    The answer is None where nobody can be reached, or where the persons reached do not agree.
    """

    start: str
    counted: tuple[str, str]
    hops: tuple[tuple[str, str], ...] = ()

    def of(self, world: World) -> int | None:
        reached = frozenset({dict(world.named)[self.start]})
        for relation, gender in self.hops:
            reached = world.select(frozenset().union(*(world.related(p, relation) for p in reached)), gender)
        relation, gender = self.counted
        found = {len(world.select(world.related(p, relation), gender)) for p in reached}
        return found.pop() if len(found) == 1 else None


@dataclass(frozen=True)
class Gender:
    """Is the person reached from `start` over `hops` male or female? 1 is female, 2 is male."""

    start: str
    hops: tuple[tuple[str, str], ...] = ()

    def of(self, world: World) -> int | None:
        reached = frozenset({dict(world.named)[self.start]})
        for relation, gender in self.hops:
            reached = world.select(frozenset().union(*(world.related(p, relation) for p in reached)), gender)
        found = {1 if world.genders[p] == FEMALE else 2 for p in reached}
        return found.pop() if len(found) == 1 else None


Query = Count | Gender


@dataclass(frozen=True)
class Schema:
    """A kind of world: `build(sizes)` makes one of given sizes (None: there is no such world); each size runs to its `bound`."""

    name: str
    bounds: tuple[int, ...]
    build: Callable[[Sequence[int]], World | None]

    @cached_property
    def worlds(self) -> list[World]:
        """Every world within the bounds."""
        sizes = itertools.product(*(range(b + 1) for b in self.bounds))
        return [w for s in sizes if (w := self.build(s)) is not None]


@dataclass(frozen=True)
class Table:
    """All worlds of a schema, seen through the facts that a text states and the query that it asks."""

    schema: Schema
    facts: tuple[Count, ...]
    query: Query

    @cached_property
    def answers(self) -> dict[tuple[int, ...], frozenset[int | None]]:
        """Stated numbers -> every answer that some world with these numbers gives: the brute-force solver."""
        out: dict[tuple[int, ...], set[int | None]] = {}
        for world in self.schema.worlds:
            stated = tuple(f.of(world) for f in self.facts)
            if None not in stated:
                out.setdefault(stated, set()).add(self.query.of(world))  # type: ignore[arg-type]
        return {stated: frozenset(answers) for stated, answers in out.items()}

    @cached_property
    def unique(self) -> dict[tuple[int, ...], int]:
        """Stated numbers, all at least 1, that leave exactly one answer, and that answer."""
        return {
            stated: answer
            for stated, answers in self.answers.items()
            if min(stated) >= 1 and len(answers) == 1 and (answer := next(iter(answers))) is not None
        }


@cache
def structure_hash(schema: Schema, facts: tuple[Count, ...], query: Query) -> str:
    """What a problem is when numbers, names, the order of clauses, the surface relation and the genders' labels are removed.

    Two problems have equal hashes exactly when one becomes the other by renaming persons, relations of circles and genders.
    """
    shape = schema.name.partition("/")[0]  # "circle/friend" and "circle/sibling" are one shape
    world = schema.worlds[-1]
    forms = []
    for swap in (False, True):
        genders = [[role, _swapped(world.genders[place], swap)] for role, place in world.named]
        parts = sorted(json.dumps(_canonical(f, swap)) for f in facts)
        forms.append(json.dumps([shape, genders, parts, _canonical(query, swap)]))
    return hashlib.sha256(min(forms).encode()).hexdigest()[:16]


def _swapped(gender: str, swap: bool) -> str:
    return {"f": "m", "m": "f"}.get(gender, "") if swap else gender


def opposite(query: Query) -> Query:
    """The query with genders exchanged."""
    hops = tuple((r, _swapped(g, True)) for r, g in query.hops)
    if isinstance(query, Gender):
        return Gender(query.start, hops)
    return Count(query.start, (query.counted[0], _swapped(query.counted[1], True)), hops)


@cache
def mirrored(schema: Schema) -> Schema:
    """The schema with genders exchanged."""

    def build(sizes: Sequence[int]) -> World | None:
        world = schema.build(sizes)
        return world and World(tuple(_swapped(g, True) for g in world.genders), world.circles, world.named, world.parents)

    return Schema(f"{schema.name}/mirrored", schema.bounds, build)


def _canonical(query: Query, swap: bool) -> list[object]:
    def step(pair: tuple[str, str]) -> list[str]:
        relation, gender = pair
        circle = relation in ("sibling", "friend", "colleague")
        return ["circle" if circle else relation, _swapped(gender, swap)]

    counted = step(query.counted) if isinstance(query, Count) else ["gender", ""]
    return [query.start, [step(h) for h in query.hops], counted]
