"""Peak memory: of row-wise steps when the input grows ten times, and of whole-corpus steps a document.

    python benchmarks/memory.py [--data DIR]

Row-wise: `tamis build` with scores and rules on 12 MB and on 120 MB of text as .jsonl, one worker. Dedup: `tamis build` with
MinHash on 200,000 and on 1,200,000 short texts, all different; the growth a document is set beside what the steps state (10
bytes a band for up to two million rows, and 20 a row). Order: what `train/pack.py` takes for 1 and 3 million documents, its
growth beside the stated 24 bytes a document. The ratio of a line is the stated or smaller figure over the measured one: 1 is
as promised.
"""

from __future__ import annotations

import itertools
import json
import shutil
import sys
import tempfile
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from random import Random

import _harness as harness
import numpy as np
import numpy.typing as npt

SMALL, LARGE = 12_000_000, 120_000_000
FEW, MANY = 200_000, 1_200_000
DEDUP_BYTES = 10 * 14 + 20
ORDER_BYTES = 24
ORDERED = 1_000_000, 3_000_000
DECLARATION = """
from tamis import Dataset
from tamis.data.scores import c4, fineweb, gopher

kept = Dataset.jsonl("docs.jsonl").keep(*gopher.repetition(), *gopher.quality(), *c4.quality(), *fineweb.quality())
unique = Dataset.jsonl("docs.jsonl").dedup()
"""


def build(name: str, texts: Iterable[str]) -> int:
    """Peak memory of `tamis build` in bytes."""
    place = Path(tempfile.mkdtemp())
    with (place / "docs.jsonl").open("w") as file:
        for text in texts:
            file.write(json.dumps({"text": text}) + "\n")
    (place / "dataset.py").write_text(DECLARATION)
    flags = ("--store", place / "store", "--data", place, "--workers", "1")
    cost = harness.spend([sys.executable, "-m", "tamis", "build", f"{place}/dataset.py:{name}", "--to", place / "out", *flags])
    shutil.rmtree(place)
    return cost.memory


def pages(texts: list[str], size: int) -> Iterable[str]:
    """Texts again and again, each with a number before it, up to `size` bytes."""
    written = 0
    for number, text in enumerate(itertools.cycle(texts)):
        if written >= size:
            return
        written += len(text.encode())
        yield f"{number} {text}"


def short(count: int) -> Iterable[str]:
    random = Random(3)
    return (" ".join(f"w{random.randrange(100_000)}" for _ in range(24)) for _ in range(count))


def order(documents: int) -> int:
    """Peak bytes for the order of one epoch: lengths and keys included, ids read in pieces."""
    from tamis.train.pack import _lay_out

    rows = np.empty(1000, np.int64)
    tracemalloc.start()
    lengths = np.random.default_rng(0).integers(5, 400, documents, np.uint32)
    _lay_out(_keys(documents), lengths, rows, 0, 256)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _keys(documents: int) -> npt.NDArray[np.uint64]:
    from tamis.train.order import document_keys

    keys = np.empty(documents, np.uint64)
    for start in range(0, documents, 1 << 14):
        part = keys[start : start + (1 << 14)]
        part[:] = document_keys(np.random.default_rng(start).integers(0, 256, (len(part), 16), np.uint8), 0, 0)
    return keys


def line(name: str, ours: float, peer: float, peer_name: str) -> str:
    return json.dumps(
        {"name": name, "ours": round(ours, 1), "peer": peer, "peer_name": peer_name, "ratio": round(peer / ours, 3), "unit": "B"}
    )


def main() -> None:
    options = harness.arguments(__doc__ or "").parse_args()
    texts = [t for t in harness.documents(options.data) if len(t) < 100_000]
    build("kept", pages(texts, SMALL // 10))  # compiles the kernels
    build("unique", short(FEW // 10))
    small, large = (build("kept", pages(texts, size)) for size in (SMALL, LARGE))
    few, many = (build("unique", short(count)) for count in (FEW, MANY))
    growth = (many - few) / (MANY - FEW)
    less, more = map(order, ORDERED)
    ordered = (more - less) / (ORDERED[1] - ORDERED[0])
    print(f"rules         {SMALL / 1e6:5.0f} MB of text     peak {small / 1e6:6.0f} MB")
    print(f"rules         {LARGE / 1e6:5.0f} MB of text     peak {large / 1e6:6.0f} MB")
    print(f"dedup         {FEW:>9,} texts    peak {few / 1e6:6.0f} MB")
    print(f"dedup         {MANY:>9,} texts    peak {many / 1e6:6.0f} MB    {growth:5.0f} B a text, stated {DEDUP_BYTES}")
    print(f"order         {ORDERED[1]:>9,} texts    {ordered:.1f} B a text, stated {ORDER_BYTES}\n")
    print(line("memory-order", ordered, ORDER_BYTES, "stated, a document"))
    print(line("memory-dedup", growth, DEDUP_BYTES, "stated, a document"))
    print(line("memory", large, small, "a tenth of the input"))


if __name__ == "__main__":
    main()
