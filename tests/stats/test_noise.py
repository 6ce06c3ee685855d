"""Variances, joined intervals and Holm against scipy, statsmodels 0.15.0 and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from tamis.stats.noise import bootstrap_variance, half_width, holm, p_value, pool_items, resampled, run_mean_square, step_levels

P_VALUES = arrays(np.float64, st.integers(1, 10), elements=st.floats(1e-9, 1.0))


def test_run_mean_square_equals_the_residual_of_a_two_way_anova() -> None:
    scores = np.array([[2.862, 2.801, 2.911], [2.676, 2.640, 2.702], [2.622, 2.611, 2.655]])
    assert run_mean_square(scores) == pytest.approx(0.000321333333333336)  # statsmodels ols("y ~ C(arm) + C(seed)").mse_resid
    assert run_mean_square(scores + np.array([0.3, -2.0, 7.0])) == pytest.approx(0.000321333333333336)


def test_two_arms_and_no_item_noise_give_the_paired_t_test() -> None:
    scores = np.random.default_rng(0).normal(2.5, 0.05, (2, 4))
    difference = scores[1] - scores[0]
    expected = stats.ttest_1samp(difference, 0)
    v_run = 2 * run_mean_square(scores) / 4
    assert p_value(difference.mean(), 0.0, 9.0, v_run, 3) == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.95)
    assert half_width(0.05, 0.0, 9.0, v_run, 3) == pytest.approx((high - low) / 2)


def test_no_run_noise_gives_the_t_test_of_the_items() -> None:
    assert p_value(2.0, 1.0, 12.0, 0.0, 4.0) == pytest.approx(2 * stats.t.sf(2.0, 12))
    assert p_value(2.0, 1.0, np.inf, 0.0, 4.0) == pytest.approx(2 * stats.norm.sf(2.0))


@given(st.floats(1e-6, 10), st.floats(1e-6, 10), st.floats(0.01, 30), st.sampled_from([1.0, 2, 4, 8, 50]), st.floats(9, 500))
def test_p_is_the_level_whose_interval_reaches_zero(vi: float, vr: float, ratio: float, df_run: float, df_items: float) -> None:
    difference = ratio * np.sqrt(vi + vr)
    p = p_value(difference, vi, df_items, vr, df_run)
    assert half_width(p, vi, df_items, vr, df_run) == pytest.approx(difference, rel=1e-6)


def test_p_of_extremes() -> None:
    assert p_value(0.0, 0.0, 9.0, 0.0, 2.0) == 1
    assert p_value(0.0, 1.0, 9.0, 1.0, 2.0) == 1
    cauchy = 2 / np.pi * np.sqrt(1e-9) / 1e9  # tail of t with 1 df; the items' share is negligible there
    assert p_value(1e9, 1e-9, 9.0, 1e-9, 1.0) == pytest.approx(cauchy, rel=1e-6)
    assert p_value(1e9, 1e-9, np.inf, 0.0, 1.0) == pytest.approx(1e-100)  # floor


def test_holm_equals_statsmodels() -> None:
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    wanted = [0.006, 0.08, 0.4, 0.075, 0.6, 0.1497]
    assert holm(np.array([0.001, 0.02, 0.2, 0.015, 0.6, 0.0499])) == pytest.approx(wanted)


@given(P_VALUES, st.randoms())
def test_holm_does_not_depend_on_the_order_and_lies_between_plain_and_bonferroni(p: np.ndarray, random) -> None:  # type: ignore[no-untyped-def, type-arg]
    adjusted = holm(p)
    order = list(range(len(p)))
    random.shuffle(order)
    assert np.array_equal(holm(p[order]), adjusted[order])
    assert (adjusted >= p).all() and (adjusted <= np.minimum(1, len(p) * p)).all()


@given(P_VALUES)
def test_step_levels_agree_with_holm(p: np.ndarray) -> None:  # type: ignore[type-arg]
    """A pair is claimed exactly when its p is below the level its interval is drawn at."""
    levels, claimed = step_levels(p, 0.05), holm(p) <= 0.05
    assert (levels >= 0.05 / len(p) - 1e-15).all() and (levels <= 0.05 + 1e-15).all()
    assert (p[claimed] <= levels[claimed] * (1 + 1e-12)).all()
    assert (p[~claimed] > levels[~claimed] * (1 - 1e-12)).all()


def test_bootstrap_variance_equals_the_linearised_cluster_variance() -> None:
    """Ratio estimator over unequal clusters: Cochran, Sampling Techniques (1977), 6.13: sum of squared cluster residuals."""
    rng = np.random.default_rng(2)
    cluster = np.sort(rng.integers(0, 60, 400))
    weight = rng.uniform(500, 1500, 400)
    value = (2.5 + rng.normal(0, 0.2, 60)[cluster] + rng.normal(0, 0.1, 400)) * weight
    count, ratio = len(np.unique(cluster)), value.sum() / weight.sum()
    residual = np.bincount(cluster, value - ratio * weight)
    expected = count / (count - 1) * (residual**2).sum() / weight.sum() ** 2
    measured = bootstrap_variance(resampled(value[None], weight, cluster, "text", 20_000, 0), count)[0]
    assert measured == pytest.approx(expected, rel=0.05)
    ungrouped = bootstrap_variance(resampled(value[None], weight, np.arange(400), "text", 2000, 0), 400)[0]
    assert ungrouped < expected / 2  # items of one cluster are not independent: forgetting that halves the variance


def test_resampling_depends_on_seed_and_name_and_on_nothing_else() -> None:
    rng = np.random.default_rng(0)
    value, weight, cluster = rng.normal(size=(3, 50)), rng.uniform(1, 2, 50), np.repeat(np.arange(10), 5)
    first = resampled(value, weight, cluster, "a", 300, 0)
    assert np.array_equal(first, resampled(value, weight, cluster, "a", 300, 0))
    assert not np.allclose(first, resampled(value, weight, cluster, "b", 300, 0))
    assert not np.allclose(first, resampled(value, weight, cluster, "a", 300, 1))
    order = rng.permutation(50)
    assert np.allclose(first, resampled(value[:, order], weight[order], cluster[order], "a", 300, 0))


def test_many_clusters_are_resampled_in_blocks() -> None:
    value = np.random.default_rng(0).normal(size=(1, 20_000))
    replicas = resampled(value, np.ones(20_000), np.arange(20_000), "a", 500, 0)
    assert replicas.shape == (500, 1)
    assert bootstrap_variance(replicas, 20_000)[0] == pytest.approx(1 / 20_000, rel=0.2)


def test_pooled_items_use_satterthwaite() -> None:
    total, df = pool_items(np.array([[4.0], [4.0]]), np.array([9.0, 9.0]))
    assert (total[0], df[0]) == (2.0, 18.0)
    total, df = pool_items(np.array([[4.0], [0.0]]), np.array([9.0, 20.0]))
    assert (total[0], df[0]) == (1.0, 9.0)
