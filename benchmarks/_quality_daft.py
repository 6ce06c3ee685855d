"""Near-duplicates with Daft's own MinHash; started by dedup_quality.py with the peer's interpreter.

    python _quality_daft.py OUT FILE...

As its tutorial does: text normalised and signed by Daft, 14 bands of 8 rows, rows that share a band joined by union-find, the
first of each cluster kept. Bands and clusters are a loop of ours: the list functions that the tutorial uses are gone.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import daft
import numpy as np

BANDS, ROWS = 14, 8


def root(parent: list[int], row: int) -> int:
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = parent[row]
    return row


def main(out: Path, files: list[Path]) -> None:
    rows = [json.loads(line) for file in files for line in file.open("rb")]
    frame = daft.from_pydict({"id": [row["id"] for row in rows], "text": [row["text"] for row in rows]})
    clean = daft.functions.normalize(frame["text"], remove_punct=True, lowercase=True, nfd_unicode=True, white_space=True)
    signed = daft.functions.minhash(clean, num_hashes=BANDS * ROWS, ngram_size=5, seed=1)
    table = frame.select(frame["id"], signed.alias("signature")).to_arrow()
    signatures = np.array(table.column("signature").to_pylist(), np.uint32).reshape(len(rows), BANDS, ROWS)
    parent = list(range(len(rows)))
    for band in range(BANDS):
        first: dict[bytes, int] = {}
        for row in range(len(rows)):
            a, b = root(parent, first.setdefault(signatures[row, band].tobytes(), row)), root(parent, row)
            parent[max(a, b)] = min(a, b)
    ids = table.column("id").to_pylist()
    (out / "kept").mkdir()
    kept = [ids[row] for row in range(len(rows)) if root(parent, row) == row]
    (out / "kept" / "ids.jsonl").write_text("".join(json.dumps({"id": id}) + "\n" for id in kept))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
