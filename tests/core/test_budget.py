"""A step that cannot fit is refused before it starts, in one line that says how much it needs and how much there is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from tamis.core.budget import Needs, available_memory, readable
from tamis.core.errors import TamisError
from tamis.core.runner import Local, run
from tamis.core.step import Inputs, Operator, Output, Piece, Step, Where
from tamis.core.store import Store


@dataclass(frozen=True)
class Hungry(Operator):
    memory: int = 0
    disk: int = 0
    kind: ClassVar[str] = "note"

    def jobs(self, inputs: Inputs, where: Where) -> list[Piece]:
        return [Piece("all")]

    def needs(self, inputs: Inputs) -> Needs:
        return Needs(self.memory, self.disk)

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        out.path("ran").write_text("yes")


def test_what_fits_runs(tmp_path: Path) -> None:
    assert run([Step(Hungry(1, 1))], Store(tmp_path), Local(1), Where())[0].file("ran").read_text() == "yes"


@pytest.mark.parametrize(("op", "word"), [(Hungry(memory=10**17), "memory"), (Hungry(disk=10**17), "disk")])
def test_what_cannot_fit_is_refused_before_any_job(op: Hungry, word: str, tmp_path: Path) -> None:
    with pytest.raises(TamisError, match=rf"hungry needs 100000\.0 TB of {word} and .* (available|free)"):
        run([Step(op)], Store(tmp_path), Local(1), Where())
    assert not list(tmp_path.rglob("ran"))


def test_available_memory_is_a_sane_number() -> None:
    assert 10**7 < available_memory() < 10**14
    assert readable(1_500_000) == "1.5 MB" and readable(12) == "12 B" and readable(2.5e12) == "2.5 TB"
