"""Replies on disk: one JSON object a line, appended as each arrives, so that an interrupted run loses nothing and goes on.

Invariant: a line is whole or it is not there (an unfinished last line is cut off when the store is opened); a (problem, trial)
has at most one reply; replies of another model or another study never mix with these.
"""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tamis.core import disk
from tamis.core.errors import TamisError, UsageError
from tamis.eval.aiw.problems import Study

FILE = "responses.jsonl"


@dataclass(frozen=True)
class Response:
    """A reply: to which problem and trial, the prompt as it was sent, the text, how it ended, tokens used."""

    problem: str
    trial: int
    prompt: str
    response: str
    finish: str = ""
    usage: dict[str, int] = field(default_factory=dict)


class ResponseStore:
    """The replies of one model to one study, in a folder."""

    def __init__(self, folder: Path, model: str, study: Study) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.path = folder, folder / FILE
        self._lock = threading.Lock()
        self._claim({"model": model, "study": json.loads(json.dumps(asdict(study)))})
        self._mend()
        self.done = {(r.problem, r.trial) for r in self}

    def _claim(self, facts: dict[str, Any]) -> None:
        """Write whose replies these are, or refuse a folder that holds others. Trials may grow."""
        file = self.folder / "study.json"
        if file.exists():
            known = json.loads(file.read_text(encoding="utf-8"))
            for key in ("trials",):
                known["study"].pop(key, None)
            wanted = {**facts, "study": {k: v for k, v in facts["study"].items() if k != "trials"}}
            if known != wanted:
                what = "model" if known.get("model") != facts["model"] else "study"
                raise UsageError(
                    f"{self.folder}: holds replies of another {what} ({known.get('model')}); give another folder with --to"
                )
        disk.replace_file(file, json.dumps(facts, indent=1, sort_keys=True).encode() + b"\n", "run")

    def _mend(self) -> None:
        """Cut off a last line that was not finished."""
        if not self.path.exists():
            return
        with self.path.open("rb+") as file:
            content = file.read()
            end = content.rfind(b"\n") + 1
            if end != len(content):
                file.truncate(end)

    def __iter__(self) -> Iterator[Response]:
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield Response(**json.loads(line))
                except (ValueError, TypeError) as error:
                    raise TamisError(f"{self.path}: line {number}: not a stored reply ({error}); mend or delete it") from None

    def add(self, reply: Response) -> None:
        """Append a reply durably; safe from several threads."""
        line = json.dumps(asdict(reply), ensure_ascii=False, sort_keys=True).encode() + b"\n"
        with self._lock:
            if (reply.problem, reply.trial) in self.done:
                return
            with self.path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            self.done.add((reply.problem, reply.trial))


def read_foreign(path: Path, model: str | None) -> tuple[str, list[dict[str, Any]]]:
    """Rows of a JSONL file of replies that somebody else collected, and the model's name.

    A row needs `response`, `answer` (or `right_answer`), `family` and `variation`; it may have `model`, `prompt`, `control`
    (name of the control that it belongs to) and `finish`. TamisError names the line; a file of several models needs a name.
    """
    rows: list[dict[str, Any]] = []
    opener: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    row = json.loads(line)
                    row = {**row, "answer": str(row["answer"] if "answer" in row else row["right_answer"])}
                    if not isinstance(row["response"], str):
                        raise TypeError("response is no text")
                    rows.append({**row, "family": str(row["family"]), "variation": str(row["variation"])})
                except KeyError as error:
                    raise TamisError(
                        f"{path}: line {number}: has no {error}; a row needs response, answer, family, variation"
                    ) from None
                except (ValueError, TypeError) as error:
                    raise TamisError(f"{path}: line {number}: {error}") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise TamisError(f"{path}: cannot be read ({error})") from None
    names = sorted({str(r.get("model", path.stem)) for r in rows})
    if model is None and len(names) != 1:
        raise UsageError(f"{path}: holds {len(names)} models; choose one with --name: {', '.join(names[:12])}")
    chosen = model or names[0]
    rows = [r for r in rows if str(r.get("model", path.stem)) == chosen]
    if not rows:
        raise UsageError(f"{path}: holds no reply of {chosen}; it has: {', '.join(names[:12])}")
    return chosen, rows
