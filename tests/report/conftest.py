"""Pages are written once for all tests that only look at them."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_directory import SHAPES, Pages, make

from tamis.report.page import write


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    written: dict[str, Path] = {}

    def page(name: str) -> Path:
        if name not in written:
            written[name] = write(make(tmp_path_factory.mktemp("page"), SHAPES[name]))
        return written[name]

    return page
