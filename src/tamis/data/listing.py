"""Lists of words or domains that others made: named by where they lie and by their sha256, never shipped.

A list is a file of one entry a line ("#" starts a comment). Its hash is its identity and is in the key; where it lies is not. The
UT1 blacklists (one folder a category, with the files `domains` and `urls`) are read with `ut1`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

import fsspec

from tamis.core.errors import TamisError, UsageError


@dataclass(frozen=True)
class Listing:
    """A list at `place`: a path, or an fsspec URL (then `sha256` must be given). `Listing.file(path)` hashes a local file."""

    places: ClassVar[tuple[str, ...]] = ("place",)

    place: str
    sha256: str

    def __post_init__(self) -> None:
        if len(self.sha256) != 64:
            raise UsageError(
                f"list {self.place}: sha256 must be 64 hexadecimal digits, not {self.sha256!r}; Listing.file hashes a file"
            )

    @classmethod
    def file(cls, path: str | Path) -> Listing:
        """A local file as it is now."""
        place = Path(path).expanduser().absolute()
        if not place.is_file():
            raise UsageError(f"list {place} is missing: tamis ships no lists of others; download it and give its path")
        return cls(str(place), hashlib.sha256(place.read_bytes()).hexdigest())

    def entries(self) -> frozenset[str]:
        """The entries, stripped and in lower case; read and checked once a process."""
        return _entries(self.place, self.sha256)


@cache
def _entries(place: str, sha256: str) -> frozenset[str]:
    try:
        with fsspec.open(place, "rb") as file:
            data = file.read()
    except (OSError, ValueError, ImportError) as error:
        raise TamisError(f"list {place} cannot be read: {error}; it must have sha256 {sha256}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise TamisError(f"list {place} has changed: its sha256 is {found}, declared is {sha256}")
    lines = (line.partition("#")[0].strip().lower() for line in data.decode("utf-8", "replace").splitlines())
    return frozenset(line for line in lines if line)


def ut1(folder: str | Path, categories: tuple[str, ...]) -> tuple[Listing, ...]:
    """The lists of some categories of the UT1 blacklists, unpacked in `folder`; every missing one is named."""
    root, found, missing = Path(folder), [], []
    for category in categories:
        files = [root / category / name for name in ("domains", "urls")]
        found += [file for file in files if file.is_file()]
        if not any(file.is_file() for file in files):
            missing.append(str(root / category))
    if missing:
        raise UsageError(f"UT1: no lists at {', '.join(missing)}: unpack the archive of the University of Toulouse there")
    return tuple(Listing.file(file) for file in found)
