"""Differences of arms: hand-computed values, what decides, and input that is refused."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from tamis.core.errors import TamisError, UsageError
from tamis.stats.compare import Compare, Domain, compare

ARMS = ["A", "B", "C"]


def domain(
    name: str = "scipy", clusters: int = 12, size: int = 2, seeds: int = 3, arms: int = 3, seed: int = 0, **change: Any
) -> Domain:
    rng = np.random.default_rng([seed, *name.encode()])
    items = clusters * size
    weight = rng.integers(500, 1500, items).astype(float)
    value = (2.5 + 0.1 * rng.standard_normal((arms, seeds, items))) * weight
    return replace(Domain(name, "bits per byte", False, np.repeat(np.arange(clusters), size), weight, value), **change)


def test_scores_and_differences_by_hand() -> None:
    cluster, weight = np.arange(10), np.array([100.0] * 5 + [300.0] * 5)
    value = np.stack([np.stack([weight * (2 + arm + seed * (1 + arm))] * 1)[0] for arm in range(2) for seed in range(2)])
    comparison = compare(["A", "B"], [Domain("d", "bits per byte", False, cluster, weight, value.reshape(2, 2, 10))])
    assert comparison.scores == ((2.0, 3.0), (3.0, 5.0))
    (difference,) = comparison.differences
    assert (difference.value, difference.per_seed) == (1.5, (1.0, 2.0))
    assert difference.v_items == pytest.approx(0, abs=1e-20)
    assert difference.v_run == pytest.approx(0.25)  # paired differences 1 and 2: variance 0.5, over 2 seeds
    assert difference.interval == pytest.approx((1.5 - 12.706204736 * 0.5, 1.5 + 12.706204736 * 0.5))


def test_the_metric_is_the_unweighted_mean_over_domains() -> None:
    domains = [domain("scipy", clusters=12), domain("networkx", clusters=40)]
    comparison = compare(ARMS, domains)
    assert np.allclose(comparison.scores, np.mean([result.scores for result in comparison.domains], axis=0))
    v_items = [result.differences[0].v_items for result in comparison.domains]
    assert comparison.differences[0].v_items == pytest.approx(sum(v or 0 for v in v_items) / 4)
    assert comparison.differences[0].metric == "mean of 2 domains"


def test_few_clusters_are_shown_without_interval_and_do_not_decide() -> None:
    comparison = compare(ARMS, [domain("scipy"), domain("tiny", clusters=9, size=50)])
    tiny = comparison.domains[1]
    assert not tiny.decides and tiny.differences[0].interval is None and tiny.differences[0].v_items is None
    assert comparison.scores == comparison.domains[0].scores
    assert comparison.notes == ("tiny has fewer than 10 clusters and does not decide",)
    alone = compare(ARMS, [domain("tiny", clusters=9, size=50)])
    assert alone.differences == () and "10 clusters" in str(alone.no_verdict)


def test_one_seed_gives_no_interval() -> None:
    comparison = compare(ARMS, [domain(seeds=1)])
    assert "one seed" in str(comparison.no_verdict)
    assert all(d.interval is None and d.v_run is None for d in (*comparison.differences, *comparison.domains[0].differences))


def test_a_diagnostic_domain_decides_only_when_named() -> None:
    domains = [domain("scipy"), domain("pool hold-out", decides=False)]
    assert [r.name for r in compare(ARMS, domains).domains if r.decides] == ["scipy"]
    assert "no domain is declared to decide" in compare(ARMS, domains[1:]).notes
    named = compare(ARMS, domains, Compare(domains=("pool hold-out",)))
    assert [r.name for r in named.domains if r.decides] == ["pool hold-out"]


def test_adding_or_moving_a_descriptive_domain_changes_no_number_of_the_metric() -> None:
    extra = domain("extra", decides=False)
    first, second = compare(ARMS, [domain("scipy"), extra]), compare(ARMS, [extra, domain("scipy")])
    assert first.differences == second.differences == compare(ARMS, [domain("scipy")]).differences


def test_an_identical_arm_counts_once() -> None:
    one = domain()
    doubled = replace(one, value=one.value[[0, 1, 1, 2]])
    comparison = compare(["A", "B", "B again", "C"], [doubled])
    assert comparison.identical == (("B again", "B"),)
    assert comparison.differences == compare(ARMS, [one]).differences
    same = compare(ARMS, [replace(one, value=one.value[[0, 0, 0]])])
    assert same.differences == () and "same data" in str(same.no_verdict)


def test_seeds_that_never_vary_give_no_verdict() -> None:
    one = domain()
    comparison = compare(ARMS, [replace(one, value=np.repeat(one.value[:, :1], 3, axis=1))])
    assert "do not vary over seeds" in str(comparison.no_verdict)


def test_touched_items_are_left_out() -> None:
    one = domain(clusters=30)
    mask = np.zeros(60, dtype=bool)
    mask[:6] = True
    without = compare(ARMS, [one], touched={"scipy": mask})
    left = ~mask
    by_hand = compare(ARMS, [replace(one, cluster=one.cluster[left], weight=one.weight[left], value=one.value[:, :, left])])
    assert without.differences == by_hand.differences
    assert without.notes == ("scipy: 6 of 60 items left out",)
    nothing_left = compare(ARMS, [one], Compare(domains=("scipy",)), touched={"scipy": np.ones(60, dtype=bool)})
    assert nothing_left.domains == nothing_left.differences == () and nothing_left.no_verdict is not None
    with pytest.raises(UsageError, match="name no domain"):
        compare(ARMS, [one], touched={"scypi": mask})
    with pytest.raises(TamisError, match="6 marks for 60 items"):
        compare(ARMS, [one], touched={"scipy": mask[:6] | True})


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_damaged_numbers_are_refused_by_name(bad: float) -> None:
    one = domain()
    one.value[1, 2, 7] = bad
    with pytest.raises(TamisError, match=r"domain scipy: arm B, seed 2, item 7 has the value (nan|inf) \(1 such"):
        compare(ARMS, [one])
    light = domain()
    light.weight[3] = 0
    with pytest.raises(TamisError, match="item 3 has the weight 0"):
        compare(ARMS, [light])


@pytest.mark.parametrize(
    ("arms", "domains", "rule", "message"),
    [
        (["A"], [domain(arms=1)], Compare(), "two or more arms"),
        (["A", "A", "B"], [domain()], Compare(), "different names"),
        (ARMS, [], Compare(), "one or more domains"),
        (ARMS, [domain(), domain()], Compare(), "different names"),
        (["A", "B"], [domain()], Compare(), "2 arms x 3 seeds x 24 items"),
        (ARMS, [domain(), domain("networkx", seeds=2)], Compare(), "domain networkx: values"),
        (ARMS, [domain(cluster=np.arange(5))], Compare(), "do not fit"),
        (ARMS, [domain()], Compare(domains=("scypi",)), "no domain scypi; there are scipy"),
        (ARMS, [domain(), domain("arc", unit="accuracy", higher_is_better=True)], Compare(), "no common mean"),
    ],
)
def test_input_that_does_not_fit_is_refused(arms: list[str], domains: list[Domain], rule: Compare, message: str) -> None:
    with pytest.raises(TamisError, match=message):
        compare(arms, domains, rule)


@pytest.mark.parametrize(
    "fields", [{"alpha": 0.0}, {"alpha": 0.5}, {"equivalence": -0.1}, {"bootstrap": 10}, {"domains": "scipy"}, {"domains": ()}]
)
def test_a_rule_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Compare(**fields)


def test_the_declared_rule_holds_plain_values() -> None:
    assert asdict(Compare()) == {"domains": None, "at": None, "alpha": 0.05, "equivalence": None, "bootstrap": 2000, "seed": 0}
