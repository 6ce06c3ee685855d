"""Near-duplicate removal of many documents: memory and disk of every step, and what ten billion documents would take.

    python benchmarks/dedup_scale.py [--rows 100000000] [--work DIR]

The documents are nine words each, made up on the spot: every tenth is an earlier one again, every tenth one with a word
changed (J = .8). All steps are those of `Dataset.dedup(MinHash(bands=14, ngram=1))`, one after the other in one process,
which fails if its peak memory was above --memory (4 GB). What was dropped is set beside what was planted. The extrapolation
takes the measured CPU-seconds and bytes a document, adds what texts of 3,000 bytes cost at 60 MB/s, and counts the files for
shards of 1 GB of text.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.budget import readable
from tamis.core.runner import Done, Job, Local, run
from tamis.core.step import Inputs, Operator, Output, Piece, Published, Step, Where, walk
from tamis.core.store import Store
from tamis.data.dedup import MinHash
from tamis.data.dedup.bands import PARTS, Clusters
from tamis.data.schema import DOCUMENT
from tamis.data.select import All, View
from tamis.data.shuffle import GROUP_ROWS

SHARD = 400_000
WORDS = 9
DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)
TEN_BILLION = 10_000_000_000
TEXT, SHARD_BYTES, SPEED = 3000, 1_000_000_000, 60e6  # bytes a document, bytes of text a shard, bytes a CPU-second


def mixed(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """splitmix64 (Steele, Lea, Flood 2014)."""
    x = x * np.uint64(0x9E3779B97F4A7C15) + np.uint64(1)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True)
class MadeUp(Operator):
    """Row i has words of its own, those of an earlier row (every tenth), or of one with a word changed (every tenth)."""

    rows: int
    kind: ClassVar[str] = "text"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece(f"{start // SHARD:05d}", start) for start in range(0, self.rows, SHARD)]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        row = np.arange(piece.spec, min(piece.spec + SHARD, self.rows), dtype=np.uint64)
        origin = np.where((row % 10 >= 8) & (row >= 20), mixed(row) % (row // 20 * 10 + 1) // 10 * 10, row)
        text = np.full((len(row), 6 * WORDS), 32, np.uint8)
        for word in range(WORDS):
            own = mixed(origin * np.uint64(WORDS) + np.uint64(word))
            if word == 4:
                own = np.where((row % 10 == 9) & (row >= 20), mixed(own ^ mixed(row)), own)
            for digit in range(5):
                text[:, 6 * word + digit] = DIGITS[(own >> np.uint64(4 * digit) & np.uint64(15)).astype(np.int64)]
        ids = np.stack([mixed(row ^ np.uint64(0xABCDEF)), row], axis=1)
        places = pa.py_buffer(np.arange(0, text.size + 1, 6 * WORDS).astype(np.int64))
        columns: list[Any] = [
            pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(row), [None, pa.py_buffer(ids.astype(">u8").tobytes())]),
            pa.LargeStringArray.from_buffers(len(row), places, pa.py_buffer(text.tobytes())),
        ]
        columns += [pa.array(np.full(len(row), value)) for value in ("", "made up", "{}")]
        out.ledger.rows_in = out.ledger.rows_out = len(row)
        out.write(f"{piece.name}.parquet", pa.table(columns, schema=DOCUMENT))


class Costs:
    """CPU-seconds by step."""

    def __init__(self) -> None:
        self.cpu: Counter[str] = Counter()

    def wave(self, jobs: Sequence[Job]) -> None:
        pass

    def done(self, step: Step, done: Done) -> None:
        self.cpu[step.label] += done.cpu

    def published(self, step: Step, published: Published) -> None:
        size = sum(s.bytes for s in published.shards)
        files, cpu = len(published.shards), self.cpu[step.label]
        print(
            f"{step.label:<14}{cpu:>9.1f} CPU-s{readable(size):>10}{files:>8} files   peak {readable(peak_memory())}", flush=True
        )


def peak_memory() -> int:
    """Bytes, of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--memory", type=float, default=4.0, help="GB that the process may take")
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.work))
    try:
        text = Step(MadeUp(options.rows))
        view = View(text, Step(All(), (text,)))
        target = MinHash(bands=14, ngram=1).select(view, lambda _: view)
        store, costs, where = Store(folder), Costs(), Where()
        run([view.selection], store, Local(1), where, costs)
        found = run([target], store, Local(1), where, costs)[0]
        peak = peak_memory()
        if peak > options.memory * 1e9:
            raise SystemExit(f"{readable(peak)} were taken, more than the {options.memory:g} GB allowed")
        report(options.rows, [s for s in walk([target]) if s not in view], store, costs, found, peak)
    finally:
        shutil.rmtree(folder)


def report(rows: int, steps: list[Step], store: Store, costs: Costs, found: Published, peak: int) -> None:
    """What was found, what it took, and ten billion documents at the same price."""
    planted = (rows - 20) // 10 * 2
    dropped = sum(found.ledger.dropped.values())
    disk = sum(s.bytes for step in steps for s in store.get(step).shards)
    cpu = sum(costs.cpu[step.label] for step in steps)
    facts = next(store.get(s).facts for s in steps if isinstance(s.op, Clusters))
    print(
        f"\n{rows:,} documents; {planted:,} planted copies, half of them at J = .8; {dropped:,} dropped ({dropped / planted:.4f})"
    )
    print(f"{cpu:.0f} CPU-s, {readable(disk)} of disk, peak memory {readable(peak)}; {facts['clustered']:,} rows share a band\n")
    shards = TEN_BILLION * TEXT // SHARD_BYTES
    files = {
        "signatures": shards,
        "bands": (TEN_BILLION // GROUP_ROWS + 1) * 15 + 16,
        "clusters": 1,
        "candidates": shards + 1,
        "verdicts": PARTS,
        "selection": shards,
    }
    hours = (cpu / rows + TEXT / SPEED) * TEN_BILLION / 3600
    alone = costs.cpu["clusters"] / rows * TEN_BILLION / 3600
    size = TEN_BILLION * (16 * 14 + 8 + facts["clustered"] / rows * TEXT / 3)
    print(f"ten billion documents of {TEXT:,} bytes, extrapolated: {hours:,.0f} core-hours, {readable(size)} of disk,")
    print(f"{sum(files.values()):,} files ({', '.join(f'{k} {v:,}' for k, v in files.items())}); clusters are one job of")
    print(f"{alone:,.1f} hours with {readable(Clusters.memory(TEN_BILLION))} of memory")
    line = {"name": "dedup_scale", "ours": round(peak / 1e9, 2), "peer": 4.0, "peer_name": "memory allowed", "unit": "GB"}
    print("\n" + json.dumps(line | {"ratio": round(4e9 / peak, 2), "disk": round(disk / 1e9, 1), "rows": rows}))


if __name__ == "__main__":
    main()
