"""`tamis fit CSV`: a law for runs that somebody has already trained, its checks, and what it says of a target.

Columns are guessed and stated, or given. A row that cannot be used is named with its line and the reason, and left out; nothing
is dropped silently. Several arms (training sets) are fitted each by itself and compared at the target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from tamis.core.errors import TamisError
from tamis.stats.laws import Prediction, Rivalry, compute_gain, rival
from tamis.stats.laws.study import Study, study
from tamis.stats.laws.table import ROLES, parse_target, read_table


def fit_file(
    path: Path,
    at: str | None = None,
    columns: Mapping[str, str | None] | None = None,
    where: Sequence[str] = (),
    noise: float | None = None,
    report: Path | None = None,
) -> int:
    """Print laws, checks and predictions for the runs of a CSV file; returns how many rows could not be used."""
    target = None if at is None else parse_target(at)
    table = read_table(path, columns or {}, where)
    used = [f"{ROLES[role]} = {name} ({how})" for role, (name, how) in table.columns.items()]
    print(f"{path.name}: {table.count} rows, {', '.join(used)}")
    for line in table.refused:
        print(f"  left out: {line}")
    if not table.rows:
        raise TamisError(f"{path.name}: no row can be used; the reasons stand above")
    studies = [study(arm, *table.inputs(arm), target, noise) for arm in table.rows]
    for one in studies:
        print("\n".join(describe(one)))
    pairs = [(a, b, *_compare(a, b)) for a, b in combinations(studies, 2) if a.target is not None and a.fit.law == b.fit.law]
    for a, b, against, gain in pairs:
        print("\n".join(describe_pair(a, b, against, gain)))
    if report is not None:
        from tamis.report.law import write

        print(f"wrote {write(report, path.name, studies, pairs, used, table.refused)}")
    return len(table.refused)


def describe(one: Study) -> list[str]:
    """The lines printed for one arm."""
    fit, left = one.fit, one.left_out
    out = [
        "",
        f"{one.arm}: {fit.law.formula}, {len(fit.y)} runs of {len(np.unique(fit.x[fit.law.inputs[0]]))} sizes, least squares",
    ]
    out.append("  " + ", ".join(f"{name} {interval(p)}" for name, p in fit.interval().items()) + " (90 % intervals)")
    out.append(
        f"  noise of a run {fit.noise:.2%} of its loss ({'declared or assumed' if fit.declared is not None else 'estimated'})"
    )
    if left is not None:
        errors = ", ".join(f"{error:+.2%}" for error in left.errors[:8]) + (", …" if len(left.errors) > 8 else "")
        held = f"90 % intervals hold {left.covered} of {len(left.errors)}"
        out.append(
            f"  largest size left out ({short(left.size)}): mean |error| {np.abs(left.errors).mean():.2%} ({errors}); {held}"
        )
    if one.target is not None:
        place = ", ".join(f"{name} = {short(value)}" for name, value in one.target.items())
        points = one.pool.points(**one.target)
        out.append(f"  at {place}: {interval(one.at_target())} (90 %, for a new run)")
        spread = f"{min(points):.4g} to {max(points):.4g}"
        out.append(f"    {len(points)} candidate laws say {spread}; together {interval(one.together())}{_beyond(one)}")
    return out + [f"  note: {note}" for note in one.notes]


def _beyond(one: Study) -> str:
    """How far the target lies outside what was measured."""
    target = one.target or {}
    parts = [f"{target[name] / one.fit.x[name].max():.3g} times the largest {name}" for name in target]
    return "; the target has " + " and ".join(parts)


def _compare(a: Study, b: Study) -> tuple[Rivalry, Prediction]:
    return rival(a.fit, b.fit, **(a.target or {})), compute_gain(a.fit, b.fit, **(a.target or {}))


def describe_pair(a: Study, b: Study, against: Rivalry, gain: Prediction) -> list[str]:
    """The lines printed for two arms at the target."""
    return [
        "",
        f"{b.arm} against {a.arm} at the target: {interval(against.difference)}; "
        f"{b.arm} is better with probability {against.wins:.2f}",
        f"  the curves swap rank beyond the measured range with probability {against.crosses:.2f}",
        f"  {a.arm} needs {interval(gain)} times the compute for the loss of {b.arm}",
    ]


def interval(p: Prediction) -> str:
    return f"{p.value:.4g} [{p.low:.4g}, {p.high:.4g}]"


def short(value: float) -> str:
    """7e9 → 7B."""
    for unit, name in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if unit <= value < 1e16:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"
