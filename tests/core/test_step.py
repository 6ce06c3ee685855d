"""Steps: their graph, their names, and what they let an operator touch."""

from __future__ import annotations

from pathlib import Path

import pytest
from machines import Double, Numbers

from tamis.core.errors import TamisError
from tamis.core.runner import Local, run
from tamis.core.step import Operator, Output, Step, Where, kebab, walk
from tamis.core.store import Store


@pytest.mark.parametrize(
    ("name", "label"),
    [("GopherQuality", "gopher-quality"), ("C4Quality", "c4-quality"), ("BPE", "bpe"), ("HTMLText", "html-text"), ("", "step")],
)
def test_labels(name: str, label: str) -> None:
    assert kebab(name) == label


def test_walk_names_each_step_once_inputs_first() -> None:
    numbers = Step(Numbers())
    left, right = Step(Double(), (numbers,)), Step(Double(), (Step(Numbers()),))
    assert left == right
    assert [s.label for s in walk([left, right])] == ["numbers", "double"]


def test_a_published_step_gives_only_what_its_manifest_lists(tmp_path: Path) -> None:
    (made,) = run([Step(Numbers(shards=1))], Store(tmp_path), Local(1), Where())
    (made.path / "extra.bin").write_bytes(b"")
    with pytest.raises(TamisError, match=r"has no file extra\.bin"):
        made.file("extra.bin")
    assert made.facts == {"rows": 4}


@pytest.mark.parametrize("name", ["manifest.json", "receipt.json", ".dot", "a/b"])
def test_reserved_names(name: str, tmp_path: Path) -> None:
    with pytest.raises(TamisError, match="may not write a file named"):
        Output(tmp_path, tmp_path / "scratch").path(name)


def test_facts_that_cannot_be_added_need_a_summary() -> None:
    assert Operator().summary([{"rows": 1}, {"rows": 2, "bytes": 3}]) == {"rows": 3, "bytes": 3}
    with pytest.raises(TypeError, match="must say how name is combined"):
        Operator().summary([{"name": "a"}])
