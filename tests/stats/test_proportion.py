"""Wilson's interval against SciPy's, and at its edges."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from tamis.stats.proportion import wilson


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (5, 5), (3, 10), (97, 1000)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_it_is_scipys(successes: int, trials: int, level: float) -> None:
    theirs = binomtest(successes, trials).proportion_ci(level, method="wilson")
    assert wilson(successes, trials, level) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_without_a_trial_nothing_is_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
