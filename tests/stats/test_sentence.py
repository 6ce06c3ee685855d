"""The answer in words, for every kind of verdict; the numbers are written by hand into a decision where rounding matters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulate_rule import World, as_domains, draw

from tamis.core.errors import UsageError
from tamis.stats.compare import Compare, compare
from tamis.stats.decide import Decision, decide
from tamis.stats.sentence import sentence

HEAD = "At 0.24 M parameters and 0.8 M tokens (3 seeds), "


def decided(
    effects: tuple[float, ...], seeds: int = 3, clusters: int = 15, rule: Compare | None = None, seed: int = 5
) -> Decision:
    chunk = next(draw(World(effects=effects, seeds=seeds, clusters=clusters), 1, seed))
    return decide(compare(["A", "B", "C", "D"][: len(effects)], as_domains(chunk, 0), rule))


def said(decision: Decision, baseline: str | None = None) -> str:
    return sentence(decision, parameters=240_000, tokens=800_000, domains="held-out packages", baseline=baseline)


def test_the_sentence_of_the_design() -> None:
    decision = decided((0.0, -0.3))
    estimate = replace(decision.verdicts[0].estimate, value=-0.0312)
    verdict = replace(decision.verdicts[0], estimate=estimate, interval=(-0.0441, -0.0183), smallest_visible=0.0149)
    six = replace(decision.comparison, domains=decision.comparison.domains * 3)
    assert said(Decision(six, (verdict,))) == (
        HEAD + "B lowers bits per byte on 6 held-out packages by 0.031 [0.018, 0.044] against A; this design can see 0.015."
    )


def test_a_claimed_bound_is_never_printed_as_zero() -> None:
    decision = decided((0.0, -0.3))
    verdict = replace(decision.verdicts[0], interval=(-0.4, -0.00004), smallest_visible=0.5)
    assert "0.00004]" in said(Decision(decision.comparison, (verdict,))) or "[0.00004" in said(
        Decision(decision.comparison, (verdict,))
    )


def test_three_arms_lead_with_the_best_and_name_the_runner_up() -> None:
    text = said(decided((0.0, -0.3, -0.6)))
    assert text.startswith(HEAD + "C lowers bits per byte on 2 held-out packages by 0.")
    assert "against A; the runner-up is B: B lowers it by 0." in text and "and C lowers it by 0." in text
    unclear = said(decided((0.0, -0.6, -0.6)))
    assert "and no difference between" in unclear and "is shown (" in unclear


def test_the_baseline_can_win_or_be_named() -> None:
    assert said(decided((0.0, 0.4))).startswith(HEAD + "A lowers bits per byte on 2 held-out packages by 0.")
    assert "no arm is shown to be better than A: A lowers" in said(decided((0.0, 0.4, 0.6)))
    assert said(decided((0.0, -0.4)), baseline="B").startswith(HEAD + "B lowers")
    with pytest.raises(UsageError, match="no such arm"):
        said(decided((0.0, -0.4)), baseline="Z")


def test_no_difference_and_equivalence_are_said_as_such() -> None:
    assert "no difference between B and A is shown in bits per byte on 2 held-out packages (B minus A is" in said(
        decided((0.0, 0.0))
    )
    equal = said(decided((0.0, 0.0), seeds=5, rule=Compare(equivalence=0.3)))
    assert "B and A are equivalent within 0.3 in bits per byte" in equal and "this design can see 0." in equal


def test_one_seed_and_few_clusters_say_why_there_is_no_verdict() -> None:
    single = said(decided((0.0, -0.5), seeds=1))
    assert (
        single.startswith("At 0.24 M parameters and 0.8 M tokens (1 seed), B minus A is -0.") and "no verdict: one seed" in single
    )
    assert "lowers" not in single
    few = said(decided((0.0, -0.5), clusters=5))
    assert (
        few
        == HEAD + "no verdict: no domain that may decide has 10 clusters of items: add items from more books, packages or sites."
    )


def test_identical_arms_are_named_and_higher_is_better_raises() -> None:
    domains = as_domains(next(draw(World(effects=(0.0, -0.4)), 1, 5)), 0)
    doubled = [replace(d, unit="accuracy", higher_is_better=True, value=-d.value[[0, 1, 1]]) for d in domains]
    text = said(decide(compare(["A", "B", "C"], doubled)))
    assert text.startswith(HEAD + "B raises accuracy on 2 held-out packages by 0.")
    assert text.endswith("C gave the same answers as B, item for item.")
    one = said(decide(compare(["A", "B"], [replace(domains[0], name="scipy")])))
    assert "B lowers bits per byte on scipy by" in one


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 5000), st.lists(st.floats(-0.2, 0.2), min_size=2, max_size=4), st.sampled_from([None, 0.1]))
def test_an_arm_is_said_to_win_only_where_its_verdict_is_better(seed: int, effects: list[float], delta: float | None) -> None:
    decision = decided(tuple(effects), rule=Compare(bootstrap=200, equivalence=delta), seed=seed)
    text = said(decision)
    claimed = {(v.better, v.second if v.better == v.first else v.first) for v in decision.verdicts if v.better}
    for clause in text.replace("; ", ", and ").replace(": ", ", and ").split(", and "):
        words = clause.split()
        if "lowers" in words:
            assert (words[words.index("lowers") - 1], words[words.index("against") + 1]) in claimed
    assert ("lowers" in text) <= bool(claimed)


def test_amounts() -> None:
    decision = decided((0.0, -0.3))
    assert sentence(decision, parameters=1.4e9, tokens=2.8e10).startswith("At 1.4 B parameters and 28 B tokens")
    assert sentence(decision, parameters=103_000, tokens=100e6).startswith("At 0.1 M parameters and 100 M tokens")
    assert np.isfinite(decision.verdicts[0].smallest_visible or np.nan)
