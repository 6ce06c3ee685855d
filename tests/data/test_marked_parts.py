"""Marked parts: what is cut is cut to the byte, what is left of a row stays, and a row without text left says why it went."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import Here, outcome, view_of

from tamis.core.errors import UsageError
from tamis.core.runner import run
from tamis.core.step import DROPPED, Inputs, Operator, Output, Piece, Step, Where
from tamis.core.store import Store
from tamis.data.select import Resolve, View, kept
from tamis.data.spans import Marking, merged, spans_table


@dataclass(frozen=True)
class StarsAt(Operator):
    """Marks every run of stars."""

    kind: ClassVar[str] = "columns"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        texts = [t.encode() for t in inputs[0].read(piece.spec, ["text"]).column("text").to_pylist()]
        mask = kept(inputs[1].read(piece.spec))
        found = [(row, i, i + 1) for row, t in enumerate(texts) if mask[row] for i, c in enumerate(t) if c == ord("*")]
        columns = np.array(found, np.int64).reshape(-1, 3).T
        out.ledger.rows_in = out.ledger.rows_out = len(texts)
        out.write(piece.spec, spans_table(*merged(*columns), len(texts)))


@dataclass(frozen=True)
class Stars(Marking):
    reason: ClassVar[str] = "stars"

    def spans(self, view: View, resolve: Resolve) -> Step:
        return Step(StarsAt(), view)


ROWS = [("g", "\u3000*\x1c\u2028*"), ("h", "\u200b**")]
ROWS += [("a", "é**日*本"), ("b", "***"), ("c", "plain"), ("d", "** \n *"), ("e", "gone *"), ("f", "")]


def test_marked_parts_are_cut_and_rows_without_text_left_say_so(tmp_path: Path) -> None:
    view = view_of(ROWS, 2, cut=("e",))
    step = Stars().select(view, lambda _: view)
    published = run([step], Store(tmp_path), Here(), Where())[0]
    texts = [t for s in published.shards for t in published.read(s.name, ["text"]).column("text").to_pylist()]
    assert sorted(texts) == ["", "plain", "é日本", "\u200b"]  # a row without marks is not touched, not even an empty one
    gone = [t for s in published.dropped for t in published.read(s.name).to_pylist()]
    assert {row["reason"] for row in gone} == {"stars"} and len(gone) == 3
    assert all(s.name.startswith(DROPPED) for s in published.dropped)
    assert (published.ledger.rows_in, published.ledger.rows_out) == (7, 4)


@pytest.mark.parametrize(("share", "dropped"), [(1.0, 1), (0.5, 2), (0.2, 5)])
def test_rows_with_a_share_marked_are_dropped_whole(share: float, dropped: int, tmp_path: Path) -> None:
    view = view_of(ROWS, 2, cut=("e",))
    found = outcome(view, Stars(share=share).select(view, lambda _: view), tmp_path)
    assert sum(reason == "stars" for reason, _ in found.values()) == dropped


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(1, 9)), max_size=20))
def test_merged_ranges_cover_the_same_bytes_and_lie_apart(parts: list[tuple[int, int, int]]) -> None:
    rows, starts, sizes = np.array(parts, np.int64).reshape(-1, 3).T
    row, start, end = merged(rows, starts, starts + sizes)
    expected = {(r, i) for r, s, n in parts for i in range(s, s + n)}
    triples = list(zip(row.tolist(), start.tolist(), end.tolist(), strict=True))
    assert {(r, i) for r, s, e in triples for i in range(s, e)} == expected
    assert triples == sorted(triples)
    assert all(a[0] != b[0] or a[2] < b[1] for a, b in itertools.pairwise(triples))


def test_a_share_outside_its_range_is_refused() -> None:
    with pytest.raises(UsageError, match="share"):
        Stars(share=1.5)
