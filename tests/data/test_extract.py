"""Extraction in a supervised process: what kills a page costs that page."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from tamis.core.errors import TamisError
from tamis.data.edit import Drop, Edited
from tamis.data.extract import Extractor, Resiliparse
from tamis.data.schema import DOCUMENT
from tamis.data.supervise import Child, child_of

PAGE = "<html><body><nav><a href='/'>Home</a></nav><main><p>{}</p></main></body></html>"


@dataclass(frozen=True)
class Fragile(Extractor):
    """Does what the page says, in compiled code where it matters."""

    timeout: float = 0.3

    def extract(self, html: str, /) -> str:
        if "loop" in html:
            zeros = ctypes.create_string_buffer(1 << 16)
            while True:  # strlen and memset hold no lock and look at no signal handler of Python
                ctypes.memset(zeros, 1, 1 << 16)
        if "segfault" in html:
            ctypes.string_at(0)
        if "abort" in html:
            os.abort()
        if "exit" in html:
            os._exit(7)
        if "memory" in html:
            return str(len(bytearray(8 << 30)))
        if "raise" in html:
            raise ValueError("no such page")
        if "print" in html:
            print("noise on the standard output")
            os.write(1, b"more noise")
        return html.upper()


@dataclass(frozen=True)
class Nested(Extractor):
    """One call into compiled code that takes minutes: only the kernel can end it."""

    timeout: float = 0.3

    def extract(self, html: str, /) -> str:
        return str(sum(range(10**11))) if "loop" in html else html


@dataclass(frozen=True)
class Unpicklable(Extractor):
    marker: str = "x"

    def __reduce__(self) -> tuple[object, ...]:
        return (no_such_thing, ("x",))


def no_such_thing(_: str) -> None:
    raise RuntimeError("cannot be made again")


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    for task in (Fragile(), Nested(), Unpicklable(), Resiliparse()):
        child_of(task).close()


def batch(*texts: str) -> pa.RecordBatch:
    rows = [{"id": bytes(16), "text": t, "url": "", "source": "", "meta": "{}"} for t in texts]
    return pa.RecordBatch.from_pylist(rows, schema=DOCUMENT)


def reasons(results: list[Edited]) -> list[str]:
    return [r.reason if isinstance(r, Drop) else "kept" for r in results]


def test_main_content_is_found_and_the_batch_equals_the_definition() -> None:
    pages = [PAGE.format(f"This is the prose of page {i}, long enough to be content. " * 5) for i in range(50)]
    pages += ["", "<html></html>", "no markup at all", PAGE.format("Grüße 😀 \x00")]
    edit = Resiliparse()
    results = edit.edit_batch(batch(*pages))
    assert results == [edit.edit(p) for p in pages]
    assert "Home" not in str(results[0])
    assert "Home" in str(Resiliparse(main_content=False).edit(pages[0]))
    assert results[50:52] == [Drop("empty"), Drop("empty")]
    assert edit.edit_batch(batch(*pages).slice(20, 10)) == results[20:30]
    assert edit.edit_batch(batch()) == []


@pytest.mark.parametrize(
    ("word", "reason", "evidence"),
    [
        ("loop", "timeout", "more than 0.3 CPU seconds"),
        ("segfault", "crashed", "SIGSEGV"),
        ("abort", "crashed", "SIGABRT"),
        ("exit", "crashed", "exit code 7"),
        ("raise", "failed", "ValueError: no such page"),
        pytest.param(
            "memory", "failed", "MemoryError: ", marks=pytest.mark.skipif(sys.platform == "darwin", reason="no RLIMIT_AS")
        ),
    ],
)
def test_one_bad_page_of_300_keeps_299(word: str, reason: str, evidence: str) -> None:
    pages = [f"page {i}" for i in range(300)]
    pages[216] = word
    results = Fragile().edit_batch(batch(*pages))
    assert results[216] == Drop(reason, evidence)
    assert [r for i, r in enumerate(results) if i != 216] == [p.upper() for i, p in enumerate(pages) if i != 216]


def test_a_loop_inside_one_compiled_call_is_ended_by_cpu_time() -> None:
    started = time.monotonic()
    assert reasons(Nested().edit_batch(batch("loop", "x", "loop"))) == ["timeout", "kept", "timeout"]
    assert time.monotonic() - started < 60


def test_many_bad_pages_first_last_and_together() -> None:
    pages = ["abort", "segfault", "a", "abort", "raise", "b", "exit"]
    assert reasons(Fragile().edit_batch(batch(*pages))) == [
        "crashed", "crashed", "kept", "crashed", "failed", "kept", "crashed"
    ]  # fmt: skip


def test_waiting_is_not_work() -> None:
    """Only CPU seconds count, so that a busy machine drops the same pages."""
    assert Slow().edit_batch(batch("x")) == ["x"]
    child_of(Slow()).close()


@dataclass(frozen=True)
class Slow(Extractor):
    timeout: float = 0.3

    def extract(self, html: str, /) -> str:
        time.sleep(1)
        return html


def test_a_page_larger_than_any_pipe_goes_both_ways() -> None:
    pages = ["x" * 3_000_000, "print", "y" * 5_000_000]
    assert Fragile().edit_batch(batch(*pages)) == [p.upper() for p in pages]


def test_a_crash_seen_once_is_not_the_fault_of_a_page() -> None:
    child = Child(Fragile())
    assert child.run([b"a"]) == ["A"]
    assert child.process is not None
    child.process.kill()
    assert child.run([b"b", b"c"]) == ["B", "C"]
    child.close()


def test_an_extractor_that_cannot_be_sent_is_one_clear_error() -> None:
    with pytest.raises(TamisError, match="cannot be prepared: RuntimeError: cannot be made again"):
        Unpicklable().edit_batch(batch("x"))


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    import subprocess

    code = (
        "import os, signal; from tamis.data.extract import Resiliparse; from tamis.data.supervise import child_of\n"
        "child = child_of(Resiliparse()); child.run([b'<p>x'])\n"
        "print(child.process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    pid = int(out.stdout)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("the child outlived its parent")
