"""From replies or probabilities to what is said of a model: statuses, rates, wrong answers with their reasons, verdicts.

Invariant: every reply is counted under exactly one status; rates are over all replies, and beside them over finished ones
(without those that were cut), never merged.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from tamis.core.errors import TamisError
from tamis.eval.aiw.algebra import Polynomial, parse_expression
from tamis.eval.aiw.parse import CORRECT, STATUSES, TRUNCATED, WRONG, judge, parse_answer
from tamis.eval.aiw.problems import Problem
from tamis.eval.aiw.responses import Response
from tamis.stats.robustness import Rate, Robustness, RobustnessRule, judge_families

OTHER = "another wrong answer"
EXAMPLES = 4  # replies to read of each group, question and status


@dataclass(frozen=True)
class Record:
    """One reply, judged (or one item, scored: then `status` is empty and `score` a probability)."""

    group: str
    part: str
    variation: str
    key: str
    score: float
    status: str = ""
    value: str = ""
    reason: str = ""
    prompt: str = ""
    text: str = ""


def of_replies(problems: Sequence[Problem], replies: Iterable[Response]) -> Iterator[Record]:
    """Stored replies of a study, judged. Replies to problems that the study does not ask are passed by."""
    known = {p.id: p for p in problems}
    for reply in replies:
        if (problem := known.get(reply.problem)) is not None:
            reasons = dict(problem.distractors)
            yield _judged(
                problem.group,
                problem.part,
                str(problem.variation),
                problem.key,
                reasons,
                reply.prompt,
                reply.response,
                reply.finish,
            )


def of_foreign(rows: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
    """Rows that `responses.read_foreign` read, judged; an answer such as "M+1" is symbolic."""
    for row in rows:
        expression = parse_expression(row["answer"])
        if expression is None:
            raise TamisError(f"answer {row['answer']!r} of family {row['family']}: neither a number nor an expression")
        constant = expression.constant
        key: int | Polynomial = expression if constant is None else int(constant)
        reasons = {} if isinstance(key, Polynomial) else {key - 1: "one too few", key + 1: "one too many"}
        part = str(row.get("control") or "main")
        yield _judged(
            row["family"],
            part,
            row["variation"],
            key,
            reasons,
            str(row.get("prompt", "")),
            row["response"],
            str(row.get("finish", "")),
        )


def _judged(
    group: str, part: str, variation: str, key: int | Polynomial, reasons: Mapping[int, str], prompt: str, text: str, finish: str
) -> Record:
    answer = parse_answer(text, prompt, finish)
    status = "refused" if finish == "content_filter" else judge(answer, key)
    reason = (reasons.get(answer.value, OTHER) if isinstance(answer.value, int) else OTHER) if status == WRONG else ""
    value = "" if answer.value is None else str(answer.value)
    return Record(group, part, variation, str(key), float(status == CORRECT), status, value, reason, prompt, text)


def of_scores(problems: Iterable[Problem], results: pa.Table) -> Iterator[Record]:
    """A results table of `Wonderland`, item by item."""
    known = {p.id: p for p in problems}
    for row in results.select(["item", "value"]).to_pylist():
        p = known[row["item"]]
        yield Record(p.group, p.part, str(p.variation), str(p.key), row["value"], prompt=p.prompt)


def summarise(records: Sequence[Record], model: str, mode: str, rule: RobustnessRule | None = None) -> dict[str, Any]:
    """Everything that is printed or drawn, as plain values: see the keys of the returned dict and of `_group`."""
    if not records:
        raise TamisError(f"{model}: there is nothing to judge")
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.group].append(record)
    families = {}
    for name, own in groups.items():
        cells: dict[str, list[float]] = defaultdict(list)
        controls: dict[str, list[float]] = defaultdict(list)
        for record in own:
            (cells[record.variation] if record.part == "main" else controls[record.part]).append(record.score)
        if cells:
            families[name] = (dict(sorted(cells.items())), dict(controls))
    judged = judge_families(families, rule)
    return {
        "model": model,
        "mode": mode,
        "replies": len(records),
        "statuses": _statuses(records),
        "rule": asdict(rule or RobustnessRule()),
        "groups": [_group(j, groups[j.name]) for j in judged],
        "examples": _examples(records),
    }


def _group(judged: Robustness, records: Sequence[Record]) -> dict[str, Any]:
    main = [r for r in records if r.part == "main"]
    by_variation = {v: [r for r in main if r.variation == v] for v in judged.variations}
    low, high = judged.score_interval or (None, None)
    return {
        "name": judged.name,
        "verdict": judged.verdict,
        "breakdown": judged.breakdown,
        **_rate(judged.rate),
        **{k: getattr(judged, k) for k in ("p", "p_holm", "overdispersion", "spread", "control_mean", "score")},
        "score_low": low,
        "score_high": high,
        "statuses": _statuses(main),
        "finished": _finished(main),
        "wrong": _wrong(main),
        "variations": [
            {
                "name": v,
                "key": by_variation[v][0].key,
                **_rate(r),
                "statuses": _statuses(by_variation[v]),
                "finished": _finished(by_variation[v]),
                "wrong": _wrong(by_variation[v]),
            }
            for v, r in judged.variations.items()
        ],
        "controls": [
            {"name": c, **_rate(r), "statuses": _statuses([x for x in records if x.part == c])}
            for c, r in judged.controls.items()
        ],
    }


def _rate(rate: Rate) -> dict[str, Any]:
    return asdict(rate)


def _statuses(records: Sequence[Record]) -> dict[str, int]:
    found = Counter(r.status for r in records if r.status)
    return {s: found[s] for s in STATUSES if found[s]}


def _finished(records: Sequence[Record]) -> float | None:
    """The rate over replies that were not cut; None if none was finished."""
    done = [r.score for r in records if r.status != TRUNCATED]
    return sum(done) / len(done) if done else None


def _wrong(records: Sequence[Record]) -> dict[str, int]:
    return dict(Counter(r.reason for r in records if r.reason).most_common())


def _examples(records: Sequence[Record]) -> list[dict[str, Any]]:
    """A few replies to read: the first of every group, question, variation and status."""
    seen: Counter[tuple[str, ...]] = Counter()
    out = []
    for r in records:
        place = (r.group, "main" if r.part == "main" else "control", r.status)
        if r.text and seen[place] < EXAMPLES and not seen[(*place, r.variation, r.part)]:
            seen[place] += 1
            seen[(*place, r.variation, r.part)] += 1
            out.append(asdict(r))
    return out


def dumps(summary: dict[str, Any]) -> bytes:
    """results.json: equal summaries give equal bytes."""
    return json.dumps(summary, indent=1, ensure_ascii=False).encode() + b"\n"


def lines(summary: dict[str, Any]) -> Iterator[str]:
    """What the command prints: a line for every group, then what could not be counted as an answer."""
    width = max(len(g["name"]) for g in summary["groups"])
    for g in summary["groups"]:
        rates = " ".join(f"{v['mean']:.2f}" for v in g["variations"])
        control = "no controls" if g["control_mean"] is None else f"controls {g['control_mean']:.2f}"
        score = "" if g["score"] is None else f", breakdown score {g['score']:.2f} [{g['score_low']:.2f}, {g['score_high']:.2f}]"
        test = "" if g["p_holm"] is None else f", p {g['p_holm']:.1g}"
        claim = {True: " — a breakdown", False: "", None: " — no breakdown can be claimed without controls"}[g["breakdown"]]
        if g["verdict"] not in ("fluctuating", "collapsing"):
            claim = ""
        mean = f"{g['mean']:.3f} [{g['low']:.3f}, {g['high']:.3f}]"
        yield f"{g['name']:<{width}}  {mean}  {rates}  {control}{score}{test}  {g['verdict']}{claim}"
    if summary["statuses"]:
        yield f"{summary['replies']:,} replies: " + ", ".join(f"{n:,} {s}" for s, n in summary["statuses"].items())
