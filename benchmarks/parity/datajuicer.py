"""Do our statistics equal those of data-juicer, where the quantity is the same?

    python benchmarks/parity/datajuicer.py --data DIR [--peer-venv DIR]

Printed per statistic: the share of documents on which both agree to 1e-9, with its filters as shipped and with our words, lines
and special characters given to them. A difference that the second run ends is thereby explained. The peer downloads packages
that it misses when it is imported.
"""

from __future__ import annotations

import _parity as parity
import pyarrow as pa
from _parity import harness

from tamis.data.scores.code import CodeQuality
from tamis.data.scores.roots import RootsQuality

REQUIREMENTS = ("py-data-juicer==1.6.1", "aiohttp")
CODE = ("characters", "alphanumeric", "longest_line")
ROOTS = ("words", "character_repetition", "word_repetition", "special_characters")


def main() -> None:
    options = parity.arguments(__doc__ or "")
    python = harness.peer_python(options.peer_venv, "datajuicer", REQUIREMENTS)
    texts = [document.text for document in parity.documents(options.data)]
    given = pa.array(texts, pa.large_string())
    code, roots = CodeQuality().score_batch(given), RootsQuality().score_batch(given)
    columns = [code.column(name).to_pylist() for name in CODE] + [roots.column(name).to_pylist() for name in ROOTS]
    ours = list(zip(*columns, strict=True))
    theirs = {mode: parity.answers(python, "_datajuicer.py", (mode,), texts) for mode in ("shipped", "equal")}
    names = [f"CodeQuality.{name}" for name in CODE] + [f"RootsQuality.{name}" for name in ROOTS]
    if options.golden:
        parity.write_golden("data-juicer", names, parity.answers(python, "_datajuicer.py", ("equal",), parity.invented()))
    parity.agreement(names, {"as shipped": (ours, theirs["shipped"]), "equal words": (ours, theirs["equal"])})


if __name__ == "__main__":
    main()
