"""Parquet files: one row a document; ids hash the row's number in its file.

A row group is read on its own: one that cannot be decoded is damage, the others are read. Values that Parquet accepts and a
document does not (null, text that is not UTF-8) are damage with the row's number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tamis.core.errors import UsageError
from tamis.core.ledger import Damage
from tamis.data.sources.base import Dropped, File, Files, Part
from tamis.data.sources.jsonl import SAMPLE_FILES, to_json
from tamis.data.sources.stream import open_raw

ROWS = 1024  # rows decoded at a time


@dataclass(frozen=True)
class ParquetFiles(Files):
    """Parquet. `text` and `url` name the columns that hold them; `meta` names columns kept as JSON; `url` may be missing."""

    text: str = field(default="text", kw_only=True)
    url: str = field(default="url", kw_only=True)
    meta: tuple[str, ...] = field(default=(), kw_only=True)

    def cuts(self, file: File) -> list[tuple[int, int]]:
        """Ranges of row groups that hold about `shard_bytes` each."""
        with open_raw(file) as raw:
            table = _opened(raw)
            if isinstance(table, str):
                return []
            sizes = [table.metadata.row_group(i).total_byte_size for i in range(table.metadata.num_row_groups)]
        out: list[tuple[int, int]] = []
        start, held = 0, 0
        for i, size in enumerate(sizes):
            held += size
            if held >= self.shard_bytes or i == len(sizes) - 1:
                out.append((start, i + 1))
                start, held = i + 1, 0
        return out

    def check(self, files: Sequence[File]) -> None:
        """Raise UsageError if none of the first 16 files has a text column of strings, naming the columns there are."""
        faults = []
        for file in files[:SAMPLE_FILES]:
            with open_raw(file) as raw:
                table = _opened(raw)
                if isinstance(table, str):
                    continue
                why = self._unfit(table.schema_arrow)
            if why is None:
                return
            faults.append(f"{file.name}: {why}; name the one to read with text=")
        if faults:
            raise UsageError(faults[0])

    def _unfit(self, schema: pa.Schema) -> str | None:
        """Why no row of a file of this schema can be read, or None."""
        if self.text not in schema.names:
            return f"has no column {self.text!r}, only {', '.join(map(repr, schema.names[:20]))}"
        type = schema.field(self.text).type
        type = type.value_type if pa.types.is_dictionary(type) else type
        if not (pa.types.is_string(type) or pa.types.is_large_string(type) or pa.types.is_string_view(type)):
            return f"column {self.text!r} holds {type}, not strings"
        return None

    def parts(self, file: File, start: int, stop: int) -> Iterator[Part | Dropped | Damage]:
        with open_raw(file) as raw:
            table = _opened(raw)
            why = table if isinstance(table, str) else self._unfit(table.schema_arrow)
            if why is not None or isinstance(table, str):
                yield Damage(file.name, "whole file", why or "")
                return
            wanted = list(dict.fromkeys(n for n in (self.text, self.url, *self.meta) if n in table.schema_arrow.names))
            counts = [table.metadata.row_group(i).num_rows for i in range(table.metadata.num_row_groups)]
            for group in range(start, stop if stop >= 0 else len(counts)):
                yield from self._group(file, table, group, sum(counts[:group]), counts[group], wanted)

    def _group(
        self, file: File, table: Any, group: int, row: int, count: int, wanted: list[str]
    ) -> Iterator[Part | Dropped | Damage]:
        end = row + count
        try:
            for batch in table.iter_batches(ROWS, row_groups=[group], columns=wanted, use_threads=False):
                yield from self._batch(file, batch, row)
                row += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            reason = str(error).strip().splitlines()[0]
            yield Damage(file.name, f"rows {row}-{end - 1} (row group {group})", f"cannot be decoded ({reason})")

    def _batch(self, file: File, batch: pa.RecordBatch, row: int) -> Iterator[Part | Dropped | Damage]:
        rows = self.builder(file)
        texts, urls = _texts(batch, self.text), _texts(batch, self.url)
        metas = batch.select([n for n in self.meta if n in batch.schema.names]).to_pylist()
        for i, text in enumerate(texts):
            if isinstance(text, bytes):
                yield Damage(file.name, f"row {row + i}", f"column {self.text!r} is not UTF-8")
            elif text is None:
                yield Damage(file.name, f"row {row + i}", f"column {self.text!r} is null")
            elif (size := len(text.encode())) > self.max_document:
                yield Dropped("too-large", f"{file.name}: row {row + i}")
            else:
                url = urls[i] if urls else None
                rows.add(row + i, text, url if isinstance(url, str) else "", to_json(metas[i]) if self.meta else "{}", size)
            if rows.size >= self.shard_bytes:
                yield rows.take()
        if rows.ids:
            yield rows.take()


def _opened(raw: Any) -> Any:
    """The opened file, or why it cannot be opened."""
    try:
        return pq.ParquetFile(raw)
    except (pa.ArrowException, OSError) as error:
        return f"is not a readable Parquet file ({str(error).strip().splitlines()[0]})"


def _texts(batch: pa.RecordBatch, name: str) -> list[str | bytes | None]:
    """A column as Python values: None for null, bytes for text that is not UTF-8 (Arrow does not look); empty if absent."""
    if name not in batch.schema.names:
        return []
    column = batch.column(name)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        try:
            column = pc.cast(column, pa.large_string())
        except pa.ArrowException:
            return [None] * len(column)
    out: list[str | bytes | None] = []
    for value in column.cast(pa.large_binary()).to_pylist():
        try:
            out.append(None if value is None else value.decode())
        except UnicodeDecodeError:
            out.append(value)
    return out
