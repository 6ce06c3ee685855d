"""Web archives: WARC, WARC.gz, WARC.zst, WET, and ARC.

fastwarc cuts a WARC file into records, warcio reads ARC; what lies inside a record is read in one place (`http`). A fault costs
what it covers: reading goes on at the next record that can be found, and the bytes between are damage. Ids hash the offset of
the record in the file as it lies on disk, as a CDX index has it; where many records share one gzip member, the offset in the
decompressed stream.

A row is an HTML page (`response` or `resource`) with its source as text, or the plain text of a `conversion` record (WET). All
other records are dropped with their reason: warcinfo, request, metadata, revisit, dns, status (not 2xx), not-html, empty,
too-large, and their own type where it is another.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from fastwarc.warc import ArchiveIterator
from warcio.archiveiterator import ArchiveIterator as WarcioIterator
from warcio.exceptions import ArchiveLoadFailed

from tamis.core.ledger import Damage
from tamis.data.sources.base import Dropped, File, Files, Part
from tamis.data.sources.charset import decode
from tamis.data.sources.http import RecordError, media_type, read_body, sniff_html
from tamis.data.sources.jsonl import to_json
from tamis.data.sources.stream import BOMB_BYTES, StreamError, compression, content, guard, open_raw

BATCH = 2_000_000
SCAN = 1 << 20
HTML = ("text/html", "application/xhtml+xml")
UNTOLD = ("", "application/octet-stream", "unknown", "unknown/unknown", "no-type")  # the bytes must say what they are
MEMBER = b"\x1f\x8b\x08"
SPOOL = 64_000_000


@dataclass(frozen=True)
class Record:
    """A record of any archive: where it begins, its type and headers, and its block (None if it is above the limit)."""

    offset: str
    kind: str
    url: str
    content_type: str
    date: str
    truncated: str
    declared: int
    block: bytes | None


@dataclass(frozen=True)
class Warc(Files):
    """Web archives; see the module's docstring for what becomes a row."""

    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("fastwarc", "warcio", "resiliparse")

    def parts(self, file: File, start: int, stop: int) -> Iterator[Part | Dropped | Damage]:
        rows = self.builder(file)
        seen: set[str] = set()
        with open_raw(file) as raw:
            for item in archive(raw, file.name, self.max_document):
                if isinstance(item, Damage):
                    yield item
                    continue
                where = f"byte {item.offset}"
                if item.block is not None and len(item.block) < item.declared:
                    yield Damage(file.name, where, f"record is cut short: {len(item.block)} of {item.declared} bytes")
                    continue
                try:
                    page = read_page(item, self.max_document)
                except RecordError as refused:
                    yield Damage(file.name, where, str(refused))
                    continue
                if isinstance(page, str):
                    yield Dropped(page, f"{file.name}: {where}")
                    continue
                text, meta = page
                locator = item.offset
                while locator in seen:
                    locator += "+"
                seen.add(locator)
                rows.add(locator, text, item.url, to_json(meta), len(item.block or b""))
                if rows.size >= BATCH:
                    yield rows.take()
        if rows.ids:
            yield rows.take()


def read_page(record: Record, limit: int) -> tuple[str, dict[str, Any]] | str:
    """Text and meta of a record, or the reason it is set aside. Raises RecordError if it is damaged."""
    if record.kind not in ("response", "resource", "conversion"):
        return record.kind
    if record.content_type.startswith("text/dns") or record.url.startswith("dns:"):
        return "dns"
    if record.block is None:
        return "too-large"
    body, kind, incomplete = record.block, record.content_type, ""
    if record.kind == "response" and record.block[:5] == b"HTTP/":
        message = read_body(record.block, limit)
        if not 200 <= message.status < 300:
            return "status"
        body, kind, incomplete = message.body, message.content_type, message.incomplete
        if message.too_large:
            return "too-large"
    media = media_type(kind)
    plain = record.kind == "conversion" and media in ("text/plain", "")
    if not plain and media not in HTML and not (media in UNTOLD and sniff_html(body)):
        return "not-html"
    if not body.strip():
        return "empty"
    text, charset = decode(body, kind, html=not plain)
    meta = {"date": record.date, "charset": charset} | ({"incomplete": why} if (why := incomplete or record.truncated) else {})
    return text, meta


def archive(raw: Any, name: str, limit: int) -> Iterator[Record | Damage]:
    """Every record of an archive, in order, and the damage between."""
    try:
        packed = compression(raw)
        records = _arc if _head(raw).startswith(b"filedesc:") else _warc
        if packed == "gzip" and _one_member(raw):
            with tempfile.SpooledTemporaryFile(SPOOL) as plain:
                fault = _unpack(raw, plain)
                yield from records(plain, "", name, limit)
            if fault:
                raise fault
        elif raw.read(1):
            raw.seek(0)
            yield from records(raw, packed, name, limit)
    except StreamError as broken:
        yield Damage(name, broken.where, broken.reason)


def _head(raw: Any) -> bytes:
    """The first bytes of what the file holds."""
    raw.seek(0)
    try:
        head = next(content(raw), b"")[:4096]
    except StreamError:
        head = b""
    raw.seek(0)
    return head


def _one_member(raw: Any) -> bool:
    """Whether the second record of a gzip file lies in the member of the first, against the standard."""
    decoder = zlib.decompressobj(wbits=31)
    try:
        head = decoder.decompress(raw.read(SCAN), SCAN)
    except zlib.error:
        head = b""
    raw.seek(0)
    if head.startswith(b"filedesc:"):
        line, _, rest = head.partition(b"\n")
        length = line.rpartition(b" ")[2].strip()
    else:
        headers, _, rest = head.partition(b"\r\n\r\n")
        length = next((line[15:].strip() for line in headers.split(b"\r\n") if line[:15].lower() == b"content-length:"), b"")
    return length.isdigit() and bool(rest[int(length) :].strip(b"\r\n"))


def _unpack(raw: Any, to: Any) -> StreamError | None:
    """Decompress a whole stream to a temporary file; a fault ends it and is returned."""
    fault: StreamError | None = None
    try:
        for block in content(raw):
            to.write(block)
    except StreamError as broken:
        fault = broken
    to.seek(0)
    return fault


def _warc(raw: Any, packed: str, name: str, limit: int) -> Iterator[Record | Damage]:
    """The records of a WARC file; after a fault reading goes on at the next record."""
    start = 0
    while True:
        last = start
        found = False
        try:
            raw.seek(start)
            window = _Window(raw, start)
            for item in ArchiveIterator(window, parse_http=False, auto_decode="none", strict_mode=False):
                last, found = start + item.stream_pos, True
                yield _record(item, last, limit, window)
            return
        except OSError as error:
            reason = str(error)
        following = _next(raw, last + 1, packed)
        until = "the end" if following is None else str(following)
        yield Damage(name, f"bytes {last}-{until}", f"{reason}{' after the record that begins here' if found else ''}")
        if following is None:
            return
        start = following


class _Window:
    """A file from `start` on, told apart from what lies before it; counts what was read."""

    def __init__(self, raw: Any, start: int) -> None:
        self.raw, self.start, self.consumed = raw, start, 0

    def read(self, size: int = -1) -> bytes:
        block: bytes = self.raw.read(size)
        self.consumed += len(block)
        return block

    def seek(self, offset: int, whence: int = 0) -> int:
        position: int = self.raw.seek(offset + self.start if whence == 0 else offset, whence)
        return position - self.start

    def tell(self) -> int:
        position: int = self.raw.tell()
        return position - self.start

    def close(self) -> None:
        """The file belongs to the caller."""


def _record(item: Any, offset: int, limit: int, window: _Window) -> Record:
    block: bytes | None = None
    if item.content_length <= limit:
        block = item.reader.read()
    elif item.content_length > BOMB_BYTES:
        left, before = item.content_length, window.consumed
        while left > 0 and (passed := item.reader.consume(min(left, SPOOL))):
            left -= passed
            guard(window.consumed - before + (1 << 16), item.content_length - left)
    headers = item.headers
    return Record(
        offset=str(offset),
        kind=str(item.record_type),
        url=clean_url(headers.get("WARC-Target-URI") or ""),
        content_type=(headers.get("Content-Type") or "").lower(),
        date=headers.get("WARC-Date") or "",
        truncated=headers.get("WARC-Truncated") or "",
        declared=item.content_length,
        block=block,
    )


def clean_url(url: str) -> str:
    """A target URI without the angle brackets that some crawlers write around it."""
    return url[1:-1] if url.startswith("<") and url.endswith(">") else url


def _next(raw: Any, start: int, packed: str) -> int | None:
    """The offset of the next place from `start` on where a record begins."""
    mark = MEMBER if packed == "gzip" else b"WARC/1."
    raw.seek(start)
    position, held = start, b""
    while block := raw.read(SCAN):
        held += block
        at = held.find(mark)
        while at >= 0:
            if _begins(raw, position + at, packed):
                return position + at
            at = held.find(mark, at + 1)
        keep = len(mark) - 1
        position += len(held) - keep
        held = held[-keep:]
    return None


def _begins(raw: Any, offset: int, packed: str) -> bool:
    """Whether a record begins at `offset`; the stream is left where it was."""
    here = raw.tell()
    raw.seek(max(offset - 1, 0))
    before = raw.read(1) if offset else b"\n"
    head = raw.read(4096)
    raw.seek(here)
    if packed == "gzip":
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, 64)
        except zlib.error:
            return False
    elif before not in (b"\n", b"\0"):
        return False
    return bool(head.startswith(b"WARC/"))


def _arc(raw: Any, packed: str, name: str, limit: int) -> Iterator[Record | Damage]:
    """The records of an ARC file, through warcio, which finds compression by itself."""
    last = 0
    try:
        records = WarcioIterator(raw, no_record_parse=True, arc2warc=True)
        for item in records:
            headers, length = item.rec_headers, max(int(item.length or 0), 0)
            block = item.raw_stream.read(length) if length <= limit else None
            last = records.get_record_offset()  # only known once the record is read to its end
            yield Record(
                offset=str(last),
                kind=item.rec_type,
                url=clean_url(headers.get_header("WARC-Target-URI") or ""),
                content_type=(headers.get_header("Content-Type") or "").lower(),
                date=headers.get_header("WARC-Date") or "",
                truncated="",
                declared=length,
                block=block,
            )
    except (ArchiveLoadFailed, OSError, EOFError, ValueError, zlib.error) as error:
        reason = " ".join(str(error).split())[:200]
        yield Damage(name, f"bytes {last}-the end", f"{reason}; the rest of the ARC file is not read")
