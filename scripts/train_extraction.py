"""Learn which blocks of a page are content: writes src/tamis/data/extraction/article.npz.

    python scripts/train_extraction.py --data DIR      (needs lightgbm, trafilatura and lxml_html_clean beside tamis)

Only training pages of benchmarks/_extraction_gold.py are used. A block of a page with expected text is content as far as its
4-grams of words are in that text (as a whole, if shorter). Where only strings are known, a block with a wanted string is
content and one with an unwanted string is not; the others get, with a small weight, the mean of two calls of trafilatura.
docs/extraction.md tells the reasons and the figures.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import _extraction_gold as known  # noqa: E402

from tamis.data.extract import Trafilatura  # noqa: E402
from tamis.data.extraction import article  # noqa: E402
from tamis.kernels.blockfeatures import features  # noqa: E402

SILVER = 0.3  # weight of a page whose blocks trafilatura judged, beside one with expected text
STRING = 0.24  # further weight of a block with a known string
THRESHOLD = 0.4  # of the probability, chosen by cross-validation within the training pages
SEEDS, ROUNDS = 3, 60
PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 16,
    "learning_rate": 0.12,
    "lambda_l2": 1.0,
    "min_data_in_leaf": 8,
    "feature_fraction": 0.2,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 63,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


def block_texts(html: str) -> list[str]:
    page = article.blocks_of(html)
    data = page.text.tobytes()
    return [data[a:b].decode("utf-8", "replace") for a, b in zip(page.start, page.stop, strict=True)]


def covered(text: str, shingles: Any, lines: set[str]) -> float:
    """How much of a block stands in a text."""
    tokens = known.words(text)
    if len(tokens) < 4:
        return float(known.plain(text) in lines)
    grams = [tuple(tokens[i : i + 4]) for i in range(len(tokens) - 3)]
    return sum(g in shingles for g in grams) / len(grams)


def labels(page: known.GoldPage, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """How far each block is content, and how many known strings say so."""
    told = np.zeros(len(texts))
    if page.expected is not None and page.marked is not None:
        shingles, lines = known.shingles(page.expected), {known.plain(t) for t in block_texts(page.marked)}
        return np.array([covered(t, shingles, lines) for t in texts]), told
    found = []
    for precision in (True, False):
        text = Trafilatura(precision=precision, deduplicate=precision).extract(page.html)
        lines = {re.sub(r"^[-| ]+|[-| ]+$", "", known.plain(line)) for line in text.split("\n")}
        found.append([covered(t.strip("-| "), known.shingles(text), lines) for t in texts])
    content = np.mean(found, 0)
    plain = [known.plain(t) for t in texts]
    wanted = set()
    for string in map(known.plain, page.have):
        holding = [i for i, t in enumerate(plain) if string in t]
        if holding:
            best = max(holding, key=lambda i: (content[i], len(plain[i])))
            content[best] = 1
            wanted.add(best)
            told[best] += 1
    for string in map(known.plain, page.lack):
        for i in (i for i, t in enumerate(plain) if string in t and i not in wanted):
            content[i] = 0
            told[i] += 1
    return content, told


def weighed(page: known.GoldPage, texts: list[str], content: np.ndarray, told: np.ndarray) -> np.ndarray:
    """A block weighs what it is of its page's content, since pages are judged alike, long or short."""
    size = np.array([len(known.words(t)) for t in texts], float)
    share = np.minimum((size + 3) / ((size * content).sum() + 80), 1)
    return share * (1 if page.expected is not None else SILVER) + STRING * (told > 0)


def nodes(tree: dict[str, Any], start: int) -> Iterator[tuple[int, float, int, int]]:
    """A tree's nodes as `Trees` keeps them: (column, threshold, left, right), the root first; children count from `start`."""
    if "split_feature" not in tree:
        yield -1, tree["leaf_value"] / SEEDS, 0, 0
        return
    bound = np.float32(tree["threshold"])
    if bound > tree["threshold"]:
        bound = np.nextafter(bound, np.float32(-np.inf))
    left = list(nodes(tree["left_child"], start + 1))
    right = list(nodes(tree["right_child"], start + 1 + len(left)))
    yield tree["split_feature"], float(bound), start + 1, start + 1 + len(left)
    yield from left
    yield from right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="root of the shared data")
    parser.add_argument("--to", type=Path, default=article.WEIGHTS)
    options = parser.parse_args()
    rows, contents, weights = [], [], []
    for page in known.gold(options.data):
        if page.validation:
            continue
        texts = block_texts(page.html)
        if texts:
            content, told = labels(page, texts)
            rows.append(features(article.blocks_of(page.html)))
            contents.append(content)
            weights.append(weighed(page, texts, content, told))
    x, y, w = np.concatenate(rows), np.concatenate(contents), np.concatenate(weights)
    between = (y > 0) & (y < 1)  # such a block stands there twice, as content and as not
    x = np.concatenate([x, x[between]])
    w = np.concatenate([np.where(between, w * y, w), (w * (1 - y))[between]])
    y = np.concatenate([np.where(between, 1, y), np.zeros(between.sum())])
    table: list[tuple[int, float, int, int]] = []
    roots = []
    data = lightgbm.Dataset(x, y, weight=w / w.mean(), params=PARAMETERS, free_raw_data=False)
    for seed in range(SEEDS):
        model = lightgbm.train(PARAMETERS | {"seed": seed}, data, ROUNDS)
        for tree in model.dump_model()["tree_info"]:
            roots.append(len(table))
            table += nodes(tree["tree_structure"], len(table))
    column, threshold, left, right = zip(*table, strict=True)
    np.savez_compressed(
        options.to,
        root=np.array(roots, np.int32),
        column=np.array(column, np.int16),
        threshold=np.array(threshold, np.float32),
        left=np.array(left, np.int32),
        right=np.array(right, np.int32),
        limit=np.float64(np.log(THRESHOLD / (1 - THRESHOLD))),
    )
    print(f"{len(rows)} pages, {len(x)} blocks, {len(roots)} trees, {options.to.stat().st_size} bytes")
    print(f"sha256 {hashlib.sha256(options.to.read_bytes()).hexdigest()}")
    print("\n".join(f"{name} {value}" for name, value in known.hashes(options.data).items()))


if __name__ == "__main__":
    main()
