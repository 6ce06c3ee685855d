"""What the text statistics here call a word, a line, a paragraph and a share, once for all of them.

A *word* is what `str.split` gives. A *line* is what stands between two newlines, stripped of white space; blank lines do not
count. A *paragraph* is a longest run of lines without a blank line between. Lengths are in code points. A share of nothing is 0.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.data.score import Score
from tamis.kernels.jit import Buffers, buffers

_BLANK = re.compile(r"\n\s*\n")


def lines(text: str) -> list[str]:
    """The lines of a text."""
    return [line for piece in text.split("\n") if (line := piece.strip())]


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text."""
    return [paragraph for piece in _BLANK.split(text) if (paragraph := piece.strip())]


def copied(parts: Sequence[str]) -> tuple[int, int]:
    """How many parts equal another one, and their code points."""
    equal = [part for part, count in Counter(parts).items() if count > 1 for _ in range(count)]
    return len(equal), sum(map(len, equal))


def share(part: int, whole: int) -> float:
    """part / whole, and 0 if there is nothing."""
    return part / whole if whole else 0.0


def shares(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """`share` of arrays."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole != 0)


def record(score: Score, columns: Iterable[npt.NDArray[Any]]) -> pa.RecordBatch:
    """The columns of a score, in its order, as a batch."""
    schema = score.schema()
    return pa.RecordBatch.from_arrays([pa.array(c, t) for c, t in zip(columns, schema.types, strict=True)], schema=schema)


def known(words: Iterable[str]) -> Buffers:
    """Words as a kernel takes them."""
    return buffers(pa.array(list(words), pa.large_string()))


def code_points(text: str) -> npt.NDArray[np.int64]:
    """Characters as a kernel takes them."""
    return np.array([ord(c) for c in text], np.int64)
