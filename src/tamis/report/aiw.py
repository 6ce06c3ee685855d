"""The page of an Alice in Wonderland evaluation: one file, opened offline, that shows at a glance how far rates swing.

`write` reads results.json of a folder and leaves `report.html` beside it. Same results, same bytes; same security as the run's
report: replies are hostile input, nothing is asked of the network, and only the page's own script may run.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from tamis.core import disk
from tamis.core.errors import TamisError
from tamis.report import aiw_plots, words
from tamis.report.canvas import style
from tamis.report.mask import visible
from tamis.report.page import HERE, _palette

HEAD, TAIL = 450, 900  # characters of a reply that are shown from its beginning and from its end
MODES = {
    "sampled": "Answers were sampled and read by rules; every reply is stored.",
    "scored": "No answer was sampled: a rate is the probability that the model gives the right one of the numbers 1 to 10.",
    "stored": "Replies were collected elsewhere and are judged here.",
}


def write(folder: Path) -> Path:
    """Write `folder`/report.html from `folder`/results.json; returns the page. TamisError when there are no results."""
    try:
        summary = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TamisError(f"{folder}: holds no results of an evaluation ({error})") from None
    with style():
        page = _render(summary)
    target = folder / "report.html"
    disk.replace_file(target, page.encode(), "report")
    return target


def _render(summary: dict[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": lambda v: visible(str(v)), "number": words.number, "count": words.count, "p": _p}
    script = (HERE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    groups = summary["groups"]
    examples = [_example(e) for e in summary["examples"]]
    values = {key: sorted({e[key] for e in examples}) for key in ("group", "part", "status")}
    for e in examples:
        e["numbers"] = {key: values[key].index(e[key]) + 1 for key in values}
    statuses = [s for s in ("correct", "wrong", "refused", "truncated", "unparsed") if any(s in g["statuses"] for g in groups)]
    sections = [("families", "Variation by variation"), ("verdicts", "Verdicts")]
    sections += [("statuses", "What the replies were")] if statuses else []
    sections += [("wrong", "Wrong answers and their reasons")] if any(g["wrong"] for g in groups) else []
    sections += [("answers", "Answers to read")] if examples else []
    return environment.get_template("aiw.html").render(
        summary=summary,
        groups=groups,
        answer=answer(summary),
        mode=MODES[summary["mode"]],
        overview=[aiw_plots.overview(groups, wide) for wide in (True, False)],
        details=[aiw_plots.detail(g, i) for i, g in enumerate(groups)],
        statuses=statuses,
        examples=examples,
        values=values,
        contents=[*sections, ("method", "How this was judged")],
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        style=Markup(_palette() + (HERE / "page.css").read_text(encoding="utf-8")),
    )


def answer(summary: dict[str, Any]) -> str:
    """One sentence: on which families the model breaks down, and how far its rates swing there."""
    groups, model = summary["groups"], summary["model"]
    broken = [g for g in groups if g["breakdown"]]
    swings = [g for g in groups if g["verdict"] == "fluctuating"]
    if broken:
        worst = max(broken, key=lambda g: (g["verdict"] == "fluctuating", g["score"], g["name"]))
        rates = [v["mean"] for v in worst["variations"]]
        swing = (
            f"its rate lies between {min(rates):.2f} and {max(rates):.2f} over variations that should not matter"
            if worst["verdict"] == "fluctuating"
            else f"it is right in only {worst['mean']:.2f}"
        )
        controls = f"while it gets {worst['control_mean']:.2f} of the controls right"
        return f"{model} breaks down on {len(broken)} of {_families(len(groups))}: on {worst['name']} {swing}, {controls}."
    if swings and all(g["control_mean"] is None for g in swings):
        rates = [v["mean"] for v in swings[0]["variations"]]
        return (
            f"{model} fluctuates on {len(swings)} of {_families(len(groups))} ({swings[0]['name']}: {min(rates):.2f} to "
            f"{max(rates):.2f}); without controls simpler reasons are not ruled out."
        )
    below = [g for g in groups if g["verdict"] == "below floor"]
    if len(below) == len(groups):
        return f"{model} is below the floor on every family: it fails the controls too, so nothing can be said of its reasoning."
    kinds = ", ".join(
        f"{verdict} on {count}"
        for verdict in ("robust", "partial", "fluctuating", "collapsing", "below floor")
        if (count := sum(g["verdict"] == verdict for g in groups))
    )
    return f"No breakdown of {model} is shown on {_families(len(groups))}: {kinds}."


def _families(count: int) -> str:
    return "1 family" if count == 1 else f"{count} families"


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if value >= 0.001 else "<0.001" if value > 1e-12 else "<10⁻¹²"


def _example(row: dict[str, Any]) -> dict[str, Any]:
    text = row["text"].strip()
    cut = len(text) > HEAD + TAIL
    shown = f"{text[:HEAD]}\n[…]\n{text[-TAIL:]}" if cut else text
    return {
        **row,
        "text": visible(shown),
        "first": " ".join(visible(text[-160:]).split()) or "(empty)",
        "prompt": visible(row["prompt"]),
    }
