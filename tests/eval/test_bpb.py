"""Bits per byte: the windows, the reference it must equal, clusters, refusals."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tamis.core.errors import TamisError, UsageError
from tamis.eval.bpb import BitsPerByte, windows
from tamis.eval.score import evaluate
from tamis.eval.task import from_table, to_table


def brute_force_bits(model: Any, ids: list[int], bos: int, context: int) -> float:
    """Every token on its own, by the rule in words: the longest context that starts at a multiple of context // 2, has at
    most `context` tokens, and never less context than an earlier window would have given."""
    import torch

    sequence, bits = [bos, *ids], 0.0
    for place in range(1, len(sequence)):
        start = 0
        while place - start > context:
            start += context // 2
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([sequence[start:place]])).logits[0, -1].double()
        bits -= float(torch.log_softmax(logits, -1)[sequence[place]]) / math.log(2)
    return bits


@pytest.mark.parametrize("context", [32, 7, 2])
def test_equals_brute_force(tiny: Any, documents: Any, make_words: Any, context: int) -> None:
    texts = [make_words(n, n) for n in (1, 3, 14, 40)] + ["x", "naïve 試験 \U0001f600", make_words(64, 5)]
    task = BitsPerByte("d", None)
    items = to_table(task.items(documents(texts).to_batches()), "d")
    results = evaluate(tiny.model, tiny.tokenizer, task, items, context)
    for text, value, weight in zip(texts, results["value"].to_pylist(), results["weight"].to_pylist(), strict=True):
        expected = brute_force_bits(tiny.model, tiny.tokenizer.encode(text).tolist(), tiny.tokenizer.bos, context)
        assert value == pytest.approx(expected, rel=2e-6)
        assert weight == len(text.encode())


@pytest.mark.parametrize("context", [2, 3, 8, 31])
@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 16, 17, 100])
def test_each_token_is_scored_once(context: int, length: int) -> None:
    ids = np.arange(length + 1, dtype=np.uint16)
    requests = list(windows(ids, context))
    scored = np.concatenate([r.ids[len(r.ids) - r.scored :] for r in requests])
    assert scored.tolist() == list(range(1, length + 1))
    assert all(len(r.ids) <= context + 1 and r.scored < len(r.ids) for r in requests)
    assert all(int(r.ids[0]) == n * (context // 2) for n, r in enumerate(requests))
    assert all(len(r.ids) - r.scored >= context - context // 2 + 1 for r in requests[1:])


def test_a_context_without_room_is_refused() -> None:
    with pytest.raises(UsageError, match=r"at least 2"):
        list(windows(np.arange(5, dtype=np.uint16), 1))


def test_end_of_text_is_not_counted_and_specials_in_text_are_text(tiny: Any, documents: Any) -> None:
    task = BitsPerByte("d", None)
    text = "ka<|endoftext|>lo"
    results = evaluate(tiny.model, tiny.tokenizer, task, to_table(task.items(documents([text]).to_batches()), "d"), 32)
    assert json.loads(results["details"][0].as_py())["tokens"] == len(tiny.tokenizer.encode(text)) > 3
    assert results["weight"][0].as_py() == len(text)


def test_a_long_document_streams_through_windows(tiny: Any, documents: Any, make_words: Callable[[int, int], str]) -> None:
    task = BitsPerByte("d", None)
    text = make_words(3000, 3)
    results = evaluate(tiny.model, tiny.tokenizer, task, to_table(task.items(documents([text]).to_batches()), "d"), 32)
    details = json.loads(results["details"][0].as_py())
    assert details["tokens"] == len(tiny.tokenizer.encode(text))
    assert details["windows"] == math.ceil((details["tokens"] - 32) / 16) + 1


def test_clusters(documents: Any) -> None:
    table = documents(
        ["a", "b", "c"],
        source=["one", "one", "two"],
        url=["https://x.org/1", "http://x.org:8080/2", "file.txt"],
        meta=['{"package": "p"}', '{"package": "q"}', '{"package": 7}'],
    )

    def clusters(how: str | None) -> list[str]:
        return [i.cluster for i in BitsPerByte("d", None, cluster=how).items(table.to_batches())]

    assert clusters("source") == ["one", "one", "two"]
    assert clusters("url") == ["x.org", "x.org", "file.txt"]
    assert clusters("meta.package") == ["p", "q", "7"]
    assert len(set(clusters(None))) == 3
    with pytest.raises(TamisError, match=r"00000000 \(one\) has no 'book' in its meta"):
        clusters("meta.book")
    with pytest.raises(UsageError, match=r"use 'source', 'url', 'meta.KEY' or None"):
        clusters("book")


def test_a_document_without_bytes_is_no_item(documents: Any) -> None:
    items = list(BitsPerByte("d", None).items(documents(["a", "", "b"]).to_batches()))
    assert [i.text for i in items] == ["a", "b"]


def test_items_survive_the_table(documents: Any) -> None:
    items = list(BitsPerByte("d", None).items(documents(["a é", "b"]).to_batches()))
    assert list(from_table(to_table(items, "d"))) == items
    with pytest.raises(TamisError, match=r"appears twice"):
        to_table([*items, items[0]], "d")


def test_what_changes_no_number_is_not_in_the_essence(documents: Any) -> None:
    plain, told = BitsPerByte("d", None), BitsPerByte("d", object(), licence="CC0", why="curated by hand", decides=False)
    assert told.essence() == plain.essence() != BitsPerByte("e", None).essence()
