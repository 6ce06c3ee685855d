"""Exact substring deduplication (passages of 50 bytes and more) against the bare suffix sort that others begin with.

    python benchmarks/substring.py [--data DIR] [--peer-venv DIR]

Ours is the whole step: a published text and its selection in, the marked ranges of every row out, with the sha256 of all that is
read and written checked. The peer is divsufsort (Mori's libdivsufsort, by pydivsufsort) on the same bytes in one array: no
prefixes are compared, no range is found and nothing is written, as if the rest were free. A line says how many bytes are marked.
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sys
import tempfile
from pathlib import Path

import _harness as harness
import zstandard

from tamis.core.runner import Local, run
from tamis.core.step import Published, Step, Where
from tamis.core.store import Store
from tamis.data.dataset import Dataset, Resolver
from tamis.data.substring import Substring

PEER = ("pydivsufsort==0.0.20",)


def step(files: list[Path]) -> Step:
    """The step to be timed; its inputs are the text and the selection."""
    resolver = Resolver(files[0].parent)
    return Substring().spans(resolver.view(Dataset.jsonl(tuple(file.name for file in files))), resolver)


def publish(steps: list[Step], store: Path, data: Path) -> list[Published]:
    with Local(1) as runner:
        return run(steps, Store(store), runner, Where(str(data)))


class Ours:
    """The step in a process of its own, once its inputs are published."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.facts: dict[str, int] = {}

    def __call__(self, files: list[Path]) -> harness.Cost:
        store = Path(tempfile.mkdtemp(dir=self.work))
        timed = step(files)
        publish(list(timed.inputs), store, files[0].parent)
        cost = harness.spend([sys.executable, __file__, "--step", store, *files])
        self.facts = publish([timed], store, files[0].parent)[0].facts
        shutil.rmtree(store)
        return cost


class Divsufsort:
    """The suffixes of all texts of some files, each text followed by a byte that is in none."""

    def __init__(self, work: Path, python: Path) -> None:
        self.work, self.python = work, python

    def __call__(self, files: list[Path]) -> harness.Cost:
        whole = self.work / "whole"
        with whole.open("wb") as out:
            for file in files:
                for line in zstandard.decompress(file.read_bytes()).split(b"\n"):
                    out.write(json.loads(line)["text"].encode() + b"\xff" if line else b"")
        return harness.spend([self.python, Path(__file__).with_name("_divsufsort.py"), whole])


def main() -> None:
    options = harness.arguments(__doc__ or "").parse_args()
    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        python = harness.peer_python(options.peer_venv, "divsufsort", PEER)
        corpus = harness.write_corpus(harness.documents(options.data), work / "corpus")
        ours, version = Ours(work), importlib.metadata.version("tamis")
        found = harness.measure("Substring, whole step", version, "50 bytes", corpus, ours, ".jsonl.zst", warm=True)
        peer_version = harness.peer_version(python, "pydivsufsort")
        peer = harness.measure("divsufsort alone", peer_version, "in memory", corpus, Divsufsort(work, python), ".jsonl.zst")
        marked, size = ours.facts["marked_bytes"], ours.facts["bytes"]
        print(f"{marked:,} of {size:,} bytes are marked ({marked / size:.1%}) in {corpus.documents:,} documents")
        harness.report("Exact substrings", [found, peer], [harness.compare("substring", found, peer)])
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        store, *files = map(Path, sys.argv[2:])
        publish([step(files)], store, files[0].parent)
    else:
        main()
