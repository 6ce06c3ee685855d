"""The score of a task and its interval: the right ratio, and an interval that covers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tamis.eval.score import RESULTS
from tamis.eval.summary import summary

Array = np.ndarray[Any, Any]


def results(value: Array, weight: Array, cluster: Array, task: str = "t") -> pa.Table:
    count = len(value)
    columns = [[task] * count, [str(i) for i in range(count)], cluster.astype(str).tolist(), value, weight, ["{}"] * count]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, RESULTS, strict=True)], schema=RESULTS)


def test_the_score_is_a_ratio_of_sums() -> None:
    table = pa.concat_tables(
        [
            results(np.array([30.0, 1.0]), np.array([10.0, 1.0]), np.arange(2), "a"),
            results(np.arange(12.0), np.full(12, 2.0), np.arange(12) // 6, "b"),
            results(np.arange(12.0), np.full(12, 2.0), np.arange(12), "c"),
        ]
    )
    a, b, c = summary(table)
    assert (a.task, a.score, a.low, a.high, a.items, a.clusters, a.weight) == ("a", 31 / 11, None, None, 2, 2, 11.0)
    assert (b.score, b.low, b.clusters) == (2.75, None, 2)
    assert c.low is not None and c.high is not None and c.low < 2.75 < c.high and c.clusters == 12
    assert summary(table) == [a, b, c]
    narrow = summary(table, level=0.5)[2]
    assert narrow.low is not None and narrow.low > c.low


@pytest.mark.parametrize("clusters", [10, 30])
def test_the_interval_covers(clusters: int) -> None:
    rng = np.random.Generator(np.random.Philox(clusters))
    inside, runs = 0, 400
    for _ in range(runs):
        cluster = np.repeat(np.arange(clusters), 5)
        weight = rng.uniform(500, 1500, len(cluster))
        rate = 2.5 + 0.3 * rng.standard_normal(clusters)[cluster] + 0.2 * rng.standard_normal(len(cluster))
        (line,) = summary(results(rate * weight, weight, cluster), bootstrap=400)
        assert line.low is not None and line.high is not None
        inside += line.low <= 2.5 <= line.high
    assert 0.92 <= inside / runs <= 0.98
