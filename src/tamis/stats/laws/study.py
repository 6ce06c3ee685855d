"""The runs of one arm, from table to prediction: which law they can identify, its fit, its checks, and the target.

The law follows from the design of the runs, never from how well it fits: where tokens per parameter vary it is the
over-training law in N and D; where they do not, a power law along that ladder; where only compute is known, a power law in C.
What the runs cannot identify is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tamis.core.errors import TamisError
from tamis.stats.laws.forms import OverTraining, PowerLaw
from tamis.stats.laws.law import FEW, LEVEL, Fit, Law, Prediction
from tamis.stats.laws.solve import Floats
from tamis.stats.laws.uncertainty import LADDER, SURFACE, Candidate, LeftOut, Pool, fit_pool, leave_largest_out

ASSUMED_NOISE = 0.01  # of one run, where too few runs tell it
SIZES = 3  # distinct sizes that any law needs
ONE_LADDER = 1.15  # largest over smallest tokens per parameter up to which runs count as one ladder


@dataclass(frozen=True, eq=False)
class Study:
    """One arm: `x` has N and D (or C alone), `y` the losses; `target` inputs of the law, or None. Text in `notes` is for
    people."""

    arm: str
    x: Mapping[str, Floats]
    fit: Fit
    pool: Pool
    left_out: LeftOut | None
    target: Mapping[str, float] | None
    notes: tuple[str, ...]

    @property
    def compute(self) -> Floats:
        return self.x["C"] if "C" in self.x else 6 * self.x["N"] * self.x["D"]

    def at_target(self, level: float = LEVEL) -> Prediction:
        return self.fit.predict(level, **(self.target or {}))

    def together(self, level: float = LEVEL) -> Prediction:
        """The prediction of all candidates together."""
        return self.pool.predict(level, **(self.target or {}))


def study(
    arm: str,
    x: Mapping[str, Floats],
    y: Floats,
    target: Mapping[str, float] | None = None,
    noise: float | None = None,
    seed: int = 0,
) -> Study:
    """Fit one arm. `target`: N and D, N alone on a ladder, or C. Raises TamisError when the runs identify no law, or not
    there."""
    law, candidates = design(arm, x)
    inputs = {name: np.asarray(x[name], float) for name in law.inputs}
    notes: list[str] = []
    if noise is None and len(y) - len(law.parameters) < FEW:
        noise = ASSUMED_NOISE
        notes.append(f"{len(y)} runs are too few to measure the noise of a run: {noise:.0%} is assumed")
    try:
        fit = law.fit(inputs, y, noise=noise, seed=seed)
    except TamisError as error:
        raise TamisError(f"{arm}: {error}") from None
    pool = fit_pool(inputs, y, candidates, noise=noise, seed=seed)
    notes += [f"candidate left out: {reason}" for reason in pool.refused]
    try:
        left_out = leave_largest_out(fit, law.inputs[0], seed=seed)
    except TamisError as error:
        left_out = None
        notes.append(f"the largest size cannot be left out: {error}")
    return Study(arm, x, fit, pool, left_out, None if target is None else _target(arm, law, x, target), tuple(notes))


def design(arm: str, x: Mapping[str, Floats]) -> tuple[Law, tuple[Candidate, ...]]:
    """The law that the design of the runs can identify, and its candidates."""
    size = "N" if "N" in x else "C"
    sizes = len(np.unique(x[size]))
    if sizes < SIZES:
        what = "parameters" if size == "N" else "compute"
        raise TamisError(
            f"{arm}: {sizes} size{'s' * (sizes != 1)} ({what}); a law needs {SIZES} or more to see how loss falls with it"
        )
    if "D" not in x:
        return PowerLaw("C"), ((PowerLaw("C"), "least squares"), (PowerLaw("C"), "huber"))
    ratio = x["D"] / x["N"]
    return (PowerLaw("N"), LADDER) if ratio.max() <= ONE_LADDER * ratio.min() else (OverTraining(), SURFACE)


def _target(arm: str, law: Law, x: Mapping[str, Floats], target: Mapping[str, float]) -> dict[str, float]:
    missing = [name for name in law.inputs if name not in target]
    if missing:
        raise TamisError(f"{arm}: its law is {law.formula} in {', '.join(law.inputs)}; the target gives no {', '.join(missing)}")
    if law.inputs == ("N",) and "D" in target:
        ladder, there = float(np.median(x["D"] / x["N"])), target["D"] / target["N"]
        if not 1 / ONE_LADDER <= there / ladder <= ONE_LADDER:
            raise TamisError(
                f"{arm}: all runs have {ladder:.3g} tokens per parameter and the target has {there:.3g}: runs on one ladder say "
                f"nothing off it; train some with other tokens per parameter, or ask at {target['N']:.3g} parameters alone"
            )
    return {name: target[name] for name in law.inputs}
