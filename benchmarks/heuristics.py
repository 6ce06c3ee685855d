"""Heuristic filters: Gopher quality and repetition, C4 and FineWeb, against datatrove.

    python benchmarks/heuristics.py [--data DIR] [--peer-venv DIR]

Ours is `tamis build` from .jsonl.zst to .jsonl.zst: all four scores of every document, as columns, and all rules. datatrove
reads and writes plain .jsonl, its fastest, and runs its filters one after the other, so what one drops costs the next nothing.
It runs as shipped (words and sentences by spaCy) and, the headline, with white-space words and sentences patched in; both on a
fixed 20 MB sample. The kernels alone are timed on arrays in memory, after a first call.

Then every further preset on the sample: alone, by `tamis build`, and what it adds to the four in one pass, in CPU-seconds per GB
of text: the time of those of its scores that the four do not have, on arrays in memory (the text is decoded once for all).
`--presets` prints only these.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
import tempfile
import time
from pathlib import Path

import _harness as harness
import pyarrow as pa

from tamis.data.score import Score
from tamis.data.scores import code, dclm, dolma, language, roots
from tamis.data.scores.c4 import C4Quality
from tamis.data.scores.dclm import DclmQuality, DclmRepetition
from tamis.data.scores.dolma import DolmaQuality, DolmaRepetition
from tamis.data.scores.fineweb import FineWebQuality
from tamis.data.scores.gopher import GopherQuality, GopherRepetition

PEER = ("datatrove[io,processing]==0.10.1", "spacy==3.8.18")
SCORES: tuple[Score, ...] = (
    *(GopherQuality(), GopherRepetition(), C4Quality(), FineWebQuality()),
    *(DclmQuality(), DclmRepetition(), DolmaQuality(), DolmaRepetition()),
)
BATCH, KERNEL_TEXTS = 1024, 16 * 1024
FOUR = "*gopher.repetition(), *gopher.quality(), *c4.quality(), *fineweb.quality()"
PRESETS = {
    "*dclm.quality(), *dclm.repetition()": (*dclm.quality(), *dclm.repetition()),
    "*dolma.quality(), *dolma.repetition()": (*dolma.quality(), *dolma.repetition()),
    "*roots.quality('en', stop_words=None, flagged_words=None)": roots.quality("en", stop_words=None, flagged_words=None),
    "*code.quality()": code.quality(),
    "*language.english()": language.english(),
}
CHAINS = ("presets.dclm_baseline(pages, presets.DclmLists())", "presets.dolma_web(pages)")
DECLARATION = """
from tamis import Dataset
from tamis.data import presets
from tamis.data.scores import c4, code, dclm, dolma, fineweb, gopher, language, roots

pages = Dataset.jsonl({files})
kept = {chain}
"""


def ours(work: Path, files: list[Path], chain: str = f"pages.keep({FOUR})") -> harness.Cost:
    """`tamis build` in fresh folders, so that nothing is found already computed."""
    place = Path(tempfile.mkdtemp(dir=work))
    (place / "dataset.py").write_text(DECLARATION.format(files=tuple(f.name for f in files), chain=chain))
    flags = ("--store", place / "store", "--data", files[0].parent, "--workers", "1", "--format", "jsonl.zst")
    cost = harness.spend([sys.executable, "-m", "tamis", "build", f"{place}/dataset.py:kept", "--to", place / "out", *flags])
    if not list((place / "out").rglob("*.jsonl.zst")):
        raise SystemExit("tamis build wrote nothing")
    shutil.rmtree(place)
    return cost


def datatrove(python: Path, work: Path, words: str, files: list[Path]) -> harness.Cost:
    place = Path(tempfile.mkdtemp(dir=work))
    cost = harness.spend([python, Path(__file__).with_name("_datatrove_heuristics.py"), place, words, *files])
    if not list((place / "kept").iterdir()):
        raise SystemExit("datatrove wrote nothing")
    shutil.rmtree(place)
    return cost


def kernel(score: Score, batches: list[pa.Array], size: int) -> harness.Speed:
    """Best of three passes over all batches, in this process."""
    score.score_batch(batches[0])
    times = []
    for _ in range(3):
        start = time.process_time()
        for batch in batches:
            score.score_batch(batch)
        times.append(time.process_time() - start)
    version = importlib.metadata.version("tamis")
    return harness.Speed(f"  {type(score).__name__} alone", version, "score_batch in memory", size / min(times), 0, 0, size / 1e6)


def presets(work: Path, sample: harness.Corpus, batches: list[pa.Array], size: int) -> None:
    """The cost of every further preset."""

    def rate(chain: str) -> float:
        return harness.measure("", "", "", sample, lambda files: ours(work, files, chain), ".jsonl.zst", warm=True).rate / 1e6

    print(f"\n{'preset':<60}{'MB/s alone':>12}{'added CPU-s/GB':>16}")
    for name, rules in PRESETS.items():
        scores = {rule.field.score for rule in rules} - set(SCORES[:4])
        added = sum(1e9 / kernel(score, batches, size).rate for score in scores)
        print(f"{name:<60}{rate(f'pages.keep({name})'):>12.1f}{added:>16.1f}", flush=True)
    for chain in CHAINS:
        print(f"{chain:<60}{rate(chain):>12.1f}", flush=True)


def main() -> None:
    parser = harness.arguments(__doc__ or "")
    parser.add_argument("--presets", action="store_true", help="only the cost of the further presets")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        texts = harness.documents(options.data)
        sample = harness.write_corpus(texts, work / "sample", harness.SAMPLE)
        batches = [pa.array(texts[i : i + BATCH], pa.large_string()) for i in range(0, KERNEL_TEXTS, BATCH)]
        size = sum(len(text.encode()) for text in texts[:KERNEL_TEXTS])
        if options.presets:
            presets(work, sample, batches, size)
            return
        python = harness.peer_python(options.peer_venv, "datatrove", PEER)
        version, peer_version = importlib.metadata.version("tamis"), harness.peer_version(python, "datatrove")
        whole = harness.write_corpus(texts, work / "whole")

        def peer(name: str, words: str, flags: str) -> harness.Speed:
            return harness.measure(name, peer_version, flags, sample, lambda f: datatrove(python, work, words, f), ".jsonl")

        flags = "--workers 1 --format jsonl.zst"
        build = harness.measure("tamis build", version, flags, whole, lambda f: ours(work, f), ".jsonl.zst", warm=True)
        alone = [kernel(score, batches, size) for score in SCORES]
        presets(work, sample, batches, size)
        patched = peer("datatrove, white-space words", "spaces", "tasks=1 workers=1, str.split for spaCy")
        shipped = peer("datatrove as shipped", "spacy", "tasks=1 workers=1")
        harness.report(
            f"Gopher, C4 and FineWeb heuristics: {whole.documents:,} documents, sample of {sample.documents:,}",
            [build, *alone, patched, shipped],
            [harness.compare("heuristics", build, shipped), harness.compare("heuristics-equal-words", build, patched)],
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
