"""Questions: what a file may hold, how prompts are rendered, and that scores equal a plain reference."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tamis.core.errors import TamisError
from tamis.eval.questions import Cloze, MultipleChoice, baselines
from tamis.eval.score import evaluate
from tamis.eval.task import from_table, to_table

GOOD = {"query": "Sky?", "choices": ["blue", "green"], "gold": 0}
Write = Callable[..., str]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"query": "Sky?", "choices": ["blue", "green"]}, "line 2: gold is None; it must be the number of a choice, 0 to 1"),
        ({**GOOD, "gold": 2}, "line 2: gold is 2"),
        ({**GOOD, "gold": True}, "line 2: gold is True"),
        ({**GOOD, "choices": ["blue"]}, "line 2: has 1 choices; at least 2 are needed"),
        ({**GOOD, "choices": "blue"}, "line 2: 'choices' must be a list of texts, not 'blue'"),
        ({**GOOD, "choices": ["blue", " "]}, "line 2: 'choices' number 1 must be a text, not ' '"),
        ({**GOOD, "query": None}, "line 2: 'query' must be a text, not missing"),
        ("[1, 2]", r"line 2: a JSON object is needed, not '\[1, 2\]'"),
        ('{"query": "Sk', "line 2: not JSON"),
    ],
)
def test_bad_rows_are_told_by_file_and_line(tmp_path: Path, jsonl: Write, row: Any, message: str) -> None:
    task = MultipleChoice("sky", jsonl(GOOD, row))
    with pytest.raises(TamisError, match=r"task.jsonl: " + message):
        list(task.items(tmp_path))


def test_other_bad_files(tmp_path: Path, jsonl: Write) -> None:
    with pytest.raises(TamisError, match=r"line 3: id 'a' is that of line 1 already"):
        list(MultipleChoice("t", jsonl({**GOOD, "id": "a"}, {**GOOD, "id": "b"}, {**GOOD, "id": "a"})).items(tmp_path))
    with pytest.raises(TamisError, match=r"has no 'subject'"):
        list(MultipleChoice("t", jsonl(GOOD), cluster="subject").items(tmp_path))
    with pytest.raises(TamisError, match=r"holds no questions"):
        list(MultipleChoice("t", jsonl()).items(tmp_path))
    with pytest.raises(TamisError, match=r"no such file under the data root"):
        list(MultipleChoice("t", "missing.jsonl").items(tmp_path))
    (tmp_path / "latin.jsonl").write_bytes(json.dumps(GOOD).encode() + b'\n{"query": "\xe9t\xe9"}\n')
    with pytest.raises(TamisError, match=r"latin.jsonl: line 2: not UTF-8"):
        list(MultipleChoice("t", "latin.jsonl").items(tmp_path))
    (tmp_path / "rubbish.jsonl.gz").write_bytes(b"no gzip at all")
    with pytest.raises(TamisError, match=r"rubbish.jsonl.gz: after line 0: cannot be read"):
        list(MultipleChoice("t", "rubbish.jsonl.gz").items(tmp_path))


def test_prompts_are_rendered_into_the_items(tmp_path: Path, jsonl: Write) -> None:
    schema = {"context_options": ["Ann so Ann", "Ann so Bea"], "continuation": "won.", "gold": 1, "id": "s"}
    items = list(MultipleChoice("t", jsonl(GOOD, "", schema), delimiter="\nAnswer: ").items(tmp_path))
    assert items[0].payload["pairs"] == [["Sky?\nAnswer:", " blue"], ["Sky?\nAnswer:", " green"]]
    assert (items[0].id, items[0].cluster, items[0].payload["line"], items[0].text) == ("1", "1", 1, "Sky?\nblue\ngreen")
    assert items[1].payload["pairs"][1] == ["Ann so Bea\nAnswer:", " won."]
    assert (items[1].id, items[1].payload["line"], items[1].payload["gold"]) == ("s", 3, 1)
    (cloze,) = Cloze("c", jsonl({"context": "2+2=", "continuation": "4"}), delimiter="").items(tmp_path)
    assert cloze.payload["pairs"] == [["2+2=", "4"]] and cloze.text == "2+2=4"


def test_exemplars_are_fixed_and_never_the_item(tmp_path: Path, jsonl: Write) -> None:
    rows = [{"context": f"question {i}:", "continuation": f"answer {i}"} for i in range(6)]
    name = jsonl(*rows, rows[0])

    def prompts(shots: int, seed: int) -> list[str]:
        return [i.payload["pairs"][0][0] for i in Cloze("c", name, shots=shots, seed=seed).items(tmp_path)]

    two = prompts(2, 0)
    assert two == prompts(2, 0) != prompts(2, 1)
    assert len({p.rpartition("\n\n")[0] for p in two}) <= 3  # the same pair, but for the questions that are in it
    for prompt, row in zip(two, rows, strict=False):
        *exemplars, last = prompt.split("\n\n")
        assert len(exemplars) == 2 and last == row["context"]
        assert f"{row['context']} {row['continuation']}" not in exemplars
    assert prompts(5, 0) and all(p.count("\n\n") == 0 for p in prompts(0, 0))
    with pytest.raises(TamisError, match=r"only 5 other questions can serve as its 6 exemplars"):
        prompts(6, 0)
    with pytest.raises(TamisError, match=r"7 shots need more than 7 questions"):
        prompts(7, 0)


def reference_logprob(tiny: Any, context: str, answer: str) -> tuple[float, bool, int]:
    """Context and answer encoded together, as lm-evaluation-harness does it; ln p and greedy match from plain transformers."""
    import torch

    tokenizer = tiny.tokenizer
    whole = [tokenizer.bos, *tokenizer.encode(context + answer).tolist()]
    answer_length = len(whole) - 1 - len(tokenizer.encode(context))
    with torch.no_grad():
        logits = tiny.model(input_ids=torch.tensor([whole[:-1]])).logits[0].double()
    rows = torch.log_softmax(logits, -1)[-answer_length:]
    targets = torch.tensor(whole[-answer_length:])
    greedy = bool((rows.argmax(-1) == targets).all())
    return float(rows.gather(-1, targets[:, None]).sum()), greedy, answer_length


def test_choices_equal_a_plain_reference(tiny: Any, tmp_path: Path, jsonl: Write, make_words: Any) -> None:
    rows = [
        {"query": make_words(5, 10 + i), "choices": [make_words(1 + c, 90 * i + c) for c in range(3)], "gold": i % 3}
        for i in range(12)
    ]
    for normalise in ("none", "tokens", "bytes"):
        task = MultipleChoice("t", jsonl(*rows), normalise=normalise)
        results = evaluate(tiny.model, tiny.tokenizer, task, to_table(task.items(tmp_path), "t"), 64)
        for row, value, text in zip(rows, results["value"].to_pylist(), results["details"].to_pylist(), strict=True):
            details = json.loads(text)
            expected = [reference_logprob(tiny, row["query"], " " + c) for c in row["choices"]]
            assert details["logprob"] == pytest.approx([e[0] for e in expected], rel=1e-5)
            assert details["tokens"] == [e[2] for e in expected]
            assert details["bytes"] == [len(c.encode()) for c in row["choices"]]
            per = {"none": [1, 1, 1], "tokens": details["tokens"], "bytes": details["bytes"]}[normalise]
            scores = [e[0] / n for e, n in zip(expected, per, strict=True)]
            assert value == float(scores.index(max(scores)) == row["gold"]) == details["correct"][normalise]


def test_cloze_is_right_where_greedy_decoding_is(tiny: Any, tmp_path: Path, jsonl: Write, make_words: Any) -> None:
    import torch

    rows = []
    for i in range(8):  # half of the answers are what the model itself says
        context = make_words(6, i)
        ids = [tiny.tokenizer.bos, *tiny.tokenizer.encode(context).tolist()]
        said: list[int] = []
        for _ in range(2):
            with torch.no_grad():
                said.append(int(tiny.model(input_ids=torch.tensor([ids + said])).logits[0, -1].argmax()))
        text = tiny.tokenizer.decode(said)
        rows.append({"context": context, "continuation": text if i % 2 else "karu"})
    task = Cloze("c", jsonl(*rows), delimiter="")
    results = evaluate(tiny.model, tiny.tokenizer, task, to_table(task.items(tmp_path), "c"), 64)
    expected = []
    for row, text in zip(rows, results["details"].to_pylist(), strict=True):
        before, after = tiny.tokenizer.encode(row["context"]), tiny.tokenizer.encode(row["context"] + row["continuation"])
        logprob, greedy, _ = reference_logprob(tiny, row["context"], row["continuation"])
        assert after[: len(before)].tolist() == before.tolist()  # the reference splits there
        assert json.loads(text)["logprob"] == pytest.approx(logprob, rel=1e-5)
        expected.append(float(greedy))
    assert results["value"].to_pylist() == expected
    assert 0 < sum(expected) < len(expected)


def test_a_model_without_an_opinion_is_not_right(tokenizer: Any, make_model: Any, tmp_path: Path, jsonl: Write) -> None:
    import torch

    model = make_model(vocab=tokenizer.vocab_size)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    cloze = Cloze("c", jsonl({"context": "ka", "continuation": "lo"}))
    assert evaluate(model, tokenizer, cloze, to_table(cloze.items(tmp_path), "c"), 32)["value"].to_pylist() == [0.0]
    ties = MultipleChoice("t", jsonl({"query": "ka", "choices": ["lo", "lo", "lo", "lo"], "gold": 2}))
    assert evaluate(model, tokenizer, ties, to_table(ties.items(tmp_path), "t"), 32)["value"].to_pylist() == [0.25]


def test_long_contexts_lose_their_beginning_and_it_is_counted(tiny: Any, tmp_path: Path, jsonl: Write, make_words: Any) -> None:
    short, long = make_words(4, 1), make_words(60, 2) + "\n" + make_words(4, 1)
    task = MultipleChoice("t", jsonl(*({"query": q, "choices": ["ka", "lo ru"], "gold": 0} for q in (short, long))))
    items = list(task.items(tmp_path))
    encoded = [tiny.tokenizer.encode_batch(task.strings(i)) for i in items]
    near, far = (list(task.requests(i, e, tiny.tokenizer.bos, 32)) for i, e in zip(items, encoded, strict=True))
    assert [r.cut for r in near] == [0, 0]
    for request, (before, _, _) in zip(far, (encoded[1][:3], encoded[1][3:]), strict=True):
        assert len(request.ids) == 33 and request.ids[0] == tiny.tokenizer.bos
        assert request.cut == len(before) + request.scored - 32 > 0
        kept = request.ids[1 : 33 - request.scored]
        assert kept.tolist() == before[len(before) - len(kept) :].tolist()
    results = evaluate(tiny.model, tiny.tokenizer, task, to_table(items, "t"), 32)
    assert json.loads(results["details"][1].as_py())["cut"] == sum(r.cut for r in far)


def test_an_answer_that_cannot_fit_is_refused(tiny: Any, tmp_path: Path, jsonl: Write, make_words: Any) -> None:
    task = Cloze("c", jsonl({"context": "ka", "continuation": make_words(60, 2)}))
    with pytest.raises(TamisError, match=r"task.jsonl: line 1: answer 0 has \d+ tokens, more than the model's context of 32"):
        evaluate(tiny.model, tiny.tokenizer, task, to_table(task.items(tmp_path), "c"), 32)


def test_baselines_come_from_the_questions(tmp_path: Path, jsonl: Write) -> None:
    rows = [{"query": f"q{i}", "choices": ["a", "b", "c", "d"][: 2 + 2 * (i % 2)], "gold": 1 if i < 3 else 0} for i in range(4)]
    assert baselines(to_table(MultipleChoice("t", jsonl(*rows)).items(tmp_path), "t")) == {"uniform": 0.375, "majority": 0.75}
    cloze = [{"context": "c", "continuation": a} for a in ("x", "x", "y")]
    table = to_table(Cloze("t", jsonl(*cloze)).items(tmp_path), "t")
    assert baselines(table) == {"uniform": 0.0, "majority": pytest.approx(2 / 3)}


def test_ready_tasks_read_the_published_files(shared_data: Path) -> None:
    from tamis.eval.tasks import arc_easy, boolq, lambada_openai, piqa, winogrande

    counts = {}
    for module in (arc_easy, boolq, lambada_openai, piqa, winogrande):
        table = to_table(module.task.items(shared_data / "eval" / "tasks"), module.task.name)
        counts[module.task.name] = (table.num_rows, round(baselines(table)["uniform"], 3))
        assert all(answer.startswith(" ") for item in from_table(table) for _, answer in item.payload["pairs"])
    assert counts == {
        "arc_easy": (2376, 0.25),
        "boolq": (3270, 0.5),
        "lambada_openai": (5153, 0.0),
        "piqa": (1838, 0.5),
        "winogrande": (1267, 0.5),
    }
