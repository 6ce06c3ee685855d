"""One decorator for every compiled kernel, and the folder where the machine code is kept between runs.

Numba's own cache looks only at the file that holds a function, so an edit in a helper's file would go unseen. Here the
cache folder is per user and named by the hash of all of `kernels/`, numba's version and the CPU: an edit anywhere means
a fresh folder. Invariant: machine code is never read that was compiled from other sources than those on disk when the
process started.

A kernel releases the interpreter lock, touches no Python object, and gets documents as `Buffers`: the bytes and offsets
of a `pa.LargeStringArray`, without a copy.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numba
import numpy as np
import numpy.typing as npt
from numba.core import codegen, types
from numba.core.types.misc import unliteral

F = TypeVar("F", bound=Callable[..., Any])


def sources_hash(folder: Path) -> str:
    """Twenty hexadecimal digits for every Python file under `folder`, numba's version and the CPU."""
    digest = hashlib.sha256()
    cpu = f"{codegen.ll.get_host_cpu_name()} {codegen.get_host_cpu_features()}"
    for text in (numba.__version__, sys.version, cpu):
        digest.update(text.encode() + b"\0")
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:20]


@cache
def cache_folder() -> Path | None:
    """Where this user's compiled kernels lie; None where no folder can be written (then each process compiles anew).

    Never a shared folder: numba's cache holds pickles, so nobody else may be able to write there.
    """
    if numba.config.CACHE_DIR:
        root = Path(numba.config.CACHE_DIR)
    elif sys.platform == "darwin":
        root = Path("~/Library/Caches").expanduser()
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    folder = root / "tamis" / "kernels" / sources_hash(Path(__file__).parent)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(mode=0o700)
        sys.stderr.write("tamis: kernels are compiled for this machine, once: the first run takes some seconds longer\n")
    except FileExistsError:
        pass
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def njit(function: F) -> F:
    """Compile `function` at its first call: interpreter lock released, no Python objects, machine code kept.

    A kernel that another kernel calls is compiled apart from the one that Python calls: without the wrappers for Python and C
    (a quarter of the time to compile), and once for types that differ in nothing that matters (`reduced`). It becomes part of its
    caller's machine code, so only what Python calls is kept.
    """
    folder = cache_folder()
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder or "")  # read by the decorator itself, once, when it picks the place of the cache
    try:
        outer = numba.njit(nogil=True, cache=folder is not None)(function)
    finally:
        numba.config.CACHE_DIR = before
    inner = numba.njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)

    def template(args: Sequence[Any], keywords: dict[str, Any]) -> Any:
        return inner.get_call_template(reduced(args, inner.overloads), {k: unliteral(v) for k, v in keywords.items()})

    outer.get_call_template, outer.get_overload = template, inner.get_overload  # what compiled callers ask for
    return outer


def reduced(args: Sequence[Any], compiled: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The types for which a call from a kernel is compiled: a constant is any number, and an array that may be written to is read
    by what was compiled for one that may not."""
    wanted = tuple(map(unliteral, args))
    return next((known for known in compiled if len(known) == len(wanted) and all(map(_serves, known, wanted))), wanted)


def _serves(known: Any, wanted: Any) -> bool:
    read_only = isinstance(wanted, types.Array) and isinstance(known, types.Array) and wanted.copy(readonly=True) == known
    return known == wanted or read_only


class Buffers(NamedTuple):
    """The bytes of an Arrow string array as a kernel sees them: text i is data[offsets[i]:offsets[i + 1]]."""

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]


def buffers(array: Any) -> Buffers:
    """View a `pa.LargeStringArray` (sliced or not, no nulls) without a copy; ValueError for another type or a null.

    The views keep the Arrow buffers alive. Offsets count from the start of the whole buffer, so a slice needs no shift.
    """
    if str(array.type) != "large_string":
        raise ValueError(f"expected large_string, got {array.type}")
    if array.null_count:
        raise ValueError(f"{array.null_count} null texts: a document's text must not be null")
    _, offsets, data = array.buffers()
    if len(array) == 0 or offsets is None:
        offsets, start = bytes(8), 0
    else:
        start = array.offset * 8
    places = np.frombuffer(offsets, np.int64, len(array) + 1, start)
    view = np.frombuffer(data, np.uint8) if data else np.frombuffer(bytes(1), np.uint8)[:0]
    for each in (view, places):  # Arrow buffers may be writable or not: numba would compile each kernel for both
        each.setflags(write=False)
    return Buffers(view, places)
