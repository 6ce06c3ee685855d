"""Operators for tests of the engine: a source of numbers, what is done to them, and several that break a promise."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from tamis.core.step import Inputs, Operator, Output, Piece, Where


@dataclass(frozen=True)
class Numbers(Operator):
    """`shards` shards of `rows` numbers each."""

    shards: int = 3
    rows: int = 4
    start: int = 0

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece(f"{i:05d}", i, 1.0) for i in range(self.shards)]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        first = self.start + piece.spec * self.rows
        out.ledger.rows_in = out.ledger.rows_out = self.rows
        out.facts["rows"] = self.rows
        out.write(f"{piece.name}.parquet", pa.table({"n": list(range(first, first + self.rows))}))


@dataclass(frozen=True)
class Double(Operator):
    """A column beside the numbers."""

    kind: ClassVar[str] = "columns"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        table = inputs[0].read(piece.spec)
        out.ledger.rows_in = out.ledger.rows_out = table.num_rows
        out.write(piece.spec, pa.table({"value": [2 * n for n in table.column("n").to_pylist()]}))


@dataclass(frozen=True)
class Broken(Operator):
    """Breaks the promise that `how` names."""

    how: str
    kind: ClassVar[str] = "columns"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        table = inputs[0].read(piece.spec)
        rows = table.num_rows
        out.ledger.rows_in = out.ledger.rows_out = rows
        name = piece.spec
        if self.how == "loses a row":
            table, out.ledger.rows_out = table.slice(1), rows - 1
        elif self.how == "writes fewer rows":
            table = table.slice(1)
        elif self.how == "names a shard of its own":
            name = "other.parquet"
        elif self.how == "raises":
            raise ValueError("seven is not a number")
        elif self.how == "raises an interrupt late":
            out.write(name, table)
            raise KeyboardInterrupt
        elif self.how == "says NaN":
            out.facts["mean"] = float("nan")
        elif self.how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.how == "hides a file":
            name = ".hidden.parquet"
        out.write(name, table)

    def summary(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return facts[0]


@dataclass(frozen=True)
class Slow(Operator):
    """Sleeps beside every shard."""

    seconds: float = 0.2
    kind: ClassVar[str] = "columns"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        time.sleep(self.seconds)
        table = inputs[0].read(piece.spec)
        out.ledger.rows_in = out.ledger.rows_out = table.num_rows
        out.write(piece.spec, table)


@dataclass(frozen=True)
class SameName(Numbers):
    """All its jobs write a file of one name."""

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        out.ledger.rows_in = out.ledger.rows_out = 1
        out.write("00000.parquet", pa.table({"n": [1]}))
