"""Do our statistics of Dolma equal its own taggers?

    python benchmarks/parity/dolma.py --data DIR [--peer-venv DIR]

Printed per statistic: the share of documents on which both agree to 1e-9, and on which the verdicts of the rule agree, with the
taggers as shipped and with our lines given to them. The second run must be 100 %: it explains the differences of the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import _parity as parity
import pyarrow as pa
from _parity import harness

from tamis.data.edit import Drop
from tamis.data.edits.lines import PunctuatedLines
from tamis.data.score import Rule
from tamis.data.scores import dolma

REQUIREMENTS = ("--no-deps", "dolma==1.2.1", "numpy<3")
RULES = (*dolma.quality(), *dolma.repetition())


def ours(texts: list[str]) -> list[tuple[Any, ...]]:
    """The bounded column of every rule, and the text of the lines that stay."""
    batches = {score: score.score_batch(pa.array(texts, pa.large_string())) for score in {rule.field.score for rule in RULES}}
    columns = [batches[rule.field.score].column(rule.field.name).to_pylist() for rule in RULES]
    columns[-1] = [times if times > 2 else 0 for times in columns[-1]]  # Dolma reports no loop of two
    edits = (PunctuatedLines().edit(text) for text in texts)
    return list(zip(*columns, ("" if isinstance(text, Drop) else text for text in edits), strict=True))


def verdicts(rows: Sequence[Sequence[Any]]) -> list[list[bool]]:
    return [[inside(rule, value) for rule, value in zip(RULES, row, strict=False)] for row in rows]


def inside(rule: Rule, value: float) -> bool:
    return (rule.min is None or value >= rule.min) and (rule.max is None or value <= rule.max)


def main() -> None:
    options = parity.arguments(__doc__ or "")
    python = harness.peer_python(options.peer_venv, "dolma", REQUIREMENTS)
    texts = [document.text for document in parity.documents(options.data)]
    mine = ours(texts)
    theirs = {mode: parity.answers(python, "_dolma.py", (mode,), texts) for mode in ("shipped", "lines")}
    for rows in theirs.values():
        for row in rows:
            row[-1] = row[-1].removesuffix("\n")
    if options.golden:
        columns = [f"{type(rule.field.score).__name__}.{rule.field.name}" for rule in RULES[:-1]]
        parity.write_golden("dolma", columns, parity.answers(python, "_dolma.py", ("lines",), parity.invented()))
    names = [*(rule.field.name for rule in RULES), "text of punctuated lines"]
    parity.agreement(names, {"value, shipped": (mine, theirs["shipped"]), "value, our lines": (mine, theirs["lines"])})
    judged = verdicts(mine)
    parity.agreement(
        names[:-1],
        {"verdict, shipped": (judged, verdicts(theirs["shipped"])), "verdict, our lines": (judged, verdicts(theirs["lines"]))},
    )


if __name__ == "__main__":
    main()
