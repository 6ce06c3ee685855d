"""A hash of the code behind a class, so that an edit is noticed and a comment is not.

The hash covers the class, every top-level name of its file that it reaches (helpers, constants, base classes), and whole
files of the same package that those names were imported from. Comments, docstrings and layout do not count. For classes
outside tamis the hash is part of the key; for tamis's own it is recorded, and a difference at the same version is *drift*.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import sys
from functools import cache
from pathlib import Path

from tamis.core.errors import UsageError

# The engine moves rows and never changes them: editing it is not a change of any operator's results.
IGNORED = ("tamis.core", "tamis.report", "tamis.cli", "tamis.experiment")


class _Strip(ast.NodeTransformer):
    """Removes docstrings: a module, class or function whose first statement is a bare string."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
            first = body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                node.body = body[1:] or [ast.Pass()]
        return node


@cache
def _parse(path: str, mtime: int) -> ast.Module:
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (OSError, SyntaxError) as error:
        raise UsageError(f"{path}: cannot read the code of an operator: {error}") from error
    return ast.fix_missing_locations(_Strip().visit(tree))


def _tree(path: str) -> ast.Module:
    return _parse(path, Path(path).stat().st_mtime_ns)


def _bindings(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    """Top-level name -> the statements that bind it or change what it refers to (`X = 1`, `X["a"] = 1`, `X.append(1)`)."""
    out: dict[str, list[ast.stmt]] = {}
    for node in tree.body:
        for name in sorted(_binds(node)):
            out.setdefault(name, []).append(node)
    return out


def _binds(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    out: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            out.add(part.name)
        elif isinstance(part, ast.Import | ast.ImportFrom):
            out |= {(alias.asname or alias.name).partition(".")[0] for alias in part.names}
        elif isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
            out.add(part.id)
        elif isinstance(part, ast.Subscript | ast.Attribute) and not isinstance(part.ctx, ast.Load):
            out |= _names(part)
        elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
            out |= _names(part.value.func)
    return out


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _module_file(name: str) -> str | None:
    module = sys.modules.get(name)
    if module is not None and getattr(module, "__file__", None):
        return module.__file__
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return spec.origin if spec and spec.origin and spec.origin.endswith(".py") else None


def _imported(node: ast.Import | ast.ImportFrom, module: str) -> list[str]:
    """Full names of the modules an import statement may load."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        parts = module.split(".")[: -node.level]
        base = ".".join([*parts, base] if base else parts)
    return [base, *(f"{base}.{alias.name}" for alias in node.names)]


def _same_package(name: str, module: str) -> bool:
    package = module.partition(".")[0]
    inside = name.partition(".")[0] == package or (module.count(".") == 0 and _beside(name, module))
    return inside and not any(name == i or name.startswith(i + ".") for i in IGNORED)


def _beside(name: str, module: str) -> bool:
    """A plain script's neighbour: `import helper` where helper.py lies in the same folder."""
    here, there = _module_file(module), _module_file(name)
    return bool(here and there and Path(here).parent == Path(there).parent)


def _whole(name: str, seen: set[str], out: list[str]) -> None:
    """Append the dump of a whole module and, depth first, of the same-package modules it imports."""
    path = _module_file(name)
    if name in seen or not path or not path.endswith(".py"):
        return
    seen.add(name)
    text, others = _module(name, path)
    out.append(text)
    for other in others:
        _whole(other, seen, out)


@cache
def _module(name: str, path: str) -> tuple[str, tuple[str, ...]]:
    """A module's dump, and the modules of its package that it imports."""
    tree = _tree(path)
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    others = [other for node in nodes for other in _imported(node, name) if _same_package(other, name)]
    return f"{name}={ast.dump(tree)}", tuple(dict.fromkeys(others))


_hashes: dict[type, str] = {}


def code_hash(cls: type) -> str:
    """sha256 (16 hex digits) of the code that decides what `cls` does."""
    if cls not in _hashes:
        _hashes[cls] = _code_hash(cls)
    return _hashes[cls]


def _code_hash(cls: type) -> str:
    path = inspect.getsourcefile(cls)
    if not path:
        raise UsageError(f"{cls.__qualname__}: its source file cannot be read, so its results have no identity")
    bindings = _bindings(_tree(path))
    todo, done = [cls.__qualname__.partition(".")[0]], set[str]()
    parts: list[str] = []
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in done or name not in bindings:
            continue
        done.add(name)
        for node in bindings[name]:
            if not isinstance(node, ast.Import | ast.ImportFrom):
                parts.append(ast.dump(node))
                todo += sorted(_names(node))
            for part in ast.walk(node):
                if isinstance(part, ast.Import | ast.ImportFrom):
                    for other in sorted(_imported(part, cls.__module__)):
                        if _same_package(other, cls.__module__):
                            _whole(other, seen, parts)
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:16]
