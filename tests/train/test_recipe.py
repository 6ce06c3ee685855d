"""Counts are exact and impossible recipes are refused with their name."""

from __future__ import annotations

import dataclasses
import math

import pytest

from tamis.core.errors import UsageError
from tamis.lm.model import Architecture
from tamis.train.optim import TRUNK, ticks
from tamis.train.recipe import Recipe, ladder, step_law

SHAPE = Architecture(32, 2, 2, 64, context=64)


def test_the_ladder_of_the_demo() -> None:
    small, large = ladder("0.1M", "0.33M")
    assert (small.parameters(2048), large.parameters(2048)) == (103_488, 332_608)
    assert ladder("1M")[0].parameters(2048) == 1_054_080
    assert (small.steps, small.batch, small.trained_tokens) == (390, 4, 399_360)
    assert small.learning_rate == pytest.approx(0.025, rel=0.01)
    assert large.learning_rate == pytest.approx(0.0108, rel=0.01)
    assert 3.8 < small.tokens_per_parameter(2048) < 3.9


@pytest.mark.parametrize(("size", "wanted"), [("3M", 3e6), ("10M", 1e7), ("100M", 1e8), ("1B", 1e9)])
def test_larger_sizes_come_near_their_name(size: str, wanted: float) -> None:
    (recipe,) = ladder(size, tokens_per_parameter=20, vocab_size=8192, context=1024)
    assert recipe.parameters(8192) == pytest.approx(wanted, rel=0.33)
    assert recipe.tokens_per_parameter(8192) == pytest.approx(20, rel=0.01)


def test_step_law_against_its_formula() -> None:
    rate, batch = step_law(10**8, 2 * 10**9)
    assert rate == pytest.approx(math.exp(math.log(1.79) - 0.713 * math.log(1e8) + 0.307 * math.log(2e9)), rel=0.01)
    assert batch == pytest.approx(math.exp(math.log(0.58) + 0.571 * math.log(2e9)))


def test_operations_of_one_token() -> None:
    recipe = Recipe("one", SHAPE, tokens=4 * 64, learning_rate=0.1)
    matrices = 2 * (4 * 32 * 32 + 3 * 32 * 64)
    norms = 2 * (2 * 32 + 2 * 16) + 32
    assert recipe.flops(300) == 256 * (6 * (matrices + norms + 300 * 32) + 12 * 2 * 32 * 64)
    experts = Architecture(32, 2, 2, 64, family="qwen3-moe", experts=8)
    assert dataclasses.replace(recipe, model=experts, tokens=1024).flops(300) < 4 * recipe.flops(300) * 4


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"schedule": "linear"}, "cosine"),
        ({"tokens": 100}, "do not fill one step"),
        ({"learning_rate": float("nan")}, "learning_rate > 0"),
        ({"branches": (256,)}, "only the schedule 'wsd'"),
        ({"schedule": "wsd", "branches": (6000,)}, "branches must grow"),
        ({"schedule": "wsd", "branches": (256,)}, "warm-up reaches"),
    ],
)
def test_impossible_recipes_are_refused(change: dict[str, object], match: str) -> None:
    values: dict[str, object] = {"name": "bad", "model": SHAPE, "tokens": 5120, "learning_rate": 0.02, "warmup": 0.1, **change}
    with pytest.raises(UsageError, match=match):
        Recipe(**values)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="size '7X'"):
        ladder("7X")


def test_cosine_rises_and_falls_to_the_floor() -> None:
    rates = [t.learning_rate for t in ticks(Recipe("c", SHAPE, tokens=100 * 256, learning_rate=1.0))]
    assert len(rates) == 100
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[5] == 1.0
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert rates[-1] == pytest.approx(0.1)


def test_wsd_branches_share_the_trunk() -> None:
    recipe = Recipe("w", SHAPE, tokens=100 * 256, learning_rate=1.0, schedule="wsd", branches=(50 * 256,), floor=0.0)
    plan = ticks(recipe)
    trunk = [t.step for t in plan if t.branch == TRUNK]
    assert trunk == list(range(80))
    assert [t.step for t in plan if t.branch == 0] == list(range(40, 50))
    assert [t.step for t in plan if t.branch == 1] == list(range(80, 100))
    assert all(t.learning_rate == 1.0 for t in plan if t.branch == TRUNK and t.step >= 5)
    decay = [t.learning_rate for t in plan if t.branch == 1]
    assert decay == pytest.approx([1 - math.sqrt((i + 1) / 20) for i in range(20)])
