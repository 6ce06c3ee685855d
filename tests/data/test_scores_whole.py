"""A score's compiled kernel equals its plain definition on every document of the shared text and on every code point there is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from test_scores import KERNELS, check, documents

from tamis.data.score import Score

LENGTH = 50_000  # books are cut: the definitions are slow
PLANES = (0, 1, 2, 3, 14, 16)  # the others hold no characters


@pytest.mark.slow
@pytest.mark.parametrize("score", KERNELS, ids=repr)
def test_every_document_of_the_shared_text(score: Score, real_data: Path) -> None:
    files = sorted((real_data / "text").glob("*.jsonl.zst"))
    assert files
    for path in files:
        texts = [text[:LENGTH] for text in documents(path)]
        for start in range(0, len(texts), 500):
            check(score, texts[start : start + 500])


@pytest.mark.slow
@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("score", KERNELS, ids=repr)
def test_every_code_point(score: Score, plane: int) -> None:
    """Each inside a word, alone, and at both ends of a line."""
    points = [
        chr(point) for point in range(plane << 16, min((plane + 1) << 16, sys.maxunicode + 1)) if not 0xD800 <= point < 0xE000
    ]
    for start in range(0, len(points), 4096):
        check(
            score,
            ["".join(f"a{c}b {c} 1{c}2 {c}x\ny{c}\r\n" for c in points[k : k + 64]) for k in range(start, start + 4096, 64)],
        )


@pytest.mark.slow
@pytest.mark.parametrize("score", KERNELS, ids=repr)
@pytest.mark.parametrize("unit", ["ab ", "the é ", "x\0", "#… ", "1,2.3 ", "\r\n", "語", "no end"])
def test_lines_of_ten_megabytes(score: Score, unit: str) -> None:
    check(score, [unit * (10_000_000 // len(unit.encode()))])
