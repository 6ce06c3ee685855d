"""Do our statistics of ROOTS equal its own functions?

    python benchmarks/parity/roots.py --data DIR --peer CLONE [--peer-venv DIR]

CLONE is a checkout of github.com/bigscience-workshop/data-preparation (its functions are run, in an environment of their own,
with the version of `emoji` they name). Documents: a spread of `text`, `multilingual` and `code`, in every script there is.
Printed per statistic: the share of documents on which both agree to 1e-9, as shipped and with our words and special characters
given to theirs, and the same for the verdict at the English cutoff. A difference that the second run ends is thereby explained.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import _harness as harness
import pyarrow as pa
import zstandard

from tamis.data.scores.roots import CUTOFFS, RootsQuality

REQUIREMENTS = ("emoji==1.6.1", "pandas", "numpy")
FOLDER = "preprocessing/training/01b_oscar_cleaning_and_filtering"
LISTED = ("the", "of", "and", "la", "de", "et", "y", "der", "die", "и", "در", "的")
EACH = 400  # documents of a file
LENGTH = 20_000
NAMES = ("words", "character_repetition", "word_repetition", "special_characters", "stop_word_share", "flagged_word_share")


def documents(data: Path) -> list[str]:
    """Up to EACH texts of every file, evenly spread."""
    out: list[str] = []
    for folder in ("text", "multilingual", "code"):
        for path in sorted((data / folder).glob("*.jsonl.zst")):
            with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
                rows = [line for line in stream.read().split(b"\n") if line]
            out += [json.loads(row)["text"][:LENGTH] for row in rows[:: max(1, len(rows) // EACH)][:EACH]]
    return out


def scripts(texts: list[str]) -> Counter[str]:
    """Documents by the first word of the Unicode name of their most frequent kind of letter."""
    import unicodedata

    out: Counter[str] = Counter()
    for text in texts:
        kinds = Counter(unicodedata.name(c, "?").split()[0] for c in text[:2000] if c.isalpha())
        out.update(name for name, _ in kinds.most_common(1))
    return out


def theirs(python: Path, clone: Path, mode: str, texts: list[str]) -> list[list[float]]:
    command = [str(python), str(Path(__file__).with_name("_roots.py")), str(clone / FOLDER), mode]
    lines = "\n".join(map(json.dumps, [list(LISTED), *texts]))
    done = subprocess.run(command, input=lines + "\n", capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{FOLDER} failed:\n{done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def passes(values: Any) -> list[bool]:
    cut = CUTOFFS["en"]
    return [
        values[0] >= cut.min_words,
        values[1] <= cut.character_repetition,
        values[2] <= cut.word_repetition,
        values[3] <= cut.special_characters,
        values[4] >= cut.stop_words,
        values[5] <= cut.flagged_words,
    ]


def main() -> None:
    parser = harness.arguments(__doc__ or "")
    parser.add_argument("--peer", type=Path, required=True, help="checkout of bigscience-workshop/data-preparation")
    options = parser.parse_args()
    if options.data is None:
        raise SystemExit("--data DIR is needed: parity is shown on real documents")
    python = harness.peer_python(options.peer_venv, "roots", REQUIREMENTS)
    texts = documents(options.data)
    found = scripts(texts)
    print(f"{len(texts)} documents, {len(found)} scripts: " + ", ".join(f"{s.lower()} {n}" for s, n in found.most_common(12)))
    batch = RootsQuality(LISTED, LISTED).score_batch(pa.array(texts, pa.large_string()))
    ours = list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    print(f"\n{'agreement on':<24}{'as shipped':>12}{'verdict':>10}{'equal words':>14}{'verdict':>10}")
    runs = {mode: theirs(python, options.peer, mode, texts) for mode in ("shipped", "equal")}
    for i, name in enumerate(NAMES):
        cells = []
        for values in runs.values():
            same = sum(abs(a[i] - b[i]) < 1e-9 for a, b in zip(ours, values, strict=True)) / len(texts)
            verdicts = sum(passes(a)[i] == passes(b)[i] for a, b in zip(ours, values, strict=True)) / len(texts)
            cells += [f"{same:.2%}", f"{verdicts:.2%}"]
        print(f"{name:<24}{cells[0]:>12}{cells[1]:>10}{cells[2]:>14}{cells[3]:>10}")


if __name__ == "__main__":
    main()
