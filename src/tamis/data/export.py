"""Writing a curated dataset for other people's tools.

Exports are steps like any other (kept in the store, resumed shard by shard, the same bytes for any number of workers); `tamis
build` links their files into the folder the user names. Rows carry id (hex), text, url, source, licence, meta and the scores
that were computed beside this text; dropped rows carry the reason and its evidence as well.

Token layout "flat": `NAME.bin` holds the documents one after another, each framed by the tokenizer's BOS and EOS, as
little-endian uint16 (uint32 above 65,536 ids); `NAME.idx` holds documents + 1 little-endian int64 offsets, in tokens, into
it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.core.step import DROPPED, Inputs, Operator, Output, Piece, Published, Where
from tamis.data.select import kept
from tamis.lm.tokenizer import Tokenizer

FORMATS = ("parquet", "jsonl.zst", "jsonl")


@dataclass(frozen=True)
class Export(Operator):
    """Inputs: text, selection, then columns beside the text. One file a shard, with the kept rows (or the dropped ones).

    `edited`: the last input is the edit that read this text and selection; the rows it dropped count as dropped.
    """

    format: str = "parquet"
    scores: tuple[str, ...] = ()
    dropped: bool = False
    edited: bool = False
    kind: ClassVar[str] = "export"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        total = len(inputs[0].shards)
        return [Piece(f"{i:05d}", (s.name, i, total), float(s.bytes)) for i, s in enumerate(inputs[0].shards)]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        name, index, total = piece.spec
        selection = inputs[1].read(name)
        text = inputs[0].read(name)
        if self.edited:
            selection = _with_edit(selection, text.column("id"), inputs[-1], DROPPED + name)
        mask = kept(selection)
        table = _public(text)
        for label, columns in zip(self.scores, inputs[2:], strict=not self.edited):
            scores = columns.read(name)
            for column in scores.schema.names:
                full = label if column == "value" else f"{label}.{column}"
                table = table.append_column(full, scores.column(column))
        if self.dropped:
            table = table.append_column("reason", selection.column("reason"))
            table = table.append_column("evidence", selection.column("evidence"))
        table = table.filter(pa.array(~mask if self.dropped else mask))
        out.ledger.rows_in = out.ledger.rows_out = table.num_rows
        out.facts.update(rows=table.num_rows, bytes=pc.sum(pc.binary_length(table.column("text"))).as_py() or 0)
        if not table.num_rows:
            return  # some readers (`datasets`) refuse a file without rows
        stem = f"{'removed' if self.dropped else 'train'}-{index:05d}-of-{total:05d}.{self.format}"
        if self.format == "parquet":
            out.write(stem, table)
        else:
            data = to_jsonl(table)
            path = out.path(stem)
            path.write_bytes(_zstd(data) if self.format.endswith(".zst") else data)

    def summary(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return {"rows": 0, "bytes": 0} | super().summary(facts)


@dataclass(frozen=True)
class ExportTokens(Operator):
    """Inputs: token shards, tokenizer. The layout "flat" of the module's docstring, one pair of files a shard."""

    kind: ClassVar[str] = "export"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        tokenizer = Tokenizer.load(inputs[1].path)
        before, after = (np.array(ids, tokenizer.dtype) for ids in tokenizer.frame)
        tokens = inputs[0].read(piece.spec).column("tokens")
        documents = [np.concatenate([before, np.asarray(t.values), after]) for t in tokens]
        sizes = np.array([0, *(len(d) for d in documents)], np.int64)
        flat = np.concatenate([*documents, np.empty(0, tokenizer.dtype)])
        flat.astype(tokenizer.dtype.newbyteorder("<")).tofile(out.path(f"tokens-{piece.name}.bin"))
        np.cumsum(sizes).astype("<i8").tofile(out.path(f"tokens-{piece.name}.idx"))
        out.ledger.rows_in = out.ledger.rows_out = len(documents)
        out.facts.update(documents=len(documents), tokens=len(flat))


def _with_edit(selection: pa.Table, ids: pa.ChunkedArray, edited: Published, name: str) -> pa.Table:
    """The selection that an edit read, with the rows that the edit dropped."""
    if name not in {s.name for s in edited.dropped}:
        return selection
    gone = edited.read(name)
    rows = pc.index_in(ids, gone.column("id").combine_chunks())
    both = {c: pc.coalesce(selection.column(c), gone.column(c).take(rows)) for c in ("reason", "evidence")}
    return pa.table(both, schema=selection.schema)


def _public(table: pa.Table) -> pa.Table:
    """Id as hex, and the licence lifted out of meta."""
    meta = table.column("meta").to_pylist()
    licences = pa.array([_licence(m) if "licen" in m else "" for m in meta], pa.string())
    ids = pa.array([i.hex() for i in table.column("id").to_pylist()], pa.string())
    return pa.table(
        {
            "id": ids,
            "text": table.column("text"),
            "url": table.column("url"),
            "source": table.column("source"),
            "licence": licences,
            "meta": table.column("meta"),
        }
    )


def _licence(meta: str) -> str:
    value: Any = json.loads(meta)
    found = value.get("licence", value.get("license", "")) if isinstance(value, dict) else ""
    return found if isinstance(found, str) else json.dumps(found)


_quote = json.JSONEncoder(ensure_ascii=False).encode


def to_jsonl(table: pa.Table) -> bytes:
    """One JSON object a line, keys in the order of the columns, UTF-8; NaN and infinities, which JSON does not know, are null.

    Made column by column: Arrow writes the numbers, and joins everything into one buffer.
    """
    if not table.num_rows:
        return b""
    parts: list[Any] = []
    for name, column in zip(table.schema.names, table.columns, strict=True):
        parts += [pa.scalar(f"{', ' if parts else '{'}{_quote(name)}: ", pa.large_string()), _json(column)]
    lines = pc.binary_join_element_wise(*parts, pa.scalar("}\n", pa.large_string()), pa.scalar("", pa.large_string()))
    start, stop = np.frombuffer(lines.buffers()[1], np.int64)[[lines.offset, lines.offset + len(lines)]]
    return lines.buffers()[2].slice(start, stop - start).to_pybytes()


WHOLE = r"^(-?\d+)$"  # Arrow writes 1.0 as 1, which readers that guess types take for an integer


def _json(column: pa.ChunkedArray) -> pa.Array:
    """The JSON text of every value of a column."""
    values = column.combine_chunks()
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_finite(values), values, None)
        text = pc.replace_substring_regex(values.cast(pa.large_string()), pattern=WHOLE, replacement=r"\1.0")
    elif pa.types.is_integer(values.type) or pa.types.is_boolean(values.type):
        text = values.cast(pa.large_string())
    else:
        quote = pa.scalar('"', pa.large_string())
        inside = _escaped(values.cast(pa.large_string()))
        text = pc.binary_join_element_wise(quote, inside, quote, pa.scalar("", pa.large_string()))
    return text.fill_null("null")


def _escaped(text: pa.LargeStringArray) -> pa.LargeStringArray:
    """Text with backslashes, quotes and the control characters that occur in it escaped as JSON wants them."""
    content = np.frombuffer(text.buffers()[2] or b"", np.uint8)
    controls = np.unique(content[content < 0x20]).tolist()
    for character in ("\\", '"', *map(chr, controls)):
        text = pc.replace_substring(text, character, _quote(character)[1:-1])
    return text


def _zstd(data: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=3).compress(data)
