"""Run dolma's Bloom filter over 13-word n-grams of paragraphs; started by dedup_quality.py with the peer's interpreter.

    python _quality_dolma.py OUT FILE...

Its compiled deduplicator marks paragraphs of which 80 % of the n-grams came before; it knows no near-duplicate documents. The
nearest thing to a verdict: a document goes when 80 % of its characters are marked. Only the compiled part of the package is
loaded: its Python part needs dozens of packages to hand this configuration on.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

SHARE = 0.8
NAME = "overlap"
NGRAMS = 20_000_000  # room for the n-grams of some 100 MB


def load() -> Any:
    """The compiled module."""
    own = str(Path(__file__).parent)
    folder = next(p for path in sys.path if path not in ("", own) for p in Path(path).glob("dolma/dolma.*.so"))
    spec = importlib.util.spec_from_file_location("dolma", folder)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(out: Path, files: list[Path]) -> None:
    (out / "documents").mkdir()
    inputs = [out / "documents" / f"{number}.jsonl.gz" for number in range(len(files))]
    for place, file in zip(inputs, files, strict=True):
        with gzip.open(place, "wb", compresslevel=1) as stream:
            stream.write(file.read_bytes())
    ngrams = {"ngram_length": 13, "stride": 0, "overlap_threshold": 0.8, "skip_short_paragraphs": False}
    bloom = {"file": str(out / "bloom.bin"), "read_only": False, "size_in_bytes": 0}
    config = {
        "documents": list(map(str, inputs)),
        "work_dir": {"input": str(out / "in"), "output": str(out / "out")},
        "dedupe": {
            "name": NAME,
            "skip_empty": True,
            "min_length": 0,
            "min_words": 0,
            "num_partitions": 1,
            "partition_index": 0,
            "file_partition": False,
            "document_dir": "documents",
            "paragraphs": {"attribute_name": NAME, "by_ngram": ngrams, "paragraph_separator": "\n"},
        },
        "bloom_filter": bloom | {"estimated_doc_count": NGRAMS, "desired_false_positive_rate": 1e-5},
        "processes": 1,
        "is_s3_volume": False,
    }
    load().deduper_entrypoint(json.dumps(config))
    (out / "kept").mkdir()
    with (out / "kept" / "ids.jsonl").open("w") as kept:
        for file, place in zip(files, inputs, strict=True):
            with file.open("rb") as rows, gzip.open(out / "attributes" / NAME / place.name) as marks:
                for row, marked in zip(map(json.loads, rows), map(json.loads, marks), strict=True):
                    gone = sum(end - start for start, end, _ in marked["attributes"][NAME])
                    if row["id"] != marked["id"]:
                        raise SystemExit("dolma's attributes lie in another order than the documents")
                    if gone < SHARE * len(row["text"]):
                        kept.write(json.dumps({"id": row["id"]}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
