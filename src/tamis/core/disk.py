"""Durable writes in small steps, each of which may be the last one that this process makes.

A directory appears whole or not at all: its files are written and synced under a temporary name, then one rename publishes
them. Every write, sync and rename passes two named failpoints; `TAMIS_FAILPOINT=name[:n]` kills the process with SIGKILL at
the n-th pass, which is how tests prove that no moment is unsafe.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import uuid
from pathlib import Path

MOMENTS = {
    "shard": ("write", "sync"),
    "receipt": ("write", "sync"),
    "job": ("rename",),
    "manifest": ("write", "sync"),
    "publish": ("rename",),
    "checkpoint": ("write", "sync", "rename"),
    "run": ("write", "sync", "rename"),
}
FAILPOINTS = tuple(f"{stage}.{m}.{when}" for stage, moments in MOMENTS.items() for m in moments for when in ("before", "after"))

_passes: dict[str, int] = {}


def failpoint(name: str) -> None:
    """Die here if the environment asks for it."""
    wanted = os.environ.get("TAMIS_FAILPOINT")
    if not wanted:
        return
    target, _, count = wanted.partition(":")
    if target != name:
        return
    _passes[name] = _passes.get(name, 0) + 1
    if _passes[name] == int(count or 1):
        os.kill(os.getpid(), signal.SIGKILL)


def sync_dir(path: Path) -> None:
    """Make renames inside a directory durable (a no-op where directories cannot be synced)."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(fd)
    except OSError:
        pass
    finally:
        os.close(fd)


def sync_file(path: Path, stage: str) -> None:
    """Flush one finished file to disk."""
    failpoint(f"{stage}.sync.before")
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    failpoint(f"{stage}.sync.after")


def write_file(path: Path, content: bytes, stage: str) -> None:
    """Write and sync a new file."""
    failpoint(f"{stage}.write.before")
    path.write_bytes(content)
    failpoint(f"{stage}.write.after")
    sync_file(path, stage)


def replace_file(path: Path, content: bytes, stage: str) -> None:
    """Replace a file atomically."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}")
    write_file(temporary, content, stage)
    failpoint(f"{stage}.rename.before")
    temporary.replace(path)
    failpoint(f"{stage}.rename.after")
    sync_dir(path.parent)


def publish_dir(temporary: Path, final: Path, stage: str) -> bool:
    """Rename a finished directory to its name; False (and the copy deleted) if somebody published it first."""
    sync_dir(temporary)
    failpoint(f"{stage}.rename.before")
    try:
        temporary.rename(final)
    except OSError:
        if not final.is_dir():
            raise
        shutil.rmtree(temporary, ignore_errors=True)
        return False
    failpoint(f"{stage}.rename.after")
    sync_dir(final.parent)
    return True


def temporary_dir(parent: Path, label: str) -> Path:
    """A fresh directory beside its later name; the leading dot tells readers to pass by."""
    path = parent / f".{label}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    path.mkdir(parents=True)
    return path


def file_sha256(path: Path) -> str:
    """sha256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def link(source: Path, target: Path) -> None:
    """A second name for a finished file, or a copy where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        if not source.exists():
            raise
        shutil.copyfile(source, target)
        sync_file(target, "publish")
