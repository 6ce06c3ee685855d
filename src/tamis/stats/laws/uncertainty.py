"""How far a law may be believed: a fixed pool of candidates, the largest size left out, and the coverage of intervals.

The pool is fixed before any data are seen: nobody picks the law that fits best, because with data like these the fit inside
the measured range hardly ranks extrapolators (Spearman 0.19 on the 104 models of Gadre et al. 2024). Its median is the
prediction, its draws together the interval, its spread the model uncertainty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tamis.core.errors import TamisError
from tamis.stats.laws.forms import Chinchilla, OverTraining, PowerLaw
from tamis.stats.laws.law import LEVEL, Fit, Law, Objective, Prediction
from tamis.stats.laws.solve import Floats
from tamis.stats.proportion import wilson

Candidate = tuple[Law, Objective]
SURFACE: tuple[Candidate, ...] = (
    (OverTraining(), "least squares"),
    (OverTraining(), "huber"),
    (Chinchilla(), "least squares"),
    (Chinchilla(), "huber"),
)
LADDER: tuple[Candidate, ...] = ((PowerLaw("N"), "least squares"), (PowerLaw("N"), "huber"))
POOL_REPLICATES = 100  # of each candidate


@dataclass(frozen=True)
class Pool:
    """Fits of every candidate to the same runs; `refused` says why some could not be fitted."""

    fits: tuple[Fit, ...]
    refused: tuple[str, ...] = ()

    def predict(self, level: float = LEVEL, **at: float) -> Prediction:
        """The median of the candidates, with the quantiles of all their draws of a new run together."""
        draws = np.concatenate([_new_runs(fit, at, k) for k, fit in enumerate(self.fits)])
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
        return Prediction(float(np.median(self.points(**at))), float(low), float(high), level)

    def points(self, **at: float) -> list[float]:
        """Each candidate's own value: their range is the model uncertainty."""
        return [float(fit.law.evaluate(fit.point, {k: [v] for k, v in at.items()})[0]) for fit in self.fits]


def _new_runs(fit: Fit, at: Mapping[str, float], stream: int) -> Floats:
    curve = fit.curves({name: [value] for name, value in at.items()})[:, 0]
    return curve * (1 + fit.noise * np.random.default_rng(stream).standard_normal(len(curve)))


def fit_pool(
    x: Mapping[str, ArrayLike],
    y: ArrayLike,
    candidates: Sequence[Candidate] = SURFACE,
    *,
    noise: float | None = None,
    replicates: int = POOL_REPLICATES,
    seed: int = 0,
) -> Pool:
    """Fit all candidates that the runs can identify. Raises TamisError when they can identify none."""
    fits: list[Fit] = []
    refused: list[str] = []
    for law, objective in candidates:
        try:
            fits.append(law.fit(x, y, objective=objective, noise=noise, replicates=replicates, seed=seed))
        except TamisError as error:
            refused.append(str(error))
    if not fits:
        raise TamisError(refused[0])
    return Pool(tuple(fits), tuple(refused))


@dataclass(frozen=True)
class LeftOut:
    """Runs of the largest `by` (at `size`), predicted from all smaller ones: measured, predicted, and relative errors."""

    by: str
    size: float
    measured: tuple[float, ...]
    predicted: tuple[Prediction, ...]

    @property
    def errors(self) -> tuple[float, ...]:
        """Predicted over measured, less 1."""
        return tuple(p.value / m - 1 for p, m in zip(self.predicted, self.measured, strict=True))

    @property
    def covered(self) -> int:
        return sum(p.holds(m) for p, m in zip(self.predicted, self.measured, strict=True))


def leave_largest_out(fit: Fit, by: str = "N", level: float = LEVEL, seed: int = 0) -> LeftOut:
    """Fit again without the largest `by` and predict its runs. Raises TamisError when the rest cannot identify the law.

    Where too few runs remain to estimate their noise, that of the whole fit stands in.
    """
    largest = float(fit.x[by].max())
    rest = fit.x[by] < largest
    x = {name: values[rest] for name, values in fit.x.items()}
    few = int(rest.sum()) - len(fit.point) < 3
    noise = fit.declared if fit.declared is not None or not few else fit.noise
    again = fit.law.fit(x, fit.y[rest], objective=fit.objective, noise=noise, replicates=max(len(fit.draws), 1), seed=seed)
    at = [{name: float(values[i]) for name, values in fit.x.items()} for i in np.flatnonzero(~rest)]
    return LeftOut(by, largest, tuple(fit.y[~rest].tolist()), tuple(again.predict(level, **point) for point in at))


def coverage(predictions: Sequence[Prediction], measured: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Share of intervals that hold what was measured, with Wilson's interval at `level`, as if they were independent."""
    count = len(measured)
    if count != len(predictions) or not count:
        raise TamisError(f"coverage: {len(predictions)} predictions for {count} measured values")
    inside = sum(p.holds(m) for p, m in zip(predictions, measured, strict=True))
    return (inside / count, *wilson(inside, count, level))
