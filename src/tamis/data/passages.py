"""What of a reference is searched for in training text: the whole of a document; of a question, more than its text as it stands.

A published item is a question if its payload holds `pairs` of (context, answer), one a choice, and `gold`, the number of the
right one. Its *question* is what all contexts share, without exemplars and without the words with which every question of its
task begins or ends ("Question:", "Answer:"; looked for in tasks of more than `common` items). The rule, w being its words:

    13 words or more    any 13 in a row of the item's text (question, options, answers)
    8 to 12             the same, or the question as a whole
    4 to 7              the same, or the question as a whole with the right answer as a whole at most `NEAR_BY` words away,
                        if the two have 8 words together
    fewer               the same, or question and right answer in a row, 8 words or more
    else                the item cannot be searched for; it is counted as such, and never guessed

13 and 8 are `span` and `shortest` (Brown et al. 2020, appendix C, who search nothing below 8 words). A letter of an unspaced
script counts half a word.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple

from tamis.kernels.shingle import SINGLE, kind_of, words

LEAST = 4  # words of a question that is looked for by itself
NEAR_BY = 50  # words between a question and its answer, at most


class Passage(NamedTuple):
    """A text to search for: a span of it, or the whole if it is shorter, but not below `shortest` words.

    `answer`: must stand near by, if it is not empty. `owner`: number of the reference it belongs to.
    """

    owner: int
    text: str
    shortest: int
    answer: str = ""


class Question(NamedTuple):
    """In words: what is asked, the right answer, and both in a row."""

    asked: list[str]
    answer: list[str]
    row: list[str]


def passages(texts: Sequence[str], payloads: Sequence[str], span: int, shortest: int, common: int) -> list[Passage]:
    """The passages of one set of references (a task, or any dataset), the first of each its whole text.

    payloads: JSON of each item; empty or without `pairs` for a document.
    """
    questions = [_question(text, payload) for text, payload in zip(texts, payloads, strict=True)]
    begin, end = _frame([q.asked for q in questions if q], common)
    out = []
    for owner, (text, question) in enumerate(zip(texts, questions, strict=True)):
        if question is None:
            out.append(Passage(owner, text, shortest))
            continue
        out.append(Passage(owner, text, span))
        asked = question.asked[begin : len(question.asked) - end]
        size, together = _size(asked), _size(asked) + _size(question.answer)
        if shortest <= size < span:
            out.append(Passage(owner, " ".join(asked), shortest))
        elif LEAST <= size < shortest <= together:
            out.append(Passage(owner, " ".join(asked), LEAST, " ".join(question.answer)))
        elif size < LEAST:
            out.append(Passage(owner, " ".join(question.row[begin:]), shortest))
    return out


def _question(text: str, payload: str) -> Question | None:
    value = json.loads(payload) if payload else {}
    if "pairs" not in value:
        return None
    whole, gold = _words(text), value["gold"]
    answers = [_words(answer) for _, answer in value["pairs"]]
    if len({context for context, _ in value["pairs"]}) == 1:  # the text is the question and the answers
        asked = whole[: len(whole) - sum(map(len, answers))]
        return Question(asked, answers[gold], asked + answers[gold])
    contexts = [_words(context) for context, _ in value["pairs"]]
    extra = (sum(map(len, contexts)) + sum(map(len, answers)) - len(whole)) // len(contexts)  # words of exemplars
    contexts = [c[extra:] for c in contexts]
    return Question(_shared(contexts), answers[gold], contexts[gold] + answers[gold])


def _frame(questions: Sequence[list[str]], common: int) -> tuple[int, int]:
    """How many words all questions begin and end with."""
    if len(questions) <= common:
        return 0, 0
    begin = len(_shared(questions))
    return begin, len(_shared([q[begin:][::-1] for q in questions]))


def _shared(lists: Iterable[list[str]]) -> list[str]:
    """The words with which all lists begin."""
    return [column[0] for column in takewhile(lambda c: len(set(c)) == 1, zip(*lists, strict=False))]


def _words(text: str) -> list[str]:
    return words(text, punctuation=False)


def _size(own: Sequence[str]) -> float:
    """Words, a letter of an unspaced script being half of one."""
    return sum(0.5 if kind_of(word[0]) == SINGLE else 1 for word in own)


def stands_near(text: Sequence[str], question: str, answer: str) -> bool:
    """Whether the words of a text hold the question with the answer at most NEAR_BY words before or after it."""
    asked, wanted = question.split(), answer.split()
    for k in range(len(text) - len(asked) + 1):
        if text[k] == asked[0] and list(text[k : k + len(asked)]) == asked:
            end = k + len(asked)
            reach = NEAR_BY + len(wanted)
            if _holds(text[max(0, k - reach) : k], wanted) or _holds(text[end : end + reach], wanted):
                return True
    return False


def _holds(text: Sequence[str], wanted: list[str]) -> bool:
    return any(list(text[k : k + len(wanted)]) == wanted for k in range(len(text) - len(wanted) + 1))
