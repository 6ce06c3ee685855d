"""Do the laws of the over-training paper predict its large runs, and is that skill or luck?

    python experiments/over_training_paper.py --data DIR

DIR/published/scaling_testbed.csv holds the 104 models of Gadre et al. 2024 ("Language models scale reliably with
over-training and on downstream tasks"). Printed are: the four published numbers to four decimals; every held-out large run
with intervals, once with the predicted and once with the measured loss in the error law; how far other evaluation texts are
from that; what covariates of the runs do; and the outcome of the method in `over_training_paper_method.py`, which was fixed
before. The answer stands in `over_training_paper.md`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from over_training_paper_method import SETS, SITE, Method, Run, inputs, read, residuals

from tamis.core.errors import TamisError
from tamis.stats.laws import ErrorFromLoss, Fit, OverTraining, Prediction, coverage
from tamis.stats.laws.covariates import Association, associate

PUBLISHED = {  # relative errors in per cent, as the paper's repository prints them
    ("rpj 1.4B M=640", "loss"): 0.7103,
    ("rpj 1.4B M=640", "avg17"): 3.6365,
    ("rpj 6.9B M=20", "loss"): 0.7320,
    ("rpj 6.9B M=20", "avg17"): 0.0464,
}
TARGETS = ("c4 1.4B M=80", "c4 6.9B M=20", "rpj 1.4B M=640", "rpj 6.9B M=20", "rw 1.4B M=320", "rw 6.9B M=20")
NOISE = 0.01  # of one run, declared: five runs under four parameters cannot tell it (the residuals of 62 small runs say 0.9 %)
ERROR_NOISE = 0.01  # of one model's mean error over many tasks, declared likewise
CHANCE = {"avg17": 0.8088, "avg46": 0.75}  # error of guessing


def percent(value: float, measured: float) -> float:
    return 100 * (value / measured - 1)


def published_fit(runs: Sequence[Run], training_set: str, metric: str = "c4_val", replicates: int = 400) -> Fit:
    """The paper's law on its five small runs."""
    used = [run for run in runs if run.training_set == training_set and run.role == "loss_fit"]
    return OverTraining().fit(inputs(used), [run.losses[metric] for run in used], noise=NOISE, replicates=replicates)


def published_error(runs: Sequence[Run], training_set: str, tasks: str, replicates: int = 400) -> Fit:
    """The paper's error law on the same five and the 1.4 B run at 20 tokens per parameter, from measured losses."""
    used = [run for run in runs if run.training_set == training_set and run.role in ("loss_fit", "error_fit_extra")]
    x = {"loss": [run.losses["c4_val"] for run in used]}
    return ErrorFromLoss().fit(x, [run.errors[tasks] for run in used], noise=ERROR_NOISE, replicates=replicates)


def chained(loss: Fit, error: Fit, target: Run, level: float = 0.9) -> Prediction:
    """The error law at the predicted loss; the interval carries the replicates and the noise of both."""
    at = inputs([target])
    middle = error.law.evaluate(error.point, {"loss": loss.law.evaluate(loss.point, at)})[0]
    rng = np.random.default_rng(0)
    losses = loss.curves(at)[:, 0] * (1 + loss.noise * rng.standard_normal(len(loss.draws)))
    errors = np.diagonal(error.law.evaluate(error.draws, {"loss": losses}))  # one loss to each replicate of the error law
    low, high = np.quantile(errors * (1 + error.noise * rng.standard_normal(len(errors))), [(1 - level) / 2, (1 + level) / 2])
    return Prediction(float(middle), float(low), float(high), level)


def held_out(runs: Sequence[Run]) -> list[Run]:
    """The six target runs, in the order of TARGETS. Raises TamisError naming those that the table lacks."""
    found = {run.name: run for run in runs if run.role == "target"}
    missing = [name for name in TARGETS if name not in found]
    if missing:
        raise TamisError(f"the table lacks {', '.join(missing)}: {len(found)} of {len(TARGETS)} target runs are there")
    return [found[name] for name in TARGETS]


def headline(runs: Sequence[Run]) -> dict[tuple[str, str], float]:
    """The four published relative errors in per cent, recomputed."""
    targets = {run.name: run for run in held_out(runs)}
    loss, error = published_fit(runs, "rpj", replicates=0), published_error(runs, "rpj", "avg17", replicates=0)
    out = {}
    for name in ("rpj 1.4B M=640", "rpj 6.9B M=20"):
        made = loss.law.evaluate(loss.point, inputs([targets[name]]))
        out[name, "loss"] = percent(float(made[0]), targets[name].losses["c4_val"])
        wrong = float(error.law.evaluate(error.point, {"loss": made})[0])
        out[name, "avg17"] = percent(wrong, targets[name].errors["avg17"])
    return out


def show_headline(runs: Sequence[Run]) -> None:
    print("Published numbers (relative error, %)")
    for key, value in headline(runs).items():
        print(f"  {key[0]:<16} {key[1]:<6} published {PUBLISHED[key]:.4f}   recomputed {value:.4f}")


def show_table(runs: Sequence[Run]) -> None:
    print("\nHeld-out runs: measured, predicted [90 % interval], relative error in %; the error law also from the measured loss")
    wrong: dict[str, list[float]] = {}
    luck = []
    for target in held_out(runs):
        loss = published_fit(runs, target.training_set)
        at, measured = predict(loss, target), target.losses["c4_val"]
        wrong.setdefault("loss", []).append(percent(at.value, measured))
        print(f"  {target.name:<15} loss  {measured:.4f} {interval(at)} {percent(at.value, measured):+.3f}")
        for tasks in CHANCE:
            error = published_error(runs, target.training_set, tasks)
            made, alone = chained(loss, error, target), error.predict(loss=measured)
            both, only = percent(made.value, target.errors[tasks]), percent(alone.value, target.errors[tasks])
            print(f"  {'':<15} {tasks} {target.errors[tasks]:.4f} {interval(made)} {both:+.3f}, from measured loss {only:+.2f}")
            wrong.setdefault(tasks, []).append(both)
            wrong.setdefault(f"{tasks} from measured loss", []).append(only)
            if abs(both) < 0.5 * abs(only) and (both - only) * only < 0:
                parts = f"{only:+.2f} % of the error law and {both - only:+.2f} % of the loss law"
                luck.append(f"{target.name}, {tasks}: {both:+.2f} % is {parts}")
    for run in (r for r in runs if r.role == "error_fit_extra"):
        at, measured = predict(published_fit(runs, run.training_set), run), run.losses["c4_val"]
        print(f"  {run.name:<15} loss  {measured:.4f} {interval(at)} {percent(at.value, measured):+.3f}  (in the error fit)")
    print("  mean |error| over the six: " + ", ".join(f"{key} {size(values):.2f} %" for key, values in wrong.items()))
    print("  Errors that cancel (luck, not skill):\n    " + "\n    ".join(luck or ["none"]))


def predict(fit: Fit, run: Run) -> Prediction:
    return fit.predict(**{name: float(values[0]) for name, values in inputs([run]).items()})


def interval(p: Prediction) -> str:
    return f"{p.value:.4f} [{p.low:.4f}, {p.high:.4f}]"


def size(errors: ArrayLike) -> float:
    return float(np.abs(errors).mean())


def show_texts(runs: Sequence[Run]) -> None:
    print("\nThe same law on other texts: mean |relative error| over the nine large runs, and how many the 90 % interval holds")
    large = [run for run in runs if not run.small]
    for metric in large[0].losses:
        fits = {name: published_fit(runs, name, metric) for name in SETS}
        made = [(predict(fits[run.training_set], run), run.losses[metric]) for run in large]
        held = sum(p.holds(measured) for p, measured in made)
        print(f"  {metric:<18} {size([percent(p.value, m) for p, m in made]):5.2f} %   {held} of {len(made)}")


def show_covariates(method: Method) -> None:
    print("\nCovariates of the small runs, tested on residuals of a robust law (within training set, by permutation)")
    print(f"  share of the steps in warm-up, per unit: {described(method.warmup)}")
    dropped = [run.name for run, keep in zip(method.all_small, method.kept, strict=True) if not keep]
    print(f"  limited by warm-up, left out of the method's fits: {', '.join(dropped)}")
    runs = [run for run in method.screened if run.multiplier > 19]
    values = residuals(runs)
    least = min(run.multiplier for run in runs if run.site == SITE)
    for what, chosen in (("", 0.0), (f", runs of {least:.0f} tokens per parameter or more", least * 0.99)):
        near = [i for i, run in enumerate(runs) if run.multiplier > chosen]
        flags = [float(runs[i].site == SITE) for i in near]
        found = associate(values[near], flags, [runs[i].training_set for i in near])
        print(f"  site {SITE} ({int(sum(flags))} of {len(near)} runs{what}): {described(found)}")
    print("    its runs against the law of the other site's, by training set and text (shrunk, %):")
    for name in SETS:
        print(f"    {name:<4} " + "  ".join(f"{metric} {100 * method.site(name, metric)[0]:+.1f}" for metric in runs[0].losses))


def described(found: Association) -> str:
    return f"{100 * found.effect:+.2f} % [{100 * found.low:+.2f}, {100 * found.high:+.2f}], p = {found.p:.4f}"


def show_outcome(runs: Sequence[Run], method: Method) -> None:
    print("\nThe method fixed beforehand, against the published fits (mean |relative error|)")
    targets, large = held_out(runs), [run for run in runs if not run.small]
    rows = {"loss": [percent(method.loss(run, "c4_val").value, run.losses["c4_val"]) for run in targets]}
    for tasks, chance in CHANCE.items():
        rows[tasks] = [percent(method.error(run, tasks, chance), run.errors[tasks]) for run in targets]
    for (what, errors), before in zip(rows.items(), (1.48, 3.66, 2.62), strict=True):
        print(f"  {what}, six targets: {size(errors):.2f} % (published {before} %): " + ", ".join(f"{v:+.2f}" for v in errors))
    made = [[method.loss(run, metric) for metric in run.losses] for run in large]
    measured = [list(run.losses.values()) for run in large]
    table = np.array([[p.value for p in row] for row in made]) / np.array(measured) * 100 - 100
    flat = [p for row in made for p in row]
    share, low, high = coverage(flat, [m for row in measured for m in row])
    width = np.mean([(p.high - p.low) / p.value for p in flat])
    print(f"  90 % intervals, 9 runs x 8 losses: {share:.1%} hold [{low:.1%}, {high:.1%} were they independent],")
    common = float(np.corrcoef(table.T)[np.triu_indices(table.shape[1], 1)].mean())
    print(f"    mean width {width:.1%} of the loss; mean correlation of the errors of two texts over the nine runs {common:.2f}")
    for metric, column in zip(large[0].losses, table.T, strict=True):
        print(f"    {metric:<18} {size(column):.2f} %")
    print(f"    all eight texts    {size(table):.2f} % (published fit 4.43 %)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="root of the data")
    runs = read(parser.parse_args().data)
    try:
        show_headline(runs)
        show_table(runs)
    except TamisError as error:
        raise SystemExit(str(error)) from None
    show_texts(runs)
    method = Method(runs)
    show_covariates(method)
    show_outcome(runs, method)


if __name__ == "__main__":
    main()
