"""Reading a run directory: the JSON and Parquet files that an experiment leaves, as plain Python values.

The report computes no statistics: every number shown was in the run directory, or is a sum or a mean of such numbers.
A table that is not there is an empty table; `plan.json` and `summary.json` must be there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tamis.core.errors import TamisError

Row = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One run, read: `plan`, `summary` and `env` as written; tables as lists of rows; `arms` maps a name to its index."""

    plan: Row
    summary: Row
    env: Row
    funnel: list[Row]
    scores: list[Row]
    curves: pa.Table
    examples: list[Row]
    contamination: list[Row]
    arms: dict[str, int]

    @property
    def tasks(self) -> dict[str, Row]:
        return {task["name"]: task for task in self.plan["tasks"]}

    @property
    def recipes(self) -> list[Row]:
        """Smallest first."""
        return sorted(self.plan["recipes"], key=lambda r: (r["parameters"], r["name"]))

    def task(self, name: str) -> Row:
        """A task of the plan; any other name is the mean over the deciding tasks, which is what decides."""
        if name in self.tasks:
            return self.tasks[name]
        deciding = [t for t in self.tasks.values() if t["decides"]] or [{"metric": "score", "higher_is_better": False}]
        why = "the mean over the deciding tasks, the primary metric"
        return {**deciding[0], "name": name, "role": "target", "decides": True, "why": why}

    def rank(self, name: str) -> int:
        """What decides stands first, what must never decide last."""
        if name not in self.tasks:
            return 0
        task = self.tasks[name]
        return 1 if task["decides"] else {"target": 2, "shown": 3}.get(task["role"], 4)

    def rows(self, name: str) -> list[Row]:
        """A list of the summary, empty if it is null or absent."""
        return list(self.summary.get(name) or [])


def read(run: Path, examples: bool = True) -> Run:
    """Read the run directory `run`; with `examples=False` no document text is read at all."""
    plan, summary = _json(run / "plan.json"), _json(run / "summary.json")
    _check_signs(plan, summary)
    arms = {arm["name"]: index for index, arm in enumerate(plan["arms"])}
    return Run(
        plan=plan,
        summary=summary,
        env=_json(run / "env.json") if (run / "env.json").exists() else {},
        funnel=_table(run / "funnel.parquet").to_pylist(),
        scores=_table(run / "scores.parquet").to_pylist(),
        curves=_table(run / "curves.parquet"),
        examples=list(_lines(run / "examples.jsonl")) if examples else [],
        contamination=list(_lines(run / "contamination.jsonl")) if examples else [],
        arms=arms,
    )


def _check_signs(plan: Row, summary: Row) -> None:
    """A difference is b - a; a verdict whose sign contradicts its winner would turn every figure round."""
    higher = {task["higher_is_better"] for task in plan["tasks"] if task["decides"]}
    for verdict in summary.get("verdicts") or []:
        if verdict["better"] is not None and len(higher) == 1:
            b_wins = (verdict["difference"] > 0) == (True in higher)
            assert verdict["better"] == (verdict["b"] if b_wins else verdict["a"]), f"not b - a: {verdict}"


def _json(path: Path) -> Row:
    try:
        value: Row = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TamisError(f"{path}: not found; is {path.parent} a finished run? `tamis run FILE` makes one") from None
    except ValueError as error:
        raise TamisError(f"{path}: not valid JSON ({error}); run the experiment again to write it anew") from None
    return value


def _table(path: Path) -> pa.Table:
    if not path.exists():
        return pa.table({})
    try:
        return pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise TamisError(f"{path}: not a Parquet file ({error}); run the experiment again to write it anew") from None


def _lines(path: Path) -> Iterator[Row]:
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="surrogatepass") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise TamisError(f"{path}, line {number}: not valid JSON ({error})") from None
