"""What do the signs of templates say about kinds of web pages, and about spam whose truth is known?

    python experiments/templated_pages.py --data DIR

Main text of at least 1 kB of the pages in DIR/web, by the kind that the manifest gives, and documents of a generated world (seed
8, 3,000 documents, a fifth of them spam that stuffs keywords into prose). Printed are the median of each sign and how often it
ranks a page of the kind as more template-like than an article (in the world: than clean prose): area under the ROC curve with a
95 % percentile interval of 1,000 bootstrap samples. .5 means that the sign cannot tell them apart. The answer stands in
`docs/perplexity.md`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis import Dataset
from tamis.core.runner import Local, run
from tamis.core.step import Where
from tamis.core.store import Store
from tamis.data.classifier import auc
from tamis.data.dataset import Resolver
from tamis.data.scores.templated import Compressibility, SharedPhrases, WordEntropy
from tamis.data.world import SHARES, World

Doubles = npt.NDArray[np.float64]
SAMPLES = 1000
SHORTEST = 1000  # bytes
SIGNS = ("compressed to", "evenness", "shared phrases")


def signs(pages: Dataset, texts: pa.Array, data: Path, store: Path) -> list[Doubles]:
    """The three signs of every text; phrases are counted over all pages."""
    score = SharedPhrases(pages)
    (step,) = run([score.requires(Resolver(data).view)[0]], Store(store), Local(1), Where(str(data)))
    found = (Compressibility(), WordEntropy(), score.bind([step.path]))
    columns = [s.score_batch(texts).column(name) for s, name in zip(found, ("value", "evenness", "shared"), strict=True)]
    return [column.to_numpy() for column in columns]


def against(values: Doubles, usual: Doubles, high: bool) -> str:
    """How often `values` are the more template-like."""
    rng = np.random.Generator(np.random.Philox(1))
    sign = 1 if high else -1
    draws = [auc(sign * rng.choice(values, len(values)), sign * rng.choice(usual, len(usual))) for _ in range(SAMPLES)]
    low, up = np.quantile(draws, [0.025, 0.975])
    return f"{auc(sign * values, sign * usual):.2f} [{low:.2f}, {up:.2f}]"


def table(kinds: npt.NDArray[np.str_], columns: list[Doubles], usual: str) -> None:
    print(f"\n{'kind':<24}{'pages':>6}   " + "".join(f"{name + ', AUC':<30}" for name in SIGNS))
    for kind in sorted(set(kinds.tolist()), key=lambda k: (k != usual, k)):
        here, row = kinds == kind, ""
        for values, name in zip(columns, SIGNS, strict=True):
            told = "" if kind == usual else against(values[here], values[kinds == usual], name == "shared phrases")
            row += f"{np.median(values[here]):<8.3f}{told:<22}"
        print(f"{kind:<24}{here.sum():>6}   {row}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="root of the shared data")
    data = parser.parse_args().data
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder)
        pages = Dataset.warc("web/pool-*.warc.gz").extract()
        rows = pages.head(-1, str(data), str(store / "store"))
        manifest = map(json.loads, (data / "web/pool-manifest.jsonl").read_text(encoding="utf-8").splitlines())
        kind_of = {page["url"]: page["kind"] for page in manifest}
        kinds = np.array([kind_of.get(url, "unknown") for url in rows.column("url").to_pylist()])
        texts = rows.column("text").combine_chunks()
        long = np.array([len(text.encode()) >= SHORTEST for text in texts.to_pylist()])
        columns = signs(pages, texts, data, store / "store")
        print(f"web pages: {len(texts)}, of which {long.sum()} have {SHORTEST} bytes of main text or more")
        table(kinds[long], [c[long] for c in columns], "article")

        World(seed=8, size=3000, shares=SHARES | {"spam": 0.2}).write_jsonl(store / "world.jsonl")
        world = Dataset.jsonl("world.jsonl", meta=("planted",))
        rows = world.head(-1, str(store), str(store / "store"))
        kinds = np.array([json.loads(meta)["planted"]["kind"] for meta in rows.column("meta").to_pylist()])
        columns = signs(world, rows.column("text").combine_chunks(), store, store / "store")
        print("\na world whose truth is known")
        table(kinds, columns, "clean")


if __name__ == "__main__":
    main()
