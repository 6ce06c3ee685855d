"""The compiled scan finds the candidates that its definition finds, on invented bytes and on real text."""

from __future__ import annotations

import io
import json
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.data.pii.candidates import candidates, scan
from tamis.kernels.jit import buffers

PIECES = st.sampled_from(
    [
        *"0123456789 .-/()+@:=_\n\t\"'[]xGBé電\u00a0😀",
        *(
            "    ",
            "     ",
            "1234567",
            "8.8.8.8",
            "2001:",
            "3fff:",
            "GB82",
            "AKIA",
            "ghp_",
            "eyJ",
            "-----BEGIN ",
            "api_key",
            "TOKEN",
            "Pwd",
        ),
        *("a@b.org", "1.2.3", "hf_", "github_pat_", "password", "'] = ", "x" * 40),
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=40).map("".join), st.text(max_size=40))


def check(texts: list[str]) -> None:
    array = pa.array(["left out", *texts], pa.large_string()).slice(1)
    found = scan(buffers(array))
    for row, text in enumerate(texts):
        assert found.get(row, []) == candidates(text.encode()), text[:200]


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(st.lists(TEXTS, max_size=4))
def test_scan_equals_definition(texts: list[str]) -> None:
    check(texts)


@pytest.mark.parametrize(
    "name", ["text/email-spam-ham", "multilingual/udhr-all", "code/the-algorithms-8langs", "text/qa-medquad-en"]
)
def test_scan_equals_definition_on_real_text(real_data: Path, name: str) -> None:
    with (real_data / f"{name}.jsonl.zst").open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        check([json.loads(line)["text"] for line in islice(io.TextIOWrapper(stream, encoding="utf-8"), 200)])
