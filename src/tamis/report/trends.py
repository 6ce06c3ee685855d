"""The figures of training: loss against tokens, and scores against parameters.

Small figures, two beside each other: one per size, or one per task. Lines join what was measured; no law is fitted here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from tamis.report import words
from tamis.report.canvas import MARKER_SIZE, SMALL, Canvas, Drawing, arm_marker, arm_role, colour, fit, legend_height, scale
from tamis.report.run import Row, Run

CURVE_POINTS = 110  # per training run, each the mean of the steps it stands for
SETTLED = 0.15  # share of the tokens after which the loss must fit the frame


def curves(run: Run) -> list[Drawing]:
    """Training loss against tokens, one figure per size, one line per seed."""
    if not run.curves.num_rows:
        return []
    table = run.curves.sort_by([(k, "ascending") for k in ("recipe", "arm", "seed", "step")])
    columns = {name: table.column(name).to_pylist() for name in ("recipe", "arm", "seed")}
    tokens, loss = (table.column(name).to_numpy(zero_copy_only=False).astype(float) for name in ("tokens", "loss"))
    owner = list(zip(columns["recipe"], columns["arm"], columns["seed"], strict=True))
    runs: dict[tuple[str, str, int], tuple[Any, Any]] = {}
    start = 0
    for key, group in groupby(owner):
        stop = start + sum(1 for _ in group)
        runs[key] = _thin(tokens[start:stop], loss[start:stop])
        start = stop
    known = [r for r in run.recipes if any(key[0] == r["name"] for key in runs)]
    return [_curve(run, recipe, {k[1:]: v for k, v in runs.items() if k[0] == recipe["name"]}) for recipe in known]


def _thin(tokens: Any, loss: Any) -> tuple[Any, Any]:
    """At most CURVE_POINTS points, each the mean of four neighbours or more."""
    parts = np.array_split(np.arange(len(tokens)), max(min(CURVE_POINTS, len(tokens) // 4), 1))
    return np.array([tokens[p].mean() for p in parts]), np.array([loss[p].mean() for p in parts])


def _curve(run: Run, recipe: Row, lines: dict[tuple[str, int], tuple[Any, Any]]) -> Drawing:
    arms = [(name, index) for name, index in run.arms.items() if any(arm == name for arm, _ in lines)]
    name = f"curves-{[r['name'] for r in run.recipes].index(recipe['name']) + 1}"
    canvas, top = _small(name, f"Training loss, {recipe['name']}", f"{len(lines)} training runs", arms, 210)
    axes = canvas.axes(52, top + 28, SMALL - 62, 210)
    for (arm, seed), (tokens, loss) in sorted(lines.items(), key=lambda item: (run.arms.get(item[0][0], 0), item[0][1])):
        index = run.arms.get(arm, 0)
        line = axes.plot(tokens, loss, color=colour(arm_role(index)), linewidth=1.3, alpha=0.8)[0]
        axes.plot(
            tokens[-1:],
            loss[-1:],
            marker=arm_marker(index),
            ms=6.5 * MARKER_SIZE.get(arm_marker(index), 1),
            mfc=colour(arm_role(index)),
            mec=colour("paper"),
            clip_on=False,
        )
        canvas.mark(line, f"{arm}, seed {seed}: {words.number(float(loss[-1]))} at the end", index)
    last = max(float(t[-1]) for t, _ in lines.values())
    settled = np.concatenate([loss[tokens >= last * SETTLED] for tokens, loss in lines.values()])
    settled = settled[np.isfinite(settled)]
    low, high = (float(settled.min()), float(np.quantile(settled, 0.995))) if settled.size else (0.0, 1.0)
    _limits(axes, (0, last), (low, high))
    canvas.text(52, top + 10, "loss", "soft")
    canvas.text(SMALL - 10, top + 28 + 210 + 34, "tokens seen", "soft", "right")
    rows = [
        [arm, seed, t, v] for (arm, seed), points in lines.items() for t, v in zip(*(p.tolist() for p in points), strict=True)
    ]
    return Drawing(
        name,
        canvas.title,
        f"{_range({arm: [float(v[1][-1]) for k, v in lines.items() if k[0] == arm] for arm, _ in arms})} at the end.",
        canvas.svg(),
        words.comma_separated(["arm", "seed", "tokens", "loss"], rows),
    )


def sizes(run: Run) -> list[Drawing]:
    """Score against parameters, one small figure per task, the mean over the deciding tasks first. No law is fitted."""
    scores = run.rows("scores")
    tasks = sorted({r["task"] for r in scores}, key=lambda t: (run.rank(t), t))
    deciding = [t for t in tasks if run.task(t)["decides"]]
    mean = _mean_scores(scores, deciding) if len(deciding) > 1 else []
    out = [_size(run, 0, "Mean of the deciding tasks", mean, run.task(deciding[0]))] if mean else []
    return out + [
        _size(run, number, task, [r for r in scores if r["task"] == task], run.task(task)) for number, task in enumerate(tasks, 1)
    ]


def _mean_scores(scores: list[Row], deciding: list[str]) -> list[Row]:
    """The unweighted mean over tasks per arm, recipe and seed; left out where a task is missing."""
    out = []
    for arm, recipe in sorted({(r["arm"], r["recipe"]) for r in scores}):
        rows = [r for r in scores if (r["arm"], r["recipe"]) == (arm, recipe) and r["task"] in deciding]
        if len(rows) == len(deciding):
            seeds = [sum(values) / len(values) for values in zip(*(r["seed_values"] for r in rows), strict=False)]
            mean = sum(r["mean"] for r in rows) / len(rows)
            out.append({"arm": arm, "recipe": recipe, "mean": mean, "seed_values": seeds, "low": None, "high": None})
    return out


def _size(run: Run, number: int, task: str, rows: list[Row], described: Row) -> Drawing:
    parameters = {r["name"]: float(r["parameters"]) for r in run.recipes}
    rows = [r for r in rows if r["recipe"] in parameters]
    arms = [(name, index) for name, index in run.arms.items() if any(r["arm"] == name for r in rows)]
    better = "higher is better" if described["higher_is_better"] else "lower is better"
    role = "" if described["decides"] else " (never decides)" if described["role"] == "diagnostic" else " (shown only)"
    canvas, top = _small(
        f"size-{number}", f"{task}: {described['metric']} against size", f"{len(arms)} arms; {better}", arms, 190
    )
    axes = canvas.axes(52, top + 28, SMALL - 62, 190)
    largest = max((r["recipe"] for r in rows), key=lambda name: parameters[name])
    at_largest = {r["arm"]: [r["mean"]] for r in rows if r["recipe"] == largest}
    values = [v for r in rows for v in [*r["seed_values"], r["mean"], r["low"], r["high"]] if v is not None]
    spread = np.log(max(parameters.values()) / min(parameters.values())) if len(parameters) > 1 else 3.0
    for place, (arm, index) in enumerate(arms):
        shift = np.exp(0.035 * spread * (place - (len(arms) - 1) / 2) / max(len(arms) / 4, 1))
        mine = sorted((r for r in rows if r["arm"] == arm), key=lambda r: parameters[r["recipe"]])
        at = [parameters[r["recipe"]] * shift for r in mine]
        ink = colour(arm_role(index))
        axes.plot(at, [r["mean"] for r in mine], color=ink, linewidth=1.4, dashes=_dash(index))
        for x, row in zip(at, mine, strict=True):
            if row["low"] is not None and row["high"] is not None:
                axes.plot([x, x], [row["low"], row["high"]], color=ink, linewidth=1.2, alpha=0.6)
            seeds = row["seed_values"]
            axes.plot(
                [x * np.exp(0.03 * min(spread, 1.0))] * len(seeds),
                seeds,
                linestyle="none",
                marker=".",
                ms=5,
                mfc=ink,
                mec="none",
                alpha=0.7,
            )
            dot = axes.plot(
                [x],
                [row["mean"]],
                marker=arm_marker(index),
                ms=7.5 * MARKER_SIZE.get(arm_marker(index), 1),
                mfc=ink,
                mec=colour("paper"),
                linestyle="none",
            )[0]
            canvas.mark(dot, f"{arm}, {row['recipe']}: {words.number(row['mean'])} ({len(seeds)} seeds)", index)
    axes.set_xscale("log")
    edge = 1.35
    _limits(axes, (min(parameters.values()) / edge, max(parameters.values()) * edge), (min(values), max(values)), log_x=True)
    _size_ticks(axes, sorted(parameters.values()), edge)
    canvas.text(52, top + 10, fit(f"{described['metric']}, {better}", SMALL - 60), "soft")
    canvas.text(SMALL - 10, top + 28 + 190 + 34, "parameters", "soft", "right")
    return Drawing(
        f"size-{number}",
        task + role,
        f"{_range(at_largest)} at {words.short(parameters[largest])} parameters.",
        canvas.svg(),
        words.comma_separated(
            ["arm", "recipe", "parameters", "mean", "low", "high", "seed_values"],
            [
                [
                    r["arm"],
                    r["recipe"],
                    int(parameters[r["recipe"]]),
                    r["mean"],
                    r["low"],
                    r["high"],
                    " ".join(f"{v:.6g}" for v in r["seed_values"]),
                ]
                for r in rows
            ],
        ),
    )


def _small(name: str, title: str, description: str, arms: Sequence[tuple[str, int]], height: float) -> tuple[Canvas, float]:
    """A small canvas with its legend drawn; also the height that the legend takes."""
    top = legend_height(SMALL - 8, arms) + 4
    canvas = Canvas(name, title, description, SMALL, top + height + 82)
    canvas.legend(4, 12, SMALL - 8, arms)
    return canvas, top


def _range(values: dict[str, list[float]]) -> str:
    """Each arm's mean value, or the two ends when there are more than four."""
    means = sorted(((sum(v) / len(v), arm) for arm, v in values.items() if v), key=lambda m: (m[0], m[1]))
    shown = means if len(means) <= 4 else [means[0], means[-1]]
    return ("" if len(means) <= 4 else "From ") + (", " if len(means) <= 4 else " to ").join(
        f"{arm} {words.number(v)}" for v, arm in shown
    )


def _dash(index: int) -> Any:
    return ((None, None), (5, 1.5), (2, 1.2), (6, 1.5, 1.5, 1.5))[index % 4] if index else (None, None)


def _limits(axes: Any, x: tuple[float, float], y: tuple[float, float], log_x: bool = False) -> None:
    """Set the ranges and write the ticks in the report's own words."""
    to, ticks = scale(*y, 0.0, 1.0)
    low, high = y[0] - (y[1] - y[0]) * 0.06, y[1] + (y[1] - y[0]) * 0.06
    if to(y[0]) == to(y[1]) or high - low < 1e-12:
        low, high = min(ticks), max(ticks)
    axes.set_ylim(low, high)
    axes.set_yticks(ticks, [words.plain(t) for t in ticks])
    axes.set_xlim(*x)
    if not log_x:
        _, at = scale(x[0], x[1], 0.0, 1.0, 5)
        at = [t for t in at if 0 <= t <= x[1]]
        axes.set_xticks(at, [words.short(t) if t else "0" for t in at])


def _size_ticks(axes: Any, parameters: list[float], edge: float) -> None:
    """One tick per size, and a label wherever 50 px are free."""
    axes.minorticks_off()
    span = np.log(parameters[-1] / parameters[0] * edge**2)
    labels, taken = [], -1e9
    for value in parameters:
        at = (SMALL - 62) * np.log(value / parameters[0] * edge) / span
        labels.append(words.short(value) if at - taken >= 50 else "")
        taken = at if labels[-1] else taken
    axes.set_xticks(parameters, labels)
