"""The hold-out by row, by group and by date: groups whole, every row on exactly one side or dropped for a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from algebra import Bench

from tamis.core.errors import UsageError
from tamis.core.runner import Local, run
from tamis.core.step import Where
from tamis.data.dataset import Dataset
from tamis.data.holdout import Holdout, is_since

PAGES = Dataset.jsonl("pages.jsonl", meta=("topic", "date"))


def pages(root: Path) -> None:
    """600 pages of 60 hosts in 30 domains, on 50 topics, one a day from 2020-01-01 on in their order; some without."""
    lines = []
    for i in range(600):
        row: dict[str, Any] = {"text": f"page {i}", "url": f"https://{'ab'[i % 2]}.site{i % 30}.org/{i}"}
        row |= {"topic": i % 50, "date": f"20{20 + i // 100}-{1 + i % 12:02d}-{1 + i % 28:02d}T12:00:00Z"}
        if i % 40 == 0:
            row |= {"url": "", "topic": None, "date": "last spring"}
        lines.append(json.dumps(row))
    (root / "pages.jsonl").write_text("\n".join(lines) + "\n")


def sides(root: Path, holdout: Holdout) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows an arm may use, held-out rows, and rows on neither side; a row is never on both."""
    bench = Bench(root, holdout)
    rows = bench.rows(PAGES)
    _, taken = run(list(bench.resolver.held_out(PAGES)), bench.store, Local(1), Where(str(root)))
    held = [r is None for s in taken.shards for r in taken.read(s.name).column("reason").to_pylist()]
    assert len(rows) == len(held) == 600
    assert not any(h and row["reason"] is None for row, h in zip(rows, held, strict=True))
    left = [row for row in rows if row["reason"] is None]
    out = [row for row, h in zip(rows, held, strict=True) if h]
    assert {row["reason"] for row in out} == {"holdout"}
    return left, out, [row for row, h in zip(rows, held, strict=True) if not h and row["reason"] is not None]


def group(row: dict[str, Any], by: str) -> Any:
    host = row["url"].split("/")[2] if row["url"] else row["id"]
    values = {"host": host, "domain": host.partition(".")[2] if row["url"] else host}
    topic = json.loads(row["meta"])["topic"]
    return values.get(by, row["id"] if topic is None else topic)


@pytest.mark.parametrize("by", ["host", "domain", "meta.topic"])
def test_groups_are_held_out_whole(by: str, tmp_path: Path) -> None:
    pages(tmp_path)
    left, out, neither = sides(tmp_path, Holdout(fraction=0.2, by=by))
    assert not neither and 40 < len(out) < 240
    assert not {group(r, by) for r in left} & {group(r, by) for r in out}
    again, _, _ = sides(tmp_path / ".." / tmp_path.name, Holdout(fraction=0.2, by=by, seed=1))
    assert {r["id"] for r in again} != {r["id"] for r in left}


def test_by_date_everything_later_is_held_out_and_what_has_no_date_is_used_nowhere(tmp_path: Path) -> None:
    pages(tmp_path)
    left, out, neither = sides(tmp_path, Holdout(since="2024-06-15"))
    dates = [[json.loads(r["meta"])["date"][:10] for r in side] for side in (left, out)]
    assert max(dates[0]) < "2024-06-15" <= min(dates[1])
    assert len(left) > 300 and len(out) > 100
    assert {r["reason"] for r in neither} == {"undated"} and len(neither) == 15


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-06-30", True),
        ("2024-06-29", False),
        ("2025", True),
        ("2023-12", False),
        ("2024", None),
        ("2024-06", None),
        ("2024-06-30T00:00:00Z", True),
        ("30 June 2024", None),
        (20240630, None),
        (None, None),
        (float("nan"), None),
    ],
)
def test_a_date_that_does_not_say_is_no_date(value: Any, expected: bool | None) -> None:
    assert is_since(value, "2024-06-30") is expected


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"by": "url"}, "by must be 'row', 'host', 'domain' or 'meta.KEY', not 'url'"),
        ({"by": "meta."}, "by must be"),
        ({"since": "2024"}, "since must be a day"),
        ({"since": "1 May 2024"}, "since must be a day"),
        ({"since": "2024-05-01", "by": "host"}, "give one of them"),
        ({"near": 0.0}, "near must be in"),
        ({"near": 1.5}, "near must be in"),
    ],
)
def test_a_hold_out_that_cannot_be_meant_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Holdout(**wrong)
