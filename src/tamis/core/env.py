"""The circumstances of a run, for env.json: never part of a key, always worth knowing."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("pyarrow", "numpy", "numba", "scipy", "tokenizers", "torch", "transformers", "fastwarc", "resiliparse")


def environment(file: Path | None = None) -> dict[str, Any]:
    """Versions, machine, command and the commit of the experiment's repository (`dirty`: it had uncommitted changes)."""
    folder = file.absolute().parent if file else Path.cwd()
    commit = _git(folder, "rev-parse", "HEAD")
    return {
        "tamis": metadata.version("tamis"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "commit": commit,
        "dirty": bool(_git(folder, "status", "--porcelain")) if commit else None,
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()
