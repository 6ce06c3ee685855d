"""Training as a step: through the real keys, store and runner."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pyarrow.parquet as pq
import pytest
from tiny_shards import sentences, write_shard

from tamis.core.errors import UsageError
from tamis.core.runner import Local, run
from tamis.core.step import Inputs, Operator, Output, Piece, Step, Where
from tamis.core.store import Store
from tamis.lm.numerics import Numerics
from tamis.lm.tokenizer import Tokenizer, train_bpe
from tamis.train.loop import Train
from tamis.train.recipe import Recipe

pytest.importorskip("torch")


@dataclass(frozen=True)
class Words(Operator):
    """Publishes a tokenizer."""

    kind: ClassVar[str] = "tokenizer"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all")]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        tokenizer = Tokenizer(train_bpe(sentences(50, seed=9), 300))
        tokenizer.save(out.directory)
        out.path("tokenizer.json")
        out.path("tokenizer_config.json")
        out.facts["vocabulary"] = tokenizer.vocab_size


@dataclass(frozen=True)
class Arm(Operator):
    """Publishes two token shards."""

    kind: ClassVar[str] = "tokens"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("00000"), Piece("00001")]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        texts = sentences(60, seed=int(piece.name))
        names = [f"{piece.name} {i}" for i in range(60)]
        path = write_shard(out.scratch / "tokens.parquet", Tokenizer.load(inputs[0].path), texts, names)
        out.write(f"{piece.name}.parquet", pq.read_table(path))


def steps(recipe: Recipe, seed: int) -> Step:
    words = Step(Words())
    return Step(Train(recipe, seed, Numerics.here()), (Step(Arm(), (words,)), words))


def test_training_publishes_a_model(recipe: Recipe, tmp_path: Path) -> None:
    published, other = run([steps(recipe, 0), steps(recipe, 1)], Store(tmp_path / "store"), Local(1), Where())
    assert published.file("config.json").read_bytes() == other.file("config.json").read_bytes()
    assert published.kind == "model"
    assert published.facts["trained_tokens"] == recipe.trained_tokens
    assert published.facts["unique_bytes"] > 0
    assert published.file("model.safetensors").is_file()
    assert published.read("curves.parquet").num_rows == 20


def test_recipe_seed_and_numerics_are_in_the_key(recipe: Recipe) -> None:
    base = steps(recipe, 0)
    other = Step(Train(recipe, 0, dataclasses.replace(Numerics.here(), threads=2)), base.inputs)
    changed = steps(dataclasses.replace(recipe, learning_rate=0.021), 0)
    assert len({base.key, steps(recipe, 1).key, other.key, changed.key}) == 4
    assert base.key == steps(dataclasses.replace(recipe), 0).key


def test_a_step_publishes_one_model(recipe: Recipe, tmp_path: Path) -> None:
    branched = dataclasses.replace(recipe, schedule="wsd", branches=(3072,))
    with pytest.raises(UsageError, match="one model"):
        run([steps(branched, 0)], Store(tmp_path), Local(1), Where())
