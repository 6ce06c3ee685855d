"""Does our reader and scorer of fastText models give what fastText gives?

    python benchmarks/parity/fasttext_models.py --data DIR [--peer-venv DIR]

fastText trains models of six kinds (every loss, character and word n-grams, plain and compressed) on 3,000 documents of
`multilingual/`; both programs then label these, the same documents spoilt (NUL, control characters, no spaces, endless words,
"</s>" and "__label__" in the text) and odd texts, with each model and with lid.176.ftz. Printed are the documents, those whose
labels are equal, and the largest difference of a probability. Both add float32 numbers, each in its own order: a label may differ
only where two are equally probable to 0.000001; `unexplained` counts the others.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import zstandard

sys.path.insert(0, str(Path(__file__).parents[1]))
import _harness as harness

from tamis.data.fasttext import FastTextModel, read
from tamis.data.scores.language import embedded
from tamis.kernels.fasttext import predict, probability
from tamis.kernels.jit import buffers

PEER = ("datatrove[io,processing]==0.10.1", "spacy==3.8.18")  # the environment that heuristics.py makes
COUNT, LONGEST = 3000, 3000
ODD = (
    "",
    " ",
    "\0",
    "a\0b",
    "\t\v\f",
    "</s>",
    "x </s> y",
    "__label__en",
    "__label__",
    "\u2028",
    "\x85",
    "W" * 20_000,
    "é" * 9999,
    "<>",
    "😀",
)


def documents(data: Path) -> list[dict[str, Any]]:
    """Documents in many scripts, then the same spoilt, then odd ones."""
    rows = []
    for path in sorted((data / "multilingual").glob("*.jsonl.zst")):
        with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
            lines = stream.read().split(b"\n")[:-1]
        rows += [json.loads(line) for line in lines[:: max(1, 3 * len(lines) // COUNT)]]
    plain: list[dict[str, Any]] = [{"lang": row["lang"], "text": row["text"][:LONGEST], "plain": True} for row in rows]
    dice = random.Random(0)
    spoils = ("\0", "\x1b", "\r", "\v", "\u2028", " </s> ", " __label__x ", "\ufeff", "\U0001f469\u200d\U0001f4bb")
    spoilt = []
    for row in plain[::3]:
        letters = list(row["text"].replace(" ", "") if dice.random() < 0.2 else row["text"])
        for _ in range(dice.randrange(6)):
            letters.insert(dice.randrange(len(letters) + 1), dice.choice(spoils))
        spoilt.append({"lang": row["lang"], "text": "".join(letters), "plain": False})
    return [*plain, *spoilt, *({"lang": "en", "text": text, "plain": False} for text in ODD)]


def compare(name: str, found: FastTextModel, texts: list[str], theirs: list[tuple[str, float]]) -> None:
    data, offsets = buffers(pa.array(texts, pa.large_string()))
    labels, probabilities = predict(data, offsets[:-1], offsets[1:], found.model)
    names = [found.labels[label] if label >= 0 else "" for label in labels.tolist()]
    equal = sum(mine == other for mine, (other, _) in zip(names, theirs, strict=True))
    most = max(abs(p - min(1.0, q)) for p, (_, q) in zip(probabilities.tolist(), theirs, strict=True))
    unexplained = 0
    for text, mine, p, (other, _) in zip(texts, names, probabilities.tolist(), theirs, strict=True):
        if mine != other and (not mine or not other or p - one(found, text, other) > 1e-6):
            unexplained += 1
    print(f"{name:<26}{len(texts):>10,}{equal:>14,}{unexplained:>13,}{most:>24.1e}")


def one(found: FastTextModel, text: str, label: str) -> float:
    """The probability of a label."""
    data, offsets = buffers(pa.array([text], pa.large_string()))
    return float(probability(data, offsets[:-1], offsets[1:], found.number(label), found.model)[0])


def main() -> None:
    options = harness.arguments(__doc__ or "").parse_args()
    if options.data is None:
        raise SystemExit("fasttext_models.py needs real languages: --data DIR with multilingual/*.jsonl.zst")
    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        python = harness.peer_python(options.peer_venv, "datatrove", PEER)
        rows = documents(options.data)
        (work / "documents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        command = [python, Path(__file__).with_name("_fasttext_models.py"), work / "documents.jsonl", work, embedded().path()]
        subprocess.run(list(map(str, command)), check=True, env=os.environ | harness.SINGLE_THREADED)
        version = harness.peer_version(python, "fasttext-numpy2-wheel")
        languages = len({row["lang"] for row in rows})
        print(f"tamis {importlib.metadata.version('tamis')} and fasttext-numpy2-wheel {version}, {languages} languages")
        print(f"{'model':<26}{'documents':>10}{'equal labels':>14}{'unexplained':>13}{'largest difference of p':>24}")
        texts = [row["text"] for row in rows]
        for file in sorted(work.glob("*.json")):
            path = next((p for p in work.glob(f"{file.stem}.*") if p.suffix in (".bin", ".ftz")), embedded().path())
            name = "lid.176.ftz" if file.stem == "given" else file.stem
            compare(name, read(path), texts, [tuple(row) for row in json.loads(file.read_text())])
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
