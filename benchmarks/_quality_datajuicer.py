"""Run data-juicer's document_minhash_deduplicator; started by dedup_quality.py with the peer's interpreter.

    python _quality_datajuicer.py OUT FILE...

14 bands of 8 rows over 5 words cut at white space, in lower case; everything else as shipped.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from data_juicer.core.data import NestedDataset
from data_juicer.ops.deduplicator.document_minhash_deduplicator import DocumentMinhashDeduplicator
from datasets import Dataset


def main(out: Path, files: list[Path]) -> None:
    rows = [json.loads(line) for file in files for line in file.open("rb")]
    dataset = NestedDataset(Dataset.from_list(rows))
    op = DocumentMinhashDeduplicator("space", 5, num_permutations=112, num_bands=14, num_rows_per_band=8)
    kept, _ = op.process(dataset.map(op.compute_hash))
    (out / "kept").mkdir()
    (out / "kept" / "ids.jsonl").write_text("".join(json.dumps({"id": id}) + "\n" for id in kept["id"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
