"""The facts of an experiment's data, gathered for its datasheet."""

from __future__ import annotations

from typing import Any

from tamis.core.step import Step, walk
from tamis.core.store import Store
from tamis.data.dataset import Stage
from tamis.experiment.plan import Plan
from tamis.report.card import datasheet as write


def source_facts(step: Step, store: Store) -> dict[str, Any]:
    """A source as people name it: its files with sha256, and what reading it gave."""
    ledger = store.get(step).ledger
    fields = step.description.get("fields", {})
    return {
        "source": step.label,
        "declared": fields.get("source", {}),
        "files": [{"name": n, "bytes": size, "sha256": digest} for n, size, digest in getattr(step.op, "files", ())],
        "rows": ledger.rows_out,
        "damaged": ledger.damaged,
    }


def stage_facts(stages: tuple[Stage, ...] | list[Stage], store: Store) -> list[dict[str, Any]]:
    """Every operator of a chain with its counts."""
    out = []
    for stage in stages:
        ledger = store.get(stage.step).ledger
        entry = {"operator": stage.name, "key": stage.step.key, "rows_in": ledger.rows_in, "rows_out": ledger.rows_out}
        out.append(entry | {"dropped": dict(ledger.dropped)})
    return out


def datasheet(plan: Plan, store: Store) -> str:
    """Markdown for datasheet.md."""
    sources = [s for s in walk(plan.data_steps) if not s.inputs and s.op.kind == "text"]
    return write(
        {
            "name": plan.experiment.name,
            "purpose": plan.experiment.question,
            "sources": [source_facts(s, store) for s in sources],
            "arms": [{"name": a.arm.name, "stages": stage_facts(a.stages, store)} for a in plan.arms],
            "limits": [],
        }
    )
