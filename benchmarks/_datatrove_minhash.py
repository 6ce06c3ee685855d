"""Run datatrove's four MinHash stages; started by minhash.py with the peer's interpreter.

python _datatrove_minhash.py OUT FILE...
"""

from __future__ import annotations

import sys
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig
from datatrove.utils.typeshelper import Languages

CONFIG = MinhashConfig(hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8, n_grams=5)


def main(out: str, files: list[str]) -> None:
    names = Path(out) / "files.txt"
    names.write_text("".join(f"{Path(file).name}\n" for file in files))
    folder = str(Path(files[0]).parent)
    signature = MinhashDedupSignature(output_folder=f"{out}/signatures", config=CONFIG, language=Languages.english)
    buckets = MinhashDedupBuckets(input_folder=f"{out}/signatures", output_folder=f"{out}/buckets", config=CONFIG)
    cluster = MinhashDedupCluster(input_folder=f"{out}/buckets", output_folder=f"{out}/remove", config=CONFIG)
    keep = MinhashDedupFilter(input_folder=f"{out}/remove")
    stages = (
        ([JsonlReader(folder, paths_file=str(names)), signature], 1),
        ([buckets], CONFIG.num_buckets),
        ([cluster], 1),
        ([JsonlReader(folder, paths_file=str(names)), keep, JsonlWriter(f"{out}/kept", compression=None)], 1),
    )
    for number, (pipeline, tasks) in enumerate(stages):
        LocalPipelineExecutor(pipeline, logging_dir=f"{out}/logs{number}", tasks=tasks, workers=1).run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
