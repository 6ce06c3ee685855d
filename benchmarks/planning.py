"""Planning: the CPU time to resolve about 200 steps (70 arms) when the sources' hashes are known.

    python benchmarks/planning.py [--data DIR]

`--data` is accepted like everywhere; planning reads no data but file sizes and times. There is no peer to compare with.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from tamis.core.step import walk
from tamis.data.dataset import Dataset, Resolver
from tamis.data.scores.gopher import GopherQuality

ARMS = 70


def plan(root: Path) -> tuple[int, float]:
    """Number of steps, and CPU seconds until all their keys are known."""
    source = Dataset.jsonl("docs.jsonl")
    start = time.process_time()
    resolver = Resolver(root, None, root / "hashes.sqlite")
    arms = [source.keep(GopherQuality().words, min=10 + i).sample(0.5, seed=i).dedup() for i in range(ARMS)]
    steps = walk([s for arm in arms for s in resolver.view(arm)])
    return len({s.key for s in steps}), time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="not read")
    parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "docs.jsonl").write_text(json.dumps({"text": "A text."}) + "\n")
        first, best = plan(Path(folder)), min(plan(Path(folder)) for _ in range(5))
    print(f"{best[0]} steps: {best[1]:.3f} CPU seconds ({first[1]:.3f} the first time, which loads what a plan needs)")
    print(json.dumps({"name": "planning", "ours": best[1], "peer": None, "peer_name": None, "ratio": None, "unit": "CPU s"}))


if __name__ == "__main__":
    main()
