"""Personal data in one text, and in a batch: the candidates looked at by the rules, and what they say put together.

Where two findings overlap the more certain kind stands, in the order of `KINDS`. What is found is blanked and the rest looked at
again until nothing is new, so a text whose findings were replaced by marks in square brackets holds no more of them: no rule
looks across a bracket. Places are bytes of the UTF-8 text. Invariant: `find_batch` (compiled scan) equals `find` on every text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from tamis.data.pii import rules, secrets
from tamis.data.pii.candidates import Candidate, candidates, numbers, scan
from tamis.data.pii.phones import phones
from tamis.kernels import pii as kernel
from tamis.kernels.jit import buffers

KINDS = ("secret", "email", "iban", "card", "ip", "phone")
MARKS = {kind: f"[{kind.upper()}]" for kind in KINDS}  # what an edit puts in the place of a finding


class Found(NamedTuple):
    """A piece of personal data: its place in bytes, and its kind, one of `KINDS`."""

    start: int
    stop: int
    kind: str


def find(text: str) -> list[Found]:
    """All personal data of a text, in order; the definition."""
    data = text.encode()
    return examine(data, candidates(data))


def find_batch(texts: pa.Array) -> dict[int, list[Found]]:
    """`find` of each text of a `pa.LargeStringArray` that has any, by row."""
    view = buffers(texts)
    data, places = view
    looked = {row: examine(data[places[row] : places[row + 1]].tobytes(), each) for row, each in scan(view).items()}
    return {row: found for row, found in looked.items() if found}


def examine(data: bytes, places: Sequence[Candidate]) -> list[Found]:
    """The findings among the candidates of a text."""
    found: list[Found] = []
    blanked = bytearray(data)
    while new := _once(bytes(blanked), places):
        for start, stop, kind in new:
            size = stop - start
            blanked[start:stop] = b"[" + (b"[" * size + MARKS[kind].encode())[1 - size :]
        found += new
        places = [part for place in places for part in _left(bytes(blanked), place)]
    return sorted(found)


def _left(data: bytes, place: Candidate) -> Iterable[Candidate]:
    """What blanking left of a candidate: of a number, the numbers in its place."""
    return numbers(data, place.start, place.stop) if place.kind == kernel.NUMBER else (place,)


def _once(data: bytes, places: Sequence[Candidate]) -> list[Found]:
    seen = sorted((f for place in places for f in _look(data, place)), key=lambda f: (KINDS.index(f.kind), f.start, -f.stop))
    found: list[Found] = []
    for each in seen:
        if all(each.stop <= other.start or other.stop <= each.start for other in found):
            found.append(each)
    return found


def _look(data: bytes, place: Candidate) -> Iterator[Found]:
    """What the rules for its class find at a candidate."""
    one: tuple[int, int] | None = None
    match place.kind:
        case kernel.NUMBER:
            yield from (Found(*span, "card") for span in rules.cards(data, place.start, place.stop))
            yield from (Found(*span, "ip") for span in rules.ipv4(data, place.start, place.stop))
            yield from (Found(*span, "phone") for span in phones(data, place.start, place.stop))
            return
        case kernel.AT:
            kind, one = "email", rules.email(data, place.start)
        case kernel.ADDRESS:
            kind, one = "ip", rules.ipv6(data, place.start)
        case kernel.ACCOUNT:
            kind, one = "iban", rules.iban(data, place.start)
        case kernel.TOKEN:
            kind, one = "secret", secrets.known(data, place.start)
        case _:
            kind, one = "secret", secrets.assigned(data, place.start)
    if one is not None:
        yield Found(*one, kind)
