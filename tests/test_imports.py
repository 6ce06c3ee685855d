"""The rule of dependencies, the weight of `tamis --help`, and the size of files, held by reading the code."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "tamis"
# Who may import whom, by the first part of the module's name below tamis.
ALLOWED = {
    "core": set(),
    "kernels": set(),
    "stats": {"core"},
    "report": {"core", "stats"},
    "lm": {"core"},
    "data": {"core", "lm", "kernels"},
    "train": {"core", "lm"},
    "eval": {"core", "lm", "stats"},
    "experiment": {"core", "lm", "data", "train", "eval", "stats", "report", "terminal"},
    "terminal": {"core"},
    "quickstart": {"data"},
    "testing": {"core", "data"},
    "new": {"core"},
    "gallery": {"core", "data"},
    "inspect": {"core", "experiment", "gallery"},
    "audit": {"core", "stats"},
    "fit": {"core", "stats", "report"},
    "build": {"core", "data", "experiment", "gallery", "report", "terminal"},
    "cli": {"core", "experiment", "audit", "fit", "build", "inspect", "report", "new"},
    "__init__": {"core", "data", "eval", "experiment", "stats", "train"},
    "__main__": {"cli"},
}
NUMERIC = {"numpy", "numba", "scipy"}
HEAVY = {"torch", "transformers", "numba", "pyarrow", "scipy", "numpy", "matplotlib", "tokenizers", "fsspec"}
FILES = sorted(SOURCE.rglob("*.py"))


def imports(tree: ast.AST) -> set[str]:
    out: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            out |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            out.add(node.module)
            out |= {f"{node.module}.{alias.name}" for alias in node.names if node.module == "tamis"}
    return out


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_rule_of_dependencies(path: Path) -> None:
    room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    for name in imports(ast.parse(path.read_text(encoding="utf-8"))):
        first, _, rest = name.partition(".")
        if first == "tamis" and rest:
            other = rest.partition(".")[0]
            known = (SOURCE / other).is_dir() or (SOURCE / f"{other}.py").exists()
            assert not known or other == room or other in ALLOWED[room], f"{path}: {room} may not import {name}"
        elif room in ("kernels", "stats") and first not in sys.stdlib_module_names:
            assert first in NUMERIC, f"{path}: {room} may import only {sorted(NUMERIC)}, not {name}"


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert max(lengths.values()) <= 500, max(lengths, key=lambda p: lengths[p])
    assert statistics.median(lengths.values()) < 200
    assert max(len(path.relative_to(SOURCE).parts) for path in FILES) <= 3


def test_every_module_says_what_it_is() -> None:
    silent = [str(p) for p in FILES if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))]
    assert silent == []


def test_names_in_keys_are_unique() -> None:
    """A key holds the class name, not the module, so that files may move: two classes with a version may not share a name."""
    seen: dict[str, type] = {}
    for path in FILES:
        if path.stem not in ("__main__", "quickstart"):
            name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
            for value in vars(importlib.import_module(name)).values():
                if isinstance(value, type) and dataclasses.is_dataclass(value) and hasattr(value, "version"):
                    assert seen.setdefault(value.__qualname__, value) is value


def test_help_imports_nothing_heavy() -> None:
    program = "import sys; sys.argv = ['tamis', '--help']; from tamis.cli import main; main(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert "tamis" in loaded
    assert loaded & HEAVY == set()
