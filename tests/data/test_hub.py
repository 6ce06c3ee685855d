"""A dataset of the hub at a commit: the hub's own client against a local server that answers as the hub does."""

from __future__ import annotations

import builtins
import gzip
import hashlib
import http.server
import io
import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.core.errors import TamisError, UsageError
from tamis.core.ledger import Ledger
from tamis.data.source import Hub, ReadSource

hub = pytest.importorskip("huggingface_hub")

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "tamis-test/pages"


class Server(http.server.BaseHTTPRequestHandler):
    """Answers for one dataset repository: API, resolve with redirect to a second address, ranges, and faults when asked for."""

    protocol_version = "HTTP/1.1"
    files: dict[str, bytes]
    listed: dict[str, bytes]
    large: set[str]
    seen: Counter[str]
    ranges: list[str]
    faults: list[str]

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def send(self, status: int, content: bytes = b"", body: bool = True, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path).rstrip("/")
        self.seen[f"{self.command} {path}"] += 1
        if "gated" in self.faults:
            return self.send(403, b"{}", body, X_Error_Code="GatedRepo", X_Error_Message="Access is restricted")
        if f"datasets/{REPO}" not in path and not path.startswith("/cdn/"):
            return self.send(404, b"{}", body, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
        if path.startswith(f"/api/datasets/{REPO}/"):
            return self.api(path, body)
        if path.startswith(f"/datasets/{REPO}/resolve/{COMMIT}/"):
            return self.resolve(path.split(COMMIT + "/")[1], body)
        if path.startswith("/cdn/"):
            return self.cdn(path.removeprefix("/cdn/"), body)
        return self.send(404, b"{}", body, X_Error_Code="RevisionNotFound", X_Error_Message="Invalid rev id")

    def api(self, path: str, body: bool) -> None:
        what, _, revision = path.removeprefix(f"/api/datasets/{REPO}/").partition("/")
        if revision not in (COMMIT, "main"):
            return self.send(404, b"{}", body, X_Error_Code="RevisionNotFound", X_Error_Message="Invalid rev id")
        if what == "revision":
            return self.send(200, json.dumps({"id": REPO, "sha": COMMIT, "siblings": [], "tags": []}).encode(), body)
        entries: list[dict[str, Any]] = [{"type": "directory", "path": "data", "oid": "d" * 40}]
        for name, content in self.listed.items():
            entry = {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
            if name in self.large:
                entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
            entries.append(entry)
        return self.send(200, json.dumps(entries).encode(), body, Content_Type="application/json")

    def resolve(self, name: str, body: bool) -> None:
        if "busy" in self.faults:
            self.faults.remove("busy")
            return self.send(429, b"slow down", body, Retry_After="1")
        content = self.files[name]
        if name not in self.large:
            etag = hashlib.sha1(content).hexdigest()
            return self.send(200, content, body, ETag=f'"{etag}"', X_Repo_Commit=COMMIT)
        etag = hashlib.sha256(content).hexdigest()
        return self.send(
            302,
            b"",
            body,
            Location=f"http://localhost:{self.server.server_address[1]}/cdn/{name}",  # another host, as a CDN is
            X_Repo_Commit=COMMIT,
            X_Linked_Etag=f'"{etag}"',
            X_Linked_Size=str(len(content)),
        )

    def cdn(self, name: str, body: bool) -> None:
        content = self.files[name]
        wanted = self.headers.get("Range", "")
        if body:
            self.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        part = content[start:]
        if "cut" in self.faults and body:
            self.faults.remove("cut")
            self.send(200, part[: len(part) // 2], body, Content_Length=str(len(part)))
            self.close_connection = True
            return None
        span = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if wanted else {}
        return self.send(206 if wanted else 200, part, body, ETag=f'"{hashlib.sha256(content).hexdigest()}"', **span)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Server]]:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": [f"page {i} " * 50 for i in range(200)], "url": [f"u{i}" for i in range(200)]}), sink)
    lines = b"".join(json.dumps({"text": f"line {i}"}).encode() + b"\n" for i in range(100))
    files = {
        "data/train.parquet": sink.getvalue(),
        "data/more.jsonl.gz": gzip.compress(lines),
        "notes.txt": b"a note",
        "run.py": b"raise SystemExit('must never run')",
    }

    class Local(Server):
        pass

    Local.files, Local.listed, Local.large = files, dict(files), {"data/train.parquet"}
    Local.seen, Local.ranges, Local.faults = Counter(), [], []
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Local)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{running.server_port}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    yield Local
    running.shutdown()
    running.server_close()


def read(source: Hub, root: Path) -> tuple[pa.Table, Ledger]:
    ledger = Ledger()
    return pa.concat_tables([t for p in source.pieces(source.resolve(root)) for t in source.shards(p, ledger)]), ledger


def test_files_of_a_commit_are_read_through_redirects_and_kept(server: type[Server], tmp_path: Path) -> None:
    source = Hub(REPO, COMMIT, ("data/*", "notes.txt"))
    table, ledger = read(source, tmp_path)
    assert (table.num_rows, ledger.damaged) == (301, 0)
    assert table["url"][100].as_py() == "u0" or table["url"].to_pylist().count("u0") == 1
    names = [f.name for f in source.resolve(tmp_path)]
    assert names == [f"hf://datasets/{REPO}@{COMMIT}/{n}" for n in ("data/more.jsonl.gz", "data/train.parquet", "notes.txt")]
    assert server.seen["GET /cdn/data/train.parquet"] == 1
    read(source, tmp_path)
    assert server.seen["GET /cdn/data/train.parquet"] == 1
    assert not any("run.py" in path for path in server.seen)
    assert ReadSource.step(source, tmp_path).key == ReadSource.step(Hub(REPO, COMMIT, ("notes.txt", "data/*")), tmp_path).key


def test_a_branch_is_refused_with_its_commit(server: type[Server], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf'at "main" is not pinned, it may change tomorrow; now it is revision="{COMMIT}"'):
        Hub(REPO, "main", "data/*").resolve(tmp_path)


def test_a_busy_hub_is_waited_for(server: type[Server], tmp_path: Path) -> None:
    server.faults.append("busy")
    assert read(Hub(REPO, COMMIT, "data/train.parquet"), tmp_path)[0].num_rows == 200
    assert server.faults == []


def test_a_cut_download_goes_on_where_it_stopped(server: type[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
    server.faults.append("cut")
    assert read(Hub(REPO, COMMIT, "data/train.parquet"), tmp_path)[0].num_rows == 200
    whole = len(server.files["data/train.parquet"]) // 2 // 1000 * 1000
    assert server.ranges == ["", f"bytes={whole}-"]


def test_other_bytes_than_the_commit_lists_are_refused(server: type[Server], tmp_path: Path) -> None:
    content = server.files["data/train.parquet"]
    server.files = {**server.files, "data/train.parquet": content[:100] + b"\0\0" + content[102:]}
    with pytest.raises(
        TamisError, match=r"data/train.parquet: the bytes received are not those of this commit; delete .* and run again"
    ):
        read(Hub(REPO, COMMIT, "data/train.parquet"), tmp_path)


def test_what_cannot_be_had_is_one_clear_line(server: type[Server], tmp_path: Path) -> None:
    with pytest.raises(TamisError, match="tamis-test/absent: there is no such dataset, or it is private"):
        Hub("tamis-test/absent", COMMIT, "x.txt").resolve(tmp_path)
    with pytest.raises(UsageError, match=f"{REPO} has no revision {'f' * 40}"):
        Hub(REPO, "f" * 40, "x.txt").resolve(tmp_path)
    with pytest.raises(
        UsageError, match=r"has no file 'x\*' at this commit; it has data/more.jsonl.gz, data/train.parquet, notes.txt"
    ):
        Hub(REPO, COMMIT, "x*").resolve(tmp_path)
    with pytest.raises(UsageError, match=r"run.py: only Parquet, JSON Lines \(.jsonl, .json, .gz, .zst\) and text are read"):
        Hub(REPO, COMMIT, "run.py").resolve(tmp_path)
    with pytest.raises(UsageError, match="only"):
        ReadSource.step(Hub(REPO, COMMIT, "data/train.parquet", text="body"), tmp_path)
    server.faults.append("gated")
    with pytest.raises(TamisError, match=f"{REPO} is gated: accept its terms on its page, then log in"):
        Hub(REPO, COMMIT, "notes.txt").resolve(tmp_path)


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "huggingface_hub":
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install tamis\[hub\]"):
        Hub(REPO, COMMIT, "x.txt").resolve(tmp_path)
