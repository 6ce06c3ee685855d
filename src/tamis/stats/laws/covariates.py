"""What else moves the loss: covariates of runs (site, warm-up, batch) tested on the residuals of a law.

A law explains loss by size and tokens. Runs that were made otherwise sit off its curve, and a law fitted through them carries
that to the target. `associate` asks whether residuals go with a covariate, by permutation within blocks (training sets), so
that no distribution is assumed; `screen` drops the most extreme runs until they no longer do. Neither proves a cause: a
covariate that goes with tokens per parameter cannot be told from a wrong form of the law.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tamis.core.errors import TamisError
from tamis.stats.laws.solve import Floats

PERMUTATIONS = 2000


@dataclass(frozen=True)
class Association:
    """`effect`: change of the relative residual per unit of the covariate, with a 90 % interval; `p`: two-sided, by
    permutation."""

    effect: float
    low: float
    high: float
    p: float
    runs: int


def associate(
    residuals: ArrayLike, covariate: ArrayLike, blocks: ArrayLike, permutations: int = PERMUTATIONS, seed: int = 0
) -> Association:
    """Slope of residuals on a covariate within blocks (a covariate of 0 and 1 gives the difference of means)."""
    y, z, block = (
        np.asarray(residuals, float),
        np.asarray(covariate, float),
        np.unique(np.asarray(blocks), return_inverse=True)[1],
    )
    varied = _centred(z, block)
    if not np.isfinite(y).all() or not np.isfinite(z).all() or (varied**2).sum() <= 1e-12 * max((z**2).sum(), 1e-300):
        raise TamisError("a covariate must be finite and vary within some block of runs")
    rng = np.random.default_rng(seed)
    order = np.argsort(block, kind="stable")
    y, z, block = y[order], z[order], block[order]
    centred, varied = _centred(y, block), _centred(z, block)
    slope = float(centred @ varied / (varied @ varied))
    # Runs lie block by block, so keys of block + [0, 1) are sorted into an order that shuffles within blocks only.
    shuffled = centred[np.argsort(rng.random((permutations, len(y))) + block, axis=1)] @ varied / (varied @ varied)
    first, size = np.searchsorted(block, block), np.bincount(block)[block]
    picks = first + (rng.random((permutations // 4, len(y))) * size).astype(int)
    drawn = [float(_centred(y[p], block) @ w / (w @ w)) for p in picks if ((w := _centred(z[p], block)) ** 2).sum() > 1e-12]
    low, high = np.quantile(drawn, [0.05, 0.95])
    p = (1 + (np.abs(shuffled) >= abs(slope) * (1 - 1e-12)).sum()) / (permutations + 1)
    return Association(slope, float(low), float(high), float(p), len(y))


def screen(
    residuals: Callable[[NDArray[np.bool_]], Floats], covariate: Floats, blocks: NDArray[np.int_], alpha: float = 0.05
) -> NDArray[np.bool_]:
    """Which runs to keep: those with the highest covariate go, one by one, until residuals no longer rise with it.

    `residuals(kept)` fits the law to the kept runs and gives their residuals, in order. At most half of the runs may go.
    """
    kept = np.ones(len(covariate), bool)
    for _ in range(len(covariate) // 2):
        found = associate(residuals(kept), covariate[kept], blocks[kept])
        if found.p > alpha or found.effect < 0:
            return kept
        kept[np.flatnonzero(kept)[covariate[kept].argmax()]] = False
    raise TamisError("half of the runs were dropped and the rest still goes with the covariate: the law itself does not fit")


def _centred(values: Floats, block: NDArray[np.int_]) -> Floats:
    sums, counts = np.bincount(block, values), np.maximum(np.bincount(block), 1)
    return values - (sums / counts)[block]
