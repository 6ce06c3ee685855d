"""Signs of text that a machine or a template wrote: it compresses well, spends its words unevenly, and shares them with others.

None of them tells who wrote a text. A table of figures, a poem with a refrain, source code and a legal notice look like templates
to them; fluent text that repeats nothing does not, whoever wrote it. They find what repeats, inside a text or across texts: use
them to find pages worth a look, and set thresholds by reading what falls (docs/perplexity.md shows figures by kind of page).
*Words* are those of `tamis.kernels.shingle`, without punctuation.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import zstandard

from tamis.core.errors import TamisError, UsageError
from tamis.core.step import Inputs, Operator, Output, Piece, Step, Where
from tamis.data.score import Column, Score, Value
from tamis.data.scores.text import record, share, shares
from tamis.data.select import kept
from tamis.kernels.entropy import ENTROPY, TRIPLE_ENTROPY, TRIPLES, WORDS, entropies
from tamis.kernels.jit import buffers
from tamis.kernels.shingle import shingle_sets, table, words

Hashes = npt.NDArray[np.uint64]
LEVEL = 3


@dataclass(frozen=True)
class Compressibility(Score):
    """Bytes after zstd (level 3) over UTF-8 bytes, of blocks of 8 KiB each compressed alone, so that length matters little.

    Below about 1 kB the value rises for want of anything to repeat: compare only texts that are longer.
    """

    libraries: ClassVar[tuple[str, ...]] = ("zstandard",)

    block: int = 8192

    def __post_init__(self) -> None:
        if self.block < 256:
            raise UsageError(f"Compressibility: block must be at least 256 bytes, not {self.block}")

    def score(self, text: str) -> float:
        """The definition; 1 for an empty text."""
        data = text.encode()
        parts = [data[i : i + self.block] for i in range(0, len(data), self.block)]
        return sum(len(_compressor().compress(part)) for part in parts) / len(data) if data else 1.0


@cache
def _compressor() -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=LEVEL, write_content_size=False)


@dataclass(frozen=True)
class WordEntropy(Score):
    """How evenly a text spends its words. Entropy grows with length: `evenness`, divided by its maximum, does so less."""

    unicode: ClassVar[bool] = True

    words = Column("Number of words.", "int64")
    entropy = Column("Entropy of the words, in bits.")
    evenness = Column(
        "Entropy of the sequences of three words over log2 of their number: 1 if none repeats, or if there is only one."
    )

    def score(self, text: str) -> tuple[Value, ...]:
        """The definition."""
        found = words(text, punctuation=False)
        triples = list(zip(found, found[1:], found[2:], strict=False))
        return len(found), _entropy(found), _entropy(triples) / math.log2(len(triples)) if len(triples) > 1 else 1.0

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        found = entropies(*buffers(columns[0]), table()).T
        whole = np.log2(np.maximum(found[TRIPLES], 1))
        even = np.divide(found[TRIPLE_ENTROPY], whole, out=np.ones(len(whole)), where=whole > 0)
        return record(self, (found[WORDS].astype(np.int64), found[ENTROPY], even))


def _entropy(parts: Sequence[Any]) -> float:
    counts = Counter(parts).values()
    return math.log2(len(parts)) - sum(c * math.log2(c) for c in counts) / len(parts) if parts else 0.0


@dataclass(frozen=True)
class CommonPhrases(Operator):
    """The phrases of `length` words that at least `documents` of the selected rows have: their hashes, sorted."""

    length: int
    documents: int
    kind: ClassVar[str] = "phrases"
    unicode: ClassVar[bool] = True

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        return [Piece("all", None, float(sum(s.bytes for s in inputs[0].shards)))]

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        text, selection = inputs
        found = [np.zeros(0, np.uint64)]
        for shard in text.shards:
            rows = text.read(shard.name, ["text"]).filter(pa.array(kept(selection.read(shard.name))))
            out.ledger.rows_in += rows.num_rows
            found += [_phrases(batch.column("text"), self.length)[0] for batch in rows.to_batches(max_chunksize=1024)]
        out.ledger.rows_out = out.ledger.rows_in
        phrases, counts = np.unique(np.concatenate(found), return_counts=True)
        common = phrases[counts >= self.documents]
        np.save(out.path("phrases.npy"), common, allow_pickle=False)
        out.facts = {"phrases": len(phrases), "common": len(common)}


@dataclass(frozen=True)
class SharedPhrases(Score):
    """How much of a text stands in other texts too: the share of its phrases that at least `documents` rows of `corpus` have.

    A phrase is `length` words in a row (of a shorter text, all of them), counted once a document; a row of the corpus counts
    itself. Memory: 8 bytes a word of the corpus. Unlike dedup it sees what many pages share a part of; unlike `RepeatedLines` it
    needs no lines and no site.
    """

    unicode: ClassVar[bool] = True

    corpus: Any
    length: int = 8
    documents: int = 5

    shared = Column("Share of the different phrases that the corpus has so often; 0 for a text without words.")

    def __post_init__(self) -> None:
        if self.length < 2 or self.documents < 2:
            raise UsageError("SharedPhrases: length and documents must be at least 2")

    def requires(self, resolve: Callable[[Any], Any]) -> tuple[Any, ...]:
        """The step that counts the corpus."""
        return (Step(CommonPhrases(self.length, self.documents), tuple(resolve(self.corpus))),)

    def bind(self, published: Sequence[Path]) -> Score:
        return CountedPhrases(str(published[0]), self.length)

    def score(self, text: str) -> float:
        raise TamisError("SharedPhrases scores only after its corpus is counted: use it in a dataset's keep or top")


@dataclass(frozen=True)
class CountedPhrases(Score):
    """The score of the phrases that lie in `directory`."""

    directory: str
    length: int

    shared = Column("Share of the different phrases that the corpus has so often; 0 for a text without words.")

    def score(self, text: str) -> tuple[float]:
        """The definition."""
        found, common = words(text, punctuation=False), set(_common(self.directory).tolist())
        phrases = {tuple(found[i : i + self.length]) for i in range(max(len(found) - self.length + 1, bool(found)))}
        hashes = (_phrases(pa.array([" ".join(phrase)], pa.large_string()), self.length)[0][0] for phrase in phrases)
        return (share(sum(int(h) in common for h in hashes), len(phrases)),)

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        found, places = _phrases(columns[0], self.length)
        common = _common(self.directory)
        known = np.concatenate([[0], np.cumsum(np.isin(found, common, assume_unique=False))])
        return record(self, (shares(known[places[1:]] - known[places[:-1]], np.diff(places)),))


@lru_cache(maxsize=4)
def _common(directory: str) -> Hashes:
    """Published phrases, read once a process: steps never change."""
    found: Hashes = np.load(Path(directory) / "phrases.npy", allow_pickle=False)
    return found


def _phrases(texts: pa.Array, length: int) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """Each text's different phrases as hashes, and offsets (texts + 1) into them."""
    return shingle_sets(*buffers(texts), table(), length, False)
