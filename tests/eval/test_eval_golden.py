"""Task scores of one tiny model must not drift: a change of these numbers is a change of results (CHANGELOG, `version`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tamis.eval.bpb import BitsPerByte
from tamis.eval.questions import Cloze, MultipleChoice
from tamis.eval.score import evaluate
from tamis.eval.summary import summary
from tamis.eval.task import to_table

GOLDEN = Path(__file__).parents[1] / "golden" / "eval_scores.json"


def scores(
    tiny: Any, root: Path, jsonl: Callable[..., str], documents: Any, make_words: Callable[[int, int], str]
) -> dict[str, Any]:
    questions = [
        {"query": make_words(12, i), "choices": [make_words(1 + (i + c) % 4, 50 * i + c) for c in range(4)], "gold": i % 4}
        for i in range(60)
    ]
    cloze = [{"context": make_words(9, i), "continuation": make_words(1, i + 7)} for i in range(20)]
    tasks = [
        MultipleChoice("choice-bytes", jsonl(*questions, name="m.jsonl")),
        MultipleChoice("choice-tokens-2-shots", "m.jsonl", normalise="tokens", shots=2, seed=3),
        Cloze("cloze", jsonl(*cloze, name="c.jsonl")),
    ]
    domain = BitsPerByte("domain", None)
    items = {t.name: to_table(t.items(root), t.name) for t in tasks}
    items["domain"] = to_table(domain.items(documents([make_words(5 + 3 * i, i) for i in range(20)]).to_batches()), "domain")
    out: dict[str, Any] = {}
    for task in (*tasks, domain):
        results = evaluate(tiny.model, tiny.tokenizer, task, items[task.name], tiny.context)
        details = [json.loads(d) for d in results["details"].to_pylist()]
        (line,) = summary(results)
        out[task.name] = {
            "score": line.score,
            "low": line.low,
            "high": line.high,
            "logprob": [d.get("logprob", 0.0) for d in details],
            "tokens": [d["tokens"] for d in details],
            "values": results["value"].to_pylist(),
        }
    return out


def test_scores_do_not_drift(tiny: Any, tmp_path: Path, jsonl: Any, documents: Any, make_words: Any) -> None:
    found = scores(tiny, tmp_path, jsonl, documents, make_words)
    golden = json.loads(GOLDEN.read_text())
    assert found.keys() == golden.keys()
    for name, expected in golden.items():
        assert found[name]["values"] == pytest.approx(expected["values"], rel=1e-5), name
        assert [found[name][k] for k in ("score", "low", "high")] == pytest.approx(
            [expected[k] for k in ("score", "low", "high")], rel=1e-4
        )
        assert found[name]["tokens"] == expected["tokens"]
        assert np.array(found[name]["logprob"]) == pytest.approx(np.array(expected["logprob"]), rel=1e-4)
