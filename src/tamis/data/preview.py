"""A hashed sample of every source, for a look in seconds: `tamis try`, and the estimates of `tamis plan`.

Pieces of the source are read in an order fixed by the hash of their name until eight times as many rows have been seen as are
wanted; of those the rows with the smallest hash of id are taken. So a look at a large source reads a little of it, and two
looks see the same rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from tamis.core.ledger import Ledger
from tamis.core.step import Inputs, Operator, Output, Piece, Step, Where
from tamis.data.dataset import Dataset, Resolver, Stage, stage_name
from tamis.data.schema import DOCUMENT, fraction_of
from tamis.data.source import File, Source

SEEN = 8  # rows read for one row taken


@dataclass(frozen=True)
class SampleSource(Operator):
    """`rows` rows of a source; facts: rows read, and the share of the source's bytes that was read."""

    source: Source
    files: tuple[tuple[str, int, str], ...]
    rows: int
    kind: ClassVar[str] = "text"

    @property
    def label(self) -> str:
        return f"sample-{type(self.source).__name__.lower()}"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("sample", where.data)]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        files = [File(name, self.source.locate(name, piece.spec), size, sha256) for name, size, sha256 in self.files]
        portions = self.source.pieces(files)
        portions.sort(key=lambda p: hashlib.sha256(f"{p.files[0].name}\0{p.start}".encode()).digest())
        seen, found, read = Ledger(), [], 0.0
        for portion in portions:
            for table in self.source.shards(portion, seen):
                found.append(table)
                if seen.rows_out >= SEEN * self.rows:
                    break
            read += portion.cost
            if seen.rows_out >= SEEN * self.rows:
                break
        table = pa.concat_tables(found) if found else DOCUMENT.empty_table()
        order = np.argsort(fraction_of(table.column("id"), 0, "preview").to_numpy(), kind="stable")[: self.rows]
        table = table.take(pa.array(np.sort(order)))
        out.ledger.rows_in = out.ledger.rows_out = table.num_rows
        total = sum(p.cost for p in portions)
        out.facts = {"rows_read": seen.rows_out, "share_read": min(1.0, read / total) if total else 1.0}
        out.write("sample-00000.parquet", table)

    def summary(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return facts[0]


@dataclass
class SampledResolver(Resolver):
    """Resolves declarations onto a sample of `rows` rows of every source."""

    rows: int = 1000

    def source_step(self, dataset: Dataset) -> tuple[Step, list[Stage]]:
        read = super().source_step(dataset)[0]
        step = Step(SampleSource(read.op.source, read.op.files, self.rows))  # type: ignore[attr-defined]
        return step, [Stage(stage_name(dataset.op), step)]
