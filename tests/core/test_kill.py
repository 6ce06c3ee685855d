"""Killed anywhere and started again, a plan gives the bytes of an undisturbed run; nothing half-published is ever visible."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from plan_for_kills import work, write_corpus

from tamis.core.disk import FAILPOINTS, file_sha256
from tamis.core.store import Store

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["plan_for_kills"])  # imports are paid for once, and each child dies in some milliseconds
DATA_POINTS = [p for p in FAILPOINTS if p.split(".")[0] in ("shard", "receipt", "job", "manifest", "publish")]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder)
    return folder


def child(store: Path, data: Path, **options: object) -> int:
    """Run the plan in a process of its own; its exit code (negative: the signal that ended it)."""
    process = context.Process(target=work, args=(str(store), str(data)), kwargs=options)
    process.start()
    process.join()
    return process.exitcode or 0


def tree(store: Path) -> dict[str, str]:
    """Every published file with its hash."""
    published = [p.path for p in Store(store).published()]
    return {str(p.relative_to(store)): file_sha256(p) for step in published for p in sorted(step.rglob("*"))}


def check_published(store: Path) -> None:
    """Whatever readers can see is whole."""
    for step in Store(store).published():
        for shard in step.shards:
            assert file_sha256(step.path / shard.name) == shard.sha256


@pytest.fixture(scope="module")
def undisturbed(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    store = tmp_path_factory.mktemp("undisturbed") / "store"
    assert child(store, corpus) == 0
    files = tree(store)
    assert sum(name.endswith(".parquet") for name in files) >= 40
    return files


@pytest.mark.parametrize("workers", [2, 5])
def test_same_bytes_for_any_number_of_workers(workers: int, corpus: Path, undisturbed: dict[str, str], tmp_path: Path) -> None:
    assert child(tmp_path / "store", corpus, workers=workers) == 0
    assert tree(tmp_path / "store") == undisturbed


@pytest.mark.parametrize("point", DATA_POINTS)
def test_killed_at_every_failpoint(point: str, corpus: Path, undisturbed: dict[str, str], tmp_path: Path) -> None:
    """The place in the plan where it dies is drawn from the point's name, so all stages of the plan are hit over the points."""
    pass_number = 1 + hashlib.sha256(point.encode()).digest()[0] % 4
    store = tmp_path / "store"
    first = child(store, corpus, failpoint=f"{point}:{pass_number}")
    assert first == -signal.SIGKILL, "the failpoint was not reached"
    check_published(store)
    assert child(store, corpus) == 0
    assert tree(store) == undisturbed


def _killed_at_random(
    corpus: Path, expected: dict[str, str], tmp_path: Path, kills: int, longest: float, **options: bool
) -> None:
    seed = int(os.environ.get("TAMIS_KILL_SEED", time.time_ns() % 2**32))
    print(f"kill seed {seed}")
    generator = random.Random(seed)
    store = tmp_path / "store"
    died = 0
    for _ in range(kills):
        process = context.Process(target=work, args=(str(store), str(corpus)), kwargs=options)
        process.start()
        process.join(generator.uniform(0.0, longest))
        if process.exitcode is None:
            process.kill()
            process.join()
            died += 1
        if store.exists():
            check_published(store)
        if generator.random() < 0.2 and not options:
            shutil.rmtree(store, ignore_errors=True)
    assert died > 0
    assert child(store, corpus, **options) == 0
    assert tree(store) == expected


def test_killed_at_random_times(corpus: Path, undisturbed: dict[str, str], tmp_path: Path) -> None:
    _killed_at_random(corpus, undisturbed, tmp_path, kills=12, longest=1.0)


def test_deduplication_killed_anywhere(corpus: Path, tmp_path: Path) -> None:
    """At every failpoint in turn, somewhere in the plan, and at random times; and the same bytes from two workers."""
    assert child(tmp_path / "whole", corpus, dedup=True) == 0
    expected = tree(tmp_path / "whole")
    assert sum("verdicts-" in name for name in expected) >= 2 and sum("candidates-" in name for name in expected) >= 2
    assert child(tmp_path / "two", corpus, dedup=True, workers=2) == 0
    assert tree(tmp_path / "two") == expected
    store = tmp_path / "store"
    for point in DATA_POINTS:
        passes = 1 + hashlib.sha256(f"dedup {point}".encode()).digest()[0] % 6
        child(store, corpus, dedup=True, failpoint=f"{point}:{passes}")  # late points may not be reached again
        check_published(store)
    _killed_at_random(corpus, expected, tmp_path / "random", kills=8, longest=1.5, dedup=True)
    assert child(store, corpus, dedup=True) == 0
    assert tree(store) == expected


@pytest.mark.slow
def test_training_killed_at_every_failpoint_and_at_random_times(corpus: Path, tmp_path: Path) -> None:
    whole = tmp_path / "undisturbed"
    assert child(whole, corpus, train=True) == 0
    expected = tree(whole)
    for number, point in enumerate(p for p in FAILPOINTS if p.split(".")[0] != "run"):
        store = tmp_path / f"store-{number}"
        child(store, corpus, train=True, failpoint=point)
        check_published(store)
        assert child(store, corpus, train=True) == 0
        assert tree(store) == expected, point
        shutil.rmtree(store, ignore_errors=True)
    _killed_at_random(corpus, expected, tmp_path / "random", kills=50, longest=4.0, train=True)
