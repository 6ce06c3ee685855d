"""A small tokenizer, token shards made from generated sentences, and a recipe of seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_shards import sentences, write_shard

from tamis.lm.model import Architecture
from tamis.lm.tokenizer import Tokenizer, train_bpe
from tamis.train.recipe import Recipe


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer(train_bpe(sentences(50, seed=9), 300))


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return sentences(200)


@pytest.fixture(scope="session")
def shards(tokenizer: Tokenizer, texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """200 documents, about 22,000 tokens, in two shards."""
    folder = tmp_path_factory.mktemp("shards")
    names = [f"document {i}" for i in range(len(texts))]
    return [
        write_shard(folder / "00000.parquet", tokenizer, texts[:120], names[:120]),
        write_shard(folder / "00001.parquet", tokenizer, texts[120:], names[120:]),
    ]


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """A two-layer model, 20 steps of 4 rows of 64."""
    return Recipe("tiny", Architecture(32, 2, 2, 64, context=64), tokens=20 * 4 * 64, learning_rate=0.02)
