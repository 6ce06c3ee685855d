"""Quality classifiers: ours and fastText, trained and judged on the same documents; and the speed of scoring.

    python benchmarks/classifier.py --data DIR [--peer-venv DIR]

Three questions. *reference or web*: encyclopaedia and question answering against English pages of the web pool, extracted.
*paragraphs*: the same cut to their first 300 characters, where there is less to go by. *mail*: personal mail against spam.
Documents are deduplicated (MinHash, Jaccard .8) before they are split; a fifth of them, by hash, is held out. AUC is the
probability that a good document scores above a bad one; intervals (95 %) are of 2,000 bootstraps over held-out documents, the
same for both programs in the difference. fastText is judged by its logits: its probabilities near 1 are rounded and tie.

fastText trains with DCLM's settings (rate .1, 5 epochs), which are few steps for so few documents, and again with rate .5 and 25
epochs; ours with its defaults. Speed: bytes of held-out text over CPU-seconds in memory, best of three passes.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import _harness as harness
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis import Dataset
from tamis.data.classifier import Training, auc, train
from tamis.data.schema import fraction_of
from tamis.data.scores import language

PEER = ("datatrove[io,processing]==0.10.1", "spacy==3.8.18")  # the environment that heuristics.py makes
MOST = 6000  # documents of each class
SETTINGS = {"fastText": ("0.1", "5"), "fastText, 25 epochs": ("0.5", "25")}
PARAGRAPH, HELD_OUT, BOOTSTRAPS, BATCH = 300, 0.2, 2000, 1024
Doubles = npt.NDArray[np.float64]


class Examples(NamedTuple):
    """Texts of both classes, and which of them (good first) are held out."""

    good: list[str]
    bad: list[str]
    held: npt.NDArray[np.bool_]


def examples(good: Dataset, bad: Dataset, data: Path, store: Path, cut: int | None = None) -> Examples:
    """The documents of two datasets, at most MOST of each, chosen and split by hash of id."""
    texts, held = [], []
    for dataset in (good, bad):
        table = dataset.dedup().head(-1, str(data), str(store))
        ids = table.column("id").combine_chunks()
        first = np.sort(np.argsort(fraction_of(ids, 0, "benchmark").to_numpy(), kind="stable")[:MOST])
        texts.append([text[:cut] for text in table.column("text").take(pa.array(first)).to_pylist()])
        held.append(fraction_of(ids, 0, "held out").to_numpy()[first] < HELD_OUT)
    return Examples(texts[0], texts[1], np.concatenate(held))


def ours(found: Examples) -> tuple[Doubles, float, float]:
    """Probabilities of the held-out documents, CPU-seconds of training and of scoring."""
    good, bad = (pa.array(texts, pa.large_string()) for texts in (found.good, found.bad))
    train(good[:200], bad[:200], np.ones(200), np.arange(400) % 5 == 0, Training())  # compiles
    start = time.process_time()
    model, _ = train(good, bad, np.ones(len(bad)), found.held, Training())
    trained = time.process_time() - start
    texts = [text for text, held in zip(found.good + found.bad, found.held, strict=True) if held]
    batches = [pa.array(texts[i : i + BATCH], pa.large_string()) for i in range(0, len(texts), BATCH)]
    scores, seconds = np.zeros(0), []
    for _ in range(3):
        start = time.process_time()
        scores = np.concatenate([model.score_batch(batch) for batch in batches])
        seconds.append(time.process_time() - start)
    return scores, trained, min(seconds)


def theirs(found: Examples, python: Path, work: Path, settings: tuple[str, str]) -> tuple[Doubles, float, float]:
    """The same by fastText."""
    labelled = [*((text, True) for text in found.good), *((text, False) for text in found.bad)]
    rows = [{"text": text, "good": good, "held": bool(held)} for (text, good), held in zip(labelled, found.held, strict=True)]
    (work / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [python, Path(__file__).with_name("_peer_classifier.py"), work / "examples.jsonl", work / "out.json"]
    subprocess.run([*map(str, command), *settings], check=True, env=os.environ | harness.SINGLE_THREADED)
    out = json.loads((work / "out.json").read_text())
    return np.array(out["logits"]), out["training"], out["scoring"]


def interval(values: Doubles) -> str:
    low, high = np.quantile(values, [0.025, 0.975])
    return f"[{low:.5f}, {high:.5f}]"


def judge(name: str, found: Examples, mine: Doubles, others: dict[str, Doubles]) -> None:
    """Print AUC of ours, and that of each other with the difference."""
    good = int(found.held[: len(found.good)].sum())
    rng = np.random.default_rng(0)
    drawn = [
        np.concatenate([rng.integers(0, good, good), rng.integers(good, len(mine), len(mine) - good)]) for _ in range(BOOTSTRAPS)
    ]

    def areas(values: Doubles) -> Doubles:
        """AUC of the documents, and of every bootstrap."""
        return np.array([auc(v[:good], v[good:]) for v in (values, *(values[rows] for rows in drawn))])

    print(f"{name}: {good:,} good and {len(mine) - good:,} bad documents held out of {len(found.held):,}")
    ours = areas(mine)
    print(f"  {'tamis':<22}AUC {ours[0]:.5f} {interval(ours[1:])}")
    for other, values in others.items():
        theirs = areas(values)
        print(f"  {other:<22}AUC {theirs[0]:.5f} {interval(theirs[1:])}, difference", end=" ")
        print(f"{ours[0] - theirs[0]:+.5f} {interval(ours[1:] - theirs[1:])}")


def main() -> None:
    options = harness.arguments(__doc__ or "").parse_args()
    if options.data is None:
        raise SystemExit("classifier.py needs real documents: --data DIR with text/ and web/")
    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        python = harness.peer_python(options.peer_venv, "datatrove", PEER)
        version, peer_version = importlib.metadata.version("tamis"), harness.peer_version(python, "fasttext-numpy2-wheel")
        reference = Dataset.jsonl(("text/wikipedia-vital-en.jsonl.zst", "text/qa-medquad-en.jsonl.zst"))
        web = Dataset.warc("web/pool-*.warc.gz").extract().keep(*language.english())
        mail = Dataset.jsonl("text/email-spam-ham.jsonl.zst", meta=("label",))
        questions = {
            "reference or web": examples(reference, web, options.data, work / "store"),
            "paragraphs": examples(reference, web, options.data, work / "store", PARAGRAPH),
            "mail": by_label(mail, options.data, work / "store"),
        }
        speeds, comparisons = [], []
        for name, found in questions.items():
            mine = ours(found)
            others = {title: theirs(found, python, work, settings) for title, settings in SETTINGS.items()}
            judge(name, found, mine[0], {title: values for title, (values, _, _) in others.items()})
            size = sum(len(t.encode()) for t, held in zip(found.good + found.bad, found.held, strict=True) if held)
            pair = [
                harness.Speed(f"{who}, {name}", v, f"trained in {cpu:.1f} CPU-s", size / s, 0, 0, size / 1e6)
                for who, v, (_, cpu, s) in (
                    ("tamis", version, mine),
                    *((title, peer_version, other) for title, other in others.items()),
                )
            ]
            speeds += pair
            comparisons.insert(0, harness.compare(f"classifier {name}", *pair[:2]))
        harness.report("Scoring held-out documents", speeds, comparisons)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def by_label(mail: Dataset, data: Path, store: Path) -> Examples:
    """Personal mail against spam, split by hash of id."""
    table = mail.dedup().head(-1, str(data), str(store))
    held = fraction_of(table.column("id").combine_chunks(), 0, "held out").to_numpy() < HELD_OUT
    ham = np.array([json.loads(meta)["label"] == "ham" for meta in table.column("meta").to_pylist()])
    texts = np.array(table.column("text").to_pylist(), object)
    return Examples(texts[ham].tolist(), texts[~ham].tolist(), np.concatenate([held[ham], held[~ham]]))


if __name__ == "__main__":
    main()
