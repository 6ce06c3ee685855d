"""What a step will need, said before it starts, and refused if it cannot fit.

An operator whose memory or scratch grows with the corpus states both in `needs`; the runner asks before the first job of a wave.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from tamis.core.errors import TamisError

CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


class Needs(NamedTuple):
    """Bytes: memory of one job at its peak, and disk of the whole step until it is collected."""

    memory: int = 0
    disk: int = 0


def available_memory() -> int:
    """Bytes that a new process may take: what the system has left, or what its control group has."""
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit, used in CGROUPS:
        try:
            free = min(free, int(Path(limit).read_text()) - int(Path(used).read_text()) + _reclaimable())
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return max(free, 0)


def _reclaimable() -> int:
    """Bytes of cached files, which count as used and are given back on demand."""
    try:
        lines = dict(line.split() for line in Path("/sys/fs/cgroup/memory.stat").read_text().splitlines())
        return int(lines["inactive_file"])
    except (OSError, KeyError, ValueError):
        return 0


def free_disk(path: Path) -> int:
    """Bytes free where `path` is or will be."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def readable(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def refuse_what_cannot_fit(label: str, needs: Needs, store: Path) -> None:
    """TamisError if one job's memory or the step's disk exceeds what there is."""
    if needs == Needs():
        return
    memory, disk = available_memory(), free_disk(store)
    if needs.memory > memory:
        raise TamisError(
            f"{label} needs {readable(needs.memory)} of memory and {readable(memory)} is available: use a larger machine"
        )
    if needs.disk > disk:
        raise TamisError(
            f"{label} needs {readable(needs.disk)} of disk and {readable(disk)} is free in {store}: name another place by --store"
        )


__all__ = ["Needs", "available_memory", "free_disk", "readable", "refuse_what_cannot_fit"]
