"""The default corpus: real prose that is already on the machine, with planted faults, so that the first run needs no download.

The pool is the documentation of Python and of packages that `tamis[train]` brings along, rid of copies, as HTML pages in WARC
files, among pages planted by the world generator. Target domains are whole other packages, real prose without anything planted;
the reference (good examples for a classifier) comes from a third set of packages. `corpus.json` says what is real and what is
planted. Invariants: no package has two roles; no pool document is near a target or reference document, or shares 13 words in a
row with a target, but those planted as leaks; same versions, same bytes.
"""

from __future__ import annotations

import gc
import hashlib
import json
import platform
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tamis.core.disk import file_sha256, replace_file, sync_dir, sync_file, temporary_dir
from tamis.data.installed import Doc, Part, description, docstrings, package, rank, topics
from tamis.data.world import GOOD, Base, World, write

RECIPE = 1
"""Bump when the corpus changes for the same versions of everything."""
SEED = 20_24
POOL_DOCUMENTS = 3500
NEAR = 0.6  # Jaccard index of five-word shingles from which two real documents count as copies
FILES = 4
TARGET_CHARACTERS = 1500
TARGET_DOCUMENTS = 120
LEAKED = 60  # target documents of which copies are planted in the pool

SHARES = {
    "near-duplicate": 0.13,
    "exact-duplicate": 0.015,
    "spam": 0.105,
    "shuffled": 0.08,
    "junk": 0.07,
    "pseudo-language": 0.045,
    "boilerplate": 0.06,
    "wrong-language": 0.02,
    "personal": 0.01,
    "leak": 0.005,
    "odd": 0.02,
}
"""Shares of documents; of characters the planted ones come to about 55 %."""


def _names(line: str) -> tuple[str, ...]:
    return tuple(line.split())


POOL = (
    Part("python", ""),
    Part("numpy", "numpy"),
    Part("matplotlib", "matplotlib"),
    Part(
        "sympy",
        "sympy",
        _names(
            "calculus categories combinatorics concrete crypto diffgeom functions geometry liealgebras logic "
            "matrices ntheory physics/mechanics physics/quantum physics/vector series sets solvers stats tensor "
            "vector"
        ),
        documented=0.3,
    ),
    Part(
        "torch",
        "torch",
        _names(
            "ao/quantization autograd distributed/optim distributed/pipelining distributions functional.py nested "
            "nn optim sparse utils/data"
        ),
    ),
    Part("numba", "numba"),
    Part("pillow", "PIL"),
    Part("pyarrow", "pyarrow"),
)
TARGETS = (
    Part(
        "scipy",
        "scipy",
        _names("cluster constants fft integrate interpolate io linalg ndimage odr optimize signal spatial special"),
        documented=0.3,
    ),
    Part("networkx", "networkx", documented=0.3),
    Part("huggingface_hub", "huggingface_hub"),
    Part("fonttools", "fontTools"),
)
REFERENCE = (
    Part(
        "transformers",
        "transformers",
        _names(
            "configuration_utils.py data generation image_utils.py integrations modeling_outputs.py "
            "modeling_utils.py optimization.py pipelines quantizers tokenization_utils_base.py trainer.py "
            "training_args.py utils"
        ),
    ),
    Part("mpmath", "mpmath"),
    Part("fsspec", "fsspec"),
    Part("jinja2", "jinja2"),
    Part("rich", "rich"),
    Part("click", "click"),
    Part("pyparsing", "pyparsing"),
)


@dataclass(frozen=True)
class Manifest:
    """What `corpus.json` says: `hash` covers all texts, `files` the bytes on disk; `real` and `planted` count the pool."""

    recipe: int
    seed: int
    versions: dict[str, str]
    hash: str
    packages: list[dict[str, Any]]
    real: dict[str, int]
    planted: list[dict[str, Any]]
    targets: list[dict[str, Any]]
    reference: dict[str, int]
    files: list[dict[str, Any]]


def prepare(root: str | Path) -> Manifest:
    """Write the corpus below `root` unless it is there: web/demo-*.warc.gz, targets/*.jsonl.zst, reference/*.jsonl.zst,
    truth.parquet and, last, corpus.json.

    A second call reads corpus.json and compares versions and file sizes. Raises TamisError if a package is missing.
    """
    root = Path(root)
    versions = _versions()
    present = _present(root, versions)
    if present is not None:
        return present
    root.mkdir(parents=True, exist_ok=True)
    folder = temporary_dir(root, "demo")
    collecting = gc.isenabled()
    gc.disable()  # syntax trees have no cycles: looking for them takes a sixth of the time
    try:
        manifest = _write(folder, versions)
        _publish(folder, root, manifest)
    finally:
        if collecting:
            gc.enable()
        shutil.rmtree(folder, ignore_errors=True)
    return manifest


def _versions() -> dict[str, str]:
    """What decides the texts: the interpreter and the packages."""
    parts = sorted(POOL + TARGETS + REFERENCE, key=lambda part: part.distribution)
    return {part.distribution: package(part).version for part in parts} | {"python": platform.python_version()}


def _present(root: Path, versions: dict[str, str]) -> Manifest | None:
    """The manifest of a finished corpus of these versions, or None."""
    try:
        found = Manifest(**json.loads((root / "corpus.json").read_text(encoding="utf-8")))
        sizes = all((root / item["name"]).stat().st_size == item["bytes"] for item in found.files)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return found if sizes and (found.recipe, found.seed, found.versions) == (RECIPE, SEED, versions) else None


def _publish(folder: Path, root: Path, manifest: Manifest) -> None:
    """Move the files into place; corpus.json goes first when old and comes last when new, so it never names other bytes."""
    (root / "corpus.json").unlink(missing_ok=True)
    for item in manifest.files:
        target = root / item["name"]
        target.parent.mkdir(parents=True, exist_ok=True)
        sync_file(folder / item["name"], "demo")
        (folder / item["name"]).replace(target)
        sync_dir(target.parent)
    replace_file(root / "corpus.json", json.dumps(asdict(manifest), indent=1, ensure_ascii=False).encode() + b"\n", "demo")


def _write(folder: Path, versions: dict[str, str]) -> Manifest:
    for name in ("web", "targets", "reference"):
        (folder / name).mkdir()
    reference = [doc for part in REFERENCE for doc in docstrings(part)]
    pool = [*topics(), *(doc for part in POOL for doc in docstrings(part))]
    pool += [doc for part in POOL if part.distribution != "python" for doc in description(part)]
    pages = [[doc._replace(text=_cut(doc.text)) for doc in docstrings(part)] for part in TARGETS]
    *pages, reference, pool = without_copies(*pages, reference, pool)
    targets = {part.distribution: domain(docs) for part, docs in zip(TARGETS, pages, strict=True)}
    fixed = [doc for docs in targets.values() for doc, _ in docs]
    world = world_of(apart(pool, fixed), fixed)
    for name, docs in targets.items():
        _jsonl(folder / "targets" / f"{name}.jsonl.zst", [(doc, {"cluster": cluster}) for doc, cluster in docs])
    reference = apart(reference, fixed)
    _jsonl(folder / "reference" / "good.jsonl.zst", [(doc, {}) for doc in reference])
    rows = list(world.rows())
    size = -(-len(rows) // FILES)
    tables = []
    for i in range(FILES):
        name = f"web/demo-{i}.warc.gz"
        table = write.warc(folder / name, name, rows[i * size : (i + 1) * size])
        tables.append(table.append_column("file", pa.array([name] * len(table))))
    truth = pa.concat_tables(tables)
    pq.write_table(truth, folder / "truth.parquet", compression="zstd")
    used = world.base
    counts = Counter(doc.source for doc in used)
    roles = [
        ("pool", counts),
        ("target", Counter(d.package.name for d in fixed)),
        ("reference", Counter(d.package.name for d in reference)),
    ]
    licences = {part.distribution: package(part).licence for part in POOL + TARGETS + REFERENCE}
    texts = (*(doc.text for doc in (*fixed, *reference)), *(row.base.text for row in rows))
    return Manifest(
        recipe=RECIPE,
        seed=SEED,
        versions=versions,
        hash=_hash(texts),
        packages=[
            {"name": name, "version": versions[name], "licence": licences[name], "role": role, "documents": count}
            for role, found in roles
            for name, count in sorted(found.items())
        ],
        real={
            "documents": int(np.sum(truth["kind"].to_numpy() == "clean")),
            "characters": _characters(truth, "clean"),
        },
        planted=_planted(truth),
        targets=[
            {
                "name": name,
                "documents": len(docs),
                "clusters": len({cluster for _, cluster in docs}),
                "characters": sum(len(doc.text) for doc, _ in docs),
            }
            for name, docs in targets.items()
        ],
        reference={"documents": len(reference), "characters": sum(len(doc.text) for doc in reference)},
        files=[
            {"name": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size, "sha256": file_sha256(path)}
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ],
    )


def domain(docs: Sequence[Doc]) -> list[tuple[Doc, str]]:
    """Up to 120 documents of a package and the cluster of each: the folder of its module, or the module at the package's top.

    They are taken from the clusters in turn, in the fixed order of `rank`, so that no big module decides.
    """
    clusters: dict[str, list[Doc]] = defaultdict(list)
    for doc in sorted(docs, key=rank):
        clusters[doc.path.rpartition("/")[0] or doc.path].append(doc)
    turns = sorted((turn, name) for name, members in clusters.items() for turn in range(len(members)))
    return [(clusters[name][turn], name) for turn, name in turns[:TARGET_DOCUMENTS]]


def _cut(text: str) -> str:
    if len(text) <= TARGET_CHARACTERS:
        return text
    return text[:TARGET_CHARACTERS].rsplit(None, 1)[0]


def without_copies(*groups: Sequence[Doc]) -> list[list[Doc]]:
    """The documents of `groups` in order, less those that are near (J >= .6) one that was kept before. Exact: no MinHash."""
    from tamis.kernels.spans import find_similar, shingle_index

    texts = _buffers(doc for group in groups for doc in group)
    pairs = find_similar(texts, shingle_index(texts), NEAR)
    dropped = np.zeros(len(texts.offsets) - 1, bool)
    for later, earlier in zip(pairs.text.tolist(), pairs.reference.tolist(), strict=True):
        if earlier < later and not dropped[earlier]:
            dropped[later] = True
    verdicts = iter(dropped.tolist())
    return [[doc for doc in group if not next(verdicts)] for group in groups]


def apart(docs: Sequence[Doc], targets: Sequence[Doc]) -> list[Doc]:
    """Those of `docs` that share no 13 words in a row with a target (what contamination looks for)."""
    from tamis.kernels.spans import find_spans, span_index

    touched = set(find_spans(_buffers(docs), span_index(_buffers(targets))).text.tolist())
    return [doc for i, doc in enumerate(docs) if i not in touched]


def _buffers(docs: Iterable[Doc]) -> Any:
    from tamis.kernels.jit import buffers

    return buffers(pa.array([doc.text for doc in docs], pa.large_string()))


def world_of(pool: Sequence[Doc], targets: Sequence[Doc]) -> World:
    """The pool with its planted documents; leaked items are target documents."""
    chosen = sorted(pool, key=rank)[:POOL_DOCUMENTS]
    base = tuple(Base(doc.text, doc.package.name, doc.meta) for doc in chosen)
    leaked = sorted(targets, key=rank)[:LEAKED]
    items = tuple((f"{doc.package.name}:{doc.path}:{doc.name}", doc.text) for doc in leaked)
    return World.over(base, SHARES, seed=SEED, items=items)


def _jsonl(path: Path, docs: Iterable[tuple[Doc, dict[str, str]]]) -> None:
    lines = [
        json.dumps(
            {"text": doc.text, "url": f"python://{doc.package.name}/{doc.path}#{doc.name}", **doc.meta, **more},
            ensure_ascii=False,
        )
        for doc, more in docs
    ]
    path.write_bytes(
        zstandard.ZstdCompressor(level=9).compress("".join(line + "\n" for line in lines).encode("utf-8", "replace"))
    )


def _hash(texts: Iterable[str]) -> str:
    """sha256 over all texts: does not depend on the compressor."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8", "replace") + b"\0")
    return digest.hexdigest()


def _characters(truth: pa.Table, kind: str) -> int:
    mask = truth["kind"].to_numpy() == kind
    return int(truth["characters"].to_numpy()[mask].sum())


def _planted(truth: pa.Table) -> list[dict[str, Any]]:
    kinds = Counter(truth["kind"].to_pylist())
    return [
        {"kind": kind, "good": kind in GOOD, "documents": kinds[kind], "characters": _characters(truth, kind)}
        for kind in sorted(kinds)
        if kind != "clean"
    ]
