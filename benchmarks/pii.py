"""Personal data: what is found and missed on the labelled set of pii_labels.py, and the speed against datatrove and ROOTS.

    python benchmarks/pii.py --data DIR [--half judge|tune] [--faker-venv DIR] [--peer-venv DIR] [--roots FILE]

A finding counts as right if place and kind are exactly those of a label; findings that touch an `optional` label count
neither way. "Touching" recall also takes a finding that overlaps a label of its kind. Intervals are Wilson's, 95 %. The rules
were made on the half `tune`; the figures to quote are those of `judge`.

The peers get the labels of the kinds they look for (datatrove e-mail and IP; ROOTS e-mail, IP, and its KEY against our keys,
cards and accounts), by overlap, since ROOTS' matches are loose at the ends. ROOTS' file is taken from its repository at a
pinned commit.

Speed: replacing in the same 20 MB of documents in memory, CPU-seconds, best of three passes after a first one.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path

import _harness as harness
import pii_labels
import pyarrow as pa

from tamis.data.edits.pii import Redact
from tamis.data.pii import KINDS, find_batch
from tamis.data.schema import DOCUMENT
from tamis.data.scores.pii import in_characters

PEER = ("datatrove[io,processing]==0.10.1", "regex==2026.11.15")
ROOTS = (
    "https://raw.githubusercontent.com/bigscience-workshop/data-preparation/COMMIT/preprocessing/training/02_pii/"
    "bigscience_pii_detect_redact.py"
).replace("COMMIT", "9d0588419073cc5bf0fb92b58f37f2a1016572c3")
ROOTS_SHA256 = "b1bf79734a440263291cd489a7794c7618079ef9624136afa52678a79ebe8199"
BATCH = 1024
Spans = list[tuple[int, int, str]]


def wilson(right: int, total: int) -> str:
    """A share with its 95 % interval."""
    if not total:
        return "-".center(22)
    z, p = 1.959964, right / total
    centre, half = (p + z * z / (2 * total)), z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    low, high = ((centre + sign * half) / (1 + z * z / total) for sign in (-1, 1))
    return f"{p:.3f} [{low:.3f}, {high:.3f}]"


def ours(texts: Sequence[str]) -> list[Spans]:
    found: list[Spans] = [[] for _ in texts]
    for row, each in find_batch(pa.array(texts, pa.large_string())).items():
        found[row] = [tuple(f) for f in in_characters(texts[row], each)]
    return found


def overlap(a: tuple[int, int, str], b: tuple[int, int, str]) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def quality(
    name: str, documents: Sequence[pii_labels.Document], found: Sequence[Spans], kinds: Iterable[str], exact: bool
) -> None:
    """One line per kind and one for all."""
    print(f"\n{name}\n{'kind':<10}{'labels':>7}{'found':>7}  {'precision':<24}{'recall':<24}recall, touching")
    counts = {kind: [0, 0, 0, 0] for kind in kinds}  # found, right, labels missed, labels not even touched
    labels = dict.fromkeys(kinds, 0)
    for document, spans in zip(documents, found, strict=True):
        marks = [(s.start, s.stop, s.kind) for s in document.spans]
        optional = [m for m in marks if m[2] == "optional"]
        mine = [s for s in spans if s[2] in counts and not any(overlap(s, o) for o in optional)]
        for span in mine:
            counts[span[2]][0] += 1
            counts[span[2]][1] += span in marks if exact else any(overlap(span, m) and m[2] == span[2] for m in marks)
        for mark in marks:
            if mark[2] in counts:
                labels[mark[2]] += 1
                counts[mark[2]][2] += mark not in mine
                counts[mark[2]][3] += not any(overlap(mark, s) and s[2] == mark[2] for s in mine)
    for kind in (*kinds, "all"):
        chosen = [counts[k] for k in kinds if kind in (k, "all")]
        total = sum(n for k, n in labels.items() if kind in (k, "all"))
        hits, right, missed, untouched = (sum(column) for column in zip(*chosen, strict=True))
        touching = wilson(total - untouched, total)
        recall = wilson(total - missed, total) if exact else touching
        print(f"{kind:<10}{total:>7}{hits:>7}  {wilson(right, hits):<24}{recall:<24}{touching}")


def roots_file(given: Path | None, work: Path) -> Path:
    path = given or work / "roots.py"
    if given is None:
        urllib.request.urlretrieve(ROOTS, path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != ROOTS_SHA256:
        raise SystemExit(f"{path} is not the file of {ROOTS} (sha256 {ROOTS_SHA256})")
    return path


def peer(python: Path, which: str | Path, what: str, texts: Sequence[str], work: Path) -> list[str]:
    file = work / "texts.jsonl"
    file.write_text("".join(json.dumps(text) + "\n" for text in texts))
    command = [str(python), str(Path(__file__).with_name("_peer_pii.py")), str(which), what, str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def peer_spans(python: Path, which: str | Path, texts: Sequence[str], work: Path, joined: dict[str, str]) -> list[Spans]:
    rows = (json.loads(line) for line in peer(python, which, "spans", texts, work))
    return [[(a, b, joined.get(kind, kind)) for a, b, kind in row] for row in rows]


def renamed(document: pii_labels.Document, joined: dict[str, str]) -> pii_labels.Document:
    spans = tuple(pii_labels.Span(s.start, s.stop, joined.get(s.kind, s.kind)) for s in document.spans)
    return pii_labels.Document(document.part, document.name, document.text, spans, document.locale, document.cued)


def our_speed(texts: Sequence[str], size: int) -> harness.Speed:
    empty = pa.array([""] * len(texts), pa.string())
    ids = pa.array(
        [hashlib.blake2b(str(i).encode(), digest_size=16).digest() for i in range(len(texts))], DOCUMENT.field("id").type
    )
    rows = pa.RecordBatch.from_arrays([ids, pa.array(texts, pa.large_string()), empty, empty, empty], schema=DOCUMENT)
    redact, times = Redact(), []
    for _ in range(4):
        start = time.process_time()
        for at in range(0, len(texts), BATCH):
            redact.edit_batch(rows.slice(at, BATCH))
        times.append(time.process_time() - start)
    version = importlib.metadata.version("tamis")
    return harness.Speed(
        "tamis Redact",
        version,
        "edit_batch in memory, 6 kinds",
        size / min(times[1:]),
        max(0.0, times[0] - times[1]),
        0,
        size / 1e6,
    )


def main() -> None:
    parser = harness.arguments(__doc__ or "")
    parser.add_argument("--half", choices=("judge", "tune"), default="judge")
    parser.add_argument("--faker-venv", type=Path, help="environment that holds Faker already; else one is made and kept")
    parser.add_argument("--roots", type=Path, help="ROOTS' file, if it is here already")
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data is needed: the labelled set is of real text")
    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        python = harness.peer_python(options.peer_venv, "datatrove-pii", PEER)
        roots = roots_file(options.roots, work)
        labelled = pii_labels.every(options.data, pii_labels.faker_python(options.faker_venv))
        documents = [d for d in labelled if d.half == options.half]
        texts = [d.text for d in documents]
        found = ours(texts)
        quality(f"tamis, half {options.half!r}, all parts", documents, found, KINDS, True)
        for part in ("planted", "mail", "qa", "docs"):
            rows = [i for i, d in enumerate(documents) if d.part == part]
            quality(f"  {part}", [documents[i] for i in rows], [found[i] for i in rows], KINDS, True)
        for cued in (True, False):
            rows = [i for i, d in enumerate(documents) if d.part == "planted" and d.cued == cued]
            quality(
                f"  planted, {'after a telling word' if cued else 'bare'}",
                [documents[i] for i in rows],
                [found[i] for i in rows],
                KINDS,
                True,
            )
        joined = {"card": "secret", "iban": "secret"}
        for name, which, kinds in (("datatrove", "datatrove", ("email", "ip")), ("ROOTS", roots, ("email", "ip", "secret"))):
            spans = peer_spans(python, which, texts, work, joined)
            quality(f"{name}, by overlap", [renamed(d, joined) for d in documents], spans, kinds, False)
        version = harness.peer_version(python, "datatrove")
        sample, size = [], 0
        for text in harness.documents(options.data):
            sample.append(text)
            size += len(text.encode())
            if size >= harness.SAMPLE:
                break
        speeds = [our_speed(sample, size)]
        for name, which, known in (("datatrove PIIFormatter", "datatrove", version), ("ROOTS run_pii", roots, "9d05884")):
            seconds = float(peer(python, which, "time", sample, work)[-1])
            speeds.append(harness.Speed(name, known, "replacing in memory", size / seconds, 0, 0, size / 1e6))
        names = ("pii", "pii-roots")
        comparisons = [harness.compare(name, speeds[0], other) for name, other in zip(names, speeds[1:], strict=True)]
        harness.report(f"Personal data: {len(sample):,} documents", speeds, comparisons)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
