"""The forest of every pair of arms, and what the run cost.

Every function takes a `Run` and returns finished `Drawing`s; nothing is computed here. Differences are b - a in the
metric's own unit (`second` minus `first`, as in `tamis.stats`), and the axis is turned so that left favours b. What an interval
cannot tell from zero is drawn hollow and grey and is called inside the noise; a diagnostic stands on a shaded row.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from tamis.report import words
from tamis.report.answer import axis, draw_axis
from tamis.report.canvas import WIDE, Canvas, Drawing, arm_marker, arm_role, fit
from tamis.report.run import Row, Run


def forests(run: Run) -> list[Drawing]:
    """One forest plot per pair of arms and metric: tasks by sizes, the pairs with the baseline first."""
    rows = run.rows("differences")
    base = run.plan["baseline"]
    pairs = sorted({(r["a"], r["b"]) for r in rows}, key=lambda p: (base not in p, run.arms.get(p[0], 0), run.arms.get(p[1], 0)))
    out = []
    for number, (a, b) in enumerate(pairs, 1):
        mine = [r for r in rows if (r["a"], r["b"]) == (a, b)]
        metrics = sorted({run.task(r["task"])["metric"] for r in mine}, key=lambda m: (m != "bits per byte", m))
        for metric in metrics:
            part = [r for r in mine if run.task(r["task"])["metric"] == metric]
            out.append(_forest(run, f"differences-{number}-{metric.replace(' ', '-')}", a, b, metric, part))
    return out


def _forest(run: Run, name: str, a: str, b: str, metric: str, rows: list[Row]) -> Drawing:
    order = {r["name"]: i for i, r in enumerate(run.recipes)}
    rows = sorted(rows, key=lambda r: (run.rank(r["task"]), r["task"], -order.get(r["recipe"], 0)))
    groups = [(task, list(group)) for task, group in groupby(rows, key=lambda r: r["task"])]
    higher = bool(run.task(rows[0]["task"])["higher_is_better"])
    left, right, top = 206.0, 432.0, 62.0
    heights = [max(len(group) * 22 + 14, 44) for _, group in groups]
    canvas = Canvas(
        name,
        f"Differences in {metric}: {b} minus {a}",
        f"Forest plot of {len(groups)} tasks at {len(order)} sizes. The table beside the figure has every number.",
        WIDE,
        top + sum(heights) + 50,
    )
    canvas.legend(4, 12, WIDE - 8, [(arm, run.arms.get(arm, 0)) for arm in (b, a)])
    x, ticks = axis(rows, higher, left, right)
    bottom = top + sum(heights) + 2
    y = top
    for (task, _), height in zip(groups, heights, strict=True):
        if run.task(task)["role"] == "diagnostic":
            canvas.rect(0, y + 2, WIDE, height - 4, "wash")
        y += height
    draw_axis(canvas, x, ticks, top - 4, bottom)
    canvas.text((left + right) / 2, bottom + 34, f"difference in {metric}", "soft", "center")
    canvas.text((left + right) / 2 - 10, top - 18, "← " + fit(b, 170) + " better", "soft", "right")
    canvas.text((left + right) / 2 + 10, top - 18, fit(a, 170) + " better →", "soft")
    y = top
    for (task, group), height in zip(groups, heights, strict=True):
        _forest_rows(canvas, run, task, group, higher, x, y, height)
        y += height
    return Drawing(
        name,
        canvas.title,
        _tally(rows, a, b, higher),
        canvas.svg(),
        words.comma_separated(
            ["recipe", "task", "a", "b", "difference", "low", "high", "primary"],
            [[r[k] for k in ("recipe", "task", "a", "b", "difference", "low", "high", "primary")] for r in rows],
        ),
        (a, b),
    )


def _tally(rows: list[Row], a: str, b: str, higher: bool) -> str:
    """What to see in a forest plot, in one sentence."""
    winners = [words.favoured(row, higher) for row in rows]
    parts = [f"{winners.count(arm)} for {arm}" for arm in (b, a) if arm in winners]
    noise = winners.count(None)
    if not parts:
        return f"All {noise} differences are {words.NOISE}." if noise > 1 else f"The difference is {words.NOISE}."
    rest = f"; {noise} {'is' if noise == 1 else 'are'} {words.NOISE}" if noise else ""
    found = len(rows) - noise
    return f"Of {len(rows)} intervals, {found} leave{'s' if found == 1 else ''} out zero: {', '.join(parts)}{rest}."


def _forest_rows(canvas: Canvas, run: Run, task: str, rows: list[Row], higher: bool, x: Any, y: float, height: float) -> None:
    parameters = {r["name"]: r["parameters"] for r in run.recipes}
    described = run.task(task)
    note = "decides" if described["decides"] else {"diagnostic": "diagnostic, never decides"}.get(described["role"], "shown only")
    canvas.mark(
        canvas.text(4, y + height / 2 - 9, fit(task, 192), bold=described["decides"]), f"{task}: {described.get('why') or note}"
    )
    canvas.text(4, y + height / 2 + 9, note, "soft")
    first = y + height / 2 - (len(rows) - 1) * 11
    for index, row in enumerate(rows):
        middle = first + 22 * index
        winner = words.favoured(row, higher)
        arm = run.arms.get(winner) if winner else None
        role, marker = ("soft", "o") if arm is None else (arm_role(arm), arm_marker(arm))
        if row["low"] is not None and row["high"] is not None:
            canvas.line([x(row["low"]), x(row["high"])], [middle] * 2, role, 2.2 if index == 0 else 1.2)
        value = f"{words.signed(row['difference'])} {words.interval(row['low'], row['high'])}"
        tip = f"{task}, {row['recipe']}: {value}" + ("" if winner else f", {words.NOISE}")
        canvas.mark(
            canvas.dot(x(row["difference"]), middle, role, marker, 9 if index == 0 else 6.5, hollow=arm is None), tip, arm
        )
        canvas.text(498, middle, words.short(parameters.get(row["recipe"], 0)), "soft", "right")
        canvas.text(508, middle, value, "ink" if winner else "soft")


def cost(run: Run) -> Drawing | None:
    """CPU time per stage."""
    rows = run.rows("cost")
    if not rows:
        return None
    canvas = Canvas(
        "cost",
        "CPU time per stage",
        "; ".join(f"{r['stage']} {words.duration(r['cpu_seconds'])}" for r in rows),
        WIDE,
        26.0 * len(rows) + 8,
    )
    most = max(max(r["cpu_seconds"] for r in rows), 1e-9)
    for index, row in enumerate(rows):
        y = 18 + 26.0 * index
        canvas.text(160, y, fit(row["stage"], 156), "ink", "right")
        canvas.mark(
            canvas.rect(172, y - 7, max(370 * row["cpu_seconds"] / most, 1), 14, "soft", 0.7),
            f"{row['stage']}: {row['cpu_seconds']:.1f} CPU-seconds",
        )
        canvas.text(
            180 + 370 * row["cpu_seconds"] / most,
            y,
            f"{words.duration(row['cpu_seconds'])} · {words.count(row['jobs'])} jobs",
            "soft",
        )
    return Drawing(
        "cost",
        canvas.title,
        "CPU time (user and system) of the steps this run used, whether computed now or found finished in the store.",
        canvas.svg(),
        words.comma_separated(["stage", "cpu_seconds", "jobs"], [[r["stage"], r["cpu_seconds"], r["jobs"]] for r in rows]),
    )
