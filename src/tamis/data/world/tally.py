"""What operators did to each planted kind: exact recall, precision and harm from the truth and the reasons given."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from tamis.data.world.truth import COPIES


class Outcome(NamedTuple):
    """How many of a kind (and form) one reason dropped; `reason` "" stands for all reasons together."""

    reason: str
    kind: str
    form: str
    good: bool
    dropped: int
    total: int

    @property
    def share(self) -> float:
        """Dropped of all: recall of a fault, harm to a good kind."""
        return self.dropped / self.total


def precision_recall(truth: pa.Table, reasons: Mapping[bytes, str | None], by_form: bool = True) -> list[Outcome]:
    """Count, for every reason and kind, the dropped rows among those of `truth` that `reasons` knows.

    `reasons` maps an id to the reason why it was dropped, or None if it was kept; ids that the truth lacks are ignored.
    A copy and its original are worth the same: where the original was dropped and a copy of it kept, the two change places, so
    that dedup is charged with harm only if nothing of a document is left. Sorted by reason, kind, form. Precision of a reason:
    one less the share of good rows among its dropped ones.
    """
    rows = [row for row in truth.to_pylist() if row["id"] in reasons]
    verdict = {row["url"]: reasons[row["id"]] for row in rows}
    _swap(rows, verdict)
    totals: Counter[tuple[str, str, bool]] = Counter()
    dropped: dict[str, Counter[tuple[str, str, bool]]] = defaultdict(Counter)
    for row in rows:
        kind = (row["kind"], row["form"] if by_form else "", row["good"])
        totals[kind] += 1
        reason = verdict[row["url"]]
        dropped[""][kind] += reason is not None
        if reason is not None:
            dropped[reason][kind] += 1
    return [
        Outcome(reason, *kind, count, totals[kind])
        for reason in sorted(dropped)
        for kind, count in sorted(dropped[reason].items())
    ]


def _swap(rows: list[dict[str, Any]], verdict: dict[str, str | None]) -> None:
    """Exchange the verdicts of a dropped original and its closest kept copy."""
    copies: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for row in rows:
        if row["kind"] in COPIES:
            copies[row["parent"]].append((-row["jaccard"], row["url"]))
    for parent, children in copies.items():
        kept = sorted(child for child in children if verdict[child[1]] is None)
        if verdict.get(parent) is not None and kept:
            verdict[kept[0][1]], verdict[parent] = verdict[parent], None
