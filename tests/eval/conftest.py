"""A model with opinions (random weights, attention not zeroed), a tokenizer trained on made-up words, documents and questions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from tamis.lm.tokenizer import Tokenizer, train_bpe


class Tiny(NamedTuple):
    model: Any
    tokenizer: Tokenizer
    context: int


def words(count: int, seed: int) -> str:
    """`count` words of two or three syllables from a small lexicon, with some punctuation and a letter outside ASCII."""
    rng = np.random.Generator(np.random.Philox(seed))
    syllables = ["ka", "lo", "mi", "ru", "ten", "sé", "var", "do", "pli", "ne"]
    lexicon = ["".join(np.random.Generator(np.random.Philox(i)).choice(syllables, 2 + i % 2)) for i in range(60)]
    text = " ".join(lexicon[i] + (", " if rng.random() < 0.1 else "") for i in rng.integers(60, size=count))
    return text.capitalize() + "."


def noisy_model(family: str = "qwen3", context: int = 32, vocab: int = 400) -> Any:
    """A new model whose every parameter is disturbed: the package's own initialisation starts with attention switched off."""
    import torch

    from tamis.lm.model import Architecture, build

    shape: dict[str, Any] = {"width": 32, "depth": 2, "heads": 2, "feed_forward": 128, "family": family, "context": context}
    model = build(Architecture(**shape, experts=4 if family == "qwen3-moe" else 0), vocab, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.15 * torch.randn(parameter.shape, generator=generator)
    return model


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer(train_bpe([words(400, i) for i in range(10)], 400))


@pytest.fixture(scope="session")
def tiny(tokenizer: Tokenizer) -> Tiny:
    pytest.importorskip("transformers")
    return Tiny(noisy_model(vocab=tokenizer.vocab_size), tokenizer, 32)


@pytest.fixture
def model_directory(tiny: Tiny, tmp_path: Path) -> Path:
    path = tmp_path / "model"
    tiny.model.save_pretrained(path)
    tiny.tokenizer.save(path, tiny.context)
    return path


@pytest.fixture
def jsonl(tmp_path: Path) -> Callable[..., str]:
    """Write rows (dicts, or raw lines) as a file under tmp_path; returns its relative name."""

    def write(*rows: Any, name: str = "task.jsonl") -> str:
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (tmp_path / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return name

    return write


@pytest.fixture(scope="session")
def shared_data() -> Path:
    root = os.environ.get("TAMIS_DATA")
    if not root:
        pytest.skip("TAMIS_DATA is not set")
    return Path(root)


def documents(texts: list[str], **columns: list[str]) -> pa.Table:
    count = len(texts)
    return pa.table(
        {
            "id": pa.array([i.to_bytes(16, "big") for i in range(count)], pa.binary(16)),
            "text": pa.array(texts, pa.large_string()),
            "url": columns.get("url", [""] * count),
            "source": columns.get("source", ["s"] * count),
            "meta": columns.get("meta", ["{}"] * count),
        }
    )


@pytest.fixture(scope="session", name="documents")
def documents_fixture() -> Callable[..., pa.Table]:
    return documents


@pytest.fixture(scope="session")
def make_words() -> Callable[[int, int], str]:
    return words


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Any]:
    return noisy_model
