"""What of a reference is searched for in training text: the whole of a document; of a question, more than its text as it stands.

A published item is a question if its payload holds `pairs` of (context, answer), one a choice, and `gold`, the number of the
right one. Its *question* is what all contexts share, without exemplars and without the words with which every question of its
task begins or ends ("Question:", "Answer:"; looked for in tasks of more than `common` items, and left where fewer than 4 words
would remain). The rule, by the number of its words:

    13 or more    any 13 in a row of the item's text (question, options, answers)
    8 to 12       the same, or the question as a whole
    4 to 7        the same, or the question as a whole and at most `NEAR_BY` words away the right answer as a whole, if the two,
                  with the other options that stand as near, have 8 words together
    fewer         the same, or question and right answer in a row, 8 words or more
    else          the item cannot be searched for; it is counted as such, and never guessed

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

    `answers`: what must stand near by, the right one first. `owner`: number of the reference it belongs to.
    """

    owner: int
    text: str
    shortest: int
    answers: tuple[str, ...] = ()


class Question(NamedTuple):
    """In words: what is asked, what the right context adds to it, and the answers, the right one first."""

    asked: list[str]
    added: list[str]
    answers: list[list[str]]


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
        inside = question.asked[begin : len(question.asked) - end]
        asked = inside if _size(inside) >= LEAST else question.asked  # what all share is then a template, not a frame
        size, together = _size(asked), _size(asked) + sum(map(_size, question.answers))
        if shortest <= size < span:
            out.append(Passage(owner, " ".join(asked), shortest))
        elif LEAST <= size < shortest <= together and question.answers[0]:
            out.append(Passage(owner, " ".join(asked), LEAST, tuple(" ".join(a) for a in question.answers if a)))
        elif size < LEAST:
            out.append(Passage(owner, " ".join(asked + question.added + question.answers[0]), shortest))
    return out


def _question(text: str, payload: str) -> Question | None:
    value = json.loads(payload) if payload else {}
    if "pairs" not in value:
        return None
    whole, gold = _words(text), value["gold"]
    answers = [_words(answer) for _, answer in value["pairs"]]
    right_first = [answers[gold], *answers[:gold], *answers[gold + 1 :]]
    if len({context for context, _ in value["pairs"]}) == 1:  # the text is the question and the answers
        return Question(whole[: len(whole) - sum(map(len, answers))], [], right_first)
    contexts = [_words(context) for context, _ in value["pairs"]]
    extra = (sum(map(len, contexts)) + sum(map(len, answers)) - len(whole)) // len(contexts)  # words of exemplars
    contexts = [c[extra:] for c in contexts]
    asked = _shared(contexts)
    return Question(asked, contexts[gold][len(asked) :], answers[:1])  # all answers are the one ending


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


def stands_near(text: Sequence[str], question: str, answers: Sequence[str], shortest: int) -> bool:
    """Whether the words of a text hold the question, at most NEAR_BY words before or after it the first of the answers, and with
    all answers that stand as near `shortest` words."""
    asked = question.split()
    for k in range(len(text) - len(asked) + 1):
        if text[k] == asked[0] and list(text[k : k + len(asked)]) == asked:
            there = [a for a in map(str.split, answers) if _is_near(text, k, k + len(asked), a)]
            if there[:1] == [answers[0].split()] and _size(asked) + sum(map(_size, there)) >= shortest:
                return True
    return False


def _is_near(text: Sequence[str], start: int, end: int, wanted: list[str]) -> bool:
    """Whether `wanted` stands before `start` or after `end`."""
    reach = NEAR_BY + len(wanted)
    sides = text[max(0, start - reach) : start], text[end : end + reach]
    return any(list(side[k : k + len(wanted)]) == wanted for side in sides for k in range(len(side) - len(wanted) + 1))
