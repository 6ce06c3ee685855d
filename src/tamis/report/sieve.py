"""The figures of sifting: the funnel of each arm, and score histograms with every arm's thresholds.

What passes is solid in the arm's colour; what stays in the sieve is a dotted mesh. Rows are never lost between two bars:
the next bar is as long as the solid part of the one above it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from tamis.report import words
from tamis.report.canvas import SMALL, WIDE, Canvas, Drawing, arm_marker, arm_role, fit, scale, text_width
from tamis.report.run import Row, Run

REASONS = 4  # reasons named beside a bar; the CSV has all
TAIL = 0.005  # share of the rows cut off at either end of a histogram, unless a threshold lies there


def funnels(run: Run) -> list[Drawing]:
    """One figure per arm that has any step, all to the same scale of rows."""
    most = max((r["rows_in"] for r in run.funnel), default=0)
    most = max(most, max((r["rows_out"] for r in run.funnel), default=0), 1)
    out = []
    for name, index in run.arms.items():
        rows = sorted(
            (r for r in run.funnel if r["arm"] == name), key=lambda r: (r["position"], r["reason"] is not None, -r["rows"])
        )
        if rows:
            out.append(_funnel(run, name, index, rows, most))
    return out


def _funnel(run: Run, arm: str, index: int, rows: list[Row], most: int) -> Drawing:
    groups = [(key[1], list(group)) for key, group in groupby(rows, key=lambda r: (r["position"], r["operator"]))]
    # Reading the source is a stage without a name; unless it loses rows, the bar "in" says all of it.
    steps = [(name or "source", group) for name, group in groups if name or group[0]["rows_in"] != group[0]["rows_out"]] or groups
    first, last = steps[0][1][0]["rows_in"], steps[-1][1][0]["rows_out"]
    title = f"{arm}: {words.count(last)} of {words.count(first)} documents pass"
    left, wide, height, top = 196.0, 350.0, 50.0, 12.0
    canvas = Canvas(
        f"funnel-{index + 1}",
        title,
        "; ".join(f"{operator}: {g[0]['rows_in']} in, {g[0]['rows_out']} out" for operator, g in steps),
        WIDE,
        top + 30 + height * len(steps),
    )
    role = arm_role(index)
    unit = wide / most
    canvas.text(left - 14, top + 8, "in", "soft", "right")
    canvas.mark(canvas.rect(left, top, max(first * unit, 1), 16, role), f"{arm}: {words.count(first)} documents go in", index)
    canvas.text(left + wide + 14, top + 8, words.count(first))
    y = top + 30
    for operator, group in steps:
        # What passes falls to the next sieve: a tint from the last solid bar down to this one.
        fall = 14.0 if y == top + 30 else height - 16
        canvas.rect(left, y + 4 - fall, group[0]["rows_in"] * unit, fall, role, 0.1)
        _funnel_step(canvas, operator, group, index, (left, y, unit, wide))
        y += height
    return Drawing(
        canvas.name,
        title,
        _told(arm, first, last, steps),
        canvas.svg(),
        words.comma_separated(
            ["arm", "position", "operator", "rows_in", "rows_out", "reason", "rows", "bytes"],
            [[r[k] for k in ("arm", "position", "operator", "rows_in", "rows_out", "reason", "rows", "bytes")] for r in rows],
        ),
        (arm,),
    )


def _told(arm: str, first: int, last: int, steps: list[tuple[str, list[Row]]]) -> str:
    """What to see in a funnel, in one sentence."""
    operator, group = max(steps, key=lambda s: s[1][0]["rows_in"] - s[1][0]["rows_out"])
    lost = group[0]["rows_in"] - group[0]["rows_out"]
    told = f"{arm} keeps {words.count(last)} of {words.count(first)} documents ({words.percent(last, first)})"
    return f"{told}; {operator} holds back the most, {words.count(lost)}." if lost > 0 else f"{told}."


def _funnel_step(canvas: Canvas, operator: str, group: list[Row], index: int, frame: tuple[float, float, float, float]) -> None:
    left, y, unit, wide = frame
    rows_in, rows_out = group[0]["rows_in"], group[0]["rows_out"]
    role, drops = arm_role(index), [r for r in group if r["reason"] is not None]
    canvas.mark(canvas.text(left - 14, y + 12, fit(operator, left - 22), align="right"), operator, index)
    kept = f"{operator}: {words.count(rows_out)} of {words.count(rows_in)} pass ({words.percent(rows_out, rows_in)})"
    if rows_out:
        canvas.mark(canvas.rect(left, y + 4, max(rows_out * unit, 0.8), 16, role), kept, index)
    at = left + min(rows_out, rows_in) * unit
    for row in drops:
        tip = f"{operator}: {words.count(row['rows'])} stay ({words.percent(row['rows'], rows_in)}), {row['reason']}" + (
            f", {words.size(row['bytes'])}" if row["bytes"] else ""
        )
        canvas.mark(_mesh(canvas, at, y + 4, row["rows"] * unit, 16, role), tip, index)
        at += row["rows"] * unit
    canvas.text(left + wide + 14, y + 12, words.count(rows_out))
    lost = rows_in - rows_out
    change = f"−{words.count(lost)} ({words.percent(lost, rows_in)})" if lost >= 0 else f"+{words.count(-lost)} born"
    canvas.text(WIDE - 4, y + 12, change if lost else "none stay", "soft", "right")
    if len(drops) > 1 or (drops and drops[0]["reason"] != operator):
        canvas.text(WIDE - 4, y + 31, _named(drops, WIDE - left - 12), "soft", "right", size=12)


def _named(drops: list[Row], width: float) -> str:
    """The first reasons with their rows, as many as fit in `width` px, and how many more there are."""
    for shown in range(min(REASONS, len(drops)), 0, -1):
        parts = [f"{words.rule(r['reason'])} ({words.count(r['rows'])})" for r in drops[:shown]]
        rest = drops[shown:]
        if rest:
            parts.append(f"{len(rest)} more ({words.count(sum(r['rows'] for r in rest))})")
        text = " · ".join(parts)
        if text_width(text, 12) <= width:
            return text
    return fit(text, width, 12)


def _mesh(canvas: Canvas, x: float, y: float, width: float, height: float, role: str) -> Any:
    """A field of dots, as on a sieve, with a gap at its right end; too narrow for dots, a pale bar."""
    if width < 6:
        return canvas.rect(x + 0.6, y, max(width - 1.2, 0.6), height, role, 0.45)
    xs, ys = np.meshgrid(np.arange(x + 3, x + width - 1.5, 4.2), np.arange(y + 2, y + height, 4.0))
    return canvas.dots(xs.ravel(), ys.ravel(), role, 2.8)


def histograms(run: Run) -> list[tuple[bool, Drawing]]:
    """One small figure per score column, with (whether any arm bounds it, figure); bounded columns first."""
    thresholds = run.rows("thresholds")
    keyed = sorted(run.scores, key=lambda r: (r["text"], r["score"], r["column"], r["low"]))
    groups = [(key, list(rows)) for key, rows in groupby(keyed, key=lambda r: (r["text"], r["score"], r["column"]))]
    several = len({key[0] for key, _ in groups}) > 1
    found = []
    for (text, score, column), rows in groups:
        bounds = [t for t in thresholds if (t["score"], t["column"]) == (score, column) and t["arm"] in run.arms]
        found.append(
            (
                not bounds,
                score,
                column,
                text,
                bounds,
                [r for r in rows if math.isfinite(r["low"] + r["high"]) and r["high"] > r["low"]],
            )
        )
    found.sort(key=lambda f: f[:4])
    out = []
    for number, (free, score, column, text, bounds, rows) in enumerate((f for f in found if f[5]), 1):
        title = score if column in ("value", "") else f"{score}: {column}"
        out.append((not free, _histogram(run, f"score-{number}", title, text if several else "", bounds, rows)))
    return out


def _histogram(run: Run, name: str, title: str, text: str, bounds: list[Row], rows: list[Row]) -> Drawing:
    ranges: dict[tuple[Any, Any], list[str]] = {}
    for bound in bounds:
        ranges.setdefault((bound["min"], bound["max"]), []).append(bound["arm"])
    tall = 120.0
    canvas = Canvas(
        name, f"{title}, distribution", f"{sum(r['rows'] for r in rows)} documents", SMALL, tall + 66 + 40 * len(ranges)
    )
    edges = [v for pair in ranges for v in pair if v is not None and math.isfinite(v)]
    low, high, outside = _middle(rows, edges)
    total = max(sum(r["rows"] for r in rows), 1)

    def across(value: float) -> float:
        return 8 + (min(max(value, low), high) - low) / (high - low) * (SMALL - 16)

    drawn = [r for r in rows if r["high"] > low and r["low"] < high]
    # Density, because bins may be unequal; its square root, because what a threshold cuts off is a tail.
    density = [math.sqrt(r["rows"] / (r["high"] - r["low"])) for r in drawn]
    most = max(density, default=0) or 1
    for row, tall_as in zip(drawn, (d / most * tall for d in density), strict=True):
        left, right = across(row["low"]), across(row["high"])
        bar = canvas.rect(left, 24 + tall - tall_as, right - left, tall_as, "soft", 0.55)
        share = words.percent(row["rows"], total)
        tip = f"{words.plain(row['low'])} to {words.plain(row['high'])}: {words.count(row['rows'])} documents ({share})"
        canvas.mark(bar, tip)
    canvas.line([8, SMALL - 8], [24 + tall] * 2, "line")
    _, ticks = scale(low, high, 8, SMALL - 8, 5)
    for tick in (t for t in ticks if low <= t <= high):
        align = "left" if across(tick) < 24 else "right" if across(tick) > SMALL - 30 else "center"
        canvas.text(across(tick), 24 + tall + 14, words.plain(tick), "soft", align)
    score, _, column = title.partition(": ")
    canvas.text(8, 10, fit((column or score).replace("_", " "), SMALL - 16), bold=True)
    y = 24 + tall + 44
    for (least, most), arms in ranges.items():
        _range(canvas, run, arms, least, most, across, y)
        y += 40
    return Drawing(
        name,
        title + (f" ({text})" if text else ""),
        (f"{score}. " if column else "")
        + f"{words.count(total)} documents"
        + (f", {words.count(outside)} of them beyond the ends." if outside else "."),
        canvas.svg(),
        words.comma_separated(["low", "high", "rows"], [[r["low"], r["high"], r["rows"]] for r in rows]),
    )


def _range(canvas: Canvas, run: Run, arms: list[str], least: float | None, most: float | None, across: Any, y: float) -> None:
    """The kept range as a bar under the histogram, an arrow where it is open, thin lines up through the bars."""
    start = 8 if least is None else across(least)
    stop = SMALL - 8 if most is None else across(most)
    bounds = _bounds(least, most)
    indices = [run.arms[a] for a in arms]
    for place, index in enumerate(indices):
        at = y + 17 + 3.2 * place / max(len(indices) / 3, 1)
        tip = f"{run_name(run, index)} keeps {bounds}"
        if least is not None or most is not None:
            canvas.mark(canvas.line([start, max(stop, start + 2)], [at, at], arm_role(index), 2.6), tip, index)
    for place, edge in enumerate((least, most)):
        if least is None and most is None:
            continue
        if edge is not None:
            canvas.line([across(edge)] * 2, [24, 144], arm_role(indices[0]), 1.2, (0, (3, 2)))
            canvas.line([across(edge)] * 2, [y + 12, y + 23], arm_role(indices[0]), 1.2)
        else:
            tip_x, back = (8, 7) if place == 0 else (SMALL - 8, -7)
            canvas.polygon([(tip_x, y + 18), (tip_x + back, y + 13.5), (tip_x + back, y + 22.5)], arm_role(indices[0]))
    x = 8.0
    for index in indices[:6]:
        canvas.dot(x + 4, y + 2, arm_role(index), arm_marker(index), 7)
        x += 14
    room = SMALL - 16 - x - text_width(bounds) - 10
    canvas.text(x + 2, y + 2, fit(", ".join(arms), room))
    canvas.text(SMALL - 8, y + 2, bounds, "soft", "right")


def _bounds(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f"{words.plain(least)} to {words.plain(most)}"
    if least is not None:
        return f"≥ {words.plain(least)}"
    return f"≤ {words.plain(most)}" if most is not None else "a top fraction"


def run_name(run: Run, index: int) -> str:
    return list(run.arms)[index]


def _middle(rows: list[Row], edges: Sequence[float]) -> tuple[float, float, int]:
    """The range to draw: all but TAIL of the rows at either end, every threshold included; and the rows left out."""
    total = sum(r["rows"] for r in rows)
    below, low, high = 0, rows[0]["low"], rows[-1]["high"]
    for row in rows:
        if below + row["rows"] > TAIL * total:
            low = row["low"]
            break
        below += row["rows"]
    above = 0
    for row in reversed(rows):
        if above + row["rows"] > TAIL * total:
            high = row["high"]
            break
        above += row["rows"]
    span = high - low
    near = [e for e in edges if low - 0.75 * span <= e <= high + 0.75 * span]
    margin = 0.04 * span
    low = min([low, *(e - margin for e in near)])
    high = max([high, *(e + margin for e in near)])
    return low, high, sum(r["rows"] for r in rows if r["high"] <= low or r["low"] >= high)
