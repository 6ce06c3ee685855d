"""What the built-in scores say must not drift: 200 invented documents, frozen."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from tamis.data.score import Score
from tamis.data.scores.c4 import C4Quality
from tamis.data.scores.fineweb import FineWebQuality
from tamis.data.scores.gopher import GopherQuality, GopherRepetition
from tamis.data.scores.language import Language

FILE = Path(__file__).parents[1] / "golden" / "scores.jsonl"
RECORDS = [json.loads(line) for line in FILE.read_text("utf-8").split("\n") if line]


@pytest.mark.parametrize("score", [GopherQuality(), GopherRepetition(), C4Quality(), FineWebQuality(), Language()], ids=repr)
def test_scores_of_200_documents_are_those_on_file(score: Score) -> None:
    relative = 1e-4 if isinstance(score, Language) else 1e-12  # the model's sums may be ordered differently elsewhere
    batch = score.score_batch(pa.array([r["text"] for r in RECORDS], pa.large_string()))
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        index = batch.schema.names.index(name)
        wanted = [r[type(score).__name__][index] for r in RECORDS]
        if pa.types.is_floating(column.type):
            assert column.to_pylist() == pytest.approx(wanted, rel=relative, abs=0), name
        else:
            assert column.to_pylist() == wanted, name


def test_the_documents_are_varied() -> None:
    assert len(RECORDS) == 200
    for score in (GopherQuality(), GopherRepetition(), C4Quality(), FineWebQuality(), Language()):
        for index, name in enumerate(score.columns()):
            assert len({r[type(score).__name__][index] for r in RECORDS}) > 1, f"{type(score).__name__}.{name} is always the same"
