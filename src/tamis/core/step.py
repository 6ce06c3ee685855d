"""A step: an operator applied to published steps. Everything a user declares becomes a graph of these.

An operator is a frozen dataclass of plain values with three methods::

    jobs(inputs, where)    in the parent, once the inputs are published: the pieces of work, each named and with a relative cost
    run(piece, inputs, out)  in a worker: one piece; writes its shards with `out.write`, counts in `out.ledger`, small JSON in
    `out.facts`
    summary(facts)         in the parent: the jobs' facts, in job order, to the facts of the published step

`kind` says what is published: "text" (document rows), "columns" or "selection" (row for row beside a text, under the same shard
names), or any other name ("tokens", "model", "results") for directories that no row-wise step reads.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from tamis.core import disk, shard
from tamis.core.budget import Needs
from tamis.core.errors import TamisError
from tamis.core.key import describe, digest
from tamis.core.ledger import Ledger
from tamis.core.shard import Shard

ALIGNED = ("columns", "selection")
PROGRESS = "progress"
DROPPED = "dropped-"  # shards of a text that say what became of rows that are not in it (id, reason, evidence, text)


@dataclass(frozen=True)
class Where:
    """Circumstances of a run that never enter a key: the data root."""

    data: str = "."


@dataclass(frozen=True)
class Piece:
    """One job of a step: its name (unique in the step, sorted = order of output), what to do (plain values), relative cost."""

    name: str
    spec: Any = None
    cost: float = 1.0


class Published:
    """A step on disk that readers may trust: its directory, manifest and shards; `dropped` lists shards of rows it left out."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest
        self.key: str = manifest["key"]
        self.kind: str = manifest["kind"]
        self.label: str = manifest["label"]
        files = tuple(Shard(**s) for s in manifest["shards"])
        self.shards = tuple(s for s in files if not s.name.startswith(DROPPED))
        self.dropped = tuple(s for s in files if s.name.startswith(DROPPED))
        self.facts: dict[str, Any] = manifest["facts"]
        self._by_name = {s.name: s for s in files}

    @property
    def ledger(self) -> Ledger:
        return Ledger.from_json(self.manifest["ledger"])

    @property
    def rows(self) -> int:
        return sum(s.rows for s in self.shards)

    def file(self, name: str) -> Path:
        """The path of a file of this step, which must be listed in the manifest."""
        if name not in self._by_name:
            raise TamisError(f"{self.path.name} has no file {name}")
        return self.path / name

    def read(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """One shard as a table, its bytes checked against the manifest."""
        return shard.read_table(self.file(name), self._by_name[name], tuple(columns) if columns else None)


Inputs = tuple[Published, ...]


class Output:
    """What a job may touch: a directory of its own, its ledger, its facts, and a scratch folder that survives a kill."""

    def __init__(self, directory: Path, scratch: Path) -> None:
        self.directory = directory
        self.ledger = Ledger()
        self.facts: dict[str, Any] = {}
        self._scratch = scratch
        self._rows: dict[str, int] = {}
        self._said = 0.0

    def progress(self, share: float) -> None:
        """Tell whoever watches how much of a long job is done (0 to 1); heard about once a second, and never published."""
        if time.monotonic() - self._said > 1:
            self._said = time.monotonic()
            (self.scratch / PROGRESS).write_text(f"{share:.4f}")

    @property
    def scratch(self) -> Path:
        """A folder kept until the step is published: for checkpoints of a long job."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        return self._scratch

    def write(self, name: str, table: pa.Table) -> None:
        """Write one shard (a `.parquet` name)."""
        disk.failpoint("shard.write.before")
        path = self.path(name)
        shard.write_table(path, table)
        self._rows[name] = table.num_rows
        disk.failpoint("shard.write.after")
        disk.sync_file(path, "shard")

    def path(self, name: str) -> Path:
        """Where to write a file that is not a table; everything in the directory is published."""
        if name in self._rows or "/" in name or name.startswith(".") or name in ("manifest.json", "receipt.json"):
            raise TamisError(f"an operator may not write a file named {name} here")
        self._rows[name] = 0
        return self.directory / name

    def link(self, name: str, source: Path, rows: int) -> None:
        """Publish a finished file of another step under a second name, without a copy where the disk allows."""
        disk.link(source, self.path(name))
        self._rows[name] = rows

    def shards(self) -> list[Shard]:
        """Everything written, in the order of writing."""
        out = []
        for name, rows in self._rows.items():
            path = self.directory / name
            out.append(Shard(name, rows, path.stat().st_size, disk.file_sha256(path)))
        return out


@dataclass(frozen=True)
class Operator:
    """Base of all operators: see the module's docstring for the three methods.

    Class attributes: `kind`, `version` (bump when results change), `libraries` (distributions whose versions enter the key),
    `unicode` (the Unicode data version enters the key), `fuses` (jobs of such steps over the same text shard run together, so
    that it is decoded once).
    """

    version: ClassVar[int] = 1
    kind: ClassVar[str] = "text"
    libraries: ClassVar[tuple[str, ...]] = ()
    fuses: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """A short readable name for the directory."""
        return kebab(type(self).__name__)

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        """One piece a shard of the first input, by default."""
        return [Piece(s.name.removesuffix(".parquet"), s.name, float(s.bytes)) for s in inputs[0].shards]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        raise TypeError(f"{type(self).__name__} does not define run")

    def needs(self, inputs: Inputs) -> Needs:
        """Memory of a job and disk of the step, for operators whose needs grow with the corpus; by default not worth stating."""
        return Needs()

    def summary(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Facts of the step from the facts of its jobs; by default numbers are added and the rest is refused."""
        total: dict[str, Any] = {}
        for part in facts:
            for name, value in part.items():
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise TypeError(f"{type(self).__name__}.summary must say how {name} is combined")
                total[name] = total.get(name, 0) + value
        return total


@dataclass(frozen=True)
class Step:
    """An operator and the steps it reads."""

    op: Operator
    inputs: tuple[Step, ...] = field(default=())

    @cached_property
    def key(self) -> str:
        """64 hex digits: the meaning of this step and of all before it."""
        return digest({"op": self.description, "inputs": [s.key for s in self.inputs]})

    @cached_property
    def description(self) -> dict[str, Any]:
        return describe(self.op)

    @property
    def label(self) -> str:
        return self.op.label

    @property
    def directory(self) -> str:
        return f"{self.label}-{self.key[:12]}"

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Step) and self.key == other.key


def kebab(name: str) -> str:
    """CamelCase or a title to lower-case words joined by hyphens."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name)
    return re.sub(r"[^a-z0-9.]+", "-", words.lower()).strip("-") or "step"


def walk(targets: Sequence[Step]) -> list[Step]:
    """All steps behind the targets, inputs first, each once, in a fixed order."""
    out: dict[str, Step] = {}

    def visit(step: Step) -> None:
        if step.key not in out:
            for item in step.inputs:
                visit(item)
            out[step.key] = step

    for target in targets:
        visit(target)
    return list(out.values())
