"""JSON Lines, plain, gzip or zstd: one object a line.

Each line stands alone: a bad one is damage with file and line, and the next one is read. There is one path, a strict UTF-8
decoder and Python's JSON parser, so what counts as a row does not depend on speed. Ids hash the byte offset of the line in the
decompressed stream. Decisions: a repeated key means its last value; half of a surrogate pair becomes U+FFFD; blank lines are no
records.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from tamis.core.errors import UsageError
from tamis.core.ledger import Damage
from tamis.data.sources.base import Dropped, File, Files, Part
from tamis.data.sources.stream import StreamError, compression, content, lines, newlines, open_raw

SAMPLE_FILES, SAMPLE_LINES = 16, 20
BOM = b"\xef\xbb\xbf"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
BATCH = 2_000_000  # bytes of lines parsed before their texts become Arrow memory
KINDS = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object", str: "a string"}
ABSENT: Any = object()


@dataclass(frozen=True)
class Jsonl(Files):
    """JSON Lines. `text` and `url` name the fields that hold them (dots reach into objects); `meta` names fields kept as JSON.

    A record without `text`, with null or with something other than a string there, is damage; `url` may be missing.
    """

    text: str = field(default="text", kw_only=True)
    url: str = field(default="url", kw_only=True)
    meta: tuple[str, ...] = field(default=(), kw_only=True)

    def cuts(self, file: File) -> list[tuple[int, int]]:
        """Plain files are cut into ranges of `shard_bytes` (a line belongs to the range it begins in); others are not."""
        with open_raw(file) as raw:
            try:
                if compression(raw):
                    return []
            except StreamError:
                return []
        return [(s, min(s + self.shard_bytes, file.size)) for s in range(0, file.size, self.shard_bytes)]

    def check(self, files: Sequence[File]) -> None:
        """Raise UsageError if none of the first records (20 in each of 16 files) has the text field, naming those it has."""
        names: dict[str, None] = {}
        for file in files[:SAMPLE_FILES]:
            for record in islice(self._sample(file), SAMPLE_LINES):
                if find(record, self.text) is not ABSENT:
                    return
                names.update(dict.fromkeys(record))
        if names:
            known = ", ".join(map(repr, list(names)[:20]))
            raise UsageError(
                f"{files[0].name}: no record has a field {self.text!r}, only {known}; name the one to read with text="
            )

    def _sample(self, file: File) -> Iterator[dict[str, Any]]:
        try:
            with open_raw(file) as raw:
                for group in lines(content(raw), self.max_document):
                    for line in group:
                        record = parse(line.content.removeprefix(BOM)) if line.content else None
                        if isinstance(record, dict):
                            yield record
        except StreamError:
            return

    def parts(self, file: File, start: int, stop: int) -> Iterator[Part | Dropped | Damage]:
        rows = self.builder(file)
        before: int | None = None  # lines of the file before this piece, counted only when a place must be named

        def place(number: int) -> str:
            nonlocal before
            before = newlines(file, first) if before is None else before
            return f"line {before + number}"

        first = start
        fault: Damage | None = None
        with open_raw(file) as raw:
            try:
                first, blocks = line_range(raw, start, stop) if stop >= 0 else (0, content(raw))
                for group in lines(blocks, self.max_document, first):
                    for line in group:
                        if line.content is None:
                            yield Dropped("too-large", f"{file.name}: {place(line.number)}")
                            continue
                        data = line.content if line.offset else line.content.removeprefix(BOM)
                        if not line.offset and data[:2] in UTF16:
                            raise StreamError("byte 0", "is UTF-16, but JSON Lines are UTF-8; the file is not read")
                        if not data.strip():
                            continue
                        record = parse(data)
                        why = self._add(rows, line.offset, record, line.size) if isinstance(record, dict) else record
                        if why:
                            yield Damage(file.name, place(line.number), why)
                    if rows.size >= BATCH:
                        yield rows.take()
            except StreamError as broken:
                fault = Damage(file.name, broken.where, broken.reason)
        if rows.ids:
            yield rows.take()
        if fault:
            yield fault

    def _add(self, rows: Any, offset: int, record: dict[str, Any], size: int) -> str | None:
        """Add one record, or say why it is no row."""
        text = record.get(self.text, ABSENT)
        if text is ABSENT:
            text = find(record, self.text)
        if not isinstance(text, str):
            if text is ABSENT:
                return f"has no field {self.text!r}, only {', '.join(map(repr, list(record)[:20])) or 'an empty object'}"
            return f"field {self.text!r} is {'null' if text is None else KINDS[type(text)] + ', not a string'}"
        url = find(record, self.url)
        meta = {name: value for name in self.meta if (value := find(record, name)) is not ABSENT}
        rows.add(offset, text, url if isinstance(url, str) else "", to_json(meta) if meta else "{}", size)
        return None


def parse(line: bytes) -> dict[str, Any] | str:
    """The object on a line, or why there is none."""
    try:
        record = json.loads(line.decode())
    except UnicodeDecodeError as error:
        return f"is not UTF-8 (byte 0x{line[error.start]:02x} at position {error.start + 1})"
    except json.JSONDecodeError as error:
        return f"is not JSON ({error.msg} at position {error.pos + 1})"
    except RecursionError:
        return "is nested too deeply"
    except ValueError:
        return "holds a number of too many digits"
    return record if isinstance(record, dict) else f"is {KINDS.get(type(record), 'null')}, not an object"


def find(record: dict[str, Any], path: str) -> Any:
    """The value at a field name, or at a dotted path into nested objects; ABSENT if there is none."""
    if path in record or "." not in path:
        return record.get(path, ABSENT)
    value: Any = record
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return ABSENT
        value = value[name]
    return value


def to_json(value: dict[str, Any]) -> str:
    """Compact JSON; NaN and infinities, which JSON does not know, become null, and what it cannot write becomes a string."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))) else value


def line_range(raw: Any, start: int, stop: int) -> tuple[int, Iterator[bytes]]:
    """Offset of the first line that begins in [start, stop), and the bytes of all lines that do."""
    at = start
    if start:
        at = start - 1
        raw.seek(at)
        while at < stop and (block := raw.read(min(1 << 16, stop - at))):
            end = block.find(b"\n")
            at += end + 1 if end >= 0 else len(block)
            if end >= 0:
                break
        else:
            return at, iter(())
    raw.seek(at)
    return at, _until(raw, at, stop)


def _until(raw: Any, at: int, stop: int) -> Iterator[bytes]:
    last = b"\n"
    while at < stop and (block := raw.read(min(1 << 20, stop - at))):
        at += len(block)
        last = block[-1:]
        yield block
    while last != b"\n" and (block := raw.read(1 << 16)):
        end = block.find(b"\n") + 1
        last = block[end - 1 : end] if end else b""
        yield block[:end] if end else block
