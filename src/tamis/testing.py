"""Tests that any operator of yours should pass: point `conformance` at it.

    from tamis.testing import conformance
    from shouting import Shouting

    def test_shouting():
        conformance(Shouting())

What is checked: the key is the same in another process; it pickles; an empty batch, an empty text, a 10 MB text and texts of
many scripts go through; one row in gives one row out of the declared types, without NaN; the batch path equals the plain
definition; two calls agree; no batch changes a row.
"""

from __future__ import annotations

import math
import os
import pickle
import subprocess
import sys
from typing import Any

import pyarrow as pa

from tamis.core.key import describe, digest
from tamis.data.edit import Drop, Edit
from tamis.data.schema import DOCUMENT, document_id
from tamis.data.score import Score

TEXTS = (
    "",
    " ",
    "\n\n",
    "a",
    "The quick brown fox jumps over the lazy dog.\nIt was a bright cold day in April, and the clocks were striking thirteen.",
    "# Heading\n\n* one\n* two\n* three\n\nRead more...\n",
    "Das ist ein kurzer Satz. Größe, Straße, Übermut.",
    "これは日本語の文章です。句読点もあります。",
    "هذا نص عربي قصير للاختبار.",
    "Это короткий русский текст.",
    "ข้อความภาษาไทยสั้นๆ",
    "emoji 👩‍👩‍👧‍👦 and a flag 🇩🇪, a combining e\u0301, a zero-width\u200bspace",
    "NUL \x00 and \x07 and \x1b[31mcolour\x1b[0m",
    "\ufeffbyte order mark",
    "no\u00a0break\u2003spaces\u3000here\x85and\u2028there",
    "{ if (x > 0) { return lorem ipsum; } }",
    "word " * 2000,
    "long" * 5000,
)


INSIDE = "TAMIS_CONFORMANCE"  # set in the process that `conformance` starts, so that it never starts another
KEY = """from tamis.core.key import describe, digest
print(digest(describe(pickle.loads(sys.stdin.buffer.read()))))"""


class ConformanceError(AssertionError):
    """An operator breaks a promise; the message names it."""


def conformance(operator: Score | Edit, large: bool = True) -> None:
    """Raise `ConformanceError` if a score or an edit breaks a promise of its kind. `large=False` leaves the 10 MB text out."""
    if INSIDE in os.environ:
        return
    name = type(operator).__name__
    parameters: Any = getattr(type(operator), "__dataclass_params__", None)
    if "__dataclass_params__" not in vars(type(operator)) or not parameters.frozen:
        raise ConformanceError(f"{name} must be a frozen dataclass")
    _stable_key(operator)
    if pickle.loads(pickle.dumps(operator)) != operator:
        raise ConformanceError(f"{name} is not equal to itself after pickling")
    texts = [*TEXTS, "A sentence of the large text.\n" * 350_000] if large else list(TEXTS)
    if isinstance(operator, Score):
        _score(operator, texts)
    else:
        _edit(operator, texts)


def _stable_key(operator: Any) -> None:
    """The key must be the same in a process of its own, where `conformance` does nothing: the file may call it when loaded."""
    name, module = type(operator).__name__, type(operator).__module__
    here, file = digest(describe(operator)), sys.modules[module].__file__ or ""
    load = "" if module.startswith("tamis.") else f"loaded = load_file({file!r})"
    alias = "sys.modules['__main__'] = loaded" if module == "__main__" else ""
    program = f"import sys, pickle\nfrom tamis.core.runner import load_file\n{load}\n{alias}\n{KEY}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps(operator),
        capture_output=True,
        check=False,
        env=os.environ | {INSIDE: "1"},
    )
    if done.returncode:
        raise ConformanceError(f"{name} cannot be loaded in another process: {done.stderr.decode()[-300:]}")
    if done.stdout.decode().strip() != here:
        raise ConformanceError(f"{name} has another key in another process")


def _rows(texts: list[str]) -> pa.RecordBatch:
    ids = [document_id("conformance", i) for i in range(len(texts))]
    columns = [pa.array(ids, DOCUMENT.field("id").type), pa.array(texts, pa.large_string())]
    columns += [pa.array([value] * len(texts), pa.string()) for value in ("https://example.org/page", "conformance", "{}")]
    return pa.RecordBatch.from_arrays(columns, schema=DOCUMENT)


def _score(score: Score, texts: list[str]) -> None:
    name, rows = type(score).__name__, _rows(texts).select(list(score.reads))
    result = score.score_batch(*rows.columns)
    if result.num_rows != len(texts) or not result.schema.equals(score.schema()):
        raise ConformanceError(f"{name} returned {result.num_rows} rows of {result.schema}, not {len(texts)} of {score.schema()}")
    for column in result.schema.names:
        values = result.column(column).to_pylist()
        bad = [i for i, v in enumerate(values) if v is None or (isinstance(v, float) and math.isnan(v))]
        if bad:
            raise ConformanceError(f"{name}.{column} is {values[bad[0]]} for {texts[bad[0]][:60]!r}")
    if score.score_batch(*(c.slice(0, 0) for c in rows.columns)).num_rows:
        raise ConformanceError(f"{name} returned rows for an empty batch")
    if not result.equals(score.score_batch(*rows.columns)):
        raise ConformanceError(f"{name} gives other values the second time")
    plain = type(score).score is not Score.score
    for i in range(len(TEXTS)):
        alone = score.score_batch(*(c.slice(i, 1) for c in rows.columns))
        if not alone.equals(result.slice(i, 1)):
            raise ConformanceError(f"{name}: the value for {texts[i][:60]!r} depends on the rest of its batch")
        if plain:
            row = list(rows.slice(i, 1).to_pylist()[0].values())
            value: Any = score.score(*row)
            value = value if isinstance(value, tuple) else (value,)
            if not all(_same(a, b) for a, b in zip(value, alone.to_pylist()[0].values(), strict=True)):
                raise ConformanceError(f"{name}: score gives {value}, score_batch {alone.to_pylist()[0]} for {texts[i][:60]!r}")


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) or isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12)
    return bool(a == b)


def _edit(edit: Edit, texts: list[str]) -> None:
    name, rows = type(edit).__name__, _rows(texts)
    result = edit.edit_batch(rows)
    if len(result) != len(texts):
        raise ConformanceError(f"{name} returned {len(result)} results for {len(texts)} rows")
    for value, text in zip(result, texts, strict=True):
        if not isinstance(value, str | Drop) and not (edit.splits and isinstance(value, list)):
            raise ConformanceError(f"{name} returned {type(value).__name__} for {text[:60]!r}")
    if edit.edit_batch(rows.slice(0, 0)):
        raise ConformanceError(f"{name} returned rows for an empty batch")
    if edit.edit_batch(rows) != result:
        raise ConformanceError(f"{name} gives other results the second time")
    for i in range(len(TEXTS)):
        if edit.edit_batch(rows.slice(i, 1)) != [result[i]]:
            raise ConformanceError(f"{name}: the result for {texts[i][:60]!r} depends on the rest of its batch")


__all__ = ["TEXTS", "ConformanceError", "conformance"]
