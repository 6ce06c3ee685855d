"""Scoring: the same bits in any company, every item once, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tamis.core.errors import TamisError, UsageError
from tamis.eval import score
from tamis.eval.bpb import BitsPerByte
from tamis.eval.directory import context_of, evaluate_directory
from tamis.eval.questions import Cloze, MultipleChoice
from tamis.eval.score import RESULTS, evaluate, padded
from tamis.eval.task import from_table, to_table


def domain(documents: Any, texts: list[str]) -> tuple[BitsPerByte, pa.Table]:
    task = BitsPerByte("d", None)
    return task, to_table(task.items(documents(texts).to_batches()), "d")


@pytest.mark.parametrize("family", ["qwen3", "bloom", "qwen3-moe"])
def test_company_changes_no_bit(
    make_model: Any, tokenizer: Any, documents: Any, make_words: Any, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    model = make_model(family, vocab=tokenizer.vocab_size)
    task, items = domain(documents, [make_words(3 + 5 * (i % 7), i) for i in range(23)])
    together = evaluate(model, tokenizer, task, items, 32).to_pylist()
    backwards = evaluate(model, tokenizer, task, items.take(list(range(22, -1, -1))), 32).to_pylist()
    assert backwards[::-1] == together
    alone = [evaluate(model, tokenizer, task, items.slice(i, 1), 32).to_pylist()[0] for i in (0, 6, 22)]
    assert alone == [together[i] for i in (0, 6, 22)]
    monkeypatch.setattr(score, "TOGETHER", 5)
    assert evaluate(model, tokenizer, task, items, 32).to_pylist() == together


def test_one_row_an_item_in_order(tiny: Any, documents: Any, make_words: Any) -> None:
    task, items = domain(documents, [make_words(4, i) for i in range(70)])
    results = evaluate(tiny.model, tiny.tokenizer, task, items, 32)
    assert results.schema.equals(RESULTS)
    assert results["item"].to_pylist() == items["id"].to_pylist()
    assert set(results["task"].to_pylist()) == {"d"}
    with pytest.raises(TamisError, match=r"item ids are not unique"):
        evaluate(tiny.model, tiny.tokenizer, task, pa.concat_tables([items, items]), 32)


def test_a_lost_item_is_noticed(tiny: Any, documents: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    task, items = domain(documents, ["ka", "lo", "mi"])
    monkeypatch.setattr(score, "from_table", lambda table: list(from_table(table))[:2])
    with pytest.raises(AssertionError, match=r"2 items were scored, 3 were published"):
        evaluate(tiny.model, tiny.tokenizer, task, items, 32)


def test_a_model_that_looks_ahead_is_refused(tiny: Any, documents: Any) -> None:
    import copy

    import torch

    task, items = domain(documents, ["ka lo mi"])
    model = copy.deepcopy(tiny.model)
    mixed = model.model.norm.forward
    model.model.norm.forward = lambda x: mixed(x) + torch.flip(x, [1])
    with pytest.raises(TamisError, match=r"the model looks ahead: replacing later tokens changes a logit by"):
        evaluate(model, tiny.tokenizer, task, items, 32)


def test_a_model_of_nan_is_refused(tokenizer: Any, make_model: Any, documents: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    task, items = domain(documents, ["ka lo mi"])
    model = make_model(vocab=tokenizer.vocab_size)
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(TamisError, match=r"the model's logits are not finite numbers"):
        evaluate(model, tokenizer, task, items, 32)
    with torch.no_grad():
        model.model.norm.weight.fill_(1.0)
    monkeypatch.setattr(score, "token_logprobs", lambda _, ids: torch.full((len(ids), ids.shape[1] - 1), -torch.inf))
    with pytest.raises(TamisError, match=f"the model gives item {items['id'][0]} a log-probability that is not a finite number"):
        evaluate(model, tokenizer, task, items, 32)


def test_lengths_are_padded_to_few_shapes() -> None:
    shapes = {padded(n, 257) for n in range(2, 258)}
    assert shapes == {17, 25, 33, 49, 65, 97, 129, 193, 257}
    assert all(n <= padded(n, 257) <= max(17, 3 * n // 2) for n in range(2, 258))
    assert padded(5, 9) == 9


def test_a_directory_is_judged(
    model_directory: Path, tiny: Any, tmp_path: Path, jsonl: Callable[..., str], documents: Any
) -> None:
    choice = MultipleChoice("m", jsonl({"query": "ka", "choices": ["lo", "mi"], "gold": 0}, name="m.jsonl"))
    cloze = Cloze("c", jsonl({"context": "ka", "continuation": "lo"}, name="c.jsonl"))
    task, items = domain(documents, ["ka lo mi", "ru ten"])
    results = evaluate_directory(model_directory, [choice, cloze, task], data=tmp_path, items={"d": items})
    assert results["task"].to_pylist() == ["m", "c", "d", "d"]
    assert results.slice(2).to_pylist() == evaluate(tiny.model, tiny.tokenizer, task, items, 32).to_pylist()
    with pytest.raises(UsageError, match=r"task d: its documents must be published as items first"):
        evaluate_directory(model_directory, [task])


def test_directories_that_are_not_opened(model_directory: Path, tmp_path: Path) -> None:
    config = json.loads((model_directory / "config.json").read_text())

    def refused(message: str, **changes: Any) -> None:
        (model_directory / "config.json").write_text(json.dumps({**config, **changes}))
        with pytest.raises(TamisError, match=message):
            evaluate_directory(model_directory, [])

    refused("brings its own Python code, which is never run", auto_map={"AutoModelForCausalLM": "code.Model"})
    refused("cannot be opened as a language model", model_type="no-such-model")
    refused("cannot be opened as a language model: Validation error", max_position_embeddings=None)
    (model_directory / "model.safetensors").rename(model_directory / "pytorch_model.bin")
    refused("holds no .safetensors weights")
    with pytest.raises(TamisError, match=r"not a model directory: config.json cannot be read"):
        evaluate_directory(tmp_path / "nothing", [])


def test_the_context_length_has_many_names(tmp_path: Path) -> None:
    from types import SimpleNamespace

    assert context_of(SimpleNamespace(n_positions=1024), tmp_path) == 1024
    assert context_of(SimpleNamespace(seq_length=2048), tmp_path) == 2048
    with pytest.raises(TamisError, match=r"config.json names no context length; give one with context="):
        context_of(SimpleNamespace(seq_length=None), tmp_path)


def test_a_foreign_tokenizer_is_refused(model_directory: Path, make_words: Any) -> None:
    from tamis.lm.tokenizer import Tokenizer, train_bpe

    Tokenizer(train_bpe([make_words(3000, 1), "quite other words follow here, some of them long"], 2000)).save(model_directory)
    with pytest.raises(TamisError, match=r"the tokenizer has \d+ ids, the model only 379"):
        evaluate_directory(model_directory, [])
