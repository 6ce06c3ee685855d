"""Train models of every kind with fastText and predict with them and with a given one; started by fasttext_models.py.

    python _fasttext_models.py DOCUMENTS.jsonl OUT MODEL

A document has text, lang and plain; models learn from the plain ones. Writes OUT/NAME.bin or .ftz for every kind and
OUT/NAME.json: label and probability by document.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import fasttext
import numpy as np

KINDS: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "word pairs, softmax": ({"wordNgrams": 2, "bucket": 200_000, "dim": 20}, None),
    "letters, hierarchical": ({"minn": 2, "maxn": 4, "loss": "hs", "bucket": 100_000, "dim": 16}, None),
    "one against all": ({"loss": "ova", "lr": 0.1, "dim": 16, "bucket": 50_000, "minn": 1, "maxn": 6, "wordNgrams": 3}, None),
    "negative sampling": ({"loss": "ns", "lr": 0.1, "dim": 16}, None),
    "compressed": ({"minn": 2, "maxn": 4, "loss": "hs", "bucket": 100_000, "dim": 16}, {"qnorm": True, "cutoff": 20_000}),
    "compressed, output too": ({"wordNgrams": 2, "bucket": 100_000, "dim": 20}, {"qnorm": True, "qout": True, "dsub": 3}),
}


def main(documents: str, out: str, given: str) -> None:
    rows = [json.loads(line) for line in Path(documents).read_bytes().split(b"\n")[:-1]]
    texts = [row["text"].replace("\n", " ") for row in rows]
    folder = Path(out)
    train = folder / "train.txt"
    train.write_text(
        "".join(f"__label__{row['lang']} {text}\n" for row, text in zip(rows, texts, strict=True) if row["plain"]),
        encoding="utf-8",
    )
    for name, (settings, compressed) in KINDS.items():
        model = taught(train, settings)
        if compressed is not None:
            model.quantize(input=str(train), retrain=False, verbose=0, **compressed)
        path = folder / f"{name}.{'bin' if compressed is None else 'ftz'}"
        model.save_model(str(path))
        predict(folder, name, fasttext.load_model(str(path)), texts)
    predict(folder, "given", fasttext.load_model(given), texts)


def taught(train: Path, settings: dict[str, Any]) -> Any:
    """A trained model; fastText 0.9.2 now and then diverges on the same file and settings, so it may try ten times."""
    for _ in range(10):
        try:
            model = fasttext.train_supervised(str(train), thread=1, verbose=0, epoch=5, **{"lr": 0.4} | settings)
        except RuntimeError:
            continue
        if max(np.abs(model.get_input_matrix()).max(), np.abs(model.get_output_matrix()).max()) < 1e6:
            return model
    raise SystemExit(f"fastText diverged ten times with {settings}")


def predict(folder: Path, name: str, model: Any, texts: list[str]) -> None:
    found = [model.predict(text) for text in texts]
    rows = [(labels[0].removeprefix("__label__"), float(p[0])) if labels else ("", 0.0) for labels, p in found]
    (folder / f"{name}.json").write_text(json.dumps(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
