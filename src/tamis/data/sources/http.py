"""What a crawler stored of an HTTP answer: header and body, as servers and crawlers really wrote them.

The body is undone as far as it goes: chunks (also where a header promises them and none are there), gzip, deflate, brotli, zstd
(also where the crawler had already unpacked it). A body that ends early is kept as far as it was read and marked, as a browser
would show it; only one of which nothing can be read is refused.
"""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import dataclass
from typing import Any

import zstandard
from fastwarc.stream_io import BrotliReader

STATUS = re.compile(rb"HTTP/\d(?:\.\d)?\s+(\d{3})")
CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
HTML_TAG = re.compile(rb"<\s*(?:!doctype\s+html|html|head|body|title|meta|div|p|table|h1)\b", re.IGNORECASE)
MAX_HEADER = 1 << 18


class RecordError(Exception):
    """Nothing can be made of this record; the message says why."""


@dataclass(frozen=True)
class Message:
    """An HTTP answer: its body is decoded, and `incomplete` says what was missing at its end."""

    status: int
    content_type: str
    body: bytes
    incomplete: str
    too_large: bool


def read_body(block: bytes, limit: int) -> Message:
    """Parse header and body; at most `limit` bytes of body are decoded. Raises RecordError."""
    header, body = _split(block)
    found = STATUS.match(header)
    if not found:
        raise RecordError("HTTP status line cannot be read")
    status = int(found.group(1))
    fields = _fields(header)
    content_type = fields.get("content-type", "")
    incomplete = ""
    if not 200 <= status < 300:
        return Message(status, content_type, b"", "", False)
    if "chunked" in fields.get("transfer-encoding", "").lower():
        body, incomplete = dechunk(body)
    for coding in reversed([c.strip().lower() for c in fields.get("content-encoding", "").split(",")]):
        body, cut = uncompress(body, coding, limit)
        incomplete = incomplete or cut
    return Message(status, content_type, body[:limit], incomplete, len(body) > limit)


def media_type(content_type: str) -> str:
    """The type without its parameters, in lower case."""
    return content_type.partition(";")[0].partition(",")[0].strip().lower()


def sniff_html(body: bytes) -> bool:
    """Whether a body of no stated type begins like HTML."""
    return bool(HTML_TAG.search(body[:1024]))


def _split(block: bytes) -> tuple[bytes, bytes]:
    """Header and body: the header ends at the first empty line, however lines end."""
    end, width = block.find(b"\r\n\r\n", 0, MAX_HEADER), 4
    for mark in (b"\n\n", b"\r\r"):
        earlier = block.find(mark, 0, end if end >= 0 else MAX_HEADER)
        end, width = (earlier, 2) if earlier >= 0 else (end, width)
    return (block[:MAX_HEADER], b"") if end < 0 else (block[:end], block[end + width :])


def _fields(header: bytes) -> dict[str, str]:
    """Header fields by lower-case name; of repeated ones the first, and lines that are none are passed over."""
    out: dict[str, str] = {}
    for line in re.sub(r"\r?\n[ \t]+", " ", header.decode("latin-1")).splitlines()[1:]:
        name, colon, value = line.partition(":")
        if colon:
            out.setdefault(name.strip().lower(), value.strip())
    return out


def dechunk(body: bytes) -> tuple[bytes, str]:
    """Undo chunked transfer encoding. A body without chunks is returned as it is; one that stops making sense, up to there."""
    out: list[bytes] = []
    at = 0
    while at < len(body):
        found = CHUNK_SIZE.match(body, at)
        if not found:
            return (body, "") if not out else (b"".join(out) + body[at:], "chunks")
        size = int(found.group(1), 16)
        if size == 0:
            return b"".join(out), ""
        start = found.end()
        piece = body[start : start + size]
        if not out and len(piece) < size and not body[start:].rstrip().endswith(b"0"):
            return (piece, "chunks") if piece else (body, "")
        out.append(piece)
        at = start + size
        at += 2 if body[at : at + 2] == b"\r\n" else 1 if body[at : at + 1] == b"\n" else 0
    return b"".join(out), "chunks"


def uncompress(body: bytes, coding: str, limit: int) -> tuple[bytes, str]:
    """Undo one content coding, to at most `limit` + 1 bytes, and say what was missing. Raises RecordError."""
    readers = {"gzip": _gzip, "x-gzip": _gzip, "deflate": _deflate, "br": _brotli, "zstd": _zstd}
    if coding not in readers or not body:
        return body, ""
    out, cut = readers[coding](body, limit + 1)
    if out or not cut:
        return out, cut
    if _is_text(body):  # the crawler had unpacked it and kept the header
        return body, ""
    raise RecordError(f"body says {coding} but cannot be decompressed")


def _is_text(body: bytes) -> bool:
    head = body[:512]
    return b"\0" not in head and sum(c < 9 or 13 < c < 32 for c in head) <= len(head) // 50


def _inflate(body: bytes, limit: int, wbits: int) -> tuple[bytes, str]:
    decoder = zlib.decompressobj(wbits=wbits)
    out = bytearray()
    view = memoryview(body)
    try:
        for at in range(0, len(body), 4096):  # small steps, so that what precedes a fault is kept
            out += decoder.decompress(view[at : at + 4096], limit - len(out))
            if decoder.eof or len(out) >= limit:
                return bytes(out), ""
    except zlib.error:
        return bytes(out), "compression"
    return bytes(out), "compression"


def _gzip(body: bytes, limit: int) -> tuple[bytes, str]:
    return _inflate(body, limit, 31)


def _deflate(body: bytes, limit: int) -> tuple[bytes, str]:
    """zlib as the standard says, raw deflate as some servers send."""
    out, cut = _inflate(body, limit, 15)
    return (out, cut) if out or not cut else _inflate(body, limit, -15)


def _reading(reader: Any, limit: int) -> tuple[bytes, str]:
    out = bytearray()
    try:
        while len(out) < limit and (block := reader.read(min(1 << 16, limit - len(out)))):
            out += block
    except (OSError, ValueError, zstandard.ZstdError):
        return bytes(out), "compression"
    return bytes(out), "" if out else "compression"


def _brotli(body: bytes, limit: int) -> tuple[bytes, str]:
    return _reading(BrotliReader(io.BytesIO(body)), limit)


def _zstd(body: bytes, limit: int) -> tuple[bytes, str]:
    return _reading(zstandard.ZstdDecompressor().stream_reader(body), limit)
