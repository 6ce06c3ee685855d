"""What a task is: items to publish, token rows to score, and a judgement of each item.

A task is a frozen dataclass of plain values; the import is the registry. It never sees a model: it turns an item into
`Request`s (token rows whose last tokens are scored) and the scorer's `Answer`s into a `Judgement`. The metric of every
task is sum(value) / sum(weight): bits over UTF-8 bytes, or correct answers over questions, so that one table and one
estimator serve all.

Invariants: items are published before any model is scored, with the prompt already rendered, and whatever must not be in
training data stands in their `text`; what a task asks about an item depends on the item and the tokenizer alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.errors import TamisError, UsageError

Ids = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]

ITEMS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("cluster", pa.string(), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("payload", pa.large_string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Item:
    """One question or one document.

    `id` is unique in its task; `cluster` is what items are resampled by; `text` is what must not be in training data
    (the document, or question, options and answer); `kind` names the payload's form; `payload` holds plain values, the
    rendered prompt among them.
    """

    id: str
    cluster: str
    text: str
    kind: str
    payload: dict[str, Any]


class Request(NamedTuple):
    """A row of tokens of which the last `scored` are scored, each given all before it in the row.

    `cut`: tokens of context that the model's window had no room for. `greedy`: also ask whether greedy decoding gives them.
    """

    ids: Ids
    scored: int
    cut: int = 0
    greedy: bool = False


class Answer(NamedTuple):
    """A request's answer: summed ln p of the scored tokens, how many, context cut, whether greedy decoding gives them."""

    logprob: float
    tokens: int
    cut: int
    greedy: bool


class Judgement(NamedTuple):
    """One item of one model: its share of the metric's numerator and denominator, and the numbers behind it."""

    value: float
    weight: float
    details: dict[str, Any]


@dataclass(frozen=True)
class Task:
    """Base of all tasks: how to judge a model.

    `licence` and `why` are for the reader of a report; `decides`: whether the task takes part in the verdict unless the
    rule names its domains. None of the three changes a number, and none is in a key (`essence`).
    """

    name: str
    licence: str = field(default="", kw_only=True)
    why: str = field(default="", kw_only=True)
    decides: bool = field(default=True, kw_only=True)

    version: ClassVar[int] = 1
    kind: ClassVar[str] = ""
    unit: ClassVar[str] = ""
    higher_is_better: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name:
            raise UsageError(f"a task needs a name without '/', not {self.name!r}")

    def essence(self) -> Self:
        """The task without the fields that change no number: what enters keys."""
        plain: dict[str, Any] = {f.name: f.default for f in fields(self) if f.name in ("licence", "why", "decides")}
        return replace(self, **plain)

    def strings(self, item: Item) -> list[str]:
        """The texts to tokenise for an item."""
        raise TypeError(f"{type(self).__name__} does not define this")

    def requests(self, item: Item, encoded: Sequence[Ids], bos: int, context: int) -> Iterator[Request]:
        """Rows of at most `context` + 1 tokens (the last one is only predicted). `encoded` answers `strings`, in order."""
        raise TypeError(f"{type(self).__name__} does not define this")

    def judge(self, item: Item, answers: Sequence[Answer]) -> Judgement:
        """The item's share of the metric, from the answers of `requests`, in order."""
        raise TypeError(f"{type(self).__name__} does not define this")


def to_table(items: Iterable[Item], name: str) -> pa.Table:
    """Items as a table of schema `ITEMS`, in order. TamisError on a repeated id."""
    rows = list(items)
    seen: set[str] = set()
    for item in rows:
        if item.id in seen:
            raise TamisError(f"task {name}: item id {item.id!r} appears twice; ids must be unique")
        seen.add(item.id)
    columns: list[list[str]] = [[i.id for i in rows], [i.cluster for i in rows], [i.text for i in rows], [i.kind for i in rows]]
    columns.append([dumps(i.payload) for i in rows])
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, ITEMS, strict=True)], schema=ITEMS)


def from_table(table: pa.Table) -> Iterator[Item]:
    """The items of a table of schema `ITEMS`, a few at a time in memory."""
    for batch in table.select(ITEMS.names).to_batches(max_chunksize=256):
        for row in batch.to_pylist():
            yield Item(**(row | {"payload": json.loads(row["payload"])}))


def dumps(value: dict[str, Any]) -> str:
    """JSON with sorted keys: equal values give equal text. NaN is refused."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
