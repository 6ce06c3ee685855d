"""A plan of 40 shards (and, if asked, a training run of 60 steps) that tests kill at will. It runs in a forked child."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tamis.core.runner import Local, run
from tamis.core.step import Step, Where
from tamis.core.store import Store
from tamis.data.dataset import Dataset, Resolver
from tamis.data.edit import Edit
from tamis.data.score import Score
from tamis.data.tokenize import BPE, tokenized


@dataclass(frozen=True)
class Length(Score):
    """Characters."""

    def score(self, text: str) -> float:
        return float(len(text))


@dataclass(frozen=True)
class Upper(Edit):
    """Upper case."""

    def edit(self, text: str) -> str:
        return text.upper()


def write_corpus(folder: Path, documents: int = 400) -> None:
    """About 120 kB of text in one JSONL file."""
    import json

    lines = [
        json.dumps({"text": " ".join(f"word{(i * j) % 97}" for j in range(20 + i % 40)), "url": f"https://example.org/{i}"})
        for i in range(documents)
    ]
    (folder / "corpus.jsonl").write_text("\n".join(lines) + "\n")


def targets(data: Path, train: bool) -> list[Step]:
    source = Dataset.jsonl("corpus.jsonl", shard_bytes=8000)
    dataset = source.keep(Length(), min=150).edit(Upper()).sample(0.9)
    resolver = Resolver(data)
    view = resolver.view(dataset)
    tokenizer = BPE(400).step([resolver.view(source)])
    tokens = tokenized(view, tokenizer)
    if not train:
        return [tokens]
    from tamis.lm.model import Architecture
    from tamis.lm.numerics import Numerics
    from tamis.train.loop import Train
    from tamis.train.recipe import Recipe

    recipe = Recipe("kill", Architecture(16, 1, 2, 32, context=32), tokens=60 * 4 * 32, learning_rate=0.01)
    return [Step(Train(recipe, 0, Numerics.here()), (tokens, tokenizer))]


def work(store: str, data: str, workers: int = 1, failpoint: str = "", train: bool = False) -> None:
    """Run the plan; die where `failpoint` says."""
    if failpoint:
        os.environ["TAMIS_FAILPOINT"] = failpoint
    with Local(workers, (__file__,)) as runner:
        run(targets(Path(data), train), Store(store), runner, Where(data))
