"""An endpoint that misbehaves in every way: one clear line or a recorded status, nothing lost, and the same command goes on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tamis.core.errors import TamisError, UsageError
from tamis.eval.aiw import Study, results
from tamis.eval.aiw.endpoint import Endpoint, ask, estimate
from tamis.eval.aiw.problems import Surface
from tamis.eval.aiw.responses import ResponseStore

STUDY = Study(families=("siblings",), controls=False, trials=3)
Behaviour = Callable[["Server", dict[str, Any]], tuple[int, dict[str, str], bytes]]


class Server:
    """A loopback server; `behave` decides each reply. `seen` counts requests."""

    def __init__(self, behave: Behaviour) -> None:
        server = self
        self.seen = 0
        self.times: list[float] = []
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    server.seen += 1
                    server.times.append(time.monotonic())
                    server.bodies.append(body)
                    server.paths.append(self.path)
                    server.keys.append(self.headers.get("Authorization"))
                    status, headers, content = behave(server, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", headers.get("X-Length", str(len(content))))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], Server]]:
    servers: list[Server] = []

    def start(behave: Behaviour) -> Server:
        servers.append(Server(behave))
        return servers[-1]

    yield start
    for server in servers:
        server.http.shutdown()
        server.http.server_close()


def said(text: str, finish: str = "stop") -> tuple[int, dict[str, str], bytes]:
    choice = {"message": {"role": "assistant", "content": text}, "text": text, "finish_reason": finish}
    return 200, {}, json.dumps({"choices": [choice], "usage": {"total_tokens": 9}}).encode()


def run(server: Server, folder: Path, study: Study = STUDY, **how: Any) -> ResponseStore:
    store = ResponseStore(folder, "m", study)
    ask(Endpoint(server.url, "m", **{"patience": 5.0, "timeout": 2.0} | how), list(study.problems()), study, store)
    return store


def statuses(store: ResponseStore, study: Study = STUDY) -> dict[str, int]:
    found: dict[str, int] = results.summarise(list(results.of_replies(list(study.problems()), store)), "m", "sampled")["statuses"]
    return found


def test_every_trial_is_asked_once_and_resuming_asks_nothing(serve: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    server = serve(lambda s, b: said("### Answer: 7"))
    store = run(server, tmp_path)
    assert server.seen == 18 and statuses(store) == {"correct": 3, "wrong": 15}
    assert set(server.paths) == {"/v1/chat/completions"} and set(server.keys) == {"Bearer secret"}
    assert len({b["seed"] for b in server.bodies}) == 18
    run(server, tmp_path)
    assert server.seen == 18
    assert "secret" not in "".join(p.read_text() for p in tmp_path.iterdir())
    more = Study(families=("siblings",), controls=False, trials=4)
    run(server, tmp_path, more)
    assert server.seen == 24


def test_completion_prompts_go_to_completions(serve: Any, tmp_path: Path) -> None:
    study = Study(families=("siblings",), controls=False, trials=1, surface=Surface(prompt="COMPLETION"))
    server = serve(lambda s, b: said(" 7\n### Problem: Bob has 2 dogs. ### Answer: 2", "length"))
    assert statuses(run(server, tmp_path, study), study) == {"correct": 1, "wrong": 5}
    assert set(server.paths) == {"/v1/completions"} and server.bodies[0]["prompt"].endswith("### Answer:")


def test_passing_trouble_is_waited_out(serve: Any, tmp_path: Path) -> None:
    """429 with and without Retry-After, 503, an HTML page, a cut body, JSON without choices: all replies arrive in the end."""

    def behave(s: Server, _: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        trouble: dict[int, tuple[int, dict[str, str], bytes]] = {
            1: (429, {"Retry-After": "0.2"}, b""),
            2: (429, {}, b"slow down"),
            3: (503, {}, b"<html>down</html>"),
            4: (200, {}, b"<html>hello</html>"),
            5: (200, {"X-Length": "5000"}, b'{"choices": ['),
            6: (200, {}, b'{"error": {"message": "overloaded"}}'),
        }
        return trouble.get(s.seen) or said("### Answer: 3")

    server = serve(behave)
    assert sum(statuses(run(server, tmp_path, timeout=0.5)).values()) == 18
    assert server.seen == 18 + 6


def test_patience_ends_with_one_line_and_the_next_run_goes_on(serve: Any, tmp_path: Path) -> None:
    def behave(s: Server, _: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        return said("### Answer: 3") if s.seen <= 5 or s.seen > 60 else (429, {"Retry-After": "0.05"}, b"")

    server = serve(behave)
    with pytest.raises(TamisError, match=r"HTTP 429, \d+ tries in \d+ s; \d+ replies are kept in .*run the same command again"):
        run(server, tmp_path, patience=0.3, parallel=2)
    kept = len(ResponseStore(tmp_path, "m", STUDY).done)
    assert 1 <= kept < 18
    server.seen = 100
    assert len(run(server, tmp_path).done) == 18
    assert server.seen == 100 + 18 - kept


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        ((401, {}, b'{"error": {"message": "bad key"}}'), "HTTP 401 bad key"),
        ((404, {}, b"<html>no</html>"), "HTTP 404"),
    ],
)
def test_what_does_not_pass_stops_at_once(serve: Any, tmp_path: Path, reply: Any, line: str) -> None:
    server = serve(lambda s, b: reply)
    with pytest.raises(TamisError, match=line):
        run(server, tmp_path, parallel=1)
    assert server.seen == 1


def test_time_outs_and_closed_ports_are_named(serve: Any, tmp_path: Path) -> None:
    def slow(_: Server, __: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        time.sleep(0.3)
        return said("")

    with pytest.raises(TamisError, match=r"no answer in 0.05 s"):
        run(serve(slow), tmp_path / "a", timeout=0.05, patience=0.2, parallel=1)
    with pytest.raises(TamisError, match="connection failed"):
        store = ResponseStore(tmp_path / "b", "m", STUDY)
        ask(Endpoint("http://127.0.0.1:9", "m", patience=0.1), list(STUDY.problems()), STUDY, store)


def test_empty_cut_and_filtered_replies_are_recorded(serve: Any, tmp_path: Path) -> None:
    kinds = [(200, {}, b'{"choices": []}'), said("Let us count", "length"), said("", "content_filter"), said("7")]
    server = serve(lambda s, b: kinds[s.seen % 4])
    found = statuses(run(server, tmp_path, parallel=1))
    assert (found["truncated"], found["refused"], found["unparsed"]) == (5, 5, 4)
    assert sum(found.values()) == 18


def test_the_rate_is_kept(serve: Any, tmp_path: Path) -> None:
    server = serve(lambda s, b: said("7"))
    run(server, tmp_path, rate=3000.0)  # one every 20 ms
    assert server.times[-1] - server.times[0] >= 17 * 0.02 * 0.9


def test_a_torn_last_line_is_asked_again(serve: Any, tmp_path: Path) -> None:
    server = serve(lambda s, b: said("7"))
    store = run(server, tmp_path)
    content = store.path.read_bytes()
    store.path.write_bytes(content[:-30])
    assert len(run(server, tmp_path).done) == 18 and server.seen == 19
    store.path.write_bytes(b"{}\n" + content)
    with pytest.raises(TamisError, match="line 1: not a stored reply"):
        ResponseStore(tmp_path, "m", STUDY)


def test_other_models_and_studies_do_not_mix(tmp_path: Path) -> None:
    ResponseStore(tmp_path, "m", STUDY)
    with pytest.raises(UsageError, match="replies of another model"):
        ResponseStore(tmp_path, "n", STUDY)
    with pytest.raises(UsageError, match="replies of another study"):
        ResponseStore(tmp_path, "m", Study(families=("friends",)))


def test_cost_is_estimated_before_anything_is_asked() -> None:
    problems = list(STUDY.problems())
    text = estimate(problems, STUDY, price=(2.0, 10.0))
    assert text.startswith("18 requests, about 0.00 M prompt tokens, at most 0.04 M answer tokens: at most 0.37")
    assert estimate(problems, STUDY, done=18).startswith("0 requests")
    with pytest.raises(UsageError, match="--name"):
        Endpoint("http://x", "")


def test_the_command_asks_judges_and_writes(serve: Any, tmp_path: Path, capsys: Any) -> None:
    """Right on the first variation only, and on all controls: a memoriser, called a breakdown."""
    from tamis.cli import main

    keys = {p.prompt: p for p in Study().problems()}

    def memoriser(_: Server, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        p = keys[body["messages"][0]["content"]]
        right = p.part != "main" or p.variation == 1
        return said(f"### Answer: {p.key if right else dict(p.distractors) and p.distractors[0][0]}")

    server = serve(memoriser)
    study = tmp_path / "study.py"
    study.write_text("from tamis.eval.aiw import Study\nsmall = Study(families=('siblings', 'friends'), trials=8)\n")
    arguments = ["eval", server.url, "--tasks", f"{study}:small", "--name", "parrot", "--to", str(tmp_path / "out")]
    assert main([*arguments, "--price", "1,2"]) == 0
    shown = capsys.readouterr()
    assert "collapsing — a breakdown" in shown.out and "576 requests" in shown.err and "8 trials" in shown.err
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [g["breakdown"] for g in found["groups"]] == [True, True]
    assert found["groups"][0]["wrong"] == {"forgets the person asked about": 40}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "parrot breaks down on 2 of 2 families" in page
    before = (tmp_path / "out" / "results.json").read_bytes()
    assert main(arguments) == 0 and server.seen == 576
    assert (tmp_path / "out" / "results.json").read_bytes() == before
    assert main(["eval", server.url, "--tasks", "aiw"]) == 2
    assert main(["eval", str(tmp_path / "none"), "--tasks", "aiw"]) == 2
    assert main([*arguments, "--price", "cheap"]) == 2
    assert "two numbers" in capsys.readouterr().err
