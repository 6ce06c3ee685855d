"""A file that others made (a model), named by where it lies and by its sha256, never shipped.

The hash is its identity and is in the key; the place is not. A remote file is fetched once into the user's cache folder under its
hash, and one of the hub into the hub's own cache. Nothing in such a file is executed or unpickled.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import fsspec

from tamis.core.errors import TamisError, UsageError

HUB = re.compile(r"hf://(?P<repo>[^@]+)@(?P<revision>[0-9a-f]{40})/(?P<path>.+)")


@dataclass(frozen=True)
class Pinned:
    """A file at `place`: a path, an fsspec URL, or "hf://OWNER/NAME@COMMIT/FILE"; its bytes have this sha256.

    `Pinned.file(path)` hashes a local file, `Pinned.hub(repo, revision, file)` asks the hub for the hash.
    """

    places: ClassVar[tuple[str, ...]] = ("place",)

    place: str
    sha256: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise UsageError(
                f"{self.place}: sha256 must be 64 hexadecimal digits, not {self.sha256!r}; Pinned.file hashes a file"
            )
        if self.place.startswith("hf://") and not HUB.fullmatch(self.place):
            raise UsageError(
                f"{self.place}: a file of the hub is named hf://OWNER/NAME@COMMIT/FILE, with 40 digits of the commit"
            )

    @classmethod
    def file(cls, path: str | Path) -> Pinned:
        """A local file as it is now."""
        place = Path(path).expanduser().absolute()
        if not place.is_file():
            raise UsageError(f"{place} is missing: tamis ships no models of others; download it and give its path")
        return cls(str(place), _sha256(str(place), place.stat().st_mtime_ns))

    @classmethod
    def hub(cls, repo: str, revision: str, file: str) -> Pinned:
        """A file of the model repository `repo` at a commit (40 hex digits); needs `pip install tamis[hub]`."""
        if not re.fullmatch(r"[0-9a-f]{40}", revision):
            raise UsageError(f"{repo}: revision must be a commit of 40 hexadecimal digits, not {revision!r}: a branch may move")
        path = _from_hub(repo, revision, file)
        return cls(f"hf://{repo}@{revision}/{file}", _sha256(path, Path(path).stat().st_mtime_ns))

    def path(self) -> Path:
        """Where the file lies on this machine; TamisError if it cannot be had or has other bytes."""
        found = HUB.fullmatch(self.place)
        if found:
            local = Path(_from_hub(found["repo"], found["revision"], found["path"]))
        elif "://" in self.place:
            local = _cache() / self.sha256
            if not local.is_file():
                self._fetch(local)
        else:
            local = Path(self.place)
        if not local.is_file():
            raise TamisError(f"{self.place} is missing; it must have sha256 {self.sha256}")
        sha256 = _sha256(str(local), local.stat().st_mtime_ns)
        if sha256 != self.sha256:
            raise TamisError(f"{self.place} has changed: its sha256 is {sha256}, declared is {self.sha256}")
        return local

    def _fetch(self, to: Path) -> None:
        to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = to.with_name(f"{to.name}.{os.getpid()}")
        try:
            with fsspec.open(self.place, "rb") as source, part.open("wb") as target:
                while block := source.read(1 << 22):
                    target.write(block)
            found = _sha256(str(part), part.stat().st_mtime_ns)
            if found != self.sha256:
                raise TamisError(f"{self.place}: the bytes received have sha256 {found}, declared is {self.sha256}")
            part.replace(to)
        except (OSError, ValueError, ImportError) as error:
            raise TamisError(f"{self.place} cannot be read: {error}; it must have sha256 {self.sha256}") from error
        finally:
            part.unlink(missing_ok=True)


def _cache() -> Path:
    """This user's folder of fetched files."""
    if sys.platform == "darwin":
        root = Path("~/Library/Caches").expanduser()
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return root / "tamis" / "files"


def _from_hub(repo: str, revision: str, file: str) -> str:
    """The hub client's local copy of a file of a model repository."""
    try:
        import huggingface_hub
    except ImportError as error:
        raise UsageError("reading from the hub needs the package huggingface_hub: pip install tamis[hub]") from error
    try:
        api = huggingface_hub.HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
        return str(api.hf_hub_download(repo, file, revision=revision))
    except (huggingface_hub.errors.HfHubHTTPError, huggingface_hub.errors.HFValidationError, OSError) as error:
        raise TamisError(f"hf://{repo}@{revision}/{file} cannot be had: {' '.join(str(error).split())[:200]}") from error


@lru_cache(maxsize=256)
def _sha256(path: str, mtime: int) -> str:
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
