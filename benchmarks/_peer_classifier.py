"""Train fastText on labelled documents and score others; started by classifier.py with the peer's interpreter.

    python _peer_classifier.py EXAMPLES.jsonl OUT.json RATE EPOCHS

An example has text, good and held. fastText trains on word pairs with 100 dimensions, as DCLM did, on one thread so
that the run can be repeated. Writes CPU-seconds, and for the held-out examples, in order, the probability of being good and the
logit behind it (a probability near 1 is rounded to float32, and many are then equal).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import fasttext
import numpy as np


def line(text: str) -> str:
    """A document as one line, as DCLM joins it."""
    return " ".join(text.strip().splitlines())


def main(examples: str, out: str, rate: str, epochs: str) -> None:
    rows = [json.loads(row) for row in Path(examples).read_bytes().split(b"\n")[:-1]]
    order = np.random.default_rng(0).permutation(len(rows))  # fastText reads its file in order, so it must be mixed
    taught = [rows[i] for i in order if not rows[i]["held"]]
    train = Path(out).with_suffix(".train")
    train.write_text("".join(f"__label__{'hq' if r['good'] else 'cc'} {line(r['text'])}\n" for r in taught), encoding="utf-8")
    start = time.process_time()
    model = fasttext.train_supervised(str(train), lr=float(rate), epoch=int(epochs), wordNgrams=2, thread=1, verbose=0)
    trained = time.process_time()
    texts = [line(r["text"]) for r in rows if r["held"]]
    scores, seconds = [], []
    for _ in range(3):
        begin = time.process_time()
        scores = [float(dict(zip(*model.predict(text, k=2), strict=True))["__label__hq"]) for text in texts]
        seconds.append(time.process_time() - begin)
    output = dict(zip(model.labels, model.get_output_matrix(), strict=True))
    logits = [float(model.get_sentence_vector(text) @ (output["__label__hq"] - output["__label__cc"])) for text in texts]
    found = {"probabilities": scores, "logits": logits, "training": trained - start, "scoring": min(seconds)}
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
