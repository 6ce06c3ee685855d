"""What is known about a row of a world, as a tuple, as JSON in its meta, and as a table beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from tamis.data.schema import ID

GOOD = ("clean", "odd", "personal")
"""Kinds that a filter does harm to drop."""
COPIES = ("exact-duplicate", "near-duplicate")
"""Kinds of which the parent is as good as the child: whichever is kept."""

TRUTH = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("number", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("form", pa.string(), nullable=False),
        pa.field("good", pa.bool_(), nullable=False),
        pa.field("parent", pa.string()),
        pa.field("target", pa.float64()),
        pa.field("jaccard", pa.float64()),
        pa.field("half", pa.int8(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("characters", pa.int64(), nullable=False),
    ]
)


class Base(NamedTuple):
    """A document: its text, where it is from, and what else is known (package, licence)."""

    text: str
    source: str
    meta: Mapping[str, str]


class Facts(NamedTuple):
    """The truth about one row.

    `form` says more about the kind (a strength, a language). `parent` is the address of the clean row it was made from;
    `jaccard` the exact index of their five-word shingles, `target` what was aimed at. `half` puts every row in one of two random
    halves that differ in nothing. `detail` is the name of a leaked item, the JSON list of [sort, value] of personal data, or
    [lines before, lines after] of a framed text.
    """

    number: int = 0
    kind: str = "clean"
    form: str = ""
    parent: str | None = None
    target: float | None = None
    jaccard: float | None = None
    half: int = 0
    detail: str = ""


class Row(NamedTuple):
    """One row of a world."""

    base: Base
    url: str
    facts: Facts


def told(facts: Facts) -> dict[str, Any]:
    """The facts that are not empty, as plain values for JSON."""
    return {name: value for name, value in facts._asdict().items() if value not in (None, "")}


def document(row: Row, id: bytes) -> dict[str, Any]:
    """The row in the document schema."""
    meta = json.dumps({**row.base.meta, "planted": told(row.facts)}, ensure_ascii=False)
    return {"id": id, "text": row.base.text, "url": row.url, "source": row.base.source, "meta": meta}


def truth_table(rows: Iterable[tuple[bytes, Row]]) -> pa.Table:
    """The table of (id, row), in the order given."""
    out = [
        {
            "id": id,
            "url": row.url,
            "good": row.facts.kind in GOOD,
            "source": row.base.source,
            "characters": len(row.base.text),
            **row.facts._asdict(),
        }
        for id, row in rows
    ]
    return pa.Table.from_pylist(out, schema=TRUTH)
