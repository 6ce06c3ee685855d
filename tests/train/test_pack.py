"""Order and packing against a slow, plain definition; equal tokens; the same relative order in two arms."""

from __future__ import annotations

import gc
import hashlib
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_shards import write_shard

from tamis.core.errors import TamisError
from tamis.lm.tokenizer import Tokenizer
from tamis.train import pack as pack_module
from tamis.train.order import by_key, document_keys, row_keys
from tamis.train.pack import Rows, pack

MASK = (1 << 64) - 1


def name_id(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=16).digest()


def mixed(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def plain_key(id: bytes, seed: int, epoch: int) -> int:
    salt = hashlib.blake2b(f"order {seed} {epoch}".encode(), digest_size=16).digest()
    first = mixed(int.from_bytes(id[:8], "little") ^ int.from_bytes(salt[:8], "little"))
    return mixed(first ^ int.from_bytes(id[8:], "little") ^ int.from_bytes(salt[8:], "little"))


def plain_rows(tokenizer: Tokenizer, documents: dict[bytes, list[int]], seed: int, rows: int, context: int) -> list[list[int]]:
    """The definition: frame, concatenate epoch by epoch in order of key, cut, sort rows of an epoch by their key."""
    before, after = tokenizer.frame
    stream: list[int] = []
    where: list[tuple[int, int, int]] = []  # epoch, key of the document, place in the document, of every token
    epoch = 0
    while len(stream) < rows * context + 1:
        for id in sorted(documents, key=lambda i: plain_key(i, seed, epoch)):
            framed = [*before, *documents[id], *after] if documents[id] else []
            stream += framed
            where += [(epoch, plain_key(id, seed, epoch), place) for place in range(len(framed))]
        epoch += 1

    def key(row: int) -> tuple[int, int]:
        number, document, place = where[row * context]
        return number, mixed((document + (place // context + 1) * 0x9E3779B97F4A7C15) & MASK)

    return [stream[r * context : (r + 1) * context + 1] for r in sorted(range(rows), key=key)]


def all_rows(rows: Rows) -> list[list[int]]:
    return [row for step in range(len(rows.order) // rows.batch) for row in rows.at(step).tolist()]


@pytest.mark.parametrize("steps", [1, 30, 190, 470])
def test_packing_equals_its_definition(
    tokenizer: Tokenizer, texts: list[str], shards: list[Path], tmp_path: Path, steps: int
) -> None:
    rows = pack(shards, tokenizer, steps=steps, batch=4, context=64, seed=3, scratch=tmp_path)
    documents = {name_id(f"document {i}"): tokenizer.encode(t).tolist() for i, t in enumerate(texts)}
    assert all_rows(rows) == plain_rows(tokenizer, documents, 3, steps * 4, 64)
    assert rows.supply.trained_tokens == steps * 4 * 64
    assert rows.supply.tokens == sum(len(d) + 1 for d in documents.values())
    assert rows.supply.epochs == pytest.approx(rows.supply.trained_tokens / rows.supply.tokens)


def test_two_specials_frame_both_ends(texts: list[str], tokenizer: Tokenizer, tmp_path: Path) -> None:
    parsed = json.loads(tokenizer.data)
    parsed["added_tokens"].append({**parsed["added_tokens"][0], "id": tokenizer.vocab_size, "content": "<|eos|>"})
    two = Tokenizer(json.dumps(parsed).encode())
    shard = write_shard(tmp_path / "s.parquet", two, texts[:30], [str(i) for i in range(30)])
    rows = pack([shard], two, steps=5, batch=2, context=32, seed=0, scratch=tmp_path)
    documents = {name_id(str(i)): two.encode(t).tolist() for i, t in enumerate(texts[:30])}
    assert all_rows(rows) == plain_rows(two, documents, 0, 10, 32)


def test_shards_and_their_order_do_not_matter(tokenizer: Tokenizer, texts: list[str], shards: list[Path], tmp_path: Path) -> None:
    names = [f"document {i}" for i in range(len(texts))][::-1]
    one = write_shard(tmp_path / "one.parquet", tokenizer, texts[::-1], names)
    options = {"steps": 100, "batch": 4, "context": 64, "seed": 1}
    first = pack(shards, tokenizer, **options, scratch=tmp_path / "a")  # type: ignore[arg-type]
    second = pack([one], tokenizer, **options, scratch=tmp_path / "b")  # type: ignore[arg-type]
    assert all_rows(first) == all_rows(second)
    assert first.supply == second.supply


def test_seeds_and_epochs_give_different_orders(tokenizer: Tokenizer, shards: list[Path], tmp_path: Path) -> None:
    ids = np.frombuffer(b"".join(name_id(str(i)) for i in range(1000)), np.uint8).reshape(-1, 16)
    orders = [by_key(document_keys(ids, seed, epoch)).tolist() for seed, epoch in ((0, 0), (1, 0), (0, 1))]
    assert len({tuple(o) for o in orders}) == 3
    for order in orders:
        assert abs(np.corrcoef(order, np.arange(1000))[0, 1]) < 0.12
    assert document_keys(ids, 0, 0).tolist()[:20] == [plain_key(name_id(str(i)), 0, 0) for i in range(20)]
    keys = document_keys(ids, 0, 0)
    assert (
        len(set(row_keys(keys, np.zeros(1000, np.int64)).tolist()) | set(row_keys(keys, np.ones(1000, np.int64)).tolist()))
        == 2000
    )


def test_arms_keep_shared_documents_in_the_same_relative_order(
    tokenizer: Tokenizer, texts: list[str], tmp_path: Path, shards: list[Path]
) -> None:
    kept = [i for i in range(len(texts)) if i % 3]
    part = write_shard(tmp_path / "part.parquet", tokenizer, [texts[i] for i in kept], [f"document {i}" for i in kept])

    def order(paths: list[Path], folder: str) -> list[str]:
        rows = pack(paths, tokenizer, steps=60, batch=4, context=64, seed=5, scratch=tmp_path / folder)
        return tokenizer.decode(rows.stream.tolist()).split(tokenizer.bos_token)[1:-1]

    whole, fewer = order(shards, "whole"), order([part], "part")
    shared = [text for text in whole if text in set(fewer)]
    assert len(shared) > 20
    assert shared == [text for text in fewer if text in set(shared)]


def test_rows_of_one_document_do_not_follow_one_another(tokenizer: Tokenizer, shards: list[Path], tmp_path: Path) -> None:
    rows = pack(shards, tokenizer, steps=60, batch=4, context=64, seed=0, scratch=tmp_path)
    assert sorted(rows.order.tolist()) == list(range(240))
    assert np.mean(np.diff(rows.order) == 1) < 0.05


def test_supply_tells_what_was_used(tokenizer: Tokenizer, texts: list[str], shards: list[Path], tmp_path: Path) -> None:
    few = pack(shards, tokenizer, steps=20, batch=4, context=64, seed=0, scratch=tmp_path / "few").supply
    assert few.documents == 200
    assert few.unique_tokens == 20 * 4 * 64 + 1
    assert few.unique_documents < 200
    assert few.unique_bytes is not None and 0 < few.unique_bytes < sum(len(t.encode()) for t in texts)
    assert 0 <= few.cropped_tokens < 600
    many = pack(shards, tokenizer, steps=450, batch=4, context=64, seed=0, scratch=tmp_path / "many").supply
    assert (many.unique_documents, many.unique_tokens) == (200, many.tokens)
    assert many.unique_bytes == sum(len(t.encode()) for t in texts)
    assert 2 < many.epochs < 3


def test_too_small_sets_are_refused(tokenizer: Tokenizer, shards: list[Path], tmp_path: Path) -> None:
    options = {"steps": 1000, "batch": 4, "context": 64, "seed": 0, "scratch": tmp_path}
    with pytest.raises(TamisError, match=r"would repeat it 5\.\d times and at most 4 are allowed"):
        pack(shards, tokenizer, **options)  # type: ignore[arg-type]
    assert pack(shards, tokenizer, **options, max_epochs=6).supply.epochs > 5  # type: ignore[arg-type]
    empty = write_shard(tmp_path / "empty.parquet", tokenizer, [], [])
    for arm in ([], [empty], [write_shard(tmp_path / "blank.parquet", tokenizer, [""], ["x"])]):
        with pytest.raises(TamisError, match="no tokens"):
            pack(arm, tokenizer, **options)  # type: ignore[arg-type]


def test_shards_of_another_tokenizer_are_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    options = {"steps": 1, "batch": 1, "context": 8, "seed": 0, "scratch": tmp_path}
    path = tmp_path / "foreign.parquet"
    tokens = pa.array([[1, 2, 3], [4, 9999]], pa.large_list(pa.uint16()))
    pq.write_table(pa.table({"id": pa.array([b"a" * 16, b"b" * 16], pa.binary(16)), "tokens": tokens}), path)
    with pytest.raises(TamisError, match="token id 9999"):
        pack([path], tokenizer, **options)  # type: ignore[arg-type]
    pq.write_table(pa.table({"ids": [1]}), path)
    with pytest.raises(TamisError, match="columns id and tokens"):
        pack([path], tokenizer, **options)  # type: ignore[arg-type]
    path.write_bytes(b"rubbish")
    with pytest.raises(TamisError, match="not a readable token shard"):
        pack([path], tokenizer, **options)  # type: ignore[arg-type]


def test_the_order_takes_24_bytes_a_document() -> None:
    documents = 1_000_000
    rng = np.random.Generator(np.random.Philox(0))
    tracemalloc.start()
    lengths = rng.integers(1, 40, documents).astype(np.uint32)
    keys = [rng.integers(0, 2**63, documents).astype(np.uint64)]
    order = np.empty(1000, dtype=np.int64)
    gc.collect()
    assert tracemalloc.get_traced_memory()[0] > 12 * documents
    tracemalloc.reset_peak()
    starts = pack_module._lay_out(keys.pop(), lengths, order, 0, 64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 20 < peak / documents < 24.5
    assert np.array_equal(np.sort(starts)[:2], [0, lengths[np.argsort(starts)[0]]])
