"""How every law here is fitted: the coefficients are solved exactly, only the exponents are searched (variable projection).

A law is y = Σ_j c_j φ_j(x; θ) with coefficients c ≥ 0 (or of free sign) and few positive exponents θ. For given θ the best c is
a non-negative least-squares problem of at most four columns, solved in closed form for thousands of θ at once (Golub & Pereyra
1973). So a fit is: all starts of a grid over θ, the best one polished by Levenberg-Marquardt in log θ. Invariant: the same
input gives the same bits; nothing is drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Columns = Callable[[Floats], Floats]  # exponents (..., q) -> columns (..., n, k)

STARTS = 128
STEPS = 40  # of Levenberg-Marquardt, at most
ROUNDS = 30  # of reweighting
DIFFERENCE = 1e-5  # in log θ, for central differences
CHUNK = 4_000_000  # numbers in one block of columns


def project(columns: Floats, y: Floats, root: Floats, free: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Best coefficients (..., k), those not `free` at least 0, and weighted residuals (..., n); `root` are roots of weights."""
    weighted = columns * root[..., None]
    target = y * root
    scale = np.sqrt(np.einsum("...nk,...nk->...k", weighted, weighted))
    scale = np.where(scale > 0, scale, 1.0)
    weighted = weighted / scale[..., None, :]
    transposed = np.swapaxes(weighted, -1, -2)
    gram = transposed @ weighted + 1e-14 * np.eye(columns.shape[-1])
    best = _solve(gram, transposed, weighted, target)
    bad = ((best < 0) & ~free).any(-1)
    if bad.any():
        tall = np.broadcast_to(target, weighted.shape[:-1])[bad]
        best[bad] = _active(gram[bad], transposed[bad], weighted[bad], tall, free)
    residual = (weighted @ best[..., None])[..., 0] - target
    return best / scale, residual


def _solve(gram: Floats, transposed: Floats, weighted: Floats, target: Floats) -> Floats:
    """Normal equations with a step of refinement, which gives back what squaring the condition number took."""
    inverse = np.linalg.inv(gram)
    best = (inverse @ (transposed @ np.broadcast_to(target, weighted.shape[:-1])[..., None]))[..., 0]
    rest = target - (weighted @ best[..., None])[..., 0]
    return best + (inverse @ (transposed @ rest[..., None]))[..., 0]


def _active(gram: Floats, transposed: Floats, weighted: Floats, target: Floats, free: NDArray[np.bool_]) -> Floats:
    """Non-negative least squares by trying every set of columns: with four columns at most, that is 15 small systems."""
    size = gram.shape[-1]
    best, least = np.zeros(gram.shape[:-1]), np.full(gram.shape[:-2], np.inf)
    for number in range(2**size):
        used = np.array([bool(number >> j & 1) for j in range(size)])
        if not used[free].all():
            continue
        inside = np.outer(used, used)
        trial = _solve(np.where(inside, gram, np.eye(size)), transposed * used[:, None], weighted * used, target)
        loss = (((weighted @ trial[..., None])[..., 0] - target) ** 2).sum(-1)
        better = ((trial >= 0) | free).all(-1) & (loss < least)
        best[better], least[better] = trial[better], loss[better]
    return best


def grid(bounds: Floats, starts: int = STARTS) -> Floats:
    """At least `starts` points (s, q), geometric within the bounds (q, 2)."""
    count = len(bounds)
    if not count:
        return np.zeros((1, 0))
    each = int(np.ceil(starts ** (1 / count) - 1e-9))
    axes = [np.geomspace(low, high, each) for low, high in bounds]
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)


def search(columns: Columns, y: Floats, weights: Floats, free: NDArray[np.bool_], starts: Floats) -> Floats:
    """The best of the starts (s, q) for every row of `y` and `weights` (b, n): log θ (b, q)."""
    blocks = columns(starts)
    out = np.empty((len(y), len(starts)))
    step = max(1, CHUNK // max(blocks.size, 1))
    for at in range(0, len(y), step):
        part = slice(at, at + step)
        residual = project(blocks[None], y[part, None, :], np.sqrt(weights[part, None, :]), free)[1]
        out[part] = (residual**2).sum(-1)
    return np.log(starts[out.argmin(1)])


def polish(
    columns: Columns, y: Floats, weights: Floats, free: NDArray[np.bool_], bounds: Floats, log: Floats, steps: int = STEPS
) -> tuple[Floats, Floats]:
    """Levenberg-Marquardt on the projected residuals, for all rows at once: coefficients (b, k) and exponents (b, q)."""
    root = np.sqrt(weights)
    count = log.shape[1]
    low, high = np.log(bounds[:, 0]), np.log(bounds[:, 1])
    shifts = np.concatenate([np.zeros((1, count)), np.eye(count) * DIFFERENCE, -np.eye(count) * DIFFERENCE])
    coefficients, residual = _at(columns, y, root, free, log[:, None, :])
    loss = (residual[:, 0] ** 2).sum(-1)
    damping = np.full(len(y), 1e-3)
    going = np.arange(len(y)) if count else np.arange(0)
    for _ in range(steps):
        if not going.size:
            break
        here, target, weight = log[going], y[going], root[going]
        around = _at(columns, target, weight, free, here[:, None, :] + shifts)[1]
        slope = np.swapaxes(around[:, 1 : count + 1] - around[:, count + 1 :], 1, 2) / (2 * DIFFERENCE)
        square = np.swapaxes(slope, 1, 2) @ slope
        gradient = np.swapaxes(slope, 1, 2) @ around[:, 0, :, None]
        diagonal = np.einsum("bii->bi", square)
        ridge = (damping[going, None] * diagonal + 1e-60)[:, :, None] * np.eye(count)
        step = -np.linalg.solve(square + ridge, gradient)[..., 0]
        moved = np.clip(here + np.clip(step, -1.0, 1.0), low, high)
        residual = _at(columns, target, weight, free, moved[:, None, :])[1]
        new = (residual[:, 0] ** 2).sum(-1)
        better = new < loss[going]
        still = np.abs(moved - here).max(1) < 1e-8
        log[going[better]], loss[going[better]] = moved[better], new[better]
        damping[going] = np.where(better, damping[going] * 0.1, damping[going] * 10)
        going = going[~still & (damping[going] < 1e6)]
    coefficients = _at(columns, y, root, free, log[:, None, :])[0]
    return coefficients[:, 0], np.exp(log)


def _at(columns: Columns, y: Floats, root: Floats, free: NDArray[np.bool_], log: Floats) -> tuple[Floats, Floats]:
    return project(columns(np.exp(log)), y[:, None, :], root[:, None, :], free)


def reweighted(
    columns: Columns, y: Floats, weights: Floats, free: NDArray[np.bool_], bounds: Floats, log: Floats, delta: float
) -> tuple[Floats, Floats]:
    """Huber's loss on log y for many rows at once, by least squares with weights made anew from the last residuals.

    With weight w ln(ŷ/y) / (ŷ (ŷ − y) max(|ln(ŷ/y)|, δ)) the normal equations are those of Huber's loss. Some tens of rounds come
    within a fraction of the noise of a replicate; a point that people read is finished by `huber`.
    """
    again = weights / y**2
    for _ in range(ROUNDS):
        found, exponents = polish(columns, y, again, free, bounds, log, steps=2)
        log = np.log(exponents)
        made = np.maximum((columns(exponents) @ found[..., None])[..., 0], 1e-12)
        gap = np.log(made / y)
        near = np.abs(gap) < 1e-9
        again = (
            weights * np.where(near, 1 / made**2, gap / (made * np.where(near, 1.0, made - y))) / np.maximum(np.abs(gap), delta)
        )
    return found, exponents


def huber(
    columns: Columns, y: Floats, weights: Floats, free: NDArray[np.bool_], bounds: Floats, start: Floats, delta: float
) -> tuple[Floats, float]:
    """Minimum of Σ w Huber_δ(log ŷ − log y) by L-BFGS from one start (k coefficients, then q exponents), and its value.

    Searched are the logarithms of exponents and of each column's mean contribution, which unlike the coefficients hardly hang
    on the exponents (Hoffmann et al. 2022, appendix D.3, search the coefficients); a coefficient of 0 begins at a
    ten-thousandth of y.
    """
    from scipy.optimize import minimize

    size, target = len(free), np.log(y)
    shifts = np.concatenate([np.zeros((1, len(bounds))), np.eye(len(bounds)) * DIFFERENCE, -np.eye(len(bounds)) * DIFFERENCE])

    def blocks(log: Floats) -> tuple[Floats, Floats]:
        made = columns(np.exp(log + shifts))
        mean = np.abs(made).mean(1)
        return made / mean[:, None, :], mean[0]

    def contribution(point: Floats) -> Floats:
        return np.where(free, point[:size], np.exp(np.clip(point[:size], -700, 700)))

    def objective(point: Floats) -> tuple[float, Floats]:
        part, _ = blocks(point[size:])
        share = contribution(point)
        made = np.maximum(part @ share, 1e-12)
        gap = np.log(made[0]) - target
        inside = np.abs(gap) <= delta
        cost = np.where(inside, 0.5 * (gap / delta) ** 2, np.abs(gap) / delta - 0.5)
        pull = weights * np.where(inside, gap / delta**2, np.sign(gap) / delta)
        steps = len(bounds)
        slope = (np.log(made[1 : steps + 1]) - np.log(made[steps + 1 :])) / (2 * DIFFERENCE) @ pull
        return float(weights @ cost), np.concatenate([(pull / made[0]) @ part[0] * np.where(free, 1.0, share), slope])

    log = np.log(start[size:])
    mean = start[:size] * blocks(log)[1]
    begin = np.concatenate([np.where(free, mean, np.log(np.maximum(mean, 1e-4 * y.mean()))), log])
    limits = [*[(None, None)] * size, *[(np.log(low), np.log(high)) for low, high in bounds]]
    options: dict[str, Any] = {"maxiter": 300, "ftol": 1e-9, "gtol": 1e-6}
    done = minimize(objective, begin, jac=True, method="L-BFGS-B", bounds=limits, options=options)
    found = contribution(done.x) / blocks(done.x[size:])[1]
    return np.concatenate([found, np.exp(done.x[size:])]), float(done.fun)
