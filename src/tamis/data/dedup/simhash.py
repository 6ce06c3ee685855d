"""Near-duplicates by SimHash, as ROOTS did (Laurençon et al. 2022), without its two faults.

Every text has features: one shorter than a shingle is one shingle of all its words (there, texts shorter than a window all had
the SimHash 0 and were merged), and the last shingle counts. And every candidate is verified by true Jaccard similarity, so two
texts whose 64 bits merely happen to agree are both kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tamis.core.errors import UsageError
from tamis.core.step import Step
from tamis.data.dedup.signing import Signing, near_duplicates
from tamis.data.score import Field, Score
from tamis.data.select import Resolve, View
from tamis.kernels.jit import Buffers
from tamis.kernels.simhash import keys, simhashes


@dataclass(frozen=True)
class SimHash:
    """Drop documents whose shingles of `ngram` words have a Jaccard similarity >= `threshold` with those of a kept one.

    Compared are all texts whose SimHashes differ in at most `distance` bits (and those that agree in enough of the `blocks`).
    How often texts of a given similarity are compared depends on their length; for a stated miss rate use `MinHash`. `prefer`,
    `against`: see there.
    """

    distance: int = 4
    blocks: int = 6
    ngram: int = 5
    threshold: float = 0.8
    prefer: Field | Score | None = None
    against: Any = None
    label: ClassVar[str] = "simhash dedup"

    def __post_init__(self) -> None:
        if not 0 <= self.distance < self.blocks <= 64 or self.ngram < 1 or comb(self.blocks, self.distance) > 256:
            raise UsageError(
                "SimHash: distance must be below blocks, with at most 256 ways to choose them, and ngram at least 1, not "
                f"distance={self.distance}, blocks={self.blocks}, ngram={self.ngram}"
            )
        if not 0 < self.threshold <= 1:
            raise UsageError(f"SimHash: threshold must be in (0, 1], not {self.threshold}")

    def select(self, view: View, resolve: Resolve) -> Step:
        signature = SimHashes(self.ngram, self.distance, self.blocks)
        return near_duplicates(signature, self.threshold, self.prefer, self.against, view, resolve)


@dataclass(frozen=True)
class SimHashes(Signing):
    """Keys of the SimHash of every text."""

    distance: int
    blocks: int

    @property
    def keys(self) -> int:
        return comb(self.blocks, self.distance)

    def miss(self, jaccard: float) -> float:
        """Only equal sets are certain to agree."""
        return 0.0 if jaccard == 1 else 1.0

    def sign_one(self, texts: Buffers) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
        hashes, shingles = simhashes(texts, self.ngram)
        return keys(hashes, self.blocks, self.distance), shingles
