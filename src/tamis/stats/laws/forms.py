"""Laws of the loss: by size, by size and tokens, by repeats of the data, and by vocabulary.

N is parameters, D tokens seen, C ≈ 6 N D floating-point operations. Losses are in any unit that is positive and has an
irreducible part (nats or bits per token or byte). Whether N counts embeddings is the caller's choice and must be the same at
the target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tamis.stats.laws.law import Law
from tamis.stats.laws.solve import Floats

EXPONENT = (0.02, 2.0)


@dataclass(frozen=True)
class PowerLaw(Law):
    """L(x) = E + A x^-α: loss against one measure of scale along one fixed ladder (Kaplan et al. 2020; Henighan et al. 2020).

    `of`: the name of that measure: N, D or C. Assumes that everything else (tokens per parameter, say) keeps its ratio to x,
    so it says nothing of a target off the ladder.
    """

    of: str = "C"
    formula: ClassVar[str] = "L(x) = E + A x^-α"
    coefficients: ClassVar[tuple[str, ...]] = ("E", "A")
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {"alpha": EXPONENT}

    @property
    def inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.of,)

    def columns(self, x: Mapping[str, Floats], *exponents: Floats) -> list[Floats | float]:
        return [1.0, x[self.of] ** -exponents[0]]


@dataclass(frozen=True)
class Chinchilla(Law):
    """L(N, D) = E + A N^-α + B D^-β (Hoffmann et al. 2022, eq. 10).

    Assumes one pass over the data, learning rate and batch tuned alike at all sizes, runs past their warm-up. Needs runs whose
    D/N varies: on a ladder of one D/N the two terms cannot be told apart.
    """

    inputs: ClassVar[tuple[str, ...]] = ("N", "D")
    formula: ClassVar[str] = "L(N, D) = E + A N^-α + B D^-β"
    coefficients: ClassVar[tuple[str, ...]] = ("E", "A", "B")
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {"alpha": EXPONENT, "beta": EXPONENT}

    def columns(self, x: Mapping[str, Floats], *exponents: Floats) -> list[Floats | float]:
        return [1.0, x["N"] ** -exponents[0], x["D"] ** -exponents[1]]


@dataclass(frozen=True)
class OverTraining(Law):
    """L(N, M) = E + a N^-α + b 6^(-α/2) (M N)^-α with M = D/N (Gadre et al. 2024, "Language models scale reliably with
    over-training and on downstream tasks").

    The Chinchilla form with one exponent for N and D; equal to E + (a' M^η + b' M^-η) C^-η with η = α/2, so loss against compute
    has the same slope for every M. Assumptions as for `Chinchilla`.
    """

    inputs: ClassVar[tuple[str, ...]] = ("N", "D")
    formula: ClassVar[str] = "L(N, D) = E + a N^-α + b 6^(-α/2) D^-α"
    coefficients: ClassVar[tuple[str, ...]] = ("E", "a", "b")
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {"alpha": EXPONENT}

    def columns(self, x: Mapping[str, Floats], *exponents: Floats) -> list[Floats | float]:
        (alpha,) = exponents
        return [1.0, x["N"] ** -alpha, 6 ** (-alpha / 2) * x["D"] ** -alpha]


@dataclass(frozen=True)
class RepeatedData(Law):
    """L(N, D, U) = E + A N^-α + B D'^-α with D' = U + U R* (1 - exp(-(D/U - 1) / R*)) (Muennighoff et al. 2023, eq. 5).

    U is unique tokens, D all tokens seen, D/U epochs; D' is *effective tokens*: after R* further epochs repeats are worth 1 - 1/e
    of new text. One exponent for N and D, and no decay of excess parameters (the paper's second constant): both can be told only
    from far more runs. D <= U counts as one pass.
    """

    inputs: ClassVar[tuple[str, ...]] = ("N", "D", "U")
    formula: ClassVar[str] = "L(N, D, U) = E + A N^-α + B D'^-α, D' = U + U R* (1 - exp(-(D/U - 1) / R*))"
    coefficients: ClassVar[tuple[str, ...]] = ("E", "A", "B")
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {"alpha": EXPONENT, "R": (0.3, 300.0)}

    def columns(self, x: Mapping[str, Floats], *exponents: Floats) -> list[Floats | float]:
        alpha, half = exponents
        return [1.0, x["N"] ** -alpha, effective_tokens(x["D"], x["U"], half) ** -alpha]


def effective_tokens(tokens: Floats, unique: Floats, repeats: Floats | float) -> Floats:
    """D' of `RepeatedData`: how many new tokens `tokens` seen over `unique` ones are worth; `repeats` is R*."""
    further = np.maximum(tokens / unique - 1, 0.0)
    return np.minimum(tokens, unique) * (1 + repeats * -np.expm1(-further / repeats))


@dataclass(frozen=True)
class Vocabulary(Law):
    """L(N, V, D) = -E + A N^-α + W V^-ν + B D^-β (Tao et al. 2024, "Scaling laws with vocabulary").

    N: parameters without the vocabulary's, V: parameters of the vocabulary (entries × width), D: *characters* (or bytes)
    seen, so that vocabularies compare. L is the loss per token less that of a unigram model of the same vocabulary, plus any
    constant that keeps it positive; E takes either sign here and is the constant term itself.
    """

    inputs: ClassVar[tuple[str, ...]] = ("N", "V", "D")
    formula: ClassVar[str] = "L(N, V, D) = E + A N^-α + W V^-ν + B D^-β"
    coefficients: ClassVar[tuple[str, ...]] = ("E", "A", "W", "B")
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {"alpha": EXPONENT, "nu": EXPONENT, "beta": EXPONENT}
    free: ClassVar[frozenset[str]] = frozenset({"E"})

    def columns(self, x: Mapping[str, Floats], *exponents: Floats) -> list[Floats | float]:
        return [1.0, x["N"] ** -exponents[0], x["V"] ** -exponents[1], x["D"] ** -exponents[2]]
