"""Sources: files outside tamis become rows of the document schema, and every record is accounted for.

A source is a frozen dataclass that names files relative to a data root (or by URL). `resolve` finds and hashes them, `pieces`
cuts them where they may be read in parallel, `read` turns one piece into a stream of

    pa.RecordBatch   rows of the document schema; one batch is one shard (about `shard_bytes` of input)
    Dropped          a record set aside by rule (a WARC request record, a document above `max_document`), with its reason
    Damage           a place in a file that could not be read as a record, with its reason

so that *records considered = rows + dropped*, and damage is counted beside them: a damaged place may hold no record, or many.
Good rows are always published; no record of a file is passed over without one of the three. Ids hash (relative name, place in the
file), so they depend neither on the order of files, nor on workers, nor on where the data root lies.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

import fsspec
import pyarrow as pa

from tamis.core.errors import TamisError, UsageError
from tamis.core.ledger import Damage, Ledger
from tamis.data.schema import DOCUMENT, document_id

MAX_DOCUMENT = 64_000_000
SHARD_BYTES = 8_000_000
GLOB = re.compile(r"[*?\[]")
SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class File:
    """One file of a source: its permanent name (relative to the root, or its URL), where it lies now, size, sha256 (hex)."""

    name: str
    url: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Portion:
    """What one job reads: some whole files, or one file from `start` to `stop` (bytes or row groups, as its format says)."""

    files: tuple[File, ...]
    start: int = 0
    stop: int = -1

    @property
    def whole(self) -> bool:
        return self.stop < 0

    @property
    def cost(self) -> float:
        """About how many bytes are read: to order jobs, longest first."""
        return float(sum(f.size for f in self.files) if self.whole else self.stop - self.start)


class Dropped(NamedTuple):
    """A record that is no row by rule; it counts in rows_in and in rows_dropped."""

    reason: str
    where: str


class Part(NamedTuple):
    """What a format hands over: a batch of rows and how many bytes of input they took."""

    batch: pa.RecordBatch
    size: int


Item: TypeAlias = pa.RecordBatch | Dropped | Damage


class Hashes(Protocol):
    """Remembers the sha256 of files that have not changed."""

    def get(self, identity: str) -> str | None: ...
    def put(self, identity: str, sha256: str) -> None: ...


@dataclass(frozen=True)
class HashCache:
    """sha256 by (path, size, mtime, inode) in a small SQLite file; several processes may share it."""

    path: Path

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=60, isolation_level=None)
        connection.execute("CREATE TABLE IF NOT EXISTS hashes (identity TEXT PRIMARY KEY, sha256 TEXT NOT NULL)")
        return connection

    def get(self, identity: str) -> str | None:
        with closing(self._connect()) as connection:
            row = connection.execute("SELECT sha256 FROM hashes WHERE identity = ?", (identity,)).fetchone()
        return row[0] if row else None

    def put(self, identity: str, sha256: str) -> None:
        with closing(self._connect()) as connection:
            connection.execute("INSERT OR REPLACE INTO hashes VALUES (?, ?)", (identity, sha256))


@dataclass
class Builder:
    """Collects rows of one file and makes batches of the document schema."""

    name: str
    source: str
    size: int = 0
    ids: list[bytes] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    metas: list[str] = field(default_factory=list)

    def add(self, locator: str | int, text: str, url: str, meta: str, size: int) -> None:
        self.ids.append(document_id(self.name, locator))
        self.texts.append(text)
        self.urls.append(url)
        self.metas.append(meta)
        self.size += size

    def part(self, locators: list[int], text: pa.ChunkedArray, url: pa.ChunkedArray, metas: list[str], size: int) -> Part:
        """A batch of rows that are columns already (strings; a null url is none); nothing is collected."""
        arrays = [
            pa.array([document_id(self.name, locator) for locator in locators], DOCUMENT.field("id").type),
            text.cast(pa.large_string()).combine_chunks(),
            url.fill_null("").combine_chunks(),
            pa.array([self.source] * len(locators), pa.string()),
            pa.array(metas, pa.string()),
        ]
        return Part(pa.RecordBatch.from_arrays(arrays, schema=DOCUMENT), size)

    def take(self) -> Part:
        """The rows so far as one batch; the builder is empty afterwards. Half surrogate pairs become U+FFFD."""
        rows = len(self.ids)
        arrays = [
            pa.array(self.ids, DOCUMENT.field("id").type),
            _strings(self.texts, pa.large_string()),
            _strings(self.urls, pa.string()),
            pa.array([self.source] * rows, pa.string()),
            _strings(self.metas, pa.string()),
        ]
        part = Part(pa.RecordBatch.from_arrays(arrays, schema=DOCUMENT), self.size)
        self.size = 0
        for column in (self.ids, self.texts, self.urls, self.metas):
            column.clear()
        return part


def _strings(values: list[str], type: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, type)
    except UnicodeEncodeError:
        return pa.array([SURROGATE.sub("\ufffd", v) for v in values], type)


@dataclass(frozen=True)
class Source:
    """Base of all sources.

    max_document  a record of more bytes than this, as it stands in the (decompressed) file, is dropped as `too-large`.
    shard_bytes   about how many bytes of (decompressed) input one shard holds.
    label         what the column `source` says; the file's name if empty.
    """

    max_document: int = field(default=MAX_DOCUMENT, kw_only=True)
    shard_bytes: int = field(default=SHARD_BYTES, kw_only=True)
    label: str = field(default="", kw_only=True)

    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ()

    def resolve(self, root: str | Path, hashes: Hashes | None = None) -> list[File]:
        """The files, sorted by name, with size and sha256; UsageError if there are none."""
        raise TypeError(f"{type(self).__name__} does not define resolve")

    def unlocated(self) -> Source:
        """How files are read, without which: what enters a key beside their names and hashes."""
        return self

    def locate(self, name: str, root: str | Path) -> str:
        """The address of a file, given its permanent name, on this machine."""
        return name if "://" in name or name.startswith("/") else str(Path(root).absolute() / name)

    def check(self, files: Sequence[File]) -> None:
        """Refuse a declaration that no record can satisfy (a missing column, say) before any work is done."""

    def cuts(self, file: File) -> list[tuple[int, int]]:
        """(start, stop) of the pieces of a file that may be read side by side; none if it must be read from its beginning."""
        return []

    def pieces(self, files: Sequence[File]) -> list[Portion]:
        """The work in the order of the files: large files cut where their format allows, small neighbours put together."""
        out: list[Portion] = []
        group: list[File] = []

        def close() -> None:
            if group:
                out.append(Portion(tuple(group)))
                group.clear()

        for file in files:
            cuts = self.cuts(file) if file.size > self.shard_bytes else []
            if len(cuts) > 1:
                close()
                out += [Portion((file,), start, stop) for start, stop in cuts]
                continue
            if group and sum(f.size for f in group) + file.size > self.shard_bytes:
                close()
            group.append(file)
        close()
        return out

    def read(self, portion: Portion) -> Iterator[Item]:
        """The rows of one piece, one batch a shard, with what was dropped and what was damaged in the order of the files."""
        waiting: list[pa.RecordBatch] = []
        size = 0
        for file in portion.files:
            for item in self.parts(file, portion.start, portion.stop):
                if not isinstance(item, Part):
                    yield item
                    continue
                waiting.append(item.batch)
                size += item.size
                if size >= self.shard_bytes:
                    yield _joined(waiting)
                    waiting, size = [], 0
        if waiting:
            yield _joined(waiting)

    def parts(self, file: File, start: int, stop: int) -> Iterator[Part | Dropped | Damage]:
        """What a format defines: a file (from `start` to `stop`, if that is not -1) as batches of at most a shard's worth.

        A batch is larger only if a single record is.
        """
        raise TypeError(f"{type(self).__name__} does not define parts")

    def shards(self, portion: Portion, ledger: Ledger) -> Iterator[pa.Table]:
        """`read`, with everything counted in `ledger`: one table a shard."""
        for item in self.read(portion):
            if isinstance(item, Damage):
                ledger.add_damage(item)
            elif isinstance(item, Dropped):
                ledger.rows_in += 1
                ledger.dropped[item.reason] += 1
            else:
                ledger.rows_in += item.num_rows
                ledger.rows_out += item.num_rows
                yield pa.Table.from_batches([item])

    def builder(self, file: File) -> Builder:
        return Builder(file.name, self.label or file.name)


@dataclass(frozen=True)
class Files(Source):
    """A source of files: names or globs relative to the data root, absolute paths, or fsspec URLs; one or several.

    Ids hold the name, so an absolute path outside the root ties them to that path.
    """

    files: str | tuple[str, ...]

    def __post_init__(self) -> None:
        patterns = (self.files,) if isinstance(self.files, str) else tuple(self.files)
        if not patterns or not all(isinstance(p, str) and p for p in patterns):
            raise UsageError(f"{type(self).__name__}: name at least one file")
        for pattern in patterns:
            if pattern.startswith("hf://"):
                raise UsageError(f"{pattern}: read a dataset of the hub with Hub(repo, revision, files)")
            if "://" in pattern and "@" in pattern.split("://", 1)[1].partition("/")[0]:
                raise UsageError(f"{type(self).__name__}: a URL may not hold a password; use the environment of its file system")
        object.__setattr__(self, "files", patterns)

    def resolve(self, root: str | Path, hashes: Hashes | None = None) -> list[File]:
        """The files, sorted by name, with size and sha256 (looked up in `hashes` when unchanged).

        Raises UsageError naming pattern and root where a pattern matches nothing.
        """
        found: dict[str, None] = {}
        for pattern in self.files:
            matches = list(expand(pattern, Path(root)))
            if not matches:
                raise UsageError(f"{type(self).__name__}: no file matches {pattern!r} under the data root {root}; set --data")
            found.update(dict.fromkeys(matches))
        return [identify(name, self.locate(name, root), hashes) for name in sorted(found)]

    def unlocated(self) -> Source:
        return dataclasses.replace(self, files=("*",))


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def expand(pattern: str, root: Path) -> Iterator[str]:
    """The permanent name of every file that a pattern names."""
    if "://" in pattern:
        if pattern.startswith("file://"):
            raise UsageError(f"{pattern}: write a local file as a path, not as a URL")
        yield from _expand_url(pattern)
        return
    base, wanted = (Path("/"), pattern.lstrip("/")) if pattern.startswith("/") else (root, pattern)
    if not root.is_dir():
        raise UsageError(f"the data root {root} is not a folder; set --data or TAMIS_DATA")
    matches: Iterable[Path] = base.glob(wanted) if GLOB.search(wanted) else [base / wanted]
    for path in matches:
        if path.is_file():
            absolute = path.absolute()
            inside = absolute.is_relative_to(root.absolute())
            yield (absolute.relative_to(root.absolute()) if inside else absolute).as_posix()


def _expand_url(pattern: str) -> Iterator[str]:
    scheme = pattern.partition("://")[0]
    try:
        filesystem, path = fsspec.core.url_to_fs(pattern)
        paths = filesystem.glob(path) if GLOB.search(pattern) and scheme not in ("http", "https") else [path]
        for match in paths:
            if filesystem.isfile(match):
                yield filesystem.unstrip_protocol(match)
    except ImportError as error:
        raise UsageError(f"{pattern}: {error}") from error
    except OSError as error:
        raise TamisError(f"{pattern}: cannot be listed: {error}") from error


def identify(name: str, url: str, hashes: Hashes | None) -> File:
    """Size and sha256 of one file; the hash is taken from `hashes` if nothing about the file changed since."""
    filesystem, path = fsspec.core.url_to_fs(url)
    try:
        info = filesystem.info(path)
        identity = _identity(url, path, info)
        known = hashes.get(identity) if hashes and identity else None
        sha256, size = (known, int(info["size"])) if known and info.get("size") is not None else _digest(filesystem, path)
    except OSError as error:
        raise TamisError(f"{name}: cannot be read: {error.strerror or error}") from error
    if hashes and identity and not known:
        hashes.put(identity, sha256)
    return File(name, url, size, sha256)


def _identity(url: str, path: str, info: dict[str, Any]) -> str | None:
    """What stays the same while a file does; None where the file system tells nothing that would change."""
    if "://" not in url:
        status = Path(path).stat()
        return f"{url}|{status.st_size}|{status.st_mtime_ns}|{status.st_ino}"
    mark = info.get("ETag") or info.get("etag") or info.get("LastModified") or info.get("mtime") or info.get("created")
    return f"{url}|{info.get('size')}|{mark}" if mark else None


def _digest(filesystem: Any, path: str) -> tuple[str, int]:
    state, size = hashlib.sha256(), 0
    with filesystem.open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            state.update(block)
            size += len(block)
    return state.hexdigest(), size
