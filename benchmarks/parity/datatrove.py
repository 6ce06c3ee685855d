"""Do our rules of Gopher, C4 and FineWeb judge as datatrove's filters do?

    python benchmarks/parity/datatrove.py --data DIR [--peer-venv DIR]

Printed per rule: the share of documents on which the verdicts agree, with datatrove as shipped (words and sentences by spaCy) and
with our words, lines and sentences and the patches of `_datatrove.py`. The second run must be 100 %: it explains the first. C4 is
compared at our bounds (5 words a line, 3 sentences a page), which datatrove takes as options.
"""

from __future__ import annotations

from typing import Any

import _parity as parity
import pyarrow as pa
from _parity import harness

from tamis.data.score import Rule
from tamis.data.scores import c4, fineweb, gopher
from tamis.kernels.unicode import STOP, flags

REQUIREMENTS = ("datatrove[io,processing]==0.10.1", "spacy==3.8.18")
RULES = (*gopher.quality(), *gopher.repetition(), *c4.quality(), *fineweb.quality())


def ours(texts: list[str]) -> tuple[list[str], list[tuple[bool, ...]]]:
    """The names of the rules, and the verdict of each on every text; both of Gopher's symbols are one rule to datatrove."""
    batches = {score: score.score_batch(pa.array(texts, pa.large_string())) for score in {rule.field.score for rule in RULES}}
    columns: dict[str, list[bool]] = {}
    for rule in RULES:
        values = batches[rule.field.score].column(rule.field.name).to_pylist()
        name = "symbols" if rule.field.name in ("hash_ratio", "ellipsis_ratio") else rule.reason
        before = columns.get(name, [True] * len(texts))
        columns[name] = [known and inside(rule, value) for known, value in zip(before, values, strict=True)]
    return list(columns), list(zip(*columns.values(), strict=True))


def inside(rule: Rule, value: Any) -> bool:
    return (rule.min is None or value >= rule.min) and (rule.max is None or value <= rule.max)


def main() -> None:
    options = parity.arguments(__doc__ or "")
    python = harness.peer_python(options.peer_venv, "datatrove", REQUIREMENTS)
    texts = [document.text for document in parity.documents(options.data) if document.text.strip()]
    stops = [chr(point) for point in range(len(flags())) if flags()[point] & STOP]
    names, mine = ours(texts)
    theirs = {mode: parity.answers(python, "_datatrove.py", (mode,), [stops, *texts]) for mode in ("shipped", "equal")}
    if options.golden:
        parity.write_golden("datatrove", names, parity.answers(python, "_datatrove.py", ("equal",), [stops, *parity.invented()]))
    parity.agreement(names, {"as shipped": (mine, theirs["shipped"]), "equal words, patched": (mine, theirs["equal"])})
    kept = {"ours": mine, "as shipped": theirs["shipped"]}
    print("\nkept by all rules: " + ", ".join(f"{name} {sum(map(all, rows)):,}" for name, rows in kept.items()))


if __name__ == "__main__":
    main()
