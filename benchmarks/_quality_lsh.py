"""Near-duplicates with the MinHash and LSH of rensa or datasketch; started by dedup_quality.py with the peer's interpreter.

    python _quality_lsh.py rensa|datasketch OUT FILE...

The usual loop: sets of 5 words in a row (lower case, cut at white space), 14 bands of 8 rows; a document that shares a band with
one that was kept goes, any other is kept and put into the index.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

BANDS, ROWS, NGRAM = 14, 8, 5


def shingles(text: str) -> set[str]:
    words = text.lower().split()
    return {" ".join(words[k : k + NGRAM]) for k in range(max(1, len(words) - NGRAM + 1))}


def rensa() -> tuple[Callable[[str], Any], Any]:
    """How a text is signed, and an index."""
    from rensa import RMinHash, RMinHashLSH

    def sign(text: str) -> Any:
        signature = RMinHash(num_perm=BANDS * ROWS, seed=1)
        signature.update(list(shingles(text)))
        return signature

    return sign, RMinHashLSH(threshold=0.8, num_perm=BANDS * ROWS, num_bands=BANDS)


def datasketch() -> tuple[Callable[[str], Any], Any]:
    """How a text is signed, and an index."""
    from datasketch import MinHash, MinHashLSH

    def sign(text: str) -> Any:
        signature = MinHash(num_perm=BANDS * ROWS, seed=1)
        signature.update_batch([shingle.encode() for shingle in shingles(text)])
        return signature

    return sign, MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))


def kept(files: list[Path], sign: Callable[[str], Any], index: Any) -> Iterator[str]:
    """Ids of the documents that stay."""
    number = 0
    for file in files:
        for line in file.open("rb"):
            row, number = json.loads(line), number + 1
            signature = sign(row["text"])
            if not index.query(signature):
                index.insert(number, signature)
                yield row["id"]


def main(program: str, out: Path, files: list[Path]) -> None:
    sign, index = rensa() if program == "rensa" else datasketch()
    (out / "kept").mkdir()
    (out / "kept" / "ids.jsonl").write_text("".join(json.dumps({"id": id}) + "\n" for id in kept(files, sign, index)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]])
