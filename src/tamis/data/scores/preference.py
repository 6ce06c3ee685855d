"""Which of several copies should stay: scores made for `prefer`, of which the highest value wins and ties go to the smaller id.

    web.dedup(MinHash(prefer=Longest()))

Any other score will do too, such as a quality classifier's probability.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.core.errors import UsageError
from tamis.data.score import Score


@dataclass(frozen=True)
class Longest(Score):
    """Length of the text in code points."""

    def score(self, text: str) -> float:
        return float(len(text))

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        lengths = pc.utf8_length(columns[0]).cast(pa.float64())
        return pa.RecordBatch.from_arrays([lengths], schema=self.schema())


@dataclass(frozen=True)
class Earliest(Score):
    """Minus the seconds from 1970 to the date that `key` of the row's meta holds (ISO 8601; without a zone it is UTC). Where
    there is none the value is -infinity: such a row stays only if no copy has a date."""

    key: str = "date"
    reads: ClassVar[tuple[str, ...]] = ("meta",)

    def score(self, meta: str) -> float:
        try:
            value = json.loads(meta or "{}")[self.key]
            date = datetime.fromisoformat(value)
        except (ValueError, KeyError, TypeError):
            return -np.inf
        return -(date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


@dataclass(frozen=True)
class SourcePriority(Score):
    """Minus the place of the first of `sources` (shell patterns, best first) that the row's source matches; those of no other
    last."""

    sources: tuple[str, ...]
    reads: ClassVar[tuple[str, ...]] = ("source",)

    def __post_init__(self) -> None:
        if not self.sources:
            raise UsageError("SourcePriority: name at least one source")

    def score(self, source: str) -> float:
        places = (place for place, pattern in enumerate(self.sources) if fnmatchcase(source, pattern))
        return -float(next(places, len(self.sources)))
