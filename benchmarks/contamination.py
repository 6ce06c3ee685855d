"""Contamination: every item of a set of tasks searched for in a pool of text, against datatrove's n-gram decontamination.

    python benchmarks/contamination.py --data DIR [--peer-venv DIR]

The items are those of all files below DIR/eval/tasks. Ours is `tamis build` from .jsonl.zst to .jsonl.zst with the operator
`Contaminated`, and the search step by itself (a published text in, a selection out). datatrove runs its filter on plain .jsonl,
its fastest, on a fixed 20 MB sample; both make their index in the run, which the marginal speed leaves out. Items of all tasks
alike are planted in the pool in six disguises; a table says how many planted items were found, and how many documents were
dropped that hold none.
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import _harness as harness
from _disguises import DISGUISES, Asked, Plant, plant
from minhash import PEER, Program, texts_of

from tamis.core.runner import Local, run
from tamis.core.step import Step, Where
from tamis.core.store import Store
from tamis.data.dataset import Dataset, Resolver
from tamis.eval.questions import Cloze, MultipleChoice, Questions
from tamis.experiment.contamination import Contaminated

PLANTED = 60  # items of each task
DECLARATION = """
from pathlib import Path

from tamis import Cloze, Dataset, MultipleChoice
from tamis.experiment.contamination import Contaminated

tasks = ({tasks},)
kept = Dataset.jsonl({files}).select(Contaminated(tasks=tasks))
"""


def read_tasks(data: Path, folder: Path) -> tuple[list[Questions], list[Asked], list[dict[str, str]]]:
    """The tasks, their files written to `folder` in a form that a task reads; their items, and the same for the peer."""
    folder.mkdir(parents=True)
    tasks: list[Questions] = []
    items: list[Asked] = []
    peer = []
    for path in sorted((data / "eval" / "tasks").rglob("*.jsonl")):
        rows = [_row(json.loads(line)) for line in path.read_text(encoding="utf-8").split("\n") if line]
        (folder / path.name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        tasks.append((Cloze if "context" in rows[0] else MultipleChoice)(path.stem, f"{folder.name}/{path.name}"))
        for row in rows:
            question, answer, rest = _parts(row)
            items.append(Asked(len(items), question, f"{question}\n{rest}" if rest else f"{question} {answer}"))
            peer.append({"task": path.stem, "query": question, "label": answer})
    if not tasks:
        raise SystemExit(f"{data}/eval/tasks holds no .jsonl file: --data must name the root of the shared data")
    return tasks, items, peer


def _row(row: dict[str, object]) -> dict[str, object]:
    """A row of a generation task as a cloze."""
    if "prompt" in row:
        return {"context": row["prompt"], "continuation": row["canonical_solution"]}
    return {"context": row["context"], "continuation": str(row["answer"])} if "answer" in row else row


def _parts(row: dict[str, object]) -> tuple[str, str, str]:
    """Question, right answer, and what stands with the question when people copy it, if not just the answer."""
    gold = row.get("gold")
    if isinstance(gold, int) and isinstance(options := row.get("context_options"), list):
        return options[gold], str(row["continuation"]), ""
    if isinstance(gold, int) and isinstance(choices := row.get("choices"), list):
        return str(row["query"]), choices[gold], "\n".join([*choices, choices[gold]])
    return str(row["context"]), str(row["continuation"]).strip(), ""


class Ours(Program):
    """`tamis build` with a store of its own, so that nothing is found already computed; `memory`: peaks by number of files."""

    def __init__(self, work: Path, tasks: Sequence[Questions]) -> None:
        super().__init__(work)
        self.tasks = tasks
        self.memory: dict[int, int] = {}

    def __call__(self, files: list[Path]) -> harness.Cost:
        cost = super().__call__(files)
        self.memory[len(files)] = cost.memory
        return cost

    def command(self, place: Path, files: list[Path]) -> list[str | Path]:
        root = self.work
        names = tuple(str(f.relative_to(root)) for f in files)
        declared = ", ".join(f"{type(t).__name__}({t.name!r}, {t.path!r})" for t in self.tasks)
        (place / "dataset.py").write_text(DECLARATION.format(tasks=declared, files=names))
        flags = ("--store", place / "store", "--data", root, "--workers", "1", "--format", "jsonl.zst")
        return [sys.executable, "-m", "tamis", "build", f"{place}/dataset.py:kept", "--to", place / "kept", *flags]


class Datatrove(Program):
    """Index and filter in one run."""

    def __init__(self, work: Path, python: Path, items: Path) -> None:
        super().__init__(work)
        self.python, self.items = python, items

    def command(self, place: Path, files: list[Path]) -> list[str | Path]:
        return [self.python, Path(__file__).with_name("_datatrove_decont.py"), self.items, place, *files]


def step_alone(work: Path, corpus: harness.Corpus, tasks: Sequence[Questions]) -> harness.Speed:
    """The search step in this process, its text, selection and index published before: the best of three passes after a first."""
    files = tuple(str(f.relative_to(work)) for f in corpus.files(".jsonl.zst", harness.SHARDS))
    resolver = Resolver(work)
    view = resolver.view(Dataset.jsonl(files))
    search = Contaminated(tasks=tuple(tasks)).select(view, resolver)
    store, where, times = Store(Path(tempfile.mkdtemp(dir=work))), Where(str(work)), []
    with Local(1) as runner:
        run(list(search.inputs), store, runner, where)
        for number in range(4):
            again = Step(replace(search.op, reason=f"pass {number}"), search.inputs)  # type: ignore[type-var]
            start = time.process_time()
            run([again], store, runner, where)
            times.append(time.process_time() - start)
    version, size = importlib.metadata.version("tamis"), sum(corpus.bytes)
    return harness.Speed("  search step alone", version, "published text to selection", size / min(times[1:]), 0, 0, size / 1e6)


def quality(plants: Sequence[Plant], texts: Sequence[str], outcomes: Iterable[tuple[str, harness.Corpus, set[str]]]) -> list[str]:
    """Lines for people: planted items found by disguise, and dropped documents that hold none."""
    held = {texts[p] for each in plants for p in each.places}
    lines = [f"{'planted items found':<24}" + "".join(f"{d:>18}" for d in DISGUISES) + f"{'dropped without':>18}"]
    for name, corpus, kept in outcomes:
        given = texts_of(corpus.files(".jsonl", harness.SHARDS))
        cells = []
        for disguise in DISGUISES:
            own = [[texts[p] for p in each.places] for each in plants if each.disguise == disguise]
            own = [parts for parts in own if all(part in given for part in parts)]
            found = sum(any(part not in kept for part in parts) for parts in own)
            cells.append(f"{f'{found} of {len(own)}':>18}")
        lines.append(f"{name:<24}" + "".join(cells) + f"{f'{len(given - kept - held)} of {len(given - held):,}':>18}")
    return lines


def main() -> None:
    options = harness.arguments(__doc__ or "").parse_args()
    if options.data is None:
        raise SystemExit("the items of real tasks are needed: give --data, the root of the shared data")
    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        python = harness.peer_python(options.peer_venv, "datatrove", PEER)
        version, peer_version = importlib.metadata.version("tamis"), harness.peer_version(python, "datatrove")
        tasks, items, rows = read_tasks(options.data, work / "tasks")
        (work / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        texts, plants = plant(harness.documents(options.data), _chosen(items, rows), seed=3)
        whole = harness.write_corpus(texts, work / "whole")
        sample = harness.write_corpus(texts, work / "sample", harness.SAMPLE)
        ours, peer = Ours(work, tasks), Datatrove(work, python, work / "items.jsonl")
        flags = "--workers 1 --format jsonl.zst"
        build = harness.measure("tamis build", version, flags, whole, ours, ".jsonl.zst", warm=True)
        alone = step_alone(work, whole, tasks)
        datatrove = harness.measure("datatrove", peer_version, "n_grams=13, workers=1", sample, peer, ".jsonl")
        peaks = ", ".join(f"{peak / 1e6:.0f} MB with {n} of {harness.SHARDS} files" for n, peak in sorted(ours.memory.items()))
        print(f"peak memory of tamis build: {peaks}\n")
        print("\n".join(quality(plants, texts, (("tamis build", whole, ours.kept), ("datatrove", sample, peer.kept)))))
        harness.report(
            f"Contamination: {len(items):,} items of {len(tasks)} tasks, {whole.documents:,} documents, "
            f"sample of {sample.documents:,}",
            [build, alone, datatrove],
            [harness.compare("contamination step", alone, datatrove), harness.compare("contamination", build, datatrove)],
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _chosen(items: Sequence[Asked], rows: Sequence[dict[str, str]]) -> list[Asked]:
    """The same number of items of every task, in random order."""
    random, of_task = Random(2), {}
    for item, row in zip(items, rows, strict=True):
        of_task.setdefault(row["task"], []).append(item)
    out = [item for own in of_task.values() for item in random.sample(own, min(PLANTED, len(own)))]
    random.shuffle(out)
    return out


if __name__ == "__main__":
    main()
