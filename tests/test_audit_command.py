"""`tamis audit` end to end: what it prints, its exit codes, and one line for every bad table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tamis.cli import main

TASKS = "task,items,baseline_pct,in_core,majority_answer_pct\na,100,50,1,55\nb,200,25,1,25\nc,400,0,1,30\n"
HEAD = "name,model_id,dataset,scale,lr,core,a,b,c\n"


def row(index: int, scale: str, lr: str, a: float, b: float, c: float) -> str:
    core = ((a - 0.5) / 0.5 + (b - 0.25) / 0.75 + c) / 3
    return f"run{index},m{index},set{index % 8},{scale},{lr},{core:.6f},{a:.6f},{b:.6f},{c:.6f}\n"


def results() -> str:
    small = [row(i, "small", "0.003", 0.50 + 0.02 * i, 0.25 + 0.025 * i, 0.10 + 0.05 * (i * 3 % 8)) for i in range(8)]
    large = [
        row(i + 8, "large", "0.001" if i else "0.002", 0.6 + 0.03 * i, 0.3 + 0.04 * i, 0.2 + 0.0525 * (i * 3 % 8))
        for i in range(8)
    ]
    return HEAD + "".join(small + large)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "tasks.csv").write_text(TASKS, encoding="utf-8")
    (tmp_path / "results.csv").write_text(results(), encoding="utf-8")
    return tmp_path


def audit(files: Path, *more: str, table: str = "results.csv") -> int:
    return main(["audit", str(files / table), "--tasks", str(files / "tasks.csv"), *more])


def test_a_sound_table(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(files, "--json", str(files / "out.json")) == 0
    out = capsys.readouterr().out
    assert "core is mean of the 3 tasks in_core, centred by baseline: 16 of 16 rows fit, 0 do not" in out
    assert "baseline: c: baseline is 0, but a constant answer scores 0.3 (worth 0.1 of core)" in out
    assert (
        "recipe: line 10 (run8): scale large: rows that are compared differ in recipe (lr 0.001: 7 rows; lr 0.002: 1 rows)" in out
    )
    assert "core, small -> large (lr 0.001): 7 compared, Spearman " in out and "0 findings of damage" in out
    written = json.loads((files / "out.json").read_text(encoding="utf-8"))
    assert written["aggregates"]["core"] == {
        "formula": "mean of the 3 tasks in_core, centred by baseline",
        "fit": 16,
        "known": 16,
    }
    assert len(written["transfers"]) >= 1 and all(finding["kind"] != "cell" for finding in written["findings"])


def test_a_wrong_digit_is_named_and_the_exit_code_is_3(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "results.csv").write_text(results().replace("0.540000", "0.548000", 1), encoding="utf-8")
    assert audit(files) == 3
    told = "cell: line 4 (run2), a: printed 0.548, should be 0.54 (one digit differs: 0.548000 should be 0.540000)"
    assert f"{told}; betrayed by core [certain]" in capsys.readouterr().out


def test_printed_numbers_against_the_results_behind_them(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.split(",") for line in results().splitlines()[1:]]
    printed = "".join(f"{cells[1]};{100 * float(cells[5]):.1f}\n".replace(".", ",") for cells in lines)
    (files / "board.csv").write_text("\ufeffmodel_id;score\n" + printed.replace("m5;", "m5;9", 1), encoding="utf-8")
    assert audit(files, "--join", str(files / "results.csv"), "--aggregate", "score", table="board.csv") == 3
    out = capsys.readouterr().out
    assert "score is mean of the 3 tasks in_core, centred by baseline: 15 of 16 rows fit, 1 do not" in out
    assert "line 7 (m5)" in out or "line 7 (run5)" in out


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("", "bad.csv: the file is empty; a table needs a header line and rows", 1),
        ("a,b,c\n", "bad.csv: a header and no rows", 1),
        ("a,a,c\n1,2,3\n", "bad.csv: two columns are called 'a': give each its own name", 1),
        ("a,b,c\n1,2\n", "bad.csv: line 2: 2 cells, the header has 3", 1),
        ("x,y\n1,2\n", "bad.csv: no column of task scores found; name them in a tasks file (--tasks, see docs/audit.md)", 2),
    ],
)
def test_bad_tables_get_one_line(files: Path, text: str, line: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "bad.csv").write_text(text, encoding="utf-8")
    assert audit(files, table="bad.csv") == code
    assert capsys.readouterr().err == f"tamis: {line}\n"


def test_bytes_that_are_no_text_and_files_that_are_not_there(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "bad.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    assert audit(files, table="bad.csv") == 1
    assert "bad.csv: is not UTF-8 (byte 0xff at position 4)" in capsys.readouterr().err
    assert audit(files, table="none.csv") == 2
    assert audit(files, "--within", "size") == 2
    assert "no column 'size'; it has name, model_id" in capsys.readouterr().err
    assert audit(files, "--leave-out", "(") == 2
    assert audit(files, "--join", str(files / "tasks.csv")) == 2
    assert "share no column to join on" in capsys.readouterr().err
