"""Items of tasks in training text: found, shown, and what they do to scores; in an experiment and in `tamis build`.

The items travel as published steps and are searched for by `tamis.data.near`; what of an item is searched for, and what makes a
hit, stands in `tamis.data.passages`. An item is *touched* if any arm's final text holds it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow.compute as pc

from tamis.core.errors import UsageError
from tamis.core.step import Step
from tamis.core.store import Store
from tamis.data.dataset import Resolver
from tamis.data.near import Nearness, mark
from tamis.data.select import Resolve, View
from tamis.eval.bpb import BitsPerByte
from tamis.eval.steps import items_step
from tamis.eval.task import Task
from tamis.experiment.plan import Plan
from tamis.stats.compare import MIN_CLUSTERS, Compare, Domain, domain_scores
from tamis.stats.noise import Floats, bootstrap_variance, half_width, resampled

REASON = "contaminated"
Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Contaminated(Nearness):
    """Drop the rows that hold an item of a task: `base.select(Contaminated((arc_easy.task, boolq.task)))`.

    The evidence of a dropped row names task and item, with the shared words. Files of tasks are looked for under the data root.
    """

    tasks: tuple[Task, ...]
    label: ClassVar[str] = "decontaminate"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.tasks, tuple) or not self.tasks or not all(isinstance(t, Task) for t in self.tasks):
            raise UsageError(
                f"Contaminated: give a tuple of tasks, not {self.tasks!r:.80}; texts of another kind go into Near(dataset)"
            )
        twice = [name for name, count in Counter(t.name for t in self.tasks).items() if count > 1]
        if twice:
            raise UsageError(f"Contaminated: two tasks are called {twice[0]}: give each its own name")

    def select(self, view: View, resolve: Resolve) -> Step:
        assert isinstance(resolve, Resolver)
        whole = Resolver(resolve.data, None, resolve.hashes)  # a target domain is read whole: no hold-out is cut from it
        items = [items_step(t, resolve.data, whole.view(t.source) if isinstance(t, BitsPerByte) else ()) for t in self.tasks]
        return mark(view, items, self.rule(), REASON, tuple(t.name for t in self.tasks))


@dataclass(frozen=True)
class Hit:
    """A row of an arm's final text that shares `words` words in a row with an item of `of` words."""

    arm: str
    task: str
    item: str
    document: str
    words: int
    of: int
    matched: str


@dataclass(frozen=True)
class Touched:
    """One task at the deciding size: one arm's score on items found in any arm's text, on all others, and the difference.

    `here`: of the touched items, those found in this arm's own text. `low` and `high` are None below 10 clusters on either side,
    and with one seed.
    """

    task: str
    arm: str
    touched: int
    here: int
    untouched: int
    score_touched: float
    score_untouched: float | None
    difference: float | None
    low: float | None = field(default=None)
    high: float | None = field(default=None)


def find(plan: Plan, store: Store) -> list[Hit]:
    """Items of declared tasks found in the final text of an arm, document by document."""
    out = []
    for arm in plan.arms:
        text, selection = store.get(arm.view.text), store.get(arm.touched)
        for item in selection.shards:
            table = selection.read(item.name)
            rows = np.flatnonzero(pc.fill_null(pc.equal(table.column("reason"), REASON), False).to_numpy())
            if not len(rows):
                continue
            ids = text.read(item.name, ["id"]).column("id")
            for row in rows.tolist():
                for hit in json.loads(table.column("evidence")[row].as_py())["near"]:
                    document, shown = ids[row].as_py().hex(), hit.get("text", "")
                    out.append(Hit(arm.arm.name, hit["task"], hit["reference"], document, hit["words"], hit["of"], shown))
    return out


def searchable(plan: Plan, store: Store) -> dict[str, tuple[int, int]]:
    """Per task: items that the search can find, and all items."""
    table = store.get(plan.arms[0].touched.inputs[2]).read("references.parquet", ["task", "searchable"])
    counts = table.group_by("task", use_threads=False).aggregate([("searchable", "sum"), ("searchable", "count")]).to_pylist()
    return {row["task"]: (row["searchable_sum"], row["searchable_count"]) for row in counts}


def counts(plan: Plan, store: Store, hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """Per arm and task: items touched, of how many that could be found; documents that touch, of how many."""
    out = []
    items = searchable(plan, store)
    for arm in plan.arms:
        rows = int(store.get(arm.tokens).facts["documents"])
        for task in plan.experiment.tasks:
            own = [h for h in hits if h.arm == arm.arm.name and h.task == task.name]
            found, total = items.get(task.name, (0, 0))
            entry = {"arm": arm.arm.name, "task": task.name, "items_touched": len({h.item for h in own})}
            entry |= {"items_searched": found, "items": total}
            out.append(entry | {"rows_touched": len({h.document for h in own}), "rows": rows})
    return out


def scores(arms: Sequence[str], domain: Domain, mask: Mask, here: Sequence[int], rule: Compare) -> list[Touched]:
    """Every arm on the touched items (`mask`) of a domain and on the others; empty if none is touched.

    The interval of the difference joins the variance over clusters of items (a bootstrap in which both sides share each draw)
    with that over seeds, pooled over arms.
    """
    if not mask.any():
        return []
    sides = [_part(domain, m) for m in (mask, ~mask) if m.any()]
    each = [domain_scores(side) for side in sides]  # (arms, seeds)
    enough = len(sides) == 2 and min(len(np.unique(side.cluster)) for side in sides) >= MIN_CLUSTERS and each[0].shape[1] > 1
    wide = _half_widths(domain, mask, each[0] - each[1], rule) if enough else np.full(len(arms), np.nan)
    out = []
    for row, (arm, count) in enumerate(zip(arms, here, strict=True)):
        means = [float(s[row].mean()) for s in each]
        gap = means[0] - means[1] if len(means) == 2 else None
        ends = (gap - float(wide[row]), gap + float(wide[row])) if gap is not None and enough else (None, None)
        other = means[1] if len(means) == 2 else None
        out.append(Touched(domain.name, arm, int(mask.sum()), count, int((~mask).sum()), means[0], other, gap, *ends))
    return out


def _part(domain: Domain, mask: Mask) -> Domain:
    kept = domain.cluster[mask], domain.weight[mask], domain.value[:, :, mask]
    return Domain(domain.name, domain.unit, domain.higher_is_better, *kept, domain.decides)


def _half_widths(domain: Domain, mask: Mask, gaps: Floats, rule: Compare) -> Floats:
    """Of each arm's difference; gaps (arms, seeds)."""
    value = domain.value.mean(axis=1)
    replicas = []
    for side in (mask, ~mask):
        weight = np.where(side, domain.weight, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):  # a draw without any item of one side says nothing
            replicas.append(resampled(value * side, weight, domain.cluster, domain.name, rule.bootstrap, rule.seed))
    drawn = replicas[0] - replicas[1]
    fewest = min(len(np.unique(domain.cluster[side])) for side in (mask, ~mask))
    v_items = bootstrap_variance(drawn[np.isfinite(drawn).all(axis=1)], fewest)
    arms, seeds = gaps.shape
    v_run = float(gaps.var(axis=1, ddof=1).mean()) / seeds
    return half_width(rule.alpha, v_items, fewest - 1, v_run, arms * (seeds - 1))
