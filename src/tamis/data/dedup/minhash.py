"""Near-duplicates by MinHash: candidates that share a band of their signatures, verified by true Jaccard similarity.

Two texts with similarity J share a band with probability 1 - (1 - J**rows)**bands (`chance`): with 14 bands of 8 rows a pair is
overlooked in 7.7 % of cases at J = .8, 1.1 % at .85, .04 % at .9. `MinHash.for_miss_rate` chooses both for a tolerated share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.errors import UsageError
from tamis.core.step import Inputs, Operator, Output, Piece, Step
from tamis.data.dedup.bands import Bands, Clusters
from tamis.data.dedup.compare import Candidates, Verdicts
from tamis.data.dedup.verdicts import Survivors, beside, preferred
from tamis.data.score import Field
from tamis.data.select import Resolve, View
from tamis.kernels.jit import buffers
from tamis.kernels.minhash import chance, parameters, signatures


@dataclass(frozen=True)
class MinHash:
    """Drop documents whose shingles of `ngram` words have a Jaccard similarity >= `threshold` with those of a kept one.

    `prefer` names a score: rows are considered from its highest value down, ties by id. `against` is a dataset of which every row
    counts as kept before. Evidence: the survivor's id and the similarity.
    """

    bands: int = 14
    rows: int = 8
    ngram: int = 5
    threshold: float = 0.8
    prefer: Field | None = None
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
        signature = Signatures(self.bands, self.rows, self.ngram)
        return near_duplicates(signature, self.threshold, self.prefer, self.against, view, resolve)


def near_duplicates(signature: Any, threshold: float, prefer: Field | None, against: Any, view: View, resolve: Resolve) -> Step:
    """The selection that `signature`'s candidates come to."""
    views = [view] if against is None else [view, resolve(against)]
    signed = [beside(signature, each.text) for each in views]
    bands = [Step(Bands(signature, canaries=each is view), (*each, s)) for each, s in zip(views, signed, strict=True)]
    clusters = Step(Clusters(signature.bands), tuple(bands))
    candidates = []
    for number, (each, own, banded) in enumerate(zip(views, signed, bands, strict=True)):
        name, columns = (prefer.name, preferred(prefer, each, resolve)) if prefer and number == 0 else (None, ())
        op = Candidates(signature, number, threshold, name)
        candidates.append(Step(op, (clusters, banded, *each, own, *columns)))
    verdicts = Step(Verdicts(signature, threshold), (view.text, bands[0], clusters, *candidates))
    return Step(Survivors("near-duplicate", "jaccard"), (*view, verdicts))


@dataclass(frozen=True)
class Signatures(Operator):
    """MinHash bands of every text (uint64 each, as little-endian bytes) and its number of shingles."""

    bands: int
    rows: int
    ngram: int
    version: ClassVar[int] = 2  # 64 bits a band
    kind: ClassVar[str] = "columns"
    fuses: ClassVar[bool] = True
    unicode: ClassVar[bool] = True

    def miss(self, jaccard: float) -> float:
        """Probability that two texts of this similarity share no band."""
        return 1 - chance(jaccard, self.bands, self.rows)

    def sign(self, chunks: Sequence[pa.Array]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
        """Band hashes (texts, bands), and shingles, of all texts of some chunks."""
        parts = [signatures(buffers(chunk), self.bands, self.rows, self.ngram) for chunk in chunks]
        hashes = np.concatenate([np.zeros((0, self.bands), np.uint64), *(part for part, _ in parts)])
        return hashes, np.concatenate([np.zeros(0, np.int32), *(part for _, part in parts)])

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        bands, shingles = self.sign(inputs[0].read(piece.spec, ["text"]).column("text").chunks)
        raw = pa.py_buffer(bands.astype("<u8").tobytes())
        signature = pa.FixedSizeBinaryArray.from_buffers(pa.binary(8 * self.bands), len(shingles), [None, raw])
        out.ledger.rows_in = out.ledger.rows_out = len(shingles)
        out.write(piece.spec, pa.table({"signature": signature, "shingles": pa.array(shingles)}))
