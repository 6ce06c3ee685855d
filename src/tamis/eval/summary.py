"""One line a task: the score and how far the choice of items could have moved it.

The score is sum(value) / sum(weight); the interval comes from a bootstrap over clusters of items with the variance and
degrees of freedom that comparisons use (`stats.noise`). It speaks of items only: another seed of the same training
would differ by more, and two models are compared with their paired difference, not with two of these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy import special

from tamis.stats.compare import MIN_CLUSTERS
from tamis.stats.noise import bootstrap_variance, resampled


@dataclass(frozen=True)
class Summary:
    """A task's score; `low` and `high` are None where fewer than 10 clusters make an interval meaningless."""

    task: str
    score: float
    low: float | None
    high: float | None
    items: int
    clusters: int
    weight: float


def summary(results: pa.Table, level: float = 0.95, bootstrap: int = 2000, seed: int = 0) -> list[Summary]:
    """The tasks of a results table, in order of appearance, each with its interval at `level`."""
    tasks = np.array(results.column("task").to_pylist(), dtype=object)
    clusters = np.array(results.column("cluster").to_pylist(), dtype=object)
    value, weight = (results.column(c).to_numpy() for c in ("value", "weight"))
    out = []
    for task in dict.fromkeys(tasks):
        rows = tasks == task
        numbers = np.unique(clusters[rows].astype(str), return_inverse=True)[1]
        count = int(numbers.max()) + 1
        score = float(value[rows].sum() / weight[rows].sum())
        low: float | None = None
        high: float | None = None
        if count >= MIN_CLUSTERS:
            replicas = resampled(value[rows][None], weight[rows], numbers, task, bootstrap, seed)[:, 0]
            half = float(special.stdtrit(count - 1, (1 + level) / 2) * np.sqrt(bootstrap_variance(replicas, count)))
            low, high = score - half, score + half
        out.append(Summary(task, score, low, high, int(rows.sum()), count, float(weight[rows].sum())))
    return out
