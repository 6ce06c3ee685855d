"""Semantic duplicates: of embeddings that are near only the first stays, wherever the shards are cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from planted import Here, name_id, outcome, view_of

from tamis.core.errors import TamisError, UsageError
from tamis.core.runner import run
from tamis.core.step import Where, walk
from tamis.core.store import Store
from tamis.data.dedup import Semantic, StoredVectors
from tamis.data.dedup.semantic import Centres, first_alike
from tamis.data.select import View


def nothing(_: Any) -> View:
    raise AssertionError("nothing to resolve")


def near_vectors(count: int, copies: int, generator: np.random.Generator) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Names, and embeddings of `count` ideas, each told `copies` times with a little noise (cosine about .99)."""
    ideas = generator.normal(size=(count, 32))
    ideas /= np.linalg.norm(ideas, axis=1, keepdims=True)
    told = np.repeat(ideas, copies, axis=0) + generator.normal(scale=0.018, size=(count * copies, 32))
    return [f"{i}-{k}" for i in range(count) for k in range(copies)], told


def stored(names: list[str], vectors: np.ndarray[Any, Any], place: Path) -> StoredVectors:
    ids = [name_id(name) for name in names]
    pq.write_table(pa.table({"id": ids, "vector": vectors.tolist()}), place)
    return StoredVectors.file(place)


def dropped(names: list[str], embedder: Any, folder: Path, shards: int = 3, **options: Any) -> dict[str, Any]:
    view = view_of([(name, f"text {name}") for name in names], shards)
    return outcome(view, Semantic(embedder, **options).select(view, nothing), folder)


def test_of_each_idea_one_telling_stays(tmp_path: Path) -> None:
    names, vectors = near_vectors(60, 4, np.random.default_rng(0))
    found = dropped(names, stored(names, vectors, tmp_path / "v.parquet"), tmp_path / "s", clusters=1)
    assert len(found) == 180 and {reason for reason, _ in found.values()} == {"semantic-duplicate"}
    idea = {name_id(name): name.split("-")[0] for name in names}
    for own, (_, evidence) in found.items():
        assert evidence["survivor"] not in found and evidence["survivor"] < own
        assert idea[own] == idea[evidence["survivor"]] and 0.95 <= evidence["cosine"] <= 1


def test_the_outcome_depends_neither_on_order_nor_on_shards(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    names, vectors = near_vectors(150, 3, generator)
    vectors[7] = 0  # no embedding: it stays
    embedder = stored(names, vectors, tmp_path / "v.parquet")
    expected = dropped(names, embedder, tmp_path / "0", 1, clusters=8)
    assert 200 < len(expected) <= 300 and name_id(names[7]) not in expected
    for number, shards in enumerate((2, 9), 1):
        shuffled = [names[i] for i in generator.permutation(len(names))]
        assert dropped(shuffled, embedder, tmp_path / str(number), shards, clusters=8) == expected


def test_centres_are_of_length_one_and_as_many_as_asked(tmp_path: Path) -> None:
    names, vectors = near_vectors(50, 2, np.random.default_rng(2))
    view = view_of([(name, name) for name in names], 2)
    step = Semantic(stored(names, vectors, tmp_path / "v.parquet"), clusters=7).select(view, nothing)
    run([step], Store(tmp_path / "s"), Here(), Where())
    centres = Store(tmp_path / "s").get(next(s for s in walk([step]) if isinstance(s.op, Centres)))
    assert np.linalg.norm(np.load(centres.file("centres.npy")), axis=1) == pytest.approx(np.ones(7), abs=1e-6)


def test_against_another_dataset(tmp_path: Path) -> None:
    names, vectors = near_vectors(20, 2, np.random.default_rng(3))
    embedder = stored(names, vectors, tmp_path / "v.parquet")
    old, new = (view_of([(n, n) for n in names if n.endswith(end)], 2) for end in ("-0", "-1"))
    found = outcome(new, Semantic(embedder, clusters=3, against="old").select(new, lambda _: old), tmp_path / "s")
    lost = {own: evidence["survivor"] for own, (_, evidence) in found.items()}
    assert lost == {name_id(f"{i}-1"): name_id(f"{i}-0") for i in range(20) if name_id(f"{i}-1") in lost} and len(lost) >= 18


def test_first_alike_is_the_definition() -> None:
    generator = np.random.default_rng(4)
    vectors = generator.normal(size=(80, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    survivor, similarity = first_alike(vectors, np.zeros(80, np.int8), 0.9)
    kept: list[int] = []
    for row in range(80):
        near = [k for k in kept if round(float(vectors[k] @ vectors[row]), 5) >= 0.9]
        assert survivor[row] == (near[0] if near else -1)
        assert similarity[row] == pytest.approx(float(vectors[near[0]] @ vectors[row]) if near else 0.0, abs=1e-5)
        kept += [] if near else [row]


def test_what_is_wrong_with_vectors_is_said(tmp_path: Path) -> None:
    names, vectors = near_vectors(3, 1, np.random.default_rng(5))
    with pytest.raises(TamisError, match="has none for 1 of"):
        dropped([*names, "other"], stored(names, vectors, tmp_path / "a.parquet"), tmp_path / "0")
    vectors[1, 2] = np.nan
    with pytest.raises(TamisError, match="has NaN"):
        dropped(names, stored(names, vectors, tmp_path / "b.parquet"), tmp_path / "1")
    (tmp_path / "c.parquet").write_text("nonsense")
    with pytest.raises(TamisError, match="cannot be read"):
        dropped(names, StoredVectors.file(tmp_path / "c.parquet"), tmp_path / "2")
    changed = stored(names, np.ones((3, 2)), tmp_path / "d.parquet")
    stored(names, np.zeros((3, 2)), tmp_path / "d.parquet")
    with pytest.raises(TamisError, match="has changed"):
        dropped(names, changed, tmp_path / "3")
    with pytest.raises(UsageError, match="No such file"):
        StoredVectors.file(tmp_path / "none.parquet")
    with pytest.raises(UsageError, match="cosine must be"):
        Semantic(changed, cosine=0)


@pytest.mark.parametrize("count", [0, 1])
def test_tiny_corpora(count: int, tmp_path: Path) -> None:
    embedder = stored(["a"], np.ones((1, 4)), tmp_path / "v.parquet")
    assert dropped(["a"][:count], embedder, tmp_path / "s", 2) == {}
