"""Power against scipy's noncentral t, statsmodels 0.15.0, and its own inverses."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tamis.core.errors import UsageError
from tamis.stats.power import claims, power, seeds_needed, smallest_visible


@pytest.mark.parametrize(("arms", "seeds", "step"), [(2, 2, 1), (2, 3, 1), (3, 3, 1), (3, 3, 3), (3, 5, 2), (6, 4, 1)])
def test_without_item_noise_power_is_the_noncentral_t(arms: int, seeds: int, step: int) -> None:
    s, effect, pairs = 0.03, 0.08, arms * (arms - 1) // 2
    df, spread = (arms - 1) * (seeds - 1), s * math.sqrt(2 / seeds)
    critical = stats.t.isf(0.05 / (pairs - step + 1) / 2, df)
    expected = stats.nct.sf(critical, df, effect / spread)
    assert power(effect, seeds=seeds, s=s, arms=arms, step=step) == pytest.approx(expected, abs=1e-5)


def test_power_equals_statsmodels() -> None:
    """TTestPower().power(d, n, 0.05): two-sided, wrong-direction claims included (below 1e-4 here); paired SD = s sqrt 2."""
    assert power(1.5 * math.sqrt(2), seeds=3, s=1.0) == pytest.approx(0.3163818615591505, abs=1e-3)
    assert power(0.8 * math.sqrt(2), seeds=12, s=1.0) == pytest.approx(0.7136600656001074, abs=1e-4)
    assert smallest_visible(seeds=5, s=1.0) == pytest.approx(1.6819970833232674 * math.sqrt(2), rel=1e-4)


def test_with_items_alone_power_is_normal() -> None:
    effect, variance = 0.1, 0.03**2
    expected = stats.norm.sf(stats.norm.isf(0.025) - effect / 0.03)
    assert power(effect, seeds=500, s=1e-6, v_items=variance) == pytest.approx(expected, abs=1e-4)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 8), st.integers(2, 5), st.floats(0.01, 1), st.floats(0, 1), st.floats(9, 300))
def test_smallest_visible_inverts_power_and_scales(seeds: int, arms: int, s: float, share: float, df_items: float) -> None:
    v_items = share * s**2
    visible = smallest_visible(seeds=seeds, s=s, v_items=v_items, arms=arms, df_items=df_items)
    assert power(visible, seeds=seeds, s=s, v_items=v_items, arms=arms, df_items=df_items) == pytest.approx(0.8, abs=1e-6)
    assert smallest_visible(seeds=seeds, s=10 * s, v_items=100 * v_items, arms=arms, df_items=df_items) == pytest.approx(
        10 * visible
    )
    assert smallest_visible(seeds=seeds + 1, s=s, v_items=v_items, arms=arms, df_items=df_items) < visible
    assert (
        smallest_visible(seeds=seeds, s=s, v_items=v_items, arms=arms, df_items=df_items, step=arms * (arms - 1) // 2) <= visible
    )


def test_seeds_needed_is_the_fewest() -> None:
    needed = seeds_needed(0.05, 0.03, 0.0001, 3)
    assert needed is not None and needed > 2
    assert power(0.05, seeds=needed, s=0.03, v_items=0.0001, arms=3) >= 0.8
    assert power(0.05, seeds=needed - 1, s=0.03, v_items=0.0001, arms=3) < 0.8
    assert seeds_needed(10.0, 0.03) == 2
    assert seeds_needed(0.01, 0.03, v_items=0.01) is None


def test_claims_of_two_arms_agree_with_power_and_order_does_not_matter() -> None:
    assert claims((2.5, 2.4), seeds=3, s=0.03, v_items=1e-4)[0, 1] == pytest.approx(
        power(0.1, seeds=3, s=0.03, v_items=1e-4), abs=0.03
    )
    forth, back = claims((0, 0.05, 0.1), seeds=3, s=0.03), claims((0.1, 0.05, 0), seeds=3, s=0.03)
    assert forth[0, 2] == pytest.approx(back[0, 2], abs=0.03)
    assert max(claims((1.0, 1.0, 1.0), seeds=3, s=0.03).values()) < 0.05


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": 1}, "2 seeds"),
        ({"arms": 1}, "2 arms"),
        ({"s": 0.0}, "s must be positive"),
        ({"s": math.nan}, "s must be positive"),
        ({"v_items": -1.0}, "not negative"),
        ({"step": 4}, "steps 1 to 3"),
    ],
)
def test_impossible_designs_are_refused(change: dict[str, float], message: str) -> None:
    design = {"seeds": 3, "s": 0.1, "arms": 3, **change}
    with pytest.raises(UsageError, match=message):
        power(0.1, **design)  # type: ignore[arg-type]


def test_the_figures_of_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text()
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    scope: dict[str, object] = {}
    told = re.findall(r"^(\w+\(.*\)) +# ([\d.]+)$", snippet, re.MULTILINE)
    exec(snippet, scope)
    assert len(told) == 3
    for call, number in told:
        assert f"{eval(call, scope):.{len(number.partition('.')[2])}f}" == number
