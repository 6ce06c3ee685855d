"""How much personal data a document holds, kind by kind, and where: the log of what `tamis.data.edits.pii.Redact` would replace.

The rules are in `tamis.data.pii`; what they find and miss, measured, is in docs/pii.md.
Use: `dataset.keep(PersonalData().secrets, max=0)`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from tamis.data.pii import KINDS, Found, find, find_batch
from tamis.data.score import Column, Score, Value


@dataclass(frozen=True)
class PersonalData(Score):
    """Findings per kind, and all of them as "start:stop:kind" in order, in characters of the text; the values are not copied."""

    secrets = Column("Keys and tokens.", "int64")
    emails = Column("E-mail addresses.", "int64")
    ibans = Column("Bank accounts (IBAN).", "int64")
    cards = Column("Card numbers.", "int64")
    ips = Column("Routed IPv4 and IPv6 addresses.", "int64")
    phones = Column("Telephone numbers.", "int64")
    spans = Column("Where they stand.", "string")

    def score(self, text: str) -> tuple[Value, ...]:
        """The definition."""
        return _row(text, find(text))

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        found = find_batch(columns[0])
        rows = [
            _row(columns[0][i].as_py(), found[i]) if i in found else (*(0 for _ in KINDS), "") for i in range(len(columns[0]))
        ]
        schema = self.schema()
        arrays = [pa.array([row[i] for row in rows], type) for i, type in enumerate(schema.types)]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _row(text: str, found: list[Found]) -> tuple[Value, ...]:
    counts = [sum(f.kind == kind for f in found) for kind in KINDS]
    return (*counts, " ".join(f"{start}:{stop}:{kind}" for start, stop, kind in in_characters(text, found)))


def in_characters(text: str, found: list[Found]) -> list[Found]:
    """Findings, in order, with places in characters of the text instead of bytes of its UTF-8."""
    if text.isascii():
        return found
    data, out, byte, character = text.encode(), [], 0, 0
    for start, stop, kind in found:
        character += len(data[byte:start].decode())
        size = len(data[start:stop].decode())
        out.append(Found(character, character + size, kind))
        byte, character = stop, character + size
    return out
