"""Racing stops the best arm no more often than it says, saves runs where arms differ, and refuses what it cannot judge."""

from __future__ import annotations

import numpy as np
import pytest
from simulate_trends import races

from tamis.core.errors import TamisError, UsageError
from tamis.stats.racing import Race, look, run


def test_the_best_arm_is_stopped_no_more_often_than_alpha() -> None:
    """200 races of each kind at alpha = .2, eight arms: three standard errors above .2 is .285."""
    for name, (lost, _, spent) in races(200, Race((2, 3, 4, 6), alpha=0.2), seed=1).items():
        assert lost <= 0.285, name
        assert 0 < spent <= 1


def test_clear_losers_leave_early_and_only_standing_arms_are_trained() -> None:
    asked: list[tuple[str, int]] = []

    def score(arm: str, seed: int) -> float:
        asked.append((arm, seed))
        return {"a": 0.0, "b": 0.0, "bad": -9.0}[arm] + 0.01 * np.sin(7 * seed + len(arm) + ord(arm[0]))

    outcome = run(Race((2, 4), alpha=0.05), ("a", "b", "bad"), score)
    assert outcome.left[0].arm == "bad" and outcome.left[0].seeds == 2 and outcome.left[0].p <= outcome.left[0].level
    assert ("bad", 2) not in asked and len(asked) == outcome.runs < outcome.all_runs == 12
    assert set(outcome.standing) == {"a", "b"} and outcome.winner is None


def test_lower_is_better_turns_the_race_over() -> None:
    scores = np.array([[1.0, 1.01, 0.99], [2.0, 2.01, 2.02]])
    assert [leaving.arm for leaving in look(Race((3,), higher_is_better=False), ("a", "b"), scores, 2)] == ["b"]
    assert [leaving.arm for leaving in look(Race((3,)), ("a", "b"), scores, 2)] == ["a"]


def test_equal_arms_never_leave() -> None:
    assert look(Race((3,)), ("a", "b"), np.ones((2, 3)), 2) == ()


def test_what_cannot_be_raced_is_refused() -> None:
    with pytest.raises(UsageError, match="rising numbers of seeds"):
        Race((4, 2))
    with pytest.raises(UsageError, match=r"between 0 and 0\.5"):
        Race(alpha=0.5)
    with pytest.raises(UsageError, match="looks after 2, 4, 8"):
        look(Race(), ("a", "b"), np.ones((2, 3)), 2)
    with pytest.raises(TamisError, match="arm b, seed 1"):
        look(Race(), ("a", "b"), np.array([[1.0, 2.0], [1.0, np.inf]]), 2)
    with pytest.raises(UsageError, match="two arms or more"):
        run(Race(), ("a",), lambda arm, seed: 0.0)
