"""Bytes of a file, decompressed and cut into lines, in bounded memory, with every fault told at its place.

What compression a file has is told by its first bytes, not by its name: gzip (any number of members), zstd (any number of
frames) or none. What was decoded before a fault is always handed over first; then `StreamError` is raised. A stream that grows
beyond 1 GB at more than 1000 to 1 is taken for a bomb and given up.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import fsspec
import zstandard

from tamis.core.errors import TamisError
from tamis.data.sources.base import File

READ = 1 << 18
CHUNK = 1 << 20
ZSTD_FEED = 1 << 12  # a zstd block may grow 4 bytes to 128 KiB: 4 KiB of input can become at most 128 MiB of output
ZSTD_WINDOW = 1 << 31  # the largest `zstd --long=31` writes
BOMB_BYTES = 1_000_000_000
BOMB_RATIO = 1000
GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
UNREAD = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip", b"\x04\x22\x4d\x18": "lz4"}


class StreamError(Exception):
    """The stream cannot be read on: where (a byte of the file as it lies on disk) and why."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


def open_raw(file: File) -> Any:
    """The file as a seekable binary stream, refused if it is no longer what was resolved."""
    try:
        filesystem, path = fsspec.core.url_to_fs(fetched(file) if file.url.startswith("hf://") else file.url)
        stream = filesystem.open(path, "rb")
        size = stream.seek(0, 2)
        stream.seek(0)
    except OSError as error:
        raise TamisError(f"{file.name}: cannot be read: {error.strerror or error}") from error
    if size is not None and size != file.size:
        stream.close()
        raise TamisError(f"{file.name}: changed from {file.size} to {size} bytes since it was resolved; run again")
    return stream


def fetched(file: File) -> str:
    """The local copy of a file of the hub."""
    from tamis.data.sources.hub import download

    return download(file)


def compression(raw: Any) -> str:
    """The compression by the first bytes: gzip, zstd or none (""). Raises StreamError for formats that are not read."""
    head = raw.read(8)
    raw.seek(0)
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    if head.startswith(ZSTD_MAGIC) or (head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F):
        return "zstd"
    for magic, name in UNREAD.items():
        if head.startswith(magic):
            raise StreamError("byte 0", f"{name} is not read; compress the file again with gzip or zstd")
    return ""


def content(raw: Any) -> Iterator[bytes]:
    """The decompressed content in pieces of about a megabyte; raises StreamError at a fault, after all that was good."""
    kind = compression(raw)
    if kind == "gzip":
        return _gzip(raw)
    return _zstd(raw) if kind == "zstd" else _plain(raw)


def _plain(raw: Any) -> Iterator[bytes]:
    while block := raw.read(CHUNK):
        yield block


def guard(consumed: int, produced: int) -> None:
    """Raise StreamError if `produced` bytes out of `consumed` is more than any honest compression gives."""
    if produced > BOMB_BYTES and produced > BOMB_RATIO * consumed:
        raise StreamError(
            f"byte {consumed}", f"decompresses more than {BOMB_RATIO}:1 beyond {BOMB_BYTES:,} bytes; the rest is not read"
        )


def _gzip(raw: Any) -> Iterator[bytes]:
    decoder = zlib.decompressobj(wbits=31)
    consumed = produced = 0
    data = raw.read(READ)
    while data:
        before = len(data)
        try:
            block = decoder.decompress(data, CHUNK)
        except zlib.error as error:
            raise StreamError(f"byte {consumed}", f"gzip stream is damaged ({error}); the rest is not read") from error
        data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
        consumed += before - len(data)
        produced += len(block)
        if block:
            yield block
        guard(consumed, produced)
        if decoder.eof:
            data = (data + raw.read(READ)) if len(data) < 2 else data
            if not data.strip(b"\0") and not raw.read(1):
                return
            if not data.startswith(GZIP_MAGIC):
                raise StreamError(f"byte {consumed}", "what follows the gzip stream is not gzip; it is not read")
            decoder = zlib.decompressobj(wbits=31)
        elif not data:
            data = raw.read(READ)
    if not decoder.eof:
        yield decoder.flush()
        raise StreamError(f"byte {consumed}", "gzip stream is cut short")


def _zstd(raw: Any) -> Iterator[bytes]:
    context = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
    decoder: Any = None
    consumed = produced = 0
    waiting: list[bytes] = []
    size = 0
    fault: StreamError | None = None
    while fault is None and (data := raw.read(READ)):
        view, at = memoryview(data), 0
        while at < len(view) and fault is None:
            decoder = decoder or context.decompressobj()
            feed = bytes(view[at : at + ZSTD_FEED])
            try:
                block = decoder.decompress(feed)
            except zstandard.ZstdError as error:
                fault = StreamError(f"byte {consumed}", f"zstd stream is damaged ({error}); the rest is not read")
                break
            used = len(feed) - len(decoder.unused_data)
            at, consumed, produced = at + used, consumed + used, produced + len(block)
            decoder = None if decoder.eof else decoder
            waiting.append(block)
            size += len(block)
            if size >= CHUNK:
                yield b"".join(waiting)
                waiting, size = [], 0
            try:
                guard(consumed, produced)
            except StreamError as bomb:
                fault = bomb
    if waiting:
        yield b"".join(waiting)
    if fault is None and decoder is not None:
        fault = StreamError(f"byte {consumed}", "zstd stream is cut short")
    if fault is not None:
        raise fault


class Lines(NamedTuple):
    """Whole lines with their ends: byte offset, number of lines before, the bytes (None: one line above the limit), size."""

    offset: int
    before: int
    content: bytes | None
    size: int


class Line(NamedTuple):
    """A line without its end: byte offset and number (from 1) in what was read, its bytes (None: above the limit), size."""

    offset: int
    number: int
    content: bytes | None
    size: int


def blocks_of_lines(blocks: Iterator[bytes], limit: int, offset: int = 0) -> Iterator[Lines]:
    """A stream cut at line ends. A line of more than `limit` bytes is told but not kept, so memory stays bounded.

    On StreamError the lines that were whole come first; the piece of a line before the fault is left out, and the fault raised.
    """
    carry: list[bytes] = []
    carried = before = 0
    for block in blocks:
        cut = block.rfind(b"\n") + 1
        if cut and carried > limit:
            first = block.index(b"\n") + 1
            yield Lines(offset, before, None, carried + first)
            offset, before = offset + carried + first, before + 1
            block, cut, carry, carried = block[first:], cut - first, [], 0
        if cut:
            whole = b"".join((*carry, block[:cut])) if carry else block[:cut]
            yield Lines(offset, before, whole, len(whole))
            offset, before = offset + len(whole), before + whole.count(b"\n")
            block, carry, carried = block[cut:], [], 0
        carried += len(block)
        carry = [*carry, block] if carried <= limit else []
    if carried:
        yield Lines(offset, before, b"".join(carry) if carried <= limit else None, carried)


def split(group: Lines, limit: int) -> Iterator[Line]:
    """The lines of a group, one by one."""
    offset, number = group.offset, group.before + 1
    if group.content is None:
        yield Line(offset, number, None, group.size)
        return
    for content in group.content.removesuffix(b"\n").split(b"\n"):
        size = len(content)
        yield Line(offset, number, content if size <= limit else None, size)
        offset, number = offset + size + 1, number + 1


def lines(blocks: Iterator[bytes], limit: int, offset: int = 0) -> Iterator[Line]:
    """The lines of a stream; see `blocks_of_lines`."""
    for group in blocks_of_lines(blocks, limit, offset):
        yield from split(group, limit)


def newlines(file: File, stop: int) -> int:
    """How many line ends a plain file has before byte `stop`."""
    count = 0
    with open_raw(file) as raw:
        while stop > 0 and (block := raw.read(min(CHUNK, stop))):
            count += block.count(b"\n")
            stop -= len(block)
    return count
