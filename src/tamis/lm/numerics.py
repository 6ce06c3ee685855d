"""What changes the bits of training and scoring beside the data: device kind, precision, threads, torch.

It is part of the key of every step that runs a model; arms whose numerics differ are not compared. `applied` makes the
process obey it and puts the settings back afterwards.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tamis.core.errors import TamisError, UsageError


@dataclass(frozen=True)
class Numerics:
    """device "cpu" or "cuda"; precision "fp32" or "bf16" (autocast, weights stay fp32); threads per process; torch minor."""

    device: str = "cpu"
    precision: str = "fp32"
    threads: int = 1
    torch: str = "2.13"

    def __post_init__(self) -> None:
        if self.device not in ("cpu", "cuda"):
            raise UsageError(f"device {self.device!r}: use 'cpu' or 'cuda'")
        if self.precision not in ("fp32", "bf16"):
            raise UsageError(f"precision {self.precision!r}: use 'fp32' or 'bf16'")
        if self.threads < 1:
            raise UsageError(f"threads {self.threads}: at least 1")

    @classmethod
    def here(cls, device: str = "cpu") -> Numerics:
        """The default on a device with the torch installed here: fp32 on one thread, or bf16 on CUDA."""
        return cls(device, "bf16" if device == "cuda" else "fp32", 1, _torch_minor())

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Run torch with these settings and deterministic algorithms. TamisError if this machine cannot."""
        if self.torch != _torch_minor():
            raise TamisError(f"numerics ask for torch {self.torch}, {_torch_minor()} is installed; install the one planned")
        import torch

        if self.device == "cuda":
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with it
            if not torch.cuda.is_available():
                raise TamisError("device 'cuda' is not available here; use --device cpu")
        keep_memory()
        threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
        torch.set_num_threads(self.threads)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)

    def autocast(self) -> Any:
        """The context in which forward passes run."""
        import torch

        return torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.precision == "bf16")


@functools.cache
def keep_memory() -> bool:
    """Tell glibc to keep freed memory: else the logits of every step are mapped and page-faulted anew (1.2–1.6 x slower).

    Changes no result. False where the C library is not glibc.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return False
    trim_threshold, mmap_threshold = -1, -3
    kept = any(libc.mallopt(mmap_threshold, size) for size in (1 << 30, 1 << 25))  # older glibc takes at most 32 MB
    return kept and bool(libc.mallopt(trim_threshold, 2**31 - 1))


def _torch_minor() -> str:
    try:
        return ".".join(version("torch").split("+")[0].split(".")[:2])
    except PackageNotFoundError:
        raise TamisError("torch is not installed; pip install 'tamis[train]'") from None
