"""The command line. Flags say only where and how; what is done stands in a Python file.

Nothing heavy is imported before a command needs it. Problems of input are one line on stderr and an exit code: 1 failed, 2
usage, 3 finished with damage, 130 interrupted (run the same command again to go on).
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tamis import __version__
from tamis.core.errors import TamisError

app = typer.Typer(
    name="tamis",
    help="Is one training set for language models better than another? Build both, train both, and see how sure you can be.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
store_app = typer.Typer(help="Look at the store of published steps, or clear what no run needs.", no_args_is_help=True)
app.add_typer(store_app, name="store", rich_help_panel=None)

StoreOption = Annotated[Path, typer.Option("--store", help="Folder of published steps.", envvar="TAMIS_STORE")]
RunsOption = Annotated[Path, typer.Option("--runs", help="Folder of run directories.", envvar="TAMIS_RUNS")]
DataOption = Annotated[Path, typer.Option("--data", help="Root that sources are relative to.", envvar="TAMIS_DATA")]
WorkersOption = Annotated[int, typer.Option("--workers", "-w", min=1, help="Processes, one core each.", show_default="all cores")]
DeviceOption = Annotated[str, typer.Option("--device", help="Where models run: cpu or cuda.")]
FileArgument = Annotated[str, typer.Argument(help="A Python file that defines `experiment`, or FILE:NAME.")]
DatasetArgument = Annotated[str, typer.Argument(help="FILE:DATASET, a dataset (or arm) by name.")]
DamageOption = Annotated[bool, typer.Option("--accept-damage", help="Train although sources are damaged by more than 1 %.")]
DriftOption = Annotated[bool, typer.Option("--accept-drift", help="Use steps made by other code of the same version.")]
ExamplesOption = Annotated[bool, typer.Option("--examples/--no-examples", help="Show document text in the report.")]

STORE = Path("tamis-store")
RUNS = Path("runs")
INTERRUPTED = 130
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"tamis {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Nothing happens before a command is named."""


@app.command()
def demo(
    store: StoreOption = STORE,
    runs: RunsOption = RUNS,
    data: Annotated[Path, typer.Option("--data", help="Where the demo corpus is written.")] = Path("tamis-demo"),
    workers: WorkersOption = CORES,
) -> None:
    """Three ways to clean a small web of real documentation, compared in some minutes on two cores."""
    from tamis.experiment.command import run_demo

    _finish(run_demo(store, runs, data, workers))


@app.command()
def plan(file: FileArgument, store: StoreOption = STORE, data: DataOption = Path(), device: DeviceOption = "cpu") -> None:
    """What a run would do: steps, keys, training cost, memory and disk. Nothing is run."""
    from tamis.experiment.command import show_plan

    show_plan(file, store, data, device)


@app.command()
def run(
    file: FileArgument,
    store: StoreOption = STORE,
    runs: RunsOption = RUNS,
    data: DataOption = Path(),
    workers: WorkersOption = CORES,
    device: DeviceOption = "cpu",
    accept_damage: DamageOption = False,
    accept_drift: DriftOption = False,
    examples: ExamplesOption = True,
) -> None:
    """Run an experiment and write its report."""
    from tamis.experiment.command import Options, run_file

    options = Options(store, runs, data, workers, device, accept_damage, accept_drift, examples)
    _finish(run_file(file, options))


@app.command("try")
def try_(
    dataset: DatasetArgument,
    rows: Annotated[int, typer.Option("-n", "--rows", min=1, help="Documents in the sample.")] = 1000,
    data: DataOption = Path(),
    show: Annotated[int, typer.Option("--show", min=0, help="Documents to show, kept and dropped.")] = 5,
) -> None:
    """A dataset's chain on a small hashed sample, in seconds, with kept and dropped documents to read."""
    from tamis.build import try_dataset

    try_dataset(dataset, rows, data, show)


@app.command()
def build(
    dataset: DatasetArgument,
    to: Annotated[Path, typer.Option("--to", help="Folder to write.")],
    format: Annotated[str, typer.Option("--format", help="parquet, jsonl or jsonl.zst")] = "parquet",
    tokens: Annotated[str | None, typer.Option("--tokens", help="Also write token files with this tokenizer (path).")] = None,
    dropped: Annotated[Path | None, typer.Option("--dropped", help="Also write the dropped rows here, with reasons.")] = None,
    store: StoreOption = STORE,
    data: DataOption = Path(),
    workers: WorkersOption = CORES,
    accept_drift: DriftOption = False,
) -> None:
    """Write a curated dataset that other tools open, with its datasheet."""
    from tamis.build import build_dataset

    _finish(build_dataset(dataset, to, format, tokens, dropped, store, data, workers, accept_drift))


@app.command("eval")
def eval_(
    model: Annotated[
        str, typer.Argument(help="A model directory (safetensors); for aiw also NAME@REVISION, a URL, or a .jsonl file.")
    ],
    tasks: Annotated[list[str], typer.Option("--tasks", "-t", help="FILE:NAME of a task or a tuple of tasks, or aiw.")],
    data: DataOption = Path(),
    device: DeviceOption = "cpu",
    items: Annotated[Path | None, typer.Option("--items", help="Write every item's result to this Parquet file.")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="aiw: folder of replies, results and page.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="aiw: the model's name at the endpoint or in the file.")] = None,
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="aiw: replies sampled of each problem.")] = None,
    price: Annotated[str | None, typer.Option("--price", help="aiw: price of a million prompt,answer tokens.")] = None,
    rate: Annotated[float, typer.Option("--rate", min=0, help="aiw: requests a minute.", show_default="no limit")] = 0,
) -> None:
    """Judge a model, item by item."""
    from tamis.experiment.command import evaluate_model, evaluate_study

    if (study := evaluate_study(tasks)) is not None:
        from tamis.experiment.wonderland import Asking, evaluate
        from tamis.experiment.wonderland import price as read_price

        evaluate(model, study, Asking(to, name, trials, read_price(price), rate, device))
    else:
        evaluate_model(Path(model), tasks, data, device, items)


@app.command()
def fit(
    csv: Annotated[Path, typer.Argument(help="A table of training runs, one a row.")],
    at: Annotated[str | None, typer.Option("--at", help='The target: "7B,1T" (parameters, tokens) or "C=1e23".')] = None,
    parameters: Annotated[str | None, typer.Option("--parameters", help="The column of parameters.")] = None,
    tokens: Annotated[str | None, typer.Option("--tokens", help="The column of tokens seen.")] = None,
    compute: Annotated[str | None, typer.Option("--compute", help="The column of compute (FLOPs).")] = None,
    loss: Annotated[str | None, typer.Option("--loss", help="The column of the loss.")] = None,
    arm: Annotated[str | None, typer.Option("--arm", help="The column that names the training set.")] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", help="COLUMN=VALUE: use only these rows; repeat for more.")
    ] = None,
    noise: Annotated[float | None, typer.Option("--noise", min=0, help="Noise of one run, as a share of its loss.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Also write a page to this file.")] = None,
) -> None:
    """Fit a scaling law to runs, with intervals, and say what it predicts."""
    from tamis.fit import fit_file

    columns = {"N": parameters, "D": tokens, "C": compute, "loss": loss, "arm": arm}
    _finish(fit_file(csv, at, columns, tuple(where or ()), noise, report))


@app.command()
def audit(
    csv: Annotated[Path, typer.Argument(help="A table of results, one row per evaluation.")],
    tasks: Annotated[Path | None, typer.Option("--tasks", help="A table of the tasks: items, baselines, membership.")] = None,
    join: Annotated[Path | None, typer.Option("--join", help="A table with further columns of the same rows.")] = None,
    on: Annotated[str | None, typer.Option("--on", help="The column to join on (default: the first both have).")] = None,
    aggregate: Annotated[list[str] | None, typer.Option("--aggregate", help="A column computed from the tasks.")] = None,
    label: Annotated[str | None, typer.Option("--label", help="The column rows are called by.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="The column that tells models apart.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="The column that is compared (the dataset).")] = None,
    within: Annotated[str | None, typer.Option("--within", help="Rows are compared inside one value of this column.")] = None,
    recipe: Annotated[list[str] | None, typer.Option("--recipe", help="A column that compared rows should share.")] = None,
    leave_out: Annotated[str | None, typer.Option("--leave-out", help="Pattern of rows that predict nothing.")] = None,
    to: Annotated[Path | None, typer.Option("--json", help="Also write the findings to this file.")] = None,
) -> None:
    """Look for wrong numbers, mixed formulas and unfair comparisons in a published table."""
    from tamis.audit import audit_file

    roles = (label, model, subject, within, tuple(recipe or ()))
    _finish(audit_file(csv, tasks, join, on, roles, tuple(aggregate or ()), leave_out, to))


@app.command()
def show(
    what: Annotated[str, typer.Argument(help="A step's key or folder, or a document's id (hex).")],
    store: StoreOption = STORE,
    rows: Annotated[int, typer.Option("-n", "--rows", min=0, help="Rows to show.")] = 5,
) -> None:
    """A step's counts and rows, or one document's life through every step."""
    from tamis.inspect import show as show_

    show_(what, store, rows)


@app.command()
def diff(
    a: Annotated[Path, typer.Argument(help="A run directory.")], b: Annotated[Path, typer.Argument(help="Another.")]
) -> None:
    """What differs between two runs: declarations, data and results."""
    from tamis.inspect import diff as diff_

    diff_(a, b)


@app.command()
def report(run: Annotated[Path, typer.Argument(help="A run directory.")], examples: ExamplesOption = True) -> None:
    """Write a run's report again."""
    from tamis.report.page import write

    typer.echo(write(run, examples))


@app.command()
def verify(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    store: StoreOption = STORE,
    data: DataOption = Path(),
    sample: Annotated[int, typer.Option("--sample", min=0, help="Jobs to compute again and compare byte for byte.")] = 5,
) -> None:
    """Hash every file of a run again and compute a sample of its jobs anew."""
    from tamis.inspect import verify as verify_

    verify_(run, store, data, sample)


@app.command()
def new(
    kind: Annotated[str, typer.Argument(help="score, source, task, recipe or experiment")],
    name: Annotated[str, typer.Argument(help="A name in lower case, such as shouting.")],
    to: Annotated[Path, typer.Option("--to", help="Folder to write into.")] = Path(),
) -> None:
    """Write a small working file (and its test) to start from."""
    from tamis.new import new as new_

    for path in new_(kind, name, to):
        typer.echo(f"wrote {path}")


@store_app.command("list")
def store_list(store: StoreOption = STORE) -> None:
    """Published steps: key, kind, rows, size."""
    from tamis.inspect import list_store

    list_store(store)


@store_app.command("gc")
def store_gc(
    store: StoreOption = STORE,
    runs: RunsOption = RUNS,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Delete steps that no run directory names, and what interrupted runs left."""
    from tamis.inspect import collect

    collect(store, runs, dry_run)


def _finish(damaged: int) -> None:
    """Exit code 3 if the job is done but some input was damaged."""
    if damaged:
        raise typer.Exit(3)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code (and exits with it when called as a program)."""
    code = _main(arguments)
    if arguments is None:
        sys.stdout.flush()
        sys.exit(code)
    return code


def _main(arguments: list[str] | None) -> int:
    try:
        result: Any = app(args=arguments, standalone_mode=False)
        return _interrupted() if result == INTERRUPTED else int(result or 0)
    except TamisError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _interrupted()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _fail(
                f"no space left on the disk of {error.filename or 'the store'}: free some and run the same command again", 1
            )
        return _fail(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "), 1)
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):
            return _fail(error.format_message(), int(error.exit_code))
        if type(error).__name__ == "Abort":
            return _interrupted()
        raise


def _interrupted() -> int:
    return _fail("interrupted; finished work is kept: run the same command again to go on", INTERRUPTED)


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"tamis: {message}\n")
    return code
