"""Running a plan: waves of jobs, here or on a cluster, and the same bytes wherever they run.

A wave holds the jobs of all steps whose inputs are published, longest first; a step is published as soon as its last job is
done. The runner only maps a pure function over jobs. A job that finished before (in an interrupted run) is found in the work
directory and not run again.
"""

from __future__ import annotations

import importlib
import importlib.util
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

from tamis.core import disk
from tamis.core.budget import refuse_what_cannot_fit
from tamis.core.errors import TamisError
from tamis.core.step import ALIGNED, DROPPED, PROGRESS, Inputs, Operator, Output, Piece, Published, Step, Where, walk
from tamis.core.store import Receipt, Store, open_published

# One single-threaded process a core: oversubscribed thread pools were measured 8-10 times slower (and change sums).
SINGLE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS"), "1"
) | {"TOKENIZERS_PARALLELISM": "false"}


PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Part:
    """One step's share of a job: enough to run it in another process."""

    op: Operator
    key: str
    label: str
    inputs: tuple[str, ...]
    piece: Piece

    def scratch(self, store: Path) -> Path:
        """The folder that outlives a kill."""
        return store / "work" / self.key[:12] / f"scratch-{self.piece.name}"

    def progress(self, store: Path) -> float:
        """The share of this part that is done, as far as it says (0 to 1)."""
        try:
            return min(max(float((self.scratch(store) / PROGRESS).read_text()), 0.0), 1.0)
        except (OSError, ValueError):
            return 0.0


@dataclass(frozen=True)
class Job:
    """Parts that read the same shard and run one after another in one process (usually one part)."""

    store: str
    parts: tuple[Part, ...]

    @property
    def cost(self) -> float:
        return sum(p.piece.cost for p in self.parts)


@dataclass(frozen=True)
class Done:
    """A finished part: its receipt, and what it cost (CPU seconds, wall seconds, peak memory of the process in bytes)."""

    key: str
    receipt: Receipt
    cpu: float
    seconds: float
    peak: int
    cached: bool = False


class Runner(Protocol):
    """Maps a function over jobs, in any order, anywhere."""

    def map(self, fn: Callable[[Job], list[Done]], jobs: Iterable[Job]) -> Iterator[list[Done]]: ...


def execute(job: Job) -> list[Done]:
    """Run the parts of one job. Pure: the bytes written depend on the operators and inputs alone."""
    return [_execute_part(Path(job.store), part) for part in job.parts]


def _execute_part(root: Path, part: Part) -> Done:
    work = root / "work" / part.key[:12]
    final = work / part.piece.name
    found = Receipt.read(final)
    if found is not None:
        return Done(part.key, found, 0.0, 0.0, 0, cached=True)
    inputs = tuple(_open(path) for path in part.inputs)
    start, cpu = time.perf_counter(), _cpu()
    temporary = disk.temporary_dir(work, part.piece.name)
    out = Output(temporary, part.scratch(root))
    try:
        part.op.run(part.piece, inputs, out)
        receipt = _receipt(part, inputs, out)
        content = receipt.to_bytes()
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, TamisError) or not isinstance(error, Exception):
            raise
        if isinstance(error, OSError) and error.strerror:
            raise TamisError(f"{part.label}, {part.piece.name}: {error.strerror}: {error.filename or temporary}") from error
        raise TamisError(f"{part.label}, {part.piece.name}: {type(error).__name__}: {error}") from error
    disk.write_file(temporary / "receipt.json", content, "receipt")
    if not disk.publish_dir(temporary, final, "job"):
        receipt = Receipt.read(final) or receipt
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Done(part.key, receipt, _cpu() - cpu, time.perf_counter() - start, peak)


def _receipt(part: Part, inputs: Inputs, out: Output) -> Receipt:
    """Check the job's promises (counts balance, rows lie beside their text) and write them down."""
    where = f"{part.label}, {part.piece.name}"
    out.ledger.check(where)
    shards = out.shards()
    rows = sum(s.rows for s in shards if not s.name.startswith(DROPPED))
    if part.op.kind == "text" and rows != out.ledger.rows_out:
        raise AssertionError(f"{where}: wrote {rows} rows, counted {out.ledger.rows_out}")
    if part.op.kind in ALIGNED:
        beside = {s.name: s.rows for s in inputs[0].shards}
        for item in shards:
            if beside.get(item.name) != item.rows:
                raise AssertionError(f"{where}: {item.rows} rows in {item.name}, its text has {beside.get(item.name)}")
    return Receipt(part.piece.name, tuple(shards), out.ledger.to_json(), out.facts)


def _open(path: str) -> Published:
    found = open_published(Path(path))
    if found is None:
        raise TamisError(f"{path} disappeared while it was being read; run again")
    return found


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def load_file(path: str) -> object:
    """Import a Python file under its own stem, so that classes in it have a stable name in every process."""
    file = Path(path).absolute()
    if file.parent == PACKAGE:  # its folder must not come before the standard library
        return importlib.import_module(f"{PACKAGE.name}.{file.stem}")
    loaded = sys.modules.get(file.stem)
    if loaded is not None and getattr(loaded, "__file__", None) == str(file):
        return loaded
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise TamisError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[file.stem]
        raise
    return module


def _start_worker(files: tuple[str, ...], parent: int) -> None:
    """Workers leave Ctrl-C to the parent, and leave when it has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    for path in files:
        load_file(path)


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


class Local:
    """A pool of spawned single-threaded processes that live for the whole run; with one worker, this process."""

    def __init__(self, workers: int = 1, files: Sequence[str] = ()) -> None:
        self.workers = workers
        self.files = tuple(files)
        self._pool: ProcessPoolExecutor | None = None
        self._processes: dict[int, BaseProcess] = {}  # the pool forgets its own when one of them dies

    def __enter__(self) -> Local:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, at once and whatever they are doing."""
        if self._pool is None:
            return
        manager: threading.Thread | None = getattr(self._pool, "_executor_manager_thread", None)
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in self._processes.values():
            process.terminate()
        if manager is not None:
            manager.join(5)  # it waits for the processes: two threads must not wait for the same one
        self._pool, self._processes = None, {}

    def map(self, fn: Callable[[Job], list[Done]], jobs: Iterable[Job]) -> Iterator[list[Done]]:
        """Results as they come; the first failure ends the wave."""
        os.environ.update(SINGLE_THREAD)
        if self.workers <= 1:
            yield from map(fn, jobs)
            return
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                self.workers, mp_context=context, initializer=_start_worker, initargs=(self.files, os.getpid())
            )
        waiting: set[Future[list[Done]]] = set()
        try:
            for job in jobs:
                waiting.add(self._pool.submit(fn, job))
                self._processes.update(self._pool._processes or {})
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BrokenProcessPool as error:
            raise TamisError(
                "a worker died (killed, or out of memory); finished work is kept: run the same command again"
            ) from error
        finally:
            for future in waiting:
                future.cancel()


class Listener(Protocol):
    """Hears how a run goes: for progress on a terminal and for events.jsonl."""

    def wave(self, jobs: Sequence[Job]) -> None: ...
    def done(self, step: Step, done: Done) -> None: ...
    def published(self, step: Step, published: Published) -> None: ...


def pending(targets: Sequence[Step], store: Store) -> list[Step]:
    """Steps behind the targets that are not published, inputs first; what only a published step needed is not asked for."""
    out: dict[str, Step] = {}

    def visit(step: Step) -> None:
        if step.key in out or store.find(step) is not None:
            return
        for item in step.inputs:
            visit(item)
        out[step.key] = step

    for target in targets:
        visit(target)
    return list(out.values())


def run(targets: Sequence[Step], store: Store, runner: Runner, where: Where, listener: Listener | None = None) -> list[Published]:
    """Publish every step behind the targets that is not there yet, and return the targets."""
    todo = {s.key: s for s in pending(targets, store)}
    while todo:
        ready = [s for s in todo.values() if all(store.find(i) is not None for i in s.inputs)]
        try:
            for step in _wave(ready, store, runner, where, listener):
                del todo[step.key]
        except (TamisError, FileNotFoundError):
            # Another process may have published one of these steps and swept its work away: then go on from there.
            published = [s.key for s in ready if s.key in todo and store.find(s) is not None]
            if not published:
                raise
            for key in published:
                del todo[key]
    return [store.get(t) for t in targets]


def _wave(ready: Sequence[Step], store: Store, runner: Runner, where: Where, listener: Listener | None) -> Iterator[Step]:
    order: dict[str, list[str]] = {}
    missing: dict[str, set[str]] = {}
    receipts: dict[tuple[str, str], Receipt] = {}
    steps = {s.key: s for s in ready}
    groups: dict[object, list[Part]] = {}
    for step in ready:
        inputs = tuple(store.get(i) for i in step.inputs)
        refuse_what_cannot_fit(step.label, step.op.needs(inputs), store.path)
        pieces = step.op.jobs(inputs, where)
        order[step.key] = [p.name for p in pieces]
        missing[step.key] = set(order[step.key])
        for piece in pieces:
            part = Part(step.op, step.key, step.label, tuple(str(i.path) for i in inputs), piece)
            group = (inputs[0].key, piece.name) if step.op.fuses else (step.key, piece.name)
            groups.setdefault(group, []).append(part)
    jobs = sorted((Job(str(store.path), tuple(parts)) for parts in groups.values()), key=lambda j: -j.cost)
    if listener:
        listener.wave(jobs)

    def finish(step: Step) -> Step:
        published = store.publish(step, [receipts[step.key, name] for name in order[step.key]])
        if listener:
            listener.published(step, published)
        return step

    for step in ready:
        if not missing[step.key]:
            yield finish(step)
    for results in runner.map(execute, jobs):
        for done in results:
            step = steps[done.key]
            receipts[done.key, done.receipt.job] = done.receipt
            missing[done.key].discard(done.receipt.job)
            if listener:
                listener.done(step, done)
            if not missing[done.key]:
                yield finish(step)


__all__ = ["Done", "Job", "Listener", "Local", "Part", "Runner", "execute", "load_file", "pending", "run", "walk"]
