"""What could be wrong with an answer, found from the run itself and said before a reader has to ask."""

from __future__ import annotations

import json
from pathlib import Path

from tamis.core.store import Store
from tamis.experiment.contamination import searchable
from tamis.experiment.outcome import Outcome
from tamis.experiment.plan import Plan
from tamis.experiment.record import CHINCHILLA, damage, vocabulary_of


def threats(plan: Plan, store: Store, outcome: Outcome, run: Path) -> list[dict[str, str]]:
    """A title and a sentence each, the gravest first."""
    out: list[dict[str, str]] = []

    def say(title: str, detail: str) -> None:
        out.append({"title": title, "detail": detail})

    vocabulary = vocabulary_of(plan, store)
    for arm, other in plan.same_data().items():
        say("Two arms are the same data", f"{arm} and {other} resolve to the same documents, so they cannot differ.")
    hungry = [r for r in plan.experiment.recipes if r.tokens_per_parameter(vocabulary) < CHINCHILLA]
    if hungry:
        sizes = ", ".join(f"{r.name} ({r.tokens_per_parameter(vocabulary):.1f})" for r in hungry)
        say(
            "Few tokens per parameter",
            f"Below {CHINCHILLA:g} tokens per parameter: {sizes}. Rankings of arms may change with more.",
        )
    say("One small scale", "The answer holds at the sizes trained. Nothing is said about larger models until a law is fitted.")
    repeated: dict[str, float] = {}
    for item in plan.runs:
        epochs = store.get(item.model).facts["epochs"]
        if epochs > 1:
            repeated[item.arm] = max(epochs, repeated.get(item.arm, 0.0))
    if repeated:
        arms = ", ".join(f"{a} ({e:.1f} epochs)" for a, e in repeated.items())
        say("Repeated data", f"Trained more than once through their data: {arms}. Repetition itself may cost or help.")
    if outcome.touched:
        count = sum({t.task: t.touched for t in outcome.touched}.values())
        effect = "changes" if outcome.clean_differs else "does not change"
        say("Contamination", f"{count} items share a span with some arm's training text; leaving them out {effect} the verdict.")
    short = [(n, found, total) for n, (found, total) in searchable(plan, store).items() if found < total]
    if short:
        say(
            "Items too short to search for",
            "Contamination cannot be seen in " + ", ".join(f"{total - found:,} of {total:,} of {n}" for n, found, total in short),
        )
    places, count, rows = damage(plan, store)
    if count:
        say("Damaged sources", f"{count} places could not be read beside {rows:,} records, the first in {places[0]['file']}.")
    drifted = sorted({name for step in plan.data_steps for name in store.drift(step)})
    if drifted:
        say("Code drift", f"Steps were made by other code of the same version: {', '.join(drifted)}.")
    env = json.loads((run / "env.json").read_text(encoding="utf-8"))
    if env["dirty"]:
        say("Uncommitted changes", "The experiment's repository had uncommitted changes when this ran.")
    for note in outcome.decision.comparison.notes:
        say("Domains", note[0].upper() + note[1:] + ".")
    return out
