"""Planted shapes are named at the stated noise, priors are what counting says, and the evidence is a probability."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from simulate_trends import SIZES, right_shapes

from tamis.core.errors import TamisError, UsageError
from tamis.stats.trends import prior_shares, shapes, trend


def test_planted_shapes_are_named() -> None:
    """200 experiments, five sizes, three seeds, heights of 6 times the noise of one run; see simulate_trends.py for 4,000."""
    shares = right_shapes(200, 6.0, seed=2)
    assert np.mean(list(shares.values())) >= 0.95, shares
    assert min(shares.values()) >= 0.85, shares


@pytest.mark.parametrize("count", [3, 4, 5])
def test_prior_shares_are_those_of_all_orders(count: int) -> None:
    orders = np.array(list(permutations(range(count))), dtype=np.float64)
    np.testing.assert_allclose(shapes(orders), prior_shares(count), atol=1e-12)


def test_evidence_and_turn() -> None:
    scores = np.array([[0.9, 0.92], [0.5, 0.48], [0.1, 0.12], [0.4, 0.41], [0.8, 0.79]])
    found = trend(SIZES, scores)
    assert found.shape == "U-shaped" and found.turn == SIZES[2] and found.probability["U-shaped"] > 0.95 and found.p < 1e-6
    assert sum(found.probability.values()) == pytest.approx(1)
    assert str(found).startswith("U-shaped, turning near 1.6e+07: probability 1.00 among shapes, F-test p = ")
    turned = trend(SIZES[::-1], scores[::-1])
    assert turned == found
    assert trend(SIZES, -scores).shape == "inverted U"
    assert "no trend shown over 5 sizes" in str(trend(SIZES, np.array([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.8, 0.1], [0, 1]])))


def test_one_seed_needs_the_noise_of_a_run() -> None:
    assert trend((1, 2, 3), [[0.0], [1.0], [2.0]], noise=0.1).shape == "rising"
    assert trend((1, 2, 3), [[0.0], [1.0], [2.0]], noise=2.0).shape == "no trend shown"
    with pytest.raises(UsageError, match="one seed shows no noise"):
        trend((1, 2, 3), [[0.0], [1.0], [2.0]])


def test_what_has_no_shape_is_refused() -> None:
    with pytest.raises(UsageError, match="three different sizes"):
        trend((1, 2), [[0.0, 1], [1.0, 2]])
    with pytest.raises(UsageError, match="three different sizes"):
        trend((1, 2, 2), [[0.0, 1], [1.0, 2], [1, 1]])
    with pytest.raises(TamisError, match="size 2: a score is no finite number"):
        trend((1, 2, 3), [[0.0, 1], [np.nan, 2], [1, 1]])
