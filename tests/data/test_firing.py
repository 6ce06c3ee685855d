"""Rules asked about every row: counts against a plain loop, on rules that overlap, never fire, or never fire alone."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

from tamis.core.runner import Local, run
from tamis.core.step import Where
from tamis.core.store import Store
from tamis.data.dataset import Dataset, Resolver
from tamis.data.firing import Firing, firing, never_alone
from tamis.data.score import Column, Score
from tamis.gallery import chain


@dataclass(frozen=True)
class Digits(Score):
    """The three digits of a text."""

    ones = Column("The last digit.", "int64")
    tens = Column("The one before.", "int64")
    hundreds = Column("The first.", "int64")

    def score(self, text: str) -> tuple[int, int, int]:
        number = int(text)
        return number % 10, number // 10 % 10, number // 100


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Firing:
    """1,000 numbers through two steps with a sample between, read back from what the store says of them."""
    root = tmp_path_factory.mktemp("firing")
    (root / "docs.jsonl").write_text("".join(json.dumps({"text": f"{i:03}"}) + "\n" for i in range(1000)))
    digits = Digits()
    dataset = Dataset.jsonl("docs.jsonl", shard_bytes=2000).keep(digits.ones, min=3, max=8).sample(0.5)
    dataset = dataset.keep(digits.ones, min=2).keep(digits.tens, isin=(0, 1, 2, 3, 4)).keep(digits.hundreds, max=9)
    store = Store(root / "store")
    view = Resolver(root).view(dataset)
    with Local(1) as runner:
        run([*view], store, runner, Where(str(root)))
    return firing(*chain(store.get(view.selection), store))


def test_counts_are_those_of_a_plain_loop(found: Firing) -> None:
    fires = np.array([[not 3 <= i % 10 <= 8, i % 10 < 2, i // 10 % 10 > 4, False] for i in range(1000)])
    assert found.rows == 1000 and len(found.rules) == 4
    assert found.together.tolist() == [[int((a & b).sum()) for b in fires.T] for a in fires.T]
    assert found.alone.tolist() == [int((fires[:, i] & (fires.sum(1) == 1)).sum()) for i in range(4)]


def test_what_never_fires_alone_is_named(found: Firing) -> None:
    table = found.table()
    assert [row["fires"] for row in table] == [400, 200, 500, 0]
    assert never_alone(table) == [found.rules[1]]
    assert (table[1]["with"], table[1]["both"]) == (found.rules[0], 200)
    assert (table[3]["with"], table[3]["both"]) == (None, 0)
