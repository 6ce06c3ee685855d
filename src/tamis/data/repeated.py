"""Lines that many pages of a site share: menus, footers, banners. They are counted over the whole corpus, then removed.

`base.select(RepeatedLines())` makes a new text. A line (stripped) is repeated if at least `pages` of the selected pages of its
host and at least `share` of them have it. The text keeps its other lines; a page without any left is dropped and says so.
Pages without an address count as one site if `unknown` is set, else they stay as they are. Memory: 32 bytes a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from tamis.core.budget import Needs
from tamis.core.errors import UsageError
from tamis.core.step import Inputs, Operator, Output, Piece, Step, Where
from tamis.data.dedup.verdicts import beside
from tamis.data.paragraphs import ParagraphHashes, unpacked, with_gaps
from tamis.data.select import Resolve, View, kept
from tamis.data.spans import CutSpans, Places, spans_table
from tamis.data.urls import host_of

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


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
        lines = beside(ParagraphHashes("line", 1, False), view.text)
        found = Step(LinesOfSites(self.pages, self.share, self.unknown), (*view, lines))
        return Step(CutSpans("repeated-lines"), (*view, found))


class Lines(NamedTuple):
    """The lines of one shard that count: number of the line in the shard, its row, its site, and a hash of site and line."""

    number: Places
    row: Places
    site: Places
    key: npt.NDArray[np.uint64]


@dataclass(frozen=True)
class LinesOfSites(Operator):
    """The spans of the repeated lines. Inputs: text, selection, hashes of lines."""

    pages: int
    share: float
    unknown: bool
    version: ClassVar[int] = 2  # spans, not hashes
    kind: ClassVar[str] = "columns"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all", None, float(sum(s.bytes for s in inputs[0].shards)))]

    def needs(self, inputs: Inputs) -> Needs:
        return Needs(memory=32 * sum(s.bytes for s in inputs[2].shards) // 8)  # hashes do not compress

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        sites: dict[str, int] = {}
        pages = np.zeros(0, np.int64)
        keys, owners = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
        for lines, site in self._lines(inputs, sites):
            fresh = np.bincount(site[site >= 0], minlength=len(sites))
            pages = fresh + np.pad(pages, (0, len(fresh) - len(pages)))
            order = np.lexsort((lines.key, lines.row))
            row, key = lines.row[order], lines.key[order]
            once = np.append(True, (row[1:] != row[:-1]) | (key[1:] != key[:-1]))[: len(row)]
            keys.append(key[once])
            owners.append(lines.site[order][once])
        distinct, first, counts = np.unique(np.concatenate(keys), return_index=True, return_counts=True)
        of_site = pages[np.concatenate(owners)[first]]
        repeated = distinct[(counts >= self.pages) & (counts >= self.share * of_site)]
        self._publish(inputs, out, repeated)
        out.facts = {"repeated": len(repeated)}
        out.ledger.rows_in = out.ledger.rows_out = inputs[0].rows

    def _lines(self, inputs: Inputs, sites: dict[str, int]) -> Iterator[tuple[Lines, Places]]:
        """The lines of every shard, and the site of each row (-1: the row does not count)."""
        for shard in inputs[0].shards:
            hosts = [host_of(url) for url in inputs[0].read(shard.name, ["url"]).column("url").to_pylist()]
            rows = zip(hosts, kept(inputs[1].read(shard.name)).tolist(), strict=True)
            counted = [sites.setdefault(host, len(sites)) if chosen and (host or self.unknown) else -1 for host, chosen in rows]
            site = np.array(counted, np.int64)
            table = inputs[2].read(shard.name, ["count", "hash"])
            row = np.repeat(np.arange(len(site)), table.column("count").to_numpy())
            number = np.flatnonzero(site[row] >= 0)
            row = row[number]
            key = unpacked(table.column("hash"), "<u8")[number] ^ (site[row].astype(np.uint64) * GOLDEN)
            yield Lines(number, row, site[row], key), site

    def _publish(self, inputs: Inputs, out: Output, repeated: npt.NDArray[np.uint64]) -> None:
        for shard, (lines, _) in zip(inputs[0].shards, self._lines(inputs, {}), strict=True):
            marked = np.isin(lines.key, repeated)
            table = inputs[2].read(shard.name, ["size", "places"])
            before, start, after = unpacked(table.column("places"), "<u4").reshape(-1, 3)[lines.number[marked]].astype(np.int64).T
            row = lines.row[marked]
            size = table.column("size").to_numpy()[row]
            out.write(shard.name, spans_table(*with_gaps(row, before, start, after, size), shard.rows))
