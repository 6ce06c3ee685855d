"""Two arms at a target: how probable it is that B beats A there, that the curves cross before, and what compute B saves.

Everything is counted over pairs of replicates of two independent fits, so it holds what the fits hold of uncertainty: noise of
runs and its estimate, not a wrong form of the law. Pairs are weighted by a weak prior: arms of one study differ at the target
by some per cent (`PRIOR`, one standard deviation of the relative difference), and that difference changes by one or two on the
way there (`CHANGE`). Without it most of a large predicted difference, and of a predicted crossing, is extrapolated noise. Better
means a lower curve (a mean over runs, not one lucky run).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.core.errors import UsageError
from tamis.stats.laws.law import LEVEL, Fit, Prediction
from tamis.stats.laws.solve import Floats

PRIOR = 0.03  # the large runs of Gadre et al. 2024 at one size differ between training sets by 0.2 to 4.0 % of the loss
CHANGE = 0.013  # root mean square of how that relative difference changed there from one size to one 5 to 17 times as large
PAIRINGS = 10


@dataclass(frozen=True)
class Rivalry:
    """B against A at a target. `difference`: B - A there, its median under the prior; `wins`: probability that B is lower;
    `crosses`: that the curves swap rank between the largest measured point and the target; `equivalent`: that they lie within
    `delta` (None without one)."""

    difference: Prediction
    wins: float
    crosses: float
    delta: float | None
    equivalent: float | None


def rival(a: Fit, b: Fit, delta: float | None = None, level: float = LEVEL, prior: float = PRIOR, **target: float) -> Rivalry:
    """Compare the curves of two arms at `target` (inputs by name, as in `Fit.predict`).

    The measured end of the ladder is the largest run that both arms reach, input by input.
    """
    if a.law != b.law:
        raise UsageError("two arms are compared under one law: fit both with the same")
    end = {name: float(min(a.x[name].max(), b.x[name].max())) for name in a.law.inputs}
    at = {name: [end[name], target[name]] for name in a.law.inputs}
    first, second = _pairs(a.curves(at), b.curves(at))
    relative = 2 * (second - first) / (second + first)
    change = relative[:, 1] - relative[:, 0]
    weight = np.exp(-0.5 * ((relative[:, 1] / prior) ** 2 + (change / CHANGE) ** 2)) + 1e-12
    places = (np.arange(len(weight)) + 0.5) / len(weight)
    chosen = np.minimum(np.searchsorted(np.cumsum(weight) / weight.sum(), places), len(weight) - 1)
    difference = (second - first)[chosen]
    low, middle, high = np.quantile(difference[:, 1], [(1 - level) / 2, 0.5, (1 + level) / 2])
    return Rivalry(
        Prediction(float(middle), float(low), float(high), level),
        _share(difference[:, 1] < 0),
        _share(np.sign(difference[:, 0]) != np.sign(difference[:, 1])),
        delta,
        None if delta is None else _share(np.abs(difference[:, 1]) < delta),
    )


def _shuffled(curves: Floats) -> Floats:
    """Replicates in another order: two fits with one seed would otherwise share their random numbers."""
    return curves[np.random.default_rng(1).permutation(len(curves))]


def _pairs(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Every replicate of one fit with several of the other: PAIRINGS times as many as there are replicates."""
    count = min(len(first), len(second))
    shifts = [np.roll(_shuffled(second)[:count], 7 * k + 1, axis=0) for k in range(PAIRINGS)]
    return np.concatenate([first[:count]] * PAIRINGS), np.concatenate(shifts)


def _share(hits: np.ndarray) -> float:
    """Never 0 or 1: that many replicates cannot say so."""
    return float((hits.sum() + 0.5) / (len(hits) + 1))


def compute_gain(a: Fit, b: Fit, level: float = LEVEL, **target: float) -> Prediction:
    """How many times the compute A needs for the loss that B reaches at `target`, N and D grown together from there.

    Above 1 B is the better data. Infinite where A's curve never reaches that loss (its irreducible loss lies above).
    """
    factor = np.geomspace(1e-4, 1e4, 401)
    if "C" in a.law.inputs and len(a.law.inputs) > 1:
        raise UsageError("compute-equivalent gain needs a law of N and D, of N on one ladder, or of C")
    along = np.sqrt(factor) if "C" not in a.law.inputs else factor
    path = {name: value * along for name, value in target.items()}
    goal = {name: [value] for name, value in target.items()}
    point = _needed(a.law.evaluate(a.point, path)[None], b.law.evaluate(b.point, goal), factor)
    draws = _needed(a.curves(path), _shuffled(b.curves(goal))[:, 0], factor)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return Prediction(float(point[0]), float(low), float(high), level)


def _needed(curve: Floats, goal: Floats, factor: Floats) -> Floats:
    """Where each falling curve (b, f) reaches its goal (b,), by interpolation in log factor."""
    out = [
        np.exp(np.interp(-target, -row, np.log(factor))) if row[-1] <= target else np.inf
        for row, target in zip(curve, goal, strict=True)
    ]
    return np.array(out)
