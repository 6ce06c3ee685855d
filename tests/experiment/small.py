"""A whole experiment in some seconds: two arms, two seeds, one micro size, generated text with a planted leak."""

from __future__ import annotations

from dataclasses import dataclass

from tamis import BPE, Arm, BitsPerByte, Dataset, Experiment, Holdout, Recipe, Score
from tamis.lm.model import Architecture


@dataclass(frozen=True)
class Shouting(Score):
    """Share of letters in upper case."""

    def score(self, text: str) -> float:
        letters = [c for c in text if c.isalpha()]
        return sum(map(str.isupper, letters)) / max(len(letters), 1)


pages = Dataset.jsonl("pool.jsonl")
target = BitsPerByte("target", source=Dataset.jsonl("target.jsonl"), why="a test")
recipe = Recipe("micro", Architecture(16, 1, 2, 32, context=64), tokens=40 * 4 * 64, learning_rate=0.01)

experiment = Experiment(
    name="small",
    question="Does dropping texts that shout help?",
    arms=(Arm("raw", pages), Arm("quiet", pages.keep(Shouting(), max=0.3)), Arm("same", pages.keep(Shouting(), max=0.3))),
    holdout=Holdout(fraction=0.1),
    tokenizer=BPE(400),
    recipes=(recipe,),
    seeds=(0, 1),
    tasks=(target,),
)
