"""Replies of every shape, read; statuses kept apart; symbolic answers by algebra."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.eval.aiw import judge, parse_answer
from tamis.eval.aiw.algebra import affine, parse_expression
from tamis.eval.aiw.parse import STATUSES, repository_rule

ANSWERED = [
    ("### Answer: 7", 7),
    ("### Answer: 7.", 7),
    ("### Answer:\n\n7", 7),
    ("### Answer\n7", 7),
    ("### Answer: **7**", 7),
    ("### Answer: 003", 3),
    ("### Answer: seven", 7),
    ("### Answer: Seven sisters.", 7),
    ("### Answer: $\\boxed{7}$", 7),
    ("### Answer: \\(7\\)", 7),
    ('### Answer: "7"', 7),
    ("### Answer: [7]", 7),
    ("### Answer: 6 + 1 = 7", 7),
    ("### Answer: 6 + 1 = **7** sisters", 7),
    ("### Answer: 7 (6 sisters and Alice herself)", 7),
    ("### Answer: Alice's brother has 7 sisters.", 7),
    ("### Answer: A male friend of Alice has **2** female friends.", 2),
    ("### Answer: Each of Alice's 3 brothers has 7 sisters.", 7),
    ("### Answer: at least 12", 12),
    ("### Answer: no sisters", 0),
    ("### Final Answer: 8", 8),
    ("**Final Answer:** 7", 7),
    ("**Final Answer**\n\\[ \\boxed{7} \\]", 7),
    ("**Answer**: 3", 3),
    ("Thus the total is \\boxed{7}.", 7),
    ("\\boxed{\\text{7 sisters}}", 7),
    ("So the answer is 7.", 7),
    ("The answer to the question is: 7", 7),
    ("7", 7),
    ("Alice's brother has 7 sisters.", 7),
    ("First I get ### Answer: 6\nBut wait, Alice counts.\n### Answer: 7", 7),
    ("The answer: 2 would be too few.\n\n### Answer: 5 reflects the calculation", 5),
    ("<think>maybe 6? answer: 6</think>\n\n### Answer: 7", 7),
    ("Okay, so 6... no.\n</think>\n\nAlice's brother has \\boxed{7} sisters.", 7),
    ("<thinking>6</thinking><output>### Answer: 7</output>", 7),
    (
        'You asked for the final answer in following form: "### Answer: ". I think it is this:\n### Answer: 4',
        4,
    ),
    ("### Problem: Alice has 3 brothers. How many? ### Answer: 3  ### Problem: Bob has 5. ### Answer: 5", 3),
    ("### Answer: 2.5", Fraction(5, 2)),
    ("### Answer: -1", -1),
    ("### Answer: 7\n\n### Explanation: Alice has 6 sisters, with her 7.", 7),
]


@pytest.mark.parametrize(("text", "value"), ANSWERED)
def test_answers_are_read(text: str, value: Any) -> None:
    assert parse_answer(text).value == value


OTHER = [
    ("### Answer: It cannot be determined from the given information.", "refused"),
    ("### Answer: There is not enough information. She has at least 1.", "refused"),
    ("### Answer: Unknown", "refused"),
    ("I'm sorry, I can't determine that.", "refused"),
    ("### Answer: either 6 or 7", "unparsed"),
    ("### Answer: 6 or 7", "unparsed"),
    ("### Answer: 4-6 cousins", "unparsed"),
    ("### Answer: between 4 and 6", "unparsed"),
    ("<think>Alice has 3 brothers and she also has 6 sisters. So her brother", "truncated"),
    ("<think>So the answer: 6? Let me check. ### Answer: 6 is what I'd", "truncated"),
    ("Okay.</think>", "truncated"),
    ("Alice has brothers and sisters. " * 30 + "So we now count the", "truncated"),
    ("Families are wonderful.", "unparsed"),
    ("", "unparsed"),
]


@pytest.mark.parametrize(("text", "status"), OTHER)
def test_statuses_are_kept_apart(text: str, status: str) -> None:
    answer = parse_answer(text)
    assert (answer.value, answer.status) == (None, status)


def test_a_server_that_cut_the_reply_is_believed() -> None:
    assert parse_answer("Let us count the sisters", finish="length").status == "truncated"
    assert parse_answer("### Answer: 7", finish="length").value == 7


def test_an_echoed_prompt_is_dropped() -> None:
    prompt = 'Alice has 3 brothers. How many? Provide the final answer in following form: "### Answer: ".'
    assert parse_answer(prompt, prompt).value is None
    assert parse_answer(f"{prompt}\n\n### Answer: 9", prompt).value == 9
    assert parse_answer(" 4\n### Problem: Bob has 2 dogs.\n### Answer: 2", "### Problem: x\n### Answer:").value == 4


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("### Answer: M+1", True),
        ("### Answer: M + 1", True),
        ("### Answer: 1 + M", True),
        ("### Answer: (M + 1) sisters", True),
        ("### Answer: $M+1$", True),
        ("### Answer: m plus one", True),
        ("### Answer: (2M + 2)/2", True),
        ("### Answer: Alice's brother has M + 1 sisters.", True),
        ("### Answer: N + (M + 1) - N", True),
        ("### Answer: M", False),
        ("### Answer: M - 1", False),
        ("### Answer: M + N", False),
        ("Alice has M+1 girls around. ### Answer: M", False),
        ("### Answer: 2M", False),
        ("### Answer: 7", False),
    ],
)
def test_symbolic_answers_are_compared_by_algebra(text: str, right: bool) -> None:
    assert (judge(parse_answer(text), affine(1, M=1)) == "correct") is right


def test_an_expression_is_no_answer_to_a_question_for_a_number() -> None:
    assert judge(parse_answer("### Answer: x + 6 + y"), 6) == "unparsed"


@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(-9, 9))
def test_expressions_mean_what_they_say(a: int, b: int, c: int) -> None:
    found = parse_expression(f"({a})*M + ({b})*(N + {abs(c)}) - M")
    assert found == affine(b * abs(c), M=a - 1, N=b)


@given(st.text(max_size=300))
def test_any_text_gives_one_status(text: str) -> None:
    assert judge(parse_answer(text), 7) in STATUSES


def stored(root: Path) -> list[dict[str, Any]]:
    with gzip.open(root / "published" / "aiw_responses.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_stored_responses(real_data: Path) -> None:
    """Rates and agreement on 12,918 published responses, from the response and its prompt alone."""
    prompts = {str(p["id"]): p["prompt"] for p in json.loads((real_data / "published" / "aiw_prompts.json").read_text("utf-8"))}
    count: Counter[str] = Counter()
    symbolic: dict[str, list[bool]] = {}
    for row in stored(real_data):
        prompt = prompts.get(str(row["prompt_id"]), "")
        answer = parse_answer(row["response"], prompt if isinstance(prompt, str) else "")
        if row["source"] == "param":
            key = parse_expression(row["right_answer"])
            assert key is not None
            symbolic.setdefault(row["model"], []).append(judge(answer, key) == "correct")
            continue
        right = judge(answer, int(row["right_answer"])) == "correct"
        theirs = repository_rule(row["response"]) == row["right_answer"]
        count["n"] += 1
        count["agree with the repository"] += right == row["correct"]
        count["agree with the second parser"] += right == row["parsed_correct"]
        count["rule repeated"] += theirs == row["correct"]
        for name, flag in (("rule", theirs), ("flag", row["correct"])):
            count[f"{row['source']} {name}"] += flag
        count[row["source"]] += 1
    assert count["agree with the repository"] / count["n"] >= 0.995
    assert count["agree with the second parser"] / count["n"] >= 0.995
    assert count["rule repeated"] >= count["n"] - 8  # six of "reflection" and two of "o1-set" were edited by hand
    for source in ("base", "o1-set"):
        assert round(count[f"{source} rule"] / count[source], 3) == round(count[f"{source} flag"] / count[source], 3)
    for model, rate in (("gpt-4-0125-preview", 0.852), ("gpt-4-turbo-2024-04-09", 0.472), ("gpt-4o-2024-05-13", 0.200)):
        assert abs(sum(symbolic[model]) / len(symbolic[model]) - rate) <= 0.02


@pytest.mark.parametrize(
    "text",
    [
        "### Answer: " + "(" * 100_000,
        "answer: " * 50_000,
        " \n" * 200_000 + "7",
        "### Answer: " + "\\boxed{" * 300,
        "M+" * 100_000,
        "### Problem: a" + "\n" * 100_000,
    ],
    ids=lambda t: t[:14].strip(),
)
def test_hostile_replies_take_no_time(text: str) -> None:
    import time

    start = time.process_time()
    parse_answer(text)
    assert time.process_time() - start < 2
