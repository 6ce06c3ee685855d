"""The documentation that comes with Python and with installed packages, as documents with provenance.

Docstrings are read from source files with `ast`: nothing is ever imported or executed. Package, version and licence come from the
package's METADATA. Invariant: the same versions give the same documents in the same order.
"""

from __future__ import annotations

import ast
import hashlib
import os
import platform
import re
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from tamis.core.errors import TamisError

SKIPPED = {"tests", "test", "testing", "__pycache__", "site-packages", "idlelib", "lib2to3", "_vendor", "vendor", "externals"}
SHORTEST = 300  # characters of a document
DOCUMENTED = 0.15  # share of a module that must be long strings, or it is not parsed: saves half of the time, loses little
_STRING = re.compile(r'^[ \t]*[rRuU]?("""|\'\'\')(.*?)\1', re.DOTALL | re.MULTILINE)
_WORD = re.compile(r"(?<!\S)[A-Za-z]+[,.;:]?(?!\S)")
_CONSOLE = re.compile(r"^\s*(?:>>>|\.\.\.)", re.MULTILINE)


class Package(NamedTuple):
    """What METADATA says, and where the modules lie."""

    name: str
    version: str
    licence: str
    folder: Path


@dataclass(frozen=True)
class Part:
    """Modules to read: a distribution, its import name, and path prefixes inside it (none: all)."""

    distribution: str
    module: str
    prefixes: tuple[str, ...] = ()
    documented: float = DOCUMENTED


class Doc(NamedTuple):
    """One document: its text, the module and name it documents."""

    text: str
    package: Package
    path: str
    name: str

    @property
    def meta(self) -> dict[str, str]:
        return {"package": self.package.name, "version": self.package.version, "licence": self.package.licence, "path": self.path}


def package(part: Part) -> Package:
    """Name, version, licence and folder of an installed distribution ("python": the standard library). TamisError if absent."""
    if part.distribution == "python":
        return Package("python", platform.python_version(), "PSF-2.0", Path(sysconfig.get_paths()["stdlib"]))
    try:
        found = metadata.distribution(part.distribution)
    except metadata.PackageNotFoundError:
        raise TamisError(
            f"the demo reads the documentation of {part.distribution}, which is not installed: pip install 'tamis[train]'"
        ) from None
    return Package(part.distribution, found.version, _licence(found), Path(str(found.locate_file(part.module))))


def _licence(found: metadata.Distribution) -> str:
    """The licence expression, else the classifier, else the first line of the licence field."""
    fields = found.metadata
    if fields["License-Expression"]:
        return str(fields["License-Expression"])
    classifiers = [
        c.rpartition(" :: ")[2] for c in fields.get_all("Classifier", []) if c.startswith("License :: OSI Approved ::")
    ]
    if classifiers:
        return "; ".join(classifiers)
    return (str(fields["License"] or "").strip().splitlines() or ["not stated"])[0][:60]


def docstrings(part: Part) -> Iterator[Doc]:
    """Docstrings of at least 300 characters that are mostly prose, in order of path and line."""
    of = package(part)
    for path in modules(part, of.folder):
        source = path.read_text(encoding="utf-8", errors="replace")
        long = sum(size for m in _STRING.finditer(source) if (size := m.end() - m.start()) >= SHORTEST)
        if long < max(part.documented * len(source), SHORTEST):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's strings
            try:
                tree = ast.parse(source)
            except SyntaxError:
                continue
        where = path.relative_to(of.folder).as_posix()
        for name, text in _walk(tree, ""):
            if len(text) >= SHORTEST and is_prose(text):
                yield Doc(text, of, where, name)


def modules(part: Part, folder: Path) -> list[Path]:
    """The Python files of a part, sorted by their path; folders of tests and of copied packages are passed by."""
    out = []
    for prefix in part.prefixes or ("",):
        start = folder / prefix
        if start.is_file():
            out.append(start)
        for parent, folders, names in os.walk(start):
            folders[:] = [name for name in folders if name not in SKIPPED]
            out += [Path(parent, name) for name in names if name.endswith(".py")]
    return sorted(out, key=lambda path: path.as_posix())


def _walk(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
    """(dotted name, cleaned docstring) of a module, its classes and functions, outermost first."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        text = ast.get_docstring(node)
        if text:
            yield name, text.strip().encode("utf-8", "replace").decode()  # an escape may name half a surrogate pair
        for child in node.body:
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _walk(child, f"{name}.{child.name}".lstrip("."))


def is_prose(text: str) -> bool:
    """At least 40 words, of which six in ten are plain words, and under three tenths of the lines are console sessions."""
    words = len(text.split())
    console, lines = len(_CONSOLE.findall(text)), text.count("\n") + 1
    return words >= 40 and console < 0.3 * lines and len(_WORD.findall(text)) >= 0.6 * words


def topics() -> Iterator[Doc]:
    """The language reference that `help()` shows: one document a topic."""
    of = package(Part("python", ""))
    path = of.folder / "pydoc_data" / "topics.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                text = str(ast.literal_eval(value)).strip()
                if key is not None and len(text) >= SHORTEST and is_prose(text):
                    yield Doc(text, of, "pydoc_data/topics.py", str(ast.literal_eval(key)))


def description(part: Part) -> Iterator[Doc]:
    """The long description of a distribution, if it is prose."""
    text = str(metadata.metadata(part.distribution).json.get("description", "")).strip()
    if len(text) >= SHORTEST and is_prose(text):
        yield Doc(text, package(part), "METADATA", "description")


def rank(doc: Doc) -> bytes:
    """A fixed pseudo-random order that depends on the text alone."""
    return hashlib.blake2b(doc.text.encode("utf-8", "replace"), digest_size=16).digest()
