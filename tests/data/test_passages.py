"""What of an item is searched for: the rule for short questions, the frame of a task, exemplars, and items that hold nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tamis.data.passages import NEAR_BY, Passage, passages, stands_near

DOCUMENT = ""


def item(context: str, *answers: str, gold: int = 0, shots: str = "") -> tuple[str, str]:
    """Text and payload of a published multiple-choice item, or of a cloze with one answer."""
    text = "\n".join([context, *answers])
    return text, json.dumps({"gold": gold, "pairs": [[shots + context, f" {answer}"] for answer in answers]})


def found(*items: tuple[str, str]) -> list[Passage]:
    return passages([text for text, _ in items], [payload for _, payload in items], 13, 8, 20)


def test_a_document_is_one_passage() -> None:
    assert found(("Any text, as it stands.", DOCUMENT)) == [Passage(0, "Any text, as it stands.", 8)]


LONG = "Which of these four kinds of rock is made when lava cools above the ground?"


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        (LONG, "basalt", []),
        ("Who was the first to cross the sea alone?", "Ann", [Passage(0, "who was the first to cross the sea alone", 8)]),
        ("What do bees make?", "honey in a comb", [Passage(0, "what do bees make", 4, ("honey in a comb", "quite another one"))]),
        ("What do bees make?", "honey", [Passage(0, "what do bees make", 4, ("honey", "quite another one"))]),
        ("What do bees make?", "?", []),
        ("Winter is", "the coldest season of them all", [Passage(0, "winter is the coldest season of them all", 8)]),
        ("25-759=", "-734", [Passage(0, "25 759 734", 8)]),
        (
            "蜜蜂在花园里做什么事情呢",
            "蜂蜜和蜂蜡",
            [Passage(0, "蜜 蜂 在 花 园 里 做 什 么 事 情 呢", 4, ("蜂 蜜 和 蜂 蜡", "quite another one"))],
        ),
    ],
    ids=["13 words", "8 words", "4 words", "4 and 1", "no answer", "2 words", "numbers", "Chinese"],
)
def test_the_rule_for_short_questions(question: str, answer: str, expected: list[Passage]) -> None:
    text, payload = item(question, answer, "quite another one")
    assert found((text, payload)) == [Passage(0, text, 13), *expected]


def test_exemplars_are_not_searched_for() -> None:
    plain, shown = (found(item("What do bees make?", "honey in a comb", shots=s)) for s in ("", f"{LONG} basalt\n\n"))
    assert plain == shown


def test_two_contexts_and_one_ending() -> None:
    """As in WinoGrande: what both contexts share was asked, whichever name stood in the gap."""
    contexts = [
        "shots here\n\nThe cup fell on the tray because the cup",
        "shots here\n\nThe cup fell on the tray because the tray",
    ]
    payload: dict[str, Any] = {"gold": 1, "pairs": [[context, " was wet."] for context in contexts]}
    text = "\n".join(f"{c.removeprefix('shots here').strip()} was wet." for c in contexts)
    assert found((text, json.dumps(payload)))[1:] == [Passage(0, "the cup fell on the tray because the", 8)]


def test_the_frame_of_a_task_is_not_part_of_a_question() -> None:
    """It is known of tasks of more than 20 items, and kept where hardly anything else is there."""
    names = [f"n{n}" for n in range(21)]
    items = [item(f"Question: {n} wrote songs for {n}?\nAnswer:", "this one and that one") for n in names]
    expected = [Passage(i, f"{n} wrote songs for {n}", 4, ("this one and that one",)) for i, n in enumerate(names)]
    assert found(*items)[1::2] == expected
    assert {p.text for p in found(*items[:20])[1::2]} == {f"question {n} wrote songs for {n} answer" for n in names[:20]}
    template = [item(f"What is the capital of {n}?", "the town by the sea") for n in names]
    assert found(*template)[1].text == "what is the capital of n0"


QUESTION, ANSWERS = "what do bees make", ("honey", "wax", "silk and wool")
FILLER = "x " * NEAR_BY


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{QUESTION} honey wax silk and wool", True),
        (f"honey silk and wool {FILLER} {QUESTION}", False),
        (f"honey {FILLER} {QUESTION} silk and wool", True),
        (f"{QUESTION} {FILLER} silk and wool {QUESTION} honey", True),
        (f"{QUESTION} wax silk and wool", False),
        (f"{QUESTION} honey wax", False),
        ("what do bees honey make silk and wool", False),
        (f"{QUESTION} {FILLER} silk and wool honey {FILLER} {QUESTION} silk wool honey", False),
    ],
)
def test_an_answer_may_stand_before_or_after_but_not_far(text: str, expected: bool) -> None:
    assert stands_near(text.split(), QUESTION, ANSWERS, 8) is expected


@pytest.mark.parametrize("text", ["", " \n", "…", "\x00"])
def test_items_that_hold_nothing(text: str) -> None:
    assert all(len(p.text.split()) < 2 for p in found(item(text, "", gold=0), (text, DOCUMENT)))
