"""Planning: how long it takes to lay out and key a plan of 200 steps and more, with source hashes known.

    python benchmarks/planning.py [--data DIR]

CPU-seconds of making every key, after a first plan has hashed the sources; imports are not counted. The ratio is the bound
(one second)
over what was measured.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import _harness as harness

from tamis import BPE, Arm, BitsPerByte, Dataset, Experiment, ladder
from tamis.core.step import walk
from tamis.data.scores import gopher
from tamis.experiment.plan import Plan

BOUND = 1.0


def experiment() -> Experiment:
    base = Dataset.jsonl("docs*.jsonl").keep(*gopher.quality())
    return Experiment(
        name="planning",
        question="How long does a plan take?",
        arms=tuple(Arm(f"top-{i}", base.top(gopher.GopherQuality().words, fraction=1 - i / 10)) for i in range(4)),
        tokenizer=BPE(2048),
        recipes=ladder("0.1M", "0.33M", "1M"),
        seeds=(0, 1, 2, 3, 4),
        tasks=(BitsPerByte("target", source=Dataset.jsonl("docs0.jsonl")),),
    )


def main() -> None:
    harness.arguments(__doc__ or "").parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for i in range(10):
            (Path(folder) / f"docs{i}.jsonl").write_text(json.dumps({"text": f"document {i}"}) + "\n")
        seconds = []
        for _ in range(2):
            start = time.process_time()
            plan = Plan(experiment(), Path(folder), Path(folder) / "hashes.sqlite")
            steps = walk([*plan.data_steps, *plan.score_steps])
            keys = {step.key for step in steps}
            seconds.append(time.process_time() - start)
    print(f"{len(keys)} steps planned in {seconds[-1]:.3f} CPU-s (first time, hashing the sources: {seconds[0]:.3f})")
    line = {
        "name": "planning",
        "ours": seconds[-1],
        "peer": BOUND,
        "peer_name": "bound",
        "ratio": BOUND / seconds[-1],
        "unit": "s",
    }
    print(json.dumps(line | {"steps": len(keys)}))


if __name__ == "__main__":
    main()
