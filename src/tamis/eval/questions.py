"""Questions from JSONL files: multiple choice and cloze, judged by log-likelihood.

Two forms of multiple choice, as in MosaicML's evaluation files: {"query", "choices", "gold"} and, with the alternatives
in the context, {"context_options", "continuation", "gold"}; cloze is {"context", "continuation"}. The prompt is
rendered once, when items are published: exemplars (if any), context, delimiter, answer. White space at the end of the
context belongs to the answer. Context and answer are tokenised together where the tokens of the context alone are a
prefix of that, else one after the other (what a model that continues the context is faced with). The row begins with
BOS; a context too long for the window loses tokens after BOS, counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from tamis.core.errors import TamisError, UsageError
from tamis.eval.jsonl import JsonRow, read_rows
from tamis.eval.task import Answer, Ids, Item, Judgement, Request, Task, from_table

NORMALISATIONS = ("none", "tokens", "bytes")


@dataclass(frozen=True)
class Question:
    """A row of a file, understood: a (context, answer) pair for each choice, the number of the right one, what must not leak."""

    pairs: tuple[tuple[str, str], ...]
    gold: int
    text: str

    @property
    def answered(self) -> str:
        """The gold context and answer: the form of an exemplar."""
        return "".join(self.pairs[self.gold])


@dataclass(frozen=True)
class Questions(Task):
    """What multiple choice and cloze share.

    `path`: the JSONL file (.jsonl, .gz or .zst), relative to the data root. `delimiter`: stands between context and
    answer. `cluster`: a key of the rows (subject, passage) that items are resampled by. `shots`: exemplars, the first
    of a permutation of the file drawn from `seed` that do not share the item's text; they are stored with each item,
    `separator` between them. An item's id is the row's "id", else its line number.
    """

    path: str
    delimiter: str = " "
    cluster: str | None = None
    shots: int = 0
    seed: int = 0
    separator: str = "\n\n"
    decides: bool = field(default=False, kw_only=True)

    unit: ClassVar[str] = "accuracy"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shots < 0:
            raise UsageError(f"task {self.name}: shots {self.shots}: at least 0")

    def parse(self, row: JsonRow) -> Question:
        """One row of the file. TamisError names file and line."""
        raise TypeError(f"{type(self).__name__} does not define this")

    def items(self, root: str | Path = ".") -> Iterator[Item]:
        """All questions of the file, in its order. TamisError names file and line."""
        rows = read_rows(Path(root) / self.path, self.path)
        questions = [self.parse(row) for row in rows]
        if self.shots >= len(rows):
            raise TamisError(f"{self.path}: {self.shots} shots need more than {self.shots} questions, there are {len(rows)}")
        ids: dict[str, int] = {}
        order = np.random.Generator(np.random.Philox(self.seed)).permutation(len(rows)) if self.shots else np.empty(0, int)
        for row, question in zip(rows, questions, strict=True):
            name = str(row.values.get("id", row.line))
            if name in ids:
                raise row.error(f"id {name!r} is that of line {ids[name]} already; ids must be unique")
            ids[name] = row.line
            prefix = "".join(text + self.separator for text in self._exemplars(question, questions, order, row))
            payload = {
                "line": row.line,
                "gold": question.gold,
                "pairs": [[prefix + context, answer] for context, answer in question.pairs],
            }
            yield Item(name, self._cluster(row, name), question.text, self.kind, payload)

    def _exemplars(self, question: Question, all_: Sequence[Question], order: np.ndarray[Any, Any], row: JsonRow) -> list[str]:
        chosen: list[str] = []
        for place in order.tolist():
            if len(chosen) == self.shots:
                break
            if all_[place].text != question.text:
                chosen.append(all_[place].answered)
        if len(chosen) < self.shots:
            raise row.error(f"only {len(chosen)} other questions can serve as its {self.shots} exemplars; ask for fewer shots")
        return chosen

    def _cluster(self, row: JsonRow, name: str) -> str:
        if self.cluster is None:
            return name
        if row.values.get(self.cluster) is None:
            raise row.error(f"has no {self.cluster!r}, which the task names as its cluster")
        return str(row.values[self.cluster])

    def pair(self, context: str, answer: str) -> tuple[str, str]:
        """Context and answer with the delimiter between; white space at the end of the context goes to the answer."""
        before = context + self.delimiter
        kept = before.rstrip()
        return kept, before[len(kept) :] + answer

    def strings(self, item: Item) -> list[str]:
        return [text for context, answer in item.payload["pairs"] for text in (context, answer, context + answer)]

    def requests(self, item: Item, encoded: Sequence[Ids], bos: int, context: int) -> Iterator[Request]:
        for number in range(len(item.payload["pairs"])):
            before, after, whole = encoded[3 * number : 3 * number + 3]
            if len(whole) > len(before) and np.array_equal(whole[: len(before)], before):
                after = whole[len(before) :]
            if not len(after):
                raise TamisError(f"{self.path}: line {item.payload['line']}: answer {number} has no tokens")
            if len(after) > context:
                raise TamisError(
                    f"{self.path}: line {item.payload['line']}: answer {number} has {len(after)} tokens, "
                    f"more than the model's context of {context}"
                )
            cut = max(0, len(before) + len(after) - context)
            ids = np.concatenate([np.array([bos], after.dtype), before[cut:], after])
            yield Request(ids, len(after), cut, greedy=self.kind == Cloze.kind)


@dataclass(frozen=True)
class MultipleChoice(Questions):
    """The choice with the highest log-likelihood is the model's answer; of `n` equal ones the gold gets 1 / n.

    `normalise`: log-likelihood as it is ("none"), per token ("tokens") or per UTF-8 byte of the choice ("bytes"). All
    three are stored with every item; this one is the task's accuracy.
    """

    normalise: str = "bytes"

    kind: ClassVar[str] = "multiple-choice"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.normalise not in NORMALISATIONS:
            raise UsageError(f"task {self.name}: normalise {self.normalise!r}: use one of {', '.join(NORMALISATIONS)}")

    def parse(self, row: JsonRow) -> Question:
        schema = "context_options" in row.values
        choices = row.texts("context_options" if schema else "choices")
        if len(choices) < 2:
            raise row.error(f"has {len(choices)} choices; at least 2 are needed")
        gold = row.values.get("gold")
        if isinstance(gold, bool) or not isinstance(gold, int) or not 0 <= gold < len(choices):
            raise row.error(f"gold is {gold!r}; it must be the number of a choice, 0 to {len(choices) - 1}")
        shared = row.text("continuation" if schema else "query")
        pairs = tuple(self.pair(c, shared) if schema else self.pair(shared, c) for c in choices)
        parts = [f"{c}{self.delimiter}{shared}" for c in choices] if schema else [shared, *choices]
        return Question(pairs, gold, "\n".join(parts))

    def judge(self, item: Item, answers: Sequence[Answer]) -> Judgement:
        gold = item.payload["gold"]
        sizes = [len(answer.strip().encode()) or 1 for _, answer in item.payload["pairs"]]
        raw = [a.logprob for a in answers]
        scores = {
            "none": raw,
            "tokens": [a.logprob / a.tokens for a in answers],
            "bytes": [x / size for x, size in zip(raw, sizes, strict=True)],
        }
        correct = {name: _share(values, gold) for name, values in scores.items()}
        details = {
            "gold": gold,
            "logprob": raw,
            "tokens": [a.tokens for a in answers],
            "bytes": sizes,
            "correct": correct,
            "cut": sum(a.cut for a in answers),
        }
        return Judgement(correct[self.normalise], 1.0, details)


@dataclass(frozen=True)
class Cloze(Questions):
    """Right if greedy decoding after the context gives every token of the answer; its log-likelihood is stored as well."""

    kind: ClassVar[str] = "cloze"

    def parse(self, row: JsonRow) -> Question:
        pair = self.pair(row.text("context"), row.text("continuation"))
        return Question((pair,), 0, "".join(pair))

    def judge(self, item: Item, answers: Sequence[Answer]) -> Judgement:
        (answer,) = answers
        return Judgement(float(answer.greedy), 1.0, {"logprob": answer.logprob, "tokens": answer.tokens, "cut": answer.cut})


def _share(values: Sequence[float], gold: int) -> float:
    best = max(values)
    return 1 / values.count(best) if values[gold] == best else 0.0


def baselines(items: pa.Table) -> dict[str, float]:
    """What an answer without a model scores, from published questions: "uniform" (a choice at random; 0 for cloze) and "majority"
    (always the most frequent gold position, or for cloze the most frequent answer)."""
    golds: Counter[object] = Counter()
    uniform = 0.0
    for item in from_table(items):
        pairs = item.payload["pairs"]
        cloze = item.kind == Cloze.kind
        golds[pairs[0][1].strip() if cloze else item.payload["gold"]] += 1
        uniform += 0.0 if cloze else 1 / len(pairs)
    count = max(golds.total(), 1)
    return {"uniform": uniform / count, "majority": max(golds.values(), default=0) / count}
