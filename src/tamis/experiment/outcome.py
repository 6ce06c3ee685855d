"""From every item of every model to the comparison, its verdicts and its sentence.

Arms, seeds and items are lined up here and nowhere else: a value array (arms, seeds, items) per task and recipe, items in the
published order. The verdict is computed with all items and again without those that were found in any arm's training data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tamis.core.store import Store
from tamis.eval.task import Task
from tamis.experiment import contamination
from tamis.experiment.contamination import Hit, Mask, Touched
from tamis.experiment.plan import OWN_HOLDOUT, Plan
from tamis.stats.compare import Comparison, Difference, Domain, compare
from tamis.stats.decide import Decision, Verdict, changes, decide
from tamis.stats.sentence import sentence
from tamis.train.recipe import Recipe


@dataclass(frozen=True)
class Outcome:
    """Everything the report says about results. `clean`: the decision without touched items, where any item was touched."""

    decision: Decision
    clean: Decision | None
    sentence: str
    clean_sentence: str | None
    clean_differs: bool
    by_recipe: dict[str, Comparison]
    items: pa.Table
    hits: list[Hit]
    touched: list[Touched]


def deciding_recipe(plan: Plan) -> Recipe:
    """The recipe the rule names, or the largest."""
    recipes = {r.name: r for r in plan.experiment.recipes}
    at = plan.experiment.decide.at
    return recipes[at] if at else max(recipes.values(), key=lambda r: (r.model.body_parameters(), r.tokens))


def conclude(plan: Plan, store: Store, parameters: Mapping[str, int]) -> Outcome:
    """Read the published results of a finished plan and apply its rule. `parameters`: total parameters by recipe name."""
    experiment = plan.experiment
    arms = tuple(a.arm.name for a in plan.arms)
    hits = contamination.find(plan, store)
    left = [] if experiment.decontaminate else hits  # what was removed touches nothing
    touched = {t.name: {h.item for h in left if h.task == t.name} for t in experiment.tasks}
    apart: list[Touched] = []
    tables: list[pa.Table] = []
    by_recipe: dict[str, Comparison] = {}
    at = deciding_recipe(plan)
    decision: Decision | None = None
    clean: Decision | None = None
    for recipe in experiment.recipes:
        domains, masks = [], {}
        for task in plan.tasks:
            domain, rows, mask = _domain(plan, store, recipe, task, touched.get(task.name, set()))
            domains.append(domain)
            tables.append(rows)
            masks[task.name] = mask
        comparison = compare(arms, domains, experiment.decide)
        by_recipe[recipe.name] = comparison
        if recipe.name == at.name:
            decision = decide(comparison)
            for domain in domains:
                here = [len({h.item for h in left if (h.arm, h.task) == (arm, domain.name)}) for arm in arms]
                apart += contamination.scores(arms, domain, masks[domain.name], here, experiment.decide)
            if any(mask.any() for mask in masks.values()):
                clean = decide(compare(arms, domains, experiment.decide, touched=masks))
    assert decision is not None
    size = {"parameters": float(parameters[at.name]), "tokens": float(at.trained_tokens), "baseline": arms[0]}
    answer = sentence(decision, **size)  # type: ignore[arg-type]
    other = sentence(clean, **size) if clean is not None else None  # type: ignore[arg-type]
    differs = clean is not None and bool(changes(decision, clean))
    return Outcome(decision, clean, answer, other, differs, by_recipe, pa.concat_tables(tables), hits, apart)


def _domain(plan: Plan, store: Store, recipe: Recipe, task: Task, touched: set[str]) -> tuple[Domain, pa.Table, Mask]:
    """One task at one size as the statistics want it, and as rows of items.parquet."""
    arms, seeds = [a.arm.name for a in plan.arms], plan.experiment.seeds
    found = {(r.arm, r.seed): r.results[task.name] for r in plan.runs if r.recipe == recipe}
    tables = {pair: _results(store, step) for pair, step in found.items()}
    first = tables[arms[0], seeds[0]]
    ids = first.column("item").to_pylist()
    for (arm, seed), table in tables.items():
        if table.column("item").to_pylist() != ids:
            raise AssertionError(f"{task.name}: {arm}, seed {seed} answered other items than {arms[0]}")
    value = np.array([[tables[a, s].column("value").to_numpy() for s in seeds] for a in arms])
    clusters = np.unique(np.array(first.column("cluster").to_pylist(), object).astype(str), return_inverse=True)[1]
    mask: Mask = np.array([i in touched for i in ids], bool)
    domain = Domain(task.name, task.unit, task.higher_is_better, clusters, first.column("weight").to_numpy(), value, task.decides)
    rows = [
        table.select(["task", "item", "cluster", "value", "weight"])
        .append_column("touched", pa.array(mask))
        .append_column("arm", pa.array([arm] * len(ids), pa.string()))
        .append_column("recipe", pa.array([recipe.name] * len(ids), pa.string()))
        .append_column("seed", pa.array([seed] * len(ids), pa.int64()))
        for (arm, seed), table in tables.items()
    ]
    return domain, pa.concat_tables(rows), mask


def _results(store: Store, step: Any) -> pa.Table:
    published = store.get(step)
    return pa.concat_tables([published.read(s.name) for s in published.shards])


def verdict_rows(decision: Decision) -> list[dict[str, Any]]:
    """Verdicts as plain values; intervals are the ones that match the claim (Holm's level)."""

    def row(v: Verdict) -> dict[str, Any]:
        low, high = v.interval if v.interval else (None, None)
        return {
            "a": v.first,
            "b": v.second,
            "verdict": v.kind,
            "better": v.better,
            "difference": v.estimate.value,
            "low": low,
            "high": high,
            "p": v.p,
            "p_holm": v.p_holm,
            "smallest_visible": v.smallest_visible,
            "per_seed": list(v.estimate.per_seed),
            "v_items": v.estimate.v_items,
            "v_run": v.estimate.v_run,
        }

    return [row(v) for v in decision.verdicts]


def difference_rows(outcome: Outcome, at: str) -> list[dict[str, Any]]:
    """Every pair on every task at every size, with plain intervals; `primary` marks the metric that decides."""

    def row(recipe: str, difference: Difference, primary: bool) -> dict[str, Any]:
        low, high = difference.interval if difference.interval else (None, None)
        return {
            "recipe": recipe,
            "task": difference.metric,
            "a": difference.first,
            "b": difference.second,
            "difference": difference.value,
            "low": low,
            "high": high,
            "primary": primary,
        }

    out = []
    for name, comparison in outcome.by_recipe.items():
        deciding = [d for d in comparison.domains if d.decides]
        if len(deciding) > 1:
            out += [row(name, d, name == at) for d in comparison.differences]
        for domain in comparison.domains:
            out += [row(name, d, name == at and [domain] == deciding) for d in domain.differences]
    return out


def score_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """Mean and seed values of every arm on every task at every size; low and high are the range over seeds."""
    out = []
    for name, comparison in outcome.by_recipe.items():
        for domain in comparison.domains:
            for arm, values in zip(comparison.arms, domain.scores, strict=True):
                entry = {"arm": arm, "recipe": name, "task": domain.name, "mean": float(np.mean(values))}
                out.append(entry | {"seed_values": list(values), "low": min(values), "high": max(values)})
    return out


def role(task: Task, decides: bool) -> str:
    """What part a task plays: it decides or could, it is only shown, or it is the diagnostic that never may."""
    if task.name == OWN_HOLDOUT:
        return "diagnostic"
    return "target" if decides else "shown"
