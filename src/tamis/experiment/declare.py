"""What a person writes in an experiment file.

The types make arms differ only in data: one tokenizer, one hold-out cut before any arm exists, one token budget a size, the
same seeds, one decision rule that is stored before any result exists.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tamis.core.errors import UsageError
from tamis.data.dataset import Dataset, Holdout
from tamis.data.tokenize import BPE, Pinned
from tamis.stats.compare import Compare
from tamis.train.recipe import Recipe


@dataclass(frozen=True)
class Arm:
    """One training set to be judged: a short name, the dataset, and (for readers) what it is."""

    name: str
    data: Dataset
    describe: str = ""


@dataclass(frozen=True)
class Experiment:
    """A question, the arms that may answer it, and everything they share.

    The first arm is the baseline. `budget` "tokens" gives every run of a size the same tokens, "bytes" the same bytes of
    text. `decontaminate` drops rows near a task's items from every arm (by default they are counted, and the verdict is
    computed with and without the touched items).
    """

    name: str
    question: str
    arms: tuple[Arm, ...]
    recipes: tuple[Recipe, ...]
    tasks: tuple[Any, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    tokenizer: BPE | Pinned = field(default_factory=BPE)
    holdout: Holdout = field(default_factory=Holdout)
    decide: Compare = field(default_factory=Compare)
    budget: str = "tokens"
    decontaminate: bool = False
    corpus: str = ""

    def __post_init__(self) -> None:
        def refuse(what: str) -> None:
            raise UsageError(f"experiment {self.name}: {what}")

        if len(self.arms) < 2:
            refuse("a comparison needs at least two arms")
        for kind, names in (
            ("arms", [a.name for a in self.arms]),
            ("recipes", [r.name for r in self.recipes]),
            ("tasks", [t.name for t in self.tasks]),
            ("seeds", [str(s) for s in self.seeds]),
        ):
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                refuse(f"two {kind} are called {twice[0]}: give each its own name")
            if not names:
                refuse(f"it has no {kind}")
        if self.budget not in ("tokens", "bytes"):
            refuse(f"budget must be 'tokens' or 'bytes', not {self.budget!r}")
        if self.decide.at is not None and self.decide.at not in [r.name for r in self.recipes]:
            refuse(f"decide.at names no recipe: {self.decide.at}; there are {', '.join(r.name for r in self.recipes)}")
        known = {t.name: t.unit for t in self.tasks}
        unknown = [name for name in self.decide.domains or () if name not in known]
        if unknown:
            refuse(f"decide.domains names no task: {unknown[0]}; there are {', '.join(known)}")
        deciding = self.decide.domains or [t.name for t in self.tasks if t.decides]
        if not deciding:
            refuse("no task decides: set decides=True on one, or name it in Compare(domains=...)")
        units = sorted({known[name] for name in deciding})
        if len(units) > 1:
            refuse(f"deciding tasks mix {' and '.join(units)}, which have no common mean: name some in Compare(domains=...)")
