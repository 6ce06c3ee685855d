"""Every law finds the coefficients that were planted, says what it cannot find, and comes back from its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tamis.core.errors import TamisError
from tamis.stats.laws import (
    LAWS,
    Chinchilla,
    ErrorFromLoss,
    HyperParameter,
    Law,
    LogScore,
    OverTraining,
    PowerLaw,
    RepeatedData,
    SamplingRatio,
    Vocabulary,
    WeightAndSize,
    allocate,
    effective_share,
    effective_tokens,
    isoflop_minima,
    load,
    misaligned,
)

RNG = np.random.default_rng(5)
N = np.repeat(np.geomspace(1e7, 1e9, 6), 6)
D = N * np.tile([10.0, 20, 40, 80, 160, 320], 6)
PLANTED: list[tuple[Law, dict[str, np.ndarray], dict[str, float]]] = [
    (PowerLaw("C"), {"C": np.geomspace(1e17, 1e21, 8)}, {"E": 1.7, "A": 400.0, "alpha": 0.15}),
    (PowerLaw("N"), {"N": np.geomspace(1e7, 1e9, 5)}, {"E": 1.7, "A": 400.0, "alpha": 0.3}),
    (Chinchilla(), {"N": N, "D": D}, {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}),
    (OverTraining(), {"N": N, "D": D}, {"E": 1.84, "a": 166.2, "b": 366.7, "alpha": 0.273}),
    (
        RepeatedData(),
        {"N": N, "D": D, "U": D / np.tile([1.0, 2, 5, 15, 40, 100], 6)},
        {"E": 1.9, "A": 500.0, "B": 1500.0, "alpha": 0.35, "R": 15.4},
    ),
    (
        Vocabulary(),
        {"N": N, "V": 2e6 * np.tile([1.0, 4, 16, 2, 8, 32], 6), "D": D * 4},
        {"E": 1.2, "A": 200.0, "W": 40.0, "B": 300.0, "alpha": 0.3, "nu": 0.25, "beta": 0.28},
    ),
    (ErrorFromLoss(), {"loss": np.linspace(2.4, 5.4, 9)}, {"epsilon": 0.857, "k": 2.2, "gamma": 0.715}),
    (ErrorFromLoss(chance=0.75), {"loss": np.linspace(2.4, 5.4, 9)}, {"k": 2.2, "gamma": 0.9}),
    (LogScore(), {"D": np.geomspace(1e8, 1e11, 9)}, {"c": 2.5, "D0": 3e6, "beta": 1.2}),
    (
        SamplingRatio(),
        {"p": np.tile([0.05, 0.1, 0.2, 0.4, 0.6, 0.8], 4), "D": np.repeat([0.02, 0.1, 0.5, 2.0], 6)},
        {"E": 1.5, "k": 0.4, "b": 0.01, "alpha": 0.3, "gamma": 0.8},
    ),
    (
        WeightAndSize(),
        {"N": N, "p": np.tile([0.05, 0.1, 0.3, 0.5, 0.7, 1.0], 6)},
        {"E": 1.5, "A": 90.0, "alpha": 0.25, "tau": 0.1},
    ),
    (HyperParameter(), {"N": N, "D": D}, {"ln h0": float(np.log(1.79)), "b": -0.713, "c": 0.307}),
]


@pytest.mark.parametrize(
    ("law", "x", "planted"), PLANTED, ids=[f"{type(law).__name__}-{i}" for i, (law, _, _) in enumerate(PLANTED)]
)
def test_planted_coefficients_are_recovered(
    law: Law, x: dict[str, np.ndarray], planted: dict[str, float], tmp_path: Path
) -> None:
    y = law.evaluate(np.array([planted[name] for name in law.parameters]), x)
    exact = law.fit(x, y, replicates=0)
    assert exact.parameters == pytest.approx(planted, rel=2e-3)
    noisy = law.fit(x, y * (1 + 0.002 * RNG.standard_normal(len(y))), noise=0.002, replicates=150)
    assert np.abs(noisy.residuals).max() < 0.01
    inside = sum(p.low * (1 - 1e-9) <= planted[name] <= p.high * (1 + 1e-9) for name, p in noisy.interval(0.99).items())
    assert inside >= len(planted) - 1
    noisy.save(tmp_path / "law.json")
    again = load(tmp_path / "law.json")
    assert again.law == law and again.parameters == noisy.parameters
    at = {name: float(values.max()) for name, values in x.items()}
    assert again.predict(**at) == noisy.predict(**at)
    assert noisy.predict(**at).holds(float(law.evaluate(np.array(list(planted.values())), {k: [v] for k, v in at.items()})[0]))


def test_every_law_is_planted_and_documented() -> None:
    assert {type(law) for law, _, _ in PLANTED} == set(LAWS)
    for law in LAWS:
        assert " = " in (law.__doc__ or "").split("\n\n")[0] and " et al. 202" in (law.__doc__ or ""), law  # formula and source


@pytest.mark.parametrize("law", [OverTraining(), Chinchilla()])
def test_huber_on_the_logarithm_shrugs_off_outliers(law: Law) -> None:
    planted = next(p for kind, _, p in PLANTED if kind == law)
    y = law.evaluate(np.array([planted[name] for name in law.parameters]), {"N": N, "D": D})
    y = y * (1 + 0.001 * RNG.standard_normal(len(y)))
    y[[7, 20]] *= 1.15
    robust, plain = (law.fit({"N": N, "D": D}, y, objective=o, replicates=0) for o in ("huber", "least squares"))  # type: ignore[arg-type]
    truth = law.evaluate(np.array(list(planted.values())), {"N": [7e9], "D": [1.4e11]})[0]
    errors = [abs(f.law.evaluate(f.point, {"N": [7e9], "D": [1.4e11]})[0] / truth - 1) for f in (robust, plain)]
    assert errors[0] < 0.01 and errors[0] < errors[1] / 2


def test_the_best_split_of_compute() -> None:
    planted = PLANTED[2][2]
    y = Chinchilla().evaluate(np.array(list(planted.values())), {"N": N, "D": D})
    fit = Chinchilla().fit({"N": N, "D": D}, y, noise=0.002, replicates=100)
    best = allocate(fit, 5.76e23)
    sizes = np.geomspace(1e9, 1e12, 200_001)
    loss = Chinchilla().evaluate(np.array(list(planted.values())), {"N": sizes, "D": 5.76e23 / 6 / sizes})
    assert best.parameters.value == pytest.approx(sizes[loss.argmin()], rel=1e-3)
    assert best.loss.value == pytest.approx(loss.min(), rel=1e-6)
    assert best.parameters.low < best.parameters.value < best.parameters.high
    with pytest.raises(TamisError, match="compute is -1"):
        allocate(fit, -1)


def test_isoflop_minima_of_planted_parabolas_and_refusal_of_guesses() -> None:
    budgets, sizes = np.repeat([1e18, 1e19], 5), np.concatenate([np.geomspace(2e7, 2e8, 5), np.geomspace(6e7, 6e8, 5)])
    centre = np.where(budgets == 1e18, 7e7, 2e8)
    loss = 3 - 0.1 * np.log10(budgets / 1e18) + 0.05 * np.log(sizes / centre) ** 2
    minima = isoflop_minima(budgets, sizes, loss)
    assert [m.parameters for m in minima] == pytest.approx([7e7, 2e8], rel=1e-6)
    assert [m.loss for m in minima] == pytest.approx([3.0, 2.9], rel=1e-9)
    with pytest.raises(TamisError, match="outside the sizes trained"):
        isoflop_minima(budgets[:5], sizes[:5], -np.log(sizes[:5]))
    with pytest.raises(TamisError, match="2 sizes"):
        isoflop_minima(budgets[:2], sizes[:2], loss[:2])


def test_effective_tokens_and_parameters() -> None:
    seen, unique = np.array([1e9, 5e8, 1e12]), np.array([1e9, 1e9, 1e9])
    worth = effective_tokens(seen, unique, 15.0)
    assert worth.tolist() == pytest.approx([1e9, 5e8, 1.6e10], rel=1e-6)
    law, x, planted = PLANTED[10]
    fit = law.fit(x, law.evaluate(np.array(list(planted.values())), x), replicates=0)
    assert effective_share(fit, 0.25) == pytest.approx(0.25**0.4, rel=1e-3)


def test_a_score_that_falls_with_more_data_is_called_misaligned() -> None:
    tokens = np.geomspace(1e8, 1e11, 7)
    rising = LogScore().fit({"D": tokens}, 2.5 * np.log(tokens / 1e6), replicates=0)
    assert misaligned(rising) is None
    falling = LogScore().fit({"D": tokens}, 20 + np.array([0.0, 2, 3, 1, -2, -3, -4]), replicates=0)
    assert "falls by 30.4%" in str(misaligned(falling))


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        ({"N": [1e6, 1e7, 1e8, 1e9]}, [3, 2.5, float("inf"), 2], "run 2 has loss inf"),
        ({"N": [1e6, -1.0, 1e8, 1e9]}, [3, 2.5, 2.2, 2], "run 1 has N -1.0"),
        ({"N": [1e6, 1e6, 1e8, 1e8]}, [3, 2.5, 2.2, 2], "3 parameters and cannot be told from 2 distinct points"),
        ({"N": [1e6, 1e7]}, [3, 2.5, 2.2], "2 values of N for 3 of loss"),
        ({"D": [1e6]}, [3], "N is not given"),
    ],
)
def test_runs_that_identify_nothing_are_refused(x: dict[str, list[float]], y: list[float], says: str) -> None:
    with pytest.raises(TamisError, match=says.replace("(", r"\(")):
        PowerLaw("N").fit(x, y)


def test_a_file_that_is_no_law(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(TamisError, match="not a saved law"):
        load(tmp_path / "x.json")
