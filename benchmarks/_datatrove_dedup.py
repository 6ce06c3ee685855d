"""Run datatrove's exact or Bloom deduplication; started by exact.py and bloom.py with the peer's interpreter.

python _datatrove_dedup.py exact|bloom OUT FILE...
"""

from __future__ import annotations

import sys
from pathlib import Path

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import ExactDedupConfig, ExactDedupFilter, ExactDedupSignature, ExactFindDedups, SingleBloomFilter
from datatrove.pipeline.dedup.bloom_filter import BloomFilterConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

BYTES = 2**27 - 1  # a power of two would leave one bit of every index


def text_of(document: Document) -> str:
    return document.text


def main(kind: str, out: str, files: list[str]) -> None:
    names = Path(out) / "files.txt"
    names.write_text("".join(f"{Path(file).name}\n" for file in files))

    def reader() -> JsonlReader:
        return JsonlReader(str(Path(files[0]).parent), paths_file=str(names))

    writer = JsonlWriter(f"{out}/kept", compression=None)
    if kind == "exact":
        config = ExactDedupConfig(content_getter=text_of)
        stages = [
            [reader(), ExactDedupSignature(output_folder=f"{out}/signatures", config=config)],
            [ExactFindDedups(data_folder=f"{out}/signatures", output_folder=f"{out}/duplicates", config=config)],
            [reader(), ExactDedupFilter(data_folder=f"{out}/duplicates", config=config), writer],
        ]
    else:
        bloom = BloomFilterConfig(m_bytes=BYTES, k=10, n_grams=13, duplicate_threshold=0.8)
        stages = [[reader(), SingleBloomFilter(output_folder=f"{out}/bloom", config=bloom), writer]]
    for number, pipeline in enumerate(stages):
        LocalPipelineExecutor(pipeline, logging_dir=f"{out}/logs{number}", tasks=1, workers=1).run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
