"""Plans that tests kill at will: 40 shards of row-wise steps, deduplication of every kind, a training run of 60 steps. They run
in forked children, which inherit the kernels that are loaded here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from tamis.core.runner import Local, run
from tamis.core.step import Step, Where
from tamis.core.store import Store
from tamis.data.dataset import Dataset, Resolver
from tamis.data.dedup import Exact, MinHash
from tamis.data.edit import Edit
from tamis.data.score import Score
from tamis.data.tokenize import BPE, tokenized
from tamis.kernels.digest import digests, word_digests
from tamis.kernels.jit import Buffers, buffers
from tamis.kernels.lsh import buckets, greedy
from tamis.kernels.minhash import signatures
from tamis.kernels.shingle import Hashes, Offsets, shingle_sets, table


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


def load_kernels() -> None:
    """What a child would spend most of its short life on."""
    texts = buffers(pa.array(["a few words to begin with"], pa.large_string()))
    digests(texts)
    word_digests(texts)
    greedy(buckets(signatures(texts)[0]), *_sets(texts), 0.8, np.zeros(1, np.int8))


def _sets(texts: Buffers) -> tuple[Hashes, Offsets, Offsets]:
    hashes, places = shingle_sets(*texts, table(), 5, True)
    return hashes, places[:-1], places[1:]


def deduplicated(data: Path) -> list[Step]:
    """Copies of every kind: exact ones, near ones, against another dataset, by preference."""
    source = Dataset.jsonl("corpus.jsonl", shard_bytes=8000)
    exact = source.sample(0.7, seed=1).dedup(Exact(normalise=True, prefer=Length()))
    near = exact.dedup(MinHash(threshold=0.5, against=source.sample(0.1, seed=2)))
    return list(Resolver(data).view(near))


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


def work(store: str, data: str, workers: int = 1, failpoint: str = "", train: bool = False, dedup: bool = False) -> None:
    """Run the plan; die where `failpoint` says."""
    if failpoint:
        os.environ["TAMIS_FAILPOINT"] = failpoint
    with Local(workers, (__file__,)) as runner:
        run(deduplicated(Path(data)) if dedup else targets(Path(data), train), Store(store), runner, Where(data))


load_kernels()
