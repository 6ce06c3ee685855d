"""In which script a text is written, whatever its language: Latin or Cyrillic Serbian, Japanese or its romanisation.

Use: `pages.keep(Script().name, isin=["Latn"])`, or with a language `pages.keep(*language.only("sr", script="Cyrl"))`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from tamis.data.score import Column, Score, Value
from tamis.kernels.jit import buffers
from tamis.kernels.script import CODES, NONE, letters, scripts


@dataclass(frozen=True)
class Script(Score):
    """The script of most letters (`str.isalpha`) of a text, by their Unicode names; of equally frequent ones the first in CODES.

    Marks, digits, punctuation and white space count for nothing, so vowel signs do not.
    """

    unicode: ClassVar[bool] = True

    name = Column("ISO 15924 code, such as Latn, Cyrl, Hani; Zzzz for a rare script, Zyyy for a text without letters.", "string")
    share = Column("Its share of the letters; 0 without letters.")

    def score(self, text: str) -> tuple[Value, ...]:
        """The definition."""
        table = scripts()
        counts = [0] * len(CODES)
        for character in filter(str.isalpha, text):
            counts[int(table[ord(character)]) - 1] += 1
        most = max(counts)
        return (CODES[counts.index(most)], most / sum(counts)) if most else (NONE, 0.0)

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        counts = letters(buffers(columns[0]))
        total = counts.sum(1)
        names = [CODES[place] if n else NONE for place, n in zip(counts.argmax(1).tolist(), total.tolist(), strict=True)]
        share = counts.max(1, initial=0) / np.maximum(total, 1)
        return pa.RecordBatch.from_arrays([pa.array(names, pa.string()), pa.array(share, pa.float64())], schema=self.schema())
