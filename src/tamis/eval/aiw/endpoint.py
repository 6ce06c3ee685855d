"""Asking a model behind an OpenAI-compatible endpoint, patiently, and never twice for what is already stored.

What passes (time-outs, refused or cut connections, 429, 5xx, pages that are not JSON) is tried again with growing pauses, or as
long as the server says; what does not (a wrong key, an unknown model) stops the run with one line. Whatever happens, every reply
that arrived is on disk. A reply without choices is stored as an empty one: it is a result, not a reason to stop.
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from tamis.core.errors import TamisError, UsageError
from tamis.eval.aiw.problems import Problem, Study
from tamis.eval.aiw.responses import Response, ResponseStore

PASSING = (408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529)


@dataclass(frozen=True)
class Endpoint:
    """Where a model is asked.

    `url`: base URL, with or without /v1. `model`: its name there. `key`: name of the environment variable with the API key.
    `timeout`: seconds for one request. `patience`: seconds that a request is tried again for. `rate`: requests started a minute,
    0 for no limit. `parallel`: requests under way at once. `price`: (prompt, answer) per million tokens, for the estimate.
    """

    url: str
    model: str
    key: str = "OPENAI_API_KEY"
    timeout: float = 120.0
    patience: float = 600.0
    rate: float = 0.0
    parallel: int = 4
    price: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise UsageError(f"{self.url}: an endpoint begins with http:// or https://")
        if not self.model:
            raise UsageError(f"{self.url}: say which model to ask there with --name")
        if self.parallel < 1 or self.timeout <= 0 or self.rate < 0:
            raise UsageError("an endpoint needs parallel >= 1, timeout > 0 and rate >= 0")

    def address(self, chat: bool) -> str:
        base = self.url.rstrip("/")
        return f"{base if base.endswith('/v1') else base + '/v1'}/{'chat/completions' if chat else 'completions'}"


def estimate(problems: Sequence[Problem], study: Study, done: int = 0, price: tuple[float, float] | None = None) -> str:
    """What asking would take, in a sentence: requests, prompt tokens (4 characters each), the most that answers can be, cost."""
    requests = len(problems) * study.trials
    left = max(requests - done, 0)
    prompt = sum(len(p.prompt) for p in problems) / 4 * study.trials * (left / requests if requests else 0)
    answer = left * study.max_tokens
    text = f"{left:,} requests, about {prompt / 1e6:.2f} M prompt tokens, at most {answer / 1e6:.2f} M answer tokens"
    if price is None:
        return text
    return f"{text}: at most {(prompt * price[0] + answer * price[1]) / 1e6:.2f} at the prices given"


def ask(
    endpoint: Endpoint,
    problems: Sequence[Problem],
    study: Study,
    store: ResponseStore,
    on_reply: Callable[[int, int], None] | None = None,
) -> None:
    """Fill the store with every (problem, trial) that it lacks. TamisError, after storing all that arrived, where it cannot."""
    wanted = [(p, t) for t in range(study.trials) for p in problems if (p.id, t) not in store.done]
    gate, stop = _Gate(endpoint.rate), threading.Event()
    finished = 0

    def one(problem: Problem, trial: int) -> None:
        try:
            reply = None if stop.is_set() else _reply(endpoint, problem, trial, study, gate, stop)
        except BaseException:
            stop.set()
            raise
        if reply is not None:
            store.add(reply)

    with ThreadPoolExecutor(endpoint.parallel) as pool:
        futures = [pool.submit(one, p, t) for p, t in wanted]
        try:
            for future in as_completed(futures):
                future.result()
                finished += 1
                if on_reply is not None:
                    on_reply(finished, len(wanted))
        except BaseException as error:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            if isinstance(error, TamisError):
                kept = f"{len(store.done)} replies are kept in {store.path}: run the same command again to go on"
                raise TamisError(f"{error}; {kept}") from None
            raise


class _Gate:
    """Lets a request start every 60 / rate seconds, and holds all back while the server asks for a pause."""

    def __init__(self, rate: float) -> None:
        self.step = 60 / rate if rate else 0.0
        self.next = 0.0
        self.lock = threading.Lock()

    def wait(self, stop: threading.Event) -> None:
        with self.lock:
            start = max(self.next, time.monotonic())
            self.next = start + self.step
        stop.wait(max(0.0, start - time.monotonic()))

    def pause(self, seconds: float) -> None:
        with self.lock:
            self.next = max(self.next, time.monotonic() + seconds)


class _PassingError(Exception):
    """Worth another try, after `after` seconds if the server said so."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


def _reply(endpoint: Endpoint, problem: Problem, trial: int, study: Study, gate: _Gate, stop: threading.Event) -> Response | None:
    """The reply to one trial; None if the run was stopped meanwhile."""
    chat = problem.surface.prompt != "COMPLETION"
    seed = zlib.crc32(f"{study.name}/{problem.id}/{trial}".encode()) & 0x7FFFFFFF
    body: dict[str, Any] = {
        "model": endpoint.model,
        "temperature": study.temperature,
        "max_tokens": study.max_tokens if chat else min(study.max_tokens, 64),
        "seed": seed,
    }
    body |= {"messages": [{"role": "user", "content": problem.prompt}]} if chat else {"prompt": problem.prompt}
    began, pause, tries = time.monotonic(), 0.5, 0
    while True:
        gate.wait(stop)
        if stop.is_set():
            return None
        tries += 1
        try:
            text, finish, usage = _understand(_post(endpoint, chat, body), chat)
            return Response(problem.id, trial, problem.prompt, text, finish, usage)
        except _PassingError as error:
            spent = time.monotonic() - began
            wait = pause if error.after is None else error.after
            if spent + wait > endpoint.patience:
                raise TamisError(f"{endpoint.address(chat)}: {error}, {tries} tries in {spent:.0f} s") from None
            if error.after is not None:
                gate.pause(error.after)
            stop.wait(wait)
            pause = min(pause * 2, 30.0)


def _post(endpoint: Endpoint, chat: bool, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json", "User-Agent": "tamis"}
    if key := os.environ.get(endpoint.key):
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(endpoint.address(chat), json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=endpoint.timeout) as answer:
            content = answer.read()
    except urllib.error.HTTPError as error:
        told = _told(error)
        if error.code in PASSING:
            raise _PassingError(f"HTTP {error.code} {told}".strip(), _retry_after(error.headers.get("Retry-After"))) from None
        raise TamisError(f"{endpoint.address(chat)}: HTTP {error.code} {told}".strip()) from None
    except TimeoutError:
        raise _PassingError(f"no answer in {endpoint.timeout:g} s") from None
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        reason = getattr(error, "reason", None) or error
        what = f"no answer in {endpoint.timeout:g} s" if isinstance(reason, TimeoutError) else f"connection failed ({reason})"
        raise _PassingError(what) from None
    try:
        return json.loads(content)
    except ValueError:
        raise _PassingError(f"answered with something that is not JSON ({content[:40]!r}…)") from None


def _understand(reply: Any, chat: bool) -> tuple[str, str, dict[str, int]]:
    """Text, how it ended, tokens used. An empty list of choices is an empty reply that ended with "empty"."""
    if not isinstance(reply, dict) or not isinstance(reply.get("choices"), list):
        told = reply.get("error") if isinstance(reply, dict) else reply
        raise _PassingError(f"answered without choices ({str(told)[:80]})")
    usage = reply.get("usage")
    used = {k: v for k, v in (usage if isinstance(usage, dict) else {}).items() if isinstance(v, int)}
    if not reply["choices"]:
        return "", "empty", used
    choice = reply["choices"][0] if isinstance(reply["choices"][0], dict) else {}
    text = (choice.get("message") or {}).get("content") if chat else choice.get("text")
    return text if isinstance(text, str) else "", str(choice.get("finish_reason") or ""), used


def _told(error: urllib.error.HTTPError) -> str:
    """The server's own words, in one short line."""
    try:
        body = error.read(2000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return ""
    try:
        message = json.loads(body)["error"]
        text = str(message["message"] if isinstance(message, dict) else message)
    except (ValueError, KeyError, TypeError):
        text = "" if "<" in body[:20] else body
    return " ".join(text.split())[:160]


def _retry_after(value: str | None) -> float | None:
    try:
        return min(max(float(value), 0.0), 300.0) if value else None
    except ValueError:
        return None
