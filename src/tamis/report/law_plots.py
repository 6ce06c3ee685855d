"""The figures of a fitted law: loss against compute with bands, residuals, and the candidates at the target.

Every function takes a `Study` and its number on the page; nothing is fitted here. A size has one colour and one mark.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tamis.report import words
from tamis.report.canvas import MARKER_SIZE, WIDE, Canvas, Drawing, arm_marker, arm_role, colour, legend_height, scale
from tamis.stats.laws.law import Prediction
from tamis.stats.laws.solve import Floats
from tamis.stats.laws.study import Study

LEFT, RIGHT = 58.0, 14.0  # px beside the axes
BAND = (0.05, 0.95)
SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def curve(one: Study, number: int) -> Drawing:
    """Measured losses, the law through each size with its 90 % band, and the target with the interval of a new run."""
    sizes = _sizes(one)
    height = 330.0
    canvas, top = _canvas(f"fit-{number}", f"Loss against compute, {one.arm}", one, height, sizes)
    axes = canvas.axes(LEFT, top, WIDE - LEFT - RIGHT, height)
    lows, highs = [float(one.fit.y.min())], [float(one.fit.y.max())]
    for index, path in enumerate(_paths(one)):
        compute = _compute(path, one)
        band = np.quantile(one.fit.curves(path), BAND, axis=0)
        ink = colour(arm_role(index)) if len(sizes) > 1 else colour("arm-1")
        axes.fill_between(compute, band[0], band[1], color=ink, alpha=0.14, linewidth=0)
        axes.plot(compute, one.fit.law.evaluate(one.fit.point, path), color=ink, linewidth=1.3)
    _points(canvas, axes, one, one.fit.y, lambda i: f"loss {words.number(float(one.fit.y[i]))}")
    if one.target is not None:
        p, at = one.at_target(), float(_compute({k: np.array([v]) for k, v in one.target.items()}, one)[0])
        path = _ahead(one)
        band = np.quantile(one.fit.curves(path), BAND, axis=0)
        compute = _compute(path, one)
        axes.fill_between(compute, band[0], band[1], color=colour("soft"), alpha=0.16, linewidth=0)
        axes.plot(compute, one.fit.law.evaluate(one.fit.point, path), color=colour("ink"), linewidth=1.2, dashes=(4, 2))
        axes.plot([at, at], [p.low, p.high], color=colour("ink"), linewidth=1.6)
        mark = axes.plot([at], [p.value], marker="o", ms=8, mfc=colour("paper"), mec=colour("ink"), mew=1.6, linestyle="none")[0]
        canvas.mark(mark, f"target: {words.number(p.value)} [{words.number(p.low)}, {words.number(p.high)}]")
        lows.append(p.low)
        highs.append(p.high)
    _frame(canvas, axes, one, (min(lows), max(highs)), top, height)
    canvas.text(LEFT, top - 12, "loss", "soft")
    target = "" if one.target is None else " Dashed: the law up to the target, whose bar holds a new run with 90 %."
    return Drawing(
        canvas.name, canvas.title, f"Lines are the law at each size, bands its 90 % intervals.{target}", canvas.svg(), ""
    )


def residuals(one: Study, number: int) -> Drawing:
    """Measured over fitted in per cent; the band is the noise of a run."""
    values, noise = 100 * one.fit.residuals, 164.5 * one.fit.noise
    height = 150.0
    canvas, top = _canvas(f"residuals-{number}", f"Residuals, {one.arm}", one, height, [])
    axes = canvas.axes(LEFT, top, WIDE - LEFT - RIGHT, height)
    axes.axhspan(-noise, noise, color=colour("wash"), zorder=0)
    axes.axhline(0, color=colour("soft"), linewidth=1)
    _points(canvas, axes, one, values, lambda i: f"residual {words.signed(float(values[i]), 2)} %")
    most = max(float(np.abs(values).max()), noise)
    _frame(canvas, axes, one, (-most, most), top, height)
    canvas.text(LEFT, top - 12, "measured over fitted, %", "soft")
    caption = (
        "Residuals that bend with compute, or sit off by size, say that the law has the wrong form. "
        "Shaded: where 90 % of runs would lie."
    )
    return Drawing(canvas.name, canvas.title, caption, canvas.svg(), "")


def candidates(one: Study, number: int) -> Drawing:
    """Each candidate law's prediction at the target with its interval, and all together."""
    target = one.target or {}
    rows: list[tuple[str, Prediction]] = [
        (f"{_name(fit.law)}, {fit.objective}", fit.predict(**target)) for fit in one.pool.fits
    ] + [("all together", one.together())]
    top, step, left, right = 8.0, 30.0, 230.0, WIDE - 190.0
    title = f"Candidate laws at the target, {one.arm}"
    canvas = Canvas(f"candidates-{number}", title, f"{len(rows) - 1} candidates", WIDE, top + step * len(rows) + 34)
    low, high = min(p.low for _, p in rows), max(p.high for _, p in rows)
    x, ticks = scale(low, high, left, right)
    bottom = top + step * len(rows)
    for tick in ticks:
        canvas.line([x(tick), x(tick)], [top, bottom], "line", 0.6)
        canvas.text(x(tick), bottom + 16, words.plain(tick), "soft", "center")
    for index, (name, p) in enumerate(rows):
        y, last = top + step * index + step / 2, index == len(rows) - 1
        role = "ink" if last else "arm-1"
        canvas.text(4, y, name, "ink", bold=last)
        canvas.line([x(p.low), x(p.high)], [y, y], role, 2.4 if last else 1.4)
        canvas.mark(canvas.dot(x(p.value), y, role, "D" if last else "o", 8), f"{name}: {words.number(p.value)}")
        canvas.text(right + 16, y, f"{words.number(p.value)} [{words.number(p.low)}, {words.number(p.high)}]", "soft")
    caption = (
        "The pool was fixed before; none is chosen by its fit. Where candidates disagree by more than their intervals, "
        "the form of the law is what is not known."
    )
    return Drawing(canvas.name, canvas.title, caption, canvas.svg(), "")


def _name(law: Any) -> str:
    return {"OverTraining": "one exponent", "Chinchilla": "two exponents", "PowerLaw": "power law"}.get(type(law).__name__, "law")


def _sizes(one: Study) -> list[float]:
    """Distinct parameters, when the law tells runs of one size apart by their tokens."""
    return np.unique(one.x["N"]).tolist() if len(one.fit.law.inputs) > 1 else []


def _paths(one: Study) -> list[dict[str, Floats]]:
    """Inputs along each line of the figure: one size over its tokens, or the ladder."""
    inputs = one.fit.law.inputs
    if len(inputs) == 1:
        values = one.fit.x[inputs[0]]
        return [{inputs[0]: np.geomspace(values.min(), values.max(), 60)}]
    out = []
    for size in _sizes(one):
        tokens = one.x["D"][one.x["N"] == size]
        out.append({"N": np.full(40, size), "D": np.geomspace(tokens.min() / 1.05, tokens.max() * 1.05, 40)})
    return out


def _ahead(one: Study) -> dict[str, Floats]:
    """From the smallest run's compute to the target, with the target's tokens per parameter."""
    target = one.target or {}
    compute = float(_compute({k: np.array([v]) for k, v in target.items()}, one)[0])
    shrink = np.geomspace(min(float(one.compute.min()) / compute, 1.0), 1.0, 80)
    each = shrink if "C" in target else np.sqrt(shrink)
    return {name: value * each for name, value in target.items()}


def _compute(path: dict[str, Floats], one: Study) -> Floats:
    """FLOPs; on a ladder known by N alone, tokens follow from the ladder."""
    if "C" in path:
        return path["C"]
    if "D" in path:
        return 6 * path["N"] * path["D"]
    return 6 * path["N"] ** 2 * float(np.median(one.x["D"] / one.x["N"]))


def _points(canvas: Canvas, axes: Any, one: Study, values: Floats, told: Any) -> None:
    sizes = _sizes(one)
    for i, (compute, value) in enumerate(zip(one.compute.tolist(), values.tolist(), strict=True)):
        index = sizes.index(float(one.x["N"][i])) if sizes else 0
        marker = arm_marker(index)
        size = 6.5 * MARKER_SIZE.get(marker, 1)
        ink = colour(arm_role(index))
        dot = axes.plot([compute], [value], marker=marker, ms=size, mfc=ink, mec=colour("paper"), mew=0.8, linestyle="none")[0]
        where = ", ".join(f"{name} {words.short(float(one.x[name][i]))}" for name in one.x)
        canvas.mark(dot, f"{where}: {told(i)}", index if sizes else None)


def _canvas(name: str, title: str, one: Study, height: float, sizes: list[float]) -> tuple[Canvas, float]:
    entries = [(f"{words.short(size)} parameters", index) for index, size in enumerate(sizes)]
    top = (legend_height(WIDE - 8, entries) if entries else 0) + 26
    canvas = Canvas(name, title, f"{len(one.fit.y)} runs", WIDE, top + height + 52)
    if entries:
        canvas.legend(4, 12, WIDE - 8, entries)
    return canvas, top


def _frame(canvas: Canvas, axes: Any, one: Study, y: tuple[float, float], top: float, height: float) -> None:
    """Limits and ticks: powers of ten of compute, round losses."""
    ends = [float(one.compute.min()), float(one.compute.max())]
    if one.target is not None:
        ends.append(float(_compute({k: np.array([v]) for k, v in one.target.items()}, one)[0]))
    low, high = min(ends) / 1.6, max(ends) * 1.6
    _, ticks = scale(*y, 0.0, 1.0)
    margin = 0.06 * (y[1] - y[0])
    axes.set_ylim(y[0] - margin, y[1] + margin)
    axes.set_yticks(ticks, [words.plain(t) for t in ticks])
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.minorticks_off()
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    every = max(1, math.ceil((last - first + 1) / 10))
    decades = range(first, last + 1, every)
    axes.set_xticks([10.0**d for d in decades], [f"10{str(d).translate(SUPERSCRIPT)}" for d in decades])
    canvas.text(WIDE - RIGHT, top + height + 38, "compute, FLOPs", "soft", "right")
