"""The commands that look: try, show, diff, verify, store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tamis.cli import main
from tamis.core.store import Store

DECLARED = """
from dataclasses import dataclass
from tamis import Dataset, Score


@dataclass(frozen=True)
class Size(Score):
    def score(self, text):
        return float(len(text))


data = Dataset.jsonl("docs.jsonl").keep(Size(), min=20)
"""


@pytest.fixture
def built(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    lines = [{"text": f"Text number {i}" + " and more" * (i % 3), "url": f"https://e.org/{i}"} for i in range(60)]
    (tmp_path / "docs.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    (tmp_path / "looked_at.py").write_text(DECLARED)
    place = ["--store", str(tmp_path / "store"), "--data", str(tmp_path), "-w", "1"]
    assert main(["build", f"{tmp_path}/looked_at.py:data", "--to", str(tmp_path / "out"), *place]) == 0
    run = tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    steps = [
        {"key": s.key, "label": s.label, "kind": s.kind, "op": s.manifest["op"]} for s in Store(tmp_path / "store").published()
    ]
    (run / "plan.json").write_text(json.dumps({"question": "Is it?", "steps": steps}))
    capsys.readouterr()
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = main([str(a) for a in arguments])
    printed = capsys.readouterr()
    return code, printed.out + printed.err


def test_try_shows_what_is_kept_and_why_the_rest_is_not(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(capsys, "try", f"{built}/looked_at.py:data", "-n", 30, "--data", built)
    assert code == 0
    assert "keep Size" in text
    assert "20 <= Size" in text
    assert "[kept]" in text
    assert "Of 30 rows before the first rule:" in text and "━" in text
    assert text == said(capsys, "try", f"{built}/looked_at.py:data", "-n", 30, "--data", built)[1]


def test_show_a_step_and_a_documents_life(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(built / "store")
    keep = next(s for s in store.published() if s.label == "keep")
    code, text = said(capsys, "show", keep.key[:10], "--store", built / "store")
    assert code == 0
    assert "rows in 60, out 40, dropped 20" in text
    assert "fires on 20, alone on 20" in text and "[20 <= Size] {'value': 1" in text and "[kept]" in text
    source = next(s for s in store.published() if s.label == "jsonl")
    first = source.read(source.shards[0].name).column("id").to_pylist()[0].hex()
    code, text = said(capsys, "show", first, "--store", built / "store")
    assert code == 0
    assert "reason=20 <= Size" in text
    assert "value=13.0" in text
    data = next(s for s in store.published() if s.label == "export")
    assert f"rows: {data.facts['rows']}" in said(capsys, "show", data.key[:10], "--store", built / "store")[1]
    assert said(capsys, "show", "f" * 32, "--store", built / "store")[0] == 2
    assert said(capsys, "show", "nothing", "--store", built / "store")[0] == 2


def test_verify_finds_a_flipped_bit(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    step = next(s for s in Store(built / "store").published() if s.label == "size")
    path = step.path / step.shards[0].name
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    code, text = said(capsys, "verify", built / "runs" / "one", "--store", built / "store", "--data", built)
    assert code == 1
    assert f"damaged: {path}" in text
    assert "not the ones that were published" in text


def test_verify_misses_nothing_that_the_run_names(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(capsys, "verify", built / "runs" / "one", "--store", built / "other", "--data", built)
    assert code == 1
    assert "are not in" in text


def test_collecting_keeps_what_runs_name(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--store", built / "store", "--runs", built / "runs")
    before = {p.name for p in (built / "store").iterdir()}
    (built / "store" / ".half-1-2").mkdir()
    (built / "store" / "work" / "0123").mkdir(parents=True)
    code, text = said(capsys, "store", "gc", *place, "--dry-run")
    assert (code, "would delete .half-1-2" in text) == (0, True)
    assert (built / "store" / ".half-1-2").exists()
    assert said(capsys, "store", "gc", *place)[0] == 0
    assert {p.name for p in (built / "store").iterdir()} - {"work"} == before - {"work"}
    assert list((built / "store" / "work").iterdir()) == []
    (built / "runs" / "one" / "plan.json").unlink()
    said(capsys, "store", "gc", *place)
    assert Store(built / "store").published() == []
    code, text = said(capsys, "store", "list", "--store", built / "store")
    assert (code, text.startswith("0 B in")) == (0, True)


def test_diff_says_what_differs(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = built / "runs" / "two"
    other.mkdir()
    plan = json.loads((built / "runs" / "one" / "plan.json").read_text())
    (other / "plan.json").write_text(json.dumps(plan | {"question": "Was it?", "steps": plan["steps"][1:]}))
    code, text = said(capsys, "diff", built / "runs" / "one", other)
    assert code == 0
    assert '+ "Was it?"' in text
    assert "1 only in one, 0 only in two" in text
    code, text = said(capsys, "diff", built, other)
    assert code == 2
    assert "is it a run directory?" in text


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    from tamis import __version__

    assert said(capsys, "--version") == (0, f"tamis {__version__}\n")
    for command in ("plan", "run", "try", "build", "eval", "show", "diff", "report", "verify", "new", "demo"):
        assert said(capsys, command, "--help")[0] == 0
