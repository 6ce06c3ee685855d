"""What shape a score has over scale: rising, falling, U-shaped, inverted U, or none shown, with its evidence.

Larger is not always better (Inverse Scaling, McKenzie et al., TMLR 2023; U-shaped, Wei et al. 2022). First an F-test asks
whether the sizes differ at all; if not, no trend is shown. Then every shape is weighed by its Bayes factor against no constraint:
the share of the posterior of the sizes' means that has the shape, over the share of all orders that has it (encompassing priors,
Klugkist, Laudy & Hoijtink 2005). A shape that few orders have gains most when the data agree, so a plateau with noise on it
counts as rising, not as an inverted U.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tamis.core.errors import TamisError, UsageError
from tamis.stats.noise import Floats

Shape = Literal["rising", "falling", "U-shaped", "inverted U", "irregular", "no trend shown"]
SHAPES: tuple[Shape, ...] = ("rising", "falling", "U-shaped", "inverted U", "irregular")


@dataclass(frozen=True)
class Trend:
    """`shape`: the one best supported. `probability`: each shape's, given that there is one and all are equally likely before.

    `p`: of the F-test that all sizes have one mean. `turn`: the size of the lowest (U) or highest (inverted U) mean, None for
    the others. `means`, `error`: of every size, and the standard error of one.
    """

    shape: Shape
    probability: dict[Shape, float]
    p: float
    turn: float | None
    sizes: tuple[float, ...]
    means: tuple[float, ...]
    error: float

    def __str__(self) -> str:
        if self.shape == "no trend shown":
            return f"no trend shown over {len(self.sizes)} sizes (F-test p = {self.p:.2g})"
        where = f", turning near {self.turn:g}" if self.turn is not None else ""
        return f"{self.shape}{where}: probability {self.probability[self.shape]:.2f} among shapes, F-test p = {self.p:.2g}"


def trend(
    sizes: Sequence[float],
    scores: Floats | Sequence[Sequence[float]],
    *,
    noise: float | None = None,
    alpha: float = 0.05,
    draws: int = 4000,
    seed: int = 0,
) -> Trend:
    """The shape of `scores` (sizes, seeds) over `sizes`. `noise`: standard deviation of one run, needed with one seed.

    Raises UsageError with fewer than three sizes, sizes given twice, or one seed and no noise; TamisError for a score that is no
    finite number. Without noise, the spread of the seeds within sizes is pooled over sizes.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or len(values) != len(sizes) or len(sizes) < 3 or len(set(sizes)) != len(sizes):
        raise UsageError(f"a shape needs three different sizes or more, and a row of scores for each; got {len(set(sizes))}")
    if not np.isfinite(values).all():
        raise TamisError(f"size {sizes[int(np.argmin(np.isfinite(values).all(axis=1)))]:g}: a score is no finite number")
    order = np.argsort(sizes, kind="stable")
    values, ordered = values[order], tuple(float(sizes[i]) for i in order)
    count, seeds = values.shape
    if noise is None and seeds < 2:
        raise UsageError("one seed shows no noise: give noise=, the standard deviation of one run")
    means = values.mean(axis=1)
    df = math.inf if noise is not None else count * (seeds - 1)
    square = noise**2 if noise is not None else float(((values - means[:, None]) ** 2).sum() / df)
    between = seeds * float(((means - means.mean()) ** 2).sum()) / (count - 1)
    ratio = between / square if square > 0 else (math.inf if between > 0 else 0.0)
    p = float(special.chdtrc(count - 1, ratio * (count - 1)) if math.isinf(df) else special.fdtrc(count - 1, df, ratio))
    error = math.sqrt(square / seeds)
    rng = np.random.Generator(np.random.Philox(seed))
    scale = np.sqrt(df / rng.chisquare(df, (draws, 1))) if math.isfinite(df) else np.ones((draws, 1))
    posterior = shapes(means + error * scale * rng.standard_normal((draws, count)))
    prior = prior_shares(count)
    factors = np.divide(posterior, prior, out=np.zeros(len(SHAPES)), where=prior > 0)
    probability = dict(zip(SHAPES, (factors / factors.sum()).tolist(), strict=True))
    shape = "no trend shown" if p > alpha else SHAPES[int(factors.argmax())]
    turn = {"U-shaped": ordered[int(means.argmin())], "inverted U": ordered[int(means.argmax())]}.get(shape)
    return Trend(shape, probability, p, turn, ordered, tuple(means.tolist()), error)


def shapes(means: Floats) -> Floats:
    """The share of rows of `means` (draws, sizes) that has each of SHAPES."""
    rises = np.diff(means, axis=1) > 0
    rising = np.asarray(rises.all(axis=1), dtype=np.bool_)
    falling = np.asarray((~rises).all(axis=1), dtype=np.bool_)
    u = _one_turn(rises) & ~rising & ~falling
    inverted = _one_turn(~rises) & ~rising & ~falling
    parts = np.array([each.mean() for each in (rising, falling, u, inverted)])
    return np.append(parts, 1 - parts.sum())


def prior_shares(sizes: int) -> Floats:
    """The share of all orders of `sizes` means that has each of SHAPES: 1, 1, 2^(n-1) - 2, the same, and the rest, over n!."""
    turning = 2.0 ** (sizes - 1) - 2
    shares = np.array([1.0, 1.0, turning, turning]) / math.factorial(sizes)
    return np.append(shares, max(1 - shares.sum(), 0.0))


def _one_turn(rises: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Falls (False) first and rises (True) after: never a fall after a rise."""
    return ~np.asarray((rises[:, :-1] & ~rises[:, 1:]).any(axis=1), dtype=np.bool_)
