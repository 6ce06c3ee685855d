"""Running a plan: promises are enforced, failures are one line, and what was done once is not done again."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from machines import Broken, Double, Numbers, SameName
from plan_for_kills import targets, write_corpus

from tamis.core.errors import TamisError
from tamis.core.runner import Done, Job, Local, pending, run
from tamis.core.step import Published, Step, Where, walk
from tamis.core.store import Store

FILES = (str(Path(__file__).with_name("machines.py")),)


class Counted:
    """A listener that remembers what was run."""

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.waves: list[int] = []
        self.steps: list[str] = []

    def wave(self, jobs: Sequence[Job]) -> None:
        self.waves.append(len(jobs))

    def done(self, step: Step, done: Done) -> None:
        self.jobs.append(f"{step.label} {done.receipt.job}" + (" again" if done.cached else ""))

    def published(self, step: Step, published: Published) -> None:
        self.steps.append(step.label)


def test_a_plan_runs_once(tmp_path: Path) -> None:
    double = Step(Double(), (Step(Numbers()),))
    first, second = Counted(), Counted()
    (made,) = run([double], Store(tmp_path), Local(1), Where(), first)
    assert first.jobs == [f"{s} {i:05d}" for s in ("numbers", "double") for i in range(3)]
    assert first.waves == [3, 3]
    assert made.read("00001.parquet").column("value").to_pylist() == [8, 10, 12, 14]
    assert made.ledger.rows_in == made.rows == 12
    run([double], Store(tmp_path), Local(1), Where(), second)
    assert second.jobs == second.waves == second.steps == []


def test_inputs_of_a_published_step_are_not_asked_for(tmp_path: Path) -> None:
    numbers = Step(Numbers())
    double = Step(Double(), (numbers,))
    store = Store(tmp_path)
    run([double], store, Local(1), Where())
    store.collect([double.key])
    assert pending([double], Store(tmp_path)) == []


def test_steps_that_are_ready_share_a_wave(tmp_path: Path) -> None:
    steps = [Step(Double(), (Step(Numbers(start=i)),)) for i in range(3)]
    counted = Counted()
    run(steps, Store(tmp_path), Local(1), Where(), counted)
    assert counted.waves == [9, 9]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("loses a row", "broken, 00000: 4 rows in + 0 born != 3 out + 0 dropped"),
        ("writes fewer rows", "broken, 00000: 3 rows in 00000.parquet, its text has 4"),
        ("names a shard of its own", "broken, 00000: 4 rows in other.parquet, its text has None"),
        ("raises", "broken, 00000: ValueError: seven is not a number"),
        ("says NaN", "Out of range float values are not JSON compliant"),
        ("hides a file", "an operator may not write a file named .hidden.parquet here"),
    ],
)
def test_a_broken_promise_fails_the_step_and_publishes_nothing(how: str, message: str, tmp_path: Path) -> None:
    broken = Step(Broken(how), (Step(Numbers(shards=1)),))
    store = Store(tmp_path)
    with pytest.raises(TamisError) as caught:
        run([broken], store, Local(1), Where())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert store.find(broken) is None
    assert [p.path.name for p in store.published()] == [Step(Numbers(shards=1)).directory]


def test_two_jobs_with_one_file_name(tmp_path: Path) -> None:
    with pytest.raises(TamisError, match="two of its jobs wrote a file of the same name"):
        run([Step(SameName())], Store(tmp_path), Local(1), Where())


def test_a_dead_worker_is_one_line_and_finished_work_stays(tmp_path: Path) -> None:
    numbers, dies = Step(Numbers()), Step(Broken("dies"), (Step(Numbers()),))
    store = Store(tmp_path)
    with (
        Local(2, FILES) as runner,
        pytest.raises(TamisError, match=r"^a worker died \(killed, or out of memory\); finished work"),
    ):
        run([dies], store, runner, Where())
    assert store.find(numbers) is not None
    assert not [p for p in multiprocessing.active_children() if p.is_alive()]


def test_an_interrupted_job_leaves_nothing_behind(tmp_path: Path) -> None:
    step = Step(Broken("raises an interrupt late"), (Step(Numbers(shards=1)),))
    with pytest.raises(KeyboardInterrupt):
        run([step], Store(tmp_path), Local(1), Where())
    assert list((tmp_path / "work" / step.key[:12]).iterdir()) == []


def test_finished_jobs_are_not_run_again(tmp_path: Path) -> None:
    numbers = Step(Numbers(shards=5))
    store = Store(tmp_path)

    class Stop(Counted):
        def done(self, step: Step, done: Done) -> None:
            super().done(step, done)
            if len(self.jobs) == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([numbers], store, Local(1), Where(), Stop())
    counted = Counted()
    run([numbers], store, Local(1), Where(), counted)
    assert sum(job.endswith("again") for job in counted.jobs) == 3
    assert len(counted.jobs) == 5


def test_planning_is_cheap_once_the_sources_are_hashed(tmp_path: Path) -> None:
    """Keys of more than 200 steps; the benchmark `planning` measures the time, this bounds the work: no file is read."""
    from tamis.data.dataset import Dataset, Resolver
    from tamis.data.scores.gopher import GopherQuality

    write_corpus(tmp_path, 5)
    source = Dataset.jsonl("corpus.jsonl")
    arms = [source.keep(GopherQuality().words, min=10 + i).sample(0.5, seed=i).dedup() for i in range(70)]
    resolver = Resolver(tmp_path, None, tmp_path / "hashes.sqlite")
    start = os.times()
    steps = walk([s for arm in arms for s in resolver.view(arm)])
    assert len({s.key for s in steps}) == len(steps) >= 200
    spent = os.times()
    assert spent.user + spent.system - start.user - start.system < 5


def test_targets_of_the_kill_plan_have_the_same_keys_twice(tmp_path: Path) -> None:
    write_corpus(tmp_path, 5)
    assert [s.key for s in targets(tmp_path, False)] == [s.key for s in targets(tmp_path, False)]
