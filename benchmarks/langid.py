"""Language identification: accuracy and speed against fastText with the same model, and against datatrove's way.

    python benchmarks/langid.py --data DIR [--peer-venv DIR]

Documents are those of `multilingual/` whose language is known and is one of the model's, at most 150 of each language and
source; nothing is trained here, so all of them judge. Labels are noisy (translated manuals hold untranslated pages), so the
ceiling is below 1. Intervals are Wilson's, 95 %. The model is lid.176.ftz for all; datatrove as shipped uses lid.176.bin, which
is larger.

Speed: bytes of the whole documents over CPU-seconds, in memory, best of three passes after a first one; without --peer-venv the
peer's environment is made on first use. fasttext-predict, if it is installed, runs beside ours in one process; fastText and
datatrove run in theirs. Ours is also timed through `tamis build`, from .jsonl.zst to .jsonl.zst, as marginal CPU-seconds.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import _harness as harness
import pyarrow as pa
import zstandard

from tamis.data.score import Score
from tamis.data.scores.language import LANGUAGES, Language, LanguageLines, embedded

PEER = ("datatrove[io,processing]==0.10.1", "spacy==3.8.18")  # the environment that heuristics.py makes
SAME = {"nb": "no", "cmn": "zh"}
MOST = 150  # documents of a language and source
BATCH = 1024
Documents = list[tuple[str, str, str]]  # source, language, text
DECLARATION = """
from tamis import Dataset
from tamis.data.scores import language

kept = Dataset.jsonl({files}).keep(*language.others("en"))
"""


def documents(data: Path) -> Documents:
    """The documents with a language that the model knows."""
    out: Documents = []
    for path in sorted((data / "multilingual").glob("*.jsonl.zst")):
        seen: Counter[str] = Counter()
        with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
            for line in stream.read().split(b"\n")[:-1]:
                row = json.loads(line)
                code = row["lang"].replace("_", "-").partition("-")[0]
                code = SAME.get(code, code)
                if code in LANGUAGES and seen[code] < MOST:
                    seen[code] += 1
                    out.append((path.name.removesuffix(".jsonl.zst"), code, row["text"]))
    return out


def wilson(right: int, total: int) -> str:
    """A share with its 95 % interval."""
    z, p = 1.959964, right / total
    centre, half = p + z * z / (2 * total), z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    low, high = ((centre + sign * half) / (1 + z * z / total) for sign in (-1, 1))
    return f"{p:.4f} [{low:.4f}, {high:.4f}]"


def accuracy(found: Documents, labels: Sequence[str]) -> str:
    """The share of right labels, in all and by source."""
    groups: dict[str, list[bool]] = {}
    for (source, code, _), label in zip(found, labels, strict=True):
        groups.setdefault("all", []).append(SAME.get(label, label) == code)
        groups.setdefault(source, []).append(SAME.get(label, label) == code)
    return "  ".join(f"{name} {wilson(sum(right), len(right))}" for name, right in groups.items())


def timed(run: Callable[[], list[str]]) -> tuple[list[str], float]:
    """Labels, and CPU-seconds of the best of three passes after a first one."""
    labels, seconds = run(), []
    for _ in range(3):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return labels, min(seconds)


def ours(score: Score, texts: list[str]) -> tuple[list[str], float]:
    batches = [pa.array(texts[i : i + BATCH], pa.large_string()) for i in range(0, len(texts), BATCH)]
    return timed(lambda: [label for batch in batches for label in score.score_batch(batch).column("label").to_pylist()])


def predictor(texts: list[str]) -> tuple[list[str], float] | None:
    """The same through fasttext-predict, if it is here."""
    try:
        import fasttext
    except ImportError:
        return None
    model = fasttext.load_model(str(embedded().path()))
    return timed(lambda: [model.predict(text[:1000].replace("\n", " "))[0][0].removeprefix("__label__") for text in texts])


def build(work: Path, files: list[Path]) -> harness.Cost:
    place = Path(tempfile.mkdtemp(dir=work))
    (place / "dataset.py").write_text(DECLARATION.format(files=tuple(f.name for f in files)))
    flags = ("--store", place / "store", "--data", files[0].parent, "--workers", "1", "--format", "jsonl.zst")
    cost = harness.spend([sys.executable, "-m", "tamis", "build", f"{place}/dataset.py:kept", "--to", place / "out", *flags])
    shutil.rmtree(place)
    return cost


def main() -> None:
    options = harness.arguments(__doc__ or "").parse_args()
    if options.data is None:
        raise SystemExit("langid.py needs real languages: --data DIR with multilingual/*.jsonl.zst")
    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        found = documents(options.data)
        texts = [text for _, _, text in found]
        size = sum(len(text.encode()) for text in texts)
        python = harness.peer_python(options.peer_venv, "datatrove", PEER)
        version = importlib.metadata.version("tamis")
        rows: list[tuple[str, str, str, list[str], float]] = [
            ("tamis, 1,000 characters", version, "", *ours(Language(), texts)),
            ("tamis, whole text", version, "", *ours(Language(None), texts)),
            ("tamis, line by line", version, "", *ours(LanguageLines(), texts)),
        ]
        if light := predictor(texts):
            rows.append(("fasttext-predict, 1,000", importlib.metadata.version("fasttext-predict"), "", *light))
        (work / "documents.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        command = [python, Path(__file__).with_name("_peer_langid.py"), embedded().path(), work / "documents.jsonl", work / "out"]
        subprocess.run(list(map(str, command)), check=True, env=os.environ | harness.SINGLE_THREADED)
        peer: dict[str, dict[str, Any]] = json.loads((work / "out").read_text())
        names = {"head": "fastText, 1,000 characters", "whole": "fastText, whole text", "datatrove": "datatrove, whole text"}
        for name, title in names.items():
            distribution = "datatrove" if name == "datatrove" else "fasttext-numpy2-wheel"
            rows.append((title, harness.peer_version(python, distribution), "", peer[name]["labels"], peer[name]["seconds"]))
        speeds = [harness.Speed(n, v, flags, size / s, 0, 0, size / 1e6) for n, v, flags, _, s in rows]
        corpus = harness.write_corpus(texts, work / "corpus")
        flags = "--workers 1 --format jsonl.zst"
        speeds.append(harness.measure("tamis build", version, flags, corpus, lambda f: build(work, f), ".jsonl.zst", warm=True))
        languages = len({code for _, code, _ in found})
        print("\naccuracy")
        for name, _, _, labels, _ in rows:
            print(f"{name:<28}{accuracy(found, labels)}")
        by = {row[0]: speed for row, speed in zip(rows, speeds, strict=False)}
        mine = by["tamis, 1,000 characters"]
        against = [("langid-datatrove", by["datatrove, whole text"]), ("langid-fasttext", by["fastText, 1,000 characters"])]
        against += [("langid", by["fasttext-predict, 1,000"])] if light else []
        harness.report(
            f"Language identification: {len(found):,} documents in {languages} languages",
            speeds,
            [harness.compare(name, mine, other) for name, other in against],
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
