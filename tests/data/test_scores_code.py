"""Source files: every statistic by hand, the papers' bounds, and licences."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from tamis.data.scores import code
from tamis.data.scores.code import CodeQuality, Licence
from tamis.testing import conformance


def values(text: str) -> dict[str, Any]:
    row = CodeQuality().score_batch(pa.array([text], pa.large_string())).to_pylist()[0]
    assert tuple(row.values()) == pytest.approx(CodeQuality().score(text))
    return row


def test_by_hand() -> None:
    assert values("x_1 = 2\n\nπ += ab\n") == {
        "characters": 17,
        "lines": 4,
        "mean_line_length": 14 / 4,
        "longest_line": 7,
        "alphabetic": 4 / 17,
        "alphanumeric": pytest.approx(6 / 17),
        "special": pytest.approx(10 / 17),
        "word_length_sd": pytest.approx((((3 - 10 / 6) ** 2 + 3 * (1 - 10 / 6) ** 2 + 2 * (2 - 10 / 6) ** 2) / 6) ** 0.5),
        "encoded": 0.0,
        "longest_encoded": 0,
        "generated": 0,
    }
    assert values("")["lines"] == 1
    assert values("")["word_length_sd"] == 0.0


@pytest.mark.parametrize(
    ("data", "length"),
    [
        ("A" * 63, 0),
        ("A" * 64, 64),
        ("QUJD" * 20 + "==", 82),
        ("é" + "A1+/" * 16 + "é", 64),
        ("0x1f, 0x2e", 0),
        ("0x1f,0x2e,0x3d,0x4c,0x5b,0x6a,0x79,0x88,", 40),
        ("1f 2e 3d 4c 5b 6a 79 88", 23),
        ("1f\v2e\v3d\v4c\v5b\v6a\v79\v88", 23),
        ("\\u00e9" * 7, 0),
        ("\\u00e9" * 8, 48),
    ],
)
def test_encoded_data(data: str, length: int) -> None:
    text = f"x = '{data}'"
    assert values(text)["longest_encoded"] == length
    assert values(text)["encoded"] == pytest.approx(length / len(text))


def test_a_generated_file_says_so_in_its_first_lines() -> None:
    assert values("#!/bin/sh\n#\n#\n#\n# This File IS Generated.\n")["generated"] == 1
    assert values("#!/bin/sh\n#\n#\n#\n#\n# This file is generated.\n")["generated"] == 0


def test_presets_are_the_bounds_of_the_papers() -> None:
    bounds = {r.field.name: (r.min, r.max) for r in code.quality()}
    assert bounds == {
        "lines": (None, 100_000),
        "mean_line_length": (None, 100),
        "longest_line": (None, 1000),
        "generated": (None, 0),
        "alphabetic": (0.25, None),
        "longest_encoded": (None, 1024),
        "encoded": (None, 0.5),
    }
    assert {r.field.name: (r.min, r.max) for r in code.markup()} == {
        k: v for k, v in (bounds | {"longest_line": (None, 100_000)}).items() if k != "mean_line_length"
    }
    assert {r.field.name: (r.min, r.max) for r in code.roots()} == {
        "word_length_sd": (3, None),
        "characters": (101, 199_999),
        "special": (0.15, 0.65),
        "longest_line": (21, 999),
    }


@pytest.mark.parametrize(
    ("meta", "licence"),
    [
        ({"license": " MIT "}, "mit"),
        ({"license": ["Apache-2.0"]}, "apache-2.0"),
        ({"license": ["mit", "gpl-3.0"]}, "unknown"),
        ({"license": ""}, "unknown"),
        ({"licence": "mit"}, "unknown"),
        ({"license": 3}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_licences(meta: dict[str, Any], licence: str) -> None:
    assert Licence().score(json.dumps(meta)) == licence


def test_the_policy_keeps_permissive_licences_and_no_others() -> None:
    """The filter of ROOTS kept what it was meant to remove; this one is read here as it works."""
    (rule,) = code.permissive()
    assert rule.isin is not None
    assert {"mit", "apache-2.0", "bsd-3-clause"} <= set(rule.isin)
    assert not {"gpl-2.0", "gpl-3.0", "agpl-3.0", "lgpl-2.1", "lgpl-3.0", "unknown", ""} & set(rule.isin)


def test_they_keep_the_promises_of_a_score() -> None:
    conformance(CodeQuality())
    conformance(Licence())
