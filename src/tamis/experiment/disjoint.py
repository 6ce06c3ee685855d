"""Before anything is trained: no arm's tokens hold a held-out row, a document of a target, or a row that a selection dropped.

The plan sees to all three; this asks the published tokens themselves, so that a mistake anywhere between source and tokens is
found while it has cost nothing. Rows that are only *near* the hold-out were dropped by the last selection, hence the third.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.core.errors import TamisError
from tamis.core.step import Step
from tamis.core.store import Store
from tamis.data.schema import ID
from tamis.eval.bpb import BitsPerByte
from tamis.experiment.plan import ArmPlan, Plan

Ids = np.ndarray[Any, np.dtype[np.bytes_]]


def check_disjoint(plan: Plan, store: Store) -> None:
    """TamisError names every arm that would train on what must not be trained on, in one message."""
    forbidden = {"held-out rows": _kept_ids(store, *plan.held_out)}
    for task in plan.experiment.tasks:
        if isinstance(task, BitsPerByte):
            forbidden[f"documents of the target {task.name}"] = _item_ids(store, plan.items[task.name])
    problems = []
    for arm in plan.arms:
        own = final_ids(arm, store)
        for what, ids in forbidden.items():
            shared = np.intersect1d(own, ids)
            if len(shared):
                problems.append(f"arm {arm.arm.name} holds {len(shared):,} {what}, such as {_hex(shared[0])}")
        strange = np.setdiff1d(own, _kept_ids(store, *arm.view))
        if len(strange):
            problems.append(
                f"arm {arm.arm.name} holds {len(strange):,} rows that its selections dropped, such as {_hex(strange[0])}"
            )
    if problems:
        raise TamisError("nothing was trained: " + "; ".join(problems) + " (training text and what judges it must be disjoint)")


def final_ids(arm: ArmPlan, store: Store) -> Ids:
    """Ids of the documents an arm trains on, sorted (16-byte strings)."""
    tokens = store.get(arm.tokens)
    return _sorted([tokens.read(s.name, ["id"]).column("id").cast(ID) for s in tokens.shards])


def _kept_ids(store: Store, text: Step, selection: Step) -> Ids:
    rows, after = store.get(text), store.get(selection)
    parts = []
    for shard in rows.shards:
        mask = pc.is_null(after.read(shard.name, ["reason"]).column("reason"))
        parts.append(rows.read(shard.name, ["id"]).column("id").filter(mask).cast(ID))
    return _sorted(parts)


def _item_ids(store: Store, items: Step) -> Ids:
    published = store.get(items)
    names = [name for s in published.shards for name in published.read(s.name, ["id"]).column("id").to_pylist()]
    return np.sort(np.array([bytes.fromhex(name) for name in names], "S16"))


def _sorted(parts: list[pa.ChunkedArray]) -> Ids:
    """Columns of 16-byte ids as one sorted array, 16 bytes each."""
    whole = pa.chunked_array([chunk for part in parts for chunk in part.chunks], ID).combine_chunks()
    if not len(whole):
        return np.empty(0, "S16")
    return np.sort(np.frombuffer(whole.buffers()[1], "S16")[whole.offset : whole.offset + len(whole)])


def _hex(own: bytes) -> str:
    return own.ljust(16, b"\0").hex()
