"""What all signatures share, and the steps that lead from them to a selection.

A signature is a row of 64-bit keys; texts that share a key are compared. How likely similar texts share one is the signature's
business (`miss`); that a dropped row is truly near its survivor is not, since every candidate is verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.step import Inputs, Operator, Output, Piece, Step
from tamis.data.dedup.bands import Bands, Clusters
from tamis.data.dedup.compare import Candidates, Verdicts
from tamis.data.dedup.verdicts import Survivors, beside, preferred
from tamis.data.score import Field, Score
from tamis.data.select import Resolve, View
from tamis.kernels.jit import Buffers, buffers


@dataclass(frozen=True)
class Signing(Operator):
    """Columns beside a text: `signature` (`keys` little-endian uint64 as bytes) and the number of shingles of `ngram` words."""

    ngram: int
    kind: ClassVar[str] = "columns"
    fuses: ClassVar[bool] = True
    unicode: ClassVar[bool] = True

    @property
    def keys(self) -> int:
        """Keys of a signature."""
        raise TypeError(f"{type(self).__name__} does not define keys")

    def miss(self, jaccard: float) -> float:
        """Probability that two texts of this similarity share no key."""
        raise TypeError(f"{type(self).__name__} does not define miss")

    def sign_one(self, texts: Buffers) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
        """Keys (texts, keys), and shingles, of some texts."""
        raise TypeError(f"{type(self).__name__} does not define sign_one")

    def sign(self, chunks: Sequence[pa.Array]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
        """The same of all texts of some chunks."""
        parts = [self.sign_one(buffers(chunk)) for chunk in chunks]
        keys = np.concatenate([np.zeros((0, self.keys), np.uint64), *(part for part, _ in parts)])
        return keys, np.concatenate([np.zeros(0, np.int32), *(part for _, part in parts)])

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        keys, shingles = self.sign(inputs[0].read(piece.spec, ["text"]).column("text").chunks)
        raw = pa.py_buffer(keys.astype("<u8", copy=False).tobytes())
        signature = pa.FixedSizeBinaryArray.from_buffers(pa.binary(8 * self.keys), len(shingles), [None, raw])
        out.ledger.rows_in = out.ledger.rows_out = len(shingles)
        out.write(piece.spec, pa.table({"signature": signature, "shingles": pa.array(shingles)}))


def near_duplicates(
    signature: Signing, threshold: float, prefer: Field | Score | None, against: Any, view: View, resolve: Resolve
) -> Step:
    """The selection that `signature`'s candidates come to."""
    views = [view] if against is None else [view, resolve(against)]
    signed = [beside(signature, each.text) for each in views]
    bands = [Step(Bands(signature, canaries=each is view), (*each, s)) for each, s in zip(views, signed, strict=True)]
    clusters = Step(Clusters(signature.keys), tuple(bands))
    candidates = []
    for number, (each, own, banded) in enumerate(zip(views, signed, bands, strict=True)):
        name, columns = preferred(None if number else prefer, each, resolve)
        op = Candidates(signature, number, threshold, name)
        candidates.append(Step(op, (clusters, banded, *each, own, *columns)))
    verdicts = Step(Verdicts(signature, threshold), (view.text, bands[0], clusters, *candidates))
    return Step(Survivors("near-duplicate", "jaccard"), (*view, verdicts))
