"""Work on documents in a process of its own, so that a document which hangs or kills the parser costs one row and not the run.

The child gets CPU seconds per document by a kernel timer whose signal ends it, so even a loop in compiled code stops; its memory
is limited too. Documents are sent ahead while results come back, so that the child never waits for its parent. A child that dies
is replaced. A crash is believed only if it happens again in a fresh process, so a document never pays for the one before it.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import pickle
import resource
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any, Protocol

from tamis.core.errors import TamisError

HEAD = struct.Struct("<BQ")
TEXT, FAILED, READY, UNUSABLE = range(4)
BOOT = "from tamis.data.supervise import serve; serve()"


class Task(Protocol):
    """What a child does to each document; a frozen dataclass of plain values, importable by its module's name or file."""

    @property
    def timeout(self) -> float: ...
    @property
    def memory(self) -> int: ...

    def prepare(self) -> None: ...
    def extract(self, text: str, /) -> str: ...


@dataclass(frozen=True)
class Lost:
    """Why a document has no result: "timeout", "crashed" or "failed", and the particulars."""

    reason: str
    evidence: str


class _DiedError(Exception):
    """The child ended in the middle of a document."""


class Child:
    """One supervised process. Not for use by two threads at once."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, documents: Sequence[bytes | memoryview]) -> list[str | Lost]:
        """One result per document, in order."""
        results: list[str | Lost] = []
        accused = -1  # the document a crash was seen at
        while len(results) < len(documents):
            process = self._started()
            feeder = threading.Thread(target=_feed, args=(process.stdin, documents[len(results) :]), daemon=True)
            feeder.start()
            try:
                while len(results) < len(documents):
                    results.append(_receive(process.stdout))
            except _DiedError:
                lost = self._verdict()
                if lost.reason == "timeout" or accused == len(results):
                    results.append(lost)
                accused = len(results)
            except BaseException:
                self.close()
                raise
            feeder.join()
        return results

    def close(self) -> None:
        """End the process; the next `run` starts another."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout):
                with contextlib.suppress(OSError):
                    stream.close()  # type: ignore[union-attr]
            self.process = None

    def _started(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            path = os.pathsep.join(p for p in sys.path if p)
            self.process = subprocess.Popen(
                [sys.executable, "-c", BOOT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,  # Ctrl-C is the parent's business; the child ends when its input does
            )
            module = sys.modules[type(self.task).__module__]
            origin = (module.__name__, getattr(module, "__file__", None))
            for part in (pickle.dumps(origin), pickle.dumps(self.task)):
                _feed(self.process.stdin, [part])
            try:
                _receive(self.process.stdout)
            except _DiedError:
                code = self.process.wait()
                self.close()
                raise TamisError(f"{type(self.task).__name__}: its process ended at once (code {code})") from None
        return self.process

    def _verdict(self) -> Lost:
        assert self.process is not None
        code = self.process.wait()
        self.close()
        if code == -signal.SIGPROF:
            return Lost("timeout", f"more than {self.task.timeout:g} CPU seconds")
        return Lost("crashed", signal.Signals(-code).name if code < 0 else f"exit code {code}")


_CHILDREN: dict[tuple[int, Task], Child] = {}


def child_of(task: Task) -> Child:
    """The child of this process for `task`: one per process and task, kept until the process ends."""
    if not _CHILDREN:
        atexit.register(_close_all)
    return _CHILDREN.setdefault((os.getpid(), task), Child(task))


def _close_all() -> None:
    for (owner, _), child in _CHILDREN.items():
        if owner == os.getpid():
            child.close()


def _feed(stream: IO[bytes] | None, parts: Sequence[bytes | memoryview]) -> None:
    """Send parts until they are through or the other side is gone (its reader then tells)."""
    assert stream is not None
    with contextlib.suppress(OSError, ValueError):
        for part in parts:
            stream.write(HEAD.pack(TEXT, len(part)))
            stream.write(part)
        stream.flush()


def _receive(stream: IO[bytes] | None) -> str | Lost:
    assert stream is not None
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        raise _DiedError
    status, size = HEAD.unpack(head)
    data = stream.read(size)
    if len(data) < size:
        raise _DiedError
    text = data.decode("utf-8", "replace")
    if status == UNUSABLE:
        raise TamisError(text)
    return Lost("failed", text) if status == FAILED else text


def serve() -> None:
    """The child: documents come in, results go out, until the input ends."""
    source = os.fdopen(os.dup(0), "rb", buffering=1 << 20)
    answers = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):  # whatever the task prints or reads must not mix with the protocol
        os.dup2(null, stream)
    try:
        task = _prepared(source)
    except BaseException as error:
        _answer(answers, UNUSABLE, f"the process of an extractor cannot be prepared: {type(error).__name__}: {error}")
        return
    _answer(answers, READY, "")
    while (part := _part(source)) is not None:
        text = part.decode("utf-8", "replace")
        signal.setitimer(signal.ITIMER_PROF, task.timeout)
        try:
            status, result = TEXT, task.extract(text)
        except BaseException as error:  # a panic in compiled code is no Exception
            status, result = FAILED, f"{type(error).__name__}: {error}"[:300]
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        _answer(answers, status, result)


def _part(source: IO[bytes]) -> bytes | None:
    head = source.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    size = HEAD.unpack(head)[1]
    part = source.read(size)
    return part if len(part) == size else None


def _answer(answers: IO[bytes], status: int, result: str) -> None:
    data = result.encode("utf-8", "replace")
    answers.write(HEAD.pack(status, len(data)))
    answers.write(data)
    answers.flush()


def _prepared(source: IO[bytes]) -> Any:
    """The task, unpickled after its module is loaded by name or from its file; limits set last."""
    name, path = pickle.loads(_part(source) or b"")  # both come from the parent, over its pipe
    if name not in sys.modules and importlib.util.find_spec(name) is None and path:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    task: Any = pickle.loads(_part(source) or b"")
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS refuses
        resource.setrlimit(resource.RLIMIT_AS, (task.memory, resource.getrlimit(resource.RLIMIT_AS)[1]))
    task.prepare()
    return task
