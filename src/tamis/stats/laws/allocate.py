"""What to train with a budget: compute-optimal sizes, minima of IsoFLOP curves, and the law of learning rate and batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from tamis.core.errors import TamisError, UsageError
from tamis.stats.laws.forms import Chinchilla, OverTraining
from tamis.stats.laws.law import LEVEL, Fit, Law, Prediction
from tamis.stats.laws.solve import Floats


@dataclass(frozen=True)
class Allocation:
    """The parameters and tokens that reach the lowest loss with `compute` FLOPs (C = 6 N D), and that loss."""

    compute: float
    parameters: Prediction
    tokens: Prediction
    loss: Prediction


def allocate(fit: Fit, compute: float, level: float = LEVEL) -> Allocation:
    """The compute-optimal run: N = (αA / βB · (C/6)^β)^(1/(α+β)), D = C / 6N (Hoffmann et al. 2022, eq. 4)."""
    if not isinstance(fit.law, Chinchilla | OverTraining):
        raise UsageError(f"{type(fit.law).__name__} has no trade between N and D: fit Chinchilla or OverTraining")
    if not 0 < compute < np.inf:
        raise UsageError(f"compute is {compute}; give a positive number of FLOPs")
    all_draws = np.concatenate([fit.point[None], fit.draws])
    sizes = _optimum(fit.law, all_draws, compute)
    losses = np.array([fit.law.evaluate(p, {"N": [n], "D": [compute / 6 / n]})[0] for p, n in zip(all_draws, sizes, strict=True)])
    return Allocation(compute, *(_interval(values, level) for values in (sizes, compute / 6 / sizes, losses)))


def _optimum(law: Law, draws: Floats, compute: float) -> Floats:
    first, second, alpha = draws[:, 1], draws[:, 2], draws[:, 3]
    beta = draws[:, 4] if isinstance(law, Chinchilla) else alpha
    if isinstance(law, OverTraining):
        second = second * 6 ** (-alpha / 2)
    if not ((first > 0) & (second > 0)).all():
        raise TamisError("some replicates see no effect of N or of D, so no optimum between them is known: vary D/N more")
    return (alpha * first / (beta * second) * (compute / 6) ** beta) ** (1 / (alpha + beta))


def _interval(values: Floats, level: float) -> Prediction:
    """The first is the point, the rest its replicates."""
    low, high = np.quantile(values[1:], [(1 - level) / 2, (1 + level) / 2])
    return Prediction(float(values[0]), float(low), float(high), level)


@dataclass(frozen=True)
class IsoFlop:
    """The minimum of one curve of equal compute: N and loss there, and the curvature of loss in ln N (positive)."""

    compute: float
    parameters: float
    loss: float
    curvature: float


def isoflop_minima(compute: ArrayLike, parameters: ArrayLike, loss: ArrayLike) -> list[IsoFlop]:
    """A parabola in ln N through the runs of each budget, and its minimum (Hoffmann et al. 2022, approach 2).

    Budgets are equal when they agree within 2 %. Raises TamisError where fewer than 3 sizes were trained, where the parabola
    opens downwards, or where its minimum lies outside the sizes trained: such a minimum is a guess.
    """
    c, n, y = (np.asarray(v, float).ravel() for v in (compute, parameters, loss))
    out: list[IsoFlop] = []
    order = np.argsort(c, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(np.log(c[order])) > 0.02) + 1):
        budget, at = float(np.exp(np.log(c[group]).mean())), np.log(n[group])
        if len(np.unique(at)) < 3:
            raise TamisError(f"{budget:.3g} FLOPs: {len(np.unique(at))} sizes; a minimum needs 3 or more")
        square, slope, height = np.polyfit(at - at.mean(), y[group], 2)
        place = -slope / (2 * square) if square > 0 else np.inf
        if square <= 0 or not at.min() <= place + at.mean() <= at.max():
            raise TamisError(f"{budget:.3g} FLOPs: the minimum lies outside the sizes trained; add smaller or larger ones")
        low = float(height - slope**2 / (4 * square))
        out.append(IsoFlop(budget, float(np.exp(place + at.mean())), low, float(2 * square)))
    return out


@dataclass(frozen=True)
class HyperParameter(Law):
    """h(N, D) = h0 N^b D^c: the best learning rate, or batch size in tokens, against size and tokens (Li et al. 2025, "Step
    Law").

    Published there: learning rate 1.79 N^-0.713 D^0.307, batch 0.58 D^0.571, N without embeddings. Fit it to the *best*
    setting found at each (N, D), in logarithms. Assumes one optimiser, schedule and initialisation.
    """

    inputs: ClassVar[tuple[str, ...]] = ("N", "D")
    output: ClassVar[str] = "setting"
    formula: ClassVar[str] = "ln h(N, D) = ln h0 + b ln N + c ln D"
    coefficients: ClassVar[tuple[str, ...]] = ("ln h0", "b", "c")
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {}
    free: ClassVar[frozenset[str]] = frozenset(coefficients)
    logarithmic: ClassVar[bool] = True

    def columns(self, x: Mapping[str, Floats], *exponents: Floats) -> list[Floats | float]:
        return [1.0, np.log(x["N"]), np.log(x["D"])]
