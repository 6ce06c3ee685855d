"""n-gram perplexity against KenLM: the same model, the same documents, words and sentences; and the time to train on 100 MB.

    python benchmarks/perplexity.py [--data DIR] [--peer-venv DIR]

Ours trains an order-5 model on documents of the corpus and writes it as ARPA; KenLM's Python binding (kenlm-ex, a wheel of KenLM)
reads that file into its default structure, "probing", its fastest, and scores other documents. Both take text from memory, plain
words, in one thread: CPU-seconds of the loop alone, best of three. KenLM is called once a line, as CCNet calls it (the headline),
and once a document. How far the perplexities agree is printed beside the speeds. Last, ours trains on `--train` MB (folded words,
a sentence a line; where the corpus is smaller it is repeated with every third word renamed, so that n-grams keep being new).
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import _harness as harness
import numpy as np
import pyarrow as pa

from tamis.data import arpa
from tamis.data.ngrams import FOLDED, NGrams, Reading, train

PEER = ("kenlm-ex==0.2.1",)
ORDER = 5
SCORED, TRAINED = 20_000_000, 20_000_000  # bytes
BATCH = 256
PEER_CODE = """
import json, kenlm, sys, time
model = kenlm.Model(sys.argv[1])
texts = json.load(open(sys.argv[2]))
out = {}
for way in ("lines", "documents"):
    parts = [t.split("\\n") if way == "lines" else [t] for t in texts]
    times = []
    for _ in range(3):
        start = time.process_time()
        logs = [sum(model.score(p) for p in part) for part in parts]
        times.append(time.process_time() - start)
    start = time.process_time()
    counts = [sum(len(p.encode().split()) + 1 for p in part) for part in parts]
    out[way] = {"seconds": min(times), "counting": time.process_time() - start, "logs": logs, "counts": counts}
json.dump(out, open(sys.argv[3], "w"))
"""


def cut(texts: list[str], size: int) -> list[str]:
    """The first texts, up to `size` bytes."""
    ends = np.cumsum([len(t.encode()) for t in texts])
    return texts[: int(np.searchsorted(ends, size)) + 1]


def batches(texts: list[str]) -> list[pa.Array]:
    return [pa.array(texts[i : i + BATCH], pa.large_string()) for i in range(0, len(texts), BATCH)]


def ours(model: NGrams, texts: list[str], reading: Reading) -> tuple[float, np.ndarray, np.ndarray]:
    """CPU-seconds, log10, words and sentence ends."""
    arrays = batches(texts)
    model.score_batch(arrays[0], reading)
    times = []
    for _ in range(3):
        start = time.process_time()
        found = [model.score_batch(a, reading) for a in arrays]
        times.append(time.process_time() - start)
    return min(times), np.concatenate([f.logs for f in found]), np.concatenate([f.words + f.sentences for f in found])


def grown(texts: list[str], size: int) -> list[str]:
    """The texts, then again with "x1", "x2" ... written before every third word, until there are `size` bytes."""
    out, total, copy = [], 0, 0
    while total < size:
        for text in texts:
            words = text.split(" ")
            if copy:
                words[::3] = [f"x{copy}{word}" for word in words[::3]]
            out.append(" ".join(words))
            total += len(out[-1].encode())
            if total >= size:
                break
        copy += 1
    return out


def main() -> None:
    parser = harness.arguments(__doc__ or "")
    parser.add_argument("--train", type=int, default=100, help="MB of text to train on (default 100; 0: not)")
    options = parser.parse_args()
    version = importlib.metadata.version("tamis")
    python = harness.peer_python(options.peer_venv, "kenlm", PEER)
    peer = harness.peer_version(python, "kenlm-ex")
    texts = [t for t in harness.documents(options.data) if "\x00" not in t]  # where KenLM's binding stops
    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        scored = cut(texts, SCORED)
        taught = cut(texts[len(scored) :], TRAINED)
        model = train(batches(taught), ORDER, Reading(fold=False))
        arpa.write(model, work / "model.arpa")
        (work / "texts.json").write_text(json.dumps(scored))
        (work / "peer.py").write_text(PEER_CODE)
        command = [python, work / "peer.py", work / "model.arpa", work / "texts.json", work / "out.json"]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        theirs = json.loads((work / "out.json").read_text())
        size = sum(len(t.encode()) for t in scored)
        print(f"model: order {ORDER}, {', '.join(map(str, model.sizes))} n-grams; {len(scored)} documents, {size / 1e6:.1f} MB")
        speeds, comparisons = [], []
        for way in ("lines", "documents"):
            cpu, logs, counts = ours(model, scored, Reading(False, way == "lines"))
            found = theirs[way]
            equal = np.abs(10 ** (np.array(found["logs"]) / counts - logs / counts) - 1)
            same = np.array_equal(counts, np.array(found["counts"]))
            gaps = f"at most {equal.max():.1e}, median {np.median(equal):.1e}"
            print(f"{way}: words and sentences equal: {same}; perplexities differ by {gaps}")
            mine = harness.Speed("tamis", version, f"a sentence: {way}", size / cpu, 0, 0, size / 1e6)
            other = harness.Speed(
                "KenLM (Python)", peer, f"score(), a sentence: {way}", size / found["seconds"], 0, 0, size / 1e6
            )
            speeds += [mine, other]
            comparisons.append(harness.compare(f"perplexity of {way}", mine, other))
        cpu, *_ = ours(model, scored, FOLDED)
        speeds.append(harness.Speed("tamis", version, "folded words, a sentence: lines", size / cpu, 0, 0, size / 1e6))
        harness.report("n-gram perplexity", speeds, comparisons[::-1])
        if options.train:
            many = batches(grown(texts, options.train * 10**6))
            total = sum(a.nbytes for a in many)
            start = time.process_time()
            model = train(many, ORDER, FOLDED)
            spent = time.process_time() - start
            print(f"\ntraining: {total / 1e6:.0f} MB, order {ORDER}: {spent:.0f} CPU-s, {len(model.words) / 1e6:.1f} M n-grams")
            print(json.dumps({"name": "n-gram training", "ours": round(total / 1e6 / spent, 2), "unit": "MB per CPU-second"}))
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    sys.exit(main())
