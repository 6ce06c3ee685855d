"""The figures of an Alice in Wonderland page: all families at a glance, and each with its variations and controls.

One mark per variation on one scale from 0 to 1; the bar behind them is the swing that must not be there; controls are hollow
and stand above, so that "fails" and "cannot read" are never mixed up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tamis.report import words
from tamis.report.canvas import SMALL, WIDE, Canvas, Drawing, fit, text_width

MAIN, CONTROL = "arm-1", "arm-2"
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def overview(groups: Sequence[dict[str, Any]], wide: bool = True) -> Drawing:
    """A row for every family: its variations, their swing, the mean of its controls, the verdict."""
    width = WIDE if wide else SMALL
    row, top = 66.0, 36.0
    left, right = 14.0, width - 14.0
    caption = "Each dot is one variation of a problem; the bar spans them. The diamond is the mean of the controls."
    name = "overview" if wide else "overview-narrow"
    canvas = Canvas(name, "Rates of all variations", _spoken(groups), width, top + row * len(groups) + 30)

    def x(rate: float) -> float:
        return left + rate * (right - left)

    canvas.dot(left + 4, 14, MAIN)
    canvas.text(left + 16, 14, "variation", "soft")
    canvas.dot(left + 116, 14, CONTROL, "D", hollow=True)
    canvas.text(left + 128, 14, "mean of controls", "soft")
    bottom = top + row * len(groups)
    for tick in TICKS:
        canvas.line([x(tick), x(tick)], [top + 22, bottom], "line", 0.8)
        align = "left" if tick == 0 else "right" if tick == 1 else "center"
        canvas.text(x(tick), bottom + 14, words.plain(tick), "soft", align)
    for place, g in enumerate(groups):
        y = top + row * place + 38
        verdict = g["verdict"] + (" · breakdown" if g["breakdown"] else "")
        canvas.rect(left, y - 36, right - left, 20, "paper")
        canvas.text(left, y - 26, fit(g["name"], right - left - text_width(verdict) - 24), bold=True)
        canvas.text(right, y - 26, verdict, CONTROL if g["breakdown"] else "soft", "right", bold=bool(g["breakdown"]))
        rates = [v["mean"] for v in g["variations"]]
        low, high = min(rates), max(rates)
        tip = f"{g['name']}: {low:.2f} to {high:.2f}, mean {g['mean']:.2f}"
        canvas.mark(canvas.rect(x(low) - 5, y - 6, max(x(high) - x(low), 0) + 10, 12, MAIN, 0.16), tip)
        for v in g["variations"]:
            canvas.mark(canvas.dot(x(v["mean"]), y, MAIN), _tip(f"variation {v['name']} (answer {v['key']})", v))
        if g["control_mean"] is not None:
            mark = canvas.dot(x(g["control_mean"]), y - 11, CONTROL, "D", hollow=True)
            canvas.mark(mark, f"mean of {len(g['controls'])} controls: {g['control_mean']:.2f}")
    return Drawing(name, canvas.title, caption, canvas.svg(), _csv(groups))


def detail(g: dict[str, Any], number: int) -> Drawing:
    """One family: a line for every variation and control with its interval."""
    rows = [(f"{v['name']} → {v['key']}", v, False) for v in g["variations"]] + [(c["name"], c, True) for c in g["controls"]]
    left, right, step, top = 104.0, SMALL - 48.0, 22.0, 12.0
    gap = 12.0 if g["controls"] else 0.0
    height = top + step * len(rows) + gap + 30
    canvas = Canvas(f"family-{number + 1}", f"{g['name']}: {g['verdict']}", _spoken([g]), SMALL, height)

    def x(rate: float) -> float:
        return left + rate * (right - left)

    for tick in TICKS:
        canvas.line([x(tick), x(tick)], [top - 8, height - 28], "line", 0.8)
        if tick in (0.0, 0.5, 1.0):
            canvas.text(x(tick), height - 14, words.plain(tick), "soft", "center")
    for place, (label, r, control) in enumerate(rows):
        y = top + step * place + 8 + (gap if control else 0)
        role = CONTROL if control else MAIN
        canvas.text(4, y, fit(label, left - 16), "soft" if control else "ink")
        canvas.line([x(r["low"]), x(r["high"])], [y, y], role, 2.2, alpha=0.55)
        canvas.mark(canvas.dot(x(r["mean"]), y, role, "D" if control else "o", hollow=control), _tip(label, r))
        canvas.text(SMALL - 4, y, f"{r['mean']:.2f}", "soft", "right")
    mean = f"Mean {g['mean']:.2f} [{g['low']:.2f}, {g['high']:.2f}]"
    caption = f"{mean}; variation and its answer above, controls below; lines are 95 % intervals."
    return Drawing(canvas.name, canvas.title, caption, canvas.svg(), _csv([g]))


def _tip(label: str, r: dict[str, Any]) -> str:
    return f"{label}: {r['mean']:.3f} [{r['low']:.3f}, {r['high']:.3f}], n = {r['n']}"


def _spoken(groups: Sequence[dict[str, Any]]) -> str:
    return "; ".join(
        f"{g['name']} {', '.join(format(v['mean'], '.2f') for v in g['variations'])}: {g['verdict']}" for g in groups
    )


def _csv(groups: Sequence[dict[str, Any]]) -> str:
    rows = [
        [g["name"], kind, r["name"], r["mean"], r["low"], r["high"], r["n"]]
        for g in groups
        for kind, part in (("variation", g["variations"]), ("control", g["controls"]))
        for r in part
    ]
    return words.comma_separated(["family", "kind", "name", "mean", "low", "high", "n"], rows)
