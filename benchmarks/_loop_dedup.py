"""Loops that a user would write around orjson and xxhash; started by exact.py and paragraph.py with the peer's interpreter.

    python _loop_dedup.py exact|paragraph FILE...

Texts, or the lines of at least 20 bytes that texts have, are looked up in a set of hashes or a Bloom filter (rbloom). Nothing
is written: the number of repetitions is printed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
import xxhash
from rbloom import Bloom

LINES = 20_000_000
RATE = 0.001


def exact(files: list[Path]) -> int:
    seen: set[int] = set()
    rows = 0
    for file in files:
        with file.open("rb") as stream:
            for line in stream:
                rows += 1
                seen.add(xxhash.xxh3_128_intdigest(orjson.loads(line)["text"].encode()))
    return rows - len(seen)


def paragraph(files: list[Path]) -> int:
    seen = Bloom(LINES, RATE)
    repeated = 0
    for file in files:
        with file.open("rb") as stream:
            for line in stream:
                for part in orjson.loads(line)["text"].encode().split(b"\n"):
                    part = part.strip()
                    if len(part) >= 20:
                        hash = xxhash.xxh3_64_intdigest(part)
                        if hash in seen:
                            repeated += 1
                        else:
                            seen.add(hash)
    return repeated


if __name__ == "__main__":
    print({"exact": exact, "paragraph": paragraph}[sys.argv[1]]([Path(path) for path in sys.argv[2:]]))
