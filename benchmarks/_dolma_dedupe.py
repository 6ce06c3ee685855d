"""Run dolma's Bloom deduplicator; started by paragraph.py and bloom.py with the peer's interpreter.

    python _dolma_dedupe.py paragraph|ngram FOLDER FILE...

The files are FOLDER/documents/*.jsonl.gz; marked ranges go to FOLDER/attributes. Only the compiled part of the package is loaded:
its Python part needs dozens of packages to hand this configuration on.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

ELEMENTS = {"paragraph": 5_000_000, "ngram": 40_000_000}  # room for those of some 200 MB


def load() -> Any:
    """The compiled module."""
    own = str(Path(__file__).parent)
    folder = next(p for path in sys.path if path not in ("", own) for p in Path(path).glob("dolma/dolma.*.so"))
    spec = importlib.util.spec_from_file_location("dolma", folder)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(kind: str, folder: Path, files: list[str]) -> None:
    paragraphs: dict[str, Any] = {"attribute_name": kind, "paragraph_separator": "\n"}
    if kind == "ngram":
        ngrams = {"ngram_length": 13, "stride": 0, "overlap_threshold": 0.8, "skip_short_paragraphs": True}
        paragraphs["by_ngram"] = ngrams
    bloom = {"file": str(folder / "bloom.bin"), "read_only": False, "size_in_bytes": 0}
    config = {
        "documents": files,
        "work_dir": {"input": str(folder / "in"), "output": str(folder / "out")},
        "dedupe": {
            "name": kind,
            "skip_empty": True,
            "min_length": 0,
            "min_words": 0,
            "num_partitions": 1,
            "partition_index": 0,
            "file_partition": False,
            "document_dir": "documents",
            "paragraphs": paragraphs,
        },
        "bloom_filter": bloom | {"estimated_doc_count": ELEMENTS[kind], "desired_false_positive_rate": 0.001},
        "processes": 1,
        "is_s3_volume": False,
    }
    load().deduper_entrypoint(json.dumps(config))
    if len(list((folder / "attributes" / kind).iterdir())) != len(files):
        raise SystemExit("dolma did not write attributes for every file")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
