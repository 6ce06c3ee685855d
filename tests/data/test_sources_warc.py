"""Web archives: real crawls counted by an independent scanner, and the faults that crawls have."""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from fastwarc.stream_io import BrotliWriter
from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed

from tamis.core.ledger import Ledger
from tamis.data.schema import DOCUMENT, document_id
from tamis.data.source import Warc
from tamis.data.sources.charset import decode
from tamis.data.sources.http import dechunk

EXPECTED = json.loads((Path(__file__).parent / "archives.json").read_text())
needs_data = pytest.mark.skipif("TAMIS_DATA" not in os.environ, reason="TAMIS_DATA is not set")
ARCHIVES = Path(os.environ.get("TAMIS_DATA", ".")) / "web" / "real-archives"


def read(root: Path, name: str, **options: int) -> tuple[pa.Table, Ledger]:
    source, ledger = Warc(name, **options), Ledger()
    tables = [t for p in source.pieces(source.resolve(root)) for t in source.shards(p, ledger)]
    ledger.check(name)
    return pa.concat_tables(tables) if tables else DOCUMENT.empty_table(), ledger


# An independent reader: decompress everything, then walk the bytes by Content-Length (WARC) or by the record line (ARC).


def scan(path: Path) -> dict[str, int]:
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = unzip(data)
    counts: Counter[str] = Counter()
    for kind, content_type, block in scan_arc(data) if data.startswith(b"filedesc:") else scan_warc(data, counts):
        counts["records"] += 1
        counts["responses"] += kind == "response"
        if kind == "conversion":
            counts["pages"] += 1
        elif kind in ("response", "resource"):
            counts["pages"] += is_page(kind, content_type, block)
    return {name: counts[name] for name in ("records", "responses", "pages", "damage")}


def unzip(data: bytes) -> bytes:
    out = []
    while data:
        decoder = zlib.decompressobj(wbits=31)
        out.append(decoder.decompress(data))
        data = decoder.unused_data
    return b"".join(out)


def scan_warc(data: bytes, counts: Counter[str]):
    at = 0
    while at < len(data):
        if not data.startswith(b"WARC/", at):
            counts["damage"] += 1
            found = re.compile(rb"(?<=\n)WARC/\d").search(data, at)
            if not found:
                return
            at = found.start()
        end = data.index(b"\r\n\r\n", at)
        head = data[at:end].decode("utf-8", "replace").split("\r\n")
        fields = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:])}
        size = int(fields["content-length"])
        yield fields["warc-type"], fields.get("content-type", ""), data[end + 4 : end + 4 + size]
        at = end + 4 + size
        while data[at : at + 1] in (b"\r", b"\n"):
            at += 1


def scan_arc(data: bytes):
    at = 0
    while at < len(data):
        end = data.index(b"\n", at)
        fields = data[at:end].split(b" ")
        size = int(fields[-1])
        kind = "warcinfo" if fields[0].startswith(b"filedesc:") else "response"
        yield kind, "", data[end + 1 : end + 1 + size]
        at = end + 1 + size
        while data[at : at + 1] == b"\n":
            at += 1


def is_page(kind: str, content_type: str, block: bytes) -> bool:
    if kind == "response" and not block.startswith(b"HTTP/"):
        return False
    if kind == "response":
        head = re.split(rb"\r?\n\r?\n", block, maxsplit=1)[0].decode("latin-1")
        status = int(head.split()[1])
        found = re.search(r"^content-type:\s*([^;\s]*)", head, re.IGNORECASE | re.MULTILINE)
        content_type = found.group(1) if found else ""
        if not 200 <= status < 300:
            return False
    return content_type.lower().startswith(("text/html", "application/xhtml"))


@needs_data
def test_every_archive_is_listed() -> None:
    assert sorted(EXPECTED) == sorted(p.name for p in ARCHIVES.iterdir())


@needs_data
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_counts_of_a_real_archive_are_those_of_an_independent_reader(name: str) -> None:
    expected = EXPECTED[name]
    assert scan(ARCHIVES / name) == {k: v for k, v in expected.items() if k != "empty"}
    table, ledger = read(ARCHIVES, name)
    responses = ledger.rows_in - sum(
        ledger.dropped[r] for r in ("warcinfo", "request", "metadata", "revisit", "conversion", "resource")
    )
    assert ledger.rows_in == expected["records"]
    assert ledger.damaged == expected["damage"]
    assert table.num_rows == expected["pages"] - expected.get("empty", 0)
    assert responses >= expected["responses"]
    assert len(set(table["id"].to_pylist())) == table.num_rows


@needs_data
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_bodies_of_real_pages_are_those_that_warcio_reads(name: str) -> None:
    theirs: dict[str, list[str]] = {}
    with (ARCHIVES / name).open("rb") as stream:
        try:
            for record in ArchiveIterator(stream, arc2warc=True):
                url = (record.rec_headers.get_header("WARC-Target-URI") or "").strip("<>")
                if record.rec_type in ("response", "resource", "conversion"):
                    header = record.http_headers.get_header("Content-Type") if record.http_headers else ""
                    text, _ = decode(record.content_stream().read(), header or "", record.rec_type != "conversion")
                    theirs.setdefault(url, []).append(text)
        except ArchiveLoadFailed:
            pass
    table, _ = read(ARCHIVES, name)
    compared = 0
    for url, text in zip(table["url"].to_pylist(), table["text"].to_pylist(), strict=True):
        if url in theirs and "wrong-chunks" not in name:
            assert text in theirs[url], url
            compared += 1
    assert compared == table.num_rows or "wrong-chunks" in name or "non-chunked" in name


@needs_data
def test_quirks_of_real_archives() -> None:
    assert read(ARCHIVES, "webrecorder__warcio__example-wget-bad-target-uri.warc.gz")[0]["url"].to_pylist() == [
        "http://example.com/"
    ]
    (text,) = read(ARCHIVES, "webrecorder__warcio__example-wrong-chunks.warc.gz")[0]["text"].to_pylist()
    assert text.lstrip().lower().startswith("<!doctype html>")
    assert "</html>" in text
    arc = read(ARCHIVES, "archivesunleashed__aut__example.arc.gz")[0]
    warc = read(ARCHIVES, "archivesunleashed__aut__example.warc.gz")[0]
    assert sorted(zip(arc["url"].to_pylist(), arc["text"].to_pylist(), strict=True)) == sorted(
        zip(warc["url"].to_pylist(), warc["text"].to_pylist(), strict=True)
    )
    truncated = "webrecorder__warcio__example-trunc.warc"
    assert [str(d) for d in read(ARCHIVES, truncated)[1].damage] == [f"{truncated}: bytes 2560-2566: is no WARC record"]


# Faults that are made.


def record(kind: str, block: bytes, **fields: str) -> bytes:
    head = {"WARC-Type": kind, "WARC-Target-URI": "http://x/", "WARC-Date": "2020-01-01T00:00:00Z"} | {
        k.replace("_", "-"): v for k, v in fields.items()
    }
    lines = "".join(f"{k}: {v}\r\n" for k, v in head.items())
    return f"WARC/1.0\r\n{lines}Content-Length: {len(block)}\r\n\r\n".encode() + block + b"\r\n\r\n"


def page(body: bytes, header: str = "Content-Type: text/html", status: str = "200 OK") -> bytes:
    block = f"HTTP/1.1 {status}\r\n{header}\r\n\r\n".encode() + body
    return record("response", block, Content_Type="application/http; msgtype=response")


def pages(count: int) -> list[bytes]:
    return [page(f"<html><p>page {i} {zlib.crc32(str(i).encode())}</html>".encode()) for i in range(count)]


def body_of(root: Path, raw: bytes) -> str:
    (root / "a.warc").write_bytes(raw)
    return read(root, "a.warc")[0]["text"].to_pylist()[0]


@pytest.mark.parametrize("packed", [True, False])
def test_one_bad_record_of_300_keeps_299(tmp_path: Path, packed: bool) -> None:
    records = pages(300)
    parts = [gzip.compress(r) if packed else r for r in records]
    offset = sum(map(len, parts[:150]))
    bad = bytearray(parts[150])
    bad[:24] = b"\x1f\x8b\x08" + b"\xaa" * 21 if packed else b"WARC/1.0 and then rubbish"[:24]
    parts[150] = bytes(bad)
    name = "a.warc.gz" if packed else "a.warc"
    (tmp_path / name).write_bytes(b"".join(parts))
    table, ledger = read(tmp_path, name)
    assert table.num_rows == 299
    (damage,) = ledger.damage
    first, last = map(int, re.findall(r"\d+", damage.where))
    assert first <= offset
    assert last == offset + len(parts[150])


def test_a_cut_archive_keeps_what_came_before(tmp_path: Path) -> None:
    parts = [gzip.compress(r) for r in pages(50)]
    whole = b"".join(parts)
    (tmp_path / "a.warc.gz").write_bytes(whole[: -len(parts[-1]) // 2])
    table, ledger = read(tmp_path, "a.warc.gz")
    assert table.num_rows == 49
    (damage,) = ledger.damage
    assert damage.where.startswith(f"bytes {len(whole) - len(parts[-1])}-")
    assert "cut short" in damage.reason


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("length", ["3", "999999", "none"])
def test_a_wrong_content_length_costs_one_record(tmp_path: Path, packed: bool, length: str) -> None:
    parts = pages(50)
    parts[20] = re.sub(rb"Content-Length: \d+", f"Content-Length: {length}".encode(), parts[20])
    name = "a.warc.gz" if packed else "a.warc"
    (tmp_path / name).write_bytes(b"".join(gzip.compress(p) if packed else p for p in parts))
    table, ledger = read(tmp_path, name, max_document=2_000_000)
    assert table.num_rows >= 49 if packed or length != "999999" else table.num_rows == 20
    assert ledger.damaged == 1


def test_a_wrong_content_length_that_ends_inside_a_later_record_costs_one(tmp_path: Path) -> None:
    parts = pages(50)
    parts[20] = re.sub(rb"Content-Length: \d+", b"Content-Length: 1000", parts[20])
    (tmp_path / "a.warc").write_bytes(b"".join(parts))
    table, ledger = read(tmp_path, "a.warc")
    assert (table.num_rows, ledger.damaged) == (49, 1)


def test_many_records_in_one_member_have_ids_of_their_own(tmp_path: Path) -> None:
    raw = b"".join(pages(200))
    (tmp_path / "a.warc.gz").write_bytes(gzip.compress(raw))
    (tmp_path / "a.warc").write_bytes(raw)
    (tmp_path / "a.warc.zst").write_bytes(b"".join(zstandard.compress(p) for p in pages(200)))
    packed, plain = read(tmp_path, "a.warc.gz")[0], read(tmp_path, "a.warc")[0]
    assert packed["text"].equals(plain["text"])
    assert plain["text"].equals(read(tmp_path, "a.warc.zst")[0]["text"])
    assert packed["id"].to_pylist()[1] == document_id("a.warc.gz", f"0+{len(pages(1)[0])}")
    assert len(set(packed["id"].to_pylist())) == 200


def test_content_codings(tmp_path: Path) -> None:
    body = "<html><p>Grüße</p></html>".encode() * 50
    text = body.decode()
    kind = "Content-Type: text/html; charset=utf-8\r\nContent-Encoding: "
    (root_file := tmp_path / "body.br").touch()
    with BrotliWriter(str(root_file)) as writer:
        writer.write(body)
    coded = {
        "gzip": gzip.compress(body),
        "deflate": zlib.compress(body),
        "br": root_file.read_bytes(),
        "zstd": zstandard.compress(body),
        "identity": body,
    }
    for coding, data in coded.items():
        assert body_of(tmp_path, page(data, kind + coding)) == text, coding
    raw = zlib.compressobj(wbits=-15)
    assert body_of(tmp_path, page(raw.compress(body) + raw.flush(), kind + "deflate")) == text
    assert body_of(tmp_path, page(body, kind + "gzip")) == text  # unpacked by the crawler
    half = gzip.compress(os.urandom(4000).hex().encode() + body)
    (tmp_path / "a.warc").write_bytes(page(half[: len(half) // 2], kind + "gzip"))
    table, ledger = read(tmp_path, "a.warc")
    assert (table.num_rows, ledger.damaged) == (1, 0)
    assert json.loads(table["meta"][0].as_py())["incomplete"] == "compression"
    (tmp_path / "a.warc").write_bytes(page(b"\0\1\2\3" * 50, kind + "gzip"))
    assert read(tmp_path, "a.warc")[1].damage[0].reason == "body says gzip but cannot be decompressed"


@pytest.mark.parametrize(
    ("body", "expected", "missing"),
    [
        (b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n", b"abcdefg", ""),
        (b"3\nabc\n0\n\n", b"abc", ""),
        (b"<html>no chunks</html>", b"<html>no chunks</html>", ""),
        (b"3\r\nabc\r\nzz rest", b"abczz rest", "chunks"),
        (b"3\r\nabc\r\n9\r\ndef", b"abcdef", "chunks"),
        (b"", b"", "chunks"),
    ],
)
def test_chunks(body: bytes, expected: bytes, missing: str) -> None:
    assert dechunk(body) == (expected, missing)


def test_what_is_no_page_is_counted_by_its_reason(tmp_path: Path) -> None:
    parts = [
        record("warcinfo", b"x"),
        record("request", b"GET / HTTP/1.1\r\n\r\n"),
        record("metadata", b"x"),
        record("revisit", b"HTTP/1.1 200 OK\r\n\r\n"),
        record("response", b"20200101\n1.2.3.4\n", Content_Type="text/dns"),
        page(b"gone", status="404 Not Found"),
        page(b"\x89PNG", "Content-Type: image/png"),
        page(b"  \n"),
        page(b"<p>" + b"x" * 2000),
        record("resource", b"<html>kept</html>", Content_Type="text/html"),
        record("conversion", b"plain and kept", Content_Type="text/plain"),
        page(b"<!DOCTYPE html><p>kept, for it looks so", "Server: none"),
        record("response", b"not http", Content_Type="application/http"),
    ]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(map(gzip.compress, parts)))
    table, ledger = read(tmp_path, "a.warc.gz", max_document=1000)
    assert dict(ledger.dropped) == {
        "warcinfo": 1, "request": 1, "metadata": 1, "revisit": 1, "dns": 1, "status": 1, "not-html": 2, "empty": 1, "too-large": 1
    }  # fmt: skip
    assert table.num_rows == 3
    assert ledger.rows_in == len(parts)


def test_a_bomb_in_a_body_or_a_record_costs_that_record(tmp_path: Path) -> None:
    bomb = page(gzip.compress(b"a" * 20_000_000), "Content-Type: text/html\r\nContent-Encoding: gzip")
    (tmp_path / "a.warc.gz").write_bytes(gzip.compress(bomb) + gzip.compress(pages(1)[0]))
    table, ledger = read(tmp_path, "a.warc.gz", max_document=1_000_000)
    assert (table.num_rows, dict(ledger.dropped)) == (1, {"too-large": 1})


def test_a_bomb_in_a_member_costs_that_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tamis.data.sources.stream.BOMB_BYTES", 10_000_000)
    good = [gzip.compress(p) for p in pages(3)]
    bomb = gzip.compress(page(b"a" * 60_000_000))
    (tmp_path / "a.warc.gz").write_bytes(good[0] + bomb + good[1] + good[2])
    table, ledger = read(tmp_path, "a.warc.gz", max_document=1_000_000)
    assert table.num_rows == 3
    (damage,) = ledger.damage
    assert damage.where == f"bytes {len(good[0])}-{len(good[0]) + len(bomb)}"
    assert "decompresses more than 1000:1" in damage.reason


def test_charsets(tmp_path: Path) -> None:
    word = "naïve Größe café déjà"
    cases = {
        "utf-8": page(word.encode(), "Content-Type: text/html; charset=utf-8"),
        "cp1252": page(word.encode("cp1252"), "Content-Type: text/html; charset=ISO-8859-1"),
        "by meta": page(b"<meta charset=windows-1252>" + word.encode("cp1252")),
        "header lies": page(word.encode(), "Content-Type: text/html; charset=iso-8859-1"),
        "mark": page(b"\xff\xfe" + word.encode("utf-16-le"), "Content-Type: text/html; charset=iso-8859-1"),
        "nothing said": page(word.encode()),
        "unknown label": page(word.encode(), "Content-Type: text/html; charset=klingon"),
    }
    for name, raw in cases.items():
        assert word in body_of(tmp_path, raw), name
    russian = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 5
    assert russian in body_of(tmp_path, page(russian.encode("cp1251")))
    japanese = "これは日本語の文章です。文字コードを推定します。" * 5
    assert japanese in body_of(tmp_path, page(japanese.encode("shift_jis")))
    broken = word.encode() * 20 + b"\xff\xfe\xfd"
    assert body_of(tmp_path, page(broken, "Content-Type: text/html; charset=utf-8")).startswith(word)


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b", b"\x1f\x8b\x08\0\0\0\0\0\0\3rubbish", b"no archive\n" * 100, b"filedesc:x\n"])
def test_what_is_no_archive_gives_no_traceback(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.warc.gz").write_bytes(data)
    table, ledger = read(tmp_path, "a.warc.gz")
    assert table.num_rows == 0
    assert ledger.damaged == (1 if data else 0)
