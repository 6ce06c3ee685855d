"""Plain text and HTML files: one document a file, a paragraph or a line.

Encodings are found, not demanded: see `charset`. For paragraphs and lines the encoding is that of the file's first 128 KB, and
ids hash the offset in the text as UTF-8; a document that is a whole file has the id of its file.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from tamis.core.errors import UsageError
from tamis.core.ledger import Damage
from tamis.data.sources.base import Dropped, File, Files, Part, Source
from tamis.data.sources.charset import DETECT, MARKS, decode, detect
from tamis.data.sources.jsonl import to_json
from tamis.data.sources.stream import StreamError, content, lines, open_raw

BATCH = 2_000_000


def _whole(source: Source, file: File, html: bool) -> Iterator[Part | Dropped | Damage]:
    """A file as one document."""
    held: list[bytes] = []
    size = 0
    try:
        with open_raw(file) as raw:
            for block in content(raw):
                size += len(block)
                if size > source.max_document:
                    yield Dropped("too-large", file.name)
                    return
                held.append(block)
    except StreamError as broken:
        yield Damage(file.name, broken.where, broken.reason)
        return
    if size == 0:
        return
    text, charset = decode(b"".join(held), html=html)
    rows = source.builder(file)
    rows.add(0, text, "", to_json({"charset": charset}), size)
    yield rows.take()


@dataclass(frozen=True)
class Html(Files):
    """HTML files: the source of each page becomes the text; `Resiliparse` (tamis.data.extract) turns it into prose."""

    def parts(self, file: File, start: int, stop: int) -> Iterator[Part | Dropped | Damage]:
        return _whole(self, file, html=True)


@dataclass(frozen=True)
class Text(Files):
    """Text files. A document is a file, a paragraph (text between blank lines) or a line that is not blank."""

    split: Literal["document", "paragraph", "line"] = field(default="document", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.split not in ("document", "paragraph", "line"):
            raise UsageError(f"Text: split={self.split!r} is not one of document, paragraph, line")

    def parts(self, file: File, start: int, stop: int) -> Iterator[Part | Dropped | Damage]:
        return _whole(self, file, html=False) if self.split == "document" else self._split(file)

    def _split(self, file: File) -> Iterator[Part | Dropped | Damage]:
        rows = self.builder(file)
        fault: Damage | None = None
        with open_raw(file) as raw:
            try:
                for offset, size, data in self._blocks(raw):
                    if data is None:
                        yield Dropped("too-large", f"{file.name}: byte {offset}")
                        continue
                    rows.add(offset, data.decode("utf-8", "replace"), "", "{}", size)
                    if rows.size >= BATCH:
                        yield rows.take()
            except StreamError as broken:
                fault = Damage(file.name, broken.where, broken.reason)
        if rows.ids:
            yield rows.take()
        if fault:
            yield fault

    def _blocks(self, raw: Any) -> Iterator[tuple[int, int, bytes | None]]:
        """Offset, size and bytes (None if too large) of every paragraph or line."""
        first = size = 0
        held: list[bytes] = []
        for line in lines(as_utf8(content(raw)), self.max_document):
            blank = line.content is not None and not line.content.strip()
            if not blank:
                first = first if size else line.offset
                size += line.size + 1
                if line.content is not None and size <= self.max_document + 1:
                    held.append(line.content.rstrip(b"\r"))
            if size and (blank or self.split == "line"):
                yield first, size, b"\n".join(held) if size <= self.max_document + 1 else None
                size, held = 0, []
        if size:
            yield first, size, b"\n".join(held) if size <= self.max_document + 1 else None


def as_utf8(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """A stream in the encoding of its first 128 KB as UTF-8 without a byte order mark; undecodable bytes become U+FFFD."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= DETECT:
            break
    marked = next(((mark, name) for mark, name in MARKS if head.startswith(mark)), None)
    name = marked[1] if marked else detect(head[:DETECT].rpartition(b"\n")[0] or head)
    decoder = codecs.getincrementaldecoder(name)("replace")
    yield decoder.decode(head[len(marked[0]) if marked else 0 :]).encode()
    for block in blocks:
        yield decoder.decode(block).encode()
    yield decoder.decode(b"", final=True).encode()
