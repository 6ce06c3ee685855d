"""Do our statistics of ROOTS equal its own functions?

    python benchmarks/parity/roots.py --data DIR --peer CLONE [--peer-venv DIR]

CLONE is a checkout of github.com/bigscience-workshop/data-preparation (its functions are run, in an environment of their own,
with the version of `emoji` they name). Printed per statistic: the share of documents on which both agree to 1e-9, as shipped and
with our words and special characters given to theirs, and the same for the verdict at the English cutoff. A difference that the
second run ends is thereby explained.
"""

from __future__ import annotations

from collections.abc import Sequence

import _parity as parity
import pyarrow as pa
from _parity import harness

from tamis.data.scores.roots import CUTOFFS, RootsQuality

REQUIREMENTS = ("emoji==1.6.1", "pandas", "numpy")
FOLDER = "preprocessing/training/01b_oscar_cleaning_and_filtering"
LISTED = ("the", "of", "and", "la", "de", "et", "y", "der", "die", "и", "در", "的")
NAMES = ("words", "character_repetition", "word_repetition", "special_characters", "stop_word_share", "flagged_word_share")


def verdicts(rows: Sequence[Sequence[float]]) -> list[list[bool]]:
    cut = CUTOFFS["en"]
    most = (cut.character_repetition, cut.word_repetition, cut.special_characters)
    return [
        [
            row[0] >= cut.min_words,
            *(value <= bound for value, bound in zip(row[1:4], most, strict=True)),
            row[4] >= cut.stop_words,
            row[5] <= cut.flagged_words,
        ]
        for row in rows
    ]


def main() -> None:
    options = parity.arguments(__doc__ or "", "bigscience-workshop/data-preparation")
    python = harness.peer_python(options.peer_venv, "roots", REQUIREMENTS)
    texts = [document.text for document in parity.documents(options.data)]
    batch = RootsQuality(LISTED, LISTED).score_batch(pa.array(texts, pa.large_string()))
    ours = list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    lines = [list(LISTED), *texts]
    shipped, equal = (parity.answers(python, "_roots.py", (options.peer / FOLDER, mode), lines) for mode in ("shipped", "equal"))
    parity.agreement(NAMES, {"value, shipped": (ours, shipped), "value, equal words": (ours, equal)})
    judged = verdicts(ours)
    parity.agreement(NAMES, {"verdict, shipped": (judged, verdicts(shipped)), "verdict, equal words": (judged, verdicts(equal))})
    if options.golden:
        answers = parity.answers(python, "_roots.py", (options.peer / FOLDER, "equal"), [list(LISTED), *parity.invented()])
        parity.write_golden("roots", [f"RootsQuality.{name}" for name in NAMES], answers)


if __name__ == "__main__":
    main()
