"""What people see of a running plan: what is done, at what rate, how long it will take."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from machines import Numbers

from tamis.core.runner import Done, Job, Local, Part, run
from tamis.core.step import Output, Piece, Step, Where
from tamis.core.store import Receipt, Store
from tamis.terminal import Count, Progress


def test_what_a_long_job_says_about_itself_is_seen(tmp_path: Path) -> None:
    step = Step(Numbers())
    parts = [Part(step.op, step.key, "numbers", (), Piece(name, None, cost=10.0)) for name in ("00000", "00001")]
    progress = Progress(stream=io.StringIO())
    progress.wave([Job(str(tmp_path), (part,)) for part in parts])
    progress._look()
    assert progress.line() == "numbers 0/2: 0%", "no time is told before anything is done"
    out = Output(tmp_path, parts[0].scratch(tmp_path))
    out.progress(0.5)
    out.progress(0.9)  # within the same second: not written
    assert parts[0].progress(tmp_path) == 0.5
    progress._look()
    assert progress.line().startswith("numbers 0/2: 25%, about ")
    progress.done(step, Done(step.key, Receipt("00000", (), {}, {}), 1.0, 1.0, 1))
    progress._look()
    assert progress.line().startswith("numbers 1/2: 50%, about ")


@pytest.mark.parametrize("content", ["", "half"])
def test_a_half_written_word_about_progress_is_no_progress(content: str, tmp_path: Path) -> None:
    part = Part(Numbers(), "k" * 64, "numbers", (), Piece("00000"))
    part.scratch(tmp_path).mkdir(parents=True)
    (part.scratch(tmp_path) / "progress").write_text(content)
    assert part.progress(tmp_path) == 0.0


def test_time_left_follows_the_cost_and_slow_jobs_have_a_rate_a_minute() -> None:
    count = Count(start=100.0, jobs=4, finished=1, cost=40.0, spent=10.0, underway=10.0)
    assert count.left(160.0) == "about 60 s left"
    assert count.rate(160.0) == "2.0 jobs/min"
    assert count.rate(102.0) == "1.0 jobs/s"
    assert Count(start=0.0, jobs=2).left(5.0) == ""


def test_nothing_about_progress_is_published(tmp_path: Path) -> None:
    stream = io.StringIO()
    with Progress(stream=stream) as progress:
        (made,) = run([Step(Numbers())], Store(tmp_path), Local(1), Where(), progress)
    assert [p.name for p in sorted(made.path.iterdir())] == ["00000.parquet", "00001.parquet", "00002.parquet", "manifest.json"]
    assert not (tmp_path / "work").exists() or list((tmp_path / "work").iterdir()) == []
    assert stream.getvalue() == ""
