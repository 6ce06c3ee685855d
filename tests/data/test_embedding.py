"""The classifier over a sentence-embedding model: a tiny encoder with random weights, made here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tamis.core.errors import TamisError, UsageError
from tamis.core.key import describe, digest
from tamis.core.runner import Local, run
from tamis.core.step import Where
from tamis.core.store import Store
from tamis.data.dataset import Dataset, Resolver
from tamis.data.embedding import EmbeddingClassifier, Encoder, TrainedHead, fit
from tamis.testing import conformance

torch: Any = pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers")

SENTENCES, COUNT = ("the miller carries flour over a bridge", "buy cheap pills now click here"), 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two small layers over the words of two sentences."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    place = tmp_path_factory.mktemp("encoder")
    words = ["[UNK]", *sorted(set(" ".join(SENTENCES).split()))]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(place / "tokenizer.json"))
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.BertConfig(vocab_size=len(words), max_position_embeddings=64, **sizes)
    transformers.BertModel(config).save_pretrained(str(place))
    return place


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for name, own in zip(("good", "bad"), SENTENCES, strict=True):
        rows = [" ".join(rng.choice(own.split(), 12)) for _ in range(COUNT)]
        (place / f"{name}.jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    return place


def test_embeddings_have_length_one_and_do_not_depend_on_each_other(folder: Path) -> None:
    encoder = Encoder.directory(folder, tokens=8)
    texts = ["the miller", "buy " * 500, "", "flour"]
    found = encoder.embed(texts)
    assert found.shape == (4, 16)
    assert np.linalg.norm(found, axis=1) == pytest.approx([1, 1, 0, 1])
    assert (encoder.embed(texts[:1]) == found[:1]).all()
    assert (encoder.embed(["buy " * 8]) == found[1]).all()
    assert (Encoder.directory(folder, tokens=8, prefix="the ").embed(["miller"]) == found[0]).all()


def test_the_head_is_the_minimum_of_its_loss() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(300, 5)).astype(np.float32)
    labels = rng.random(300) < 1 / (1 + np.exp(-vectors @ np.array([2, -1, 0, 0, 0.5]) - 0.3))
    found = fit(vectors, labels, np.ones(300))
    assert found == pytest.approx([2, -1, 0, 0, 0.5, 0.3], abs=0.5)

    def loss(w: Any) -> float:
        margin = vectors @ w[:-1] + w[-1]
        return float(np.mean(np.log1p(np.exp(-np.where(labels, margin, -margin)))) + 1e-4 / 2 * (w[:-1] ** 2).sum())

    assert all(loss(found) <= loss(found + rng.normal(size=6) * 1e-3) for _ in range(50))


def test_it_learns_keeps_and_says_what_it_measured(folder: Path, root: Path, tmp_path: Path) -> None:
    good, bad = Dataset.jsonl("good.jsonl"), Dataset.jsonl("bad.jsonl")
    score = EmbeddingClassifier(good, bad, Encoder.directory(folder))
    kept = (good + bad).top(score, 0.5).head(-1, str(root), str(tmp_path)).column("text").to_pylist()
    assert np.mean(["buy" in text or "pills" in text for text in kept]) < 0.1
    (found,) = run([score.requires(Resolver(root).view)[0]], Store(tmp_path), Local(1), Where(str(root)))
    assert found.facts["auc"] > 0.9
    assert found.facts["auc_interval"][0] <= found.facts["auc"] <= found.facts["auc_interval"][1]
    conformance(TrainedHead(str(found.path), score.encoder), large=False)


def test_key_and_files(folder: Path, root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    one, two = Encoder.directory(folder), Encoder.directory(copy)
    assert digest(describe(one)) == digest(describe(two)) != digest(describe(Encoder.directory(copy, tokens=9)))
    (copy / "config.json").write_text("{}")
    with pytest.raises(TamisError, match="has changed"):
        two.embed(["text"])
    with pytest.raises(TamisError, match="cannot be read"):
        Encoder.directory(copy).embed(["text"])
    (copy / "model.safetensors").unlink()
    with pytest.raises(UsageError, match=r"has no model\.safetensors: weights must be safetensors"):
        Encoder.directory(copy)
    with pytest.raises(TamisError, match="after its training step"):
        EmbeddingClassifier(Dataset.jsonl("good.jsonl"), Dataset.jsonl("bad.jsonl"), one).score("text")
    with pytest.raises(UsageError, match="most must be"):
        EmbeddingClassifier(Dataset.jsonl("good.jsonl"), Dataset.jsonl("bad.jsonl"), one, most=1)
    few = EmbeddingClassifier(Dataset.jsonl("good.jsonl").sample(0.1), Dataset.jsonl("bad.jsonl"), one)
    with pytest.raises(TamisError, match="positive examples are too few"):
        run([few.requires(Resolver(root).view)[0]], Store(tmp_path / "store"), Local(1), Where(str(root)))


def test_the_module_does_not_load_torch() -> None:
    import subprocess
    import sys

    program = "import sys, tamis.data.embedding; print('torch' in sys.modules, 'transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_scores_of_an_empty_batch(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "head.json").write_text(json.dumps({"weights": [0.0] * 16, "bias": 0.0}))
    score = TrainedHead(str(tmp_path), Encoder.directory(folder))
    assert score.score_batch(pa.array([], pa.large_string())).num_rows == 0
    assert score.score("anything") == (0.5,)
