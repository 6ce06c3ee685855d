"""Sums over decision trees: the score of each row under an ensemble of trees (gradient boosting, Friedman 2001)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tamis.kernels.jit import njit


class Trees(NamedTuple):
    """All trees' nodes one after the other; tree t starts at root[t]. A leaf has column -1 and its value as threshold."""

    root: Any  # int32 [trees]
    column: Any  # int16 [nodes]
    threshold: Any  # float32 [nodes]: go left if row[column] <= threshold
    left: Any  # int32 [nodes]
    right: Any  # int32 [nodes]


@njit
def log_odds(rows: Any, trees: Any, base: float) -> Any:
    """Base plus the leaf of every tree, for rows [n, columns]: float64 [n]."""
    scores = np.full(len(rows), base)
    for i in range(len(rows)):
        row = rows[i]
        for root in trees.root:
            node = root
            while trees.column[node] >= 0:
                node = trees.left[node] if row[trees.column[node]] <= trees.threshold[node] else trees.right[node]
            scores[i] += trees.threshold[node]
    return scores
