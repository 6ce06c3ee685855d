"""Texts with known near-duplicates, and a way to run selections on them in one process."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest

from tamis.core.runner import Done, Job, run
from tamis.core.step import Inputs, Operator, Output, Piece, Step, Where
from tamis.core.store import Store
from tamis.data.schema import DOCUMENT, document_id
from tamis.data.select import All, View
from tamis.kernels.shingle import words

KINDS = ("0.5%", "1%", "2%", "5%", "10%", "20%", "truncated", "wrapped", "upper")


@dataclass(frozen=True)
class Fixed(Operator):
    """A text given in the declaration: shards of (name, text); the id is a hash of the name."""

    shards: tuple[tuple[tuple[str, str], ...], ...]
    kind: ClassVar[str] = "text"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all")]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        for number, rows in enumerate(self.shards):
            ids = [document_id(name, 0) for name, _ in rows]
            empty = [""] * len(rows)
            columns = [ids, [text for _, text in rows], empty, empty, ["{}"] * len(rows)]
            out.write(
                f"{number:05d}.parquet",
                pa.table([pa.array(c, f.type) for c, f in zip(columns, DOCUMENT, strict=True)], schema=DOCUMENT),
            )
            out.ledger.rows_in += len(rows)
            out.ledger.rows_out += len(rows)


@dataclass(frozen=True)
class Cut(Operator):
    """A selection that drops the named rows before anything else looks at them."""

    names: tuple[str, ...]
    kind: ClassVar[str] = "selection"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        from tamis.data.select import carry

        ids = inputs[0].read(piece.spec, ["id"]).column("id").to_pylist()
        cut = {document_id(name, 0) for name in self.names}
        rows = np.array([i for i, own in enumerate(ids) if own in cut], np.int64)
        table, out.ledger = carry(inputs[1].read(piece.spec), rows, ["cut"] * len(rows), [None] * len(rows))
        out.write(piece.spec, table)


class Here:
    """The smallest runner: one job after another."""

    def map(self, fn: Callable[[Job], list[Done]], jobs: Iterable[Job]) -> Iterator[list[Done]]:
        return map(fn, jobs)


def view_of(rows: Sequence[tuple[str, str]], shards: int = 1, cut: tuple[str, ...] = ()) -> View:
    """Rows dealt to shards in turn."""
    text = Step(Fixed(tuple(tuple(rows[k::shards]) for k in range(shards))))
    selection = Step(All(), (text,))
    return View(text, Step(Cut(cut), (text, selection)) if cut else selection)


def outcome(view: View, selection: Step, folder: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Hex id -> (reason, evidence) of every dropped row, after running the step."""
    text, found = run([view.text, selection], Store(folder), Here(), Where())
    out = {}
    for shard in text.shards:
        ids = text.read(shard.name, ["id"]).column("id").to_pylist()
        for own, row in zip(ids, found.read(shard.name).to_pylist(), strict=True):
            if row["reason"] is not None:
                out[own.hex()] = (row["reason"], json.loads(row["evidence"] or "{}"))
    assert found.ledger.rows_in - found.ledger.rows_out == sum(found.ledger.dropped.values())
    return out


def name_id(name: str) -> str:
    """The hex id of a row of `Fixed`."""
    return document_id(name, 0).hex()


@lru_cache(maxsize=4096)
def shingles(text: str, ngram: int) -> frozenset[tuple[str, ...]]:
    """By the definition: tuples of words."""
    own = words(text)
    return frozenset(tuple(own[k : k + ngram]) for k in range(max(len(own) - ngram, 0) + 1)) if own else frozenset()


def plain_jaccard(left: str, right: str, ngram: int = 5) -> float:
    """Of two texts' sets of shingles; 0 if one has none."""
    a, b = shingles(left, ngram), shingles(right, ngram)
    both = len(a & b)
    return both / (len(a) + len(b) - both) if a and b else 0.0


def copy_of(text: str, kind: str, generator: np.random.Generator) -> str:
    """A changed copy: a share of the words replaced, the end cut off, lines wrapped anew, or upper case."""
    own = text.split()
    if kind == "truncated":
        return " ".join(own[: max(1, round(0.85 * len(own)))])
    if kind == "wrapped":
        return "\n".join(" ".join(own[k : k + 9]) for k in range(0, len(own), 9))
    if kind == "upper":
        return text.upper()
    rate = float(kind.rstrip("%")) / 100
    for k in np.flatnonzero(generator.random(len(own)) < rate):
        own[k] = f"edit{generator.integers(10**9)}"
    return " ".join(own)


def generated(count: int, generator: np.random.Generator) -> list[str]:
    """Texts of 30 to 400 words from a Zipf vocabulary; independent, so hardly any shingle is shared."""
    sizes = generator.integers(30, 400, count)
    ranks = np.exp(generator.random(int(sizes.sum())) * np.log(5000)).astype(int)
    own = [f"w{k}" for k in ranks.tolist()]
    ends = np.cumsum(sizes)
    return [" ".join(own[end - size : end]) for size, end in zip(sizes.tolist(), ends.tolist(), strict=True)]


def real(files: Sequence[str], per_file: int) -> list[str]:
    """The first texts of at least 60 words of some files of the shared data; skips the test without it."""
    if "TAMIS_DATA" not in os.environ:
        pytest.skip("TAMIS_DATA is not set")
    import zstandard

    out: list[str] = []
    for name in files:
        with zstandard.open(Path(os.environ["TAMIS_DATA"]) / f"{name}.jsonl.zst", "rb") as stream:
            texts = (json.loads(line)["text"] for line in io.TextIOWrapper(stream, encoding="utf-8"))
            long = (text[:20_000] for text in texts if text.count(" ") >= 60)
            out += [text for text, _ in zip(long, range(per_file), strict=False)]
    return out


def plant(texts: list[str], generator: np.random.Generator) -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
    """All texts and a copy of every second one: rows (name, text) in random order, and pairs (original, copy, kind)."""
    rows = [(f"t{k}", text) for k, text in enumerate(texts)]
    pairs = []
    for k in range(0, len(texts), 2):
        kind = KINDS[k // 2 % len(KINDS)]
        rows.append((f"c{k}", copy_of(texts[k], kind, generator)))
        pairs.append((f"t{k}", f"c{k}", kind))
    return [rows[i] for i in generator.permutation(len(rows))], pairs
