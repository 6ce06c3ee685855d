"""The over-training paper's published numbers, from its table: right to four decimals, and sensitive to what they rest on."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tamis.core.errors import TamisError

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.fixture(scope="module")
def paper() -> ModuleType:
    sys.path.insert(0, str(EXPERIMENTS))
    try:
        spec = importlib.util.spec_from_file_location("over_training_paper", EXPERIMENTS / "over_training_paper.py")
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(EXPERIMENTS))


def test_the_four_published_numbers(real_data: Path, paper: ModuleType) -> None:
    made = paper.headline(paper.read(real_data))
    assert {key: round(value, 4) for key, value in made.items()} == paper.PUBLISHED


def test_one_per_cent_on_one_fitted_loss_changes_all_four(real_data: Path, paper: ModuleType) -> None:
    runs = paper.read(real_data)
    before = paper.headline(runs)
    place = next(i for i, run in enumerate(runs) if run.training_set == "rpj" and run.role == "loss_fit" and run.total > 4e8)
    losses = {**runs[place].losses, "c4_val": runs[place].losses["c4_val"] * 1.01}
    runs[place] = dataclasses.replace(runs[place], losses=losses)
    after = paper.headline(runs)
    assert all(abs(after[key] - before[key]) > 0.05 for key in before)


def test_a_missing_target_is_named(real_data: Path, paper: ModuleType) -> None:
    runs = [run for run in paper.read(real_data) if run.name != "rpj 1.4B M=640"]
    with pytest.raises(TamisError, match=r"lacks rpj 1\.4B M=640: 5 of 6"):
        paper.headline(runs)


def test_the_method_finds_the_warm_up_and_the_site_by_itself(real_data: Path, paper: ModuleType) -> None:
    method = paper.Method([run for run in paper.read(real_data) if run.small])
    dropped = {run.name.split(" ", 1)[1] for run, keep in zip(method.all_small, method.kept, strict=True) if not keep}
    assert dropped == {"0.079B M=5", "0.079B M=10", "0.154B M=5", "0.411B M=5"}
    assert method.warmup.effect > 0.05 and method.warmup.p < 0.01
    assert method.site("rpj", "c4_german")[0] < -0.1 and abs(method.site("rw", "c4_german")[0]) < 0.01
