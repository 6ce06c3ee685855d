"""Rows of a world as files: JSON Lines, and HTML pages in a WARC.

Invariant: the same rows give the same bytes (record ids and dates are functions of the row; the compressor's version is the only
outside influence). The writers return the truth under the ids that a reader gives: a hash of the file's name and the record's
place.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import io
import json
import uuid
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa

from tamis.data.schema import document_id
from tamis.data.world.draw import Draw
from tamis.data.world.truth import Row, told, truth_table
from tamis.data.world.words import BANNERS, ENGLISH, FAMILY, FOOTERS, NAVIGATION

DATE = "2024-03-0{day}T{hour:02d}:{minute:02d}:00Z"

# (share in 100, encoding, in the HTTP header, in a meta element)
CHARSETS = (
    (72, "utf-8", "utf-8", None),
    (8, "utf-8", None, "utf-8"),
    (6, "iso-8859-1", "ISO-8859-1", None),
    (6, "windows-1252", None, "windows-1252"),
    (4, "utf-8-sig", None, None),
    (2, "utf-16", "utf-16", None),
    (2, "ascii", None, None),
)


def jsonl(path: Path, name: str, rows: Iterable[Row], tell: bool) -> pa.Table:
    """One JSON object a line: text, url, source, the base's meta, and the truth under "planted" if `tell`."""
    kept = []
    at = 0
    with _open(path) as file:
        for row in rows:
            line: dict[str, Any] = {"text": row.base.text, "url": row.url, "source": row.base.source, **row.base.meta}
            if tell:
                line["planted"] = told(row.facts)
            data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
            file.write(data)
            kept.append((document_id(name, at), row))
            at += len(data)
    return truth_table(kept)


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.GzipFile(path, "wb", compresslevel=6, mtime=0))
    if path.suffix == ".zst":
        import zstandard

        return cast(IO[bytes], zstandard.open(path, "wb", cctx=zstandard.ZstdCompressor(level=3)))
    return path.open("wb")


def warc(path: Path, name: str, rows: Iterable[Row]) -> pa.Table:
    """A WARC 1.0 file: a warcinfo record, then a response a row; `.gz` compresses record by record."""
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    class Writer(WARCWriter):
        """warcio compresses at level 9; level 4 takes a third of the time."""

        def _write_warc_record(self, out: IO[bytes], record: Any) -> None:
            buffer = io.BytesIO()
            super()._write_warc_record(buffer, record)
            data = buffer.getvalue()
            if path.suffix == ".gz":
                squeeze = zlib.compressobj(4, zlib.DEFLATED, zlib.MAX_WBITS + 16)
                data = squeeze.compress(data) + squeeze.flush()
            out.write(data)

    kept = []
    with path.open("wb") as file:
        writer = Writer(file, gzip=False)
        info = b"software: tamis world generator\r\nformat: WARC File Format 1.0\r\n"
        writer.write_record(
            writer.create_warc_record("", "warcinfo", payload=io.BytesIO(info), warc_headers_dict=_headers(name, 0))
        )
        for row in rows:
            at = file.tell()
            body, charset = page(row)
            content = "text/html" + (f"; charset={charset}" if charset else "")
            http = StatusAndHeaders(
                "200 OK",
                [("Content-Type", content), ("Content-Length", str(len(body))), ("Server", "world")],
                protocol="HTTP/1.1",
            )
            record = writer.create_warc_record(
                row.url,
                "response",
                payload=io.BytesIO(body),
                http_headers=http,
                warc_headers_dict=_headers(row.url, row.facts.number),
            )
            writer.write_record(record)
            kept.append((document_id(name, at), row))
    return truth_table(kept)


def _headers(name: str, number: int) -> dict[str, str]:
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    date = DATE.format(day=1 + number // 1440 % 9, hour=number // 60 % 24, minute=number % 60)
    return {"WARC-Record-ID": f"<urn:uuid:{uuid.UUID(bytes=digest, version=4)}>", "WARC-Date": date}


def page(row: Row) -> tuple[bytes, str | None]:
    """The row as an HTML page around its text, encoded, and the charset that the HTTP header names (None: none)."""
    draw = Draw("page", row.url)
    die = draw.one(100)
    for share, encoding, header, meta in CHARSETS:  # noqa: B007
        die -= share
        if die < 0:
            break
    title = html.escape(" ".join(row.base.text.split()[:8])[:70])
    declared = f'<meta charset="{meta}">' if meta else ""
    links = [f'<a href="/{word}.html">{html.escape(word)}</a>' for word in ("news", "archive", "contact", "help", "index")]
    side = "".join(f'<li><a href="/pages/{draw.one(9999):07d}.html">{_teaser(draw)}</a></li>' for _ in range(draw.between(3, 9)))
    text = (
        f"<!DOCTYPE html>\n<html><head>{declared}<title>{title}</title><style>nav a {{margin: 2px}}</style></head>\n<body>\n"
        f'<div class="cookie-banner" id="cookie-consent"><p>{draw.pick(BANNERS)}</p><button>OK</button></div>\n'
        f'<header><nav class="menu">{" ".join(links)}</nav><span>{html.escape(draw.pick(NAVIGATION))}</span></header>\n'
        f'<aside class="sidebar"><h3>Latest</h3><ul>{side}</ul></aside>\n'
        f"<main><article><h1>{title}</h1>\n{body(row.base.text)}\n</article></main>\n"
        f'<footer class="footer"><p>{draw.pick(FAMILY)} {draw.between(1999, 2024)}. {draw.pick(FOOTERS)}</p></footer>\n'
        f"<script>var page = {draw.one(9999)};</script>\n</body></html>\n"
    )
    return text.encode(encoding, "xmlcharrefreplace"), header


def _teaser(draw: Draw) -> str:
    nouns = draw.pick(tuple(ENGLISH.topics.values())).nouns.split("|")
    return f"The {draw.pick(nouns)} and the {draw.pick(nouns)}"


def body(text: str) -> str:
    """Blocks of a text as paragraphs; blocks whose line ends matter (indented, or several short lines) keep them."""
    out = []
    for block in text.split("\n\n"):
        lines = block.split("\n")
        escaped = html.escape(block, quote=False)
        laid_out = len(lines) > 1 and (max(map(len, lines)) < 60 or any(line.startswith("  ") for line in lines))
        out.append(f"<pre>{escaped}</pre>" if laid_out else f"<p>{escaped}</p>")
    return "\n".join(out)
