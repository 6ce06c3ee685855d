"""The edit that replaces personal data by marks: [EMAIL], [PHONE], [IP], [CARD], [IBAN], [SECRET].

Only the bytes found are replaced, and nothing is found in what comes out. What was replaced is on record if the score
`tamis.data.scores.pii.PersonalData` of the text before it is kept: kinds and places, never values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from tamis.core.errors import UsageError
from tamis.data.edit import Edit, Edited
from tamis.data.pii import KINDS, MARKS, Found, find, find_batch


@dataclass(frozen=True)
class Redact(Edit):
    """Replace what `tamis.data.pii.find` finds by a mark that names its kind."""

    version: ClassVar[int] = 1

    kinds: tuple[str, ...] = KINDS
    """The kinds that are replaced."""

    def __post_init__(self) -> None:
        if unknown := [kind for kind in self.kinds if kind not in KINDS]:
            raise UsageError(f"Redact: {unknown[0]!r} is not among the kinds {', '.join(KINDS)}")

    def edit(self, text: str) -> str:
        """The definition."""
        return self._replaced(text, find(text))

    def edit_batch(self, rows: pa.RecordBatch) -> list[Edited]:
        texts = rows.column("text")
        out: list[Edited] = texts.to_pylist()
        for row, found in find_batch(texts).items():
            out[row] = self._replaced(str(out[row]), found)
        return out

    def _replaced(self, text: str, found: list[Found]) -> str:
        data, parts, place = text.encode(), [], 0
        for start, stop, kind in found:
            if kind in self.kinds:
                parts += [data[place:start], MARKS[kind].encode()]
                place = stop
        return b"".join([*parts, data[place:]]).decode() if parts else text
