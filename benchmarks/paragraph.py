"""Exact deduplication of lines and paragraphs against a loop over orjson, xxHash and rbloom, and against dolma.

    python benchmarks/paragraph.py [--data DIR]

Ours alone is the steps that decide: a published text in, the marked ranges of every row out; the first in order of id stays, for
any number of workers. The loop reads plain .jsonl and writes nothing; dolma reads .jsonl.gz and writes ranges. Both decide by a
Bloom filter in order of reading (.1 % false positives), ours by 64-bit hashes.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
from pathlib import Path

import _deciding as deciding
import _harness as harness
from exact import LOOP, Loop

DOLMA = ("--no-deps", "dolma==1.2.1", "numpy<3")
NAMES = ["Paragraphs(unit='line')", "Paragraphs()", "Paragraphs(unit='line', normalise=True)"]


class Dolma:
    """Its deduplicator on files that are compressed before."""

    def __init__(self, kind: str, python: Path, work: Path) -> None:
        self.kind, self.python, self.work = kind, python, work

    def __call__(self, files: list[Path]) -> harness.Cost:
        place = Path(tempfile.mkdtemp(dir=self.work))
        (place / "documents").mkdir()
        names = [place / "documents" / f"{file.name}.gz" for file in files]
        for name, file in zip(names, files, strict=True):
            name.write_bytes(gzip.compress(file.read_bytes(), 1))
        cost = harness.spend([self.python, Path(__file__).with_name("_dolma_dedupe.py"), self.kind, place, *names])
        shutil.rmtree(place)
        return cost


def main() -> None:
    options = harness.arguments(__doc__ or "").parse_args()
    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        loop, dolma = (harness.peer_python(None, name, need) for name, need in (("loop-dedup", LOOP), ("dolma", DOLMA)))
        corpus = harness.write_corpus(harness.documents(options.data), work / "whole")
        ours, runs = deciding.measure(work, corpus, NAMES)
        version = harness.peer_version(loop, "rbloom")
        peers = [
            harness.measure("orjson + xxh3 + rbloom", version, "plain .jsonl", corpus, Loop("paragraph", loop), ".jsonl"),
            harness.measure(
                "dolma", harness.peer_version(dolma, "dolma"), ".jsonl.gz", corpus, Dolma("paragraph", dolma, work), ".jsonl"
            ),
        ]
        for name in NAMES:
            print(f"{name}: {runs[name].facts['repeated']:,} of {runs[name].facts['paragraphs']:,} stood earlier")
        comparisons = [harness.compare("paragraph", ours[0], peer) for peer in reversed(peers)]
        harness.report("Lines and paragraphs", [*ours, *peers], comparisons)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
