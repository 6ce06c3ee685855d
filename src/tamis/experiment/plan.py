"""What an experiment becomes: one graph of steps, and what can be said of it before anything runs.

The order of work is fixed here: hold-out before any arm; the near-hold-out cut on each arm's final text before it is
tokenised; all data built and every arm's supply of tokens checked before the first model is trained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tamis.core.step import Step
from tamis.data.apply import UnionSelection, UnionText
from tamis.data.dataset import Dataset, Resolver, Stage
from tamis.data.near import Nearness, mark
from tamis.data.select import View
from tamis.data.tokenize import tokenized
from tamis.eval.bpb import BitsPerByte
from tamis.eval.steps import items_step, results_step
from tamis.eval.task import Task
from tamis.experiment.declare import Arm, Experiment
from tamis.lm.numerics import Numerics
from tamis.train.loop import Train
from tamis.train.recipe import Recipe

OWN_HOLDOUT = "pool hold-out"
WHY_DIAGNOSTIC = "a diagnostic: part of the pool itself, so it rewards whoever filters least; it never decides"


@dataclass(frozen=True)
class ArmPlan:
    """One arm as steps: its chain of operators (the near-hold-out cut last), the final rows, and their tokens."""

    arm: Arm
    stages: tuple[Stage, ...]
    view: View
    tokens: Step
    touched: Step


@dataclass(frozen=True)
class Run:
    """One model: which arm, recipe and seed; the step that trains it and the steps that judge it, by task name."""

    arm: str
    recipe: Recipe
    seed: int
    model: Step
    results: dict[str, Step]


class Plan:
    """The steps of an experiment on one data root and one kind of device."""

    def __init__(self, experiment: Experiment, data: Path, hashes: Path | None = None, device: str = "cpu") -> None:
        self.experiment = experiment
        self.numerics = Numerics.here(device)
        self.device = device
        self.resolver = Resolver(data, experiment.holdout, hashes)
        self._targets = Resolver(data, None, hashes)
        self.data = data

    @cached_property
    def sources(self) -> list[Dataset]:
        """The extracted sources of all arms, each once."""
        out: list[Dataset] = []
        for arm in self.experiment.arms:
            out += [s for s in arm.data.sources() if s not in out]
        return out

    @cached_property
    def pool(self) -> list[View]:
        """The union of all arms' sources, less the hold-out: what the tokenizer is trained on."""
        return [self.resolver.view(s) for s in self.sources]

    @cached_property
    def held_out(self) -> View:
        """The rows that the hold-out took from all sources."""
        views = [self.resolver.held_out(s) for s in self.sources]
        if len(views) == 1:
            return views[0]
        text = Step(UnionText(), tuple(v.text for v in views))
        return View(text, Step(UnionSelection(), (text, *(v.selection for v in views))))

    @cached_property
    def tokenizer(self) -> Step:
        return self.experiment.tokenizer.step(self.pool)

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """The declared tasks, and the pool's own hold-out as a diagnostic."""
        own = BitsPerByte(OWN_HOLDOUT, source=None, why=WHY_DIAGNOSTIC, decides=False)
        return (*self.experiment.tasks, own)

    @cached_property
    def items(self) -> dict[str, Step]:
        """Published items by task name."""
        out = {}
        for task in self.tasks:
            documents: tuple[Step, ...] = ()
            if task.name == OWN_HOLDOUT:
                documents = self.held_out
            elif isinstance(task, BitsPerByte):
                documents = self._targets.view(task.source)
            out[task.name] = items_step(task, self.data, documents)
        return out

    @cached_property
    def arms(self) -> list[ArmPlan]:
        holdout = Nearness(span=None, jaccard=self.experiment.holdout.near)
        tasks = tuple(t.name for t in self.experiment.tasks)
        own_items = [self.items[name] for name in tasks]
        out = []
        for arm in self.experiment.arms:
            view = self.resolver.view(arm.data)
            cut = mark(view, self.held_out, holdout, "near-holdout")
            stages = [*self.resolver.stages(arm.data), Stage("near hold-out", cut)]
            touched = mark(View(view.text, cut), own_items, Nearness(), "contaminated", tasks, lenient=True)
            if self.experiment.decontaminate:
                stages.append(Stage("decontaminate", touched))
            final = View(view.text, stages[-1].step)
            out.append(ArmPlan(arm, tuple(stages), final, tokenized(final, self.tokenizer), touched))
        return out

    @cached_property
    def runs(self) -> list[Run]:
        """All models: recipe by recipe, arm by arm, seed by seed."""
        return list(self._runs())

    def _runs(self) -> Iterator[Run]:
        for recipe in self.experiment.recipes:
            for arm in self.arms:
                for seed in self.experiment.seeds:
                    baseline = (self.arms[0].tokens,) if self.experiment.budget == "bytes" else ()
                    model = Step(Train(recipe, seed, self.numerics), (arm.tokens, self.tokenizer, *baseline))
                    results = {t.name: results_step(t, model, self.items[t.name], self.device) for t in self.tasks}
                    yield Run(arm.arm.name, recipe, seed, model, results)

    @property
    def data_steps(self) -> list[Step]:
        """Everything that must be there before the first model is trained."""
        return [self.tokenizer, *self.items.values(), *(s for a in self.arms for s in (a.tokens, a.touched))]

    @property
    def score_steps(self) -> list[Step]:
        return [step for run in self.runs for step in run.results.values()]

    def same_data(self) -> dict[str, str]:
        """Arm -> an earlier arm whose resolved tokens are the same step."""
        first: dict[str, str] = {}
        out: dict[str, str] = {}
        for arm in self.arms:
            if arm.tokens.key in first:
                out[arm.arm.name] = first[arm.tokens.key]
            first.setdefault(arm.tokens.key, arm.arm.name)
        return out


def describe_decision(experiment: Experiment) -> dict[str, Any]:
    """The rule that decides, as plain values for plan.json."""
    rule = experiment.decide
    return {name: getattr(rule, name) for name in rule.__dataclass_fields__}
