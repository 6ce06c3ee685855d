"""The figures that are grids: which documents arms share, and what became of planted text.

A cell's tint says the same as the number in it and never so strongly that the number is hard to read.
"""

from __future__ import annotations

import re

from tamis.report import words
from tamis.report.canvas import SIZE, WIDE, Canvas, Drawing, arm_marker, arm_role, fit, text_width
from tamis.report.run import Row, Run


def overlap(run: Run) -> Drawing | None:
    """Which share of a row's documents the column's arm holds too."""
    table = run.summary.get("overlap")
    if not table or not table["arms"]:
        return None
    names, shared = table["arms"], table["documents"]
    cell = min(96.0, (WIDE - 210) / len(names))
    top = 32.0 + 15 * max(len(_wrap(name, cell - 8, 12)) for name in names)
    canvas = Canvas(
        "overlap",
        "Documents that two arms share",
        "; ".join(f"{names[i]} and {names[j]}: {shared[i][j]}" for i in range(len(names)) for j in range(i)),
        210 + cell * len(names),
        top + 2 + 44.0 * len(names),
    )
    for place, name in enumerate(names):
        index = run.arms.get(name, place)
        x, y = 206 + cell * (place + 0.5), top + 44 * (place + 0.5)
        canvas.mark(canvas.dot(x, 12, arm_role(index), arm_marker(index), 9), name, index)
        for number, line in enumerate(_wrap(name, cell - 8, 12)):
            canvas.text(x, 30 + 15 * number, line, "soft", "center", 12)
        canvas.dot(10, y, arm_role(index), arm_marker(index), 9)
        canvas.mark(canvas.text(24, y, fit(name, 168)), name, index)
    for i, row in enumerate(names):
        for j, column in enumerate(names):
            x, y = 206 + cell * j, top + 44 * i
            own, both = shared[i][i], shared[i][j]
            tip = (
                f"{words.count(both)} of the {words.count(own)} documents of {row} are in {column} too"
                if i != j
                else f"{row}: {words.count(own)} documents"
            )
            role, alpha = (arm_role(run.arms.get(row, i)), 0.05 + 0.25 * both / own) if i != j and own else ("line", 0.5)
            canvas.mark(canvas.rect(x + 1, y + 1, cell - 2, 42, role, alpha), tip)
            label = words.percent(both, own) if i != j else words.short(own)
            canvas.text(x + cell / 2, y + 22, label, "ink", "center", bold=i == j)
    rows = [[a, b, shared[i][j]] for i, a in enumerate(names) for j, b in enumerate(names)]
    return Drawing(
        "overlap",
        canvas.title,
        "Share of the row's documents that the column's arm holds too; on the diagonal, the number of documents.",
        canvas.svg(),
        words.comma_separated(["arm", "other", "documents"], rows),
    )


def good_kinds(run: Run) -> set[str]:
    """Kinds of good text, which a filter harms by dropping: what was not planted, and what was planted as good.

    A planted kind is good when its entry under `corpus` says `"good": true`, or its name begins with "good".
    """
    listed = {
        p["kind"]: bool(p.get("good", p["kind"].startswith("good"))) for p in (run.summary.get("corpus") or {}).get("planted", [])
    }
    return {r["kind"] for r in run.rows("planted") if listed.get(r["kind"], bool(listed) or r["kind"].startswith("good"))}


def planted(run: Run) -> list[Drawing]:
    """Per arm, kind of planted text by operator: the share dropped is recall for defects, harm for good text."""
    rows = [r for r in run.rows("planted") if r["arm"] in run.arms]
    out = []
    for arm, index in run.arms.items():
        mine = [r for r in rows if r["arm"] == arm]
        working = list(dict.fromkeys(r["operator"] for r in mine if r["dropped"]))
        if working:
            out.append(_planted(arm, index, mine, working, good_kinds(run)))
    return out


def _planted(arm: str, index: int, rows: list[Row], operators: list[str], good: set[str]) -> Drawing:
    kinds = sorted({r["kind"]: r["kind"] in good for r in rows}.items(), key=lambda item: (item[1], item[0]))
    defects = sum(not harmless for _, harmless in kinds)
    total: dict[str, int] = {k: max(r["rows"] for r in rows if r["kind"] == k) for k, _ in kinds}
    found = {(r["operator"], r["kind"]): r["dropped"] for r in rows}
    cell, tall, top = 88.0, 36.0, 62.0
    canvas = Canvas(
        f"planted-{index + 1}",
        f"{arm}: planted text found, by operator",
        f"{len(kinds)} kinds of planted text, {len(operators)} operators that dropped any of them",
        214 + cell * (len(operators) + 1),
        top + tall * len(kinds) + 16,
    )
    for column, operator in enumerate([*operators, "all together"]):
        lines = _wrap(operator, cell - 8, 12)
        for place, line in enumerate(lines):
            y = top - 12 - 15 * (len(lines) - 1 - place)
            canvas.mark(canvas.text(210 + cell * (column + 0.5), y, line, "soft", "center", 12), operator)
    for place, (kind, harmless) in enumerate(kinds):
        y = top + tall * place + (10 if harmless and defects else 0)
        canvas.mark(canvas.text(4, y + tall / 2 - 8, fit(kind, 196)), kind)
        canvas.text(
            4, y + tall / 2 + 9, f"{words.count(total[kind])} documents" + (", good text" if harmless else ""), "soft", size=12
        )
        counts = [found.get((o, kind), 0) for o in operators]
        for column, dropped in enumerate([*counts, sum(counts)]):
            share = dropped / total[kind] if total[kind] else 0.0
            x = 210 + cell * column
            alpha = 0.05 + 0.34 * min(share, 1.0)
            word = "harm" if harmless else "recall"
            of = f"{words.count(dropped)} of {words.count(total[kind])}"
            tip = f"{[*operators, 'all together'][column]}: {of} {kind} dropped ({word})"
            canvas.mark(canvas.rect(x + 1, y + 1, cell - 2, tall - 2, "ink" if harmless else arm_role(index), alpha), tip, index)
            text = words.percent(dropped, total[kind]) if dropped else "·"
            canvas.text(x + cell / 2, y + tall / 2, text, "ink", "center", bold=column == len(operators))
    return Drawing(
        canvas.name,
        canvas.title,
        "Share of each kind of planted text that each operator dropped. For defects (tinted in the arm's colour) that is recall, "
        "more is better; for good text (grey) it is harm, less is better.",
        canvas.svg(),
        words.comma_separated(
            ["arm", "operator", "kind", "good", "rows", "dropped"],
            [[arm, r["operator"], r["kind"], r["kind"] in good, r["rows"], r["dropped"]] for r in rows],
        ),
        (arm,),
    )


def _wrap(text: str, width: float, size: float = SIZE) -> list[str]:
    """At most three lines, broken after spaces and joints and before capitals."""
    lines = [""]
    for part in re.findall(r"(?:[A-Z]?[^\sA-Z\-_.·:]+|[A-Z]+)[\s\-_.·:]*", text) or [text]:
        if lines[-1] and text_width((lines[-1] + part).rstrip(), size) > width:
            lines.append("")
        lines[-1] += part
    if len(lines) > 3:
        lines = [*lines[:2], "".join(lines[2:])]
    return [fit(line.rstrip(), width, size) for line in lines]
