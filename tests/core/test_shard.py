"""Shards: equal tables give equal bytes, and other bytes are noticed on reading."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from tamis.core import disk
from tamis.core.errors import TamisError
from tamis.core.shard import Shard, read_table, write_table

TABLE = pa.table({"id": [b"1", b"2"], "text": ["a", "b"], "source": ["x", "x"], "value": [0.5, float("nan")]})


def shard_of(path: Path, rows: int = 2) -> Shard:
    return Shard(path.name, rows, path.stat().st_size, disk.file_sha256(path))


def test_equal_tables_give_equal_bytes_however_they_are_chunked(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", TABLE)
    write_table(tmp_path / "b.parquet", pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)]))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert b"2026" not in (tmp_path / "a.parquet").read_bytes()


@pytest.mark.parametrize("place", [4, 100, -9])
def test_a_flipped_bit_is_noticed(place: int, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_table(path, TABLE)
    shard = shard_of(path)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(TamisError, match=r"a\.parquet: its bytes are not the ones that were published"):
        read_table(path, shard)


def test_columns_of_a_shard(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", TABLE)
    found = read_table(tmp_path / "a.parquet", shard_of(tmp_path / "a.parquet"), ("value", "id"))
    assert found.schema.names == ["value", "id"]
    assert found.column("id").to_pylist() == [b"1", b"2"]


def test_a_missing_shard_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TamisError, match=r"cannot be read \(No such file or directory\)"):
        read_table(tmp_path / "a.parquet", Shard("a.parquet", 1, 1, "0" * 64))
