"""Audit of tables: rounding never alarms, planted errors are named, unlisted formulas are recovered, bad tables are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plant_errors import KINDS, count_found, plant

from tamis.core.errors import TamisError, UsageError
from tamis.stats.audit.audit import Roles, audit, transfers
from tamis.stats.audit.finding import line
from tamis.stats.audit.formulas import Scores, explain, known_formulas
from tamis.stats.audit.table import Table, parse
from tamis.stats.audit.tasks import Tasks, read_tasks

ITEMS = (219, 100, 1221, 1838, 500, 2376, 273, 1267, 3270, 150)
BASELINES = (0.5, 0.5, 0.2, 0.5, 0.25, 0.25, 0.5, 0.5, 0.62, 0.0)


def made_up(rows: int = 60, decimals: int = 6, seed: int = 0) -> tuple[Table, Tasks]:
    """A correct table of ten tasks with two aggregates over nine of them and one over all, and its tasks."""
    rng = np.random.default_rng(seed)
    items, base = np.array(ITEMS), np.array(BASELINES)
    values = rng.binomial(items, base + (0.9 - base) * rng.uniform(0.1, 0.9, (rows, 1)) ** rng.uniform(0.5, 2, 10)) / items
    inside = np.arange(10) < 9
    old = np.where(np.arange(10) == 8, 0.5, base)
    centred = lambda b, held: ((values - b) / (1 - b))[:, held].mean(axis=1)  # noqa: E731
    columns = [f"task{t}" for t in range(10)]
    lines = [",".join(["model_uuid", "dataset", "scale", "lr", "core_new", "core_old", "average", *columns])]
    for row in range(rows):
        numbers = [centred(base, inside)[row], centred(old, inside)[row], values[row].mean(), *values[row]]
        lines.append(",".join([f"m{row}", f"d{row}", "small", "0.003", *(f"{x:.{decimals}f}" for x in numbers)]))
    told = [f"task{t},{ITEMS[t]},{100 * BASELINES[t]},{100 * old[t]},{int(inside[t])},1" for t in range(10)]
    tasks = "task,items,baseline_new_pct,baseline_old_pct,in_core,in_all\n" + "\n".join(told)
    return parse("\n".join(lines), "made.csv"), read_tasks(parse(tasks, "tasks.csv"))


@pytest.mark.parametrize("decimals", [3, 4, 6, 9])
def test_a_correct_table_has_no_damage_however_it_is_rounded(decimals: int) -> None:
    table, tasks = made_up(decimals=decimals)
    result = audit(table, tasks)
    assert {each.column for each in result.explained} == {"core_new", "core_old", "average"}
    assert all((each.which == 0).all() for each in result.explained)
    assert result.damage == ()


def test_planted_errors_are_named_and_nothing_else_is() -> None:
    """Over 12 seeds on a made-up table of 60 rows: 18 of 20 found and at most one false alarm, for each."""
    table, tasks = made_up(rows=80)
    clean = audit(table, tasks)
    for seed in range(12):
        dirty, planted = plant(table, tasks, ("core_new", "core_old", "average"), seed)
        missed, false = count_found(clean, audit(dirty, tasks), planted)
        assert len(planted) == 20 and {error.kind for error in planted} == set(KINDS)
        assert len(missed) <= 2, (seed, missed)
        assert len(false) <= 1, (seed, false)


def test_planted_errors_in_the_published_table(real_data: Path) -> None:
    table, tasks = published(real_data)
    table = table.take(np.array([source == "exp_data" for source in table.cells["source"]]))
    clean = audit(table, tasks)
    assert clean.damage == ()
    for seed in (100, 101, 102):
        dirty, planted = plant(table, tasks, tuple(each.column for each in clean.explained), seed)
        missed, false = count_found(clean, audit(dirty, tasks), planted)
        assert len(missed) <= 2 and len(false) <= 1, (seed, missed, false)


def published(data: Path) -> tuple[Table, Tasks]:
    tables = [parse((data / "published" / f"{n}.csv").read_text(encoding="utf-8"), n) for n in ("dclm_evals", "dclm_tasks")]
    return tables[0], read_tasks(tables[1])


def test_dclm_aggregates_are_recomputed_exactly(real_data: Path) -> None:
    table, tasks = published(real_data)
    result = audit(table, tasks, Roles(recipe=("lr", "wd")))
    by_column = {each.column: each for each in result.explained}
    json_rows = np.array([source == "exp_data" for source in table.cells["source"]])
    for column, count in (("core_v1", 156), ("core_v2", 156), ("ext_v1", 149), ("ext_v2", 149)):
        each = by_column[column]
        gap = np.abs(each.values - each.main.apply(result.scores))[json_rows]
        assert np.isfinite(gap).sum() == count and np.nanmax(gap) <= 1e-9
        assert column.split("_")[1] in each.main.name
    assert [sorted(table.lines[r] for r in f.rows) for f in result.damage] == [[222, 223], [197, 226]]
    assert any(f.kind == "baseline" and f.column == "bigbench_cs_algorithms" for f in result.findings)
    assert any(f.kind == "recipe" and "7b-1x" in f.evidence for f in result.findings)


def test_transfer_of_the_published_table(real_data: Path) -> None:
    """Research figures of the leaderboard: Spearman, pairs by gap, regret in points."""
    import re

    table, tasks = published(real_data)
    modified = re.compile(r"avg|rho1|norm=|-init|resumed|restarted|checkpoint-many|geglu|vocab")
    moved = transfers(audit(table, tasks, Roles(recipe=("lr", "wd")), ("core_v2",), modified))
    found = {(t.small, t.large): t for t in moved}
    old, near = found["400m-1x", "7b-1x (lr 0.0003, wd 0.33)"], found["1b-1x", "7b-1x (lr 0.0003, wd 0.33)"]
    assert (len(old.subjects), round(old.spearman[0], 2), round(100 * old.regret, 1)) == (11, 0.85, 0.8)
    assert [(g.kept, g.pairs) for g in old.gaps] == [(9, 15), (28, 31), (9, 9)]
    assert (len(near.subjects), round(near.spearman[0], 2), round(100 * near.regret, 1)) == (15, 0.85, 2.7)
    assert [(g.kept, g.pairs) for g in near.gaps] == [(9, 26), (27, 28), (51, 51)]
    assert near.rule is not None and near.rule.log_loss < near.rule.constant_log_loss


def test_two_formulas_in_one_column_and_one_nobody_listed() -> None:
    table, tasks = made_up(rows=90)
    scores = Scores.of(table, tasks.names)
    secret = np.array(BASELINES)
    secret[4], secret[8] = 0.10, 0.40
    hidden = ((scores.values - secret) / (1 - secret))[:, :9].mean(axis=1)
    for row in range(30, 90):
        table = table.replaced(row, "core_old", f"{hidden[row]:.6f}")
    each = explain(table, "core_old", scores, known_formulas(scores, tasks), unlisted=np.ones(90, dtype=np.bool_))
    assert each is not None
    assert [(each.which == number).sum() for number in range(2)] == [60, 30]
    assert "task4 10, task8 40" in each.main.name
    mixed = [f for f in audit(table, tasks).findings if f.kind == "formula"]
    assert len(mixed) == 1 and "2 formulas in one column" in mixed[0].evidence and len(mixed[0].rows) == 30


def test_a_printed_number_that_is_another_rows() -> None:
    """The leaderboard slip: one decimal, per cent, no other formula to go by; the finding says what should stand there."""
    table, tasks = made_up(rows=15)
    shown = table.numbers("core_new") * 100
    cells = tuple(f"{value:.1f}" for value in shown)
    printed = Table(table.name, table.cells | {"core_new": cells}, table.lines).replaced(3, "core_new", cells[7])
    damage = audit(printed, tasks).damage
    assert len(damage) == 1 and damage[0].rows == (3,) and damage[0].column == "core_new"
    assert (
        f"should be {shown[3]:.6g}"[:14] in damage[0].evidence and f"the number of line {printed.lines[7]}" in damage[0].evidence
    )
    assert line(damage[0], printed, "model_uuid").startswith("cell: line 5 (m3), core_new: printed ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file is empty"),
        ("  \n", "the file is empty"),
        ("a,b\n", "a header and no rows"),
        ("a,a\n1,2\n", "two columns are called 'a'"),
        ("a,,c\n1,2,3\n", "column 2 has no name"),
        ("a,b\n1,2\n3\n", "line 3: 1 cells, the header has 2"),
        ("a,b\n1,\0\n", "zero bytes"),
    ],
)
def test_bad_tables_are_refused_in_one_line(text: str, told: str) -> None:
    with pytest.raises(TamisError, match=told) as caught:
        parse(text, "t.csv")
    assert str(caught.value).startswith("t.csv: ") and "\n" not in str(caught.value)


def test_byte_order_mark_semicolons_and_decimal_commas() -> None:
    table = parse("\ufeffmodel;score\na;0,5\nb;12 %\nc;\n", "t.csv")
    assert table.columns == ("model", "score")
    np.testing.assert_array_equal(table.numbers("score"), [0.5, 12, np.nan])
    np.testing.assert_allclose(table.halves("score")[:2], [0.05, 0.5])


def test_text_infinity_and_repeated_lines_are_findings() -> None:
    table, tasks = made_up(rows=20)
    table = table.replaced(2, "task1", "about half").replaced(5, "task1", "inf").replaced(6, "average", "1e999")
    cells = {name: (*column, column[0]) for name, column in table.cells.items()}
    damage = audit(Table(table.name, cells, (*table.lines, 99)), tasks).damage
    told = [line(finding, table, None) for finding in damage[:2]]
    assert "'about half' is no finite number, and 1 more such cells" in told[0] and damage[0].rows == (2, 5)
    assert "'1e999' is no finite number" in told[1]
    assert damage[2].rows == (20,) and "the same line as line 2" in damage[2].evidence
    assert len(damage) == 3


def test_missing_columns_are_named() -> None:
    table, tasks = made_up(rows=12)
    with pytest.raises(UsageError, match="no column 'size'"):
        audit(table, tasks, Roles(within="size"))
    with pytest.raises(UsageError, match="no column 'core'"):
        audit(table, tasks, aggregates=("core",))
    with pytest.raises(UsageError, match="no column of task scores"):
        audit(parse("name,text\na,b\nc,d\n", "t.csv"))
    with pytest.raises(TamisError, match="no column 'task'"):
        read_tasks(table)
    with pytest.raises(UsageError, match="both have dataset = d"):
        table.joined(parse("dataset,x\nd1,1\nd1,2\n", "o.csv"), "dataset")


def test_without_a_tasks_file_the_published_subset_of_tasks_is_recovered(real_data: Path) -> None:
    """The over-training testbed prints averages over 17 and 46 of its columns; a wrong digit in one is found by them alone."""
    table = parse((real_data / "published" / "scaling_testbed.csv").read_text(encoding="utf-8"), "testbed")
    found = audit(table)
    names = {each.column: each.main.name for each in found.explained}
    assert names["err_avg17"] == "the plain mean of 17 tasks, recovered from the numbers"
    assert names["err_avg46"] == "the plain mean of 46 tasks, recovered from the numbers"
    assert found.damage == ()
    cell = table.cells["err_coqa"][50]
    wrong = cell[:3] + str((int(cell[3]) + 4) % 10) + cell[4:]
    damage = audit(table.replaced(50, "err_coqa", wrong)).damage
    assert len(damage) == 1 and damage[0].rows == (50,) and damage[0].column in ("err_coqa", None)
