"""A quality classifier over a sentence-embedding model that the user brings: logistic regression on mean-pooled embeddings.

For questions that words alone do not answer, at the price of a neural network per document: the score is costly, so it runs only
on rows that are still selected. Held-out figures are those of `tamis.data.classifier`.

Invariants: the model is a local Hugging Face directory with safetensors weights; none of its code runs, nothing is unpickled. A
document is embedded alone, on one thread, so its score does not depend on the others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.errors import TamisError, UsageError
from tamis.core.step import Inputs, Operator, Output, Piece, Step, Where
from tamis.data.classifier import FEWEST, Mask, enough, examples, measure, platt
from tamis.data.score import Column, Score
from tamis.kernels.linear import Doubles

FILES = ("config.json", "tokenizer.json", "model.safetensors")
RIDGE = 1e-4  # on the mean loss: vectors have length 1, so weights must be large


@dataclass(frozen=True)
class Encoder:
    """A sentence-embedding model in the directory `place`; `Encoder.directory(path)` hashes its files.

    A text's embedding is the mean of the last layer over its first `tokens` tokens, scaled to length 1. `prefix` stands before
    every text (some models want "query: ").
    """

    places: ClassVar[tuple[str, ...]] = ("place",)
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "tokenizers", "torch", "transformers")

    place: str
    sha256: str
    tokens: int = 256
    prefix: str = ""

    def __post_init__(self) -> None:
        if self.tokens < 1:
            raise UsageError(f"Encoder: tokens must be a positive number, not {self.tokens}")

    @classmethod
    def directory(cls, path: str | Path, tokens: int = 256, prefix: str = "") -> Encoder:
        """A model as it lies on this machine now. UsageError if a file is missing."""
        place = Path(path).expanduser().absolute()
        if missing := [name for name in FILES if not (place / name).is_file()]:
            raise UsageError(
                f"encoder {place} has no {', '.join(missing)}: weights must be safetensors, the tokenizer a JSON file"
            )
        return cls(str(place), _hash(place), tokens, prefix)

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embeddings, float32 (texts, width), each of length 1."""
        import torch

        from tamis.lm.numerics import Numerics

        tokenizer, model = _loaded(self)
        out = np.zeros((len(texts), model.config.hidden_size), np.float32)
        with Numerics.here().applied(), torch.inference_mode():
            for row, text in enumerate(texts):
                ids = tokenizer.encode(self.prefix + text).ids
                if ids:
                    mean = model(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0)
                    out[row] = (mean / mean.norm().clamp_min(1e-12)).numpy()
        return out

    def embed_rows(self, ids: Sequence[bytes], texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The same, for deduplication."""
        return self.embed(texts)


def _hash(place: Path) -> str:
    digest = hashlib.sha256()
    for name in FILES:
        with (place / name).open("rb") as stream:
            digest.update(f"{name} {hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _loaded(encoder: Encoder) -> tuple[Any, Any]:
    """Tokenizer and model, read and checked once a process."""
    try:
        import torch
        from tokenizers import Tokenizer
        from transformers import AutoModel
        from transformers.utils import logging
    except ImportError as error:
        raise UsageError(f"an encoder needs the package {error.name}: pip install 'tamis[train]'") from error
    place = Path(encoder.place)
    if not all((place / name).is_file() for name in FILES):
        raise TamisError(f"encoder {place} is missing; its files must have the hash {encoder.sha256}")
    if _hash(place) != encoder.sha256:
        raise TamisError(f"encoder {place} has changed: declare it again with Encoder.directory")
    logging.disable_progress_bar()
    try:
        model = AutoModel.from_pretrained(
            str(place), local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
        )
        tokenizer = Tokenizer.from_file(str(place / "tokenizer.json"))
    except Exception as error:
        raise TamisError(f"encoder {place} cannot be read: {' '.join(str(error).split())[:200]}") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(min(encoder.tokens, getattr(model.config, "max_position_embeddings", encoder.tokens)))
    return tokenizer, model.eval()


def fit(vectors: npt.NDArray[np.float32], labels: Mask, costs: Doubles) -> Doubles:
    """Logistic regression with a little ridge: weights (width) and a bias, by Newton's method."""
    design = np.concatenate([vectors.astype(np.float64), np.ones((len(vectors), 1))], 1)
    found, penalty = np.zeros(design.shape[1]), np.full(design.shape[1], RIDGE)
    penalty[-1], costs = 0.0, costs / costs.sum()
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(design @ found, -500, 500)))
        gradient = design.T @ (costs * (p - labels)) + penalty * found
        hessian = (design * (costs * p * (1 - p))[:, None]).T @ design + np.diag(penalty + 1e-12)
        step = np.linalg.solve(hessian, gradient)
        found = found - step * min(1.0, 10 / max(float(np.abs(step).max()), 1e-300))
        if np.abs(step).max() < 1e-8:
            break
    return found


@dataclass(frozen=True)
class TrainHead(Operator):
    """Embeds the selected rows of two texts (positives, negatives), fits the head, publishes it."""

    encoder: Encoder
    seed: int
    most: int
    kind: ClassVar[str] = "classifier"
    libraries: ClassVar[tuple[str, ...]] = Encoder.libraries

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all", None, 100 * float(sum(s.bytes for i in inputs for s in i.shards)))]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        good, good_held = examples(inputs[:2], out, self.seed, self.most)
        bad, bad_held = examples(inputs[2:], out, self.seed, self.most)
        labels, held = np.arange(len(good) + len(bad)) < len(good), np.concatenate([good_held, bad_held])
        enough(labels, held)
        costs = np.where(labels, 1 / len(good), 1 / len(bad))
        vectors = self.encoder.embed(good.to_pylist() + bad.to_pylist())
        head = fit(vectors[~held], labels[~held], costs[~held])
        margins = vectors[held].astype(np.float64) @ head[:-1] + head[-1]
        slope, offset = platt(margins, labels[held], costs[held])
        numbers = {"weights": (slope * head[:-1]).tolist(), "bias": slope * float(head[-1]) + offset}
        out.path("head.json").write_text(json.dumps(numbers) + "\n", encoding="utf-8")
        figures = measure(margins, labels[held], costs[held], slope, offset).facts()
        out.facts.update(positives=len(good), negatives=len(bad), **figures)

    def summary(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return dict(facts[0])


@dataclass(frozen=True)
class EmbeddingClassifier(Score):
    """Probability of being like `positives` rather than like `negatives` (Datasets), by their embeddings.

    At most `most` documents of each are used, chosen by hash of id.
    """

    positives: Any
    negatives: Any
    encoder: Encoder
    seed: int = 0
    most: int = 2000
    costly: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = Encoder.libraries

    probability = Column("Probability of being like the positives, were both classes equally frequent.")

    def __post_init__(self) -> None:
        if self.most < 2 * FEWEST:
            raise UsageError(f"EmbeddingClassifier: most must be at least {2 * FEWEST}")

    def requires(self, resolve: Callable[[Any], Any]) -> tuple[Any, ...]:
        """The training step."""
        steps = (*resolve(self.positives), *resolve(self.negatives))
        return (Step(TrainHead(self.encoder, self.seed, self.most), steps),)

    def bind(self, published: Sequence[Path]) -> Score:
        return TrainedHead(str(published[0]), self.encoder)

    def score(self, text: str) -> float:
        raise TamisError("EmbeddingClassifier scores only after its training step: use it in a dataset's keep or top")


@dataclass(frozen=True)
class TrainedHead(Score):
    """The score of a head that lies in `directory`."""

    directory: str
    encoder: Encoder

    probability = Column("Probability of being like the positives, were both classes equally frequent.")

    def score(self, text: str) -> tuple[float]:
        """The definition."""
        weights, bias = _head(self.directory)
        margin = float(self.encoder.embed([text])[0].astype(np.float64) @ weights) + bias
        return (1 / (1 + float(np.exp(-np.clip(margin, -500, 500)))),)

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        values = [self.score(text)[0] for text in columns[0].to_pylist()]
        return pa.RecordBatch.from_arrays([pa.array(values, pa.float64())], schema=self.schema())


@lru_cache(maxsize=4)
def _head(directory: str) -> tuple[Doubles, float]:
    """A published head, read once a process: steps never change."""
    found = json.loads((Path(directory) / "head.json").read_text(encoding="utf-8"))
    return np.array(found["weights"]), float(found["bias"])
