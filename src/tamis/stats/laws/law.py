"""A law, its fit to runs, and what the fit predicts: always a point with its interval.

A `Law` is a formula: non-negative (or `free`) coefficients times columns that depend on inputs and on a few positive exponents.
That one shape holds everything in this package, so fitting (`solve.py`), resampling and saving are written once. `Law.fit` gives
a `Fit`: parameters, the runs they came from, and replicates of the parameters from a bootstrap, which carry all uncertainty.

Two bootstraps. *Parametric*: runs are drawn anew around the fitted curve with the noise of single runs, relative to the value;
where that noise is estimated from few runs, each replicate draws its own (scaled inverse chi-square), as a t interval would.
*Pairs*: runs are drawn with replacement (draws that cannot identify the law are drawn again).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tamis.core.errors import TamisError, UsageError
from tamis.stats.laws.solve import STARTS, Floats, grid, huber, polish, reweighted, search

Objective = Literal["least squares", "huber"]
Resample = Literal["parametric", "pairs"]
DELTA = 1e-3  # of Huber's loss on log y (Hoffmann et al. 2022)
REPLICATES = 400
LEVEL = 0.9
FEW = 3  # degrees of freedom from which run noise may be estimated


@dataclass(frozen=True)
class Prediction:
    """`value` with the interval [low, high] that holds a new run with probability `level`."""

    value: float
    low: float
    high: float
    level: float = LEVEL

    def holds(self, measured: float) -> bool:
        return self.low <= measured <= self.high


@dataclass(frozen=True)
class Law:
    """What every law declares: `inputs` and `output` by name, `formula` for people, names of `coefficients` (`free` ones may be
    negative) and of `exponents` with the range that is searched. `columns` gives what the coefficients multiply."""

    inputs: ClassVar[tuple[str, ...]]
    output: ClassVar[str] = "loss"
    formula: ClassVar[str]
    coefficients: ClassVar[tuple[str, ...]]
    exponents: ClassVar[Mapping[str, tuple[float, float]]]
    free: ClassVar[frozenset[str]] = frozenset()
    logarithmic: ClassVar[bool] = False  # the formula gives the logarithm of the output

    def columns(self, x: Mapping[str, Floats], *exponents: Floats) -> list[Floats | float]:
        """One array per coefficient, of shape (..., n), from inputs (n,) and exponents (..., 1)."""
        raise TypeError(f"{type(self).__name__} does not define columns")

    def offset(self) -> float:
        """What is added to the columns with no coefficient."""
        return 0.0

    @property
    def parameters(self) -> tuple[str, ...]:
        return (*self.coefficients, *self.exponents)

    def fit(
        self,
        x: Mapping[str, ArrayLike],
        y: ArrayLike,
        *,
        objective: Objective = "least squares",
        noise: float | None = None,
        resample: Resample = "parametric",
        replicates: int = REPLICATES,
        seed: int = 0,
        starts: int = STARTS,
    ) -> Fit:
        """Fit to runs: inputs by name, one value per run each, and the measured `y`.

        `noise`: standard deviation of one run relative to its value; None estimates it from the residuals, which needs
        3 degrees of freedom. Raises TamisError when the runs cannot identify the law.
        """
        inputs = {name: np.asarray(x[name], float).ravel() for name in self._given(x)}
        measured = np.asarray(y, float).ravel()
        self._check(inputs, measured)
        point = self._solve(inputs, measured, np.ones(len(measured)), objective, starts)
        fit = Fit(self, point, objective, inputs, measured, noise, np.zeros((0, len(point))))
        if replicates:
            fit = Fit(self, point, objective, inputs, measured, noise, _replicate(fit, resample, replicates, seed))
        return fit

    def evaluate(self, parameters: Floats, x: Mapping[str, ArrayLike]) -> Floats:
        """The curve at inputs (n,) for parameters (..., p): shape (..., n)."""
        inputs = {name: np.atleast_1d(np.asarray(x[name], float)) for name in self._given(x)}
        count = len(self.coefficients)
        blocks = self._blocks(inputs, parameters[..., count:])
        made: Floats = self.offset() + (blocks @ parameters[..., :count, None])[..., 0]
        return np.exp(made) if self.logarithmic else made

    def _given(self, x: Mapping[str, Any]) -> tuple[str, ...]:
        missing = [name for name in self.inputs if name not in x]
        if missing:
            raise UsageError(f"{type(self).__name__} needs {', '.join(self.inputs)}; {', '.join(missing)} is not given")
        return self.inputs

    def _blocks(self, x: Mapping[str, Floats], exponents: Floats) -> Floats:
        parts = self.columns(x, *(exponents[..., i, None] for i in range(exponents.shape[-1])))
        shape = (*exponents.shape[:-1], len(x[self.inputs[0]]))
        return np.stack([np.broadcast_to(np.asarray(part, float), shape) for part in parts], axis=-1)

    def _check(self, x: Mapping[str, Floats], y: Floats) -> None:
        for name, values in [*x.items(), (self.output, y)]:
            if len(values) != len(y):
                raise UsageError(f"{type(self).__name__}: {len(values)} values of {name} for {len(y)} of {self.output}")
            if not (np.isfinite(values) & (values > 0)).all():
                bad = int(np.flatnonzero(~(np.isfinite(values) & (values > 0)))[0])
                raise TamisError(f"{type(self).__name__}: run {bad} has {name} {values[bad]}; it must be positive and finite")
        points, need = len(np.unique(np.stack(list(x.values())), axis=1).T), len(self.parameters) + 1
        if points < need:
            raise TamisError(
                f"{type(self).__name__} has {need - 1} parameters and cannot be told from {points} distinct points: "
                f"train at {need} or more"
            )

    @property
    def _free(self) -> NDArray[np.bool_]:
        return np.array([name in self.free for name in self.coefficients])

    @property
    def _bounds(self) -> Floats:
        return np.array(list(self.exponents.values()), float).reshape(-1, 2)

    def _solve(self, x: Mapping[str, Floats], y: Floats, weights: Floats, objective: Objective, starts: int) -> Floats:
        """Parameters (p,), or (b, p) for `y` or `weights` of shape (b, n)."""
        rows, weight = (np.atleast_2d(a) for a in np.broadcast_arrays(y, weights))
        relative = weight / rows**2 if objective == "huber" else weight

        def columns(exponents: Floats) -> Floats:
            return self._blocks(x, exponents)

        target = np.log(rows) if self.logarithmic else rows - self.offset()
        log = search(columns, target, relative, self._free, grid(self._bounds, starts))
        found, exponents = polish(columns, target, relative, self._free, self._bounds, log)
        one = np.ndim(y) == 1 and np.ndim(weights) == 1
        if objective == "huber":
            if self.offset() or self.logarithmic:
                raise UsageError(f"{type(self).__name__} is fitted by least squares only")
            if one:
                start = np.concatenate([found[0], exponents[0]])
                return huber(columns, rows[0], weight[0], self._free, self._bounds, start, DELTA)[0]
            found, exponents = reweighted(columns, rows, weight, self._free, self._bounds, np.log(exponents), DELTA)
        out = np.concatenate([found, exponents], axis=1)
        return out[0] if one else out


@dataclass(frozen=True, eq=False)
class Fit:
    """A law with its parameters `point` (p,), the runs (`x`, `y`), and `draws` (replicates, p) of the parameters.

    `declared`: the noise of one run as a share of its value if the caller gave it, else None.
    """

    law: Law
    point: Floats
    objective: Objective
    x: Mapping[str, Floats]
    y: Floats
    declared: float | None
    draws: Floats

    @property
    def parameters(self) -> dict[str, float]:
        return dict(zip(self.law.parameters, self.point.tolist(), strict=True))

    @property
    def fitted(self) -> Floats:
        return self.law.evaluate(self.point, self.x)

    @property
    def residuals(self) -> Floats:
        """Measured over fitted, less 1."""
        return self.y / self.fitted - 1

    @property
    def freedom(self) -> int:
        return len(self.y) - len(self.point)

    @property
    def noise(self) -> float:
        """Standard deviation of one run, relative to its value: declared, or estimated from the residuals."""
        if self.declared is not None:
            return self.declared
        if self.freedom < FEW:
            raise TamisError(
                f"{len(self.y)} runs leave {self.freedom} degrees of freedom beside {len(self.point)} parameters, too few to "
                "estimate the noise of a run: declare it (noise=0.01 is one per cent), or add runs"
            )
        return float(np.sqrt((self.residuals**2).sum() / self.freedom))

    def predict(self, level: float = LEVEL, **at: float) -> Prediction:
        """The law at one point, with the interval that holds a new run there with probability `level`."""
        curve = self.curves({name: [value] for name, value in at.items()})[:, 0]
        noise = self.noise * np.random.default_rng(0).standard_normal(len(curve))
        low, high = np.quantile(curve * (1 + noise), [(1 - level) / 2, (1 + level) / 2])
        return Prediction(
            float(self.law.evaluate(self.point, {k: [v] for k, v in at.items()})[0]), float(low), float(high), level
        )

    def curves(self, x: Mapping[str, ArrayLike]) -> Floats:
        """The curve at inputs (n,) for every replicate: (replicates, n). It holds no noise of single runs."""
        if not len(self.draws):
            raise UsageError("this fit has no replicates, so it knows no uncertainty: fit with replicates=400")
        return self.law.evaluate(self.draws, x)

    def interval(self, level: float = LEVEL) -> dict[str, Prediction]:
        """Every parameter with its interval."""
        low, high = np.quantile(self.draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        rows = zip(self.law.parameters, self.point, low, high, strict=True)
        return {name: Prediction(float(p), float(a), float(b), level) for name, p, a, b in rows}

    def save(self, path: Path) -> None:
        """Write the fit as JSON; `load` gives an equal one."""
        value = {
            "law": type(self.law).__name__,
            "fields": {field.name: getattr(self.law, field.name) for field in fields(self.law)},
            "formula": self.law.formula,
            "parameters": self.parameters,
            "objective": self.objective,
            "noise": self.declared,
            "runs": {**{name: values.tolist() for name, values in self.x.items()}, self.law.output: self.y.tolist()},
            "draws": self.draws.tolist(),
        }
        path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def load(path: Path, laws: Sequence[type[Law]]) -> Fit:
    """The fit that `Fit.save` wrote, of one of `laws`. Raises TamisError for anything else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        law = {kind.__name__: kind for kind in laws}[value["law"]](**value["fields"])
        runs = {name: np.array(values, float) for name, values in value["runs"].items()}
        point = np.array([value["parameters"][name] for name in law.parameters])
        measured, x = runs[law.output], {name: runs[name] for name in law.inputs}
        draws = np.array(value["draws"], float).reshape(-1, len(point))
        return Fit(law, point, value["objective"], x, measured, value["noise"], draws)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TamisError(f"{path}: not a saved law ({error})") from None


def _replicate(fit: Fit, resample: Resample, replicates: int, seed: int) -> Floats:
    rng, law, count = np.random.default_rng(seed), fit.law, len(fit.y)
    coarse = 16 if len(law.exponents) < 3 else 64
    if resample == "parametric":
        sigma = np.full((replicates, 1), fit.noise)
        if fit.declared is None:
            sigma *= np.sqrt(fit.freedom / rng.chisquare(fit.freedom, (replicates, 1)))
        y = fit.fitted * np.maximum(1 + sigma * rng.standard_normal((replicates, count)), 0.05)
        return law._solve(fit.x, y, np.ones(count), fit.objective, coarse)
    weights = np.stack([_weights(rng, fit) for _ in range(replicates)])
    return law._solve(fit.x, fit.y, weights, fit.objective, coarse)


def _weights(rng: np.random.Generator, fit: Fit) -> Floats:
    """How often each run was drawn, with as many distinct points as the law has parameters."""
    _, point = np.unique(np.stack(list(fit.x.values())), axis=1, return_inverse=True)
    for _ in range(1000):
        counts = np.bincount(rng.integers(0, len(fit.y), len(fit.y)), minlength=len(fit.y)).astype(float)
        if len(set(point.ravel()[counts > 0].tolist())) >= len(fit.point):
            return counts
    raise TamisError(f"{len(fit.y)} runs are too few to resample by pairs: use the parametric bootstrap")
