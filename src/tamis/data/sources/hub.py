"""Files of a dataset on the Hugging Face hub, at one commit.

A branch moves, so only a commit (40 hex digits) can be a source. Files are listed with the hub's own client, kept in its cache,
and their sha256 must be the one that the commit lists. Only data is read (Parquet, JSON Lines, text): no code of the repository
runs.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from tamis.core.errors import TamisError, UsageError
from tamis.core.ledger import Damage
from tamis.data.sources.base import Dropped, File, Files, Hashes, Part, Source
from tamis.data.sources.jsonl import Jsonl
from tamis.data.sources.parquet import ParquetFiles
from tamis.data.sources.text import Text

COMMIT = re.compile(r"[0-9a-f]{40}")
NAME = re.compile(r"hf://datasets/(?P<repo>[^@]+)@(?P<revision>[0-9a-f]{40})/(?P<path>.+)")
PARQUET = (".parquet",)
JSONL = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".json.gz", ".json.zst", ".ndjson", ".json")
TEXT = (".txt", ".txt.gz", ".txt.zst", ".md")


@dataclass(frozen=True)
class Hub(Source):
    """`files` (names or globs) of the dataset `repo` at commit `revision`; fields as in Jsonl, ParquetFiles and Text.

    Needs `pip install tamis[hub]`; HF_ENDPOINT, HF_HOME and the token are the client's own settings.
    """

    repo: str
    revision: str
    files: str | tuple[str, ...]
    text: str = field(default="text", kw_only=True)
    url: str = field(default="url", kw_only=True)
    meta: tuple[str, ...] = field(default=(), kw_only=True)
    split: Literal["document", "paragraph", "line"] = field(default="document", kw_only=True)

    def __post_init__(self) -> None:
        patterns = (self.files,) if isinstance(self.files, str) else tuple(self.files)
        if not patterns:
            raise UsageError(f"Hub: name at least one file of {self.repo}")
        object.__setattr__(self, "files", patterns)

    def unlocated(self) -> Source:
        return replace(self, files=("*",))

    def resolve(self, root: str | Path, hashes: Hashes | None = None) -> list[File]:
        """The matching files of the commit. A branch or tag is refused with the commit it points to now, ready to paste."""
        api = _client()
        if not COMMIT.fullmatch(self.revision):
            with _told(self.repo, self.revision):
                commit = api.dataset_info(self.repo, revision=self.revision).sha
            raise UsageError(
                f'Hub: {self.repo} at "{self.revision}" is not pinned, it may change tomorrow; now it is revision="{commit}"'
            )
        with _told(self.repo, self.revision):
            entries = list(api.list_repo_tree(self.repo, repo_type="dataset", revision=self.revision, recursive=True))
        found = {e.path: e for e in entries if hasattr(e, "blob_id")}
        wanted: set[str] = set()
        for pattern in self.files:
            matches = [p for p in found if p == pattern or fnmatch.fnmatchcase(p, pattern)]
            if not matches:
                some = ", ".join(sorted(found)[:10])
                raise UsageError(f"Hub: {self.repo} has no file {pattern!r} at this commit; it has {some}")
            wanted.update(matches)
        return [self._file(found[path]) for path in sorted(wanted)]

    def _file(self, entry: Any) -> File:
        name = f"hf://datasets/{self.repo}@{self.revision}/{entry.path}"
        self._reader(name)
        if entry.lfs is not None:
            return File(name, name, entry.size, entry.lfs.sha256)
        local = _cached(self.repo, self.revision, entry.path)
        return File(name, name, entry.size, _sha256(local, Path(local).stat().st_mtime_ns))

    def _reader(self, name: str) -> Files:
        """The format of a file, by its name."""
        common: dict[str, Any] = {"max_document": self.max_document, "shard_bytes": self.shard_bytes, "label": self.label}
        lower = name.lower()
        if lower.endswith(PARQUET):
            return ParquetFiles(name.rpartition("/")[2], text=self.text, url=self.url, meta=self.meta, **common)
        if lower.endswith(JSONL):
            return Jsonl(name.rpartition("/")[2], text=self.text, url=self.url, meta=self.meta, **common)
        if lower.endswith(TEXT):
            return Text(name.rpartition("/")[2], split=self.split, **common)
        raise UsageError(f"{name}: only Parquet, JSON Lines (.jsonl, .json, .gz, .zst) and text are read from the hub")

    def check(self, files: Sequence[File]) -> None:
        self._reader(files[0].name).check(files[:1])

    def cuts(self, file: File) -> list[tuple[int, int]]:
        return self._reader(file.name).cuts(file)

    def parts(self, file: File, start: int, stop: int) -> Iterator[Part | Dropped | Damage]:
        return self._reader(file.name).parts(file, start, stop)


def download(file: File) -> str:
    """The path of the local copy; TamisError if its bytes are not those that the commit lists."""
    found = NAME.fullmatch(file.name)
    if not found:
        raise TamisError(f"{file.name}: is not a file of the hub at a commit")
    local = _cached(found["repo"], found["revision"], found["path"])
    if _sha256(local, Path(local).stat().st_mtime_ns) != file.sha256:
        raise TamisError(f"{file.name}: the bytes received are not those of this commit; delete {local} and run again")
    return local


def _cached(repo: str, revision: str, path: str) -> str:
    with _told(repo, revision):
        return str(_client().hf_hub_download(repo, path, repo_type="dataset", revision=revision))


@lru_cache(maxsize=4096)
def _sha256(path: str, mtime: int) -> str:
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _client() -> Any:
    """The hub's client for the address in HF_ENDPOINT."""
    try:
        import huggingface_hub
    except ImportError as error:
        raise UsageError("reading from the hub needs the package huggingface_hub: pip install tamis[hub]") from error
    return huggingface_hub.HfApi(endpoint=os.environ.get("HF_ENDPOINT"))


@contextmanager
def _told(repo: str, revision: str) -> Iterator[None]:
    """The client's errors as one clear line."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise TamisError(f"{repo} is gated: accept its terms on its page, then log in with `hf auth login`") from error
    except errors.RepositoryNotFoundError as error:
        raise TamisError(f"{repo}: there is no such dataset, or it is private; log in with `hf auth login`") from error
    except errors.RevisionNotFoundError as error:
        raise UsageError(f"{repo} has no revision {revision}") from error
    except errors.HFValidationError as error:
        raise UsageError(f"{repo}: {error}") from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        raise TamisError(f"{repo}: the hub did not answer: {' '.join(str(error).split())[:200]}") from error
