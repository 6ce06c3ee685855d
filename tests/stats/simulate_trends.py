"""Planted races and trends: how often racing stops the best arm, and how often a planted shape is named.

Run it for the printed figures: `python tests/stats/simulate_trends.py [EXPERIMENTS]` (4,000 by default).
"""

from __future__ import annotations

import sys

import numpy as np

from tamis.stats.racing import Race, run
from tamis.stats.trends import trend

SIZES = (1e6, 4e6, 16e6, 64e6, 256e6)
X = np.linspace(0, 1, 5)
CURVES = {  # from 0 to 1; five sizes
    "rising": (X, np.sqrt(X), X**2, np.minimum(1.6 * X, 1.0)),
    "falling": (1 - X, 1 - np.sqrt(X), 1 - X**2, 1 - np.minimum(1.6 * X, 1.0)),
    "U-shaped": ((2 * X - 1) ** 2, np.array([0.8, 0.3, 0.0, 0.4, 1.0]), np.array([1.0, 0.5, 0.2, 0.0, 0.5])),
    "inverted U": (1 - (2 * X - 1) ** 2, np.array([0.2, 0.7, 1.0, 0.6, 0.0]), np.array([0.0, 0.5, 0.8, 1.0, 0.5])),
    "no trend shown": (np.zeros(5),),
}
MEANS = {
    "eight equal arms": np.zeros(8),
    "one arm better by 2 sd": np.array([2.0, *np.zeros(7)]),
    "a ladder, .5 sd apart": np.arange(8) * 0.5,
    "two best arms": np.array([1.0, 1.0, *np.zeros(6)]),
}


def right_shapes(experiments: int, height: float, seed: int = 0, seeds: int = 3) -> dict[str, float]:
    """Share of planted shapes named, each shape alike often; `height`: from lowest to highest mean, in noise of one run."""
    rng = np.random.default_rng(seed)
    hits: dict[str, list[bool]] = {shape: [] for shape in CURVES}
    for number in range(experiments):
        shape = list(CURVES)[number % len(CURVES)]
        curve = CURVES[shape][int(rng.integers(len(CURVES[shape])))]
        scores = height * curve[:, None] + rng.standard_normal((5, seeds))
        hits[shape].append(trend(SIZES, scores).shape == shape)
    return {shape: float(np.mean(found)) for shape, found in hits.items()}


def races(experiments: int, race: Race, seed: int = 0) -> dict[str, tuple[float, float, float]]:
    """For each planted set of means: share of races that stop the best arm, that end with one winner, and of runs spent."""
    out = {}
    for name, means in MEANS.items():
        rng = np.random.default_rng(seed)
        arms = [str(arm) for arm in range(len(means))]
        lost, won, spent = 0, 0, 0.0
        for _ in range(experiments):
            scores = (
                means[:, None] + rng.standard_normal((len(means), race.looks[-1])) + 0.5 * rng.standard_normal(race.looks[-1])
            )
            outcome = run(race, arms, lambda arm, seed, scores=scores: float(scores[int(arm), seed]))
            lost += str(int(means.argmax())) not in outcome.standing
            won += outcome.winner is not None
            spent += outcome.runs / outcome.all_runs
        out[name] = (lost / experiments, won / experiments, spent / experiments)
    return out


def main(experiments: int) -> None:
    for height in (3.0, 4.0, 5.0, 6.0, 8.0):
        shares = right_shapes(experiments, height)
        told = ", ".join(f"{shape} {share:.3f}" for shape, share in shares.items())
        print(
            f"trends, height {height:g} times the noise of one run, 3 seeds: mean {np.mean(list(shares.values())):.3f} ({told})"
        )
    for looks in ((2, 4, 8), (2, 3, 4, 5, 6)):
        for name, (lost, won, spent) in races(experiments, Race(looks)).items():
            print(f"races, looks {looks}, {name}: best arm stopped {lost:.4f}, one winner {won:.3f}, runs spent {spent:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
