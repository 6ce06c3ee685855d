"""Perplexity of a text under an n-gram model: how surprised a reader is who knows only what the model was trained on.

Two uses. *Clean text* (CCNet, Wenzek et al. 2020, arXiv 1911.00359): train on good text, drop what surprises most. *Harmful text*
(Jansen et al. 2022, "Perplexed by Quality", arXiv 2212.10440): train only on what is not wanted, and keep what surprises::

    clean = base.keep(Perplexity(Trained(encyclopaedia)).perplexity, max=1000)
    clean = base.select(TwoGroups(Perplexity(Trained(spam)).perplexity))

Perplexity depends on language, on the length of the text, and on how long the lines are; compare it only among texts of a kind.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.core.errors import TamisError, UsageError
from tamis.core.step import Inputs, Operator, Output, Piece, Step, Where
from tamis.data import arpa
from tamis.data.ngrams import FILES, FOLDED, NGrams, Reading, train
from tamis.data.pinned import Pinned
from tamis.data.schema import fraction_of
from tamis.data.score import Column, Score, Value
from tamis.data.scores.text import record, shares
from tamis.data.select import kept
from tamis.kernels.ngrams import sentences

BATCH = 128  # rows read at once: bounds memory, changes nothing


@dataclass(frozen=True)
class Trained:
    """A modified Kneser-Ney model of the kept rows of a Dataset.

    prune[k]: n-grams of k + 1 words that occur at most so often are left out. At most `most` bytes of text are used, documents
    chosen by hash of id; 100 MB and order 5 take about 5.5 GB of memory.
    """

    examples: Any
    order: int = 5
    prune: tuple[int, ...] = ()
    most: int = 100_000_000


@dataclass(frozen=True)
class TrainNGrams(Operator):
    """Trains on the selected rows of one text; publishes the model. Inputs: text, selection."""

    order: int
    prune: tuple[int, ...]
    most: int
    reading: Reading
    kind: ClassVar[str] = "n-grams"
    libraries: ClassVar[tuple[str, ...]] = ("numpy",)
    unicode: ClassVar[bool] = True

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all", None, float(sum(s.bytes for s in inputs[0].shards)))]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        text, selection = inputs
        masks = {s.name: kept(selection.read(s.name)) for s in text.shards}
        sizes = [pc.binary_length(text.read(name, ["text"]).column("text").filter(pa.array(m))) for name, m in masks.items()]
        total = sum(pc.sum(s).as_py() or 0 for s in sizes)
        share = min(1.0, self.most / max(total, 1))
        used = {"documents": 0, "bytes": 0}

        def batches() -> Iterator[pa.Array]:
            for name, mask in masks.items():
                table = text.read(name, ["id", "text"]).filter(pa.array(mask))
                out.ledger.rows_in += table.num_rows
                if share < 1:
                    table = table.filter(pc.less(fraction_of(table.column("id"), 0, "n-grams"), share))
                for batch in table.to_batches(max_chunksize=BATCH):
                    used["documents"] += batch.num_rows
                    used["bytes"] += pc.sum(pc.binary_length(batch.column("text"))).as_py() or 0
                    yield batch.column("text")

        model = train(batches(), self.order, self.reading, self.prune)
        out.ledger.rows_out = out.ledger.rows_in
        for name in FILES:
            out.path(name)
        model.save(out.directory)
        discounts = [[*d.values, d.estimated] for d in model.discounts]
        out.facts.update(used, sizes=list(model.sizes), discounts=discounts)

    def summary(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return dict(facts[0])


@dataclass(frozen=True)
class Perplexity(Score):
    """Perplexity under `model`: `Trained(dataset)`, or `Pinned.file("model.arpa")`; `reading` says what words and sentences are.

    For an ARPA file made by others, `Reading(fold=False)` and text prepared as the model's was.
    """

    unicode: ClassVar[bool] = True

    model: Trained | Pinned
    reading: Reading = FOLDED

    perplexity = Column("10 ** (-log10 / (words + sentences)).")
    log10 = Column("log10 of the probability of the text.")
    words = Column("Number of words.", "int64")
    unknown = Column("Share of words that the model does not know.")

    def requires(self, resolve: Callable[[Any], Any]) -> tuple[Any, ...]:
        """The training step, if there is one."""
        how = self.model
        if isinstance(how, Pinned):
            return ()
        return (Step(TrainNGrams(how.order, how.prune, how.most, self.reading), tuple(resolve(how.examples))),)

    def bind(self, published: Sequence[Path]) -> Score:
        return TrainedPerplexity(str(published[0]), self.reading) if published else self

    def _model(self) -> NGrams:
        if isinstance(self.model, Trained):
            raise TamisError("Perplexity scores only after its training step: use it in a dataset's keep, top or select")
        return _read(self.model)

    def score(self, text: str) -> tuple[Value, ...]:
        """The definition."""
        log, words, unknown, sentences = self._model().score(text, self.reading)
        return 10.0 ** (-log / (words + sentences)), log, words, unknown / words if words else 0.0

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        found = self._model().score_batch(columns[0], self.reading)
        return record(self, (found.perplexities, found.logs, found.words, shares(found.unknown, found.words)))


@dataclass(frozen=True)
class TrainedPerplexity(Perplexity):
    """The score of a model that lies in `directory`."""

    model: str  # type: ignore[assignment]

    def _model(self) -> NGrams:
        return _load(self.model)


@lru_cache(maxsize=4)
def _load(directory: str) -> NGrams:
    """A published model, read once a process: steps never change."""
    return NGrams.load(Path(directory))


@lru_cache(maxsize=4)
def _read(file: Pinned) -> NGrams:
    return arpa.read(file.path())


@dataclass(frozen=True)
class Contrast(Score):
    """How much more `wanted` expects a text than `unwanted` does: the difference of the logarithms of their perplexities.

    The cross-entropy difference of Moore and Lewis 2010, "Intelligent Selection of Language Model Training Data". What makes a
    text hard for any model (its length, its lines, its subject's rare words) falls out, so it parts two kinds of text far better
    than either perplexity alone; it needs examples of both. Above 0 a text is more like `wanted`.
    """

    unicode: ClassVar[bool] = True

    wanted: Perplexity
    unwanted: Perplexity

    bits = Column("log2 perplexity under `unwanted` less that under `wanted`, in bits a word.")

    def requires(self, resolve: Callable[[Any], Any]) -> tuple[Any, ...]:
        """Both models' training steps."""
        return (*self.wanted.requires(resolve), *self.unwanted.requires(resolve))

    def bind(self, published: Sequence[Path]) -> Score:
        cut = int(isinstance(self.wanted.model, Trained))
        wanted, unwanted = self.wanted.bind(published[:cut]), self.unwanted.bind(published[cut:])
        return Contrast(wanted, unwanted)  # type: ignore[arg-type]

    def score(self, text: str) -> tuple[float]:
        """The definition."""
        low, high = (float(p.score(text)[0]) for p in (self.wanted, self.unwanted))
        return (math.log2(high) - math.log2(low),)

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        low, high = (p.score_batch(*columns).column("perplexity").to_numpy() for p in (self.wanted, self.unwanted))
        return record(self, (np.log2(high) - np.log2(low),))


@dataclass(frozen=True)
class KenLMPerplexity(Score):
    """Perplexity under a binary file of KenLM, by its own library; the text is read as `Reading(fold=False, lines=...)` reads it.

    Needs `pip install tamis[kenlm]`. KenLM adds up in single precision and counts the special words as themselves.
    """

    libraries: ClassVar[tuple[str, ...]] = ("kenlm", "kenlm-ex")

    model: Pinned
    lines: bool = True

    perplexity = Column("10 ** (-log10 / (words + sentences)).")
    log10 = Column("log10 of the probability of the text.")
    words = Column("Number of words.", "int64")

    def score(self, text: str) -> tuple[Value, ...]:
        """The definition."""
        parts = [" ".join(words) for words in sentences(text, False, self.lines)]
        model = _kenlm(self.model)
        log = sum(model.score(part) for part in parts)
        words = sum(part.count(" ") + 1 for part in parts if part)
        return 10.0 ** (-log / (words + len(parts))), log, words


@lru_cache(maxsize=2)
def _kenlm(file: Pinned) -> Any:
    try:
        kenlm: Any = importlib.import_module("kenlm")
    except ImportError as error:
        raise UsageError("a binary file of KenLM needs the package kenlm: pip install tamis[kenlm]") from error
    try:
        return kenlm.Model(str(file.path()))
    except OSError as error:
        raise TamisError(f"{file.place}: {' '.join(str(error).split())[:200]}") from error
