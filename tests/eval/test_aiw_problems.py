"""Problems: canonical texts verbatim, answers by execution, uniqueness, structure, axes one at a time, an independent solver."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from tamis.core.errors import TamisError, UsageError
from tamis.eval.aiw import judge, parse_answer
from tamis.eval.aiw.families import ANSWERS, FAMILIES, SIBLINGS, Part, circle
from tamis.eval.aiw.problems import AXES, Problem, Study, Surface, make
from tamis.eval.aiw.world import FEMALE, MALE, Count, Table

STANDARD = 'Solve this problem and provide the final answer in following form: "### Answer: ".'
THINKING = (
    "Before providing answer to this problem, think carefully and double check the path to the correct solution for any "
    'mistakes. Provide then the final answer in following form: "### Answer: ".'
)
THINKING_V2 = THINKING.replace("think carefully and", "think carefully step by step and")
RESTRICTED = 'To answer the question, DO NOT OUTPUT ANY TEXT EXCEPT following format that contains final answer: "### Answer: ".'
SISTERS = "How many sisters does Alice's brother have?"
BROTHERS = "How many brothers does Alice's sister have?"
SIBLING_COUNT = "How many siblings does Alice have?"
CLOSED = "All mentioned persons are friends with each other and have no other friends aside."
FRIENDS = f"{CLOSED} How many female friends does male friend of Alice have?"
AIW = [
    f"Alice has 3 brothers and she also has 6 sisters. {SISTERS}",
    f"Alice has 2 sisters and she also has 4 brothers. {SISTERS}",
    f"Alice has 4 sisters and she also has 1 brother. {SISTERS}",
    f"Alice has 4 brothers and she also has 1 sister. {SISTERS}",
]
# Published prompts (LAION-AI/AIW, Apache-2.0): id -> (family, part, variation, prompt type, text, answer).
CANONICAL: dict[int, tuple[str, str, int, str, str, int]] = {}
for _ids, _prompt, _instruction in (
    ((55, 56, 63, 69), "STANDARD", STANDARD),
    ((57, 58, 64, 70), "THINKING", THINKING),
    ((53, 54, 65, 71), "RESTRICTED", RESTRICTED),
):
    for _v, (_id, _text, _answer) in enumerate(zip(_ids, AIW, (7, 3, 5, 2), strict=True), 1):
        CANONICAL[_id] = ("siblings", "main", _v, _prompt, f"{_text} {_instruction}", _answer)
for _id, _family, _part, _v, _text, _answer in (
    (271, "siblings", "hop", 1, f"Alice has 7 brothers and she also has 3 sisters. {BROTHERS}", 7),
    (272, "siblings", "hop", 2, f"Alice has 4 sisters and she also has 3 brothers. {BROTHERS}", 3),
    (273, "siblings", "hop", 3, f"Alice has 2 sisters and she also has 5 brothers. {BROTHERS}", 5),
    (274, "siblings", "hop", 4, f"Alice has 2 brothers and she also has 3 sisters. {BROTHERS}", 2),
    (277, "siblings", "arithmetic", 1, f"Alice has 3 brothers and she also has 4 sisters. {SIBLING_COUNT}", 7),
    (278, "siblings", "arithmetic", 2, f"Alice has 2 sisters and she also has 1 brother. {SIBLING_COUNT}", 3),
    (279, "siblings", "arithmetic", 3, f"Alice has 4 sisters and she also has 1 brother. {SIBLING_COUNT}", 5),
    (280, "siblings", "arithmetic", 4, f"Alice has 1 brother and she also has 1 sister. {SIBLING_COUNT}", 2),
    (577, "friends", "main", 1, f"Alice has 3 male friends and she also has 6 female friends. {FRIENDS}", 7),
    (
        578,
        "named-friends",
        "main",
        1,
        "Alice has 5 male friends in total and she also has female friends. Bob is one of Alice's male friends, and he has 8 "
        f"female friends in total. {CLOSED} How many female friends does Alice have?",
        7,
    ),
    (
        579,
        "named-friends-other",
        "main",
        1,
        "Alice has 8 male friends in total and she also has female friends. Bob is one of Alice's male friends, and he has 5 "
        f"female friends in total. {CLOSED} How many male friends does Bob have?",
        7,
    ),
    (580, "friends", "main", 2, f"Alice has 2 female friends and she also has 4 male friends. {FRIENDS}", 3),
    (581, "friends", "main", 3, f"Alice has 4 female friends and she also has 1 male friend. {FRIENDS}", 5),
    (582, "friends", "main", 4, f"Alice has 4 male friends and she also has 1 female friend. {FRIENDS}", 2),
    (583, "friends", "main", 5, f"Alice has 2 male friends and she also has 3 female friends. {FRIENDS}", 4),
    (584, "friends", "main", 6, f"Alice has 5 female friends and she also has 3 male friends. {FRIENDS}", 6),
):
    CANONICAL[_id] = (_family, _part, _v, "THINKING_v2", f"{_text} {THINKING_V2}", _answer)


def part_of(family: str, name: str) -> Part:
    return next(p for p in (FAMILIES[family].main, *FAMILIES[family].controls) if p.name == name)


@pytest.mark.parametrize("number", CANONICAL)
def test_canonical_prompts_come_out_verbatim(number: int) -> None:
    family, part, variation, prompt, text, answer = CANONICAL[number]
    problem = make(FAMILIES[family], part_of(family, part), variation, Surface(prompt=prompt))
    assert (problem.prompt, problem.key) == (text, answer)


def test_the_texts_in_this_file_are_the_published_ones(real_data: Path) -> None:
    published = {p["id"]: p for p in json.loads((real_data / "published" / "aiw_prompts.json").read_text("utf-8"))}
    for number, (_, _, _, _, text, answer) in CANONICAL.items():
        assert (published[number]["prompt"], published[number]["right_answer"]) == (text, str(answer))


def everything(seed: int | None) -> list[Problem]:
    return list(Study(families=tuple(FAMILIES), axes=tuple(AXES), seed=seed).problems())


def test_variations_share_structure_and_controls_share_answers() -> None:
    structures: dict[tuple[str, str], set[str]] = {}
    for p in everything(None):
        structures.setdefault((p.family, p.part), set()).add(p.structure)
        if isinstance(p.key, int) and p.part != "attribute":
            assert p.key == ANSWERS[p.variation - 1]
    assert all(len(s) == 1 for s in structures.values())
    assert structures["siblings", "main"] == structures["friends", "main"]  # the same graph, told of another relation
    assert structures["siblings", "main"] != structures["siblings", "hop"]  # here the person asked about is not counted
    assert {len({p.key for p in everything(3) if p.part == "attribute" and p.family == f}) for f in ("siblings", "cousins")} == {
        2
    }


def test_ids_are_unique_and_one_axis_moves_at_a_time() -> None:
    problems = everything(1)
    assert len({p.id for p in problems}) == len(problems)
    for p in problems:
        moved = [f.name for f in fields(Surface) if getattr(p.surface, f.name) != getattr(Surface(), f.name)]
        assert len(moved) == bool(p.changed) and all(p.changed.startswith(m) for m in moved)


def test_an_ambiguous_text_is_refused() -> None:
    """Without a number for the women the question has many answers, and the brute-force solver knows."""
    men = Count("A", ("sibling", MALE))
    query = Count("A", ("sibling", FEMALE), (("sibling", MALE),))
    vague = Table(circle("sibling"), (men,), query)
    assert len(vague.answers[(3,)]) > 1 and (3,) not in vague.unique
    part = replace(SIBLINGS.main, facts=(men,), numbers=((3,),) * 6)
    with pytest.raises(TamisError, match="do not lead to the one answer"):
        make(SIBLINGS, part, 1, Surface())


def test_a_study_refuses_what_it_does_not_know() -> None:
    with pytest.raises(UsageError, match="no family is called 'friend'"):
        Study(families=("friend",))
    with pytest.raises(UsageError, match="no axis is called"):
        Study(axes=("colour",))
    with pytest.raises(UsageError, match="prompt 'LOUD'"):
        Surface(prompt="LOUD")


NUMBER = r"(\d+|[A-Z]|zero|one|two|three|four|five|six|seven|eight|nine|ten)"
KIND = r"(sister|brother|(?:fe)?male (?:friend|colleague))s?"
COUNT = rf"(\w+) (?:also )?has {NUMBER} {KIND}"


def add(*values: str) -> str:
    """A sum of numbers, number words and letters, as text."""
    words = NUMBER[1:-1].split("|")[2:]
    digits = [words.index(v) if v in words else int(v) for v in values if not v.isupper()]
    return " + ".join(
        [*(v for v in values if v.isupper()), *([str(sum(digits))] if sum(digits) or len(digits) == len(values) else [])]
    )


def female(noun: str) -> bool:
    return "sister" in noun or "girl" in noun or "female" in noun


def solve(text: str) -> str:
    """Read the English and answer by arithmetic: knows neither worlds nor graphs."""
    text = re.sub(r" The house across the street has \w+ windows\.", "", text)
    cut = text.index(" Is ") if "male or female?" in text else text.rindex(". ") + 1
    story, question = text[:cut], text[cut + 1 :]
    she = {name: pronoun in ("she", "her") for name, pronoun in people(story).items()}
    if "male or female?" in question:
        return "1" if she[question.split()[1]] else "2"
    if "nephews" in story:
        own, aunts, uncles, brothers, children = cousins(story)
        if "cousins" in question:
            return add(aunts, uncles, children, f"-{add(own, own, '2')}")
        return aunts if "nephews" in question else add(brothers, "1")
    counts, owner = [], ""
    for who, n, kind in re.findall(COUNT, story):
        second = re.search(r"(\w+) is one of", story)
        owner = who if who in she else second[1] if second else owner
        counts.append((owner, n, kind))
    if "circle" in story:
        asked, kind = question.split(" does ")[1].split()[0], question.split()[2]
        circles = [counts[:2], counts[2:]]
        if asked == story.split()[0]:
            return add(*(n for _, n, _ in circles[0]))
        owner = re.findall(r"All persons in (\w+)'s circle", story)[1]
        if asked == owner:
            return add(*(n for _, n, k in circles[1] if k.startswith(kind + " ") or k.split()[0] == kind))
    asked_kind = question.removeprefix("How many ").split(" does ")[0].split(" are there")[0]
    if asked_kind in ("siblings", "friends", "colleagues"):
        return add(*(n for _, n, _ in counts))
    wanted = female(asked_kind)
    totals = [[n, "1"] if she[who] == wanted else [n] for who, n, kind in counts if female(kind) == wanted]
    if "in total?" in question:
        return add(*totals[0])
    asked = question.split(" does ")[1].split(" have")[0]
    asked_female = she[asked] if asked in she else female(asked.split(" of ")[0])
    return add(*(v for t in totals for v in t), *(["-1"] * len(totals) if asked_female == wanted else []))


def people(story: str) -> dict[str, str]:
    """Names and the pronoun or noun that tells their gender."""
    found = dict(re.findall(r"\b([A-Z]\w+) has [^.]*? and (she|he) also has", story))
    found |= dict(re.findall(r"\b([A-Z]\w+) is (?:one of|a colleague of)[^.]*? and (she|he) (?:has|is)", story))
    if pair := re.match(r"(\w+) and (\w+) are (sister|brother) and (sister|brother)", story):
        found |= {pair[1]: "she" if pair[3] == "sister" else "he", pair[2]: "she" if pair[4] == "sister" else "he"}
    if cousin := re.search(r"(\w+) has [^.]*no other siblings\. (Her|His)", story):
        found[cousin[1]] = cousin[2].lower()
    return found


def cousins(story: str) -> tuple[str, ...]:
    form = (
        rf"has {NUMBER} (?:sister|brother)s? and no .*?children and who has {NUMBER} nephews and nieces and also {NUMBER} .*?"
        rf"who has {NUMBER} nephews and nieces in total, and who also has {NUMBER} "
    )
    match = re.search(form, story)
    assert match
    own, aunts, brothers, uncles, children = match.groups()
    return own, aunts, uncles, brothers, children


def test_a_solver_that_reads_english_is_always_right() -> None:
    """At least 10,000 generated problems of all families, axes and controls."""
    solved = 0
    for seed in range(100):
        if solved >= 10_000:
            break
        for problem in everything(seed):
            reply = f"Let me think. answer: 0?\n\n### Answer: {solve(problem.problem)}"
            assert judge(parse_answer(reply), problem.key) == "correct", (problem.problem, reply, str(problem.key))
            solved += 1
    assert solved >= 10_000


def test_wrong_answers_have_reasons() -> None:
    problem = make(FAMILIES["siblings"], FAMILIES["siblings"].main, 1, Surface())
    assert dict(problem.distractors)[6] == "forgets the person asked about"
    assert problem.key not in dict(problem.distractors)
