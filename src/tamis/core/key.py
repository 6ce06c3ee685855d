"""The identity of a step: what it means, never where or when it runs.

    key = sha256(canonical(stable name, version, fields that differ from their default, code if foreign, libraries, input keys))

Floats are written by `float.hex()`, dataclasses by name and fields, and whatever has no stable identity (a lambda, an open
file, a path, an unpinned object) is refused with its place in the declaration. No pickles and no reprs, so a key is the same
in every process.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from tamis.core.code import code_hash
from tamis.core.errors import UsageError

Json = None | bool | int | str | list[Any] | dict[str, Any]


@cache
def library_version(name: str) -> str:
    """The installed version of a distribution, or "absent"."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def is_foreign(cls: type) -> bool:
    """Whether a class lives outside the tamis package, where nobody bumps a version for us."""
    return cls.__module__.partition(".")[0] != "tamis"


def stable_name(cls: type) -> str:
    """Class name, prefixed by the last part of its module when foreign (so that moving a folder keeps the key)."""
    if "<locals>" in cls.__qualname__:
        raise UsageError(f"{cls.__qualname__} is defined inside a function: move it to the top of its file")
    if is_foreign(cls):
        module = cls.__module__.rpartition(".")[2]
        if module == "__main__":  # the file being run has the name that importing it would give it
            module = Path(getattr(sys.modules[module], "__file__", None) or module).stem
        return f"{module}:{cls.__qualname__}"
    return f"tamis:{cls.__qualname__}"


def canonical(value: Any, place: str = "") -> Json:
    """`value` as JSON that is equal exactly when the meaning is equal; `place` names it in errors."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, tuple | list):
        return [canonical(v, f"{place}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, Mapping):
        if not all(isinstance(k, str) for k in value):
            raise UsageError(f"{place}: a mapping in a declaration needs text keys")
        return {k: canonical(value[k], f"{place}.{k}") for k in sorted(value)}
    if getattr(value, "enters_as_input", False):
        return {"input": type(value).__name__}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return describe(value, place)
    raise UsageError(
        f"{place or 'value'}: a {type(value).__name__} has no stable identity; "
        "use plain values (numbers, text, tuples, frozen dataclasses)"
    )


def describe(op: Any, place: str = "") -> dict[str, Any]:
    """The canonical form of one declared object: name, version, libraries, foreign code, fields that differ.

    Fields named in the class attribute `places` say where something lies and are left out.
    """
    cls = type(op)
    place = place or cls.__name__
    out: dict[str, Any] = {"name": stable_name(cls)}
    if hasattr(cls, "version"):
        out["version"] = cls.version
    libraries = getattr(cls, "libraries", ())
    if libraries:
        out["libraries"] = {name: library_version(name) for name in sorted(libraries)}
    if getattr(cls, "unicode", False):
        out["unicode"] = unicodedata.unidata_version
    if is_foreign(cls):
        out["code"] = code_hash(cls)
    places = getattr(cls, "places", ())
    fields = {
        f.name: canonical(getattr(op, f.name), f"{place}.{f.name}")
        for f in dataclasses.fields(op)
        if f.name not in places and not _is_default(op, f)
    }
    if fields:
        out["fields"] = fields
    return out


def _is_default(op: Any, field: dataclasses.Field[Any]) -> bool:
    value = getattr(op, field.name)
    if field.default is not dataclasses.MISSING:
        default = field.default
    elif field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    else:
        return False
    return type(value) is type(default) and bool(value == default)


def digest(value: Json) -> str:
    """sha256 (hex) of a canonical value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def step_key(op: Any, inputs: Iterable[str]) -> str:
    """The full key (64 hex digits) of operator `op` applied to steps with the keys `inputs`, in order."""
    return digest({"op": describe(op), "inputs": list(inputs)})
