"""Web archives: WARC, WARC.gz, WARC.zst, WET, and ARC.

WARC is read from a `tape` with fastwarc's header parser, ARC by warcio; what lies inside a record is read by `http`.
A fault costs what it covers: reading goes on at the next record that can be found, and the bytes between are damage. Ids hash
the offset of the record in the file as it lies on disk, as a CDX index has it; where many records share a gzip member, with the
bytes into it.

A row is an HTML page (`response` or `resource`) with its source as text, or the plain text of a `conversion` record (WET). All
other records are dropped with their reason: warcinfo, request, metadata, revisit, dns, status (not 2xx), not-html, empty,
too-large, and their own type where it is another.
"""

from __future__ import annotations

import io
import re
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from fastwarc.warc import HeaderMap
from warcio.archiveiterator import ArchiveIterator as WarcioIterator
from warcio.exceptions import ArchiveLoadFailed

from tamis.core.ledger import Damage
from tamis.data.sources.base import Dropped, File, Files, Part
from tamis.data.sources.charset import decode
from tamis.data.sources.http import RecordError, media_type, read_body, sniff_html
from tamis.data.sources.jsonl import to_json
from tamis.data.sources.stream import CHUNK, StreamError, compression, content, open_raw
from tamis.data.sources.tape import SCAN, Tape, unpack

BATCH = 2_000_000
HTML = ("text/html", "application/xhtml+xml")
UNTOLD = ("", "application/octet-stream", "unknown", "unknown/unknown", "no-type")  # the bytes must say what they are
VERSION = re.compile(rb"WARC/\d\.\d+[ \t]*\r?\n")
MAX_HEADER = 1 << 18
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
    block: bytes | None


@dataclass(frozen=True)
class Warc(Files):
    """Web archives; see the module's docstring for what becomes a row."""

    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("fastwarc", "warcio", "resiliparse")

    def parts(self, file: File, start: int, stop: int) -> Iterator[Part | Dropped | Damage]:
        rows = self.builder(file)
        with open_raw(file) as raw:
            for item in archive(raw, file.name, self.max_document):
                if isinstance(item, Damage):
                    yield item
                    continue
                where = f"byte {item.offset}"
                try:
                    page = read_page(item, self.max_document)
                except RecordError as refused:
                    yield Damage(file.name, where, str(refused))
                    continue
                if isinstance(page, str):
                    yield Dropped(page, f"{file.name}: {where}")
                    continue
                text, meta = page
                rows.add(item.offset, text, item.url, to_json(meta), len(item.block or b""))
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
        if not _is_arc(raw):
            yield from _warc(raw, packed, name, limit)
        elif packed == "gzip" and _one_member(raw):
            with tempfile.SpooledTemporaryFile(SPOOL) as plain:
                fault = _unpack(raw, plain)
                yield from _arc(plain, name, limit)
            if fault:
                raise fault
        else:
            yield from _arc(raw, name, limit)
    except StreamError as broken:
        yield Damage(name, broken.where, broken.reason)


def _warc(raw: Any, packed: str, name: str, limit: int) -> Iterator[Record | Damage]:
    """The records of a WARC file; after a fault reading goes on at the next record."""
    tape = Tape(unpack(raw, packed), packed)
    while True:
        while tape.peek(1) in (b"\r", b"\n"):
            tape.skip(1)
        place = tape.label()
        if not tape.ahead(1):
            gap = tape.close_gap()
            if gap is None:
                return
            yield Damage(name, gap.where, gap.reason)
            continue
        headers = _headers(tape)
        length = (headers.get("Content-Length") or "").strip() if headers else ""
        if headers is None or not length.isdecimal():
            _to_next(tape)
            if tape.gap is None:
                yield Damage(
                    name,
                    f"bytes {place}-{tape.label()}",
                    "is no WARC record" if headers is None else "has no valid Content-Length",
                )
            continue
        record, reason = _block(tape, headers, place, int(length), limit)
        if record is not None:
            yield record
        elif tape.gap is None:
            yield Damage(name, f"byte {place}", reason)


def _headers(tape: Tape) -> HeaderMap | None:
    """The WARC header at the present place, passed over; None if there is none."""
    if not VERSION.match(tape.peek(12)):
        return None
    size = tape.find(b"\r\n\r\n", 0, MAX_HEADER) + 4
    bare = tape.find(b"\n\n", 0, size if size >= 4 else MAX_HEADER) + 2
    size = bare if bare >= 2 else size
    if size < 4:
        return None
    headers = HeaderMap()
    try:
        headers.parse(io.BytesIO(tape.peek(size)), has_status_line=True)
    except OSError:
        return None
    tape.skip(size)
    return headers


def _block(tape: Tape, headers: HeaderMap, place: str, length: int, limit: int) -> tuple[Record | None, str]:
    """The record whose header was just read, or why it has none; the tape then stands where the next may begin."""
    if length > limit:
        passed = tape.skip(length)
        return (
            (_record(headers, place, None), "")
            if passed == length
            else (None, f"record is cut short: {passed} of {length} bytes")
        )
    have = tape.ahead(length)
    short = tape.member_within(have)
    if short < 0 and have == length and tape.ahead(length + 9) > length + 4 and b"WARC/" not in tape.peek(length + 9)[length:]:
        short = tape.find(b"\r\n\r\nWARC/1", 0, length)  # what follows is no record, but one begins inside
    have = have if short < 0 else short
    block = tape.take(have)
    return (_record(headers, place, block), "") if have == length else (None, f"record is cut short: {have} of {length} bytes")


def _to_next(tape: Tape) -> None:
    """Pass over what is no record, to where one may begin."""
    tape.skip(1)
    while tape.ahead(CHUNK):
        at = tape.find(b"WARC/", 0, CHUNK)
        if at < 0:
            tape.skip(max(tape.ahead(CHUNK) - 4, 1))
            continue
        tape.skip(at)
        if VERSION.match(tape.peek(12)):
            return
        tape.skip(1)


def _record(headers: HeaderMap, place: str, block: bytes | None) -> Record:
    return Record(
        offset=place,
        kind=(headers.get("WARC-Type") or "unknown").strip().lower(),
        url=clean_url(headers.get("WARC-Target-URI") or ""),
        content_type=(headers.get("Content-Type") or "").lower(),
        date=headers.get("WARC-Date") or "",
        truncated=headers.get("WARC-Truncated") or "",
        block=block,
    )


def _is_arc(raw: Any) -> bool:
    """Whether the file holds ARC records; the stream is left at its start."""
    try:
        head = next(content(raw), b"")
    except StreamError:
        head = b""
    raw.seek(0)
    return head.startswith(b"filedesc:")


def _one_member(raw: Any) -> bool:
    """Whether the second record of an ARC.gz file lies in the gzip member of the first, against the standard."""
    decoder = zlib.decompressobj(wbits=31)
    try:
        head = decoder.decompress(raw.read(SCAN), SCAN)
    except zlib.error:
        head = b""
    raw.seek(0)
    line, _, rest = head.partition(b"\n")
    length = line.rpartition(b" ")[2].strip()
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


def clean_url(url: str) -> str:
    """A target URI without the angle brackets that some crawlers write around it."""
    return url[1:-1] if url.startswith("<") and url.endswith(">") else url


def _arc(raw: Any, name: str, limit: int) -> Iterator[Record | Damage]:
    """The records of an ARC file, through warcio, which finds compression by itself."""
    last = 0
    try:
        records = WarcioIterator(raw, no_record_parse=True, arc2warc=True)
        for item in records:
            headers, length = item.rec_headers, max(int(item.length or 0), 0)
            block = item.raw_stream.read(length) if length <= limit else None
            last = records.get_record_offset()  # only known once the record is read to its end
            if block is not None and len(block) < length:
                yield Damage(name, f"byte {last}", f"record is cut short: {len(block)} of {length} bytes")
                continue
            yield Record(
                offset=str(last),
                kind=item.rec_type,
                url=clean_url(headers.get_header("WARC-Target-URI") or ""),
                content_type=(headers.get_header("Content-Type") or "").lower(),
                date=headers.get_header("WARC-Date") or "",
                truncated="",
                block=block,
            )
    except (ArchiveLoadFailed, OSError, EOFError, ValueError, zlib.error) as error:
        reason = " ".join(str(error).split())[:200]
        yield Damage(name, f"bytes {last}-the end", f"{reason}; the rest of the ARC file is not read")
