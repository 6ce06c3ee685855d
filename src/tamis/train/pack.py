"""Token shards to rows of training: equal tokens for every arm, none padded, almost none cropped.

Shards are Parquet files with `id` (16 bytes), `tokens` (large_list of uint16 or uint32, without specials) and, if known,
`bytes` (UTF-8 bytes of the text). The documents of an epoch, in the order of training and framed as the tokenizer says, form a
stream; row r reads its tokens r x context .. (r + 1) x context inclusive, so each token is predicted once. An arm with more than
a run needs gives its first documents; one with less is repeated in whole epochs, each in an order of its own.

Invariants: position in training is one integer, the step; every run predicts exactly rows x context tokens; only the last
document of the run can be cropped. Memory: at most 24 bytes per document of the arm and 24 per row; tokens lie in one
memory-mapped file in `scratch`, in the order of the stream, and only documents that are needed are written to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.core.errors import TamisError
from tamis.lm.tokenizer import Tokenizer
from tamis.train.order import Keys, by_key, document_keys, row_keys

BATCH = 4096  # documents read at once


@dataclass(frozen=True)
class Supply:
    """What an arm had and what a run took of it. Tokens count BOS and EOS.

    documents, tokens  in the arm. unique_documents, unique_tokens, unique_bytes  of those, trained on at least once (bytes:
    None if the shards do not say). trained_tokens     predicted in the run, repetitions included. epochs
    trained_tokens / tokens: below 1 the arm had more than was needed. cropped_tokens     of the last document, behind the end
    of the run.
    """

    documents: int
    tokens: int
    unique_documents: int
    unique_tokens: int
    unique_bytes: int | None
    trained_tokens: int
    epochs: float
    cropped_tokens: int


@dataclass(frozen=True)
class Rows:
    """The rows of one run: `stream` (tokens, on disk), `order` (which row is the n-th), and how they came about."""

    stream: npt.NDArray[Any]
    order: npt.NDArray[np.int64]
    context: int
    batch: int
    supply: Supply

    def at(self, step: int) -> npt.NDArray[np.int64]:
        """The rows of one step, (batch, context + 1)."""
        starts = self.order[step * self.batch : (step + 1) * self.batch] * self.context
        return self.stream[starts[:, None] + np.arange(self.context + 1)].astype(np.int64)


def pack(
    shards: Sequence[Path],
    tokenizer: Tokenizer,
    *,
    steps: int,
    batch: int,
    context: int,
    seed: int,
    scratch: Path,
    max_epochs: float = 4.0,
) -> Rows:
    """Lay out the rows of a run. TamisError if the arm is empty, too small, or does not fit the tokenizer."""
    lengths = _lengths(shards, tokenizer)
    supply, rows = int(lengths.sum(dtype=np.int64)), steps * batch
    trained = rows * context
    if supply == 0:
        raise TamisError("the training set has no tokens: every document was dropped; loosen its rules")
    if trained > max_epochs * supply:
        raise TamisError(
            f"the training set has {supply:,} tokens, a run of {trained:,} would repeat it {trained / supply:.1f} times and "
            f"at most {max_epochs:g} are allowed: bring more data, train on fewer tokens or raise max_epochs"
        )
    scratch.mkdir(parents=True, exist_ok=True)
    stream = np.memmap(scratch / "stream.bin", dtype=tokenizer.dtype, mode="w+", shape=(trained + 1,))
    order = np.empty(rows, dtype=np.int64)
    written = []
    for epoch, base in enumerate(range(0, trained + 1, supply)):
        part = stream[base : base + supply]
        starts = _lay_out(_keys(shards, seed, epoch, len(lengths)), lengths, order, base, context)
        written.append(_write(shards, tokenizer, starts, part))
    stream.flush()
    first, last = written[0], written[-1]
    return Rows(
        stream,
        order,
        context,
        batch,
        Supply(
            documents=int(np.count_nonzero(lengths)),
            tokens=supply,
            unique_documents=first.documents,
            unique_tokens=min(supply, trained + 1),
            unique_bytes=first.bytes,
            trained_tokens=trained,
            epochs=trained / supply,
            cropped_tokens=last.end - len(part),
        ),
    )


def _batches(shards: Sequence[Path], columns: Sequence[str], optional: str | None = None) -> Iterator[pa.RecordBatch]:
    """Read columns of the shards piece by piece, `optional` where a shard has it."""
    for path in shards:
        try:
            file = pq.ParquetFile(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise TamisError(f"{path}: not a readable token shard ({error})") from None
        with file:
            names = set(file.schema_arrow.names)
            if not set(columns) <= names:
                raise TamisError(f"{path}: a token shard has the columns id and tokens, this one: {', '.join(sorted(names))}")
            yield from file.iter_batches(BATCH, columns=[*columns, *({optional} & names)], use_threads=False)


def _lists(batch: pa.RecordBatch) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Offsets (rows + 1) and values of the column `tokens`."""
    column = batch.column("tokens")
    if column.null_count or column.values.null_count:
        raise TamisError("a token shard holds a document without tokens (null): tokenise again")
    return column.offsets.to_numpy(), column.values.to_numpy()


def _lengths(shards: Sequence[Path], tokenizer: Tokenizer) -> npt.NDArray[np.uint32]:
    """Framed length of every document (0 for one without tokens), ids checked against the vocabulary."""
    before, after = tokenizer.frame
    parts = [np.empty(0, dtype=np.uint32)]
    for batch in _batches(shards, ("id", "tokens")):
        offsets, values = _lists(batch)
        inside = values[offsets[0] : offsets[-1]]
        if len(inside) and (largest := int(inside.max())) >= tokenizer.vocab_size:
            raise TamisError(
                f"token id {largest} in a shard, but the tokenizer has {tokenizer.vocab_size:,} ids: "
                "the shards were made with another one"
            )
        lengths = np.diff(offsets)
        parts.append(np.where(lengths > 0, lengths + len(before) + len(after), 0).astype(np.uint32))
    return np.concatenate(parts)


def _keys(shards: Sequence[Path], seed: int, epoch: int, documents: int) -> Keys:
    keys = np.empty(documents, dtype=np.uint64)
    place = 0
    for batch in _batches(shards, ("id",)):
        column = batch.column("id")
        ids = np.frombuffer(column.buffers()[1], dtype=np.uint8)[16 * column.offset :][: 16 * len(column)]
        keys[place : place + len(column)] = document_keys(ids.reshape(-1, 16), seed, epoch)
        place += len(column)
    return keys


def _lay_out(
    keys: Keys, lengths: npt.NDArray[np.uint32], order: npt.NDArray[np.int64], base: int, context: int
) -> npt.NDArray[np.int64]:
    """Where each document starts in the epoch's stream. Fills `order` for the rows that start in the epoch.

    Temporary arrays are dropped, and the running sum is taken in slices, to stay below 24 bytes a document.
    """
    place = by_key(keys).astype(np.uint32 if len(keys) < 1 << 32 else np.int64)
    ends = np.empty(len(keys), dtype=np.int64)
    slices = [slice(a, a + (1 << 14)) for a in range(0, len(keys), 1 << 14)]
    total = 0
    for part in slices:
        ends[part] = total + np.cumsum(lengths[place[part]], dtype=np.int64)
        total = int(ends[part][-1])
    low = -(-base // context)
    rows = order[low : -(-(base + total) // context)]
    rows[:] = np.arange(low, low + len(rows))
    offsets = rows * context - base
    first = np.searchsorted(ends, offsets, side="right")
    documents = place[first]
    ordinals = (offsets - ends[first] + lengths[documents]) // context
    rows[:] = rows[by_key(row_keys(keys[documents], ordinals))]
    del keys
    starts = np.empty(len(ends), dtype=np.int64)
    for part in slices:
        starts[place[part]] = ends[part] - lengths[place[part]]
    return starts


@dataclass(frozen=True)
class _Written:
    """Documents of an epoch that fell into the stream, their bytes if known, and where the last of them would end."""

    documents: int
    bytes: int | None
    end: int


def _write(shards: Sequence[Path], tokenizer: Tokenizer, starts: npt.NDArray[np.int64], stream: npt.NDArray[Any]) -> _Written:
    """Write the documents that start inside `stream` to their places, the last one cropped."""
    before, after = (np.array(ids, dtype=stream.dtype) for ids in tokenizer.frame)
    documents = size = place = end = 0
    sized = True
    for batch in _batches(shards, ("id", "tokens"), "bytes"):
        offsets, values = _lists(batch)
        here = starts[place : place + len(batch)]
        place += len(batch)
        taken = np.flatnonzero((here < len(stream)) & (np.diff(offsets) > 0))
        for i in taken.tolist():
            framed = np.concatenate([before, values[offsets[i] : offsets[i + 1]], after])
            start = int(here[i])
            stream[start : start + len(framed)] = framed[: len(stream) - start]
            end = max(end, start + len(framed))
        documents += len(taken)
        if "bytes" in batch.schema.names:
            size += int(batch.column("bytes").to_numpy()[taken].sum())
        else:
            sized = False
    return _Written(documents, size if sized else None, end)
