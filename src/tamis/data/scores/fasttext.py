"""The probability of one label by any published fastText classifier: quality filters, topics, toxicity.

For instance the quality filter of DCLM-baseline (Li et al. 2024, arXiv 2406.11794, section 4.4)::

    model = Pinned.hub("mlfoundations/fasttext-oh-eli5", COMMIT, "openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train.bin")
    best = pages.top(FastText(model, "hq"), 0.1)

The probability is stored with each document, so a threshold can be chosen later, or the top fraction kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from tamis.core.errors import UsageError
from tamis.data.fasttext import load
from tamis.data.pinned import Pinned
from tamis.data.score import Column, Score, Value
from tamis.kernels.fasttext import probability
from tamis.kernels.jit import buffers
from tamis.kernels.textspans import heads


@dataclass(frozen=True)
class FastText(Score):
    """The probability of `label` (without "__label__") for the first `characters` code points of a text, or for all of it.

    Newlines are read as spaces. The value is fastText's own, which adds 0.00001 to a probability; at most 1, and 0 for a text
    without vectors.
    """

    version: ClassVar[int] = 2

    model: Pinned
    label: str
    characters: int | None = None

    probability = Column("Probability the model gives the label.")

    def __post_init__(self) -> None:
        if self.characters is not None and self.characters < 1:
            raise UsageError(f"FastText: characters must be a positive number, not {self.characters}")

    def score(self, text: str) -> tuple[Value, ...]:
        """One text; the definition is `tamis.kernels.fasttext.Model.outputs`."""
        return (self.score_batch(pa.array([text], pa.large_string())).column(0)[0].as_py(),)

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        found = load(self.model)
        data, offsets = buffers(columns[0])
        ends = offsets[1:] if self.characters is None else heads(data, offsets, self.characters)
        values = probability(data, offsets[:-1], ends, found.number(self.label), found.model)
        return pa.RecordBatch.from_arrays([pa.array(values)], schema=self.schema())
