"""Counts balance or the step fails."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.core.ledger import DAMAGE_SHOWN, Damage, Ledger

counts = st.integers(0, 1000)


@given(st.lists(st.tuples(counts, counts, st.dictionaries(st.sampled_from("abc"), st.integers(1, 50)), st.integers(0, 200))))
def test_totals_are_sums_and_survive_json(parts: list[tuple[int, int, dict[str, int], int]]) -> None:
    ledgers = []
    for rows_in, born, dropped, damaged in parts:
        out = rows_in + born - sum(dropped.values())
        ledger = Ledger(rows_in, born, out, Counter(dropped))
        for i in range(damaged):
            ledger.add_damage(Damage("a", f"line {i}", "bad"))
        ledger.check("part")
        ledgers.append(Ledger.from_json(ledger.to_json()))
    total = Ledger.total(ledgers)
    total.check("total")
    assert total.rows_in == sum(p[0] for p in parts)
    assert total.rows_dropped == sum(sum(p[2].values()) for p in parts)
    assert total.damaged == sum(p[3] for p in parts)
    assert len(total.damage) == min(DAMAGE_SHOWN, sum(min(p[3], DAMAGE_SHOWN) for p in parts))


@pytest.mark.parametrize("ledger", [Ledger(rows_in=2, rows_out=1), Ledger(rows_out=1), Ledger(1, 0, 1, Counter(a=1))])
def test_a_lost_or_invented_row_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(AssertionError, match="rows in"):
        ledger.check("step")


def test_reasons_have_no_order_of_arrival() -> None:
    a, b = Ledger(dropped=Counter(x=1, y=2)), Ledger(dropped=Counter(y=2, x=1))
    assert list(a.to_json()["dropped"].items()) == list(b.to_json()["dropped"].items())
