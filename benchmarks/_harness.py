"""What every benchmark here shares: the corpus, marginal CPU-seconds, a peer's own environment, the table and the JSON lines.

`python benchmarks/NAME.py [--data DIR]` prints a table for people and ends with one JSON line per comparison, the headline last.
DIR is the root of the shared data; without it documents come from the world generator. A speed is *marginal*: the bytes of text
of the whole corpus less those of a fixed third, over the CPU-seconds (user and system, of the process and all it started) of the
whole less those of the third; what is left of the third is start-up, shown on its own. Every program runs alone with one worker
and single-threaded libraries, ours through the public command.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import zstandard

SHARDS = 6  # the fixed third is the first two
SAMPLE = 20_000_000  # bytes of text for peers below 5 MB/s
DOCUMENT = 40_000  # longer documents are cut: pages, not books
WORLD = 36_000  # generated documents without --data
FOLDERS = ("text", "multilingual", "code")
SINGLE_THREADED = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS"), "1"
)

# A process inherits the peak memory of the one that starts it, so a small one starts what is measured.
LAUNCHER = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
figures = usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status)
with open(sys.argv[1], "w") as file:
    json.dump(figures, file)
"""


@dataclass(frozen=True)
class Corpus:
    """The same documents as .jsonl.zst and .jsonl, in SHARDS files each; `bytes[i]` of UTF-8 text in shard i."""

    folder: Path
    bytes: tuple[int, ...]
    documents: int

    def files(self, suffix: str, shards: int) -> list[Path]:
        return [self.folder / f"{i}{suffix}" for i in range(shards)]


@dataclass(frozen=True)
class Cost:
    """CPU-seconds and peak memory (bytes, of the largest process) of one finished command."""

    cpu: float
    memory: int


@dataclass(frozen=True)
class Speed:
    """Marginal bytes of text per CPU-second, CPU-seconds of start-up, peak memory of the whole run."""

    name: str
    version: str
    flags: str
    rate: float
    startup: float
    memory: int
    megabytes: float


@dataclass(frozen=True)
class Comparison:
    """One JSON line: `ratio` says how many times faster ours is."""

    name: str
    ours: float
    peer: float
    peer_name: str
    ratio: float
    unit: str = "MB of text per marginal CPU-second"


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="root of the shared data; without it documents are generated")
    parser.add_argument("--peer-venv", type=Path, help="environment that holds the peer already; else one is made and kept")
    parser.add_argument("--work", type=Path, help="folder for files in between (default: a temporary one, removed afterwards)")
    return parser


def documents(data: Path | None) -> list[str]:
    """All texts, in an order that a fixed seed draws."""
    if data is None:
        from tamis.data.world import World

        return [row.base.text for row in World(seed=1, size=WORLD).rows()]
    texts = [text for folder in FOLDERS for path in sorted((data / folder).glob("*.jsonl.zst")) for text in _read(path)]
    Random(1).shuffle(texts)
    return texts


def _read(path: Path) -> Iterator[str]:
    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        for line in stream.read().split(b"\n"):
            if line:
                text = json.loads(line)["text"]
                yield from (text[i : i + DOCUMENT] for i in range(0, len(text), DOCUMENT))


def write_corpus(texts: Iterable[str], folder: Path, limit: int | None = None) -> Corpus:
    """Deal out texts to the shards in turn, up to `limit` bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[list[bytes]] = [[] for _ in range(SHARDS)]
    sizes, total, number = [0] * SHARDS, 0, 0
    for number, text in enumerate(texts):
        if limit is not None and total >= limit:
            break
        size = len(text.encode())
        rows[number % SHARDS].append(json.dumps({"id": str(number), "text": text}, ensure_ascii=False).encode() + b"\n")
        sizes[number % SHARDS] += size
        total += size
    for i, lines in enumerate(rows):
        whole = b"".join(lines)
        (folder / f"{i}.jsonl").write_bytes(whole)
        (folder / f"{i}.jsonl.zst").write_bytes(zstandard.ZstdCompressor(level=3).compress(whole))
    return Corpus(folder, tuple(sizes), sum(map(len, rows)))


def spend(command: Sequence[str | Path], extra: dict[str, str] | None = None) -> Cost:
    """Run a command to its end and return what it and its descendants cost; SystemExit with its last words if it fails."""
    environment = {**os.environ, **SINGLE_THREADED, **(extra or {})}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        usage = Path(folder) / "usage.json"
        words = [sys.executable, "-S", "-c", LAUNCHER, str(usage), *map(str, command)]
        subprocess.run(words, stdout=log, stderr=log, env=environment, check=True)
        cpu, memory, status = json.loads(usage.read_text())
        if status:
            log.seek(0)
            said = log.read()[-3000:].decode(errors="replace")
            raise SystemExit(f"{shlex.join(map(str, command))} ended with {status}:\n{said}")
    scale = 1 if sys.platform == "darwin" else 1024
    return Cost(cpu, memory * scale)


def measure(
    name: str, version: str, flags: str, corpus: Corpus, run: Callable[[list[Path]], Cost], suffix: str, warm: bool = False
) -> Speed:
    """Marginal speed of `run` on the shards with `suffix`; `warm` runs the third once before (kernels compile only once)."""
    third, whole = corpus.files(suffix, SHARDS // 3), corpus.files(suffix, SHARDS)
    if warm:
        run(third)
    first, second = run(third), run(whole)
    size, part = sum(corpus.bytes), sum(corpus.bytes[: SHARDS // 3])
    rate = (size - part) / max(second.cpu - first.cpu, 1e-9)
    return Speed(name, version, flags, rate, max(0.0, first.cpu - part / rate), second.memory, size / 1e6)


def peer_python(given: Path | None, name: str, requirements: Sequence[str]) -> Path:
    """The interpreter of the peer's environment, made on first use in the user's cache folder."""
    root = given or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tamis" / "benchmarks" / name
    python = root / "bin" / "python"
    done = root / "requirements.done"
    if given is None and (not done.exists() or done.read_text() != "\n".join(requirements)):
        venv.create(root, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True)
        done.write_text("\n".join(requirements))
    if not python.exists():
        raise SystemExit(f"{python} does not exist: --peer-venv must name a virtual environment")
    return python


def peer_version(python: Path, distribution: str) -> str:
    code = f"from importlib.metadata import version; print(version({distribution!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def compare(name: str, ours: Speed, peer: Speed) -> Comparison:
    return Comparison(name, round(ours.rate / 1e6, 3), round(peer.rate / 1e6, 4), peer.name, round(ours.rate / peer.rate, 2))


def report(title: str, speeds: Sequence[Speed], comparisons: Sequence[Comparison]) -> None:
    """The table, then the JSON lines."""
    print(f"\n{title}\n")
    print(f"{'program':<32}{'version':<10}{'MB':>7}{'MB/s':>9}{'start-up s':>12}{'peak MB':>9}  flags")
    for s in speeds:
        figures = f"{s.megabytes:>7.1f}{s.rate / 1e6:>9.3f}{s.startup:>12.2f}{s.memory / 1e6:>9.0f}"
        print(f"{s.name:<32}{s.version:<10}{figures}  {s.flags}")
    print()
    for c in comparisons:
        print(f"{c.name}: {c.ratio:.1f} times {c.peer_name}")
    print()
    for c in comparisons:
        print(json.dumps(asdict(c)))
