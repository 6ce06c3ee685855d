"""Bits per byte on a target domain: how many bits a model needs for each UTF-8 byte of documents it should know.

A document is scored after BOS in windows of the context length C with stride C // 2: a window starts at every multiple
of the stride, and a token is scored in the first window that predicts it, so each token is scored exactly once: the
first C given all that stands before them, every later one given C - stride + 1 to C tokens. EOS is not counted. BOS
stands at the start of the document and nowhere else, as in training.

Bits are divided by the bytes of the original text, never by tokens, so models with different tokenizers can be compared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa

from tamis.core.errors import TamisError, UsageError
from tamis.eval.task import Answer, Ids, Item, Judgement, Request, Task

EMPTY = "empty: 0 bytes have no bits per byte"


@dataclass(frozen=True)
class BitsPerByte(Task):
    """Documents of a target domain, one item each.

    `source`: the dataset whose documents are the items; the domain must be chosen independently of every arm.
    `cluster`: what documents are resampled by: "source", "url" (its host), "meta.KEY" (a key of the document's meta),
    or None: each document is its own cluster.
    """

    source: Any
    cluster: str | None = None

    kind: ClassVar[str] = "document"
    unit: ClassVar[str] = "bits per byte"
    higher_is_better: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cluster not in (None, "source", "url") and not str(self.cluster).startswith("meta."):
            raise UsageError(f"task {self.name}: cluster {self.cluster!r}: use 'source', 'url', 'meta.KEY' or None")

    def essence(self) -> BitsPerByte:
        """Without the source as well: its documents enter a key as the input they are."""
        return replace(super().essence(), source=None)

    def items(self, documents: Iterable[pa.RecordBatch]) -> Iterator[Item]:
        """One item a document (columns id, text, url, source, meta); documents of 0 bytes are left out (reason `EMPTY`)."""
        for batch in documents:
            for row in batch.select(["id", "text", "url", "source", "meta"]).to_pylist():
                if row["text"]:
                    yield Item(row["id"].hex(), self._cluster(row), row["text"], self.kind, {})

    def _cluster(self, row: dict[str, Any]) -> str:
        if self.cluster is None:
            return str(row["id"].hex())
        if self.cluster == "source":
            return str(row["source"])
        if self.cluster == "url":
            return urlsplit(row["url"]).hostname or row["url"]
        key = self.cluster.removeprefix("meta.")
        value = json.loads(row["meta"] or "{}").get(key)
        if value is None:
            raise TamisError(
                f"task {self.name}: document {row['id'].hex()} ({row['source']}) has no {key!r} in its meta; "
                "name a key that every document has, or cluster=None"
            )
        return str(value)

    def strings(self, item: Item) -> list[str]:
        return [item.text]

    def requests(self, item: Item, encoded: Sequence[Ids], bos: int, context: int) -> Iterator[Request]:
        ids = encoded[0]
        if not len(ids):
            raise TamisError(f"task {self.name}: document {item.id} has {len(item.text)} characters but no tokens")
        return windows(np.concatenate([np.array([bos], ids.dtype), ids]), context)

    def judge(self, item: Item, answers: Sequence[Answer]) -> Judgement:
        bits = -math.fsum(a.logprob for a in answers) / math.log(2)
        details = {"tokens": sum(a.tokens for a in answers), "windows": len(answers)}
        return Judgement(bits, float(len(item.text.encode())), details)


def windows(ids: Ids, context: int) -> Iterator[Request]:
    """Cut BOS + document into rows of at most `context` + 1 ids; every id but the first is scored in exactly one of them."""
    if context < 2:
        raise UsageError(f"context {context}: windows need at least 2 tokens")
    start, done = 0, 1
    while done < len(ids):
        end = min(start + context + 1, len(ids))
        yield Request(ids[start:end], end - done)
        start, done = start + context // 2, end
