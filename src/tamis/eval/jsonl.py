"""Rows of a task's JSONL file, each with its line, so that every complaint says where."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from tamis.core.errors import TamisError


@dataclass(frozen=True)
class JsonRow:
    """One JSON object and where it stands: the file's relative name, the line counted from 1."""

    file: str
    line: int
    values: dict[str, Any]

    def error(self, problem: str) -> TamisError:
        return TamisError(f"{self.file}: line {self.line}: {problem}")

    def text(self, key: str) -> str:
        """A non-empty text."""
        value = self.values.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"{key!r} must be a text, not {'missing' if value is None else repr(value)[:60]}")
        return value

    def texts(self, key: str) -> list[str]:
        """A list of non-empty texts."""
        value = self.values.get(key)
        if not isinstance(value, list):
            raise self.error(f"{key!r} must be a list of texts, not {'missing' if value is None else repr(value)[:60]}")
        for number, choice in enumerate(value):
            if not isinstance(choice, str) or not choice.strip():
                raise self.error(f"{key!r} number {number} must be a text, not {choice!r}")
        return value


def read_rows(path: Path, name: str) -> list[JsonRow]:
    """All rows of a .jsonl file (.gz and .zst are unpacked); blank lines are skipped. TamisError names file and line."""
    rows: list[JsonRow] = []
    line = 0
    try:
        for line, text in enumerate(_lines(path), 1):
            if text.strip():
                values = json.loads(text)
                if not isinstance(values, dict):
                    raise TamisError(f"{name}: line {line}: a JSON object is needed, not {text.strip()[:60]!r}")
                rows.append(JsonRow(name, line, values))
    except FileNotFoundError:
        raise TamisError(f"{name}: no such file under the data root; give --data or mend the task's path") from None
    except UnicodeDecodeError as error:
        raise TamisError(f"{name}: line {line + 1}: not UTF-8 ({error.reason})") from None
    except json.JSONDecodeError as error:
        raise TamisError(f"{name}: line {line}: not JSON ({error.msg}, column {error.colno})") from None
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise TamisError(f"{name}: after line {line}: cannot be read ({error})") from None
    if not rows:
        raise TamisError(f"{name}: holds no questions")
    return rows


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        stream: Any = file
        if path.suffix == ".gz":
            stream = gzip.GzipFile(fileobj=file)
        elif path.suffix == ".zst":
            stream = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True))
        for line in stream:  # bytes: only "\n" ends a line, and a line that is not UTF-8 is told by its number
            yield line.decode()
