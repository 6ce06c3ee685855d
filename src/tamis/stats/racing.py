"""Racing: train seed by seed, and stop arms that are shown to be worse, with a bound on the chance of stopping the best.

After declared numbers of seeds the race *looks*: an arm leaves when some other arm is better by a one-sided paired t-test at
level alpha / (looks × (arms - 1)). The best arm leaves only if one of its arms - 1 rivals beats it at one of the looks, so the
chance of that is at most alpha (union bound), whatever the other arms are; ties for best are equally safe. Looks at 2, 4, 8, ...
seeds make it successive halving, but one in which nobody leaves by rank alone: plain halving drops half the arms at every look,
come what may, and its error is not bounded. The noise is the arm × seed mean square of all arms still in the race
(`noise.run_mean_square`); arms share seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from tamis.core.errors import TamisError, UsageError
from tamis.stats.noise import Floats, run_mean_square


@dataclass(frozen=True)
class Race:
    """`looks`: numbers of seeds, rising, after which arms may leave; the last ends the race. `alpha`: chance that the best
    arm is stopped at any of them."""

    looks: tuple[int, ...] = (2, 4, 8)
    alpha: float = 0.05
    higher_is_better: bool = True

    def __post_init__(self) -> None:
        if not self.looks or self.looks[0] < 2 or any(b <= a for a, b in zip(self.looks, self.looks[1:], strict=False)):
            raise UsageError(f"Race(looks={self.looks}): give rising numbers of seeds, the first at least 2")
        if not 0 < self.alpha < 0.5:
            raise UsageError(f"Race(alpha={self.alpha}): must lie between 0 and 0.5")


@dataclass(frozen=True)
class Leaving:
    """An arm that leaves: after how many `seeds`, which arm beat it, by how much, at what one-sided `p` (below `level`)."""

    arm: str
    seeds: int
    beaten_by: str
    difference: float
    p: float
    level: float


@dataclass(frozen=True)
class Outcome:
    """`left`: in order of leaving. `standing`: arms that nothing shows to be worse. `winner`: the only one standing, or None.
    `runs`: trained; `all_runs`: what every arm to the last look would have taken."""

    standing: tuple[str, ...]
    left: tuple[Leaving, ...]
    runs: int
    all_runs: int

    @property
    def winner(self) -> str | None:
        return self.standing[0] if len(self.standing) == 1 else None


def look(race: Race, arms: Sequence[str], scores: Floats, started: int) -> tuple[Leaving, ...]:
    """Who leaves now. `scores` (arms, seeds so far) of the arms still in the race; `started`: how many began it.

    Raises UsageError when the number of seeds is not one of the looks, TamisError for a score that is no finite number.
    """
    count, seeds = scores.shape
    if seeds not in race.looks:
        raise UsageError(f"{seeds} seeds: this race looks after {', '.join(map(str, race.looks))}")
    for arm, row in zip(arms, scores, strict=True):
        if not np.isfinite(row).all():
            raise TamisError(f"arm {arm}, seed {int(np.argmin(np.isfinite(row)))}: the score is no finite number")
    if count < 2:
        return ()
    level = race.alpha / (len(race.looks) * (started - 1))
    means = scores.mean(axis=1) * (1 if race.higher_is_better else -1)
    error = math.sqrt(2 * float(run_mean_square(scores)) / seeds)
    best = int(means.argmax())
    behind = means[best] - means
    t = np.divide(behind, error, out=np.where(behind > 0, np.inf, 0.0), where=error > 0)
    p = special.stdtr((count - 1) * (seeds - 1), -t)
    return tuple(
        Leaving(arms[i], seeds, arms[best], float(scores[best].mean() - scores[i].mean()), float(p[i]), level)
        for i in np.argsort(-behind, kind="stable")
        if p[i] <= level and i != best
    )


def run(race: Race, arms: Sequence[str], score: Callable[[str, int], float]) -> Outcome:
    """Race: `score(arm, seed)` trains and judges one model; it is asked only for arms still in the race."""
    if len(arms) < 2 or len(set(arms)) != len(arms):
        raise UsageError("a race needs two arms or more, each with its own name")
    standing, left = list(arms), list[Leaving]()
    scores: dict[str, list[float]] = {arm: [] for arm in arms}
    for seeds in race.looks:
        for arm in standing:
            scores[arm] += [score(arm, seed) for seed in range(len(scores[arm]), seeds)]
        leaving = look(race, standing, np.array([scores[arm] for arm in standing]), len(arms))
        left += leaving
        standing = [arm for arm in standing if arm not in {each.arm for each in leaving}]
        if len(standing) == 1:
            break
    return Outcome(tuple(standing), tuple(left), sum(map(len, scores.values())), len(arms) * race.looks[-1])
