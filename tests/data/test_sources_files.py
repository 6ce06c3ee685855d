"""Finding files, remembering their hashes, and the formats Parquet, text and HTML; the step that reads a source."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.core.errors import TamisError, UsageError
from tamis.core.ledger import Ledger
from tamis.core.runner import Local, run
from tamis.core.step import Where
from tamis.core.store import Store
from tamis.data.schema import DOCUMENT, document_id
from tamis.data.source import HashCache, Html, Jsonl, ParquetFiles, ReadSource, Source, Text
from tamis.data.sources.charset import codec, decode


def read(source: Source, root: Path) -> tuple[pa.Table, Ledger]:
    ledger = Ledger()
    tables = [t for p in source.pieces(source.resolve(root)) for t in source.shards(p, ledger)]
    ledger.check("test")
    return pa.concat_tables(tables) if tables else DOCUMENT.empty_table(), ledger


def texts(source: Source, root: Path) -> list[str]:
    return read(source, root)[0]["text"].to_pylist()


# Finding and hashing


def test_files_are_found_sorted_and_hashed(tmp_path: Path) -> None:
    for name in ("b/2.jsonl", "a/1.jsonl", "a/10.jsonl", "a/note.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    files = Jsonl(("*/*.jsonl", "a/1.jsonl")).resolve(tmp_path)
    assert [f.name for f in files] == ["a/1.jsonl", "a/10.jsonl", "b/2.jsonl"]
    assert [f.sha256 for f in files] == [hashlib.sha256(f.name.encode()).hexdigest() for f in files]
    assert [f.size for f in files] == [9, 10, 9]
    inside = Jsonl(str(tmp_path / "a/1.jsonl")).resolve(tmp_path)
    assert inside == files[:1]
    outside = Jsonl(str(tmp_path / "a/1.jsonl")).resolve(tmp_path / "b")
    assert outside[0].name == str(tmp_path / "a/1.jsonl")


def test_what_matches_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"Jsonl: no file matches 'x/\*.jsonl' under the data root {tmp_path}; set --data"):
        Jsonl("x/*.jsonl").resolve(tmp_path)
    with pytest.raises(UsageError, match="is not a folder; set --data or TAMIS_DATA"):
        Jsonl("x").resolve(tmp_path / "absent")
    for files in ((), "", "https://me:secret@host/x.jsonl", "hf://datasets/a/b/x.jsonl"):
        with pytest.raises(UsageError):
            Jsonl(files)
    with pytest.raises(UsageError, match="write a local file as a path"):
        Jsonl("file:///x").resolve(tmp_path)


def test_hashes_are_remembered_until_a_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("one")
    cache = HashCache(tmp_path / "cache" / "hashes.sqlite")
    (first,) = Jsonl("a.jsonl").resolve(tmp_path, cache)
    status = path.stat()
    cache.put(f"{path}|{status.st_size}|{status.st_mtime_ns}|{status.st_ino}", "remembered")
    assert Jsonl("a.jsonl").resolve(tmp_path, cache)[0].sha256 == "remembered"
    path.write_text("two")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert Jsonl("a.jsonl").resolve(tmp_path, cache)[0].sha256 == hashlib.sha256(b"two").hexdigest() != first.sha256


def test_a_file_that_changed_size_after_it_was_found_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "x"}\n')
    source = Jsonl("a.jsonl")
    files = source.resolve(tmp_path)
    (tmp_path / "a.jsonl").write_text('{"text": "longer"}\n')
    with pytest.raises(TamisError, match="changed from 14 to 19 bytes since it was resolved"):
        list(source.shards(source.pieces(files)[0], Ledger()))


def test_small_files_share_a_piece_and_large_ones_are_cut(tmp_path: Path) -> None:
    for i in range(20):
        (tmp_path / f"{i:02d}.jsonl").write_text('{"text": "x"}\n' * (1 if i != 10 else 100))
    source = Jsonl("*.jsonl", shard_bytes=50)
    pieces = source.pieces(source.resolve(tmp_path))
    assert [len(p.files) for p in pieces[:4]] == [3, 3, 3, 1]
    assert [(p.start, p.stop) for p in pieces if p.stop >= 0][:2] == [(0, 50), (50, 100)]
    assert read(source, tmp_path)[0].num_rows == 119
    assert read(source, tmp_path)[0].equals(read(Jsonl("*.jsonl"), tmp_path)[0])


def test_urls(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/a.jsonl", b'{"text": "in memory"}\n')
    memory.pipe("/bucket/b.jsonl", b'{"text": "too"}\n')
    table, _ = read(Jsonl("memory://bucket/*.jsonl"), tmp_path)
    assert table["text"].to_pylist() == ["in memory", "too"]
    assert table["id"][0].as_py() == document_id("memory:///bucket/a.jsonl", 0)
    with pytest.raises(UsageError, match="no file matches"):
        Jsonl("memory://bucket/*.txt").resolve(tmp_path)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "a.jsonl").write_text('{"text": "over http"}\n' * 3)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.log_message = lambda *args: None  # type: ignore[attr-defined]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_http(web: str, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    assert texts(Jsonl(f"{web}/a.jsonl"), tmp_path) == ["over http"] * 3


# Parquet


def parquet(path: Path, table: pa.Table, rows: int = 10) -> None:
    pq.write_table(table, path, row_group_size=rows)


def test_parquet_in_row_groups(tmp_path: Path) -> None:
    body = [f"document {i}" for i in range(95)]
    table = pa.table({"n": range(95), "body": pa.array(body).dictionary_encode(), "url": [f"u{i}" for i in range(95)]})
    parquet(tmp_path / "a.parquet", table)
    for shard in (1, 400, 10**6):
        source = ParquetFiles("*.parquet", text="body", meta=("n", "absent"), shard_bytes=shard)
        rows, ledger = read(source, tmp_path)
        assert rows["text"].to_pylist() == body
        assert rows["id"].to_pylist() == [document_id("a.parquet", i) for i in range(95)]
        assert rows["meta"][7].as_py() == '{"n":7}'
        assert rows["url"][7].as_py() == "u7"
        assert ledger.damaged == 0
    assert len(source.pieces(source.resolve(tmp_path))) == 1
    source = ParquetFiles("*.parquet", text="body", shard_bytes=1)
    assert len(source.pieces(source.resolve(tmp_path))) == 10


def test_parquet_with_one_bad_value_keeps_the_others(tmp_path: Path) -> None:
    values = pa.array([b"good"] * 300, pa.binary()).to_pylist()
    values[41], values[42], values[43] = None, b"\xff\xfe", b"x" * 1000
    column = pa.array(values, pa.binary())
    text = pa.Array.from_buffers(pa.string(), 300, column.buffers(), column.null_count)
    parquet(tmp_path / "a.parquet", pa.table({"text": text}))
    table, ledger = read(ParquetFiles("a.parquet", max_document=500), tmp_path)
    assert table.num_rows == 297
    assert [str(d) for d in ledger.damage] == [
        "a.parquet: row 41: column 'text' is null",
        "a.parquet: row 42: column 'text' is not UTF-8",
    ]
    assert dict(ledger.dropped) == {"too-large": 1}


def test_a_damaged_row_group_costs_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet(path, pa.table({"text": [os.urandom(50).hex() for _ in range(300)]}), rows=100)
    group = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    start = group.dictionary_page_offset or group.data_page_offset
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(data)
    table, ledger = read(ParquetFiles("a.parquet"), tmp_path)
    assert table.num_rows == 200
    (damage,) = ledger.damage
    assert damage.where == "rows 100-199 (row group 1)"
    assert "cannot be decoded" in damage.reason


def test_parquet_without_the_column(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", pa.table({"body": ["x"], "n": [1]}))
    for options, message in (({}, "has no column 'text', only 'body', 'n'"), ({"text": "n"}, "column 'n' holds int64")):
        source = ParquetFiles("a.parquet", **options)
        with pytest.raises(UsageError, match=message):
            source.check(source.resolve(tmp_path))
    (tmp_path / "b.parquet").write_bytes(b"rubbish" * 100)
    source = ParquetFiles("*.parquet", text="body")
    source.check(source.resolve(tmp_path))
    table, ledger = read(source, tmp_path)
    assert table.num_rows == 1
    assert str(ledger.damage[0]).startswith("b.parquet: whole file: is not a readable Parquet file")


# Text and HTML


def test_text_in_documents_paragraphs_and_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffone\r\ntwo\r\n\r\n \nthree é\n\n\nfour".encode())
    assert texts(Text("a.txt"), tmp_path) == ["one\r\ntwo\r\n\r\n \nthree é\n\n\nfour"]
    assert texts(Text("a.txt", split="paragraph"), tmp_path) == ["one\ntwo", "three é", "four"]
    assert texts(Text("a.txt", split="line"), tmp_path) == ["one", "two", "three é", "four"]
    ids = read(Text("a.txt", split="paragraph"), tmp_path)[0]["id"].to_pylist()
    assert ids == [document_id("a.txt", offset) for offset in (0, 14, 25)]
    with pytest.raises(UsageError, match="split='word' is not one of"):
        Text("a.txt", split="word")  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1251", "shift_jis"])
@pytest.mark.parametrize("split", ["document", "paragraph"])
def test_text_in_any_encoding(tmp_path: Path, encoding: str, split: str) -> None:
    text = "これは日本語の文章です。" * 9 if encoding == "shift_jis" else "Съешь же ещё этих мягких французских булок. " * 9
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert texts(Text("a.txt", split=split), tmp_path) == [text]  # type: ignore[arg-type]


def test_text_above_the_limit_and_in_no_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"small\n\n" + b"x" * 300 + b"\n" + b"y" * 300 + b"\n\nafter")
    table, ledger = read(Text("a.txt", split="paragraph", max_document=500), tmp_path)
    assert (table["text"].to_pylist(), dict(ledger.dropped)) == (["small", "after"], {"too-large": 1})
    _, ledger = read(Text("a.txt", max_document=500), tmp_path)
    assert dict(ledger.dropped) == {"too-large": 1}
    (tmp_path / "b.txt").write_bytes("naïve ".encode() * 100_000 + b"\xff\xff broken")
    assert texts(Text("b.txt", split="line"), tmp_path)[0].endswith("\ufffd\ufffd broken")


def test_html_files(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes('<meta charset="iso-8859-1"><p>Grüße'.encode("latin-1"))
    (tmp_path / "b.html").write_bytes(b"")
    table, _ = read(Html("*.html"), tmp_path)
    assert table["text"].to_pylist() == ['<meta charset="iso-8859-1"><p>Grüße']
    assert table["meta"].to_pylist() == ['{"charset":"cp1252"}']


def test_encoding_labels() -> None:
    assert [codec(n) for n in ("latin1", "gb2312", "x-sjis", "UTF8", "utf-16", "nonsense", "")] == [
        "cp1252", "gb18030", "cp932", "utf-8", "utf-8", None, None
    ]  # fmt: skip
    assert decode(b"plain") == ("plain", "utf-8")


# The step


def test_the_step_reads_the_same_bytes_wherever_it_runs(tmp_path: Path) -> None:
    lines = [f'{{"text": "document {i} {"x" * (i % 40)}"}}\n' for i in range(300)]
    lines[216] = "{bad\n"
    for root in ("one", "two"):
        (tmp_path / root).mkdir()
        (tmp_path / root / "a.jsonl").write_text("".join(lines))
    found = []
    for root, files, workers in (("one", "a.jsonl", 1), ("two", "*.jsonl", 2)):
        step = ReadSource.step(Jsonl(files, shard_bytes=2000), tmp_path / root, tmp_path / root / "hashes.sqlite")
        store = Store(tmp_path / f"store-{root}")
        run([step], store, Local(workers), Where(data=str(tmp_path / root)))
        found.append((step.key, store.get(step)))
    (key, first), (other, second) = found
    assert key == other
    assert first is not None and second is not None
    assert first.manifest == second.manifest
    assert [s.rows for s in first.shards][:2] == [s.rows for s in second.shards][:2]
    assert (first.rows, first.ledger.damaged) == (299, 1)
    assert [str(d) for d in first.ledger.damage] == [
        "a.jsonl: line 217: is not JSON (Expecting property name enclosed in double quotes at position 2)"
    ]
    assert first.facts["files"] == 1
