"""`conformance` passes what keeps its promises and names what does not."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from tamis.data.edit import Edit
from tamis.data.edits.c4 import C4Lines
from tamis.data.score import Column, Score
from tamis.data.scores.c4 import C4Quality
from tamis.data.scores.fineweb import FineWebQuality
from tamis.data.scores.gopher import GopherQuality, GopherRepetition
from tamis.data.scores.language import Language
from tamis.testing import ConformanceError, conformance

COUNTER = itertools.count()


@dataclass(frozen=True)
class DividesByZero(Score):
    def score(self, text: str) -> float:
        return text.count("a") / len(text) if text else float("nan")


@dataclass(frozen=True)
class Remembers(Score):
    def score(self, text: str) -> float:
        return float(next(COUNTER))


@dataclass(frozen=True)
class LosesRows(Score):
    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        values = [float(len(t)) for t in columns[0].to_pylist() if t]
        return pa.RecordBatch.from_arrays([pa.array(values)], schema=self.schema())


@dataclass(frozen=True)
class LooksAtNeighbours(Score):
    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        longest = max([len(t) for t in columns[0].to_pylist()] or [0])
        return pa.RecordBatch.from_arrays([pa.array([float(longest)] * len(columns[0]), pa.float64())], schema=self.schema())


@dataclass(frozen=True)
class KernelDiffers(Score):
    chars: ClassVar[Column] = Column("characters", "int64")

    def score(self, text: str) -> tuple[int, ...]:
        return (len(text),)

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        sizes = [len(t.encode()) for t in columns[0].to_pylist()]
        return pa.RecordBatch.from_arrays([pa.array(sizes, pa.int64())], schema=self.schema())


class Undecorated(Score):
    def score(self, text: str) -> float:
        return 0.0


@dataclass(frozen=True)
class HoldsALambda(Score):
    weigh: Any = field(default=None)

    def score(self, text: str) -> float:
        return 0.0


@dataclass(frozen=True)
class SecretlySplits(Edit):
    def edit(self, text: str) -> Any:
        return [text, text]


@dataclass(frozen=True)
class ForgetsToReturn(Edit):
    def edit(self, text: str) -> Any:
        return text if text else None


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (DividesByZero(), "DividesByZero.value is nan for ''"),
        (Remembers(), "Remembers gives other values the second time"),
        (LosesRows(), "LosesRows returned 17 rows"),
        (LooksAtNeighbours(), "depends on the rest of its batch"),
        (KernelDiffers(), "KernelDiffers: score gives"),
        (Undecorated(), "Undecorated must be a frozen dataclass"),
        (SecretlySplits(), "SecretlySplits returned list"),
        (ForgetsToReturn(), "ForgetsToReturn returned NoneType"),
    ],
    ids=lambda v: type(v).__name__ if not isinstance(v, str) else "",
)
def test_broken_operators_are_named(broken: Any, message: str) -> None:
    with pytest.raises(ConformanceError) as caught:
        conformance(broken, large=False)
    assert message in str(caught.value)


def test_what_has_no_identity_is_refused() -> None:
    with pytest.raises(Exception, match=r"HoldsALambda\.weigh: a function has no stable identity"):
        conformance(HoldsALambda(lambda text: 0.0), large=False)


@pytest.mark.parametrize(
    "operator",
    [GopherQuality(), GopherRepetition(), C4Quality(), FineWebQuality(), Language(), C4Lines()],
    ids=lambda o: type(o).__name__,
)
def test_built_in_operators_keep_their_promises(operator: Any) -> None:
    conformance(operator, large=isinstance(operator, GopherQuality))
