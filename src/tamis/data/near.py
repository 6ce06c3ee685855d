"""Nearness to a reference set: hold-out removal, contamination, one corpus against another.

A row is near a reference if they share a span of at least `span` words (13, as GPT-3: Brown et al. 2020, appendix C), or if the
Jaccard similarity of their shingle sets is at least `jaccard`. The row's evidence names every such reference, the closest
first: how many words are shared, of how many, and for the first few the words. Both searches are exact (`kernels.spans`): no hit
is a guess and none is missed.

What keeps false alarms out of the span search: punctuation and case do not count; a reference of fewer than `span` words must
occur as a whole and have at least `shortest` words (a question's short parts have a rule of their own: `passages`; what cannot
be searched for is counted, not searched); a letter of an unspaced script counts half a word; n-grams that occur more than
`common` times in the reference (instructions, licences), or of which fewer than half the words are different words with a letter
(tables, counting), do not count.

The index is one step, its arrays are mapped into memory by all workers; rows stream past it. Memory: 37 bytes a word of the
reference for spans, 13 for Jaccard, and one shard of text a worker; to make it, `BUILDING` bytes a byte of its text (measured).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.core.budget import Needs
from tamis.core.errors import TamisError, UsageError
from tamis.core.step import Inputs, Operator, Output, Piece, Published, Step, Where
from tamis.data.passages import Passage, passages, stands_near
from tamis.data.select import Resolve, View, carry, kept
from tamis.kernels.jit import buffers
from tamis.kernels.shingle import words
from tamis.kernels.spans import Hits, ShingleIndex, SpanIndex, find_similar, find_spans, shingle_index, span_index

SHOWN = 3  # references of a row whose shared words are written out
SHOWN_WORDS = 60  # of them, at most
SHORT = ["passage", "asked", "answers"]
BUILDING = 25, 9  # bytes of memory to index a byte of reference: for spans, for Jaccard


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

    def rule(self) -> Nearness:
        """The settings alone, without what a subclass adds."""
        return Nearness(**{f.name: getattr(self, f.name) for f in fields(Nearness)})


@dataclass(frozen=True)
class Near(Nearness):
    """Drop the rows near a row of `reference` (a Dataset): `base.select(Near(benchmark))`."""

    reference: Any
    reason: str = "near-reference"

    def select(self, view: View, resolve: Resolve) -> Step:
        return mark(view, resolve(self.reference), self.rule(), self.reason)


def mark(
    view: View, references: Sequence[Step], rule: Nearness, reason: str, tasks: tuple[str, ...] = (), lenient: bool = False
) -> Step:
    """The selection that drops the rows of `view` near a reference.

    references: steps with the columns id and text (and payload, of published items); a selection among them applies to the step
    before it. `tasks`: a name for each of several sets of references, which the evidence then gives. The same selection serves
    as a flag: its evidence says which references were touched, and whoever only wants to know does not select by it.
    `lenient`: references none of which can be searched for are no error.
    """
    index = Step(NearIndex(rule, tasks, lenient), tuple(references))
    return Step(NearRows(rule, reason), (*view, index))


@dataclass(frozen=True)
class NearIndex(Operator):
    """The reference set, indexed: arrays, and `references.parquet` (task, id, words, whether it can be searched for)."""

    rule: Nearness
    tasks: tuple[str, ...] = ()
    lenient: bool = False
    version: ClassVar[int] = 2
    kind: ClassVar[str] = "index"
    unicode: ClassVar[bool] = True

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all")]

    def needs(self, inputs: Inputs) -> Needs:
        size = sum(_text_bytes(i.file(s.name)) for i in inputs if i.kind != "selection" for s in i.shards)
        wanted = self.rule.span is not None, self.rule.jaccard is not None
        return Needs(memory=size * sum(factor for factor, use in zip(BUILDING, wanted, strict=True) if use))

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        sets = [_references(inputs, i) for i, s in enumerate(inputs) if s.kind != "selection"]
        names = self.tasks or (None,) * len(sets)
        tasks = [name for name, rows in zip(names, sets, strict=True) for _ in range(rows.num_rows)]
        rows = pa.concat_tables(sets)
        if not tasks:
            raise TamisError("the reference has no rows: nothing can be near it (of a hold-out, hold out a larger fraction)")
        searchable, counts = np.zeros(len(tasks), bool), np.zeros(len(tasks), np.int32)
        if self.rule.span is not None:
            found = self._passages(sets)
            texts = buffers(pa.array([p.text for p in found], pa.large_string()))
            spans = span_index(texts, self.rule.span, np.array([p.shortest for p in found]), self.rule.common)
            owners = np.array([p.owner for p in found], np.int32)
            searchable[owners[np.unique(spans.owners)]] = True
            first = np.searchsorted(owners, np.arange(len(tasks)))  # the first passage of a reference is all its text
            counts = np.diff(spans.offsets)[first].astype(np.int32)
            _save(out, "span", spans)
            np.save(out.path("span-passages.npy"), owners)
            out.write("short.parquet", _short_questions(found))
        if self.rule.jaccard is not None:
            shingles = shingle_index(buffers(rows.column("text").combine_chunks()), self.rule.ngram)
            searchable |= shingles.counts > 0
            _save(out, "shingle", shingles)
        if not searchable.any() and not self.lenient:
            raise TamisError(
                f"none of the {len(tasks):,} references can be searched for: "
                f"none has {self.rule.shortest} words in a row that are not all numbers or the same"
            )
        columns = [pa.array(tasks, pa.string()), rows.column("id"), pa.array(counts), pa.array(searchable)]
        out.write("references.parquet", pa.table(columns, ["task", "id", "words", "searchable"]))
        out.facts = {"references": len(tasks), "unsearchable": int((~searchable).sum())}
        out.ledger.rows_in = out.ledger.rows_out = len(tasks)

    def _passages(self, sets: list[pa.Table]) -> list[Passage]:
        out: list[Passage] = []
        start = 0
        for rows in sets:
            texts, payloads = rows.column("text").to_pylist(), rows.column("payload").to_pylist()
            assert self.rule.span is not None
            own = passages(texts, payloads, self.rule.span, self.rule.shortest, self.rule.common)
            out += [p._replace(owner=start + p.owner) for p in own]
            start += rows.num_rows
        return out


def _short_questions(found: list[Passage]) -> pa.Table:
    """The passages that count only beside an answer: their number, what was asked, the answers."""
    short = [(number, p) for number, p in enumerate(found) if p.answers]
    numbers, asked = pa.array([n for n, _ in short], pa.int64()), pa.array([p.text for _, p in short], pa.string())
    return pa.table([numbers, asked, pa.array([p.answers for _, p in short], pa.list_(pa.string()))], SHORT)


_NOTHING = pa.table(
    {"id": pa.array([], pa.string()), "text": pa.array([], pa.large_string()), "payload": pa.array([], pa.string())}
)


def _references(inputs: Inputs, number: int) -> pa.Table:
    """The rows of input `number` that the selection after it, if there is one, keeps."""
    rows = inputs[number]
    after = inputs[number + 1] if number + 1 < len(inputs) else None
    out = [_NOTHING]
    for shard in rows.shards:
        table = rows.read(shard.name, ["id", "text", "payload"] if rows.kind == "items" else ["id", "text"])
        if after is not None and after.kind == "selection":
            table = table.filter(pa.array(kept(after.read(shard.name))))
        ids = [i.hex() if isinstance(i, bytes) else str(i) for i in table.column("id").to_pylist()]
        payload = table.column("payload").cast(pa.string()) if "payload" in table.column_names else [""] * len(ids)
        columns = [pa.array(ids, pa.string()), table.column("text").cast(pa.large_string()), payload]
        out.append(pa.table(columns, schema=_NOTHING.schema))
    return pa.concat_tables(out)


def _text_bytes(file: Path) -> int:
    """Of the column `text` of a Parquet file, uncompressed."""
    groups = pq.read_metadata(file)
    place = groups.schema.names.index("text")
    return sum(groups.row_group(k).column(place).total_uncompressed_size for k in range(groups.num_row_groups))


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
    version: ClassVar[int] = 2
    kind: ClassVar[str] = "selection"
    unicode: ClassVar[bool] = True

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        previous, index = inputs[1].read(piece.spec), inputs[2]
        rows = np.flatnonzero(kept(previous))
        texts = inputs[0].read(piece.spec, ["text"]).column("text").take(pa.array(rows)).combine_chunks()
        found: dict[int, dict[int, Shared]] = {}
        if self.rule.span is not None:
            spans = find_spans(buffers(texts), _load(index, "span", SpanIndex))
            _add(found, _confirmed(spans, texts, index, self.rule.shortest))
        if self.rule.jaccard is not None:
            _add(found, find_similar(buffers(texts), _load(index, "shingle", ShingleIndex), self.rule.jaccard, self.rule.ngram))
        near, references = sorted(found), index.read("references.parquet") if found else _NOTHING
        evidence = [json.dumps({"near": _shown(found[i], references, texts[i].as_py())}, ensure_ascii=False) for i in near]
        table, out.ledger = carry(previous, rows[near], [self.reason] * len(near), evidence)
        out.write(piece.spec, table)


class Shared(NamedTuple):
    """What a row and a reference share: a similarity (0: none was asked for or found) and the longest span."""

    jaccard: float
    words: int
    first: int


def _confirmed(hits: Hits, texts: pa.Array, index: Published, shortest: int) -> Hits:
    """Hits of passages as hits of the references they belong to, without short questions that stand far from their answers."""
    if not len(hits.text):
        return hits
    number, asked, answers = (index.read("short.parquet").column(name) for name in SHORT)
    place = {n: k for k, n in enumerate(number.to_pylist())}
    holds = np.ones(len(hits.text), bool)
    for k, passage in enumerate(hits.reference.tolist()):
        if passage in place:
            own = words(texts[int(hits.text[k])].as_py(), punctuation=False)
            holds[k] = stands_near(own, asked[place[passage]].as_py(), answers[place[passage]].as_py(), shortest)
    owners = np.load(index.file("span-passages.npy"), mmap_mode="r")[hits.reference[holds]]
    return Hits(hits.text[holds], owners, hits.first[holds], hits.words[holds], hits.jaccard[holds])


def _add(found: dict[int, dict[int, Shared]], hits: Hits) -> None:
    for text, reference, first, count, value in zip(*(part.tolist() for part in hits), strict=True):
        own = found.setdefault(text, {})
        before = own.get(reference, Shared(0.0, 0, 0))
        longest = (count, first) if count > before.words else before[1:]
        own[reference] = Shared(max(value, before.jaccard), *longest)


def _shown(found: dict[int, Shared], references: pa.Table, text: str) -> list[dict[str, Any]]:
    """The references of one row, closest first (similarity, shared words, the reference); the first few with the words."""
    names = [references.column(c) for c in ("task", "id", "words")]
    closest = [(-s.jaccard, -s.words, *(n[r].as_py() for n in names), s.first) for r, s in found.items()]
    closest.sort(key=lambda c: (c[0], c[1], c[2] or "", c[3]))
    own = words(text, punctuation=False) if any(s.words for s in found.values()) else []
    out: list[dict[str, Any]] = []
    for jaccard, count, task, name, of, first in closest:
        hit: dict[str, Any] = {"task": task} if task else {}
        hit["reference"] = name
        if jaccard:
            hit["jaccard"] = round(-jaccard, 4)
        if count:
            hit |= {"words": -count, "of": of}
            if len(out) < SHOWN:
                hit["text"] = " ".join(own[first : first + min(-count, SHOWN_WORDS)])
        out.append(hit)
    return out
