"""Lines that many pages of a site share: menus, footers, banners. They are counted over the whole corpus, then removed.

`base.select(RepeatedLines())` makes a new text. A line (stripped) is repeated if at least `pages` of the selected pages of its
host and at least `share` of them have it. The text keeps its other lines; a page without any left is dropped and says so.
Pages without an address count as one site if `unknown` is set, else they stay as they are. Memory: 16 bytes a line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.errors import UsageError
from tamis.core.step import Inputs, Operator, Output, Piece, Step, Where
from tamis.data.apply import EditText
from tamis.data.edit import Drop, Edit, Edited
from tamis.data.select import Resolve, View, kept
from tamis.data.urls import host_of

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class RepeatedLines:
    """Remove the lines that at least `pages` pages and a `share` of all pages of their host have."""

    pages: int = 5
    share: float = 0.1
    unknown: bool = False
    label: ClassVar[str] = "repeated lines"

    def __post_init__(self) -> None:
        if self.pages < 2 or not 0 <= self.share <= 1:
            raise UsageError(f"RepeatedLines: pages must be at least 2 and share in [0, 1], not {self.pages} and {self.share}")

    def select(self, view: View, resolve: Resolve) -> Step:
        counted = Step(LinesOfSites(self.pages, self.share, self.unknown), view)
        return Step(WithoutLines(), (*view, counted))


def _hash(*parts: str) -> int:
    digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _lines(text: str) -> list[str]:
    return [stripped for line in text.split("\n") if (stripped := line.strip())]


@dataclass(frozen=True)
class LinesOfSites(Operator):
    """The hashes of (host, line) of the repeated lines."""

    pages: int
    share: float
    unknown: bool
    kind: ClassVar[str] = "lines"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all", None, float(sum(s.bytes for s in inputs[0].shards)))]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        numbers: dict[str, int] = {}
        pages: list[int] = []
        lines, sites = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
        for host, text in self._selected(inputs):
            out.ledger.rows_in += 1
            if not host and not self.unknown:
                continue
            site = numbers.setdefault(host, len(numbers))
            pages += [0] * (site == len(pages))
            pages[site] += 1
            found = {_hash(host, line) for line in _lines(text)}
            lines.append(np.fromiter(found, np.uint64, len(found)))
            sites.append(np.full(len(found), site, np.int64))
        out.ledger.rows_out = out.ledger.rows_in
        hashes, first, counts = np.unique(np.concatenate(lines), return_index=True, return_counts=True)
        of_site = np.array([0, *pages], np.int64)[np.concatenate(sites)[first] + 1]
        repeated = hashes[(counts >= self.pages) & (counts >= self.share * of_site)]
        out.facts = {"repeated": len(repeated)}
        out.write("lines.parquet", pa.table({"hash": pa.array(repeated)}))

    def _selected(self, inputs: Inputs) -> Iterator[tuple[str, str]]:
        for shard in inputs[0].shards:
            rows = inputs[0].read(shard.name, ["url", "text"]).filter(pa.array(kept(inputs[1].read(shard.name))))
            for batch in rows.to_batches(max_chunksize=1024):
                for url, text in zip(batch.column("url").to_pylist(), batch.column("text").to_pylist(), strict=True):
                    yield host_of(url), text


@dataclass(frozen=True)
class WithoutLines(Operator):
    """The text without the repeated lines. Inputs: text, selection, lines."""

    kind: ClassVar[str] = "text"
    label: ClassVar[str] = "repeated-lines"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        hashes = inputs[2].read("lines.parquet").column("hash").to_pylist()
        EditText(_Removal(frozenset(hashes))).run(piece, inputs, out)


@dataclass(frozen=True)
class _Removal(Edit):
    """Remove the lines with these hashes; it lives inside one job, never in a key."""

    hashes: frozenset[int]

    def edit_batch(self, rows: pa.RecordBatch) -> list[Edited]:
        pairs = zip(rows.column("url").to_pylist(), rows.column("text").to_pylist(), strict=True)
        return [self._without(host_of(url), text) for url, text in pairs]

    def _without(self, host: str, text: str) -> Edited:
        lines = text.split("\n")
        rest = [line for line in lines if not line.strip() or _hash(host, line.strip()) not in self.hashes]
        if len(rest) == len(lines):
            return text
        if not any(map(str.strip, rest)):
            return Drop("repeated-lines", f"all {len(lines)} lines are on other pages of {host}")
        return "\n".join(rest)
