"""Lines and texts made of n-grams that stood earlier, found in one pass with a Bloom filter: for more text than fits elsewhere.

In order of id, a text is marked whole if more than `threshold` of its n-grams stand in text that was kept before it; of any
other text those lines are marked of whose n-grams more than `threshold` stand there or in an earlier line of the same text. Only
what stays is entered into the filter. Hence every marked line repeats text that is still there, up to the stated rate of false
positives, and not all copies of a text can vanish; the outcome is the same for any order of shards and any number of workers.

The n-grams are counted first, and the filter is made for that number: it states its memory, and is refused where it does not fit.
The pass is one job by nature, since each text is judged by all before it. It needs the filter and the texts of one range of ids;
corpora larger than one range are sorted through `scratch`, which takes their size on disk.

With `dclm_compat` the rules are those of DCLM's BFF in the mode `old-both` (Li et al. 2024, section 4.2): tokens by Unicode's
word bounds, lines of fewer than `ngram` tokens always kept, lines entered as soon as they are judged, and a text emptied whose
contained n-grams are more than `threshold`, its other lines' n-grams remaining entered. BFF takes texts in random order with
random seeds; this takes them in order of id. All copies of a text that repeats itself can vanish there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.budget import Needs
from tamis.core.errors import TamisError, UsageError
from tamis.core.step import Inputs, Operator, Output, Piece, Published, Step, Where
from tamis.data.dedup.verdicts import beside
from tamis.data.paragraphs import by_id, with_gaps
from tamis.data.select import Resolve, View, kept
from tamis.data.spans import Marking, Places, spans_table
from tamis.kernels.bloom import BLOCK, Rule, blocks_for, count_grams, empty_filter, measured_false_positives, sift
from tamis.kernels.jit import buffers

RANGE = 1 << 28  # bytes of text judged at once
RANGES = 256  # files open at once: of more than RANGE * RANGES bytes, ranges are larger
COUNTS = ("lines", "marked_lines", "marked_texts", "ngrams", "entered")


@dataclass(frozen=True)
class NgramBloom(Marking):
    """Mark lines and texts of whose n-grams of `ngram` words more than `threshold` stood in kept text before.

    A line of fewer words, but at least `minimum`, is one n-gram; shorter ones neither go nor count. `false_positives`: the chance
    that an n-gram is found that was never entered. `dclm_compat`: DCLM's rules (see the module), for which `minimum` is `ngram`.
    """

    ngram: int = 13
    minimum: int = 5
    threshold: float = 0.8
    false_positives: float = 0.001
    dclm_compat: bool = False
    reason: ClassVar[str] = "repeated-ngrams"
    label: ClassVar[str] = "n-gram dedup"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.minimum <= self.ngram:
            raise UsageError(f"NgramBloom: minimum must be from 1 to ngram, not {self.minimum}")
        if not 0 < self.threshold < 1 or not 0 < self.false_positives <= 0.1:
            raise UsageError("NgramBloom: threshold must be in (0, 1) and false_positives in (0, 0.1]")

    def spans(self, view: View, resolve: Resolve) -> Step:
        minimum = self.ngram if self.dclm_compat else self.minimum
        counts = beside(NgramCounts(self.ngram, minimum, self.dclm_compat), view.text)
        op = RepeatedNgrams(self.ngram, minimum, self.threshold, self.false_positives, self.dclm_compat)
        return Step(op, (*view, counts))


@dataclass(frozen=True)
class NgramCounts(Operator):
    """The number of n-grams and of bytes of every text."""

    ngram: int
    minimum: int
    tokens: bool
    kind: ClassVar[str] = "columns"
    fuses: ClassVar[bool] = True
    unicode: ClassVar[bool] = True

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        texts = buffers(inputs[0].read(piece.spec, ["text"]).column("text").combine_chunks())
        counts = count_grams(texts, Rule(self.ngram, self.minimum, self.tokens))
        out.ledger.rows_in = out.ledger.rows_out = len(counts)
        out.write(piece.spec, pa.table({"ngrams": pa.array(counts), "size": pa.array(np.diff(texts.offsets))}))


@dataclass(frozen=True)
class RepeatedNgrams(Operator):
    """The spans of lines and texts made of earlier n-grams. Inputs: text, selection, counts."""

    ngram: int
    minimum: int
    threshold: float
    false_positives: float
    bff: bool
    kind: ClassVar[str] = "columns"
    unicode: ClassVar[bool] = True

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all", None, float(sum(s.bytes for s in inputs[0].shards)))]

    def needs(self, inputs: Inputs) -> Needs:
        ngrams, size, longest = _totals(inputs)
        most = _range(size)
        memory = BLOCK * self._blocks(ngrams) + 3 * min(size, most) + 40 * longest + 80 * inputs[0].rows
        return Needs(memory, disk=size if size > most else 0)

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        rule = Rule(self.ngram, self.minimum, self.bff)
        ngrams, size, _ = _totals(inputs)
        filter = empty_filter(self._blocks(ngrams))
        counts, done = np.zeros(len(COUNTS), np.int64), 0
        found = [np.zeros((0, 3), np.int64)]
        for rows, order, texts in in_id_order(inputs, _range(size), out.scratch):
            marks = sift(buffers(texts), order, rule, self.threshold, filter, counts, self.bff)
            marks[:, 0] = rows[marks[:, 0]]
            found.append(marks)
            done += len(rows)
            out.progress(done / inputs[0].rows)
        marks = np.concatenate(found)
        self._publish(inputs, out, marks[np.argsort(marks[:, 0], kind="stable")])
        out.facts = dict(zip(COUNTS, counts.tolist(), strict=True))
        out.facts |= {"filter_bytes": filter.nbytes, "false_positives": measured_false_positives(filter)}

    def _blocks(self, ngrams: int) -> int:
        blocks = blocks_for(ngrams, self.false_positives)
        if blocks >= 2**32:
            raise TamisError(f"{ngrams} n-grams need a filter above 256 GB: allow more false positives or split the corpus")
        return blocks

    def _publish(self, inputs: Inputs, out: Output, marks: Places) -> None:
        """Write the spans of all shards; marks: (row of the corpus, start, end), rising."""
        first = 0
        for shard in inputs[0].shards:
            low, high = np.searchsorted(marks[:, 0], [first, first + shard.rows])
            row, start, end = marks[low:high].T - np.array([[first], [0], [0]])
            size = inputs[2].read(shard.name, ["size"]).column("size").to_numpy()[row]
            spans = with_gaps(row, np.maximum(start - 1, 0), start, end + 1, size)
            out.write(shard.name, spans_table(*spans, shard.rows))
            first += shard.rows
        out.ledger.rows_in = out.ledger.rows_out = first


def _totals(inputs: Inputs) -> tuple[int, int, int]:
    """N-grams and bytes of the selected rows, and bytes of the longest."""
    ngrams = size = longest = 0
    for shard in inputs[0].shards:
        chosen = kept(inputs[1].read(shard.name))
        counts = inputs[2].read(shard.name, ["ngrams", "size"])
        sizes = counts.column("size").to_numpy()[chosen]
        ngrams += int(counts.column("ngrams").to_numpy()[chosen].sum())
        size, longest = size + int(sizes.sum()), max(longest, int(sizes.max(initial=0)))
    return ngrams, size, longest


def _range(size: int) -> int:
    """Bytes of text of a range."""
    return max(RANGE, -(-size // RANGES))


def in_id_order(inputs: Inputs, most: int, scratch: Path) -> Iterator[tuple[Places, Places, pa.Array]]:
    """The selected rows, numbered over all shards, in order of id, with about `most` bytes of text at once: the rows, where the
    text of each lies in the array, and the array. Inputs: text, selection, sizes."""
    text, selection, sizes = inputs
    chosen = [kept(selection.read(s.name)) for s in text.shards]
    order = by_id(text)
    order = order[np.concatenate([np.zeros(0, bool), *chosen])[order]]
    size = np.concatenate([np.zeros(0, np.int64), *(sizes.read(s.name, ["size"]).column("size").to_numpy() for s in text.shards)])
    ranges = np.cumsum(size[order]) // most  # in order, hence rising
    place = np.zeros(len(size), np.int64)
    place[order] = np.arange(len(order))
    starts = np.searchsorted(ranges, np.arange(ranges[-1] + 2 if len(ranges) else 1))
    for number, table in enumerate(_cut(text, chosen, place, starts, scratch)):
        rows = order[starts[number] : starts[number + 1]]
        yield rows, np.argsort(table.column("place").to_numpy()), table.column("text").combine_chunks()


def _cut(
    text: Published, chosen: Sequence[npt.NDArray[np.bool_]], place: Places, starts: Places, scratch: Path
) -> Iterator[pa.Table]:
    """Tables of (place, text), one for the places from each start to the next; through files if there are several."""
    schema = pa.schema([("place", pa.int64()), ("text", pa.large_string())])
    parts = _parts(text, chosen, place)
    if len(starts) == 2:
        yield pa.concat_tables([pa.table([pa.array(places), texts], schema=schema) for places, texts in parts])
        return
    paths = [scratch / f"range-{number}.arrow" for number in range(len(starts) - 1)]
    writers = [pa.ipc.new_stream(str(path), schema) for path in paths]
    for places, texts in parts:
        order = np.argsort(places)
        bounds = np.searchsorted(places[order], starts)
        for writer, low, high in zip(writers, bounds[:-1], bounds[1:], strict=True):
            if high > low:
                writer.write_table(
                    pa.table([pa.array(places[order[low:high]]), texts.take(pa.array(order[low:high]))], schema=schema)
                )
    for writer in writers:
        writer.close()
    for path in paths:
        with pa.ipc.open_stream(str(path)) as reader:
            table = reader.read_all()
        path.unlink()
        yield table


def _parts(text: Published, chosen: Sequence[npt.NDArray[np.bool_]], place: Places) -> Iterator[tuple[Places, pa.ChunkedArray]]:
    """Of every shard: the places of the selected rows, and their texts."""
    first = 0
    for shard, mask in zip(text.shards, chosen, strict=True):
        column = text.read(shard.name, ["text"]).column("text")
        yield place[first : first + shard.rows][mask], column if mask.all() else column.filter(pa.array(mask))
        first += shard.rows
