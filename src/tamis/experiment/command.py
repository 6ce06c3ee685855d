"""`tamis plan`, `run`, `demo` and `eval`: from a file to steps, to a run directory, to a report and a sentence."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tamis.core import disk
from tamis.core.errors import TamisError, UsageError
from tamis.core.runner import Local, load_file, pending, run
from tamis.core.step import Step, Where, walk
from tamis.core.store import Store
from tamis.experiment.declare import Arm, Experiment
from tamis.experiment.plan import Plan
from tamis.lm.tokenizer import Tokenizer
from tamis.terminal import Events, Progress

DAMAGE_SHARE, DAMAGE_COUNT = 0.01, 20  # more than both of these needs --accept-damage


@dataclass(frozen=True)
class Options:
    """Where and how: never part of a key."""

    store: Path
    runs: Path
    data: Path
    workers: int = 1
    device: str = "cpu"
    accept_damage: bool = False
    accept_drift: bool = False
    examples: bool = True
    command: str = ""
    quiet: bool = False


def load(target: str, default: str = "experiment") -> tuple[Any, Path]:
    """The object that FILE or FILE:NAME names, and the file."""
    file, _, name = target.partition(":")
    path = Path(file)
    if not path.is_file():
        raise UsageError(f"{file}: no such file")
    try:
        module = load_file(str(path))
    except TamisError:
        raise
    except SyntaxError as error:
        raise UsageError(f"{file}, line {error.lineno}: {error.msg}") from error
    except Exception as error:
        raise UsageError(f"{file}: {type(error).__name__}: {error}") from error
    value = getattr(module, name or default, None)
    if value is None:
        known = [n for n, v in vars(module).items() if not n.startswith("_") and type(v).__module__.startswith("tamis")]
        raise UsageError(f"{file} defines no {name or default}; it has: {', '.join(known) or 'nothing of tamis'}")
    return value, path


def load_experiment(target: str) -> tuple[Experiment, Path]:
    value, path = load(target)
    if not isinstance(value, Experiment):
        raise UsageError(f"{target}: {type(value).__name__} is not an Experiment")
    return value, path


def make_plan(experiment: Experiment, options: Options) -> Plan:
    return Plan(experiment, options.data.expanduser(), options.store / "hashes.sqlite", options.device)


def run_file(target: str, options: Options) -> int:
    """Run an experiment file; returns the number of damaged places in its sources."""
    experiment, file = load_experiment(target)
    return execute(experiment, file, options)


def execute(experiment: Experiment, file: Path, options: Options) -> int:
    """Build the data, check it, train, judge, decide, report. Returns the number of damaged places."""
    from tamis.experiment import record
    from tamis.experiment.disjoint import check_disjoint
    from tamis.report.page import write as write_report

    plan, store = make_plan(experiment, options), Store(options.store)
    _refuse_drift(walk([*plan.data_steps, *plan.score_steps]), store, options.accept_drift)
    folder = record.directory(plan, options.runs)
    folder.mkdir(parents=True, exist_ok=True)
    events = Events(folder / "events.jsonl")
    where = Where(data=str(options.data.expanduser().absolute()))
    with Local(options.workers, (str(file),)) as runner, Progress(events, quiet=options.quiet) as progress:
        run(plan.data_steps, store, runner, where, progress)
        damaged = _check_damage(plan, store, options.accept_damage)
        _check_supply(plan, store)
        check_disjoint(plan, store)
        command = options.command or f"tamis run {file.name}"
        record.write_plan(plan, store, folder, file, command)
        run(plan.score_steps, store, runner, where, progress)
    finish(plan, store, folder)
    report = write_report(folder, options.examples)
    disk.replace_file(folder / "DONE", "\n".join(s.key for s in plan.score_steps).encode() + b"\n", "run")
    _announce(folder, report)
    if damaged:
        places = record.damage(plan, store)[0]
        sys.stderr.write("".join(f"tamis: damaged: {p['file']}: {p['where']}: {p['reason']}\n" for p in places[:10]))
        count = "1 place" if damaged == 1 else f"{damaged} places"
        sys.stderr.write(f"tamis: finished with damage: {count} in the sources could not be read; the rest was used\n")
    return damaged


def finish(plan: Plan, store: Store, folder: Path) -> None:
    """Everything in the run directory that follows from published steps."""
    from tamis.experiment import record
    from tamis.experiment.datasheet import datasheet
    from tamis.experiment.outcome import conclude
    from tamis.experiment.threats import threats

    vocabulary = record.vocabulary_of(plan, store)
    outcome = conclude(plan, store, {r.name: r.parameters(vocabulary) for r in plan.experiment.recipes})
    truth = record.Truth(plan.data / plan.experiment.corpus) if plan.experiment.corpus else None
    record.write_results(plan, store, folder, outcome, truth, threats(plan, store, outcome, folder))
    disk.replace_file(folder / "datasheet.md", datasheet(plan, store).encode(), "run")


def _announce(folder: Path, report: Path) -> None:
    import json

    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    print(f"\n{summary['answer']}")
    if summary["answer_without_touched"]:
        print(f"Without the items found in training data: {summary['answer_without_touched']}")
    print(f"\nReport: {report}")


def _refuse_drift(steps: list[Step], store: Store, accept: bool) -> None:
    drifted = {step.directory: names for step in steps if (names := store.drift(step))}
    if drifted and not accept:
        first, names = next(iter(drifted.items()))
        more = f" and {len(drifted) - 1} more steps" if len(drifted) > 1 else ""
        raise TamisError(
            f"{first}{more} was made by other code of {', '.join(names)} at the same version; "
            "bump the version if results change, or use it as it is with --accept-drift"
        )


def _check_damage(plan: Plan, store: Store, accept: bool) -> int:
    from tamis.experiment.record import damage

    places, count, rows = damage(plan, store)
    if count > DAMAGE_COUNT and count > DAMAGE_SHARE * (rows + count) and not accept:
        first = places[0]
        raise TamisError(
            f"the sources are damaged in {count} places ({count / (rows + count):.1%} of their records), "
            f"the first is {first['file']}: {first['where']}: {first['reason']}; mend them or use --accept-damage"
        )
    return count


def _check_supply(plan: Plan, store: Store) -> None:
    """Refuse arms that are empty or too small, all of them in one message, before the first model is trained."""
    problems = []
    framing = sum(map(len, Tokenizer.load(store.get(plan.tokenizer).path).frame))
    for arm in plan.arms:
        facts = store.get(arm.tokens).facts
        if not facts["documents"]:
            problems.append(f"arm {arm.arm.name} ends with no documents (`tamis try` shows which rule drops them)")
            continue
        for recipe in plan.experiment.recipes:
            epochs = recipe.trained_tokens / (facts["tokens"] + framing * facts["documents"])
            if epochs > recipe.max_epochs:
                problems.append(
                    f"arm {arm.arm.name} has {facts['tokens']:,} tokens, too few for {recipe.name}: {recipe.trained_tokens:,} "
                    f"would repeat them {epochs:.1f} times (at most {recipe.max_epochs:g}; train less or raise max_epochs)"
                )
    if problems:
        raise TamisError("; ".join(problems))


def run_demo(store: Path, runs: Path, data: Path, workers: int) -> int:
    """The quickstart on the embedded corpus."""
    from tamis.data.demo import prepare

    sys.stderr.write("Preparing the demo corpus from installed documentation ...\n")
    prepare(data)
    experiment, file = load_experiment(str(Path(__file__).parent.parent / "quickstart.py"))
    return execute(experiment, file, Options(store, runs, data, workers, command="tamis demo"))


def show_plan(target: str, store: Path, data: Path, device: str) -> None:
    """Print what a run would do."""
    from tamis.experiment.estimate import estimate

    experiment, _ = load_experiment(target)
    options = Options(store, Path(), data, device=device)
    plan, opened = make_plan(experiment, options), Store(store)
    steps = walk([*plan.data_steps, *plan.score_steps])
    waiting = {s.key for s in pending([*plan.data_steps, *plan.score_steps], opened)}
    print(f"{experiment.name}: {experiment.question}")
    counts = Counter(s.label for s in steps)
    fresh = Counter(s.label for s in steps if s.key in waiting)
    print(f"{len(steps)} steps, {sum(fresh.values())} to run:")
    for label, count in counts.items():
        keys = " ".join(s.key[:12] for s in steps if s.label == label)
        print(f"  {label:<24} {count:>4} ({fresh[label]} new)  {keys[:130]}")
    for name in sorted({n for s in steps for n in opened.drift(s)}):
        print(f"drift: {name} has other code at the same version")
    for line in estimate(plan, opened):
        print(line)


def evaluate_study(targets: list[str]) -> Any:
    """The `Study` that `aiw` or FILE:NAME names, or None if the targets are tasks. A study is evaluated alone."""
    from tamis.eval.aiw.problems import Study

    found = [Study() if t == "aiw" else v for t in targets if t == "aiw" or isinstance(v := load(t, "tasks")[0], Study)]
    if found and len(targets) > 1:
        raise UsageError(f"--tasks {', '.join(targets)}: a study such as aiw is evaluated alone")
    return found[0] if found else None


def evaluate_model(model: Path, targets: list[str], data: Path, device: str, items: Path | None) -> None:
    """Judge a model directory on tasks and print a line each."""
    import tempfile

    import pyarrow.parquet as pq

    from tamis.eval.bpb import BitsPerByte
    from tamis.eval.directory import evaluate_directory
    from tamis.eval.steps import items_step
    from tamis.eval.summary import summary
    from tamis.eval.task import Task

    tasks: list[Task] = []
    for target in targets:
        value, _ = load(target, "tasks")
        tasks += [t for t in (value if isinstance(value, tuple | list) else [value]) if isinstance(t, Task)]
    if not tasks:
        raise UsageError(f"{', '.join(targets)}: no task; name one as FILE:NAME")
    with tempfile.TemporaryDirectory() as folder:
        import pyarrow as pa

        from tamis.data.dataset import Resolver

        store, published = Store(folder), {}
        for task in tasks:
            if isinstance(task, BitsPerByte):
                step = items_step(task, data, Resolver(data).view(task.source))
                (found,) = run([step], store, Local(1), Where(data=str(data.absolute())))
                published[task.name] = pa.concat_tables([found.read(s.name) for s in found.shards])
        results = evaluate_directory(model, tasks, data, published, device)
    width = max(len(t.name) for t in tasks)
    for line, task in zip(summary(results), tasks, strict=True):
        interval = f"[{line.low:.4f}, {line.high:.4f}]" if line.low is not None else "(fewer than 10 clusters: no interval)"
        print(f"{line.task:<{width}}  {task.unit}  {line.score:.4f} {interval}  {line.items} items, {line.clusters} clusters")
    if items is not None:
        pq.write_table(results, items)
        print(f"wrote {items}")


def arm_or_dataset(target: str) -> tuple[Any, str, Path]:
    """The dataset that FILE:NAME names (a Dataset, an Arm, or an arm of the file's experiment by its name), and its name."""
    from tamis.data.dataset import Dataset

    file, _, name = target.partition(":")
    if not name:
        raise UsageError(f"{target}: name a dataset of the file as FILE:DATASET")
    try:
        value, path = load(target)
    except UsageError as error:
        try:
            experiment, path = load_experiment(file)
        except UsageError:
            raise error from None
        value = next((a for a in experiment.arms if a.name == name), None)
        if value is None:
            raise
    if isinstance(value, Arm):
        value = value.data
    if not isinstance(value, Dataset):
        raise UsageError(f"{target}: {type(value).__name__} is not a Dataset")
    return value, name, path
