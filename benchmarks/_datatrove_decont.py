"""Run datatrove's n-gram decontamination; started by contamination.py with the peer's interpreter.

python _datatrove_decont.py ITEMS OUT FILE...

ITEMS: JSON Lines with query, label and task. Its indexer insists on reading tasks through another program, so the index is made
with the indexer's own hashes and written as it writes them. N-grams of 13 words, of the question, the answer and across both.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.decont import NGramsDecontConfig, NGramsDecontFilter, NGramsDecontIndexer
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

CONFIG = NGramsDecontConfig(n_grams=13, find_query_ngrams=True, find_overlap_ngrams=True)


def index(items: Path, folder: Path) -> None:
    NGramsDecontIndexer._requires_dependencies = []
    indexer = NGramsDecontIndexer(str(folder), config=CONFIG)
    hashes: dict[str, set[int]] = defaultdict(set)
    for line in items.read_text(encoding="utf-8").split("\n")[:-1]:
        row = json.loads(line)
        hashes[row["task"]].update(indexer.compute_hashes(row["label"], row["query"]))
    folder.mkdir(parents=True, exist_ok=True)
    for task, values in hashes.items():
        np.array(list(values), dtype=CONFIG.hash_config.np_descr).tofile(folder / f"{task}.index.hashes")


def main(items: str, out: str, files: list[str]) -> None:
    folder = Path(out) / "index"
    index(Path(items), folder)
    names = Path(out) / "files.txt"
    names.write_text("".join(f"{Path(file).name}\n" for file in files))
    pipeline = [
        JsonlReader(str(Path(files[0]).parent), paths_file=str(names)),
        NGramsDecontFilter(str(folder), config=CONFIG),
        JsonlWriter(f"{out}/kept", compression=None),
    ]
    LocalPipelineExecutor(pipeline, logging_dir=f"{out}/logs", tasks=1, workers=1).run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
