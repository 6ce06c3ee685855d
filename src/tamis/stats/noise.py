"""How uncertain a difference of two arms is: its variances, the interval and p-value made of them, and Holm over many pairs.

Two things make a difference uncertain, and each is estimated from what varies: the items a domain happens to hold (`v_items`: a
bootstrap over clusters of items, the trained models fixed) and the runs (`v_run = 2 s² / k`, s² from `run_mean_square`).
Invariant: seeds are never resampled. Arrays may carry leading axes, many experiments at once, so that the tests which measure
error rates run these very functions.

The two variances have very different degrees of freedom. They are joined as half-width² = t_items² v_items + t_run² v_run
(Banerjee, Sankhya 22, 1960, p. 357), which errs at most as often as alpha says for any ratio of the two. Welch-Satterthwaite
reaches 12 % at a nominal 5 % with two arms and two seeds (measured: `docs/statistics.md`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

BLOCK = 4_000_000  # bootstrap counts held at a time


def run_mean_square(scores: Floats) -> Floats:
    """s²: mean square of what is left of `scores` (..., arms, seeds) after arm means and seed means; (arms - 1)(seeds - 1) df.

    Seed means go because arms share seeds: what a seed does to all arms alike cancels in a paired difference.
    """
    arms, seeds = scores.shape[-2:]
    residual = scores - scores.mean(-1, keepdims=True) - scores.mean(-2, keepdims=True) + scores.mean((-1, -2), keepdims=True)
    square: Floats = (residual**2).sum((-1, -2)) / ((arms - 1) * (seeds - 1))
    return square


def resampled(value: Floats, weight: Floats, cluster: NDArray[np.integer[Any]], name: str, bootstrap: int, seed: int) -> Floats:
    """Bootstrap scores (bootstrap, rows): clusters drawn with replacement, the same draw for every row of `value` (rows, items).

    The stream depends on `seed` and the domain's name, so a domain's draws do not change when other domains come or go.
    """
    numbers, index = np.unique(cluster, return_inverse=True)
    count = len(numbers)
    order = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order], np.arange(count))
    values = np.add.reduceat(value[:, order], starts, axis=1)
    weights = np.add.reduceat(weight[order], starts)
    parts = [(counts @ values.T) / (counts @ weights)[:, None] for counts in _counts(count, name, bootstrap, seed)]
    return np.concatenate(parts)


def _counts(clusters: int, name: str, bootstrap: int, seed: int) -> Iterator[Floats]:
    """How often each cluster is drawn: blocks of (resamples, clusters)."""
    stream = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, stream])))
    step = max(1, BLOCK // clusters)
    for start in range(0, bootstrap, step):
        rows = min(step, bootstrap - start)
        drawn = generator.integers(clusters, size=(rows, clusters)) + clusters * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * clusters).reshape(rows, clusters).astype(np.float64)


def bootstrap_variance(replicas: Floats, clusters: int) -> Floats:
    """Variance over axis 0, times C / (C - 1): resampling C clusters understates the variance of their mean by that factor."""
    variance: Floats = replicas.var(axis=0, ddof=1) * clusters / (clusters - 1)
    return variance


def pool_items(variances: Floats, df: Floats) -> tuple[Floats, Floats]:
    """Variance of the unweighted mean of D independent domains, and its Satterthwaite degrees of freedom.

    `variances` (D, ...) of each domain, `df` (D,) its clusters - 1; returns (...), (...).
    """
    count = len(df)
    parts = variances / count**2
    total = parts.sum(axis=0)
    spread = (parts**2 / df.reshape(-1, *[1] * (variances.ndim - 1))).sum(axis=0)
    freedom = np.divide(total**2, spread, out=np.full_like(total, df.sum()), where=spread > 0)
    return total, freedom


def half_width(level: Any, v_items: Any, df_items: Any, v_run: Any, df_run: Any) -> Floats:
    """Half-width of the two-sided interval at 1 - `level`: sqrt(t_items² v_items + t_run² v_run). Broadcasts."""
    items, run = special.stdtrit(df_items, np.divide(level, 2)), special.stdtrit(df_run, np.divide(level, 2))
    width: Floats = np.sqrt(items**2 * v_items + run**2 * v_run)
    return width


def p_value(difference: Any, v_items: Any, df_items: Any, v_run: Any, df_run: Any) -> Floats:
    """Two-sided p: the level at which the interval just reaches zero. Broadcasts; 1 where difference and variance are both 0."""
    arrays = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (difference, v_items, df_items, v_run, df_run)))
    size, vi, di, vr, dr = np.abs(arrays[0]), *arrays[1:]
    total = vi + vr
    t = np.divide(size, np.sqrt(total), out=np.where(size > 0, np.inf, 0.0), where=total > 0)
    # The t quantile falls with the degrees of freedom: the p of either alone brackets the p of the two together.
    tails = np.maximum(2 * special.stdtr(np.stack([di, dr]), -t), 1e-100)
    low, high = np.log(tails.min(axis=0)), np.log(tails.max(axis=0))
    for _ in range(60):
        middle = (low + high) / 2
        wide = half_width(np.exp(middle), vi, di, vr, dr) > size
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    result: Floats = np.exp((low + high) / 2)
    return result


def holm(p: Floats) -> Floats:
    """Holm's adjusted p-values over the last axis (Scandinavian Journal of Statistics 6, 1979): claim where they are <= alpha."""
    count = p.shape[-1]
    order = np.argsort(p, axis=-1, kind="stable")
    stepped = np.take_along_axis(p, order, axis=-1) * np.arange(count, 0, -1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(np.maximum.accumulate(stepped, axis=-1), 1.0), axis=-1)
    return adjusted


def step_levels(p: Floats, alpha: float) -> Floats:
    """The level at which Holm's procedure decided each of `p` (m,): alpha / (m - i) for claim number i = 0, 1, ...

    A pair that is not claimed has the level of the step at which the procedure stopped.
    """
    count = len(p)
    order = np.argsort(p, kind="stable")
    claimed = int((holm(p) <= alpha).sum())
    levels = np.empty(count)
    levels[order] = alpha / (count - np.minimum(np.arange(count), claimed))
    return levels
