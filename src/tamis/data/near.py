"""Nearness to a reference set: hold-out removal, contamination, one corpus against another.

A row is near a reference if they share a span of at least `span` words (13, as GPT-3: Brown et al. 2020, appendix C), or if the
Jaccard similarity of their shingle sets is at least `jaccard`. The row's evidence names every such reference, the closest
first, with the shared words of the first few. Both searches are exact (`kernels.spans`): no hit is a guess and none is missed.

What keeps false alarms out of the span search: punctuation and case do not count; a reference of fewer than `span` words must
occur as a whole and have at least `shortest` words (shorter ones are counted as unsearchable, not searched); a letter of an
unspaced script counts half a word; n-grams that occur more than `common` times in the reference (instructions, licences), or of
which fewer than half the words are different words with a letter (tables, counting), do not count.

The index is one step, its arrays are mapped into memory by all workers; rows stream past it. Memory: 33 bytes a word of the
reference for spans, 13 for Jaccard, and one shard of text a worker.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from tamis.core.errors import UsageError
from tamis.core.step import Inputs, Operator, Output, Piece, Published, Step, Where
from tamis.data.select import Resolve, View, carry, kept
from tamis.kernels.jit import buffers
from tamis.kernels.shingle import words
from tamis.kernels.spans import Hits, ShingleIndex, SpanIndex, find_similar, find_spans, shingle_index, span_index

SHOWN = 3  # references of a row whose shared words are written out
SHOWN_WORDS = 60  # of them, at most


@dataclass(frozen=True, kw_only=True)
class Nearness:
    """When two texts are near: see the module. `span` in words, `jaccard` over shingles of `ngram` words; None turns one off."""

    span: int | None = 13
    jaccard: float | None = None
    ngram: int = 5
    shortest: int = 8
    common: int = 20

    def __post_init__(self) -> None:
        if self.span is None and self.jaccard is None:
            raise UsageError(f"{type(self).__name__}: give span, jaccard or both")
        if self.jaccard is not None and not 0 < self.jaccard <= 1:
            raise UsageError(f"{type(self).__name__}: jaccard must be in (0, 1], not {self.jaccard}")
        if self.span is not None and not 1 <= self.shortest <= self.span:
            raise UsageError(f"{type(self).__name__}: shortest must be between 1 and span = {self.span}, not {self.shortest}")


@dataclass(frozen=True)
class Near(Nearness):
    """Drop the rows near a row of `reference` (a Dataset): `base.select(Near(benchmark))`."""

    reference: Any
    reason: str = "near-reference"

    def select(self, view: View, resolve: Resolve) -> Step:
        rule = Nearness(**{f.name: getattr(self, f.name) for f in fields(Nearness)})
        return mark(view, resolve(self.reference), rule, self.reason)


def mark(view: View, references: Sequence[Step], rule: Nearness, reason: str) -> Step:
    """The selection that drops the rows of `view` near a reference.

    references: steps with the columns id and text; a selection among them applies to the step before it. With several sets of
    references the evidence names a reference by the number of its set and its id ("2:7f3a"). The same selection
    serves as a flag: its evidence says which references were touched, and whoever only wants to know does not select by it.
    """
    index = Step(NearIndex(rule), tuple(references))
    return Step(NearRows(rule, reason), (*view, index))


@dataclass(frozen=True)
class NearIndex(Operator):
    """The reference set, indexed: arrays, and the ids."""

    rule: Nearness
    kind: ClassVar[str] = "index"
    unicode: ClassVar[bool] = True

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all")]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        sets = [pa.concat_tables([_NOTHING, *_references(inputs, i)]) for i, s in enumerate(inputs) if s.kind != "selection"]
        rows = pa.concat_tables(sets)
        ids = [f"{number}:" * (len(sets) > 1) + i for number, s in enumerate(sets) for i in s.column("id").to_pylist()]
        texts = buffers(rows.column("text").combine_chunks())
        out.facts = {"references": len(ids), "unsearchable": 0}
        if self.rule.span is not None:
            spans = span_index(texts, self.rule.span, self.rule.shortest, self.rule.common)
            out.facts["unsearchable"] = int((spans.required == 0).sum())
            _save(out, "span", spans)
        if self.rule.jaccard is not None:
            _save(out, "shingle", shingle_index(texts, self.rule.ngram))
        out.write("references.parquet", pa.table({"id": pa.array(ids, pa.string())}))
        out.ledger.rows_in = out.ledger.rows_out = len(ids)


_NOTHING = pa.table({"id": pa.array([], pa.string()), "text": pa.array([], pa.large_string())})


def _references(inputs: Inputs, number: int) -> list[pa.Table]:
    """The rows of input `number` that the selection after it, if there is one, keeps."""
    rows = inputs[number]
    after = inputs[number + 1] if number + 1 < len(inputs) else None
    out = []
    for shard in rows.shards:
        table = rows.read(shard.name, ["id", "text"])
        if after is not None and after.kind == "selection":
            table = table.filter(pa.array(kept(after.read(shard.name))))
        ids = [i.hex() if isinstance(i, bytes) else str(i) for i in table.column("id").to_pylist()]
        out.append(pa.table({"id": pa.array(ids, pa.string()), "text": table.column("text").cast(pa.large_string())}))
    return out


def _save(out: Output, name: str, index: Any) -> None:
    for field, array in zip(index._fields, index, strict=True):
        np.save(out.path(f"{name}-{field}.npy"), array)


def _load(index: Published, name: str, kind: type[Any]) -> Any:
    return kind(*(np.load(index.file(f"{name}-{field}.npy"), mmap_mode="r") for field in kind._fields))


@dataclass(frozen=True)
class NearRows(Operator):
    """Drop rows near a reference. Inputs: text, selection, index."""

    rule: Nearness
    reason: str
    kind: ClassVar[str] = "selection"
    unicode: ClassVar[bool] = True

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        previous, index = inputs[1].read(piece.spec), inputs[2]
        rows = np.flatnonzero(kept(previous))
        texts = inputs[0].read(piece.spec, ["text"]).column("text").take(pa.array(rows)).combine_chunks()
        ids = index.read("references.parquet").column("id").to_pylist()
        found: dict[int, list[dict[str, Any]]] = {}
        if self.rule.span is not None:
            _add(found, find_spans(buffers(texts), _load(index, "span", SpanIndex)), ids)
        if self.rule.jaccard is not None:
            similar = find_similar(buffers(texts), _load(index, "shingle", ShingleIndex), self.rule.jaccard, self.rule.ngram)
            _add(found, similar, ids)
        near = sorted(found)
        evidence = [json.dumps({"near": _shown(found[i], texts[i].as_py())}, ensure_ascii=False) for i in near]
        table, out.ledger = carry(previous, rows[near], [self.reason] * len(near), evidence)
        out.write(piece.spec, table)


def _add(found: dict[int, list[dict[str, Any]]], hits: Hits, ids: list[str]) -> None:
    for text, reference, first, count, value in zip(*(part.tolist() for part in hits), strict=True):
        hit = {"reference": ids[reference]}
        hit |= {"words": count, "first": first} if count else {"jaccard": round(value, 4)}
        found.setdefault(text, []).append(hit)


def _shown(hits: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """The hits of one row, closest first (similarity, shared words, the reference's id); the first few with the words."""
    hits.sort(key=lambda hit: (-hit.get("jaccard", 0.0), -hit.get("words", 0), hit["reference"]))
    own = words(text, punctuation=False)
    for number, hit in enumerate(hits):
        first = hit.pop("first", 0)
        if number < SHOWN and "words" in hit:
            hit["text"] = " ".join(own[first : first + min(hit["words"], SHOWN_WORDS)])
    return hits
