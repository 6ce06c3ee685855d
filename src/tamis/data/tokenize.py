"""Text to tokens: training the tokenizer on the pool, and turning a selected text into token shards.

The pool is the union of all arms' sources before any arm's choices (less the hold-out), so the tokenizer favours no arm. At most
`sample_bytes` of it are used, drawn by hash of id. Token shards hold ids and tokens, row for row the documents that were kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from tamis.core.errors import TamisError, UsageError
from tamis.core.step import Inputs, Operator, Output, Piece, Published, Step, Where
from tamis.data.schema import ID, fraction_of
from tamis.data.select import View, kept
from tamis.lm.tokenizer import Tokenizer, train_bpe

BATCH = 512


@dataclass(frozen=True)
class BPE:
    """Declares a byte-level BPE tokenizer trained on the pool of an experiment."""

    vocabulary: int = 2048
    sample_bytes: int = 100_000_000
    seed: int = 0

    def step(self, pool: Sequence[View]) -> Step:
        """The step that trains it on the texts of the pool."""
        return Step(TrainTokenizer(self.vocabulary, self.sample_bytes, self.seed), tuple(s for view in pool for s in view))


@dataclass(frozen=True)
class Pinned:
    """Declares a tokenizer file (tokenizer.json, a folder that holds one, or .tiktoken) by path; its bytes are its identity."""

    path: str
    bos: str | None = None
    eos: str | None = None

    def step(self, pool: Sequence[View]) -> Step:
        tokenizer = Tokenizer.load(self.path, self.bos, self.eos)
        return Step(PinnedTokenizer(str(Path(self.path).absolute()), tokenizer.sha256, tokenizer.bos_token, tokenizer.eos_token))


@dataclass(frozen=True)
class TrainTokenizer(Operator):
    """Inputs: text and selection of every source, in turn. Publishes tokenizer.json and tokenizer_config.json."""

    vocabulary: int
    sample_bytes: int
    seed: int
    kind: ClassVar[str] = "tokenizer"
    libraries: ClassVar[tuple[str, ...]] = ("tokenizers",)

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all", None, float(sum(s.bytes for i in inputs for s in i.shards)))]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        views = list(zip(inputs[::2], inputs[1::2], strict=True))
        total = sum(
            pc.sum(pc.binary_length(t.read(s.name, ["text"]).column("text"))).as_py() or 0 for t, _ in views for s in t.shards
        )
        if total == 0:
            raise TamisError("the pool has no text to train a tokenizer on: every source is empty")
        data = train_bpe(self._texts(views, min(1.0, self.sample_bytes / total)), self.vocabulary)
        save(Tokenizer(data), out)

    def _texts(self, views: Sequence[tuple[Published, Published]], fraction: float) -> Iterator[str]:
        for text, selection in views:
            for item in text.shards:
                table = text.read(item.name).filter(pa.array(kept(selection.read(item.name))))
                if fraction < 1:
                    table = table.filter(pc.less(fraction_of(table.column("id"), self.seed, "tokenizer"), fraction))
                yield from table.column("text").to_pylist()

    def summary(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return facts[0]


@dataclass(frozen=True)
class PinnedTokenizer(Operator):
    """A copy of a tokenizer file under its hash."""

    path: str
    sha256: str
    bos: str
    eos: str
    kind: ClassVar[str] = "tokenizer"
    places: ClassVar[tuple[str, ...]] = ("path",)

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all")]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        tokenizer = Tokenizer.load(self.path, self.bos, self.eos)
        if tokenizer.sha256 != self.sha256:
            raise UsageError(f"{self.path} changed while it was being read: run again")
        save(tokenizer, out)

    def summary(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return facts[0]


def save(tokenizer: Tokenizer, out: Output) -> None:
    """Publish a tokenizer."""
    out.path("tokenizer.json")
    out.path("tokenizer_config.json")
    tokenizer.save(out.directory)
    out.facts.update(sha256=tokenizer.sha256, vocabulary=tokenizer.vocab_size, bos=tokenizer.bos, eos=tokenizer.eos)


@dataclass(frozen=True)
class Tokenize(Operator):
    """Inputs: text, selection, tokenizer. Publishes a shard of (id, tokens, UTF-8 bytes) for every shard of the text.

    Facts: documents, bytes (UTF-8, of the kept texts), tokens (without BOS and EOS).
    """

    kind: ClassVar[str] = "tokens"
    libraries: ClassVar[tuple[str, ...]] = ("tokenizers",)

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        tokenizer = Tokenizer.load(inputs[2].path)
        table = inputs[0].read(piece.spec, ["id", "text"])
        table = table.filter(pa.array(kept(inputs[1].read(piece.spec))))
        kind = pa.from_numpy_dtype(tokenizer.dtype)
        fields = (("id", ID), ("tokens", pa.large_list(kind)), ("bytes", pa.int64()))
        schema = pa.schema([pa.field(name, type, nullable=False) for name, type in fields])
        batches = []
        for batch in table.to_batches(max_chunksize=BATCH):
            tokens = tokenizer.encode_batch(batch.column("text").to_pylist())
            size = pc.binary_length(batch.column("text")).cast(pa.int64())
            columns = [batch.column("id"), pa.array(tokens, pa.large_list(kind)), size]
            batches.append(pa.RecordBatch.from_arrays(columns, schema=schema))
        result = pa.Table.from_batches(batches, schema=schema)
        out.ledger.rows_in = out.ledger.rows_out = result.num_rows
        out.facts.update(
            documents=result.num_rows,
            bytes=pc.sum(result.column("bytes")).as_py() or 0,
            tokens=pc.sum(pc.list_value_length(result.column("tokens"))).as_py() or 0,
        )
        out.write(piece.spec, result)


def tokenized(view: View, tokenizer: Step) -> Step:
    """The token shards of a view."""
    return Step(Tokenize(), (*view, tokenizer))
