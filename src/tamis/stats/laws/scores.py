"""Laws of downstream scores: error from loss, and a score against tokens, with a flag where the score does not follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tamis.stats.laws.law import Fit, Law
from tamis.stats.laws.solve import Floats


@dataclass(frozen=True)
class ErrorFromLoss(Law):
    """Err(L) = ε - k exp(-γ L): mean error of many tasks against loss (Gadre et al. 2024, eq. 5). Err is in [0, 1].

    `chance`: pins ε at the error of guessing, so that a bad model is predicted to guess; None fits it. Assumes tasks and
    evaluation text stay the same; single tasks do not follow it, means over many do.
    """

    chance: float | None = None
    inputs: ClassVar[tuple[str, ...]] = ("loss",)
    output: ClassVar[str] = "error"
    formula: ClassVar[str] = "Err(L) = ε - k exp(-γ L)"
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {"gamma": (0.05, 10.0)}

    @property
    def coefficients(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("k",) if self.chance is not None else ("epsilon", "k")

    def offset(self) -> float:
        return self.chance or 0.0

    def columns(self, x: Mapping[str, Floats], *exponents: Floats) -> list[Floats | float]:
        falling: Floats | float = -np.exp(-exponents[0] * x["loss"])
        return [falling] if self.chance is not None else [1.0, falling]


@dataclass(frozen=True)
class LogScore(Law):
    """S(D) = (log(A D^α))^β, written c (ln(D / D0))^β with c = α^β, D0 = A^(-1/α) (Isik et al. 2024, eq. 1).

    A downstream score such as BLEU against tokens of pretraining; D0 is where the score leaves zero. Holds only where pretraining
    and task data are aligned: look at `misaligned` before the law.
    """

    inputs: ClassVar[tuple[str, ...]] = ("D",)
    output: ClassVar[str] = "score"
    formula: ClassVar[str] = "S(D) = c (ln(D / D0))^β"
    coefficients: ClassVar[tuple[str, ...]] = ("c",)
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {"D0": (1.0, 1e12), "beta": (0.1, 6.0)}

    def columns(self, x: Mapping[str, Floats], *exponents: Floats) -> list[Floats | float]:
        origin, beta = exponents
        return [np.maximum(np.log(x["D"]) - np.log(origin), 1e-9) ** beta]


def misaligned(fit: Fit, noise: float | None = None) -> str | None:
    """Why a score must not be extrapolated by its law, or None.

    Scores that fall with more data by more than twice the noise of a run (a share of the score; default: 1 per cent) say that
    pretraining and task are not aligned, whatever the loss does (Isik et al. 2024, section 5).
    """
    (name,) = fit.law.inputs
    order = np.argsort(fit.x[name], kind="stable")
    at, score = fit.x[name][order], fit.y[order]
    share = 0.01 if noise is None else noise
    best = np.maximum.accumulate(score)
    worst = int(np.argmax((best - score) / best))
    drop = float((best[worst] - score[worst]) / best[worst])
    if drop <= 2 * np.sqrt(2) * share:
        return None
    return f"the score falls by {drop:.1%} up to {name} = {at[worst]:.3g}: more data makes it worse, so the law does not hold"
