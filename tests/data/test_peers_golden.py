"""What other programs say of the 200 invented documents, with our words and lines given to them, is what we say.

The file is written by `benchmarks/parity/*.py --golden`, which run the programs; it keeps the agreement found there without them.
A blank text is left out: some programs refuse it at every rule.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tamis.data.score import Rule, Score
from tamis.data.scores import c4, dclm, dolma, fineweb, gopher
from tamis.data.scores.code import CodeQuality
from tamis.data.scores.roots import RootsQuality

GOLDEN = Path(__file__).parents[1] / "golden"
TEXTS = [json.loads(line)["text"] for line in (GOLDEN / "scores.jsonl").read_text("utf-8").split("\n") if line]
PEERS: dict[str, dict[str, list[Any]]] = json.loads((GOLDEN / "peers.json").read_text("utf-8"))
LISTED = ("the", "of", "and", "la", "de", "et", "y", "der", "die", "и", "در", "的")  # as benchmarks/parity/roots.py has them
RULES = {
    "datatrove": (*gopher.quality(), *gopher.repetition(), *c4.quality(), *fineweb.quality()),
    "dclm": (*dclm.quality(dclm_compat=True), *dclm.repetition()),
    "dolma": (*dolma.quality(), *dolma.repetition()),
}
SCORES: dict[str, tuple[Score, ...]] = {
    "data-juicer": (CodeQuality(), RootsQuality()),
    "roots": (RootsQuality(LISTED, LISTED),),
    "dolma": tuple(dict.fromkeys(rule.field.score for rule in RULES["dolma"])),
}


def column(score: Score, name: str) -> list[Any]:
    values: list[Any] = score.score_batch(pa.array(TEXTS, pa.large_string())).column(name).to_pylist()
    return values


def passes(rule: Rule) -> list[bool]:
    low, high = (float("-inf") if rule.min is None else rule.min), (float("inf") if rule.max is None else rule.max)
    return [low <= value <= high for value in column(rule.field.score, rule.field.name)]


def ours(peer: str, name: str) -> list[Any]:
    """Our values for "Class.column", our verdicts for the reason of a rule."""
    for score in SCORES.get(peer, ()):
        for known in score.columns():
            if name == f"{type(score).__name__}.{known}":
                return column(score, known)
    rules = [rule for rule in RULES[peer] if name == rule.reason]
    if name == "symbols":  # one rule to datatrove
        rules = [rule for rule in RULES[peer] if rule.field.name in ("hash_ratio", "ellipsis_ratio")]
    assert rules, f"{peer}: {name}"
    return [all(each) for each in zip(*map(passes, rules), strict=True)]


@pytest.mark.parametrize("peer", sorted(PEERS))
def test_we_say_what_they_say(peer: str) -> None:
    for name, wanted in PEERS[peer].items():
        found = ours(peer, name)
        assert len(found) == len(wanted) == 200
        bad = [i for i, text in enumerate(TEXTS) if text.strip() and abs(found[i] - wanted[i]) > 1e-9]
        assert not bad, (
            f"{peer} {name}, document {bad[0]}: ours {found[bad[0]]}, theirs {wanted[bad[0]]}: {TEXTS[bad[0]][:200]!r}"
        )


def test_the_file_has_every_peer_and_both_verdicts() -> None:
    assert set(PEERS) >= {"data-juicer", "datatrove", "dclm", "dolma"}
    for rule in ("words", "copied_lines"):
        name = next(known for known in PEERS["dclm"] if f".{rule} " in known)
        assert set(PEERS["dclm"][name]) == {True, False}
