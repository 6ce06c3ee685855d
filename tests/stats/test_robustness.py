"""Planted models get the right verdict; intervals and tests equal known values; error rates are what is claimed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tamis.core.errors import TamisError, UsageError
from tamis.stats.robustness import (
    RobustnessRule,
    beta_interval,
    compare_rates,
    friedman_test,
    g_test,
    holm,
    jeffreys_interval,
    judge_families,
    operating_characteristics,
    overdispersion,
)


def answers(rates: list[float], n: int = 60) -> dict[int, list[float]]:
    return {v: [1.0] * round(r * n) + [0.0] * (n - round(r * n)) for v, r in enumerate(rates, 1)}


GOOD = {"parse": [1.0] * 59 + [0.0], "arithmetic": [1.0] * 58 + [0.0] * 2}
BAD = {"parse": [1.0] * 20 + [0.0] * 40, "arithmetic": [1.0] * 60}


@pytest.mark.parametrize(
    ("rates", "controls", "verdict", "breakdown"),
    [
        ([1, 0, 0, 0, 0, 0], GOOD, "collapsing", True),  # a memoriser
        ([1, 1, 1, 1, 1, 0.4], GOOD, "fluctuating", True),  # a mean of .9 that hides a hole
        ([0.3, 0.8, 0.45, 0.82, 0.25, 0.5], GOOD, "fluctuating", True),
        ([0.5, 0.52, 0.47, 0.5, 0.53, 0.48], GOOD, "partial", False),  # noisy but even
        ([0.98, 0.97, 1, 1, 0.95, 0.97], GOOD, "robust", False),
        ([0.1, 0, 0.05, 0.4, 0, 0], BAD, "below floor", False),
        ([0.05] * 6, {}, "collapsing", None),  # without controls no breakdown can be claimed
    ],
)
def test_planted_models(rates: list[float], controls: dict[str, list[float]], verdict: str, breakdown: bool | None) -> None:
    (found,) = judge_families({"x": (answers(rates), controls)})
    assert (found.verdict, found.breakdown) == (verdict, breakdown)
    if found.control_mean is not None and found.score is not None and found.score_interval is not None:
        assert found.score == pytest.approx(found.control_mean - min(r.mean for r in found.variations.values()))
        low, high = found.score_interval
        assert low < found.score < high or verdict in ("collapsing", "below floor")


def test_scored_probabilities_are_tested_within_units() -> None:
    rng = np.random.default_rng(0)
    even = {v: (0.5 + 0.05 * rng.standard_normal(8)).tolist() for v in range(1, 7)}
    uneven = {v: (0.1 * v + 0.02 * rng.standard_normal(8)).tolist() for v in range(1, 7)}
    control = {"parse": [0.97] * 8}
    a, b = judge_families({"even": (even, control), "uneven": (uneven, control)})
    assert (a.verdict, b.verdict, b.breakdown, b.overdispersion) == ("partial", "fluctuating", True, None)


def test_tests_equal_scipy() -> None:
    table = [[5, 9, 3], [5, 1, 7]]
    expected = stats.chi2_contingency(table, lambda_="log-likelihood", correction=False).pvalue
    assert g_test(table[0], [10, 10, 10]) == pytest.approx(expected)
    values = np.random.default_rng(1).random((6, 8)).round(1)
    assert friedman_test(values) == pytest.approx(stats.friedmanchisquare(*values).pvalue)
    assert g_test([0, 0], [9, 9]) == 1.0 and friedman_test(np.ones((3, 4))) == 1.0


def test_the_beta_has_the_variance_of_a_mean_and_known_intervals() -> None:
    p, n = 0.3, 50
    a, b = p * (n - 1), (1 - p) * (n - 1)
    assert stats.beta(a, b).var() == pytest.approx(p * (1 - p) / n)
    assert beta_interval(p, n) == pytest.approx(stats.beta(a, b).interval(0.95))
    assert jeffreys_interval(0, 10)[0] == 0 and jeffreys_interval(10, 10)[1] == 1
    assert beta_interval(0.983333, 120) == pytest.approx((0.954, 0.998), abs=1e-3)  # o1-preview, published


def test_overdispersion_sees_planted_spread() -> None:
    rng = np.random.default_rng(2)
    n = [200] * 400
    planted = rng.binomial(200, rng.beta(2, 3, 400))  # rho = 1 / (2 + 3 + 1)
    assert overdispersion(planted.tolist(), n) == pytest.approx(1 / 6, abs=0.03)
    assert (overdispersion(rng.binomial(200, 0.4, 400).tolist(), n) or 0) < 0.005


def test_holm_is_holm() -> None:
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])


def test_rates_of_error_and_power() -> None:
    """Few false alarms at any n and rate; power at 60 trials is what the recommendation rests on."""
    for p in (0.3, 0.5, 0.8):
        for n in (20, 60, 100):
            assert operating_characteristics([p] * 6, n) <= 0.0035
    spread = np.linspace(0.3, 0.7, 6).tolist()
    assert operating_characteristics(spread, 20) < 0.25 < 0.85 < operating_characteristics(spread, 60)
    assert operating_characteristics(spread, 60, families=7) < operating_characteristics(spread, 60)


def test_two_models_are_compared_by_variation() -> None:
    rng = np.random.default_rng(3)
    first = {i: rng.binomial(1, 0.5, 60).astype(float).tolist() for i in range(40)}
    same = {i: rng.binomial(1, 0.5, 60).astype(float).tolist() for i in range(40)}
    better = {i: rng.binomial(1, 0.7, 60).astype(float).tolist() for i in range(40)}
    none, gain = compare_rates(first, same), compare_rates(first, better)
    assert none.low is not None and none.high is not None and none.low < 0 < none.high
    assert gain.low is not None and gain.low > 0.1
    few = compare_rates({1: [1.0]}, {1: [0.0]})
    assert (few.difference, few.low) == (-1.0, None)


def test_bad_input_is_refused() -> None:
    with pytest.raises(TamisError, match="between 0 and 1"):
        judge_families({"x": ({1: [2.0]}, {})})
    with pytest.raises(TamisError, match="share no variation"):
        compare_rates({1: [1.0]}, {2: [1.0]})
    with pytest.raises(UsageError, match="collapse below robust"):
        RobustnessRule(collapse=0.95)
