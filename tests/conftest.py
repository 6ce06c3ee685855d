"""Shared by all tests: real data when TAMIS_DATA names it, and the `--slow` switch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tamis.kernels.jit  # noqa: F401  (makes the folder for machine code, so that no command under test announces it)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the tests that take minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        skip = pytest.mark.skip(reason="slow: run with --slow")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The root of the real data."""
    if "TAMIS_DATA" not in os.environ:
        pytest.skip("TAMIS_DATA is not set")
    return Path(os.environ["TAMIS_DATA"])
