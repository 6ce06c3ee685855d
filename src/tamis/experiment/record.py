"""The run directory: plan.json before anything is trained, and afterwards everything a reader may ask for, `DONE` last.

Every file is written from published steps, so writing it again gives the same bytes (env.json and events.jsonl, which hold
circumstances, aside).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tamis.core import disk
from tamis.core.env import environment
from tamis.core.ledger import DAMAGE_SHOWN
from tamis.core.step import Step, walk
from tamis.core.store import Store, encode
from tamis.data.apply import ScoreText
from tamis.data.dataset import Stage
from tamis.data.dedup.curve import curve_of
from tamis.data.firing import firing, rules_of
from tamis.data.select import Keep, TopFraction
from tamis.experiment import contamination
from tamis.experiment.disjoint import final_ids
from tamis.experiment.outcome import Outcome, deciding_recipe, difference_rows, role, score_rows, verdict_rows
from tamis.experiment.plan import ArmPlan, Plan, describe_decision
from tamis.train.recipe import Recipe

EXAMPLES = 6  # documents shown per arm, operator and reason
BINS = 48
CHINCHILLA = 20.0  # tokens per parameter (Hoffmann et al. 2022)


def directory(plan: Plan, runs: Path) -> Path:
    """runs/<name>-<hash of the plan's targets>: the same plan has the same directory."""
    keys = "".join(s.key for s in [*plan.data_steps, *plan.score_steps])
    return runs / f"{plan.experiment.name}-{hashlib.sha256(keys.encode()).hexdigest()[:8]}"


def write_plan(plan: Plan, store: Store, run: Path, file: Path | None, command: str) -> dict[str, Any]:
    """plan.json, env.json and a copy of the experiment file, before the first model is trained. The tokenizer is published."""
    experiment = plan.experiment
    vocabulary = vocabulary_of(plan, store)
    same = plan.same_data()
    decides = set(experiment.decide.domains or [t.name for t in plan.tasks if t.decides])
    items = {name: store.get(step) for name, step in plan.items.items()}
    tasks = []
    for task in plan.tasks:
        published = items[task.name]
        clusters = {c for s in published.shards for c in published.read(s.name).column("cluster").to_pylist()}
        entry = {"name": task.name, "metric": task.unit, "higher_is_better": task.higher_is_better, "items": published.rows}
        entry |= {"clusters": len(clusters), "decides": task.name in decides and len(clusters) >= 10}
        tasks.append(entry | {"role": role(task, bool(entry["decides"])), "why": task.why})
    value = {
        "name": experiment.name,
        "question": experiment.question,
        "baseline": experiment.arms[0].name,
        "arms": [{"name": a.name, "describe": a.describe, "same_as": same.get(a.name)} for a in experiment.arms],
        "recipes": [_recipe(r, vocabulary) for r in experiment.recipes],
        "seeds": list(experiment.seeds),
        "tasks": tasks,
        "decide": describe_decision(experiment),
        "deciding_recipe": deciding_recipe(plan).name,
        "budget": experiment.budget,
        "holdout": asdict(experiment.holdout),
        "numerics": asdict(plan.numerics),
        "steps": [_step(s, store) for s in walk([*plan.data_steps, *plan.score_steps])],
        "command": command,
    }
    run.mkdir(parents=True, exist_ok=True)
    disk.replace_file(run / "plan.json", encode(value), "run")
    disk.replace_file(run / "env.json", encode(environment(file)), "run")
    if file is not None:
        shutil.copyfile(file, run / "experiment.py")
    return value


def _recipe(recipe: Recipe, vocabulary: int) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "parameters": recipe.parameters(vocabulary),
        "parameters_non_embedding": recipe.model.body_parameters(),
        "tokens": recipe.trained_tokens,
        "steps": recipe.steps,
        "batch": recipe.batch,
        "context": recipe.model.context,
        "learning_rate": recipe.learning_rate,
        "tokens_per_parameter": recipe.tokens_per_parameter(vocabulary),
    }


def _step(step: Step, store: Store) -> dict[str, Any]:
    entry: dict[str, Any] = {"key": step.key, "label": step.label, "kind": step.op.kind, "op": step.description}
    entry["inputs"] = [s.key for s in step.inputs]
    found = None if step.op.kind in ("model", "results") else store.find(step)
    if found is not None:  # the plan is written before anything is trained, and must say the same when it is written again
        ledger = found.ledger
        entry |= {"rows_in": ledger.rows_in, "rows_out": ledger.rows_out}
    return entry


def vocabulary_of(plan: Plan, store: Store) -> int:
    """Size of the published tokenizer's vocabulary."""
    return int(store.get(plan.tokenizer).facts["vocabulary"])


def write_results(
    plan: Plan, store: Store, run: Path, outcome: Outcome, truth: Truth | None, threats: list[dict[str, str]]
) -> None:
    """All tables and summary.json."""
    _parquet(run / "items.parquet", outcome.items)
    _parquet(run / "curves.parquet", _curves(plan, store))
    _parquet(run / "funnel.parquet", pa.Table.from_pylist(_funnel(plan, store), schema=FUNNEL))
    histograms, thresholds = _scores(plan, store)
    _parquet(run / "scores.parquet", pa.Table.from_pylist(histograms, schema=HISTOGRAM))
    _jsonl(run / "examples.jsonl", _examples(plan, store, truth))
    _jsonl(run / "contamination.jsonl", [asdict(h) for h in outcome.hits])
    at = deciding_recipe(plan).name
    tokenizer = store.get(plan.tokenizer)
    counts = [store.get(a.tokens).facts for a in plan.arms]
    total = sum(c["tokens"] for c in counts)
    summary = {
        "answer": outcome.sentence,
        "answer_without_touched": outcome.clean_sentence if outcome.clean_differs else None,
        "clean_answer": outcome.clean_sentence,
        "verdicts": verdict_rows(outcome.decision),
        "scores": score_rows(outcome),
        "differences": difference_rows(outcome, at),
        "notes": list(outcome.decision.comparison.notes),
        "supply": _supply(plan, store),
        "overlap": _overlap(plan, store),
        "contamination": contamination.counts(plan, store, outcome.hits),
        "decontaminated": plan.experiment.decontaminate,
        "touched": [asdict(t) for t in outcome.touched],
        "thresholds": thresholds,
        "rules": _rules(plan, store),
        "copies": _copies(plan, store),
        "cost": _cost(run / "events.jsonl"),
        "threats": threats,
        "corpus": truth.corpus if truth else None,
        "planted": _planted(plan, store, truth) if truth else None,
        "damage": damage(plan, store)[0],
        "tokenizer": {
            "sha256": tokenizer.facts["sha256"],
            "vocabulary": tokenizer.facts["vocabulary"],
            "bytes_per_token": sum(c["bytes"] for c in counts) / total if total else None,
        },
    }
    disk.replace_file(run / "summary.json", encode(summary), "run")


FUNNEL = pa.schema(
    [
        ("arm", pa.string()),
        ("position", pa.int64()),
        ("operator", pa.string()),
        ("rows_in", pa.int64()),
        ("rows_out", pa.int64()),
        ("reason", pa.string()),
        ("rows", pa.int64()),
        ("bytes", pa.int64()),
    ]
)
HISTOGRAM = pa.schema(
    [
        ("text", pa.string()),
        ("score", pa.string()),
        ("column", pa.string()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("rows", pa.int64()),
    ]
)


def _parquet(path: Path, table: pa.Table) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(table.combine_chunks(), sink, compression="zstd")
    disk.replace_file(path, sink.getvalue().to_pybytes(), "run")


def _jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    disk.replace_file(path, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode(), "run")


def _curves(plan: Plan, store: Store) -> pa.Table:
    tables = []
    for item in plan.runs:
        published = store.get(item.model)
        table = published.read("curves.parquet")
        for name, value in (("arm", item.arm), ("recipe", item.recipe.name), ("seed", item.seed)):
            table = table.append_column(name, pa.array([value] * table.num_rows))
        tables.append(table)
    return pa.concat_tables(tables)


def _funnel(plan: Plan, store: Store) -> list[dict[str, Any]]:
    out = []
    for arm in plan.arms:
        for position, stage in enumerate(arm.stages):
            ledger = store.get(stage.step).ledger
            size = int(store.get(arm.tokens).facts["bytes"]) if position == len(arm.stages) - 1 else None
            base = {"arm": arm.arm.name, "position": position, "operator": stage.name}
            base |= {"rows_in": ledger.rows_in + ledger.rows_born, "rows_out": ledger.rows_out}
            out.append(base | {"reason": None, "rows": ledger.rows_out, "bytes": size})
            out += [base | {"reason": r, "rows": n, "bytes": None} for r, n in sorted(ledger.dropped.items(), key=_by_count)]
    return out


def _by_count(entry: tuple[str, int]) -> tuple[int, str]:
    return (-entry[1], entry[0])


def _scores(plan: Plan, store: Store) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Histograms of every column that an arm bounds, and the bounds."""
    histograms: dict[tuple[str, str], list[dict[str, Any]]] = {}
    thresholds = []
    for arm in plan.arms:
        for stage in arm.stages:
            op = stage.step.op
            if isinstance(op, Keep):
                bounds = [(stage.step.inputs[2 + b.column], b.name, b.min, b.max) for b in op.bounds if b.isin is None]
            elif isinstance(op, TopFraction):
                bounds = [(stage.step.inputs[2], op.column, None, None)]
            else:
                continue
            for step, column, low, high in bounds:
                name = type(step.op.score).__name__ if isinstance(step.op, ScoreText) else step.label
                thresholds.append({"arm": arm.arm.name, "score": name, "column": column, "min": low, "max": high})
                if (step.key, column) not in histograms:
                    histograms[step.key, column] = _histogram(store, step, name, column)
    return [row for rows in histograms.values() for row in rows], thresholds


def _rules(plan: Plan, store: Store) -> list[dict[str, Any]]:
    """Per arm, and per text that its rules judge: how often each rule fires, and how often alone."""
    out = []
    for arm in plan.arms:
        chains: dict[str, list[Step]] = {}
        for stage in arm.stages:
            if isinstance(stage.step.op, Keep):
                chains.setdefault(stage.step.inputs[0].key, []).append(stage.step)
        for text, steps in chains.items():
            rules = [rule for s in steps if isinstance(s.op, Keep) for rule in rules_of(s.op, [store.get(i) for i in s.inputs])]
            table = firing(store.get(steps[0].inputs[1]), rules).table()
            out += [{"arm": arm.arm.name, "text": text[:12], **row} for row in table]
    return out


def _histogram(store: Store, step: Step, name: str, column: str) -> list[dict[str, Any]]:
    published = store.get(step)
    parts = [published.read(s.name).column(column).cast(pa.float64()).drop_null().to_numpy() for s in published.shards]
    values = np.concatenate([*parts, np.empty(0)])
    if not len(values):
        return []
    low, high = np.quantile(values, [0.002, 0.998])
    counts, edges = np.histogram(np.clip(values, low, high), BINS, (low, high) if high > low else (low - 0.5, low + 0.5))
    base = {"text": step.inputs[0].key[:12], "score": name, "column": column}
    return [base | {"low": float(a), "high": float(b), "rows": int(n)} for a, b, n in zip(edges, edges[1:], counts, strict=False)]


def _examples(plan: Plan, store: Store, truth: Truth | None) -> list[dict[str, Any]]:
    """A few dropped documents per arm, operator and reason, and a few that every operator kept; the smallest ids are taken."""
    out: list[dict[str, Any]] = []
    for arm in plan.arms:
        for stage in arm.stages:
            if stage.step.op.kind == "selection":
                out += _from_selection(arm, stage, store, truth)
            elif stage.step.op.kind == "text":
                out += _from_edit(arm, stage, store)
        out += _kept(arm, store, truth)
    return out


def _from_selection(arm: ArmPlan, stage: Stage, store: Store, truth: Truth | None) -> list[dict[str, Any]]:
    after, text = store.get(stage.step), store.get(stage.step.inputs[0])
    fresh = set(after.ledger.dropped)
    if not fresh or "holdout" in fresh:
        return []
    found: dict[str, list[tuple[bytes, str, int, str | None]]] = {reason: [] for reason in fresh}
    for item in after.shards:
        table = after.read(item.name)
        reasons = table.column("reason").to_pylist()
        rows = [i for i, r in enumerate(reasons) if r in fresh]
        if not rows:
            continue
        ids = text.read(item.name, ["id"]).column("id")
        proof = table.column("evidence")
        for row in rows:
            bucket = found[reasons[row]]
            bucket.append((ids[row].as_py(), item.name, row, proof[row].as_py()))
            if len(bucket) > 64:
                bucket.sort()
                del bucket[EXAMPLES:]
    out = []
    for reason in sorted(found):
        for _, name, row, proof_text in sorted(found[reason])[:EXAMPLES]:
            document = text.read(name).slice(row, 1).to_pylist()[0]
            out.append(_example(arm, stage.name, reason, proof_text, document, truth))
    return out


def _from_edit(arm: ArmPlan, stage: Stage, store: Store) -> list[dict[str, Any]]:
    published = store.get(stage.step)
    by_reason: Counter[str] = Counter()
    out = []
    for item in published.dropped:
        for row in published.read(item.name).to_pylist():
            by_reason[row["reason"]] += 1
            if by_reason[row["reason"]] <= EXAMPLES:
                document = {"source": "", "url": "", "text": row["text"]}
                out.append(_example(arm, stage.name, row["reason"], row["evidence"], document, None))
    return out


def _kept(arm: ArmPlan, store: Store, truth: Truth | None) -> list[dict[str, Any]]:
    text, selection = store.get(arm.view.text), store.get(arm.view.selection)
    for item in text.shards:
        mask = pc.is_null(selection.read(item.name).column("reason"))
        documents = text.read(item.name).filter(mask).sort_by("id").slice(0, EXAMPLES).to_pylist()
        if documents:
            return [_example(arm, "", None, None, d, truth) for d in documents]
    return []


def _example(
    arm: ArmPlan, operator: str, reason: str | None, evidence: str | None, document: dict[str, Any], truth: Truth | None
) -> dict[str, Any]:
    return {
        "arm": arm.arm.name,
        "operator": operator,
        "reason": reason,
        "evidence": evidence,
        "source": document["source"],
        "url": document["url"],
        "text": document["text"][:4000],
        "planted": truth.kinds.get(document["url"]) if truth else None,
    }


def _supply(plan: Plan, store: Store) -> list[dict[str, Any]]:
    out = []
    seen: set[tuple[str, str]] = set()
    tokens = {a.arm.name: store.get(a.tokens).facts for a in plan.arms}
    for item in plan.runs:
        if (item.arm, item.recipe.name) in seen:
            continue
        seen.add((item.arm, item.recipe.name))
        facts = store.get(item.model).facts
        entry: dict[str, Any] = {"arm": item.arm, "recipe": item.recipe.name, "unique_tokens": facts["unique_tokens"]}
        entry |= {"documents": tokens[item.arm]["documents"], "bytes": tokens[item.arm]["bytes"]}
        out.append(entry | {"epochs": facts["epochs"], "cropped_tokens": facts["cropped_tokens"]})
    return out


def _copies(plan: Plan, store: Store) -> list[dict[str, Any]]:
    """Every near-duplicate selection of the arms, once: how likely pairs were compared, and how often planted ones were."""
    found: dict[str, dict[str, Any]] = {}
    for arm in plan.arms:
        for stage in arm.stages:
            curve = curve_of(stage.step, store)
            if curve is not None:
                found.setdefault(stage.step.key, {"arms": [], **curve})["arms"].append(arm.arm.name)
    return list(found.values())


def _overlap(plan: Plan, store: Store) -> dict[str, Any]:
    ids = [final_ids(a, store) for a in plan.arms]
    shared = [[len(np.intersect1d(a, b, assume_unique=True)) for b in ids] for a in ids]
    return {"arms": [a.arm.name for a in plan.arms], "documents": shared}


def _cost(events: Path) -> list[dict[str, Any]]:
    """CPU seconds by kind of step, from this run's own record of jobs."""
    seconds: Counter[str] = Counter()
    jobs: Counter[str] = Counter()
    if events.exists():
        for line in events.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            if event["event"] == "job" and not event["cached"]:
                seconds[event["step"]] += event["cpu"]
                jobs[event["step"]] += 1
    return [{"stage": s, "cpu_seconds": round(n, 2), "jobs": jobs[s]} for s, n in sorted(seconds.items(), key=lambda e: -e[1])]


def damage(plan: Plan, store: Store) -> tuple[list[dict[str, str]], int, int]:
    """Damaged places of all sources (the first hundred of each), their number, and the rows that were read."""
    places: list[dict[str, str]] = []
    count = rows = 0
    for step in walk(plan.data_steps):
        found = store.find(step)
        if found is not None and not step.inputs and found.kind == "text":
            ledger = found.ledger
            places += [asdict(d) for d in ledger.damage[:DAMAGE_SHOWN]]
            count += ledger.damaged
            rows += ledger.rows_in
    return places, count, rows


class Truth:
    """What is known of a corpus with planted documents: its description, and the kind of every document by URL."""

    def __init__(self, folder: Path) -> None:
        corpus = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
        real = [p | {"what": p["name"]} for p in corpus["packages"] if p["role"] == "pool"]
        total = sum(k["characters"] for k in corpus["planted"]) + corpus["real"]["characters"]
        planted = [k | {"share": k["characters"] / total} for k in corpus["planted"]]
        self.corpus = {"real": real, "planted": planted, "hash": corpus["hash"]}
        table = pq.read_table(folder / "truth.parquet", columns=["url", "kind"])
        self.kinds: dict[str, str] = dict(zip(table.column("url").to_pylist(), table.column("kind").to_pylist(), strict=True))


def _planted(plan: Plan, store: Store, truth: Truth) -> list[dict[str, Any]]:
    """For every arm, operator and kind: how many such documents came in, and how many were dropped there."""
    out = []
    for arm in plan.arms:
        for stage in arm.stages:
            if stage.step.op.kind != "selection" or stage.name in ("hold out", "union"):
                continue
            after, before = store.get(stage.step), store.get(stage.step.inputs[1])
            text = store.get(stage.step.inputs[0])
            came: Counter[str] = Counter()
            gone: Counter[str] = Counter()
            for item in after.shards:
                open_rows = pc.is_null(before.read(item.name).column("reason")).to_pylist()
                still = pc.is_null(after.read(item.name).column("reason")).to_pylist()
                urls = text.read(item.name, ["url"]).column("url").to_pylist()
                for was, now, url in zip(open_rows, still, urls, strict=True):
                    if was:
                        kind = truth.kinds.get(url, "unknown")
                        came[kind] += 1
                        gone[kind] += not now
            base = {"arm": arm.arm.name, "operator": stage.name}
            out += [base | {"kind": k, "rows": came[k], "dropped": gone[k]} for k in sorted(came)]
    return out
