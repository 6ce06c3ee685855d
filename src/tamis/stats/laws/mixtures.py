"""Laws of mixtures: the loss on one source against its share of the training data, alone and together with size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from tamis.stats.laws.forms import EXPONENT
from tamis.stats.laws.law import Fit, Law
from tamis.stats.laws.solve import Floats


@dataclass(frozen=True)
class SamplingRatio(Law):
    """L(p, D) = E + k p^-α + b (p / D)^γ: the double power law over a source's sampling ratio p in (0, 1], after Chen et al. 2023
    ("On the Pareto front of multilingual neural machine translation").

    The first term falls as the source gets more of the model's capacity, the second rises as its D tokens (any unit) are
    repeated more: p / D is proportional to epochs of the source when all runs see the same number of tokens. The paper writes
    the second term with more constants.
    """

    inputs: ClassVar[tuple[str, ...]] = ("p", "D")
    formula: ClassVar[str] = "L(p, D) = E + k p^-α + b (p / D)^γ"
    coefficients: ClassVar[tuple[str, ...]] = ("E", "k", "b")
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {"alpha": EXPONENT, "gamma": (0.05, 4.0)}

    def columns(self, x: Mapping[str, Floats], *exponents: Floats) -> list[Floats | float]:
        return [1.0, x["p"] ** -exponents[0], (x["p"] / x["D"]) ** exponents[1]]


@dataclass(frozen=True)
class WeightAndSize(Law):
    """L(N, p) = E + A (N f(p))^-α with f(p) = p^κ: weight and size together (Fernandes et al. 2023, "Scaling laws for
    multilingual neural machine translation").

    All weights p in (0, 1] share the exponent; a source with weight p has N f(p) *effective parameters* (`effective_share`).
    The paper fits three constants to f; one is what a handful of runs can tell. Written A N^-α p^-τ with κ = τ/α.
    """

    inputs: ClassVar[tuple[str, ...]] = ("N", "p")
    formula: ClassVar[str] = "L(N, p) = E + A N^-α p^-τ"
    coefficients: ClassVar[tuple[str, ...]] = ("E", "A")
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {"alpha": EXPONENT, "tau": (0.005, 2.0)}

    def columns(self, x: Mapping[str, Floats], *exponents: Floats) -> list[Floats | float]:
        return [1.0, x["N"] ** -exponents[0] * x["p"] ** -exponents[1]]


def effective_share(fit: Fit, weight: float) -> float:
    """f(p) of a fitted `WeightAndSize`: the share of the parameters that works for a source of this weight."""
    return float(weight ** (fit.parameters["tau"] / fit.parameters["alpha"]))
