"""N-gram deduplication with a Bloom filter, 13 words, overlap .8, against dolma and datatrove.

    python benchmarks/bloom.py [--data DIR]

Ours alone is the steps that decide: a published text in, the marked ranges of every row out, in order of id; the counting pass
that sizes the filter is part of it. dolma reads .jsonl.gz and writes ranges of paragraphs; datatrove judges whole documents and
writes what is kept, on a fixed 20 MB sample, with a filter of 128 MB.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import _deciding as deciding
import _harness as harness
from exact import DATATROVE, Datatrove
from paragraph import DOLMA, Dolma

NAMES = ["NgramBloom()", "NgramBloom(dclm_compat=True)"]


def main() -> None:
    options = harness.arguments(__doc__ or "").parse_args()
    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        dolma, trove = (harness.peer_python(None, name, need) for name, need in (("dolma", DOLMA), ("datatrove", DATATROVE)))
        texts = harness.documents(options.data)
        corpus = harness.write_corpus(texts, work / "whole")
        sample = harness.write_corpus(texts, work / "sample", harness.SAMPLE)
        ours, runs = deciding.measure(work, corpus, NAMES)
        version, flags = harness.peer_version(trove, "datatrove"), "whole documents"
        peers = [
            harness.measure(
                "dolma", harness.peer_version(dolma, "dolma"), ".jsonl.gz", corpus, Dolma("ngram", dolma, work), ".jsonl"
            ),
            harness.measure("datatrove", version, flags, sample, Datatrove("bloom", trove, work), ".jsonl"),
        ]
        for name in NAMES:
            facts = runs[name].facts
            print(
                f"{name}: {facts['marked_lines']:,} of {facts['lines']:,} lines go, {facts['marked_texts']:,} texts whole; "
                f"filter {facts['filter_bytes'] / 1e6:.0f} MB, false positives measured {facts['false_positives']:.5f}"
            )
        comparisons = [harness.compare("bloom", ours[0], peer) for peer in reversed(peers)]
        harness.report("N-grams, Bloom filter", [*ours, *peers], comparisons)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
