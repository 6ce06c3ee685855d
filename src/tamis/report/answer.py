"""The figure beside the answer: every pair of arms on the primary metric, and what the design could not see.

Drawn twice, for a wide and for a narrow window: the same marks, with the names beside them or above them. Differences are b - a
(`second` minus `first`, as in `tamis.stats`) and the axis is turned so that left favours b whatever the metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tamis.report import words
from tamis.report.canvas import SMALL, WIDE, Canvas, Drawing, arm_marker, arm_role, fit, scale, text_width
from tamis.report.run import Row, Run

PAIRS = 10  # pairs drawn; the table has all
COLUMNS = ("a", "b", "verdict", "better", "difference", "low", "high", "p", "p_holm", "smallest_visible")


def answer(run: Run) -> Drawing | None:
    """One pair a line: names, interval, numbers."""
    height, left, right, top = 50.0, 200.0, 490.0, 40.0
    rows = _clearest(run)
    if not rows:
        return None
    canvas = _canvas("answer", rows, WIDE, top + height * len(rows) + 48)
    x = _frame(canvas, run, rows, (left, right, top, top + height * len(rows) + 4))
    canvas.text(left, 14, "← upper arm better", "soft")
    canvas.text(right, 14, "lower arm better →", "soft", "right")
    for index, verdict in enumerate(rows):
        y = top + height * index
        for name, at in ((verdict["b"], y + 14), (verdict["a"], y + 34)):
            arm = run.arms.get(name, 0)
            canvas.dot(8, at, arm_role(arm), arm_marker(arm), 7)
            canvas.text(18, at, fit(name, 165))
        _marks(canvas, run, verdict, x, y + 22)
        canvas.text(right + 16, y + 14, _value(verdict))
        _verdict(canvas, run, verdict, right + 16, y + 34, WIDE - right - 20)
    return _drawing(run, canvas, rows)


def narrow_answer(run: Run) -> Drawing | None:
    """One pair a block: the two names over the ends of the interval that favour them, the numbers below."""
    height, top = 92.0, 4.0
    rows = _clearest(run)
    if not rows:
        return None
    canvas = _canvas("answer-narrow", rows, SMALL, top + height * len(rows) + 52)
    x = _frame(canvas, run, rows, (28, SMALL - 28, top + 4, top + height * len(rows) + 8))
    for index, verdict in enumerate(rows):
        y = top + height * index
        _marks(canvas, run, verdict, x, y + 40)
        for name, side in ((verdict["b"], "left"), (verdict["a"], "right")):
            arm = run.arms.get(name, 0)
            label = fit(f"← {name} better" if side == "left" else f"{name} better →", SMALL / 2 - 14)
            _over_paper(canvas, 8 if side == "left" else SMALL - 8, y + 13, label, arm_role(arm), side)
        _over_paper(canvas, SMALL / 2, y + 72, _value(verdict), "ink", "center")
    return _drawing(run, canvas, rows)


def axis(
    rows: Iterable[Row], higher: bool, left: float, right: float, extra: Sequence[float | None] = ()
) -> tuple[Any, list[float]]:
    """A scale for differences that holds zero, every interval and `extra` on both sides; left favours b."""
    values = [v for r in rows for v in [r["difference"], r["low"], r["high"], *(r.get("per_seed") or [])] if v is not None]
    values += [s * v for v in extra if v is not None for s in (1, -1)] + [0.0]
    ends = (right, left) if higher else (left, right)
    return scale(min(values), max(values), *ends, steps=4)


def draw_axis(canvas: Canvas, x: Any, ticks: list[float], top: float, bottom: float) -> None:
    """Hairlines and numbers of an `axis`, and a stronger line at zero."""
    for tick in ticks:
        canvas.line([x(tick)] * 2, [top, bottom], "line", 0.6)
        canvas.text(x(tick), bottom + 14, words.plain(tick), "soft", "center")
    canvas.line([x(ticks[0]), x(ticks[-1])], [bottom] * 2, "line", 1.0)
    canvas.line([x(0), x(0)], [top, bottom], "soft", 1.0)


def _clearest(run: Run) -> list[Row]:
    rows = sorted(run.rows("verdicts"), key=lambda v: (v["p_holm"] is None, v["p_holm"], -abs(v["difference"])))
    return rows[:PAIRS]


def _canvas(name: str, rows: list[Row], width: float, height: float) -> Canvas:
    told = "; ".join(f"{v['b']} minus {v['a']}: {_value(v)}, {v['verdict']}" for v in rows)
    return Canvas(name, "The answer: difference between arms", told, width, height)


def _frame(canvas: Canvas, run: Run, rows: list[Row], box: tuple[float, float, float, float]) -> Any:
    """Axis and bands of what cannot be seen; returns the scale."""
    left, right, top, bottom = box
    deciding = [t for t in run.tasks.values() if t["decides"]] or [{"higher_is_better": False, "metric": "score"}]
    x, ticks = axis(rows, deciding[0]["higher_is_better"], left, right, extra=[v["smallest_visible"] for v in rows])
    draw_axis(canvas, x, ticks, top - 4, bottom)
    canvas.text((left + right) / 2, bottom + 34, f"difference in {deciding[0]['metric']}", "soft", "center")
    return x


def _marks(canvas: Canvas, run: Run, verdict: Row, x: Any, y: float) -> None:
    """Band, seeds, interval and mean of one pair around the height y."""
    if verdict["smallest_visible"] is not None:
        low, high = sorted((x(-verdict["smallest_visible"]), x(verdict["smallest_visible"])))
        tip = f"true differences below {words.number(verdict['smallest_visible'])} are likely to be missed by this design"
        canvas.mark(canvas.rect(low, y - 17, high - low, 38, "line", 0.6), tip)
    better = verdict["better"]
    arm = run.arms.get(better) if better else None
    role, marker = ("soft", "o") if arm is None else (arm_role(arm), arm_marker(arm))
    for seed in verdict["per_seed"] or []:
        canvas.dot(x(seed), y + 13, role, marker, 4.5, hollow=arm is None)
    if verdict["low"] is not None:
        canvas.line([x(verdict["low"]), x(verdict["high"])], [y, y], role, 2.6)
    tip = f"{verdict['b']} − {verdict['a']}: {_value(verdict)}"
    canvas.mark(canvas.dot(x(verdict["difference"]), y, role, marker, 10, hollow=arm is None), tip, arm)


def _verdict(canvas: Canvas, run: Run, verdict: Row, x: float, y: float, width: float) -> None:
    better = verdict["better"]
    if better:
        canvas.text(x, y, fit(f"{better} better", width * 0.92), arm_role(run.arms.get(better, 0)), bold=True)
    else:
        canvas.text(x, y, words.NOISE if verdict["verdict"] == "no difference shown" else fit(verdict["verdict"], width), "soft")


def _over_paper(canvas: Canvas, x: float, y: float, text: str, role: str, align: str) -> None:
    """Text with the axis lines behind it wiped away."""
    width = text_width(text)
    left = {"left": x, "center": x - width / 2, "right": x - width}[align]
    canvas.rect(left, y - 9, width, 18, "paper").set_zorder(2.5)  # over lines, under text
    canvas.text(x, y, text, role, align)


def _value(verdict: Row) -> str:
    return f"{words.signed(verdict['difference'])} {words.interval(verdict['low'], verdict['high'])}"


def _drawing(run: Run, canvas: Canvas, rows: list[Row]) -> Drawing:
    every = run.rows("verdicts")
    more = f" The {len(rows)} clearest of {len(every)} pairs are drawn; the table has all." if len(rows) < len(every) else ""
    return Drawing(
        canvas.name,
        canvas.title,
        "Large mark: mean over seeds, with the interval that decided. Small marks: single seeds. Shaded: differences too small "
        "for this design to see. A hollow grey mark is inside the noise." + more,
        canvas.svg(),
        words.comma_separated(
            [*COLUMNS, "per_seed"],
            [[v[k] for k in COLUMNS] + [" ".join(f"{s:.6g}" for s in v["per_seed"] or [])] for v in every],
        ),
    )
