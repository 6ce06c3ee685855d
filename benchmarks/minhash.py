"""Near-duplicate removal by MinHash (18 bands of 8 rows, shingles of 5 words) against datatrove (14 of 8).

    python benchmarks/minhash.py [--data DIR] [--peer-venv DIR]

Ours is `tamis build` from .jsonl.zst to .jsonl.zst: signatures, candidates, exact verification of every candidate (J >= .8), the
choice of survivors, the evidence of every drop. datatrove runs its four stages on plain .jsonl, its fastest, on a fixed 20 MB
sample; it does not verify. A tenth of the documents has a planted copy: words replaced at rates of .5 to 20 %, the last 15 % cut
off, lines wrapped anew, upper case. A table before the speeds says, for each bin of true similarity, how many of these pairs
lost a side. The signatures alone are timed on an array in memory, after a first call.
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

import _harness as harness
import pyarrow as pa
import zstandard

from tamis.kernels.jit import buffers
from tamis.kernels.minhash import signatures
from tamis.kernels.shingle import words

PEER = ("datatrove[io,processing]==0.10.1", "spacy==3.8.18")
RATES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
BINS = (1.0, 0.9, 0.8, 0.7, 0.5, 0.0)
KERNEL_TEXTS = 16 * 1024
DECLARATION = """
from tamis import Dataset

kept = Dataset.jsonl({files}).dedup()
"""
Pairs = list[tuple[str, str]]


def planted(texts: Sequence[str]) -> tuple[list[str], Pairs]:
    """The texts with a changed copy of every tenth, in random order; and the pairs (original, copy)."""
    random, pairs = Random(2), []
    for number, text in enumerate(texts[::10]):
        own = text.split()
        kind = number % (len(RATES) + 3)
        if kind < len(RATES):
            copy = " ".join(f"edit{random.randrange(10**9)}" if random.random() < RATES[kind] else word for word in own)
        elif kind == len(RATES):
            copy = " ".join(own[: max(1, round(0.85 * len(own)))])
        elif kind == len(RATES) + 1:
            copy = "\n".join(" ".join(own[k : k + 9]) for k in range(0, len(own), 9))
        else:
            copy = text.upper()
        if copy != text:
            pairs.append((text, copy))
    out = [*texts, *(copy for _, copy in pairs)]
    random.shuffle(out)
    return out, pairs


def jaccard(left: str, right: str) -> float:
    a, b = ({tuple(w[k : k + 5]) for k in range(max(len(w) - 5, 0) + 1)} if w else set() for w in map(words, (left, right)))
    return len(a & b) / len(a | b) if a and b else 0.0


def found(pairs: Pairs, given: set[str], kept: set[str]) -> dict[float, tuple[int, int]]:
    """For each bin of similarity: pairs with a side that was given and not kept, and all pairs given."""
    out = dict.fromkeys(BINS, (0, 0))
    for left, right in pairs:
        if left in given and right in given:
            bin = next(b for b in BINS if jaccard(left, right) >= b)
            out[bin] = (out[bin][0] + (left not in kept or right not in kept), out[bin][1] + 1)
    return out


def texts_of(paths: Iterable[Path]) -> set[str]:
    """All texts of .jsonl and .jsonl.zst files."""
    out: set[str] = set()
    for path in paths:
        data = path.read_bytes()
        if path.suffix == ".zst":
            data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        out.update(json.loads(line)["text"] for line in data.split(b"\n") if line)
    return out


class Program:
    """A way to run one program in a fresh folder; `kept` are the texts of its latest output."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.kept: set[str] = set()

    def command(self, place: Path, files: list[Path]) -> list[str | Path]:
        raise NotImplementedError

    def __call__(self, files: list[Path]) -> harness.Cost:
        place = Path(tempfile.mkdtemp(dir=self.work))
        cost = harness.spend(self.command(place, files))
        self.kept = texts_of(p for p in (place / "kept").rglob("*") if p.name.endswith((".jsonl", ".jsonl.zst")))
        if not self.kept:
            raise SystemExit(f"{type(self).__name__} wrote nothing")
        shutil.rmtree(place)
        return cost


class Ours(Program):
    """`tamis build` with a store of its own, so that nothing is found already computed."""

    def command(self, place: Path, files: list[Path]) -> list[str | Path]:
        (place / "dataset.py").write_text(DECLARATION.format(files=tuple(f.name for f in files)))
        flags = ("--store", place / "store", "--data", files[0].parent, "--workers", "1", "--format", "jsonl.zst")
        return [sys.executable, "-m", "tamis", "build", f"{place}/dataset.py:kept", "--to", place / "kept", *flags]


class Datatrove(Program):
    """Its four stages, one after the other."""

    def __init__(self, work: Path, python: Path) -> None:
        super().__init__(work)
        self.python = python

    def command(self, place: Path, files: list[Path]) -> list[str | Path]:
        return [self.python, Path(__file__).with_name("_datatrove_minhash.py"), place, *files]


def kernel(texts: list[str]) -> harness.Speed:
    """Best of three passes, in this process."""
    column = buffers(pa.array(texts, pa.large_string()))
    size = int(column.offsets[-1])
    times = []
    for _ in range(4):
        start = time.process_time()
        signatures(column)
        times.append(time.process_time() - start)
    version = importlib.metadata.version("tamis")
    return harness.Speed("  signatures alone", version, "18 x 8, in memory", size / min(times[1:]), 0, 0, size / 1e6)


def main() -> None:
    options = harness.arguments(__doc__ or "").parse_args()
    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        python = harness.peer_python(options.peer_venv, "datatrove", PEER)
        version, peer_version = importlib.metadata.version("tamis"), harness.peer_version(python, "datatrove")
        texts, pairs = planted(harness.documents(options.data))
        whole = harness.write_corpus(texts, work / "whole")
        sample = harness.write_corpus(texts, work / "sample", harness.SAMPLE)
        ours, peer = Ours(work), Datatrove(work, python)
        flags = "--workers 1 --format jsonl.zst"
        build = harness.measure("tamis build", version, flags, whole, ours, ".jsonl.zst", warm=True)
        datatrove = harness.measure("datatrove", peer_version, "4 stages, workers=1, 64-bit", sample, peer, ".jsonl")
        print("\n".join(quality(pairs, (("tamis build", whole, ours.kept), ("datatrove", sample, peer.kept)))))
        harness.report(
            f"MinHash: {whole.documents:,} documents, sample of {sample.documents:,}",
            [build, kernel(texts[:KERNEL_TEXTS]), datatrove],
            [harness.compare("minhash", build, datatrove)],
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)


def quality(pairs: Pairs, outcomes: Iterable[tuple[str, harness.Corpus, set[str]]]) -> list[str]:
    """Lines for people: planted pairs that lost a side, by similarity."""
    lines = [f"{'planted pairs that lost a side':<32}" + "".join(f"{f'J >= {b:g}':>14}" for b in BINS)]
    for name, corpus, kept in outcomes:
        bins = found(pairs, texts_of(corpus.files(".jsonl", harness.SHARDS)), kept)
        lines.append(f"{name:<32}" + "".join(f"{f'{hit} of {total}':>14}" for hit, total in bins.values()))
    return lines


if __name__ == "__main__":
    main()
