"""A small quality classifier: does a text read like the good examples?

Logistic regression over hashed words and pairs of words, trained in seconds (the idea: DCLM, arXiv 2406.11794, section 4.4; the
features: fastText, arXiv 1607.01759, without its hidden layer). Negatives are a dataset of ordinary text, or the positives with
their words shuffled, or both. Shuffled copies have the same words as the positives, so against them only word order counts:
subjects that the positives lack are not punished, which a few thousand examples against a raw pool cannot promise.

Training is a step, and a fifth of the examples (by hash of id) never trains: it gives the AUC with its interval (DeLong et al.
1988), the calibration (Platt 1999) and how far that is off. `keep` bounds the probability, `top` keeps the best of a pool.
Invariant: the result is a pure function of the examples, their order and the fields; one thread, fixed order.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.errors import TamisError, UsageError
from tamis.core.step import Inputs, Operator, Output, Piece, Step, Where
from tamis.data.schema import fraction_of
from tamis.data.score import Column, Score
from tamis.data.select import kept
from tamis.data.world.draw import Draw
from tamis.kernels.jit import buffers
from tamis.kernels.linear import Doubles, Floats, descend, features, hash_all, margin, margins

Mask = npt.NDArray[np.bool_]
HELD_OUT = 0.2
FEWEST = 20  # positives, and negatives: fewer make no classifier
BINS = 20


@dataclass(frozen=True)
class Training:
    """How to train: 2**bits buckets, passes over the examples, the first learning rate, and the seed of the order."""

    bits: int = 18
    epochs: int = 20
    rate: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 8 <= self.bits <= 24 or self.epochs < 1 or self.rate <= 0:
            raise UsageError("classifier: bits must be between 8 and 24, epochs at least 1, rate positive")


class Model(NamedTuple):
    """Weights, float32 (2**bits), a bias, and Platt's calibration: probability = 1 / (1 + exp(-(slope * margin + offset)))."""

    weights: Floats
    bias: float
    slope: float
    offset: float

    def score(self, text: str) -> float:
        """The definition: probability of being like the positives, were both classes equally frequent."""
        value = margin(features(text, len(self.weights).bit_length() - 1), self.weights, self.bias)
        return _sigmoid(self.slope * value + self.offset)

    def score_batch(self, texts: pa.Array) -> Doubles:
        """`score` of every text, by the kernel."""
        hashed = hash_all(buffers(texts), len(self.weights).bit_length() - 1)
        values = margins(*hashed, self.weights, self.bias)
        return np.array([_sigmoid(v) for v in (self.slope * values + self.offset).tolist()])

    def save(self, weights: Path, rest: Path) -> None:
        """Write the weights as .npy and the three numbers as JSON."""
        np.save(weights, self.weights, allow_pickle=False)
        rest.write_text(json.dumps({"bias": self.bias, "slope": self.slope, "offset": self.offset}) + "\n", encoding="utf-8")


def load(directory: Path) -> Model:
    """The model in a directory that `TrainClassifier` published."""
    weights = np.load(directory / "weights.npy", allow_pickle=False)
    return Model(weights, **json.loads((directory / "model.json").read_text(encoding="utf-8")))


class Held(NamedTuple):
    """What the held-out fifth says: area under the ROC curve with its 95 % interval; the mean distance between probability and
    share of positives (`calibration_error`); and how many of each class lie in each twentieth of probability."""

    auc: float
    auc_interval: tuple[float, float]
    calibration_error: float
    positives: list[int]
    negatives: list[int]

    def facts(self) -> dict[str, Any]:
        """The same as JSON."""
        figures = {"auc": self.auc, "auc_interval": list(self.auc_interval), "calibration_error": self.calibration_error}
        return figures | {"held_out": {"positives": self.positives, "negatives": self.negatives}}


def _sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value)) if value > -700 else 0.0


def shuffled(texts: Iterable[str], seed: int) -> list[str]:
    """Every text with its words in random order."""
    out = []
    for number, text in enumerate(texts):
        words = text.split()
        out.append(" ".join([words[i] for i in Draw(seed, "shuffled", number).order(len(words)).tolist()]))
    return out


def train(positives: pa.Array, negatives: pa.Array, costs: Doubles, held: Mask, how: Training) -> tuple[Model, Held]:
    """Train on what `held` leaves, measure on what it takes.

    positives, negatives: large_string arrays. costs (negatives): relative weight of each negative; both classes weigh the same in
    all. held (positives + negatives): True for the examples that only measure. UsageError if a class is too small.
    """
    labels = np.arange(len(positives) + len(negatives)) < len(positives)
    enough(labels, held)
    cost = np.concatenate([np.full(len(positives), 1 / len(positives)), costs / costs.sum()]) * len(labels) / 2
    hashed, places = hash_all(buffers(pa.concat_arrays([positives, negatives])), how.bits)
    chosen = np.flatnonzero(~held)
    orders = np.stack([chosen[Draw(how.seed, "epoch", epoch).order(len(chosen))] for epoch in range(how.epochs)])
    weights, bias = descend(hashed, places, labels, cost, orders, how.bits, how.rate)
    values = margins(hashed, places, weights, bias)[held]
    slope, offset = platt(values, labels[held], cost[held])
    return Model(weights, bias, slope, offset), measure(values, labels[held], cost[held], slope, offset)


def measure(values: Doubles, labels: Mask, costs: Doubles, slope: float, offset: float) -> Held:
    """What margins of held-out examples say of a model and its calibration."""
    bins = _bins(values, slope, offset)
    counts = [np.bincount(bins[labels == side], minlength=BINS).tolist() for side in (True, False)]
    good, bad = values[labels], values[~labels]
    return Held(auc(good, bad), auc_interval(good, bad), calibration_error(values, labels, costs), *counts)


def _bins(values: Doubles, slope: float, offset: float) -> npt.NDArray[np.int64]:
    """The twentieth that each calibrated probability lies in."""
    probability = np.array([_sigmoid(v) for v in (slope * values + offset).tolist()])
    return np.minimum((probability * BINS).astype(np.int64), BINS - 1)


def calibration_error(values: Doubles, labels: Mask, costs: Doubles) -> float:
    """Mean over examples (by cost) of |mean probability - share of positives| in their twentieth; 0 to 1.

    Crossed, so that no example measures a calibration that it made: every second one is judged by the calibration of the others.
    """
    total, half = 0.0, np.arange(len(values)) % 2 == 0
    for mine in (half, ~half):
        slope, offset = platt(values[~mine], labels[~mine], costs[~mine])
        bins = _bins(values[mine], slope, offset)
        p = np.array([_sigmoid(v) for v in (slope * values[mine] + offset).tolist()])
        total += float(np.abs(np.bincount(bins, costs[mine] * (p - labels[mine]), BINS)).sum())
    return total / float(costs.sum())


def platt(values: Doubles, labels: Mask, costs: Doubles) -> tuple[float, float]:
    """Slope and offset that minimise the weighted log loss: Newton's method, with a little ridge against perfect separation."""
    design = np.stack([values, np.ones(len(values))], 1)
    found = np.array([1.0, 0.0])
    costs = costs / costs.sum()
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(design @ found, -500, 500)))
        gradient = design.T @ (costs * (p - labels)) + 1e-3 * (found - [1.0, 0.0])
        hessian = design.T @ (design * (costs * p * (1 - p))[:, None]) + 1e-3 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        found = found - np.clip(step, -2, 2)
        if abs(step).max() < 1e-10:
            break
    return float(found[0]), float(found[1])


def auc(positives: Doubles, negatives: Doubles) -> float:
    """Probability that a positive scores above a negative, ties counting half."""
    below = np.searchsorted(np.sort(negatives), positives, "left")
    upto = np.searchsorted(np.sort(negatives), positives, "right")
    return float((below + upto).mean() / 2 / len(negatives))


def auc_interval(positives: Doubles, negatives: Doubles) -> tuple[float, float]:
    """95 % interval of `auc` over examples (DeLong et al. 1988), on the logit scale so that it stays within 0 and 1.

    Where the examples are told apart without fault, the other bound is that of one example of the rarer class misplaced.
    """
    area, parts = auc(positives, negatives), []
    for mine, others, sign in ((positives, negatives, 1), (negatives, positives, -1)):
        ordered = np.sort(sign * others)
        place = (np.searchsorted(ordered, sign * mine, "left") + np.searchsorted(ordered, sign * mine, "right")) / 2 / len(others)
        parts.append(float(place.var()) / max(len(mine) - 1, 1))
    if area in (0.0, 1.0):
        one = 1 / min(len(positives), len(negatives))
        return (1 - one, 1.0) if area else (0.0, one)
    half = 1.96 * math.sqrt(sum(parts)) / (area * (1 - area))
    middle = math.log(area / (1 - area))
    return _sigmoid(middle - half), _sigmoid(middle + half)


def examples(inputs: Inputs, out: Output, seed: int, most: int) -> tuple[pa.Array, Mask]:
    """Texts of at most `most` selected rows, in the order of the shards, and which of them are held out."""
    text, selection = inputs
    tables = [text.read(s.name, ["id", "text"]).filter(pa.array(kept(selection.read(s.name)))) for s in selection.shards]
    table = pa.concat_tables(tables)
    out.ledger.rows_in += table.num_rows
    out.ledger.rows_out += table.num_rows
    if table.num_rows > most:
        place = fraction_of(table.column("id").combine_chunks(), seed, "examples").to_numpy()
        table = table.take(pa.array(np.sort(np.argsort(place, kind="stable")[:most])))
    held = fraction_of(table.column("id").combine_chunks(), seed, "examples held out").to_numpy() < HELD_OUT
    return pa.concat_arrays([pa.array([], pa.large_string()), *table.column("text").chunks]), held


def enough(labels: Mask, held: Mask) -> None:
    """UsageError if a class has too few examples to learn from or to measure on."""
    for name, mask in (("positive", labels), ("negative", ~labels)):
        if (mask & ~held).sum() < FEWEST or not (mask & held).any():
            raise UsageError(f"classifier: {int(mask.sum())} {name} examples are too few; give at least {2 * FEWEST}")


@dataclass(frozen=True)
class TrainClassifier(Operator):
    """Trains on the selected rows of one text (positives) and, if there is a second, of another; publishes the model."""

    version: ClassVar[int] = 3

    training: Training
    shuffle: float
    most: int
    kind: ClassVar[str] = "classifier"
    libraries: ClassVar[tuple[str, ...]] = ("numba", "numpy")

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all", None, float(sum(s.bytes for i in inputs for s in i.shards)))]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        good, good_held = examples(inputs[:2], out, self.training.seed, self.most)
        nothing = pa.array([], pa.large_string())
        bad, bad_held = (
            examples(inputs[2:], out, self.training.seed, self.most) if len(inputs) > 2 else (nothing, np.zeros(0, bool))
        )
        parts, costs, held = [bad], [np.full(len(bad), (1 - self.shuffle) / max(len(bad), 1))], [good_held, bad_held]
        if self.shuffle:
            parts.append(pa.array(shuffled(good.to_pylist(), self.training.seed), pa.large_string()))
            costs.append(np.full(len(good), self.shuffle / max(len(good), 1)))
            held.append(good_held)
        negatives = pa.concat_arrays(parts)
        model, measured = train(good, negatives, np.concatenate(costs), np.concatenate(held), self.training)
        model.save(out.path("weights.npy"), out.path("model.json"))
        out.facts.update(
            positives=len(good),
            negatives=len(bad),
            shuffled=len(negatives) - len(bad),
            **measured.facts(),
        )

    def summary(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return dict(facts[0])


@dataclass(frozen=True)
class QualityClassifier(Score):
    """Probability of being like `positives` rather than like the negatives.

    `positives` and `negatives` are Datasets; without negatives only the shuffled positives serve. `shuffle` is the share of the
    negative class's weight that shuffled positives carry (default: all of it without negatives, none with). At most `most`
    documents of each dataset are used, chosen by hash of id. The first use trains: a few seconds for ten thousand documents.
    """

    positives: Any
    negatives: Any = None
    shuffle: float | None = None
    training: Training = Training()
    most: int = 20_000

    probability = Column("Probability of being like the positives, were both classes equally frequent.")

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1 or (self.negatives is None and self.share != 1):
            raise UsageError("QualityClassifier: shuffle must be between 0 and 1, and 1 without negatives")
        if self.most < 2 * FEWEST:
            raise UsageError(f"QualityClassifier: most must be at least {2 * FEWEST}")

    @property
    def share(self) -> float:
        """`shuffle`, or its default."""
        return self.shuffle if self.shuffle is not None else float(self.negatives is None)

    def requires(self, resolve: Callable[[Any], Any]) -> tuple[Any, ...]:
        """The training step."""
        views = [resolve(dataset) for dataset in (self.positives, self.negatives) if dataset is not None]
        return (Step(TrainClassifier(self.training, self.share, self.most), tuple(step for view in views for step in view)),)

    def bind(self, published: Sequence[Path]) -> Score:
        return TrainedClassifier(str(published[0]))

    def score(self, text: str) -> float:
        raise TamisError("QualityClassifier scores only after its training step: use it in a dataset's keep or top")


@dataclass(frozen=True)
class TrainedClassifier(Score):
    """The score of a model that lies in `directory`."""

    directory: str

    probability = Column("Probability of being like the positives, were both classes equally frequent.")

    def score(self, text: str) -> tuple[float]:
        """The definition."""
        return (_loaded(self.directory).score(text),)

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        values = _loaded(self.directory).score_batch(columns[0])
        return pa.RecordBatch.from_arrays([pa.array(values)], schema=self.schema())


@lru_cache(maxsize=4)
def _loaded(directory: str) -> Model:
    """A published model, read once a process: steps never change."""
    return load(Path(directory))
