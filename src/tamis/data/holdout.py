"""The hold-out: the part of every source that no arm may train on, fixed before any arm exists.

What decides is a hash: of a row's id, or of the group it belongs to (its host, domain, or a field of its meta: a group is held
out whole, so that no page of a held-out site is trained on); or a date. Whatever decides is a property of the row alone, so the
same rows are held out of every arm, in any order and with any number of workers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from tamis.core.errors import TamisError, UsageError
from tamis.core.step import Inputs, Operator, Output, Piece, Step
from tamis.data.schema import fraction_of
from tamis.data.select import Mask, Sample, carry, kept

DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
LEFT_IN = "not held out"


@dataclass(frozen=True)
class Holdout:
    """The part of every source that no arm may train on.

    `fraction` of the rows, chosen by a hash with `seed`; `by` is what is hashed: "row" (its id), "host", "domain" or "meta.KEY"
    (a row without one is a group of its own), so that groups are held out whole. `since`, a date (2024-06-30), holds out all rows
    that are of that day or later by the field `date` of their meta, and no others; rows whose date does not say ("undated") are
    dropped from every arm as well. `near`: rows with this Jaccard similarity to a held-out row are dropped from every arm's
    final text.
    """

    fraction: float = 0.01
    seed: int = 0
    near: float = 0.5
    by: str = "row"
    since: str | None = None
    date: str = "date"

    def __post_init__(self) -> None:
        if not 0 < self.fraction < 0.5:
            raise UsageError(f"Holdout: fraction must be between 0 and 0.5, not {self.fraction}")
        if not 0 < self.near <= 1:
            raise UsageError(f"Holdout: near must be in (0, 1], not {self.near}")
        if self.by not in ("row", "host", "domain") and not re.fullmatch(r"meta\..+", self.by):
            raise UsageError(f"Holdout: by must be 'row', 'host', 'domain' or 'meta.KEY', not {self.by!r}")
        if self.since is not None and (len(self.since) != 10 or not DATE.fullmatch(self.since)):
            raise UsageError(f"Holdout: since must be a day, such as 2024-06-30, not {self.since!r}")
        if self.since is not None and self.by != "row":
            raise UsageError(f"Holdout: since holds out by date and by={self.by!r} by group; give one of them")

    def left(self, text: Step, before: Step) -> Step:
        """The selection of the rows that arms may use."""
        return self._step(text, before, "holdout")

    def taken(self, text: Step, before: Step) -> Step:
        """The selection of the held-out rows."""
        return self._step(text, before, LEFT_IN)

    def _step(self, text: Step, before: Step, reason: str) -> Step:
        left = reason != LEFT_IN
        if self.since is not None:
            return Step(ByDate(self.since, self.date, reason), (text, before))
        if self.by != "row":
            return Step(ByGroup(self.fraction, self.seed, self.by, reason), (text, before))
        return Step(Sample(self.fraction, self.seed, complement=left, reason=reason), (text, before))


@dataclass(frozen=True)
class ByGroup(Operator):
    """Hold out whole groups; `reason` says which side is dropped."""

    fraction: float
    seed: int
    by: str
    reason: str
    kind: ClassVar[str] = "selection"
    label: ClassVar[str] = "hold-out"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        previous, table = inputs[1].read(piece.spec), inputs[0].read(piece.spec, ["id", "url", "meta"])
        names = [g.encode() if g else i for g, i in zip(self._groups(table), table.column("id").to_pylist(), strict=True)]
        inside = fraction_of(pa.array(names, pa.binary()), self.seed, "holdout").to_numpy() < self.fraction
        gone: Mask = kept(previous) & (inside == (self.reason != LEFT_IN))
        rows = np.flatnonzero(gone)
        result, out.ledger = carry(previous, rows, [self.reason] * len(rows), [None] * len(rows))
        out.write(piece.spec, result)

    def _groups(self, table: pa.Table) -> list[str]:
        if self.by.startswith("meta."):
            return [_text(value) for value in _field(table, self.by.removeprefix("meta."))]
        from tamis.data.urls import domain_of, host_of

        hosts = [host_of(url or "") for url in table.column("url").to_pylist()]
        return hosts if self.by == "host" else [domain_of(host) for host in hosts]


@dataclass(frozen=True)
class ByDate(Operator):
    """Hold out the rows of a day or later; a date too coarse or too strange to tell is "undated" and dropped on either side."""

    since: str
    date: str
    reason: str
    kind: ClassVar[str] = "selection"
    label: ClassVar[str] = "hold-out"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        previous, table = inputs[1].read(piece.spec), inputs[0].read(piece.spec, ["meta"])
        after = [is_since(value, self.since) for value in _field(table, self.date)]
        drops = ["undated" if late is None else self.reason if late == (self.reason != LEFT_IN) else None for late in after]
        rows = np.flatnonzero(kept(previous) & np.array([why is not None for why in drops], bool))
        result, out.ledger = carry(previous, rows, [str(drops[i]) for i in rows], [None] * len(rows))
        out.write(piece.spec, result)


def is_since(value: Any, since: str) -> bool | None:
    """Whether a date (a day, a month or a year, with or without a time after it) is `since` or later; None if it does not say."""
    found = DATE.match(value) if isinstance(value, str) else None
    if found is None:
        return None
    own, other = found[0], since[: len(found[0])]
    return None if own == other and len(own) < len(since) else own >= other


def _field(table: pa.Table, name: str) -> Sequence[Any]:
    """A field of each row's meta; None where it is not."""
    out = []
    for text in table.column("meta").to_pylist():
        try:
            value = json.loads(text or "{}")
        except ValueError as error:
            raise TamisError(f"hold-out: a row's meta is not JSON ({error}): {text[:60]!r}") from None
        out.append(value.get(name) if isinstance(value, dict) else None)
    return out


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, sort_keys=True)
