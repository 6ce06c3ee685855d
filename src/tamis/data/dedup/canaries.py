"""Copies planted among the rows to prove, in every run, that near-duplicates are found: they have no ids and reach no output.

Up to `CANARIES` texts of the first shards get a copy whose similarity is known: every fourth in another layout and case (J =
1), the others with some words replaced, so that J runs evenly from .5 to 1. A copy that the bands overlook with a probability
below `NEVER` must lose to its original or to one kept before it; a copy below the threshold must never lose to its original.
Either failure stops the step: signatures and text do not belong together. Whether each copy shared a band with its original is
published, and is the measured curve beside the expected one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.errors import TamisError
from tamis.kernels.jit import buffers
from tamis.kernels.lsh import jaccard
from tamis.kernels.shingle import shingle_sets, table

CANARIES = 128
NEVER = 1e-9
LONGEST = 20_000  # characters of a text that gets a copy
LOWEST = 0.5  # similarity of the most changed copy

CANARY = pa.schema(
    [
        pa.field("original", pa.binary(16)),
        pa.field("text", pa.large_string()),
        pa.field("jaccard", pa.float64()),
        pa.field("found", pa.bool_()),
    ]
)


def copies(texts: list[str], ngram: int) -> list[str]:
    """A copy of each text: see the module."""
    return [_copy(text, number, ngram) for number, text in enumerate(texts)]


def _copy(text: str, number: int, ngram: int) -> str:
    own = text.split()
    goal = LOWEST + (1 - LOWEST) * (number % CANARIES) / CANARIES
    changes = round(len(own) * (1 - goal) / (ngram * (1 + goal)))  # each replaced word costs `ngram` shingles of either side
    if number % 4 == 0 or not changes:
        return text.encode().upper().decode().replace(" ", "\n")
    for place in np.linspace(0, len(own) - 1, changes + 2)[1:-1].astype(int).tolist():
        own[place] = f"canary{number}x{place}"
    return " ".join(own)


def similarities(texts: pa.Array, others: pa.Array, ngram: int) -> list[float]:
    """The exact Jaccard similarity of each pair."""
    (left, begin), (right, start) = (shingle_sets(*buffers(column), table(), ngram, True) for column in (texts, others))
    return [jaccard(left[begin[i] : begin[i + 1]], right[start[i] : start[i + 1]], 0.0) for i in range(len(texts))]


class Verdict(NamedTuple):
    """What became of one canary: its similarity, whether its original is kept, whether it was dropped, and for its original."""

    jaccard: float
    original_kept: bool
    dropped: bool
    for_original: bool


def check(verdicts: Iterable[Verdict], threshold: float, miss: Callable[[float], float]) -> int:
    """How many canaries were judged; TamisError if one went wrong."""
    count = 0
    for number, verdict in enumerate(verdicts, 1):
        count = number
        must = verdict.jaccard == 1 or (verdict.original_kept and must_be_found(verdict.jaccard, threshold, miss))
        if (must and not verdict.dropped) or (verdict.for_original and verdict.jaccard < threshold):
            raise lost(1)
    return count


def must_be_found(similarity: float, threshold: float, miss: Callable[[float], float]) -> bool:
    """Whether a copy is certain to be found, but for a probability below `NEVER`."""
    return similarity >= threshold and miss(similarity) < NEVER


def lost(count: int) -> TamisError:
    """The error that stops the step."""
    return TamisError(
        f"near-duplicates: {count} planted copies were judged wrongly, so nothing was dropped; the stored signatures do not "
        "belong to this text: delete their folder in the store and run again"
    )


def agreeing(left: npt.NDArray[np.uint64], right: npt.NDArray[np.uint64]) -> Any:
    """Which rows of two (rows, bands) arrays share a band."""
    return (left == right).any(axis=1)
