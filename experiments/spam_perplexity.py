"""Does a model of spam alone tell spam from good mail, and how does it compare with a model of clean text and with a classifier?

    python experiments/spam_perplexity.py --data DIR

Mail of DIR/text/email-spam-ham.jsonl.zst is deduplicated at Jaccard .5 (5-word shingles; 40 bands of 3 rows find 99.5 % of pairs
at .5), so that hardly a message of the test half is near one of the training half; a hash of the id then splits it in two. Every
method ranks the test half by how much a message looks like spam: perplexity under a model of the training half's spam (low is
spam), under a model of an encyclopaedia (high is spam), under a model of the training half's good mail (high is spam), the
difference of the logarithms of the last and the first, and the classifier of `tamis.data.classifier` trained on both. Settings
are the defaults, fixed before the first run: order 5, folded words, a sentence a line.

Printed are the area under the ROC curve, the precision among as many messages as there are spam, and what a threshold found
without labels does (two groups of the log perplexity), all with percentile intervals of 2,000 bootstrap samples of the test
messages. The answer stands in `spam_perplexity.md`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis import Dataset
from tamis.data.classifier import Training, auc, train
from tamis.data.dedup import MinHash
from tamis.data.groups import two_groups
from tamis.data.ngrams import FOLDED, NGrams
from tamis.data.ngrams import train as train_ngrams
from tamis.data.schema import fraction_of

Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
SAMPLES = 2000
ORDER = 5
MAIL = Dataset.jsonl("text/email-spam-ham.jsonl.zst", meta=("label",))
CLEAN = Dataset.jsonl("text/wikipedia-vital-en.jsonl.zst")


def interval(measure: Callable[[Mask, Doubles], float], spam: Mask, score: Doubles) -> str:
    """A measure with the 95 % interval of its bootstrap over messages."""
    rng = np.random.Generator(np.random.Philox(1))
    draws = (rng.integers(len(spam), size=len(spam)) for _ in range(SAMPLES))
    low, high = np.quantile([measure(spam[d], score[d]) for d in draws], [0.025, 0.975])
    return f"{measure(spam, score):.3f} [{low:.3f}, {high:.3f}]"


def area(spam: Mask, score: Doubles) -> float:
    return auc(score[spam], score[~spam])


def precision(spam: Mask, score: Doubles) -> float:
    """Share of spam among as many of the highest scores as there are spam messages."""
    return float(spam[np.argsort(-score, kind="stable")[: spam.sum()]].mean())


def model_of(texts: pa.Array) -> NGrams:
    return train_ngrams([texts], ORDER, FOLDED)


def log_perplexity(model: NGrams, texts: pa.Array) -> Doubles:
    return np.log(model.score_batch(texts, FOLDED).perplexities)


def report_groups(name: str, values: Doubles, spam: Mask, spam_is_low: bool) -> None:
    """What the threshold between two groups of log perplexity does, found without the labels."""
    found = two_groups(values)
    called = (values < found.threshold) == spam_is_low
    print(f"{name:<34}{np.exp(found.threshold):>10.1f}{found.apart:>8.2f}   {decided(spam, called)}")


def decided(spam: Mask, called: Mask) -> str:
    """Precision and recall of calling these messages spam."""

    def right(spam: Mask, called: Doubles) -> float:
        return float(spam[called > 0].mean()) if called.any() else 0.0

    def recall(spam: Mask, called: Doubles) -> float:
        return float(called[spam].mean())

    return f"{interval(right, spam, called.astype(float))}   {interval(recall, spam, called.astype(float))}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="root of the shared data")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as store:
        everything = MAIL.head(-1, options.data, store)
        mail = MAIL.dedup(MinHash(bands=40, rows=3, threshold=0.5)).head(-1, options.data, store)
        clean = CLEAN.head(-1, options.data, store).column("text").combine_chunks()
    texts = mail.column("text").combine_chunks()
    spam = np.array([json.loads(meta)["label"] == "spam" for meta in mail.column("meta").to_pylist()])
    test = fraction_of(mail.column("id").combine_chunks(), 0, "spam").to_numpy() < 0.5
    part = {
        (kind, half): texts.filter(pa.array((spam == (kind == "spam")) & (test == (half == "test"))))
        for kind in ("spam", "ham")
        for half in ("train", "test")
    }
    print(
        f"{everything.num_rows} messages, {len(texts)} after dedup; spam, ham: "
        + ", ".join(f"{k} {len(v)}" for k, v in part.items())
    )
    judged, truth = texts.filter(pa.array(test)), spam[test]

    models = {"spam": model_of(part["spam", "train"]), "ham": model_of(part["ham", "train"]), "clean": model_of(clean)}
    logs = {name: log_perplexity(model, judged) for name, model in models.items()}
    bad, good = part["spam", "train"], part["ham", "train"]
    held = np.arange(len(bad) + len(good)) % 20 == 0  # only for its calibration, which no figure here depends on
    classifier, _ = train(bad, good, np.ones(len(good)), held, Training())
    scores = {
        "perplexity, spam only": -logs["spam"],
        "perplexity, encyclopaedia": logs["clean"],
        "perplexity, good mail": logs["ham"],
        "spam against good mail": logs["ham"] - logs["spam"],
        "classifier": np.asarray(classifier.score_batch(judged)),
    }
    print(f"\n{'method':<34}AUC                     precision at as many as there are")
    for name, score in scores.items():
        print(f"{name:<34}{interval(area, truth, score)}    {interval(precision, truth, score)}")
    print("\nDifferences of AUC, paired:")
    for name in ("perplexity, encyclopaedia", "perplexity, good mail", "spam against good mail", "classifier"):
        rng = np.random.Generator(np.random.Philox(1))
        draws = (rng.integers(len(truth), size=len(truth)) for _ in range(SAMPLES))
        gaps = [area(truth[d], scores[name][d]) - area(truth[d], scores["perplexity, spam only"][d]) for d in draws]
        low, high = np.quantile(gaps, [0.025, 0.975])
        print(f"{name:<34}{np.mean(gaps):+.3f} [{low:+.3f}, {high:+.3f}] against spam only")
    print(f"\n{'threshold between two groups':<34}{'value':>10}{'D':>8}   precision              recall")
    report_groups("perplexity, spam only", logs["spam"], truth, spam_is_low=True)
    report_groups("perplexity, encyclopaedia", logs["clean"], truth, spam_is_low=False)
    report_groups("spam against good mail", logs["spam"] - logs["ham"], truth, spam_is_low=True)
    print(f"{'spam against good mail, at 1':<34}{1.0:>10.1f}{'':>8}   {decided(truth, logs['spam'] < logs['ham'])}")
    print(f"{'everything':<34}{'':>18}   {decided(truth, np.ones(len(truth), bool))}")


if __name__ == "__main__":
    main()
