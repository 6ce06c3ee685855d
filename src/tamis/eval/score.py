"""Scoring: a model and a task's published items in, one row of results an item out.

Invariants: an item's numbers depend on the model and the item alone (fp32, one thread, rows scored independently of
what is scored beside them: `lm.logprob`); every published item gets exactly one row, in the same order; a model that
looks at later tokens is refused before anything is scored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.errors import TamisError
from tamis.eval.task import Answer, Item, Judgement, Request, Task, dumps, from_table
from tamis.lm.logprob import token_logprobs
from tamis.lm.numerics import Numerics
from tamis.lm.tokenizer import Tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

RESULTS = pa.schema(
    [
        pa.field("task", pa.string(), nullable=False),
        pa.field("item", pa.string(), nullable=False),
        pa.field("cluster", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("weight", pa.float64(), nullable=False),
        pa.field("details", pa.large_string(), nullable=False),
    ]
)
TOGETHER = 64  # items tokenised, and rows handed to the model, at once: bounds memory, changes nothing
LEAK = 1e-3  # largest change of a logit by later tokens that passes for rounding


def evaluate(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    task: Task,
    items: pa.Table,
    context: int,
    on_items: Callable[[int, int], None] | None = None,
) -> pa.Table:
    """Judge a model on a task's items (schema `ITEMS`), in rows of at most `context` tokens.

    `on_items(judged, of)` is called now and then.
    Returns a table of schema `RESULTS`: the metric is sum(value) / sum(weight); `details` is JSON. TamisError where an
    item cannot be judged, where a log-probability is not finite, or where the model is not causal.
    """
    ids = items.column("id").to_pylist()
    if len(set(ids)) != len(ids):
        raise TamisError(f"task {task.name}: item ids are not unique")
    names, clusters, judgements = [], [], []
    with scoring_numerics(next(model.parameters()).device.type).applied():
        refuse_leak(model, tokenizer, context)
        for group in _groups(from_table(items)):
            names += [i.id for i in group]
            clusters += [i.cluster for i in group]
            judgements += _judge(model, tokenizer, task, group, context)
            if on_items is not None:
                on_items(len(judgements), len(ids))
    if names != ids:
        raise AssertionError(f"task {task.name}: {len(names)} items were scored, {len(ids)} were published, or in another order")
    columns = [
        [task.name] * len(ids),
        names,
        clusters,
        [v.value for v in judgements],
        [v.weight for v in judgements],
        [dumps(v.details) for v in judgements],
    ]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, RESULTS, strict=True)], schema=RESULTS)


def scoring_numerics(device: str = "cpu") -> Numerics:
    """fp32 on one thread, on any device: scores are compared at differences far below bf16's rounding."""
    return Numerics(device, "fp32", 1, Numerics.here(device).torch)


def refuse_leak(model: PreTrainedModel, tokenizer: Tokenizer, context: int) -> None:
    """TamisError if a logit is no number, or depends on later tokens: such a model scores well and has learnt nothing."""
    from tamis.lm.model import future_leak

    leak = future_leak(model, tokenizer.vocab_size, min(32, context))
    if math.isinf(leak):
        raise TamisError("the model's logits are not finite numbers; it cannot be scored")
    if leak > LEAK:
        raise TamisError(f"the model looks ahead: replacing later tokens changes a logit by {leak:.3g}; it cannot be scored")


def _groups(items: Iterator[Item]) -> Iterator[list[Item]]:
    group: list[Item] = []
    for item in items:
        group.append(item)
        if len(group) == TOGETHER:
            yield group
            group = []
    if group:
        yield group


def _judge(model: PreTrainedModel, tokenizer: Tokenizer, task: Task, items: list[Item], context: int) -> list[Judgement]:
    strings = [task.strings(item) for item in items]
    encoded = iter(tokenizer.encode_batch([s for part in strings for s in part]))
    requests = [
        list(task.requests(item, [next(encoded) for _ in part], tokenizer.bos, context))
        for item, part in zip(items, strings, strict=True)
    ]
    answers = iter(_answers(model, [r for part in requests for r in part], context))
    judgements = []
    for item, part in zip(items, requests, strict=True):
        own = [next(answers) for _ in part]
        if not all(math.isfinite(a.logprob) for a in own):
            raise TamisError(f"task {task.name}: the model gives item {item.id} a log-probability that is not a finite number")
        judgements.append(task.judge(item, own))
    return judgements


def _answers(model: PreTrainedModel, requests: Sequence[Request], context: int) -> list[Answer]:
    """Score rows of equal padded length together; the answers come back in the order of the requests."""
    lengths = np.array([padded(len(r.ids), context + 1) for r in requests])
    sums = np.empty(len(requests))
    for length in np.unique(lengths).tolist():
        places = np.flatnonzero(lengths == length)
        for start in range(0, len(places), TOGETHER):
            some = places[start : start + TOGETHER]
            sums[some] = _sums(model, [requests[i] for i in some], length)
    return [
        Answer(float(total), r.scored, r.cut, r.greedy and is_greedy(model, r)) for total, r in zip(sums, requests, strict=True)
    ]


def _sums(model: PreTrainedModel, requests: Sequence[Request], length: int) -> npt.NDArray[np.float64]:
    import torch

    rows = np.zeros((len(requests), length), np.int64)
    for row, request in zip(rows, requests, strict=True):
        row[: len(request.ids)] = request.ids
    logprobs = token_logprobs(model, torch.from_numpy(rows)).numpy()
    ends = [len(r.ids) - 1 for r in requests]
    return np.array(
        [line[end - r.scored : end].sum(dtype=np.float64) for line, end, r in zip(logprobs, ends, requests, strict=True)]
    )


def padded(length: int, longest: int) -> int:
    """The next of 17, 25, 33, 49, 65, 97, … up to `longest`: few shapes, so that rows of one length can be scored together."""
    size = 16
    while size + 1 < length:
        size = size * 3 // 2 if size & (size - 1) == 0 else size * 4 // 3
    return min(size + 1, longest)


def is_greedy(model: PreTrainedModel, request: Request) -> bool:
    """Whether each scored token has the strictly highest logit given all before it (with ties a model has no opinion)."""
    import torch

    ids = torch.from_numpy(request.ids.astype(np.int64))[None].to(next(model.parameters()).device)
    with torch.no_grad():
        logits = model(input_ids=ids[:, :-1], use_cache=False).logits[0, -request.scored :]
    target = logits.gather(-1, ids[0, -request.scored :, None])
    return bool(((logits >= target).sum(-1) == 1).all())
