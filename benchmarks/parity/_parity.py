"""What the comparisons here share: real documents in many scripts, a peer run in its own environment, and the table.

A peer's runner gets JSON lines on standard input and answers with one line for each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

sys.path.insert(0, str(Path(__file__).parents[1]))
import _harness as harness

LENGTH = 20_000  # longer documents are cut
GOLDEN = Path(__file__).parents[2] / "tests" / "golden" / "peers.json"
PAGES, EACH = 1000, {"text": 60, "multilingual": 400, "code": 60}  # pages, documents of a file in a folder


class Document(NamedTuple):
    text: str
    url: str


def arguments(description: str, peer: str = "") -> argparse.Namespace:
    """The options of a comparison; `peer` says what --peer must be a checkout of, if one is needed."""
    parser = harness.arguments(description)
    parser.add_argument("--golden", action="store_true", help=f"write what the peer says of invented documents to {GOLDEN.name}")
    if peer:
        parser.add_argument("--peer", type=Path, required=True, help=f"checkout of github.com/{peer}")
    options = parser.parse_args()
    if options.data is None:
        raise SystemExit("--data DIR is needed: parity is shown on real documents")
    return options


def documents(data: Path) -> list[Document]:
    """Pages of the web pool, as resiliparse reads them, and texts of every file, evenly spread; what they are is printed."""
    found = _pages(data) + texts(data)
    kinds = scripts([document.text for document in found])
    size = sum(len(document.text.encode()) for document in found)
    print(
        f"{len(found):,} documents, {size / 1e6:.1f} MB, {len(kinds)} scripts: {', '.join(f'{s.lower()} {n}' for s, n in kinds)}"
    )
    return found


def _pages(data: Path) -> list[Document]:
    from tamis import Dataset

    with tempfile.TemporaryDirectory() as store:
        table = Dataset.warc("web/pool-*.warc.gz").extract().head(-1, str(data), store)
    rows = table.select(["text", "url"]).to_pylist()
    return [Document(row["text"][:LENGTH], row["url"]) for row in rows[:: max(1, len(rows) // PAGES)][:PAGES]]


def texts(data: Path) -> list[Document]:
    """Some texts of every file, evenly spread."""
    out = []
    for folder, each in EACH.items():
        for path in sorted((data / folder).glob("*.jsonl.zst")):
            with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
                rows = [line for line in stream.read().split(b"\n") if line]
            spread = rows[:: max(1, len(rows) // each)][:each]
            out += [
                Document(json.loads(row)["text"][:LENGTH], f"https://{path.stem}.example.org/{i}") for i, row in enumerate(spread)
            ]
    return out


def scripts(found: Sequence[str]) -> list[tuple[str, int]]:
    """Documents by the first word of the Unicode name of their most frequent kind of letter."""
    out: Counter[str] = Counter()
    for text in found:
        kinds = Counter(unicodedata.name(c, "?").split()[0] for c in text[:2000] if c.isalpha())
        out.update(name for name, _ in kinds.most_common(1))
    return out.most_common()


def answers(
    python: Path, runner: str, arguments: Sequence[object], lines: Sequence[Any], folder: Path | None = None
) -> list[Any]:
    """What a peer's runner says, one answer for each line."""
    command = [str(python), str(Path(__file__).with_name(runner)), *map(str, arguments)]
    sent = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run(command, input=sent, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        raise SystemExit(f"{runner} failed:\n{done.stderr[-3000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def invented() -> list[str]:
    """The documents of the golden scores."""
    return [json.loads(line)["text"] for line in GOLDEN.with_name("scores.jsonl").read_text("utf-8").split("\n") if line]


def write_golden(peer: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Put the first columns of a peer's answers on the invented documents on file, by name, for the tests."""
    known = json.loads(GOLDEN.read_text("utf-8")) if GOLDEN.exists() else {}
    known[peer] = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    GOLDEN.write_text(json.dumps(dict(sorted(known.items())), separators=(",", ":")).replace('],"', '],\n"') + "\n", "utf-8")


def same(ours: Any, theirs: Any) -> bool:
    """Equal, numbers to 1e-9."""
    if isinstance(ours, float) or isinstance(theirs, float):
        return abs(ours - theirs) < 1e-9
    return bool(ours == theirs)


def agreement(names: Sequence[str], columns: dict[str, tuple[Sequence[Any], Sequence[Any]]], show: bool = False) -> None:
    """A table: the share of documents on which ours and theirs are equal, by rule; a column is (ours, theirs)."""
    width = max(map(len, names)) + 2
    print("\n" + "agreement on".ljust(width) + "".join(f"{title:>24}" for title in columns))
    for i, name in enumerate(names):
        cells = []
        for ours, theirs in columns.values():
            equal = [same(a[i], b[i]) for a, b in zip(ours, theirs, strict=True)]
            cells.append(f"{sum(equal) / len(equal):.2%} ({equal.count(False)})")
            if show and not all(equal):
                where = equal.index(False)
                print(f"  {name}, document {where}: ours {str(ours[where][i])[:300]!r}, theirs {str(theirs[where][i])[:300]!r}")
        print(name.ljust(width) + "".join(f"{cell:>24}" for cell in cells))
