"""The cache of compiled kernels sees an edit in any file of kernels/, and kernels see any Arrow string array."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import tamis
from tamis.kernels import jit

COMPILED = "tamis: kernels are compiled for this machine, once: the first run takes some seconds longer\n"
CALL = """
import numpy as np
from tamis.kernels import words
print(words.double(np.int64(21)))
from tamis.kernels.jit import cache_folder
print(cache_folder())
"""


def run(package: Path, cache: Path, said: str = "") -> tuple[int, Path]:
    environment = {**os.environ, "PYTHONPATH": str(package), "NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run([sys.executable, "-c", CALL], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == said
    value, folder = done.stdout.split()
    return int(value), Path(folder)


def test_an_edit_in_a_helpers_file_is_seen(tmp_path: Path) -> None:
    package = tmp_path / "src" / "tamis"
    (package / "kernels").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "kernels" / "__init__.py").touch()
    shutil.copy(Path(tamis.__file__).parent / "kernels" / "jit.py", package / "kernels" / "jit.py")
    helper = package / "kernels" / "text.py"
    helper.write_text("from tamis.kernels.jit import njit\n\n@njit\ndef factor():\n    return 2\n")
    (package / "kernels" / "words.py").write_text(
        "from tamis.kernels.jit import njit\nfrom tamis.kernels.text import factor\n\n"
        "@njit\ndef double(x):\n    return x * factor()\n"
    )
    value, first = run(tmp_path / "src", tmp_path / "cache", COMPILED)
    assert value == 42
    written = {path: path.stat().st_mtime_ns for path in first.rglob("*.nb*")}
    assert written, "nothing was cached"
    assert run(tmp_path / "src", tmp_path / "cache") == (42, first)
    assert {path: path.stat().st_mtime_ns for path in first.rglob("*.nb*")} == written, "the second run compiled again"

    helper.write_text(helper.read_text().replace("return 2", "return 3"))
    value, second = run(tmp_path / "src", tmp_path / "cache", COMPILED)
    assert value == 63
    assert second != first


def test_the_hash_covers_every_file_its_name_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    before = jit.sources_hash(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    assert jit.sources_hash(tmp_path) == before
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert jit.sources_hash(tmp_path) != before


def element(array: Any, i: int) -> Any:
    return array[i]


def test_a_kernel_that_kernels_call_is_compiled_once_and_without_wrappers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(jit.numba.config, "CACHE_DIR", str(tmp_path / "file"))
    jit.cache_folder.cache_clear()
    try:
        inner = jit.njit(element)
        outer = jit.njit(lambda read_only: inner(read_only, 0) + inner(read_only.copy(), len(read_only) - 1))
        assert outer(jit.buffers(pa.array(["ab"], pa.large_string())).data) == ord("a") + ord("b")
        assert not inner.signatures, "Python did not call it"  # type: ignore[attr-defined]
        (compiled,) = inner.get_overload.__self__.overloads  # type: ignore[attr-defined]
        assert str(compiled[1]) == "int64", "not one for the constant 0"
        assert inner(np.array([1.5]), 0) == 1.5
    finally:
        jit.cache_folder.cache_clear()


def test_without_a_folder_kernels_still_compile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(jit.numba.config, "CACHE_DIR", str(tmp_path / "file"))
    jit.cache_folder.cache_clear()
    try:
        assert jit.cache_folder() is None
        assert jit.njit(lambda x: x + 1)(1) == 2
    finally:
        jit.cache_folder.cache_clear()


def texts(array: pa.Array) -> list[str]:
    data, offsets = jit.buffers(array)
    return [bytes(data[a:b]).decode() for a, b in pairwise(offsets)]


@pytest.mark.parametrize("values", [[], [""], ["", ""], ["a", "", "é€😀", "b" * 100]])
def test_buffers_of_whole_and_sliced_arrays(values: list[str]) -> None:
    array = pa.array(values, pa.large_string())
    assert texts(array) == values
    for start in range(len(values) + 1):
        for size in range(len(values) - start + 1):
            assert texts(array.slice(start, size)) == values[start : start + size]


def test_buffers_are_read_only_whatever_they_hold() -> None:
    for values in ([], ["", ""], ["a"]):
        data, offsets = jit.buffers(pa.array(values, pa.large_string()))
        assert not data.flags.writeable
        assert not offsets.flags.writeable


def test_buffers_refuse_what_a_kernel_cannot_read() -> None:
    with pytest.raises(ValueError, match="expected large_string, got string"):
        jit.buffers(pa.array(["a"], pa.string()))
    with pytest.raises(ValueError, match="1 null text"):
        jit.buffers(pa.array(["a", None], pa.large_string()))
