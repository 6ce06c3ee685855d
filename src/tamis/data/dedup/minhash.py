"""Near-duplicates by MinHash: candidates that share a band of their signatures, verified by true Jaccard similarity.

Two texts with similarity J share a band with probability 1 - (1 - J**rows)**bands (`chance`): with 18 bands of 8 rows a pair is
overlooked in 3.7 % of cases at J = .8, .3 % at .85, .004 % at .9. `MinHash.for_miss_rate` chooses both for a tolerated share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tamis.core.errors import UsageError
from tamis.core.step import Step
from tamis.data.dedup.signing import Signing, near_duplicates
from tamis.data.score import Field, Score
from tamis.data.select import Resolve, View
from tamis.kernels.jit import Buffers
from tamis.kernels.minhash import chance, parameters, signatures


@dataclass(frozen=True)
class MinHash:
    """Drop documents whose shingles of `ngram` words have a Jaccard similarity >= `threshold` with those of a kept one.

    `prefer` names a score: rows are considered from its highest value down, ties by id. `against` is a dataset of which every row
    counts as kept before. Evidence: the survivor's id and the similarity.
    """

    bands: int = 18
    rows: int = 8
    ngram: int = 5
    threshold: float = 0.8
    prefer: Field | Score | None = None
    against: Any = None
    label: ClassVar[str] = "dedup"

    def __post_init__(self) -> None:
        if min(self.bands, self.rows, self.ngram) < 1:
            raise UsageError("MinHash: bands, rows and ngram must be at least 1")
        if not 0 < self.threshold <= 1:
            raise UsageError(f"MinHash: threshold must be in (0, 1], not {self.threshold}")

    @classmethod
    def for_miss_rate(cls, miss: float, threshold: float = 0.8, permutations: int = 256, **options: Any) -> MinHash:
        """With the bands and rows that overlook at most a share `miss` of the pairs at the threshold (of pairs above it,
        fewer)."""
        if not 0 < miss < 1 or not 0 < threshold <= 1:
            raise UsageError(f"MinHash: miss must be in (0, 1) and threshold in (0, 1], not {miss} and {threshold}")
        try:
            bands, rows = parameters(threshold, miss, permutations)
        except ValueError as error:
            raise UsageError(f"MinHash: {error}; allow more permutations or a higher miss rate") from error
        return cls(bands, rows, threshold=threshold, **options)

    def chance(self, jaccard: float) -> float:
        """Probability that two texts of this similarity are compared."""
        return chance(jaccard, self.bands, self.rows)

    def select(self, view: View, resolve: Resolve) -> Step:
        signature = Signatures(self.ngram, self.bands, self.rows)
        return near_duplicates(signature, self.threshold, self.prefer, self.against, view, resolve)


@dataclass(frozen=True)
class Signatures(Signing):
    """MinHash bands of every text."""

    bands: int
    rows: int
    version: ClassVar[int] = 2  # 64 bits a band

    @property
    def keys(self) -> int:
        return self.bands

    def miss(self, jaccard: float) -> float:
        return 1 - chance(jaccard, self.bands, self.rows)

    def sign_one(self, texts: Buffers) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
        return signatures(texts, self.bands, self.rows, self.ngram)
