"""Verdicts: consistency with their intervals, invariances, equivalence, contamination, and a golden decision."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from simulate_rule import World, as_domains, draw

from tamis.stats.compare import Compare, Domain, compare
from tamis.stats.decide import Decision, changes, decide, equivalence_p

GOLDEN = Path(__file__).parent.parent / "golden" / "stats_decision.json"
ARMS = ["A", "B", "C"]


def experiment(effects: tuple[float, ...] = (0.0, -0.08, -0.1), seed: int = 0, **world: Any) -> list[Domain]:
    return as_domains(next(draw(World(effects=effects, **world), 1, seed)), 0)


def decided(domains: list[Domain], rule: Compare | None = None, arms: list[str] | None = None) -> Decision:
    return decide(compare(arms or ARMS[: domains[0].value.shape[0]], domains, rule))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.0, 0.2), st.integers(2, 4))
def test_a_verdict_says_what_its_interval_says(seed: int, effect: float, seeds: int) -> None:
    rule = Compare(equivalence=0.1, bootstrap=300)
    for verdict in decided(experiment((0.0, -effect, effect / 3), seed, seeds=seeds), rule).verdicts:
        assert verdict.interval is not None and verdict.p is not None and verdict.p_holm is not None and verdict.level is not None
        low, high = verdict.interval
        assert (verdict.kind == "better") == (verdict.p_holm <= 0.05)
        if verdict.kind != "equivalent":
            assert (verdict.kind == "better") == (not low <= 0 <= high)
        else:
            assert low > -0.1 and high < 0.1 and verdict.p_equivalence is not None and verdict.p_equivalence <= 0.05
        if verdict.better is not None:  # bits per byte: lower is better
            assert verdict.better == (verdict.second if verdict.estimate.value < 0 else verdict.first)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.permutations([0, 1, 2]))
def test_the_order_of_arms_does_not_matter(seed: int, order: list[int]) -> None:
    rule = Compare(bootstrap=300)
    domains = experiment(seed=seed)
    moved = [replace(domain, value=domain.value[order]) for domain in domains]
    first, second = decided(domains, rule), decided(moved, rule, [ARMS[index] for index in order])
    for verdict in first.verdicts:
        other = second.between(verdict.first, verdict.second)
        assert (verdict.kind, verdict.better) == (other.kind, other.better)
        assert verdict.p_holm == pytest.approx(other.p_holm)
        assert abs(verdict.estimate.value) == pytest.approx(abs(other.estimate.value))


def test_turning_the_metric_round_turns_the_winners_round() -> None:
    domains = experiment()
    turned = [replace(domain, value=-domain.value, higher_is_better=True) for domain in domains]
    for verdict, other in zip(decided(domains).verdicts, decided(turned).verdicts, strict=True):
        assert (verdict.kind, verdict.better, verdict.p) == (other.kind, other.better, pytest.approx(other.p))
        assert verdict.estimate.value == pytest.approx(-other.estimate.value)


def test_what_a_seed_does_to_all_arms_changes_nothing() -> None:
    domains = experiment()
    shift = np.array([0.0, 0.7, -1.3])[None, :, None]
    moved = [replace(domain, value=domain.value + shift * domain.weight) for domain in domains]
    for verdict, other in zip(decided(domains).verdicts, decided(moved).verdicts, strict=True):
        assert verdict.p == pytest.approx(other.p, rel=1e-6)


def test_a_clear_difference_is_better_and_a_null_pair_is_not() -> None:
    decision = decided(experiment((0.0, 0.0, -0.4), seed=5))
    assert [v.kind for v in decision.verdicts] == ["no difference shown", "better", "better"]
    assert [v.better for v in decision.verdicts] == [None, "C", "C"]
    assert all(v.smallest_visible and 0.02 < v.smallest_visible < 0.3 for v in decision.verdicts)
    assert [d.metric for d in decision.verdicts[1].domains] == ["domain 0", "domain 1"]
    assert len(decision.verdicts[1].estimate.per_seed) == 3


def test_equivalence_needs_a_declared_delta_and_enough_certainty() -> None:
    domains = experiment((0.0, 0.0), seeds=5)
    assert decided(domains).verdicts[0].p_equivalence is None
    assert decided(domains, Compare(equivalence=0.3)).verdicts[0].kind == "equivalent"
    assert decided(domains, Compare(equivalence=0.001)).verdicts[0].kind == "no difference shown"
    tiny = decided(experiment((0.0, -0.3), seeds=5), Compare(equivalence=2.0)).verdicts[0]
    assert (tiny.kind, tiny.equivalent) == ("better", True)


def test_equivalence_p_equals_two_one_sided_t_tests() -> None:
    first, second = np.array([2.676, 2.640, 2.702]), np.array([2.622, 2.611, 2.655])
    difference = second - first
    expected = max(
        stats.ttest_1samp(difference, -0.2, alternative="greater").pvalue,
        stats.ttest_1samp(difference, 0.2, alternative="less").pvalue,
    )
    one = np.array([difference.mean()]), np.zeros(1), np.full(1, 9.0), np.array([difference.var(ddof=1) / 3]), np.full(1, 2.0)
    assert equivalence_p(*one, delta=0.2)[0] == pytest.approx(expected)
    assert expected == pytest.approx(0.0011256575907302648)  # statsmodels ttost_paired
    assert equivalence_p(*one, delta=0.01)[0] > 0.5


def test_one_seed_and_few_clusters_give_no_verdict() -> None:
    single = decided(experiment((0.0, -0.5), seeds=1)).verdicts[0]
    assert (single.kind, single.better, single.interval, single.p, single.smallest_visible) == (
        "no verdict",
        None,
        None,
        None,
        None,
    )
    assert decided(experiment((0.0, -0.5), clusters=5)).verdicts == ()


def test_identical_arms_share_their_verdicts() -> None:
    domains = [replace(d, value=d.value[[0, 1, 1]]) for d in experiment((0.0, -0.4))]
    decision = decided(domains)
    assert decision.between("C", "A") is decision.between("A", "B")
    with pytest.raises(KeyError):
        decision.between("B", "C")


def test_contamination_that_decides_is_seen() -> None:
    """B knows a third of the items by heart and nothing else: its lead vanishes with them."""
    domains, touched = experiment((0.0, 0.0), seed=2), np.arange(60) % 3 == 0
    leaked = []
    for domain in domains:
        value = domain.value.copy()
        value[1][:, touched] *= 0.8
        leaked.append(replace(domain, value=value))
    masks = {domain.name: touched for domain in domains}
    whole, clean = decided(leaked), decide(compare(["A", "B"], leaked, touched=masks))
    assert (whole.verdicts[0].better, clean.verdicts[0].kind) == ("B", "no difference shown")
    assert changes(whole, clean) == ((whole.verdicts[0], clean.verdicts[0]),)
    assert changes(whole, whole) == ()
    assert changes(whole, decided(experiment((0.0, 0.0), clusters=5))) == ((whole.verdicts[0], None),)


def test_a_decision_is_the_same_numbers_every_time() -> None:
    """Golden: what must not drift. Write it anew only together with an entry under "Changes results"."""
    decision = decided(experiment((0.0, -0.02, -0.2), seed=11), Compare(equivalence=0.2))
    assert decision == decided(experiment((0.0, -0.02, -0.2), seed=11), Compare(equivalence=0.2))
    text = json.dumps(asdict(decision)["verdicts"], indent=1)
    same_shape(json.loads(text), json.loads(GOLDEN.read_text()))


def same_shape(found: Any, wanted: Any) -> None:
    assert type(found) is type(wanted)
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for name in wanted:
            same_shape(found[name], wanted[name])
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            same_shape(one, other)
    else:
        assert found == (pytest.approx(wanted, rel=1e-7) if isinstance(wanted, float) else wanted)
