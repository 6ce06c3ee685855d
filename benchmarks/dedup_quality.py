"""What near-duplicate removal finds, what it wrongly takes, and whether it does so twice: tamis beside its peers.

    python benchmarks/dedup_quality.py [--data DIR] [--peer-venv DIR] [--only NAME...]

Real documents (as they come, with the near-duplicates they hold) and planted copies: edited at rates of .5 to 20 %, with a header
and footer of 10 to 30 %, cut to 85 %, wrapped anew, in upper case; many copies of one document, chains of copies of copies, and
documents that share boilerplate only. What is true is then found exactly (`_quality_truth`): all pairs with a Jaccard similarity
>= .4 over 5-word shingles. Every program reads the same files; only what it keeps is judged. The peers' MinHash is 14 bands of 8
rows. Bloom filters judge lines; there a document is removed of which 80 % is marked. DIR of --peer-venv holds an environment for
each peer.

    pairs found     of the pairs in a bin of true similarity, the share that lost a side (Wilson's 95 % interval, as if pairs
                    were independent); from .8 up it should be 1, below it is a matter of taste
    precise         of the removed documents, the share with a kept one at J >= .8, and >= .5
    clusters lost   of the connected components at J >= .8 (two documents or more), those of which nothing is kept
    unique lost     removed documents without any other one at J >= .4
    reversed        documents that fare otherwise when the same files are given in reverse order
    dealt anew      the same when the documents lie in other files, in another order
    CPU s           user and system, start-up included, the least of the three runs
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import _harness as harness
import numpy as np
import numpy.typing as npt
import zstandard
from _quality_truth import Document, Pairs, plant, similar_pairs
from minhash import PEER as DATATROVE
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from tamis.data.dedup import MinHash

BINS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.5)
THRESHOLD, LOOSE = 0.8, 0.5
LONGEST, LONG = 6_000, 1_000  # characters
POOL, DONORS = 4_500, 12  # documents above and below LONG; texts that give boilerplate and the words of edits
COPIES, CLUSTERS = 300, 100
MISS = 0.01
COLUMNS = ("precise .8", ".5", "removed", "clusters lost", "unique lost", "reversed", "dealt anew", "CPU s", "how")
DATA_JUICER = ("datajuicer", ("py-data-juicer==1.6.1", "aiohttp"))
DAFT = ("daft", ("daft==0.7.26", "numpy<3"))
LSH = ("rensa", ("rensa==0.5.0", "datasketch==2.0.0"))
DOLMA = ("dolma", ("--no-deps", "dolma==1.2.1", "numpy<3"))
DECLARATION = """
from tamis import Dataset
from tamis.data.bloom import NgramBloom
from tamis.data.dedup import MinHash

kept = Dataset.jsonl({files}, meta=("id",)).dedup({select})
"""
Command = Callable[[Path, list[Path]], list[str | Path]]


@dataclass(frozen=True)
class Program:
    """How to run one program on files; what it keeps lies afterwards in {place}/kept/**/*.jsonl[.zst] with the documents' ids."""

    name: str
    version: str
    flags: str
    command: Command


@dataclass(frozen=True)
class Quality:
    """A line of the table; `pairs_found` holds (lost a side, all) for each bin."""

    name: str
    version: str
    flags: str
    removed: int
    pairs_found: tuple[tuple[int, int], ...]
    precise: float
    precise_loose: float
    clusters_lost: int
    unique_lost: int
    reversed: int
    dealt_anew: int
    cpu_seconds: float


def sample(data: Path | None) -> list[Document]:
    """As many long as short documents, and what is planted; the donors are not among them."""
    texts = [text[:LONGEST] for text in harness.documents(data)]
    donors = [text for text in texts if len(text.split()) >= 700][:DONORS]
    others = [text for text in texts if text not in donors]
    pool = [text for text in others if len(text) >= LONG][:POOL] + [text for text in others if len(text) < LONG][:POOL]
    return plant(pool, donors, COPIES, CLUSTERS)


def kept_ids(place: Path) -> set[int]:
    """Ids in a program's output."""
    out = set()
    for path in (place / "kept").rglob("*.jsonl*"):
        data = path.read_bytes()
        if path.suffix == ".zst":
            data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        for line in data.split(b"\n"):
            if line:
                row: dict[str, Any] = json.loads(line)
                meta = row.get("meta")
                out.add(int((json.loads(meta) if isinstance(meta, str) else row)["id"]))
    return out


def run(program: Program, files: list[Path], work: Path) -> tuple[set[int], float]:
    """The ids it keeps, and CPU-seconds."""
    place = Path(tempfile.mkdtemp(dir=work))
    cost = harness.spend(program.command(place, files))
    kept = kept_ids(place)
    shutil.rmtree(place)
    if not kept:
        raise SystemExit(f"{program.name} kept nothing")
    return kept, cost.cpu


def judge(program: Program, truth: Pairs, corpus: harness.Corpus, anew: harness.Corpus, order: list[int], work: Path) -> Quality:
    """Run a program three times and judge what it keeps; document i of `anew` is document order[i] of `corpus`."""
    files = corpus.files(".jsonl", harness.SHARDS)
    runs = [run(program, given, work) for given in (files, files[::-1], anew.files(".jsonl", harness.SHARDS))]
    (kept, backwards, moved), cpu = (ids for ids, _ in runs), min(cpu for _, cpu in runs)  # the first may compile kernels
    dealt = {order[i] for i in moved}
    removed = np.ones(truth.documents, bool)
    removed[list(kept)] = False
    precise = [share_near_kept(truth, removed, threshold) for threshold in (THRESHOLD, LOOSE)]
    alone = np.ones(truth.documents, bool)
    alone[truth.left] = alone[truth.right] = False
    return Quality(
        program.name,
        program.version,
        program.flags,
        int(removed.sum()),
        pairs_found(truth, removed),
        precise[0],
        precise[1],
        clusters_lost(truth, removed),
        int((removed & alone).sum()),
        len(kept ^ backwards),
        len(kept ^ dealt),
        round(cpu, 1),
    )


def pairs_found(truth: Pairs, removed: npt.NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """For each bin the pairs that lost a side, and all pairs."""
    hit = removed[truth.left] | removed[truth.right]
    inside = [(low <= truth.jaccard) & (truth.jaccard < high) for high, low in pairwise((2.0, *BINS))]
    return tuple((int(hit[mask].sum()), int(mask.sum())) for mask in inside)


def share_near_kept(truth: Pairs, removed: npt.NDArray[np.bool_], threshold: float) -> float:
    """Of the removed documents, those with a kept one at J >= threshold; 1 if none was removed."""
    near = truth.jaccard >= threshold
    saved = np.zeros(truth.documents, bool)
    for own, other in ((truth.left, truth.right), (truth.right, truth.left)):
        saved[own[near & ~removed[other]]] = True
    return float(saved[removed].mean()) if removed.any() else 1.0


def components(truth: Pairs) -> npt.NDArray[np.int32]:
    """Each document's connected component at J >= THRESHOLD, -1 if it is alone in it."""
    near = truth.jaccard >= THRESHOLD
    edges = (np.ones(near.sum(), np.int8), (truth.left[near], truth.right[near]))
    _, label = connected_components(coo_matrix(edges, shape=(truth.documents,) * 2), directed=False)
    return np.where(np.bincount(label)[label] > 1, label, -1)


def clusters_lost(truth: Pairs, removed: npt.NDArray[np.bool_]) -> int:
    label = components(truth)
    return len(set(label[label >= 0].tolist()) - set(label[~removed].tolist()))


def ours(name: str, select: str, flags: str) -> Program:
    """`tamis build` with a store of its own."""

    def command(place: Path, files: list[Path]) -> list[str | Path]:
        declared = DECLARATION.format(files=tuple(f.name for f in files), select=select)
        (place / "dataset.py").write_text(declared)
        where = ("--store", place / "store", "--data", files[0].parent, "--workers", "1", "--format", "jsonl.zst")
        return [sys.executable, "-m", "tamis", "build", f"{place}/dataset.py:kept", "--to", place / "kept", *where]

    return Program(name, importlib.metadata.version("tamis"), flags, command)


def peer(options: Any, name: str, environment: tuple[str, Sequence[str]], flags: str, script: str, *first: str) -> Program | None:
    """A peer with its environment (name and requirements), or None (and why) if that cannot be made."""
    folder, requirements = environment
    try:
        python = harness.peer_python(options.peer_venv and options.peer_venv / folder, folder, requirements)
    except (subprocess.CalledProcessError, SystemExit) as error:
        print(f"{name} is left out: {error}")
        return None

    def command(place: Path, files: list[Path]) -> list[str | Path]:
        return [python, Path(__file__).with_name(script), *first, place, *files]

    return Program(name, harness.peer_version(python, name), flags, command)


def programs(options: Any) -> list[Program]:
    bands = [f"{each.bands} x {each.rows}, verified" for each in (MinHash(), MinHash.for_miss_rate(MISS))]
    loop = "LSH, keep the first"
    found = [
        ours("tamis", "MinHash()", bands[0]),
        ours(f"tamis, miss rate {MISS}", f"MinHash.for_miss_rate({MISS})", bands[1]),
        ours("tamis NgramBloom", "NgramBloom(share=0.8)", "Bloom filter, 13-grams of lines"),
        ours("BFF's algorithm, our code", "NgramBloom(dclm_compat=True, share=0.8)", "the same by DCLM's rules, in order of id"),
        peer(options, "datatrove", ("datatrove", DATATROVE), "four stages", "_datatrove_minhash.py"),
        peer(options, "py-data-juicer", DATA_JUICER, "document_minhash_deduplicator", "_quality_datajuicer.py"),
        peer(options, "daft", DAFT, "minhash, union-find of our own", "_quality_daft.py"),
        peer(options, "rensa", LSH, loop, "_quality_lsh.py", "rensa"),
        peer(options, "datasketch", LSH, loop, "_quality_lsh.py", "datasketch"),
        peer(options, "dolma", DOLMA, "Bloom filter, 13-grams of paragraphs", "_quality_dolma.py"),
    ]
    return [program for program in found if program and (not options.only or program.name in options.only)]


def digits(share: float) -> str:
    """Three of them; 1 only if it is 1."""
    return "1" if share > 1 - 1e-9 else f"{min(share, 0.999):.3f}".removeprefix("0")


def interval(hits: int, total: int) -> str:
    """Of a share, 95 % (Wilson 1927)."""
    if total == 0:
        return "[0, 1]"
    z, p = 1.959964, hits / total
    middle, half = p + z * z / (2 * total), z * (p * (1 - p) / total + z * z / (4 * total * total)) ** 0.5
    low, high = ((middle + side) / (1 + z * z / total) for side in (-half, half))
    return f"[{digits(low)}, {digits(high)}]"


def table(lines: Sequence[Quality], clusters: int) -> list[str]:
    bins = [f"{low:g}" if low == 1 else f"{low:g} to {high:g}" for high, low in pairwise((2.0, *BINS))]
    totals = [f"{total:,} pairs" for _, total in lines[0].pairs_found]
    rows = [["program", "version", *bins, *COLUMNS], ["", "", *totals, "", "", "", f"of {clusters:,}", "", "", "", "", ""]]
    for line in lines:
        found = [f"{digits(hits / max(total, 1))} {interval(hits, total)}" for hits, total in line.pairs_found]
        counts = (line.removed, line.clusters_lost, line.unique_lost, line.reversed, line.dealt_anew, line.cpu_seconds)
        precise = (digits(line.precise), digits(line.precise_loose))
        rows.append([line.name, line.version, *found, *precise, *map(str, counts), line.flags])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[-1] = 0
    sides = [str.ljust] * 2 + [str.rjust] * (len(widths) - 3) + [str.ljust]
    return ["  ".join(map(lambda side, cell, width: side(cell, width), sides, row, widths)).rstrip() for row in rows]


def comparisons(lines: Sequence[Quality]) -> list[harness.Comparison]:
    """Ours against datatrove in every bin from the threshold up: the share of pairs that lost a side."""
    found = {line.name: line for line in lines}
    other, out = found.get("datatrove"), []
    for line in lines:
        for low, mine, theirs in zip(BINS, line.pairs_found, other.pairs_found if other else (), strict=False):
            if line.name.startswith("tamis") and low >= THRESHOLD and min(mine[1], theirs[0]):
                a, b = mine[0] / mine[1], theirs[0] / theirs[1]
                name = f"dedup quality, {line.name}, J from {low:g}"
                out.append(
                    harness.Comparison(name, round(a, 4), round(b, 4), "datatrove", round(a / b, 4), "share of pairs found")
                )
    return out


def main() -> None:
    parser = harness.arguments(__doc__ or "")
    parser.add_argument("--only", nargs="*", help="names of the programs to run")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        documents = sample(options.data)
        texts = [document.text for document in documents]
        truth = similar_pairs(texts)
        corpus = harness.write_corpus(texts, work / "given")
        order = Random(5).sample(range(len(texts)), len(texts))
        anew = harness.write_corpus([texts[i] for i in order], work / "anew")
        lines = [judge(program, truth, corpus, anew, order, work) for program in programs(options)]
        label = components(truth)
        planted = sum(document.kind != "found" for document in documents)
        print(f"\nNear-duplicates: {corpus.documents:,} documents ({planted:,} planted), {sum(corpus.bytes) / 1e6:.1f} MB\n")
        print("\n".join(table(lines, len(set(label[label >= 0].tolist())))))
        print()
        for line in lines:
            print(json.dumps(asdict(line)))
        for comparison in comparisons(lines):
            print(json.dumps(asdict(comparison)))
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
