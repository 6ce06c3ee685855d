"""An edit that can change results changes the key of a foreign operator; a comment does not."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tamis.core import code
from tamis.core.runner import load_file
from tamis.core.step import Step

SCORE = '''
"""A score."""
import helper
from dataclasses import dataclass
from numbers_of_mine import LIMIT as limit
from tamis import Score

WEIGHTS = {"a": 1.0}
WEIGHTS["b"] = 2.0
UNUSED = 1


def weigh(text):
    """Weigh it."""
    return sum(WEIGHTS.get(c, 0.0) for c in text)


def unused():
    return 1


class Base(Score):
    def scale(self):
        return 1.0


@dataclass(frozen=True)
class Weight(Base):
    """The weight of a text."""

    def score(self, text):
        from lazy import late
        return helper.add(weigh(text), limit) * self.scale() + late()  # the sum
'''
HELPER = "import deeper\n\ndef add(a, b):\n    return a + deeper.same(b)\n"
FILES = {
    "weights.py": SCORE,
    "helper.py": HELPER,
    "deeper.py": "def same(b):\n    return b\n",
    "numbers_of_mine.py": "LIMIT = 3\n",
    "lazy.py": "def late():\n    return 0\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    before, path = set(sys.modules), list(sys.path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def identity(folder: Path) -> str:
    """The code hash as a fresh process would see it."""
    for name in FILES:
        sys.modules.pop(name.removesuffix(".py"), None)
    for cache in (code._parse, code._module):
        cache.cache_clear()
    code._hashes.clear()
    importlib.invalidate_caches()
    module = load_file(str(folder / "weights.py"))
    return code.code_hash(module.Weight)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("weights.py", "* self.scale()", "/ self.scale()"),
        ("weights.py", "0.0) for c", "0.5) for c"),
        ("weights.py", '"a": 1.0', '"a": 1.5'),
        ("weights.py", 'WEIGHTS["b"] = 2.0', 'WEIGHTS["b"] = 2.5'),
        ("weights.py", "return 1.0", "return 2.0"),
        ("helper.py", "a + deeper", "a - deeper"),
        ("deeper.py", "return b", "return b + 1"),
        ("numbers_of_mine.py", "3", "4"),
        ("lazy.py", "return 0", "return 1"),
    ],
    ids=["class", "function", "constant", "constant's second line", "base", "import", "import's import", "name", "lazy import"],
)
def test_an_edit_changes_the_hash(folder: Path, file: str, old: str, new: str) -> None:
    before = identity(folder)
    content = (folder / file).read_text()
    assert old in content
    (folder / file).write_text(content.replace(old, new))
    assert identity(folder) != before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("weights.py", "  # the sum", "  # the weighted sum"),
        ("weights.py", '"""The weight of a text."""', '"""Another docstring."""'),
        ("weights.py", '"""Weigh it."""', '"""Weigh."""'),
        ("weights.py", "\n\n\nclass Base", "\n\n\n\n\nclass Base"),
        ("weights.py", "UNUSED = 1", "UNUSED = 2"),
        ("weights.py", "return 1\n", "return 3\n"),
        ("helper.py", "def add", "# adds\ndef add"),
    ],
    ids=["comment", "class docstring", "function docstring", "layout", "unused constant", "unused function", "helper's comment"],
)
def test_what_cannot_change_results_keeps_the_hash(folder: Path, file: str, old: str, new: str) -> None:
    before = identity(folder)
    content = (folder / file).read_text()
    assert old in content
    (folder / file).write_text(content.replace(old, new))
    assert identity(folder) == before


def test_moving_the_folder_keeps_the_hash(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    before = identity(folder)
    other = tmp_path_factory.mktemp("elsewhere")
    for name, content in FILES.items():
        (other / name).write_text(content)
    sys.path.remove(str(folder))
    assert identity(other) == before


def test_the_hash_is_in_the_key_of_a_foreign_operator_only(folder: Path) -> None:
    from tamis.data.apply import ScoreText
    from tamis.data.scores.gopher import GopherQuality

    identity(folder)
    weight = sys.modules["weights"].Weight()
    assert Step(ScoreText(weight)).description["fields"]["score"]["code"] == code.code_hash(type(weight))
    assert "code" not in Step(ScoreText(GopherQuality())).description["fields"]["score"]


def test_a_package_is_followed_through_relative_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "labpackage"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text("def part():\n    return 1\n")
    (package / "scores.py").write_text(
        "from dataclasses import dataclass\nfrom tamis import Score\nfrom .parts import part\n\n\n"
        "@dataclass(frozen=True)\nclass Part(Score):\n    def score(self, text):\n        return part()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    hashes = []
    for value in ("1", "2"):
        (package / "parts.py").write_text(f"def part():\n    return {value}\n")
        for cache in (code._parse, code._module):
            cache.cache_clear()
        for name in [n for n in sys.modules if n.startswith("labpackage")]:
            del sys.modules[name]
        hashes.append(code.code_hash(importlib.import_module("labpackage.scores").Part))
    assert hashes[0] != hashes[1]
