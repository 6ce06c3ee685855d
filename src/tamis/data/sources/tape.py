"""A WARC file as one tape of decompressed bytes that remembers where it lies on disk, and goes on after damage.

fastwarc's own iterator passes over three faults without a word (seen with 2.0.1: a last record whose header is cut, bytes after a
block whose Content-Length is too small, a block cut short), and here nothing may be lost silently. So members are unpacked here,
where a fault is seen at its place; fastwarc parses the headers.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from tamis.data.sources.stream import CHUNK, GZIP_MAGIC, StreamError, content, guard

READ = 1 << 16
SCAN = 1 << 20
MEMBER = GZIP_MAGIC + b"\x08"


class Data(NamedTuple):
    """Decompressed bytes; `member` is where on disk the gzip member begins whose first bytes these are, else -1."""

    member: int
    content: bytes


class Gap(NamedTuple):
    """Bytes on disk that could not be read; what follows begins anew."""

    where: str
    reason: str


def unpack(raw: Any, packed: str) -> Iterator[Data | Gap]:
    """The content of an archive in order; after a damaged gzip member it goes on at the next one."""
    if packed == "gzip":
        yield from _members(raw)
        return
    try:
        for block in content(raw):
            yield Data(-1, block)
    except StreamError as broken:
        yield Gap(broken.where, broken.reason)


def _members(raw: Any) -> Iterator[Data | Gap]:
    start, data = 0, raw.read(READ)
    while data:
        decoder = zlib.decompressobj(wbits=31)
        consumed = produced = 0
        member = start
        try:
            if not data.strip(b"\0"):
                data = raw.read(READ)
                start += READ
                continue
            while not decoder.eof and data:
                block = decoder.decompress(data, CHUNK)
                rest = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
                consumed += len(data) - len(rest)
                yield Data(member if not produced else -1, block)
                produced += len(block)
                guard(consumed, produced)
                data = rest or raw.read(READ)
            if not decoder.eof:
                yield Gap(f"bytes {member}-{member + consumed}", "gzip stream is cut short")
            start += consumed
        except (zlib.error, StreamError) as error:
            following = _next_member(raw, member + 1)
            reason = error.reason if isinstance(error, StreamError) else f"gzip stream is damaged ({error})"
            yield Gap(f"bytes {member}-{'the end' if following is None else following}", reason)
            if following is None:
                return
            raw.seek(following)
            start, data = following, raw.read(READ)


def _next_member(raw: Any, start: int) -> int | None:
    """Where from `start` on the next gzip member with a WARC record begins."""
    raw.seek(start)
    position, held = start, b""
    while block := raw.read(SCAN):
        held += block
        at = held.find(MEMBER)
        while at >= 0:
            if _is_record(raw, position + at):
                return position + at
            at = held.find(MEMBER, at + 1)
        keep = len(MEMBER) - 1
        position += max(len(held) - keep, 0)
        held = held[-keep:]
    return None


def _is_record(raw: Any, offset: int) -> bool:
    here = raw.tell()
    raw.seek(offset)
    head = raw.read(4096)
    raw.seek(here)
    try:
        return zlib.decompressobj(wbits=31).decompress(head, 64).startswith(b"WARC/")
    except zlib.error:
        return False


class Tape:
    """Reads the content forward, with a look ahead. `gap` is set when a damaged place lies before the next byte."""

    def __init__(self, events: Iterator[Data | Gap], packed: str) -> None:
        self.gap: Gap | None = None
        self._events = events
        self._packed = packed
        self._buffer = bytearray()
        self._at = 0  # in the buffer
        self._passed = 0  # bytes before the buffer
        self._members: list[tuple[int, int]] = [(0, 0)]  # (position on the tape, offset on disk) of member starts, ascending

    @property
    def position(self) -> int:
        return self._passed + self._at

    def label(self) -> str:
        """The present place as an id and a message name it: the offset on disk, or that of the member "+" the bytes into it."""
        if self._packed != "gzip":
            return str(self.position)
        start, offset = next((m for m in reversed(self._members) if m[0] <= self.position), (0, 0))
        inside = self.position - start
        return f"{offset}+{inside}" if inside else str(offset)

    def ahead(self, size: int) -> int:
        """How many of the next `size` bytes there are before a gap or the end."""
        while len(self._buffer) - self._at < size and self._pull():
            pass
        return min(len(self._buffer) - self._at, size)

    def peek(self, size: int) -> bytes:
        have = self.ahead(size)
        return bytes(self._buffer[self._at : self._at + have])

    def find(self, mark: bytes, start: int, limit: int) -> int:
        """How far ahead `mark` begins, looked for from `start` on within `limit` bytes; -1 if it does not."""
        have = 0
        while True:
            found = self._buffer.find(mark, self._at + max(start, have - len(mark)), self._at + limit)
            if found >= 0:
                return found - self._at
            have = len(self._buffer) - self._at
            if have >= limit or not self._pull():
                return -1

    def skip(self, size: int) -> int:
        """Pass over up to `size` bytes; returns how many there were."""
        left = size
        while left > 0 and (have := self.ahead(min(left, CHUNK))):
            self._at += have
            left -= have
            self._trim()
        return size - left

    def take(self, size: int) -> bytes:
        data = self.peek(size)
        self._at += len(data)
        self._trim()
        return data

    def member_within(self, size: int) -> int:
        """How far ahead, within `size` bytes, a member begins that holds a record; -1 if none does."""
        for position, _ in self._members:
            inside = position - self.position
            if 0 < inside < size and self._buffer.startswith(b"WARC/", self._at + inside):
                return inside
        return -1

    def close_gap(self) -> Gap | None:
        """The gap that stopped the tape, once; what lies before it is passed over."""
        gap, self.gap = self.gap, None
        return gap

    def _trim(self) -> None:
        if self._at > CHUNK:
            self._passed += self._at
            del self._buffer[: self._at]
            self._at = 0
            while len(self._members) > 1 and self._members[1][0] <= self._passed:
                self._members.pop(0)

    def _pull(self) -> bool:
        if self.gap is not None:
            return False
        event = next(self._events, None)
        if event is None:
            return False
        if isinstance(event, Gap):
            self.gap = event
            return False
        if event.member >= 0:
            self._members.append((self._passed + len(self._buffer), event.member))
        self._buffer += event.content
        return True
