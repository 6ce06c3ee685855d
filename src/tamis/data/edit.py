"""What an edit is: a row goes in, a row comes out, or several, or none with a reason.

`edit` returns the new text, or a `Drop`, or (only if the class says `splits = True`) a list of texts whose ids derive from the
parent's. Nothing disappears silently: a dropped row is a row of the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import pyarrow as pa


class Drop(NamedTuple):
    """The verdict of an edit that could not make a text of a row."""

    reason: str
    evidence: str = ""


Edited = str | Drop | list[str]


@dataclass(frozen=True)
class Edit:
    """Base of all edits: a frozen dataclass of plain values with one short method.

    Class attributes: `version` (bump when results change), `splits` (may bear rows), `libraries` (versions enter the key).
    """

    version: ClassVar[int] = 1
    splits: ClassVar[bool] = False
    libraries: ClassVar[tuple[str, ...]] = ()

    def edit(self, text: str, /) -> Edited:
        """The definition: one document's text to its new text, a `Drop`, or a list of texts."""
        raise TypeError(f"{type(self).__name__} defines neither edit nor edit_batch")

    def edit_batch(self, rows: pa.RecordBatch) -> list[Edited]:
        """One result per row of `rows` (document schema). Override to work on whole batches or to read url and meta."""
        return [self.edit(text) for text in rows.column("text").to_pylist()]
