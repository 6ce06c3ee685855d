"""A dataset in a notebook: its first rows, its funnel. Steps are built on the spot, in the store, as a run would build them."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa

from tamis.core.runner import Local, run
from tamis.core.step import Where
from tamis.core.store import Store
from tamis.data.dataset import Dataset, Resolver
from tamis.data.schema import DOCUMENT
from tamis.data.select import kept


def _open(data: str | None, store: str | None) -> tuple[Path, Store]:
    root = Path(data or os.environ.get("TAMIS_DATA", "."))
    return root, Store(store or os.environ.get("TAMIS_STORE", "tamis-store"))


def head(dataset: Dataset, rows: int = 20, data: str | None = None, store: str | None = None) -> pa.Table:
    """The first `rows` kept documents (all of them if negative), in the order of the source."""
    root, opened = _open(data, store)
    view = Resolver(root, None, opened.path / "hashes.sqlite").view(dataset)
    text, selection = run(list(view), opened, Local(1), Where(str(root.absolute())))
    found: list[pa.Table] = []
    count = 0
    for shard in text.shards:
        if 0 <= rows <= count:
            break
        table = text.read(shard.name)
        found.append(table.filter(pa.array(kept(selection.read(shard.name)))))
        count += found[-1].num_rows
    table = pa.concat_tables(found) if found else DOCUMENT.empty_table()
    return table.slice(0, rows) if rows >= 0 else table


def funnel(dataset: Dataset, data: str | None = None, store: str | None = None) -> pa.Table:
    """One row an operator and reason: operator, rows_in, rows_out, reason (null for the rows kept), rows."""
    root, opened = _open(data, store)
    resolver = Resolver(root, None, opened.path / "hashes.sqlite")
    stages = resolver.stages(dataset)
    run([s.step for s in stages], opened, Local(1), Where(str(root.absolute())))
    rows = []
    for stage in stages:
        ledger = opened.get(stage.step).ledger
        base = {"operator": stage.name, "rows_in": ledger.rows_in + ledger.rows_born, "rows_out": ledger.rows_out}
        rows.append(base | {"reason": None, "rows": ledger.rows_out})
        rows += [base | {"reason": reason, "rows": count} for reason, count in ledger.dropped.most_common()]
    schema = pa.schema(
        [
            ("operator", pa.string()),
            ("rows_in", pa.int64()),
            ("rows_out", pa.int64()),
            ("reason", pa.string()),
            ("rows", pa.int64()),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)
