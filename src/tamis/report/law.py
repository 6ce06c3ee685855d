"""The page of `tamis fit`: one file that opens offline, with fit and band, residuals, the target, and the candidate laws.

Same runs, same bytes. The page asks nothing of the network and may run only the report's own script; names from the table are
escaped. Every figure's numbers stand in a table below it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from tamis.core import disk
from tamis.report import words
from tamis.report.canvas import style
from tamis.report.law_plots import candidates, curve, residuals
from tamis.report.mask import visible
from tamis.report.page import HERE, _palette
from tamis.stats.laws import Prediction, Rivalry
from tamis.stats.laws.study import Study

Pair = tuple[Study, Study, Rivalry, Prediction]


def write(
    path: Path, name: str, studies: Sequence[Study], pairs: Sequence[Pair], columns: Sequence[str], refused: Sequence[str]
) -> Path:
    """Write the page to `path`, replacing an older one; returns the path."""
    with style():
        figures = [
            {
                "study": one,
                "curve": curve(one, i),
                "residuals": residuals(one, i),
                "candidates": candidates(one, i) if one.target else None,
                "rows": _rows(one),
                "parameters": one.fit.interval(),
            }
            for i, one in enumerate(studies)
        ]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": lambda v: visible(str(v)), "short": words.short, "value": _value, "interval": _interval}
    script = (HERE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = environment.get_template("law.html").render(
        name=name,
        answer=answer(studies, pairs),
        figures=figures,
        pairs=pairs,
        columns=columns,
        refused=refused,
        contents=[(f"arm-{i}", one.arm) for i, one in enumerate(studies)]
        + ([("pairs", "Arms at the target")] if pairs else [])
        + [("input", "What was read")],
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        style=Markup(_palette() + (HERE / "page.css").read_text(encoding="utf-8")),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    disk.replace_file(path, page.encode(), "report")
    return path


def answer(studies: Sequence[Study], pairs: Sequence[Pair]) -> str:
    """One sentence: the prediction at the target, or how far the laws may be believed without one."""
    first = studies[0]
    if first.target is None:
        left = [one for one in studies if one.left_out is not None]
        if not left:
            return f"{len(studies)} law{'s' * (len(studies) != 1)} fitted; too few sizes to leave the largest out."
        worst = max(abs(e) for one in left if one.left_out for e in one.left_out.errors)
        return f"Left out, the runs of the largest size are predicted within {worst:.1%} of their loss."
    place = ", ".join(f"{name} = {words.short(value)}" for name, value in first.target.items())
    parts = [f"{one.arm} {_interval(one.together())}" for one in studies[:4]]
    out = f"At {place} the candidate laws together expect {'; '.join(parts)} (90 % intervals)."
    if pairs:
        a, b, against, _ = max(pairs, key=lambda pair: (abs(pair[2].wins - 0.5), pair[0].arm))
        better, chance = (b, against.wins) if against.wins >= 0.5 else (a, 1 - against.wins)
        worse = a if better is b else b
        out += f" {better.arm} beats {worse.arm} there with probability {chance:.2f}."
    return out


def _rows(one: Study) -> list[dict[str, Any]]:
    """Every run: inputs, loss, fitted and relative residual, by compute."""
    fit = one.fit
    order = one.compute.argsort(kind="stable")
    return [
        {
            "inputs": [words.short(float(one.x[name][i])) for name in one.x],
            "loss": _value(float(fit.y[i])),
            "fitted": _value(float(fit.fitted[i])),
            "residual": words.signed(100 * float(fit.residuals[i]), 2),
        }
        for i in order
    ]


def _value(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")


def _interval(p: Prediction) -> str:
    return f"{_value(p.value)} [{_value(p.low)}, {_value(p.high)}]"
