"""Which places of a text the rules look at: the compiled scan `tamis.kernels.pii`, and its definition by expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pyarrow as pa

from tamis.data.pii.secrets import HEADS, NAMES
from tamis.kernels import pii as kernel
from tamis.kernels.jit import Buffers, buffers

NUMBER = re.compile(rb"[0-9](?:[" + re.escape(kernel.SEPARATORS) + b"]{0,%d}[0-9])*" % kernel.GAP)
_FOUR_PARTS = re.compile(rb"[0-9]\.(?=[0-9])")
_OTHERS = (
    (kernel.AT, re.compile(rb"(?<=[A-Za-z0-9_])@(?=[A-Za-z0-9_])")),
    (kernel.ADDRESS, re.compile(rb"(?<![A-Za-z0-9_])[23][0-9a-fA-F]{3}(?=:)")),
    (kernel.ACCOUNT, re.compile(rb"(?<![A-Za-z0-9_])[A-Z]{2}[0-9]{2}")),
    (kernel.TOKEN, re.compile(rb"(?<![A-Za-z0-9_])(?=" + b"|".join(map(re.escape, HEADS)) + b")")),
    (kernel.ASSIGNMENT, re.compile(rb"(?i:(?:" + b"|".join(NAMES) + rb")[\"'\]]{0,2}[ \t]{0,3})(?=[:=])")),
)


class Candidate(NamedTuple):
    """A place to look at: its class (of `tamis.kernels.pii`) and its bytes; only of a number is `stop` known."""

    kind: int
    start: int
    stop: int


def numbers(data: bytes, start: int = 0, stop: int | None = None) -> Iterator[Candidate]:
    """The numbers long enough to be looked at."""
    for match in NUMBER.finditer(data, start, len(data) if stop is None else stop):
        digits = len(match[0]) - len(match[0].translate(None, b"0123456789"))
        if digits >= kernel.DIGITS or (digits >= 4 and len(_FOUR_PARTS.findall(match[0])) >= 3):
            yield Candidate(kernel.NUMBER, *match.span())


def candidates(data: bytes) -> list[Candidate]:
    """All candidates of one text, in order of place and class."""
    found = list(numbers(data))
    for kind, expression in _OTHERS:
        for match in expression.finditer(data):
            place = match.end() if kind == kernel.ASSIGNMENT else match.start()
            found.append(Candidate(kind, place, place))
    return sorted(found, key=lambda c: (c.start, c.kind))


@cache
def _tables() -> tuple[Any, ...]:
    heads, names = (buffers(pa.array([w.decode() for w in words], pa.large_string())) for words in (HEADS, NAMES))
    return (kernel.byte_classes(), kernel.beginnings(HEADS), *heads, *names)


def scan(texts: Buffers) -> dict[int, list[Candidate]]:
    """The candidates of each text that has any, by its number; places count from the start of the text."""
    found: dict[int, list[Candidate]] = {}
    offsets = texts.offsets
    for text, kind, start, stop in kernel.candidates(*texts, *_tables()).tolist():
        first = int(offsets[text])
        found.setdefault(text, []).append(Candidate(kind, start - first, stop - first))
    return {text: sorted(each, key=lambda c: (c.start, c.kind)) for text, each in found.items()}
