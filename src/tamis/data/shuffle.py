"""Rows on their way from many jobs to many others: each job writes one file, cut by destination, and each reader takes its cut
of all.

A file is an Arrow stream of record batches with a directory at its end; which destination each batch is for stands in the
schema, so a reader touches its own bytes only. Files: one a writer, whatever the number of readers. Invariant: `gather` returns
the rows in the order of the files' names and, inside a file, of writing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.step import Published

GROUP_ROWS = 1 << 21
OPTIONS = {"compression": "lz4", "use_threads": False}
_DESTINATIONS = b"destinations"


def groups(sizes: Iterable[tuple[str, int]]) -> list[list[str]]:
    """Names (of shards) in runs of at most GROUP_ROWS rows, at least one name each."""
    out: list[list[str]] = []
    rows = 0
    for name, size in sizes:
        if not out or rows + size > GROUP_ROWS:
            out.append([])
            rows = 0
        out[-1].append(name)
        rows += size
    return out


def scatter(path: Path, table: pa.Table, destination: npt.NDArray[np.signedinteger[Any]]) -> None:
    """Write the rows of a table, each for the destination (>= 0) that stands beside it."""
    if (destination[1:] < destination[:-1]).any():
        order = np.argsort(destination, kind="stable")
        table, destination = table.take(pa.array(order)), destination[order]
    numbers, first = np.unique(destination, return_index=True)
    ends = np.append(first[1:], len(destination))[: len(first)]
    schema = table.schema.with_metadata({_DESTINATIONS: json.dumps(numbers.tolist())})
    with pa.ipc.new_file(str(path), schema, options=pa.ipc.IpcWriteOptions(**OPTIONS)) as writer:
        for start, end in zip(first.tolist(), ends.tolist(), strict=True):
            rows = table.slice(start, end - start).combine_chunks().to_batches()
            writer.write_batch(pa.RecordBatch.from_arrays(rows[0].columns, schema=schema))


def gather(steps: Sequence[Published], destination: int, schema: pa.Schema) -> pa.Table:
    """All rows for one destination from the files of some steps (without the schema's metadata)."""
    parts = []
    for step in steps:
        for shard in sorted(step.shards, key=lambda s: s.name):
            with pa.memory_map(str(step.file(shard.name))) as source, pa.ipc.open_file(source) as reader:
                numbers = json.loads(reader.schema.metadata[_DESTINATIONS])
                if destination in numbers:
                    batch = reader.get_batch(numbers.index(destination))
                    parts.append(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
    return pa.Table.from_batches(parts, schema=schema)
