"""How well near-duplicates were found: the expected curve, and what the planted copies of the same run came to."""

from __future__ import annotations

from typing import Any

from tamis.core.step import Step
from tamis.core.store import Store
from tamis.data.dedup.compare import Verdicts

EDGES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0)


def curve_of(selection: Step, store: Store) -> dict[str, Any] | None:
    """Of a published near-duplicate selection: threshold, rows, rows compared, largest cluster, the expected curve (similarity,
    probability; empty if there is no theory) and the measured one (bins of similarity: low, high, copies found, copies). None for
    any other selection."""
    verdicts = next((s for s in selection.inputs if isinstance(s.op, Verdicts)), None)
    if verdicts is None or not isinstance(verdicts.op, Verdicts):
        return None
    bands, clusters = verdicts.inputs[1:3]
    signature, points = verdicts.op.signature, store.get(bands).facts["curve"]
    grid = [round(0.4 + 0.02 * k, 2) for k in range(31)]
    miss = [signature.miss(j) for j in grid]
    expected = [[j, round(1 - m, 6)] for j, m in zip(grid, miss, strict=True)] if 0 < miss[0] < 1 else []
    measured = []
    for low, high in zip(EDGES, (*EDGES[1:], 2.0), strict=True):
        mine = [found for j, found in points if low <= j < high]
        if mine:
            measured.append({"low": low, "high": min(high, 1.0), "found": sum(mine), "copies": len(mine)})
    facts = store.get(clusters).facts
    return {
        "step": selection.key,
        "threshold": verdicts.op.threshold,
        "rows": facts["rows"],
        "compared": facts["clustered"],
        "largest_cluster": facts["largest_cluster"],
        "expected": expected,
        "measured": measured,
    }
