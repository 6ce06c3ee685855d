"""What a running plan says: a progress bar with rate and time left on a terminal, a line now and then elsewhere, and
events.jsonl.

Progress is counted in cost (bytes read, or parameters x tokens trained), learned from what finished jobs took, so the time
left means something although a training run is a thousand times longer than a selection.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from tamis.core.runner import Done, Job
from tamis.core.step import Published, Step

QUIET = 15.0  # seconds between lines where there is no terminal


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


class Progress:
    """A `Listener` for people (and, through `Events`, for the record)."""

    def __init__(self, events: Events | None = None, stream: TextIO | None = None, quiet: bool = False) -> None:
        self.events = events
        self.stream = stream or sys.stderr
        self.quiet = quiet
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}
        self._start: dict[str, float] = {}
        self._cost: dict[tuple[str, str], float] = {}
        self._left: Counter[str] = Counter()
        self._total: dict[str, float] = defaultdict(float)
        self._jobs: Counter[str] = Counter()
        self._last = time.monotonic()
        self.seconds: dict[str, float] = defaultdict(float)

    def __enter__(self) -> Progress:
        if self.stream.isatty() and not self.quiet:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description:<22}"),
                BarColumn(28),
                TextColumn("{task.fields[done]}/{task.fields[jobs]}"),
                TextColumn("{task.fields[rate]:>12}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=Console(file=self.stream),
            )
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self.events is not None:
            self.events.close()

    def wave(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            for part in job.parts:
                self._cost[part.key, part.piece.name] = part.piece.cost
                self._total[part.label] += part.piece.cost
                self._jobs[part.label] += 1
                self._left[part.label] += 1
                self._start.setdefault(part.label, time.monotonic())
        if self._bar is not None:
            for label in self._jobs:
                if label not in self._tasks and self._left[label]:
                    fields = {"done": 0, "jobs": self._jobs[label], "rate": ""}
                    self._tasks[label] = self._bar.add_task(label, total=self._total[label], **fields)
                elif label in self._tasks:
                    self._bar.update(self._tasks[label], total=self._total[label], jobs=self._jobs[label])

    def done(self, step: Step, done: Done) -> None:
        label = step.label
        self._left[label] -= 1
        self.seconds[label] += done.cpu
        cost = self._cost.get((done.key, done.receipt.job), 1.0)
        finished = self._jobs[label] - self._left[label]
        if self.events is not None:
            facts = {"cpu": round(done.cpu, 3), "seconds": round(done.seconds, 3), "peak": done.peak, "cached": done.cached}
            self.events.write("job", step=label, key=step.key[:12], job=done.receipt.job, **facts)
        if self._bar is not None:
            rate = finished / max(time.monotonic() - self._start[label], 1e-9)
            self._bar.update(self._tasks[label], advance=cost, done=finished, rate=f"{rate:.1f} jobs/s")
        elif not self.quiet and time.monotonic() - self._last > QUIET:
            self._last = time.monotonic()
            self.stream.write(f"{label}: {finished} of {self._jobs[label]} jobs{self._remaining(label)}\n")
            self.stream.flush()

    def _remaining(self, label: str) -> str:
        finished = self._jobs[label] - self._left[label]
        spent = time.monotonic() - self._start[label]
        return f", about {spent / finished * self._left[label]:.0f} s left" if self._left[label] and finished else ""

    def published(self, step: Step, published: Published) -> None:
        if self.events is not None:
            self.events.write("published", step=step.label, key=step.key[:12], rows=published.rows)
        if self._bar is not None and step.label in self._tasks and not self._left[step.label]:
            self._bar.update(self._tasks[step.label], completed=self._total[step.label], visible=self._total[step.label] > 0)
