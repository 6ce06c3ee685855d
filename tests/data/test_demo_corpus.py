"""The default corpus, made small for most tests; the whole of it in a slow one."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.core.errors import TamisError
from tamis.data import demo
from tamis.data.dataset import Dataset
from tamis.data.installed import Doc, Package, Part, description, docstrings, is_prose, package, topics
from tamis.kernels.jit import buffers
from tamis.kernels.spans import find_similar, find_spans, shingle_index, span_index

PROSE = " ".join(f"Sentence {word} tells the reader what to do with it." for word in "abcdefghij")


@pytest.fixture(scope="module")
def small() -> Any:
    """The corpus with an eighth of its packages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            demo, "POOL", (Part("python", "", ("email", "asyncio", "argparse.py")), Part("numpy", "numpy", ("linalg", "lib")))
        )
        patch.setattr(
            demo, "TARGETS", (Part("networkx", "networkx", ("algorithms/flow", "algorithms/centrality", "generators")),)
        )
        patch.setattr(demo, "REFERENCE", (Part("jinja2", "jinja2"),))
        patch.setattr(demo, "POOL_DOCUMENTS", 250)
        yield patch


@pytest.fixture(scope="module")
def corpus(small: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, demo.Manifest]:
    root = tmp_path_factory.mktemp("corpus")
    return root, demo.prepare(root)


@pytest.fixture(scope="module")
def pool(corpus: tuple[Path, demo.Manifest], tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    store = str(tmp_path_factory.mktemp("store"))
    return Dataset.warc("web/demo-*.warc.gz").extract().head(-1, str(corpus[0]), store)


def read(corpus: tuple[Path, demo.Manifest], tmp_path: Path, files: str, *meta: str) -> pa.Table:
    return Dataset.jsonl(files, url="url", meta=meta).head(-1, str(corpus[0]), str(tmp_path / "store"))


def strings(texts: list[str]) -> Any:
    return buffers(pa.array(texts, pa.large_string()))


def test_files_are_what_the_manifest_says(corpus: tuple[Path, demo.Manifest]) -> None:
    root, manifest = corpus
    names = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    assert names == {item["name"] for item in manifest.files} | {"corpus.json"}
    for item in manifest.files:
        assert hashlib.sha256((root / item["name"]).read_bytes()).hexdigest() == item["sha256"]
    assert json.loads((root / "corpus.json").read_text(encoding="utf-8"))["hash"] == manifest.hash


def test_a_second_call_changes_nothing_and_is_quick(corpus: tuple[Path, demo.Manifest]) -> None:
    root, manifest = corpus
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    start = time.process_time()
    assert demo.prepare(root) == manifest
    assert time.process_time() - start < 0.5
    assert {p: p.stat().st_mtime_ns for p in root.rglob("*")} == before


def test_same_versions_same_bytes_and_repairs(corpus: tuple[Path, demo.Manifest], tmp_path: Path) -> None:
    _, manifest = corpus
    (tmp_path / "corpus.json").write_text("{}")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "demo-0.warc.gz").write_bytes(b"rubbish")
    assert demo.prepare(tmp_path) == manifest
    (tmp_path / "truth.parquet").unlink()
    assert demo._present(tmp_path, manifest.versions) is None
    assert demo._present(corpus[0], manifest.versions | {"numpy": "0"}) is None


def test_pool_and_truth_have_the_same_rows(corpus: tuple[Path, demo.Manifest], pool: pa.Table) -> None:
    root, manifest = corpus
    truth = pq.read_table(root / "truth.parquet")
    assert sorted(pool.column("id").to_pylist()) == sorted(truth.column("id").to_pylist())
    assert sorted(pool.column("url").to_pylist()) == sorted(truth.column("url").to_pylist())
    kinds = truth.column("kind").to_pylist()
    assert manifest.real["documents"] == kinds.count("clean")
    assert {p["kind"]: p["documents"] for p in manifest.planted} == {k: kinds.count(k) for k in set(kinds) - {"clean"}}
    characters = truth.column("characters").to_pylist()
    planted = sum(n for n, kind in zip(characters, kinds, strict=True) if kind != "clean")
    assert 0.4 < planted / sum(characters) < 0.7


def test_only_leaks_touch_the_targets(corpus: tuple[Path, demo.Manifest], pool: pa.Table, tmp_path: Path) -> None:
    targets = read(corpus, tmp_path, "targets/*.jsonl.zst").column("text").to_pylist()
    truth = pq.read_table(corpus[0] / "truth.parquet")
    kind = dict(zip(truth.column("id").to_pylist(), truth.column("kind").to_pylist(), strict=True))
    hits = find_spans(strings(pool.column("text").to_pylist()), span_index(strings(targets)))
    touched = {pool.column("id")[i].as_py() for i in hits.text.tolist()}
    assert touched == {id for id, k in kind.items() if k == "leak"}
    assert touched


def test_no_real_document_is_a_copy_of_another(corpus: tuple[Path, demo.Manifest], tmp_path: Path, pool: pa.Table) -> None:
    truth = pq.read_table(corpus[0] / "truth.parquet")
    clean = {id for id, k in zip(truth.column("id").to_pylist(), truth.column("kind").to_pylist(), strict=True) if k == "clean"}
    texts = [t for id, t in zip(pool.column("id").to_pylist(), pool.column("text").to_pylist(), strict=True) if id in clean]
    for files in ("targets/*.jsonl.zst", "reference/*.jsonl.zst"):
        texts += read(corpus, tmp_path, files).column("text").to_pylist()
    hits = find_similar(strings(texts), shingle_index(strings(texts)), demo.NEAR + 0.05)
    assert (hits.text == hits.reference).all()


def test_targets_have_clusters_and_fit(corpus: tuple[Path, demo.Manifest], tmp_path: Path) -> None:
    table = read(corpus, tmp_path, "targets/networkx.jsonl.zst", "cluster", "licence", "package")
    metas = [json.loads(m) for m in table.column("meta").to_pylist()]
    counts = {c: sum(m["cluster"] == c for m in metas) for c in {m["cluster"] for m in metas}}
    assert len(counts) == corpus[1].targets[0]["clusters"]
    assert len(metas) == corpus[1].targets[0]["documents"] <= demo.TARGET_DOCUMENTS
    assert {(m["package"], bool(m["licence"])) for m in metas} == {("networkx", True)}
    assert max(len(t) for t in table.column("text").to_pylist()) <= demo.TARGET_CHARACTERS


def test_no_package_has_two_roles() -> None:
    parts = [part.distribution for part in demo.POOL + demo.TARGETS + demo.REFERENCE]
    assert len(set(parts)) == len(parts)


def test_topics_and_prose() -> None:
    found = list(topics())
    assert len(found) > 50
    assert all(is_prose(doc.text) and doc.meta["licence"] == "PSF-2.0" for doc in found)
    assert not is_prose("\n".join(f">>> f({i})\n{i} is the value that was found by it" for i in range(40)))
    assert not is_prose("too short")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Part:
    """An installed distribution whose modules must never run."""
    (tmp_path / "fakepkg" / "tests").mkdir(parents=True)
    info = tmp_path / "fakepkg-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: fakepkg\nVersion: 1.2\nLicense-Expression: MIT\n\n{PROSE} It is described at length.\n"
    )
    uses = f'    def use(self):\n        """{PROSE} And more \\ud800."""\n'
    body = f'"""{PROSE}"""\nraise SystemExit("imported")\nclass Thing:\n{uses}'
    (tmp_path / "fakepkg" / "__init__.py").write_text(body)
    (tmp_path / "fakepkg" / "broken.py").write_text(f'"""{PROSE}"""\ndef (:\n')
    (tmp_path / "fakepkg" / "tests" / "test_it.py").write_text(f'"""{PROSE}"""\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    return Part("fakepkg", "fakepkg")


def test_docstrings_are_read_not_run(fake: Part) -> None:
    found = list(docstrings(fake))
    assert [(d.path, d.name) for d in found] == [("__init__.py", ""), ("__init__.py", "Thing.use")]
    assert found[0].text == PROSE
    assert found[1].text == PROSE + " And more ?."
    assert found[0].meta == {"package": "fakepkg", "version": "1.2", "licence": "MIT", "path": "__init__.py"}
    assert [d.text for d in description(fake)] == [PROSE + " It is described at length."]


def test_a_missing_package_is_named() -> None:
    with pytest.raises(TamisError, match=r"no_such_package, which is not installed: pip install 'tamis\[train\]'"):
        package(Part("no_such_package", "x"))


def test_copies_are_dropped_once() -> None:
    of = Package("p", "1", "MIT", Path())
    other = PROSE.replace("reader", "writer").replace("what", "how")
    docs = [Doc(text, of, str(i), "") for i, text in enumerate([PROSE, other, PROSE + " More.", other])]
    assert [[d.path for d in group] for group in demo.without_copies(docs[:1], docs[1:])] == [["0"], ["1"]]


@pytest.mark.slow
def test_the_whole_corpus(tmp_path: Path) -> None:
    manifest = demo.prepare(tmp_path)
    assert manifest.real["characters"] > 3_000_000
    assert all(t["clusters"] >= 10 and t["documents"] >= 100 for t in manifest.targets)
    assert {p["name"] for p in manifest.packages} == set(manifest.versions)
