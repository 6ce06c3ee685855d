"""Decisions from laws on planted studies: calibrated winning probability, crossovers, compute gain, uncertainty, covariates."""

from __future__ import annotations

import numpy as np
import pytest

from tamis.core.errors import TamisError, UsageError
from tamis.stats.laws import (
    Fit,
    OverTraining,
    PowerLaw,
    Prediction,
    compute_gain,
    coverage,
    fit_pool,
    leave_largest_out,
    rival,
)
from tamis.stats.laws.covariates import associate, screen

SIZES = np.repeat(np.geomspace(1e7, 1e9, 5), 3)  # five sizes, three seeds
NOISES = (0.005, 0.01, 0.02)
TARGET = 1e10


def ladder(point: tuple[float, float, float], noise: float, rng: np.random.Generator, replicates: int = 60) -> Fit:
    law = PowerLaw("N")
    y = law.evaluate(np.array(point), {"N": SIZES}) * (1 + noise * rng.standard_normal(len(SIZES)))
    return law.fit({"N": SIZES}, y, replicates=replicates)


def study(rng: np.random.Generator, noise: float) -> tuple[float, ...]:
    """Stated probabilities that B wins at ten times the largest size and that the curves cross before; whether they do.

    The planted arms differ by 3.3 % at the target and change by 1.3 % on the way (root mean squares), as published ones do.
    """
    alpha = rng.uniform(0.2, 0.4)
    a = (rng.uniform(1.5, 2.2), rng.uniform(1, 2) * 1e8**alpha, alpha)
    b = (a[0] + rng.normal(0, 0.06), a[1] * (1 + rng.normal(0, 0.1)), a[2] * (1 + rng.normal(0, 0.006)))
    lower = np.diff(PowerLaw("N").evaluate(np.array([a, b]), {"N": [SIZES.max(), TARGET]}), axis=0)[0] < 0
    stated = rival(ladder(a, noise, rng), ladder(b, noise, rng), N=TARGET)
    return stated.wins, lower[1], stated.crosses, lower[0] != lower[1]


def fifths(stated: np.ndarray, happened: np.ndarray) -> list[tuple[int, float, float]]:
    """Per fifth of the stated probabilities: studies, mean stated probability, share that happened."""
    fifth = np.minimum((stated * 5).astype(int), 4)
    return [(int(m.sum()), float(stated[m].mean()), float(happened[m].mean())) for k in range(5) if (m := fifth == k).any()]


def calibration(count: int, seed: int) -> tuple[list[tuple[int, float, float]], list[tuple[int, float, float]]]:
    """Of winning and of crossing."""
    rng = np.random.default_rng(seed)
    wins, won, crosses, crossed = np.array([study(rng, NOISES[i % 3]) for i in range(count)], float).T
    return fifths(wins, won), fifths(crosses, crossed)


def test_stated_probabilities_of_winning_and_crossing_are_calibrated() -> None:
    for bins in calibration(200, seed=11):
        assert sum(n * abs(p - w) for n, p, w in bins) / 200 <= 0.08, bins


@pytest.mark.slow
def test_stated_probabilities_are_calibrated_in_every_fifth() -> None:
    wins, crosses = calibration(4000, seed=12)
    assert len(wins) == 5 and all(abs(p - w) <= 0.05 for _, p, w in wins), wins
    assert all(abs(p - w) <= 0.05 + 1 / n**0.5 for n, p, w in crosses), crosses  # few studies are likely to cross


def test_crossovers_are_found_when_planted_and_not_when_absent() -> None:
    rng = np.random.default_rng(4)
    a, crossing, better = (2.0, 250.0, 0.3), (1.7, 430.0, 0.3), (1.9, 245.0, 0.3)
    law = PowerLaw("N")
    measured, target = law.evaluate(np.array([a, crossing]), {"N": [4e8, 1e11]}).T
    assert measured[0] < measured[1] and target[1] < target[0]
    planted = [rival(ladder(a, 0.002, rng), ladder(crossing, 0.002, rng), N=1e11) for _ in range(8)]
    absent = [rival(ladder(a, 0.005, rng), ladder(better, 0.005, rng), N=TARGET).crosses for _ in range(8)]
    assert max(absent) < 0.2, absent
    assert min(r.wins for r in planted) > 0.9 and min(r.crosses for r in planted) > 0.5, planted


def test_compute_gain_of_a_planted_factor_and_of_a_loss_never_reached() -> None:
    rng = np.random.default_rng(6)
    a, b = (1.8, 300.0, 0.3), (1.8, 300.0 * 1.4**-0.15, 0.3)  # N² ~ C: 1.4 times the compute is 1.4^(1/2) times N
    gain = compute_gain(ladder(a, 0.001, rng), ladder(b, 0.001, rng), N=1e9)
    assert gain.low < 1.4 < gain.high and 1.2 < gain.value < 1.65
    assert compute_gain(ladder(a, 0.001, rng), ladder((1.0, 300.0, 0.3), 0.001, rng), N=1e9).value == np.inf


def test_equivalence_and_what_cannot_be_compared() -> None:
    rng = np.random.default_rng(8)
    a, b = ladder((1.8, 300.0, 0.3), 0.001, rng), ladder((1.8, 300.0, 0.3), 0.001, rng)
    found = rival(a, b, delta=0.05, N=1e9)
    assert found.equivalent is not None and found.equivalent > 0.95 and 0.05 < found.wins < 0.95
    assert found.difference.low < 0 < found.difference.high
    other = PowerLaw("C").fit({"C": SIZES}, a.y, replicates=5)
    with pytest.raises(UsageError, match="one law"):
        rival(a, other, N=1e9)


@pytest.mark.parametrize("resample", ["parametric", "pairs"])
def test_intervals_of_a_right_law_hold_what_they_promise(resample: str) -> None:
    rng, law, point = np.random.default_rng(2), PowerLaw("N"), np.array([1.8, 300.0, 0.3])
    truth, made = float(law.evaluate(point, {"N": [1e10]})[0]), []
    for _ in range(60):
        y = law.evaluate(point, {"N": SIZES}) * (1 + 0.01 * rng.standard_normal(15))
        made.append(law.fit({"N": SIZES}, y, replicates=100, resample=resample).predict(N=1e10))  # type: ignore[arg-type]
    share, low, high = coverage(made, [truth * (1 + 0.01 * rng.standard_normal()) for _ in made])
    assert low < share < high and share >= 0.75


def test_the_pool_spreads_and_the_largest_size_is_left_out() -> None:
    rng, n = np.random.default_rng(3), np.repeat(np.geomspace(1e7, 1e9, 5), 3)
    x = {"N": n, "D": n * np.tile([20.0, 80, 320], 5)}
    point = np.array([1.84, 166.2, 366.7, 0.273])
    y = OverTraining().evaluate(point, x) * (1 + 0.005 * rng.standard_normal(15))
    pool = fit_pool(x, y)
    points, together = pool.points(N=7e9, D=1.4e11), pool.predict(N=7e9, D=1.4e11)
    assert len(points) == 4 and min(points) < together.value < max(points)
    assert together.low < min(points) and max(points) < together.high
    left = leave_largest_out(pool.fits[0])
    assert left.size == n.max() and len(left.errors) == 3 and max(map(abs, left.errors)) < 0.05 and left.covered >= 2
    few = fit_pool({k: v[::3] for k, v in x.items()}, y[::3], noise=0.01)
    assert len(few.fits) == 2 and "5 parameters" in few.refused[0]


def test_no_point_without_its_noise() -> None:
    with pytest.raises(TamisError, match="declare it"):
        PowerLaw("N").fit({"N": SIZES[::3]}, [3.0, 2.7, 2.5, 2.4, 2.35])
    bare = PowerLaw("N").fit({"N": SIZES[::3]}, [3.0, 2.7, 2.5, 2.4, 2.35], replicates=0)
    with pytest.raises(UsageError, match="knows no uncertainty"):
        bare.predict(N=1e10)
    assert coverage([Prediction(1, 0, 2)] * 4, [1, 1, 1, 3])[0] == 0.75


def test_a_planted_covariate_is_found_and_its_runs_dropped() -> None:
    rng = np.random.default_rng(10)
    share = np.tile([0.9, 0.6, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01], 4)
    blocks = np.repeat(np.arange(4), 8)
    noise = 0.005 * rng.standard_normal(32)
    found = associate(noise + 0.1 * share, share, blocks)
    assert found.p < 0.01 and abs(found.effect - 0.1) < 0.01 and found.low < found.effect < found.high
    assert associate(noise, share, blocks).p > 0.05
    kept = screen(lambda k: (noise + np.where(share > 0.5, 0.15, 0.0))[k], share, blocks)
    assert kept[share > 0.5].sum() <= 1 and kept[share < 0.5].all()  # a last one cannot be told from noise
    with pytest.raises(TamisError, match="vary"):
        associate(noise, np.ones(32), blocks)
