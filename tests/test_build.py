"""`tamis build`: what it writes opens elsewhere, everything is accounted for, and nothing is done twice."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from tamis.cli import main

DECLARED = """
from dataclasses import dataclass
from tamis import Dataset, Drop, Edit, Score


@dataclass(frozen=True)
class Size(Score):
    def score(self, text):
        return float(len(text))


@dataclass(frozen=True)
class Quiet(Edit):
    def edit(self, text):
        return Drop("shouting") if text.isupper() else text.strip()


source = Dataset.jsonl("docs.jsonl", meta=("licence",), shard_bytes=4000)
data = source.edit(Quiet()).keep(Size(), min=20).sample(0.9)
stricter = source.edit(Quiet()).keep(Size(), min=30).sample(0.9)
"""
ROWS = 200


@pytest.fixture
def root(tmp_path: Path) -> Path:
    lines = [
        {
            "text": "SHOUT" if i % 10 == 0 else f'Text {i}, "quoted",\n' + "ü" * (i % 40),
            "url": f"https://e.org/{i}",
            "licence": "CC0",
        }
        for i in range(ROWS)
    ]
    (tmp_path / "docs.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    (tmp_path / "declared_here.py").write_text(DECLARED)
    return tmp_path


def build(root: Path, *more: str, name: str = "data", to: str = "out", workers: int = 1) -> int:
    place = ["--store", str(root / "store"), "--data", str(root), "-w", str(workers)]
    return main(["build", f"{root}/declared_here.py:{name}", "--to", str(root / to), *place, *more])


def rows_of(folder: Path, format: str, names: str = "*") -> list[dict[str, Any]]:
    os.environ["HF_HUB_OFFLINE"] = "1"
    import datasets

    loader = "parquet" if format == "parquet" else "json"
    files = sorted(map(str, folder.glob(f"{names}.{format}")), key=lambda f: Path(f).name)
    found = datasets.load_dataset(
        loader, data_files=files, cache_dir=str(folder.parent / f"cache-{folder.name}-{names[:4]}"), split="train"
    )
    return list(found)


@pytest.mark.parametrize("format", ["parquet", "jsonl", "jsonl.zst"])
def test_other_tools_open_it_and_every_row_is_somewhere(format: str, root: Path) -> None:
    assert build(root, "--format", format, "--dropped", str(root / "gone")) == 0
    kept = rows_of(root / "out" / "data", format)
    gone = [r for part in ("edit-0", "final") for r in rows_of(root / "gone", format, f"{part}-*")]
    assert len(kept) + len(gone) == ROWS
    assert {r["licence"] for r in kept} == {"CC0"}
    assert all(r["size"] == len(r["text"]) >= 20 for r in kept)
    assert all(r["url"].startswith("https://e.org/") and len(r["id"]) == 32 for r in kept)
    reasons = {r["reason"] for r in gone}
    assert reasons == {"shouting", "20 <= Size", "not sampled"}
    sheet = (root / "out" / "README.md").read_text()
    assert "docs.jsonl" in sheet
    manifest = json.loads((root / "out" / "manifest.json").read_text())
    assert manifest["rows"] == len(kept)


def test_formats_hold_the_same_rows(root: Path) -> None:
    found = []
    for format in ("parquet", "jsonl", "jsonl.zst"):
        build(root, "--format", format, to=format)
        found.append(rows_of(root / format / "data", format))
    assert found[0] == found[1] == found[2]
    compressed = sorted((root / "jsonl.zst" / "data").iterdir())
    plain = sorted((root / "jsonl" / "data").iterdir())
    assert zstandard.ZstdDecompressor().decompress(compressed[0].read_bytes()) == plain[0].read_bytes()


def test_the_second_time_nothing_runs_and_a_changed_rule_runs_only_what_follows(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tamis.build
    from tamis.terminal import Progress

    done: list[str] = []

    class Listening(Progress):
        def published(self, step: Any, published: Any) -> None:
            done.append(step.label)

    monkeypatch.setattr(tamis.build, "Progress", Listening)
    build(root)
    first = {p.name: p.read_bytes() for p in (root / "out").rglob("*") if p.is_file()}
    assert {"jsonl", "quiet", "size", "export"} < set(done)
    done.clear()
    build(root)
    assert done == []
    assert {p.name: p.read_bytes() for p in (root / "out").rglob("*") if p.is_file()} == first
    build(root, name="stricter", to="other")
    assert sorted(done) == ["export", "keep", "sample"]


def test_same_bytes_for_two_workers(root: Path) -> None:
    build(root)
    (root / "store").rename(root / "first")
    build(root, to="again", workers=2)
    one, two = ({p.name: p.read_bytes() for p in (root / n / "data").iterdir()} for n in ("out", "again"))
    assert one == two


def test_a_foreign_folder_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "mine").mkdir()
    (root / "mine" / "thesis.txt").write_text("three years")
    assert build(root, to="mine") == 2
    assert "is not empty and was not written by tamis" in capsys.readouterr().err
    assert build(root, "--dropped", str(root / "mine")) == 2
    assert (root / "mine" / "thesis.txt").read_text() == "three years"


def test_tokens_are_laid_out_as_documented(root: Path) -> None:
    from tamis.lm.tokenizer import Tokenizer, train_bpe

    texts = [json.loads(line)["text"] for line in (root / "docs.jsonl").read_text().splitlines()]
    (root / "tok").mkdir()
    tokenizer = Tokenizer(train_bpe(texts, 300))
    tokenizer.save(root / "tok")
    assert build(root, "--tokens", str(root / "tok")) == 0
    facts = json.loads((root / "out" / "tokens" / "tokens.json").read_text())
    assert facts["layout"] == "flat"
    kept = iter(sorted((root / "out" / "data").iterdir()))
    assert next(kept)
    found = []
    for path in sorted((root / "out" / "tokens").glob("*.bin")):
        ids, offsets = np.fromfile(path, "<u2"), np.fromfile(path.with_suffix(".idx"), "<i8")
        assert offsets[0] == 0
        assert offsets[-1] == len(ids)
        found += [ids[a:b].tolist() for a, b in pairwise(offsets.tolist())]
    documents = [r["text"] for r in rows_of(root / "out" / "data", "parquet")]
    before, after = tokenizer.frame
    assert found == [[*before, *tokens, *after] for tokens in map(list, tokenizer.encode_batch(documents))]
    assert facts["documents"] == len(documents)
    assert facts["tokens"] == sum(map(len, found))
