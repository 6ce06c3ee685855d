"""What a running plan says: a progress bar with rate and time left on a terminal, a line now and then elsewhere, and
events.jsonl.

Progress is counted in cost (bytes read, or parameters x tokens trained), of finished jobs and of what long ones say about
themselves, so the time left means something although a training run is a thousand times longer than a selection.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from tamis.core.runner import Done, Job, Part
from tamis.core.step import Published, Step

QUIET = 15.0  # seconds between lines where there is no terminal
GLANCE = 1.0  # seconds between looks at the jobs that are under way
TELLING = 0.02  # share of the work from which a rate means something
ALL = "in all"


class Events:
    """Appends what happened to a file, one JSON object a line; times and memory belong here and nowhere else."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")

    def write(self, event: str, **facts: Any) -> None:
        self._file.write(json.dumps({"time": round(time.time(), 3), "event": event, **facts}) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


@dataclass
class Count:
    """How far some jobs are: numbers, and costs with what unfinished jobs have done."""

    start: float
    jobs: int = 0
    finished: int = 0
    cost: float = 0.0
    spent: float = 0.0
    underway: float = 0.0

    @property
    def share(self) -> float:
        return (self.spent + self.underway) / self.cost if self.cost else self.finished / max(self.jobs, 1)

    def left(self, now: float) -> str:
        """The time left at the rate so far; nothing while too little is done to tell."""
        return f"about {(now - self.start) * (1 - self.share) / self.share:.0f} s left" if TELLING <= self.share < 1 else ""

    def rate(self, now: float) -> str:
        jobs = self.jobs * self.share / max(now - self.start, 1e-9)
        return f"{jobs:.1f} jobs/s" if jobs >= 0.1 else f"{60 * jobs:.1f} jobs/min"


class Progress:
    """A `Listener` for people (and, through `Events`, for the record)."""

    def __init__(self, events: Events | None = None, stream: TextIO | None = None, quiet: bool = False) -> None:
        self.events = events
        self.stream = stream or sys.stderr
        self.quiet = quiet
        self._counts: dict[str, Count] = {}
        self._wave = Count(time.monotonic())
        self._unfinished: dict[tuple[str, str], tuple[Part, Path]] = {}
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}
        self._said = time.monotonic()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Progress:
        if self.stream.isatty() and not self.quiet:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                TextColumn("{task.description:<22}"),
                BarColumn(28),
                TextColumn("{task.fields[count]:>9}"),
                TextColumn("{task.fields[rate]:>13}"),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
                console=Console(file=self.stream),
            )
            self._bar.start()
        if not self.quiet:
            self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._watcher.is_alive():
            self._watcher.join()
        if self._bar is not None:
            self._draw()
            self._bar.stop()
        if self.events is not None:
            self.events.close()

    def wave(self, jobs: Sequence[Job]) -> None:
        self._wave = Count(time.monotonic())
        for job in jobs:
            for part in job.parts:
                self._count(part.label, jobs=1, cost=part.piece.cost)
                self._unfinished[part.key, part.piece.name] = (part, Path(job.store))

    def done(self, step: Step, done: Done) -> None:
        part, _ = self._unfinished.pop((done.key, done.receipt.job))
        self._count(part.label, finished=1, spent=part.piece.cost)
        if self.events is not None:
            facts = {"cpu": round(done.cpu, 3), "seconds": round(done.seconds, 3), "peak": done.peak, "cached": done.cached}
            self.events.write("job", step=step.label, key=step.key[:12], job=done.receipt.job, **facts)

    def _count(self, label: str, jobs: int = 0, finished: int = 0, cost: float = 0.0, spent: float = 0.0) -> None:
        for count in (self._counts.setdefault(label, Count(time.monotonic())), self._wave):
            count.jobs += jobs
            count.finished += finished
            count.cost += cost
            count.spent += spent

    def published(self, step: Step, published: Published) -> None:
        if self.events is not None:
            self.events.write("published", step=step.label, key=step.key[:12], rows=published.rows)

    def _watch(self) -> None:
        while not self._over.wait(GLANCE):
            self._look()
            if self._bar is not None:
                self._draw()
            elif time.monotonic() - self._said > QUIET:
                self._said = time.monotonic()
                self.stream.write(f"{self.line()}\n")
                self.stream.flush()

    def _look(self) -> None:
        """Ask the jobs that are under way how far they are."""
        underway: defaultdict[str, float] = defaultdict(float)
        for part, store in list(self._unfinished.values()):
            underway[part.label] += part.piece.cost * part.progress(store)
        for label, count in list(self._counts.items()):
            count.underway = underway[label]
        self._wave.underway = sum(underway.values())

    def line(self) -> str:
        """What runs, how far it is, and how long the jobs that can run now will take in all."""
        busy = [f"{label} {c.finished}/{c.jobs}" for label, c in list(self._counts.items()) if c.finished < c.jobs]
        names = ", ".join(busy[:3]) + (f" and {len(busy) - 3} more" if len(busy) > 3 else "")
        left = self._wave.left(time.monotonic())
        return f"{names}: {self._wave.share:.0%}{', ' + left if left else ''}"

    def _draw(self) -> None:
        now = time.monotonic()
        for label, count in [(ALL, self._wave), *self._counts.items()]:
            if label not in self._tasks:
                self._tasks[label] = self._bar.add_task(label, total=1.0, count="", rate="", left="")
            over = count.finished == count.jobs
            self._bar.update(
                self._tasks[label],
                completed=1.0 if over else count.share,
                count=f"{count.finished}/{count.jobs}",
                rate="" if over else count.rate(now),
                left=count.left(now) if label == ALL else "",
            )
