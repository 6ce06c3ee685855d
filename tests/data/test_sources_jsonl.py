"""JSON Lines: what becomes a row, what is damage, and that the two always add up."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest
import zstandard

from tamis.core.errors import UsageError
from tamis.core.ledger import Damage, Ledger
from tamis.data.schema import DOCUMENT, document_id
from tamis.data.source import Jsonl, Source


def read(source: Source, root: Path) -> tuple[pa.Table, Ledger]:
    ledger = Ledger()
    tables = [t for p in source.pieces(source.resolve(root)) for t in source.shards(p, ledger)]
    ledger.check("test")
    return pa.concat_tables(tables) if tables else DOCUMENT.empty_table(), ledger


def texts(source: Source, root: Path) -> list[str]:
    return read(source, root)[0]["text"].to_pylist()


def write(root: Path, name: str, *lines: bytes, end: bytes = b"\n") -> Path:
    path = root / name
    path.write_bytes(b"".join(line + end for line in lines))
    return path


def row(text: str, **more: object) -> bytes:
    return json.dumps({"text": text, **more}, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"text": "cut in ha', "is not JSON (Unterminated string starting at at position 10)"),
        (b'{"text": "\xff"}', "is not UTF-8 (byte 0xff at position 11)"),
        (b'{"text": "\xed\xa0\x80"}', "is not UTF-8 (byte 0xed at position 11)"),
        (b'{"text": null}', "field 'text' is null"),
        (b'{"text": 5}', "field 'text' is a number, not a string"),
        (b'{"text": ["a"]}', "field 'text' is a list, not a string"),
        (b'{"body": "x", "n": 1}', "has no field 'text', only 'body', 'n'"),
        (b"[1]", "is a list, not an object"),
        (b"null", "is null, not an object"),
        (b'{"text": "a"}{"text": "b"}', "is not JSON (Extra data at position 14)"),
        (b'{"text": "a\x00b"}', "is not JSON (Invalid control character at at position 12)"),
        (b"\x00\x01\x02\x7fELF", "is not JSON (Expecting value at position 1)"),
        (b'{"text": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}", "is nested too deeply"),
    ],
)
def test_one_bad_line_of_300_keeps_299_and_is_named(tmp_path: Path, bad: bytes, reason: str) -> None:
    lines = [row(f"document {i}") for i in range(300)]
    lines[216] = bad
    write(tmp_path, "a.jsonl", *lines)
    table, ledger = read(Jsonl("a.jsonl"), tmp_path)
    assert table.num_rows == 299
    assert [str(d) for d in ledger.damage] == [f"a.jsonl: line 217: {reason}"]


def test_ids_are_byte_offsets_and_columns_follow_the_schema(tmp_path: Path) -> None:
    lines = [row("é", url="http://x/1", licence="CC0", n=1.5), row("b", licence=None, deep={"text": "inner"})]
    write(tmp_path, "a.jsonl", *lines)
    table, _ = read(Jsonl("a.jsonl", meta=("licence", "n")), tmp_path)
    assert table.schema.equals(DOCUMENT)
    assert table["id"].to_pylist() == [document_id("a.jsonl", 0), document_id("a.jsonl", len(lines[0]) + 1)]
    assert table["url"].to_pylist() == ["http://x/1", ""]
    assert table["meta"].to_pylist() == ['{"licence":"CC0","n":1.5}', '{"licence":null}']
    assert table["source"].to_pylist() == ["a.jsonl"] * 2
    inner, ledger = read(Jsonl("a.jsonl", text="deep.text", label="mine"), tmp_path)
    assert (inner["text"].to_pylist(), inner["source"].to_pylist(), ledger.damaged) == (["inner"], ["mine"], 1)


def test_oddities_that_are_no_damage(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(
        b'\xef\xbb\xbf{"text": "mark"}\r\n\r\n   \n{"text": "one", "text": "two"}\n{"text": "\\ud800 half"}\n'
        b'{"text": "\\ud83d\\ude00"}\n{"text": "nul \\u0000"}\n{"text": "", "x": NaN, "y": 1e999}'
    )
    table, ledger = read(Jsonl("a.jsonl", meta=("x", "y")), tmp_path)
    assert table["text"].to_pylist() == ["mark", "two", "\ufffd half", "😀", "nul \x00", ""]
    assert table["meta"].to_pylist()[-1] == '{"x":null,"y":null}'
    assert ledger.damaged == 0


def test_utf16_is_one_damage_and_an_empty_file_none(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes('{"text": "x"}\n'.encode("utf-16"))
    (tmp_path / "b.jsonl").write_bytes(b"")
    write(tmp_path, "c.jsonl", row("good"))
    table, ledger = read(Jsonl("*.jsonl"), tmp_path)
    assert table.num_rows == 1
    assert [str(d) for d in ledger.damage] == ["a.jsonl: byte 0: is UTF-16, but JSON Lines are UTF-8; the file is not read"]


@pytest.mark.parametrize("shard", [1, 17, 64, 1000, 10**6])
def test_byte_ranges_give_the_same_rows_and_the_same_places(tmp_path: Path, shard: int) -> None:
    lines = [row("x" * (i * 7 % 50), n=i) for i in range(60)]
    lines[40] = b"{bad"
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    whole, _ = read(Jsonl("a.jsonl", meta=("n",)), tmp_path)
    table, ledger = read(Jsonl("a.jsonl", meta=("n",), shard_bytes=shard), tmp_path)
    assert table.num_rows == 59
    assert table.equals(whole)
    assert [d.where for d in ledger.damage] == ["line 41"]


def test_compressed_files_are_the_same_rows(tmp_path: Path) -> None:
    lines = [row(f"document {i}" * (i % 9)) for i in range(5000)]
    data = b"".join(line + b"\n" for line in lines)
    half = len(data) // 2
    (tmp_path / "plain").mkdir()
    write(tmp_path, "plain/a.jsonl", *lines)
    forms = {
        "a.jsonl.gz": gzip.compress(data),
        "members.jsonl.gz": gzip.compress(data[:half]) + gzip.compress(b"") + gzip.compress(data[half:]) + b"\0" * 9,
        "a.jsonl.zst": zstandard.compress(data),
        "frames.jsonl.zst": zstandard.compress(data[:half]) + b"\x50\x2a\x4d\x18\x03\0\0\0abc" + zstandard.compress(data[half:]),
        "named-wrongly.jsonl": zstandard.compress(data),
    }
    expected = texts(Jsonl("plain/a.jsonl"), tmp_path)
    for name, content in forms.items():
        (tmp_path / name).write_bytes(content)
        table, ledger = read(Jsonl(name, shard_bytes=20_000), tmp_path)
        assert (table["text"].to_pylist(), ledger.damaged) == (expected, 0), name


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_a_cut_stream_keeps_what_came_before(tmp_path: Path, suffix: str) -> None:
    lines = [row(f"{i} " + zlib.crc32(str(i).encode()).to_bytes(4, "big").hex() * 30) for i in range(3000)]
    data = b"".join(line + b"\n" for line in lines)
    packed = gzip.compress(data) if suffix == "gz" else zstandard.compress(data)
    cut = len(packed) * 2 // 3
    (tmp_path / f"a.jsonl.{suffix}").write_bytes(packed[:cut])
    table, ledger = read(Jsonl(f"a.jsonl.{suffix}"), tmp_path)
    assert 500 < table.num_rows < 3000
    assert table["text"].to_pylist() == [json.loads(line)["text"] for line in lines[: table.num_rows]]
    name = "gzip" if suffix == "gz" else "zstd"
    assert [str(d) for d in ledger.damage] == [f"a.jsonl.{suffix}: byte {cut}: {name} stream is cut short"]


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_a_corrupt_stream_keeps_what_came_before(tmp_path: Path, suffix: str) -> None:
    data = b"".join(row(f"{i} " + hex(hash_of(i))) + b"\n" for i in range(30_000))
    packed = bytearray(gzip.compress(data) if suffix == "gz" else zstandard.ZstdCompressor(write_checksum=True).compress(data))
    for i in range(len(packed) // 2, len(packed) // 2 + 64):
        packed[i] ^= 0xA5
    (tmp_path / f"a.jsonl.{suffix}").write_bytes(packed)
    source = Jsonl(f"a.jsonl.{suffix}")
    (portion,) = source.pieces(source.resolve(tmp_path))
    *_, last = (item for item in source.read(portion) if isinstance(item, Damage))
    assert "stream is damaged" in last.reason
    assert read(source, tmp_path)[0].num_rows > 1000


def hash_of(i: int) -> int:
    return zlib.crc32(str(i).encode()) * 2654435761 % 2**61


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_a_bomb_is_given_up(tmp_path: Path, suffix: str) -> None:
    size = 11_000_000
    first = row("good") + b"\n"
    if suffix == "gz":
        bomb = gzip.compress(first) + gzip.compress(b"a" * size) * 93
    else:
        bomb = zstandard.compress(first) + zstandard.compress(b"a" * size) * 93
    (tmp_path / f"a.jsonl.{suffix}").write_bytes(bomb)
    table, ledger = read(Jsonl(f"a.jsonl.{suffix}"), tmp_path)
    assert table["text"].to_pylist() == ["good"]
    (damage,) = ledger.damage
    assert "decompresses more than 1000:1 beyond 1,000,000,000 bytes" in damage.reason


@pytest.mark.parametrize("magic", [b"BZh91AY", b"\xfd7zXZ\0\0", b"PK\x03\x04zip"])
def test_other_compressions_are_named(tmp_path: Path, magic: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(magic + b"rest")
    _, ledger = read(Jsonl("a.jsonl"), tmp_path)
    assert "is not read; compress the file again with gzip or zstd" in ledger.damage[0].reason


def test_too_large_lines_are_dropped_with_their_reason(tmp_path: Path) -> None:
    lines = [row("small"), row("x" * 500), row("also small"), row("y" * 400)]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    for shard in (10, 10**6):
        table, ledger = read(Jsonl("a.jsonl", max_document=300, shard_bytes=shard), tmp_path)
        assert table["text"].to_pylist() == ["small", "also small"]
        assert (ledger.rows_in, ledger.dropped) == (4, {"too-large": 2})


def test_a_document_of_200_mb_is_dropped_in_bounded_memory(tmp_path: Path) -> None:
    with (tmp_path / "a.jsonl").open("wb") as out:
        out.write(row("before") + b"\n" + b'{"text": "')
        for _ in range(200):
            out.write(b"x" * 1_000_000)
        out.write(b'"}\n' + row("after") + b"\n")
    code = (
        "import resource, sys; from tamis.core.ledger import Ledger; from tamis.data.source import Jsonl\n"
        "s = Jsonl('a.jsonl', shard_bytes=10**9); f = s.resolve(sys.argv[1]); l = Ledger()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "rows = sum(t.num_rows for p in s.pieces(f) for t in s.shards(p, l))\n"
        "print(rows, l.dropped['too-large'], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    out = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    rows, dropped, grown = map(int, out.stdout.split())
    unit = 1024 if sys.platform == "linux" else 1
    assert (rows, dropped) == (2, 1)
    assert grown * unit < 100_000_000


def test_a_field_that_no_record_has_is_refused_with_those_there_are(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", b'{"body": "x", "title": "t"}', b"{bad", b'{"body": "y", "lang": "en"}')
    source = Jsonl("a.jsonl")
    with pytest.raises(UsageError, match=r"a.jsonl: no record has a field 'text', only 'body', 'title', 'lang'; name the one"):
        source.check(source.resolve(tmp_path))
    Jsonl("a.jsonl", text="body").check(source.resolve(tmp_path))
    write(tmp_path, "b.jsonl", b'{"text": "x"}')
    both = Jsonl("*.jsonl")
    both.check(both.resolve(tmp_path))


def test_binary_rubbish_is_damage_and_no_traceback(tmp_path: Path) -> None:
    rubbish = b"".join(zlib.compress(str(i).encode()) for i in range(5000))
    (tmp_path / "a.jsonl").write_bytes(b"\x01" + rubbish)
    table, ledger = read(Jsonl("a.jsonl"), tmp_path)
    assert table.num_rows == 0
    assert ledger.damaged == sum(bool(line.strip()) for line in (b"\x01" + rubbish).split(b"\n"))


@dataclass(frozen=True)
class LineByLine(Jsonl):
    """The definition: no block goes through Arrow's parser."""

    fast: ClassVar[bool] = False


ODD = [
    b'{"text": "plain", "url": "u", "m": "s"}',
    b'{"text": "one", "text": "two"}',
    b'{"x": 1, "x": 2, "text": "y"}',
    b'{"text": "a"}{"text": "b"}',
    b'{"text": "spread"',
    b', "url": "u"}',
    b'{"text": {"a": {}',
    b'{"text": "\\ud800"}',
    b'{"text": "\\udc00 \\u0000 \\ud83d\\ude00"}',
    b'{"text": "n", "x": NaN, "y": Infinity, "z": -Infinity}',
    b'{"text": "n", "y": Inf}',
    b'{"text": "n", "y":-NaN}',
    b'{"text": "digits", "x": ' + b"9" * 5000 + b"}",
    b'{"text": "deep", "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    b'{"text": null}',
    b'{"url": "only"}',
    b'{"text": "u", "url": 5}',
    b'{"text": "u", "url": null, "m": null}',
    b'{"text": "m", "m": 1.50}',
    b'{"text": "m", "m": {"a": [1]}}',
    b'{"text": "\xff"}',
    b'{"text": "fine", "ignored": "\xff"}',
    b'{"text": "tab\there"}',
    b'{"te\\u0078t": "escaped name"}',
    b'{"text": "x", "n": 01}',
    b' {"text": "space before"}',
    b'{"text": "space after"} ',
    b'{"text": "return"}\r',
    b"",
    b"}{",
    b"{}",
    b'{"text": "2020-01-01"}',
    b'{"text": "long", "x": "' + b"y" * 3000 + b'"}',
]


@pytest.mark.parametrize("seed", range(40))
def test_arrow_and_line_by_line_give_the_same_rows_and_damage(tmp_path: Path, seed: int) -> None:
    choose = random.Random(seed)
    lines = [choose.choice(ODD) if choose.random() < 0.03 * (seed % 4) else row(f"good {i}", m="v") for i in range(200)]
    if seed < len(ODD):
        lines[77] = ODD[seed]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines) + b"\n" * (seed % 2))
    for options in ({}, {"meta": ("m",)}, {"meta": ("m", "x"), "max_document": 2000}, {"shard_bytes": 700}):
        fast, quick = read(Jsonl("a.jsonl", **options), tmp_path)
        table, ledger = read(LineByLine("a.jsonl", **options), tmp_path)
        assert fast.equals(table)
        assert quick == ledger


@pytest.mark.skipif("TAMIS_DATA" not in os.environ, reason="TAMIS_DATA is not set")
@pytest.mark.parametrize(
    "name", ["text/recipes-wikibooks-da.jsonl.zst", "multilingual/udhr-all.jsonl.zst", "text/email-spam-ham.jsonl.zst"]
)
def test_arrow_and_line_by_line_agree_on_real_files(name: str) -> None:
    root = Path(os.environ["TAMIS_DATA"])
    fast, ledger = read(Jsonl(name, meta=("lang", "source")), root)
    assert fast.equals(read(LineByLine(name, meta=("lang", "source")), root)[0])
    assert (fast.num_rows > 100, ledger.damaged) == (True, 0)


def test_clean_blocks_do_go_through_arrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a.jsonl", *(row(f"é {i}", url="u") for i in range(1000)))
    monkeypatch.setattr("tamis.data.sources.jsonl.parse", None)
    assert read(Jsonl("a.jsonl"), tmp_path)[0].num_rows == 1000
