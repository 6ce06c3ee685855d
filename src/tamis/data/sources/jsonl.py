"""JSON Lines, plain, gzip or zstd: one object a line.

Each line stands alone: a bad one is damage with file and line, and the next one is read. What a line gives is defined by a strict
UTF-8 decoder and Python's JSON parser; a block of lines goes through Arrow's parser instead where that gives the same beyond
doubt (a test compares the two). Ids hash the byte offset of the line in the decompressed stream. Decisions: a repeated key means
its last value; half of a surrogate pair becomes U+FFFD; blank lines are no records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.json as pj

from tamis.core.errors import UsageError
from tamis.core.ledger import Damage
from tamis.data.sources.base import Builder, Dropped, File, Files, Part
from tamis.data.sources.stream import Lines, StreamError, blocks_of_lines, compression, content, lines, newlines, open_raw, split

SAMPLE_FILES, SAMPLE_LINES = 16, 20
BOM = b"\xef\xbb\xbf"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
NEWLINE, RETURN, OPEN, CLOSE = b"\n\r{}"
BATCH = 2_000_000  # bytes of lines parsed before their texts become Arrow memory
KINDS = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object", str: "a string"}
ABSENT: Any = object()
DEEP = "is nested too deeply"
INFINITY = re.compile(rb"Inf[\s,}\]]")  # spellings that Arrow reads as numbers and JSON parsers do not


@dataclass(frozen=True)
class Jsonl(Files):
    """JSON Lines. `text` and `url` name the fields that hold them (dots reach into objects); `meta` names fields kept as JSON.

    A record without `text`, with null or with something other than a string there, is damage; `url` may be missing.
    """

    text: str = field(default="text", kw_only=True)
    url: str = field(default="url", kw_only=True)
    meta: tuple[str, ...] = field(default=(), kw_only=True)

    fast: ClassVar[bool] = True  # a test turns it off and compares

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
                for line in lines(content(raw), self.max_document):
                    record = parse(line.content.removeprefix(BOM)) if line.content else None
                    if isinstance(record, dict):
                        yield record
        except StreamError:
            return

    def parts(self, file: File, start: int, stop: int) -> Iterator[Part | Dropped | Damage]:
        rows = self.builder(file)
        fault: Damage | None = None
        with open_raw(file) as raw:
            try:
                first, blocks = line_range(raw, start, stop) if stop >= 0 else (0, content(raw))
                place = _Place(file, first)
                for group in blocks_of_lines(blocks, self.max_document, first):
                    part = self._at_once(rows, group) if self.fast else None
                    if part is None:
                        yield from self._one_by_one(rows, group, place)
                    if rows.ids and (part is not None or rows.size >= BATCH):
                        yield rows.take()
                    if part is not None:
                        yield part
            except StreamError as broken:
                fault = Damage(file.name, broken.where, broken.reason)
        if rows.ids:
            yield rows.take()
        if fault:
            yield fault

    def _at_once(self, rows: Builder, group: Lines) -> Part | None:
        """The rows of a group of lines by Arrow's parser, if that gives beyond doubt what parsing line by line gives."""
        found = arrow_rows(group, (self.text, self.url, *self.meta), self.max_document)
        if found is None:
            return None
        table, starts = found
        if any(table.column(name).null_count for name in (self.text, *self.meta)):
            return None
        metas = ["{}"] * table.num_rows
        if self.meta:
            columns = [table.column(name).to_pylist() for name in self.meta]
            metas = [to_json(dict(zip(self.meta, row, strict=True))) for row in zip(*columns, strict=True)]
        return rows.part(starts, table.column(self.text), table.column(self.url), metas, group.size)

    def _one_by_one(self, rows: Builder, group: Lines, place: _Place) -> Iterator[Dropped | Damage]:
        """Add a group of lines, each on its own: the definition of what a line gives."""
        for line in split(group, self.max_document):
            if line.content is None:
                yield Dropped("too-large", f"{place.file.name}: {place.of(line.number)}")
                continue
            data = line.content if line.offset else line.content.removeprefix(BOM)
            if not line.offset and data[:2] in UTF16:
                raise StreamError("byte 0", "is UTF-16, but JSON Lines are UTF-8; the file is not read")
            if not data.strip():
                continue
            record = parse(data)
            part = self._at_once(rows, Lines(line.offset, 0, data + b"\n", line.size)) if record is DEEP else None
            if part is not None:
                record = {self.text: part.batch["text"][0].as_py(), self.url: part.batch["url"][0].as_py()}
            why = self._add(rows, line.offset, record, line.size) if isinstance(record, dict) else record
            if why:
                yield Damage(place.file.name, place.of(line.number), why)

    def _add(self, rows: Builder, offset: int, record: dict[str, Any], size: int) -> str | None:
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


class _Place:
    """Names lines of a file although only a part of it is read: the lines before are counted when a name is asked for."""

    def __init__(self, file: File, first: int) -> None:
        self.file, self._first, self._before = file, first, -1

    def of(self, number: int) -> str:
        if self._before < 0:
            self._before = newlines(self.file, self._first) if self._first else 0
        return f"line {self._before + number}"


def arrow_rows(group: Lines, names: tuple[str, ...], limit: int) -> tuple[pa.Table, list[int]] | None:
    """The named fields of a group of lines as string columns, and where each line begins.

    None where Arrow's parser could differ from `parse`. Every line must begin with "{" and end with "}": then no object can span
    lines, and as many rows as lines means one each.
    """
    data = group.content
    if data is None or not data.startswith(b"{") or any("." in n for n in names) or len(set(names)) < len(names):
        return None
    codes = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(codes == NEWLINE)
    if not len(ends) or ends[0] < 2 or ends[-1] != len(codes) - 1:
        return None
    last = codes[ends - 1]
    last = np.where(last == RETURN, codes[ends - 2], last)
    starts = np.concatenate(([0], ends[:-1] + 1))
    if (last != CLOSE).any() or (codes[starts] != OPEN).any() or (ends - starts).max() > limit:
        return None
    if (b"Inf" in data and INFINITY.search(data)) or b"-NaN" in data:
        return None
    try:
        _utf8(data).validate(full=True)
        table = pj.read_json(
            pa.BufferReader(data),
            pj.ReadOptions(use_threads=False, block_size=len(data) + 1),
            pj.ParseOptions(explicit_schema=pa.schema([(n, pa.string()) for n in names]), unexpected_field_behavior="ignore"),
        )
    except pa.ArrowException:
        return None
    return (table, (starts + group.offset).tolist()) if table.num_rows == len(ends) else None


def _utf8(data: bytes) -> pa.Array:
    """The bytes as one string value, unchecked and without a copy."""
    return pa.Array.from_buffers(pa.large_string(), 1, [None, pa.py_buffer(np.array([0, len(data)])), pa.py_buffer(data)])


def parse(line: bytes) -> dict[str, Any] | str:
    """The object on a line, or why there is none."""
    try:
        record = json.loads(line.decode())
    except UnicodeDecodeError as error:
        return f"is not UTF-8 (byte 0x{line[error.start]:02x} at position {error.start + 1})"
    except json.JSONDecodeError as error:
        return f"is not JSON ({error.msg} at position {error.pos + 1})"
    except RecursionError:
        return DEEP
    except ValueError:  # an integer of more digits than Python converts
        record = json.loads(line, parse_int=float)
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
