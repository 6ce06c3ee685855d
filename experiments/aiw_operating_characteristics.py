"""How often does the verdict on fluctuation err, and how many trials does it need? (It simulates, so it needs no --data.)

    python experiments/aiw_operating_characteristics.py

Six variations; answers are binomial; a family fluctuates when the G-test refuses equal rates at 1e-3 after Holm and the spread
of the rates is .25 or more. Printed are the share of experiments called fluctuating when rates are equal (false alarms) and when
they are not (power), alone and as one of seven families, and how often whole planted models are called a breakdown. 20,000
experiments a cell. The answer stands in `aiw_operating_characteristics.md`.
"""

from __future__ import annotations

import argparse

import numpy as np

from tamis.stats.robustness import judge_families, operating_characteristics

TRIALS = (20, 30, 40, 60, 100)
EXPERIMENTS = 20_000


def table(title: str, rates: dict[str, list[float]], families: int) -> None:
    print(f"\n{title}\n{'true rates':<34}" + "".join(f"n = {n:<6}" for n in TRIALS))
    for name, planted in rates.items():
        found = [operating_characteristics(planted, n, EXPERIMENTS, families) for n in TRIALS]
        print(f"{name:<34}" + "".join(f"{f:<10.4f}" for f in found))


def planted(name: str, main: list[float], control: float, experiments: int = 200, n: int = 60) -> None:
    """A model of seven equal families, five controls each."""
    rng = np.random.Generator(np.random.Philox(1))
    breakdowns = below = cells = 0
    for _ in range(experiments):
        families = {
            str(f): (
                {v: rng.binomial(1, p, n).astype(float).tolist() for v, p in enumerate(main)},
                {str(c): rng.binomial(1, control, 6 * n).astype(float).tolist() for c in range(5)},
            )
            for f in range(7)
        }
        for found in judge_families(families):
            cells += 1
            breakdowns += bool(found.breakdown)
            below += found.verdict == "below floor"
    print(f"{name:<52}{breakdowns / cells:<12.4f}{below / cells:<12.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    even = {f"all {p}": [p] * 6 for p in (0.25, 0.3, 0.5, 0.7, 0.9)}
    spread = {f"{a} to {b}, evenly": np.linspace(a, b, 6).tolist() for a, b in ((0.4, 0.6), (0.3, 0.7), (0.25, 0.75), (0.1, 0.9))}
    spread["five at .95, one at .6"] = [0.95] * 5 + [0.6]
    for families in (1, 7):
        alone = "one family" if families == 1 else "one of seven families"
        table(f"False alarms, {alone}", even, families)
        table(f"Power, {alone}", spread, families)
    print(f"\nPlanted models, 60 trials, 200 x 7 families\n{'':<52}{'breakdown':<12}{'below floor':<12}")
    planted("memoriser: right on one variation, controls .98", [1.0, 0, 0, 0, 0, 0], 0.98)
    planted("collapsed: .05 everywhere, controls .98", [0.05] * 6, 0.98)
    planted("swinging .3 to .8, controls .98", [0.3, 0.8, 0.45, 0.8, 0.3, 0.5], 0.98)
    planted("noisy but even at .5, controls .98", [0.5] * 6, 0.98)
    planted("robust at .97, controls .98", [0.97] * 6, 0.98)
    planted("weak model: .1 everywhere, controls .3", [0.1] * 6, 0.3)
    planted("weak and swinging, controls .6", [0.0, 0.6, 0.1, 0.5, 0.0, 0.2], 0.6)
    planted("on the border: .05 everywhere, controls .89", [0.05] * 6, 0.89)


if __name__ == "__main__":
    main()
