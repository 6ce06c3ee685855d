"""Laws: one fit with 128 starts against the route of the paper's repository, 1,000 refits, and the whole reproduction.

    python benchmarks/laws.py [--data DIR]

The peer is what the repository does: `scipy.optimize.curve_fit` from each of 4 x 4 x 2 x 4 starts, keeping the lowest
residual. Both run here, on the same five runs, in CPU-seconds of this process; without `--data` the runs are planted and the
reproduction is left out.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import scipy
from scipy.optimize import curve_fit

from tamis.stats.laws import OverTraining

REPEATS = 10


def spent(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """The least CPU-seconds of several calls, after one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def curve_fit_route(n: np.ndarray, m: np.ndarray, y: np.ndarray) -> float:
    """The lowest sum of squares over 128 starts of Levenberg-Marquardt on all four parameters."""

    def law(x: np.ndarray, a: float, b: float, alpha: float, e: float) -> np.ndarray:
        return a * x[0] ** -alpha + b * 6 ** (-alpha / 2) * (x[1] * x[0]) ** -alpha + e

    best = np.inf
    for start in product((1, 10, 100, 1000), (1, 10, 100, 1000), (0.1, 0.3), (0.5, 1, 1.5, 2)):
        with contextlib.suppress(RuntimeError), np.errstate(all="ignore"):
            found, _ = curve_fit(law, np.stack([n, m]), y, p0=start)
            best = min(best, float(((law(np.stack([n, m]), *found) - y) ** 2).sum()))
    return best


def small_runs(data: Path | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if data is None:
        n, m = np.array([1.06e7, 7.9e7, 1.54e8, 4.1e8, 1.06e7]), np.array([20.0, 20, 20, 20, 320])
        y = OverTraining().evaluate(np.array([1.84, 166.2, 366.7, 0.273]), {"N": n, "D": n * m})
        return n, m, y * (1 + 0.005 * np.array([1, -1, 0.5, -0.5, 0.8]))
    from over_training_paper_method import read

    runs = [run for run in read(data) if run.training_set == "rpj" and run.role == "loss_fit"]
    n, d, y = (np.array(v) for v in zip(*((r.total, r.tokens, r.losses["c4_val"]) for r in runs), strict=True))
    return n, d / n, y


def reproduction(data: Path) -> None:
    import over_training_paper as paper

    with contextlib.redirect_stdout(io.StringIO()):
        runs = paper.read(data)
        paper.show_headline(runs)
        paper.show_table(runs)
        paper.show_texts(runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="root of the shared data; without it runs are planted")
    data: Path | None = parser.parse_args().data
    sys.path.insert(0, str(Path(__file__).parents[1] / "experiments"))
    n, m, y = small_runs(data)
    x = {"N": n, "D": n * m}
    fit = OverTraining().fit(x, y, replicates=0)
    ours = float(((fit.fitted - y) ** 2).sum())
    theirs = curve_fit_route(n, m, y)
    one = spent(lambda: OverTraining().fit(x, y, replicates=0))
    peer = spent(lambda: curve_fit_route(n, m, y), 3)
    rng = np.random.default_rng(0)
    many_n = np.repeat(np.geomspace(1e7, 4e8, 4), 6)
    many = {"N": many_n, "D": many_n * np.tile([20.0, 40, 80, 160, 320, 640], 4)}
    losses = OverTraining().evaluate(fit.point, many) * (1 + 0.008 * rng.standard_normal(24))
    refits = spent(lambda: OverTraining().fit(many, losses, replicates=1000), 2)
    robust = spent(lambda: OverTraining().fit(many, losses, objective="huber", replicates=1000), 1)
    print(f"one law, 128 starts: {1e3 * one:.1f} ms, curve_fit {1e3 * peer:.0f} ms; sums of squares {ours:.3e} and {theirs:.3e}")
    print(f"1,000 bootstrap refits of 24 runs: {refits:.2f} s (least squares), {robust:.2f} s (Huber)")
    lines = [{"name": "laws-refits", "ours": refits, "peer": None, "peer_name": None, "ratio": None, "unit": "CPU s"}]
    if data is not None:
        whole = spent(lambda: reproduction(data), 1)
        print(f"the whole reproduction, with intervals: {whole:.1f} s")
        lines.append(
            {"name": "laws-reproduction", "ours": whole, "peer": None, "peer_name": None, "ratio": None, "unit": "CPU s"}
        )
    name = f"scipy curve_fit {scipy.__version__}"
    lines.append({"name": "laws", "ours": one, "peer": peer, "peer_name": name, "ratio": peer / one, "unit": "CPU s"})
    for line in lines:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
