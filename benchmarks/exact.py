"""Exact document deduplication against a loop over orjson and xxHash, and against datatrove.

    python benchmarks/exact.py [--data DIR]

A tenth of the documents stands twice. Ours alone is the step that decides: a published text in, a selection that names each
survivor out. The loop reads plain .jsonl and writes nothing. datatrove runs its three stages on plain .jsonl and writes what is
kept, on a fixed 20 MB sample.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from random import Random

import _deciding as deciding
import _harness as harness

LOOP = ("orjson==3.13.0", "xxhash==4.1.0", "rbloom==1.5.4")
DATATROVE = ("datatrove[io,processing]==0.10.1", "spacy==3.8.18")
NAMES = ["Exact()", "Exact(normalise=True)"]


class Loop:
    """The loop of `_loop_dedup.py`."""

    def __init__(self, kind: str, python: Path) -> None:
        self.kind, self.python = kind, python

    def __call__(self, files: list[Path]) -> harness.Cost:
        return harness.spend([self.python, Path(__file__).with_name("_loop_dedup.py"), self.kind, *files])


class Datatrove:
    """The pipelines of `_datatrove_dedup.py`."""

    def __init__(self, kind: str, python: Path, work: Path) -> None:
        self.kind, self.python, self.work = kind, python, work

    def __call__(self, files: list[Path]) -> harness.Cost:
        place = Path(tempfile.mkdtemp(dir=self.work))
        cost = harness.spend([self.python, Path(__file__).with_name("_datatrove_dedup.py"), self.kind, place, *files])
        if not list((place / "kept").iterdir()):
            raise SystemExit("datatrove wrote nothing")
        shutil.rmtree(place)
        return cost


def main() -> None:
    options = harness.arguments(__doc__ or "").parse_args()
    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        loop, trove = (harness.peer_python(None, name, need) for name, need in (("loop-dedup", LOOP), ("datatrove", DATATROVE)))
        texts = harness.documents(options.data)
        texts += texts[::10]
        Random(3).shuffle(texts)
        corpus = harness.write_corpus(texts, work / "whole")
        sample = harness.write_corpus(texts, work / "sample", harness.SAMPLE)
        ours, runs = deciding.measure(work, corpus, NAMES)
        version = harness.peer_version(loop, "orjson")
        peers = [
            harness.measure("orjson + xxh3_128 + set", version, "plain .jsonl", corpus, Loop("exact", loop), ".jsonl"),
            harness.measure(
                "datatrove",
                harness.peer_version(trove, "datatrove"),
                "3 stages",
                sample,
                Datatrove("exact", trove, work),
                ".jsonl",
            ),
        ]
        print(f"{runs[NAMES[0]].dropped:,} of {corpus.documents:,} documents are dropped")
        harness.report("Exact documents", [*ours, *peers], [harness.compare("exact", ours[0], peer) for peer in reversed(peers)])
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
