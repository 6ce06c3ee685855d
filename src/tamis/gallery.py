"""Reading what a chain of rules did, in a terminal: counts and overlap of rules, scores with their thresholds, documents."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from tamis.core.step import Published
from tamis.core.store import Store
from tamis.data.firing import Rules, firing, never_alone, rules_of
from tamis.data.select import Bound, Keep, kept

BINS = 48
BARS = " ▁▂▃▄▅▆▇█"
TEXT = 400  # characters shown of a document


def chain(selection: Published, store: Store) -> tuple[Published, list[tuple[Bound, Published]]]:
    """All rules on the text of `selection` up to it, in order, and the selection before the first of them."""
    steps = {s.key: s for s in store.published()}
    first, rules = selection, list[tuple[Bound, Published]]()
    step: Published | None = selection
    while step is not None and step.kind == "selection" and step.manifest["inputs"][1:]:
        inputs = [steps.get(key) for key in step.manifest["inputs"]]
        present = [s for s in inputs if s is not None]
        keep = _keep(step.manifest["op"])
        if keep is not None and len(present) == len(inputs):
            first, rules = present[1], rules_of(keep, present) + rules
        step = inputs[1]
    return first, rules


def _keep(described: dict[str, Any]) -> Keep | None:
    """The operator `Keep` from its description in a manifest; None if it is another operator."""
    if described.get("name") != "tamis:Keep":
        return None
    bounds = [{k: _plain(v) for k, v in bound["fields"].items()} for bound in described["fields"]["bounds"]]
    return Keep(tuple(Bound(**bound) for bound in bounds))


def _plain(value: Any) -> Any:
    """The inverse of `core.key.describe`, for the fields of a bound."""
    if isinstance(value, dict):
        return float.fromhex(value["float"])
    return tuple(map(_plain, value)) if isinstance(value, list) else value


def print_rules(before: Published, rules: Rules) -> None:
    """For each rule its score's distribution with the kept range, how often it fires, and how often it alone does."""
    if not rules:
        return
    table = firing(before, rules).table()
    print(f"\nOf {table[0]['rows']:,} rows before the first rule:")
    for row, (bound, columns) in zip(table, rules, strict=True):
        company = f", most often with {row['with']} ({row['both']:,})" if row["with"] else ""
        print(f"  {row['rule']}\n    fires on {row['fires']:,}, alone on {row['alone']:,}{company}")
        if bound.isin is None:
            for line in _histogram(bound, before, columns):
                print(f"    {line}")
    for name in never_alone(table):
        print(f"{name} never fires alone: without it the same rows would be kept")


def _histogram(bound: Bound, before: Published, columns: Published) -> Iterator[str]:
    """Bars over the values between the outer half per cents, the kept range drawn below."""
    parts = [
        columns.read(s.name, [bound.name]).column(bound.name).cast(pa.float64()).to_numpy()[kept(before.read(s.name))]
        for s in before.shards
    ]
    values = np.concatenate([*parts, np.empty(0)])
    values = values[np.isfinite(values)]
    if not len(values):
        return
    limits = [limit for limit in (bound.min, bound.max) if limit is not None and np.isfinite(limit)]
    low, high = (float(edge) for edge in np.quantile(values, [0.005, 0.995]))
    low, high = min([low, *(x for x in limits if x > values.min())]), max([high, *(x for x in limits if x < values.max())])
    if low == high:
        yield f"all values are {low:.4g}"
        return
    counts, edges = np.histogram(np.clip(values, low, high), BINS, (low, high))
    heights = np.ceil(np.sqrt(counts / counts.max()) * (len(BARS) - 1)).astype(int)
    yield f"{low:>10.4g} {''.join(BARS[h] for h in heights)} {high:.4g}"
    middles = (edges[1:] + edges[:-1]) / 2
    inside = (middles >= (-np.inf if bound.min is None else bound.min)) & (
        middles <= (np.inf if bound.max is None else bound.max)
    )
    yield f"{'kept':>10} {''.join('━' if i else ' ' for i in inside)}"


def print_documents(text: Published, selection: Published, count: int) -> None:
    """`count` kept documents, and half as many for each reason; within a shard those with the smallest ids."""
    shown: Counter[str] = Counter()
    for shard in text.shards:
        table = pa.Table.from_arrays(
            [*text.read(shard.name).columns, *selection.read(shard.name).columns],
            names=[*text.read(shard.name).schema.names, "reason", "evidence"],
        )
        for row in table.sort_by("id").to_pylist():
            verdict = row["reason"] or "kept"
            if shown[verdict] >= (count if row["reason"] is None else (count + 1) // 2):
                continue
            shown[verdict] += 1
            evidence = f" {json.loads(row['evidence'])}" if row["evidence"] else ""
            print(f"\n[{verdict}]{evidence} {row['source']} {row['url']}\n{' '.join(row['text'].split())[:TEXT]}")
