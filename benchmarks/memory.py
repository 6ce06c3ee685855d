"""Peak memory of row-wise steps when the input grows ten times.

    python benchmarks/memory.py [--data DIR]

`tamis build` with scores and rules (no whole-corpus step) on 12 MB and on 120 MB of text as .jsonl, one worker. The ratio in
the last line is peak on the small input over peak on the large one: 1 is flat.
"""

from __future__ import annotations

import itertools
import json
import shutil
import sys
import tempfile
from pathlib import Path

import _harness as harness

SMALL, LARGE = 12_000_000, 120_000_000
DECLARATION = """
from tamis import Dataset
from tamis.data.scores import c4, fineweb, gopher

kept = Dataset.jsonl("docs.jsonl").keep(*gopher.repetition(), *gopher.quality(), *c4.quality(), *fineweb.quality())
"""


def peak(texts: list[str], size: int) -> tuple[int, int]:
    """Bytes of text written, peak memory in bytes."""
    place = Path(tempfile.mkdtemp())
    written = 0
    with (place / "docs.jsonl").open("w") as file:
        for number, text in enumerate(itertools.cycle(texts)):
            if written >= size:
                break
            file.write(json.dumps({"text": f"{number} {text}"}) + "\n")
            written += len(text.encode())
    (place / "dataset.py").write_text(DECLARATION)
    flags = ("--store", place / "store", "--data", place, "--workers", "1")
    cost = harness.spend([sys.executable, "-m", "tamis", "build", f"{place}/dataset.py:kept", "--to", place / "out", *flags])
    shutil.rmtree(place)
    return written, cost.memory


def main() -> None:
    options = harness.arguments(__doc__ or "").parse_args()
    texts = [t for t in harness.documents(options.data) if len(t) < 100_000]
    results = [peak(texts, size) for size in (SMALL, LARGE)]
    for written, memory in results:
        print(f"{written / 1e6:8.1f} MB of text   peak {memory / 1e6:8.1f} MB")
    (_, small), (_, large) = results
    line = {
        "name": "memory",
        "ours": large,
        "peer": small,
        "peer_name": "a tenth of the input",
        "ratio": small / large,
        "unit": "B",
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
