"""Ours in the benchmarks exact, paragraph and bloom: `tamis build`, and the deciding steps alone.

The steps alone run in a process of their own, once the text is published (`python _deciding.py STORE NAME FILE...`): Parquet text
in, a selection or the marked ranges of every row out, with the sha256 of all that is read and written checked.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
import tempfile
from pathlib import Path

import _harness as harness

from tamis.core.runner import Local, run
from tamis.core.step import Published, Step, Where
from tamis.core.store import Store
from tamis.data.bloom import NgramBloom
from tamis.data.dataset import Dataset, Resolver
from tamis.data.dedup import Exact
from tamis.data.paragraphs import Paragraphs
from tamis.data.select import Select
from tamis.data.spans import Marking

OPERATORS: dict[str, Select] = {
    "Exact()": Exact(),
    "Exact(normalise=True)": Exact(normalise=True),
    "Paragraphs()": Paragraphs(),
    "Paragraphs(unit='line')": Paragraphs(unit="line"),
    "Paragraphs(unit='line', normalise=True)": Paragraphs(unit="line", normalise=True),
    "NgramBloom()": NgramBloom(),
    "NgramBloom(dclm_compat=True)": NgramBloom(dclm_compat=True),
}
DECLARATION = """
from tamis import Dataset
from tamis.data.bloom import NgramBloom
from tamis.data.dedup import Exact
from tamis.data.paragraphs import Paragraphs

kept = Dataset.jsonl({files}).dedup({name})
"""


def deciding(name: str, files: list[Path]) -> tuple[list[Step], Step]:
    """The steps that must be published before, and the last one of those that are timed."""
    resolver = Resolver(files[0].parent)
    dataset = Dataset.jsonl(tuple(file.name for file in files))
    op, view = OPERATORS[name], resolver.view(dataset)
    found = op.spans(view, resolver.view) if isinstance(op, Marking) else resolver.view(dataset.dedup(op)).selection
    return list(view), found


def publish(steps: list[Step], store: Path, data: Path) -> list[Published]:
    with Local(1) as runner:
        return run(steps, Store(store), runner, Where(str(data)))


class Deciding:
    """The steps alone; `facts` and `dropped` are those of the latest run."""

    def __init__(self, work: Path, name: str) -> None:
        self.work, self.name = work, name
        self.facts: dict[str, int | float] = {}
        self.dropped = 0

    def __call__(self, files: list[Path]) -> harness.Cost:
        store = Path(tempfile.mkdtemp(dir=self.work))
        before, found = deciding(self.name, files)
        publish(before, store, files[0].parent)
        cost = harness.spend([sys.executable, __file__, store, self.name, *files])
        published = publish([found], store, files[0].parent)[0]
        self.facts, self.dropped = published.facts, published.ledger.rows_dropped
        shutil.rmtree(store)
        return cost


class Build:
    """`tamis build` with a store of its own, from .jsonl.zst to .jsonl.zst."""

    def __init__(self, work: Path, name: str) -> None:
        self.work, self.name = work, name

    def __call__(self, files: list[Path]) -> harness.Cost:
        place = Path(tempfile.mkdtemp(dir=self.work))
        (place / "dataset.py").write_text(DECLARATION.format(files=tuple(f.name for f in files), name=self.name))
        flags = ("--store", place / "store", "--data", files[0].parent, "--workers", "1", "--format", "jsonl.zst")
        cost = harness.spend([sys.executable, "-m", "tamis", "build", f"{place}/dataset.py:kept", "--to", place / "kept", *flags])
        shutil.rmtree(place)
        return cost


def measure(work: Path, corpus: harness.Corpus, names: list[str]) -> tuple[list[harness.Speed], dict[str, Deciding]]:
    """Speeds of the steps alone for each name, and of `tamis build` for the first."""
    version, runs, speeds = importlib.metadata.version("tamis"), {}, []
    for name in names:
        runs[name] = Deciding(work, name)
        speeds.append(harness.measure(name, version, "steps alone", corpus, runs[name], ".jsonl.zst", warm=True))
    build = Build(work, names[0])
    speeds.append(harness.measure("tamis build", version, f"{names[0]}, jsonl.zst", corpus, build, ".jsonl.zst", warm=True))
    return speeds, runs


if __name__ == "__main__":
    store, name, *paths = sys.argv[1:]
    files = [Path(path) for path in paths]
    publish([deciding(name, files)[1]], Path(store), files[0].parent)
