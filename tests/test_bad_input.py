"""The table in docs/bad-input.md, row by row: the command is run on such an input and must print that line and end so."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tamis.cli import main

PAGE = Path(__file__).parent.parent / "docs" / "bad-input.md"
ROW = re.compile(r"^\| (?P<input>.+?) \| (?P<line>.+) \| (?P<code>\d+) \|$")
TABLE = {m["input"]: (m["line"], int(m["code"])) for m in map(ROW.match, PAGE.read_text().splitlines()) if m}
DOCUMENTS = [json.dumps({"text": f"Document {i} says that {i} times 7 is {7 * i}. " * 3}).encode() + b"\n" for i in range(300)]
ALL = b"".join(DOCUMENTS)
READ = 'data = Dataset.jsonl("docs.jsonl")\n'
SCORE = "@dataclass(frozen=True)\nclass Odd(Score):\n    def score(self, text):\n        return {}\n\n\n" + (
    'data = Dataset.jsonl("docs.jsonl").keep(Odd(), min=0)\n'
)
EXPERIMENT = """
from tamis import Arm, BPE, BitsPerByte, Experiment, ladder
raw = Dataset.jsonl("docs.jsonl")
experiment = Experiment("twice", "Is it?", (Arm("raw", raw), Arm("{name}", raw.keep(GopherQuality().words, min={least}))),
    ladder("0.1M"), (BitsPerByte("target", source=raw, why="a test"),), tokenizer=BPE(300))
"""


def spoilt(line: bytes) -> bytes:
    """300 documents, one of which is replaced."""
    return b"".join([*DOCUMENTS[:150], line + b"\n", *DOCUMENTS[151:]])


@dataclass(frozen=True)
class Case:
    """What lies in the data root, what is declared, and the command if it is not `build`."""

    files: dict[str, Callable[[], bytes] | bytes] = field(default_factory=lambda: {"docs.jsonl": ALL})
    declared: str = READ
    command: tuple[str, ...] = ("build", "DECL:data", "--to", "ROOT/out")
    kept: int | None = None


def truncated() -> bytes:
    whole = gzip.compress(ALL)
    return whole[: len(whole) * 6 // 10]


def bomb() -> bytes:
    return gzip.compress(ALL + b"\0" * 60_000_000, 9)


ZIPPED = 'data = Dataset.jsonl("docs.jsonl.gz")\n'
RUN = ("run", "DECL", "--runs", "ROOT/runs")
DEDUP = "from tamis.data.dedup import MinHash, StoredVectors\n"
CASES = {
    "truncated gzip": Case({"docs.jsonl.gz": truncated}, ZIPPED),
    "zip bomb (more than 1000 : 1 beyond 1 GB)": Case({"docs.jsonl.gz": bomb}, ZIPPED, kept=300),
    "binary rubbish named .jsonl": Case(
        {"docs.jsonl": random.Random(1).randbytes(3000), "good.jsonl": ALL}, 'data = Dataset.jsonl("*.jsonl")\n', kept=300
    ),
    "nothing but binary rubbish": Case({"docs.jsonl": random.Random(1).randbytes(3000)}),
    "JSON line cut in half": Case({"docs.jsonl": spoilt(DOCUMENTS[150][:40])}, kept=299),
    "invalid UTF-8": Case({"docs.jsonl": spoilt(b'{"text": "\xff"}')}, kept=299),
    "null text": Case({"docs.jsonl": spoilt(b'{"text": null}')}, kept=299),
    "document above `max_document` (64 MB)": Case(
        {"docs.jsonl": lambda: spoilt(b'{"text": "' + b"x" * 65_000_000 + b'"}')}, kept=299
    ),
    "empty file": Case({"docs.jsonl": b""}),
    "empty corpus (no file matches)": Case({}),
    "missing column": Case(declared='data = Dataset.jsonl("docs.jsonl", text="body")\n'),
    "NaN score": Case(declared=SCORE.format('float("nan") if "217" in text else 1.0')),
    "score that raises": Case(declared=SCORE.format("1 / 0.0")),
    "dataset that ends with no documents": Case(
        declared='data = Dataset.jsonl("docs.jsonl").keep(GopherQuality().words, min=1000)\n'
    ),
    "arm that ends with no documents": Case(declared=EXPERIMENT.format(name="strict", least=1000), command=RUN),
    "arm with too few tokens": Case(declared=EXPERIMENT.format(name="same", least=1), command=RUN),
    "duplicate arm names": Case(declared=EXPERIMENT.format(name="raw", least=1), command=RUN),
    "misspelt option": Case(command=("build", "DECL:data", "--too", "ROOT/out")),
    "misspelt command": Case(command=("biuld",)),
    "misspelt argument in the file": Case(declared='data = Dataset.jsonl("docs.jsonl", txet="text")\n'),
    "misspelt dataset name": Case(command=("build", "DECL:dota", "--to", "ROOT/out")),
    "syntax error in the file": Case(declared="data = (\n"),
    "similarity out of range": Case(declared=DEDUP + "data = Dataset.jsonl('docs.jsonl').dedup(MinHash(threshold=1.5))\n"),
    "miss rate out of reach": Case(declared=DEDUP + "rare = MinHash.for_miss_rate(1e-9, 0.1, permutations=16)\n"),
    "embedding file that is not there": Case(declared=DEDUP + "vectors = StoredVectors.file('none.parquet')\n"),
    "no such file": Case(command=("build", "ROOT/none.py:data", "--to", "ROOT/out")),
    "unknown format": Case(command=("build", "DECL:data", "--to", "ROOT/out", "--format", "csv")),
    "folder that is not ours": Case(command=("build", "DECL:data", "--to", "ROOT")),
}
APART = {"disk full", "Ctrl-C", "unpinned revision"}  # tests of their own, below (the hub's in tests/data/test_hub.py)


def test_every_row_of_the_table_has_a_test() -> None:
    assert set(TABLE) == set(CASES) | APART


def matches(wanted: str, printed: str) -> bool:
    """Whether a line of `printed` is the one in the table (`…` stands for anything)."""
    pattern = "tamis: " + ".*".join(map(re.escape, wanted.removeprefix("`").removesuffix("`").split("…")))
    return any(re.fullmatch(pattern, line) for line in printed.splitlines())


def prepare(case: Case, root: Path) -> list[str]:
    """Write the files; the arguments of the command."""
    for name, content in case.files.items():
        (root / name).write_bytes(content if isinstance(content, bytes) else content())
    head = "from dataclasses import dataclass\nfrom tamis import Dataset, Score\n"
    (root / "decl.py").write_text(f"{head}from tamis.data.scores.gopher import GopherQuality\n\n{case.declared}")
    arguments = [a.replace("ROOT", str(root)).replace("DECL", str(root / "decl.py")) for a in case.command]
    if "--too" in arguments or len(arguments) == 1:
        return arguments
    return [*arguments, "--store", str(root / "store"), "--data", str(root), "-w", "1"]


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if "bomb" in name:
        monkeypatch.setattr("tamis.data.sources.stream.BOMB_BYTES", 1_000_000)
        monkeypatch.setattr("tamis.data.sources.stream.BOMB_RATIO", 100)
    line, code = TABLE[name]
    line = line.replace("1000:1", "100:1") if "bomb" in name else line
    case = CASES[name]
    before = set(sys.modules)
    try:
        found = main(prepare(case, tmp_path))
    finally:
        for module in set(sys.modules) - before & {"decl"}:
            del sys.modules[module]
        sys.modules.pop("decl", None)
    printed = capsys.readouterr()
    assert found == code, printed.err
    if line.startswith("`"):
        assert matches(line, printed.err), printed.err
    else:
        assert "too-large" in (tmp_path / "out" / "README.md").read_text()
    if case.kept is not None:
        assert f"{case.kept} documents" in printed.out


def start(arguments: list[str], **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tamis", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_disk_full(tmp_path: Path) -> None:
    """A limit on the size of a file stands in for a small disk where none can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        case = Case({"docs.jsonl": lambda: json.dumps({"text": random.Random(1).randbytes(600_000).hex()}).encode() + b"\n"})
        arguments = [a.replace(str(tmp_path / "store"), str(disk / "store")) for a in prepare(case, tmp_path)]
        process = start(arguments)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == TABLE["disk full"][1], errors
        assert "Traceback" not in errors
        assert "No space left on device" in errors
        assert len(errors.splitlines()) == 1
    finally:
        subprocess.run(["umount", disk], check=False)


def children(pid: int) -> set[int]:
    import psutil

    return {p.pid for p in psutil.Process(pid).children(recursive=True)}


def test_interrupted_and_resumed(tmp_path: Path) -> None:
    """Ctrl-C in the middle of 40 shards: one line, 130, no worker left; the same command then uses what was finished."""
    import psutil

    slow = (
        "import time\n\n\n@dataclass(frozen=True)\nclass Slow(Score):\n    def score(self, text):\n"
        "        time.sleep(0.03)\n        return 1.0\n\n\n"
        'data = Dataset.jsonl("docs.jsonl", shard_bytes=1500).keep(Slow(), min=0)\n'
    )
    arguments = prepare(Case(declared=slow), tmp_path)
    arguments[arguments.index("-w") + 1] = "2"
    process = start(arguments, env={**os.environ, "PYTHONUNBUFFERED": "1"}, start_new_session=True)
    deadline = time.monotonic() + 120
    store, finished = tmp_path / "store", 0
    while finished < 4 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
        finished = len(list(store.glob("work/*/*/receipt.json"))) if list(store.glob("jsonl-*")) else 0
    assert process.poll() is None, process.communicate()
    workers = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    line, code = TABLE["Ctrl-C"]
    assert process.returncode == code, errors
    assert matches(line, errors), errors
    assert "Traceback" not in errors
    time.sleep(0.5)
    assert workers
    assert not [pid for pid in workers if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]
    kept = list((tmp_path / "store" / "work").glob("*/*/receipt.json"))
    assert len(kept) >= 4
    again = start(arguments)
    output, errors = again.communicate(timeout=120)
    assert again.returncode == 0, errors
    assert "300 documents" in output
