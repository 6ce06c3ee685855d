"""Sources: files become a text. The formats are listed here; `ReadSource` is the step that reads one.

The key of a source is what is in its files: the sorted (name relative to the data root, size, sha256) list and how they are read.
Where the root lies, which pattern found them and how many workers read them is in no key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tamis.core.step import Inputs, Operator, Output, Piece, Step, Where, kebab
from tamis.data.sources.base import Dropped, File, HashCache, Portion, Source
from tamis.data.sources.hub import Hub
from tamis.data.sources.jsonl import Jsonl
from tamis.data.sources.parquet import ParquetFiles
from tamis.data.sources.text import Html, Text
from tamis.data.sources.warc import Warc


@dataclass(frozen=True)
class ReadSource(Operator):
    """Reads the files of a source, one job a large file, a byte range of one, or a group of small ones."""

    source: Source
    files: tuple[tuple[str, int, str], ...]
    kind: ClassVar[str] = "text"

    @classmethod
    def step(cls, source: Source, root: str | Path, hashes: Path | None = None) -> Step:
        """The step that reads `source` below `root`; file hashes are remembered in the SQLite file `hashes`.

        Raises UsageError where a pattern matches nothing or no record has the declared text field.
        """
        files = source.resolve(root, HashCache(hashes) if hashes else None)
        source.check(files)
        found = tuple((f.name, f.size, f.sha256) for f in files)
        return Step(cls(source.unlocated(), found))

    @property
    def label(self) -> str:
        return kebab(type(self.source).__name__)

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        files = [File(name, self.source.locate(name, where.data), size, sha256) for name, size, sha256 in self.files]
        portions = self.source.pieces(files)
        width = max(5, len(str(len(portions))))
        return [Piece(f"{i:0{width}d}", p, p.cost) for i, p in enumerate(portions)]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        portion: Portion = piece.spec
        for number, table in enumerate(self.source.shards(portion, out.ledger)):
            out.write(f"{piece.name}-{number:05d}.parquet", table)
        begins = not portion.start
        out.facts["files"] = len(portion.files) if begins else 0
        out.facts["files_empty"] = sum(f.size == 0 for f in portion.files)
        out.facts["bytes"] = int(portion.cost)

    def summary(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return {"files": 0, "files_empty": 0, "bytes": 0} | super().summary(facts)


__all__ = [
    "Dropped",
    "File",
    "HashCache",
    "Html",
    "Hub",
    "Jsonl",
    "ParquetFiles",
    "Portion",
    "ReadSource",
    "Source",
    "Text",
    "Warc",
]
