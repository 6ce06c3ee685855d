"""Read a supervised fastText model, plain (.bin) or compressed (.ftz), without fastText.

The layout is that of fastText 0.9's `FastText::saveModel`, file versions 11 and 12, little-endian. A file comes from strangers:
every length is checked against the bytes that are there before anything is read or allocated, every number that a kernel will use
as an index against what it indexes, and nothing is executed. What is wrong is said in one line.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tamis.core.errors import TamisError
from tamis.data.pinned import Pinned
from tamis.kernels.fasttext import HIERARCHICAL, ONE_VS_ALL, Model
from tamis.kernels.subwords import division, entries, hash_names, settle, slots_of

MAGIC = 793712314
SUPERVISED = 3
CENTROIDS = 256  # of a product quantiser: one byte a code
MOST = 2**31 - 1
LARGEST = 1 << 34  # bytes of a compressed matrix written out
FARTHEST = 1e15  # from 0, of a weight: far above any, far below overflow


class FastTextModel(NamedTuple):
    """A model and the names of its labels, in the order of its outputs, without the prefix "__label__"."""

    labels: tuple[str, ...]
    model: Model

    def number(self, label: str) -> int:
        """The number of a label. TamisError if there is none."""
        if label not in self.labels:
            some = ", ".join(self.labels[:10])
            raise TamisError(f"the fastText model has no label {label!r}; it has {len(self.labels)}: {some}")
        return self.labels.index(label)


@lru_cache(maxsize=4)
def load(file: Pinned) -> FastTextModel:
    """The model in a pinned file, read once a process."""
    return read(file.path())


def read(path: Path) -> FastTextModel:
    """The model in a file. TamisError if it is none, is damaged, or is not supervised."""
    try:
        with path.open("rb") as stream:
            data = np.fromfile(stream, np.uint8)
    except OSError as error:
        raise TamisError(f"{path}: cannot be read: {error}") from error
    return _Reader(path, data).model()


class _Reader:
    """Reads forward through the bytes of one file; every read is checked."""

    def __init__(self, path: Path, data: npt.NDArray[np.uint8]) -> None:
        self.path, self.data, self.place = path, data, 0

    def wrong(self, what: str) -> TamisError:
        return TamisError(f"{self.path}: is not a fastText model, or is damaged: {what} (at byte {self.place:,})")

    def check(self, holds: bool, what: str) -> None:
        if not holds:
            raise self.wrong(what)

    def take(self, form: str) -> tuple[Any, ...]:
        size = struct.calcsize("<" + form)
        self.check(self.place + size <= len(self.data), "the file ends early")
        self.place += size
        return struct.unpack("<" + form, self.data[self.place - size : self.place].tobytes())

    def array(self, count: int, type: str) -> npt.NDArray[Any]:
        size = count * np.dtype(type).itemsize
        self.check(count >= 0 and self.place + size <= len(self.data), "the file ends early")
        self.place += size
        return self.data[self.place - size : self.place].view(type).copy() if size else np.empty(0, type)

    def model(self) -> FastTextModel:
        magic, version = self.take("ii")
        self.check(magic == MAGIC, "it does not begin as one")
        self.check(version in (11, 12), f"file version {version} is not known")
        dim, _, _, _, _, word_ngrams, loss, kind, bucket, shortest, longest, _, _ = self.take("12id")
        self.check(kind == SUPERVISED, "it is a model of words, not a classifier (not supervised)")
        self.check(HIERARCHICAL <= loss <= ONE_VS_ALL, f"loss {loss} is not known")
        longest = longest if version == 12 else 0  # version 11 knew no character n-grams in classifiers
        self.check(1 <= dim <= 10_000 and 0 <= bucket <= MOST, "its numbers make no sense")
        self.check(-MOST <= shortest <= 1000 and longest <= 1000 and word_ngrams <= 1000, "its n-grams make no sense")
        names, ends, counts, words, labels, pruned = self.vocabulary()
        buckets = self.kept(pruned, bucket)
        (compressed,) = self.take("?")
        self.check(compressed or pruned < 0, "buckets are pruned in a model that is not compressed")
        rows = self.matrix(dim, compressed)
        hashing = longest > 0 or word_ngrams > 1
        self.check(bucket > 0 or not hashing, "it has n-grams but no buckets")
        needed = words + (len(buckets) if pruned >= 0 else bucket if hashing else 0)
        self.check(len(rows) >= needed, f"it has {len(rows):,} vectors and needs {needed:,}")
        (output_compressed,) = self.take("?")
        output = self.matrix(dim, compressed and output_compressed)
        self.check(len(output) >= labels, f"it has {len(output):,} outputs for {labels:,} labels")
        self.check(self.place == len(self.data), f"{len(self.data) - self.place:,} bytes follow its end")
        kept, before = self.ranks(buckets, bucket, rows, words)
        hashes = hash_names(names, ends)
        slots = np.full(1 << max(4, math.ceil(math.log2(len(hashes) + 1)) + 1), -1, np.int32)
        slots_of(names, ends, hashes, slots)
        model = Model(
            rows=rows,
            names=names,
            ends=ends,
            hashes=hashes,
            slots=slots,
            counts=np.ones(words, np.int64),
            kept=kept,
            before=before,
            output=np.ascontiguousarray(output[:labels].T),
            children=_tree(counts) if loss == HIERARCHICAL else np.empty((0, 2), np.int32),
            division=division(bucket),
            words=words,
            labels=labels,
            bucket=bucket,
            shortest=max(shortest, 1),
            longest=max(longest, 0),
            word_ngrams=max(word_ngrams, 1),
            pruned=pruned >= 0,
            loss=loss,
        )
        settle(model)
        return FastTextModel(self.label_names(names, ends, words), model)

    def vocabulary(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], list[int], int, int, int]:
        """Names and ends of all entries, the labels' counts, the numbers of words and labels, and the number of buckets kept."""
        size, words, labels, _, pruned = self.take("iiiqq")
        self.check(words >= 0 and labels >= 1 and size == words + labels, "its vocabulary makes no sense")
        self.check(-1 <= pruned <= MOST, "its number of pruned buckets makes no sense")
        self.check(size * 10 <= len(self.data) - self.place, "the file ends early")
        names, ends, counts, types, after = entries(self.data, self.place, size)
        self.check(after >= 0, "the file ends early")
        self.check(not types[:words].any() and bool((types[words:] == 1).all()), "its words and labels are mixed")
        counts = counts[words:]
        self.check(bool((counts >= 0).all()) and int(counts.astype(object).sum()) < 10**15, "its labels' counts make no sense")
        self.place = after
        return names[: ends[-1]].copy(), ends, counts.tolist(), words, labels, pruned

    def kept(self, pruned: int, bucket: int) -> npt.NDArray[np.int32]:
        """The bucket of every n-gram row that pruning left, in the order of the rows."""
        if pruned <= 0:
            return np.empty(0, np.int32)
        pairs = self.array(2 * pruned, "<i4").reshape(-1, 2)
        order = np.sort(pairs[:, 1])
        self.check(bool((order == np.arange(pruned)).all()), "its pruned buckets have no rows")
        self.check(bool((pairs[:, 0] >= 0).all() and (pairs[:, 0] < bucket).all()), "a pruned bucket is out of range")
        out = np.empty(pruned, np.int32)
        out[pairs[:, 1]] = pairs[:, 0]
        self.check(len(np.unique(out)) == pruned, "a pruned bucket stands twice")
        return out

    def matrix(self, dim: int, compressed: bool) -> npt.NDArray[np.float32]:
        """A matrix, float32 (rows, dim); a compressed one is written out."""
        if not compressed:
            rows, columns = self.take("qq")
            self.check(columns == dim and rows >= 0, "a matrix has another width")
            self.check(rows * columns * 4 <= len(self.data) - self.place, "the file ends early")
            return self.plausible(self.array(rows * columns, "<f4").reshape(rows, columns))
        normed, rows, columns, size = self.take("?qqi")
        self.check(columns == dim and rows >= 0 and 0 <= size <= len(self.data) - self.place, "a matrix has another width")
        self.check(rows * dim * 4 <= LARGEST, "a matrix is too large")
        codes = self.array(size, "u1")
        out = self.quantised(codes, rows, dim)
        if normed:
            norms = self.array(rows, "u1")
            out *= self.quantised(norms, rows, 1)
        return self.plausible(out)

    def plausible(self, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The matrix, if every weight is a number a trained model could have."""
        self.check(
            not matrix.size or bool(matrix.min() > -FARTHEST and matrix.max() < FARTHEST),
            "a weight is too large, or not a number",
        )
        return matrix

    def quantised(self, codes: npt.NDArray[np.uint8], rows: int, dim: int) -> npt.NDArray[np.float32]:
        """Write out product-quantised rows (Jégou et al. 2011): each code names one of 256 centroids of `width` dimensions."""
        found, parts, width, last = self.take("4i")
        self.check(found == dim and parts >= 1 and 1 <= width <= dim and 1 <= last <= width, "a quantiser makes no sense")
        self.check((parts - 1) * width + last == dim and parts * rows == len(codes), "a quantiser makes no sense")
        centroids = self.array(dim * CENTROIDS, "<f4")
        table = codes.reshape(rows, parts)
        out = np.empty((rows, dim), np.float32)
        for part in range(parts):
            start, size = part * width, last if part == parts - 1 else width
            block = centroids[start * CENTROIDS : (start + size) * CENTROIDS].reshape(CENTROIDS, size)
            out[:, start : start + size] = block[table[:, part]]
        return out

    def ranks(
        self, buckets: npt.NDArray[np.int32], bucket: int, rows: npt.NDArray[np.float32], words: int
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
        """One bit for every bucket kept, and the bits before each 64; the n-grams' rows are put in the order of their buckets."""
        if not len(buckets):
            return np.empty(0, np.uint64), np.empty(0, np.int32)
        order = np.argsort(buckets)
        rows[words : words + len(order)] = rows[words + order]
        kept = np.zeros((bucket >> 6) + 1, np.uint64)
        np.bitwise_or.at(kept, buckets >> 6, np.uint64(1) << (buckets & 63).astype(np.uint64))
        sums = np.cumsum(np.bincount(buckets >> 6, minlength=len(kept)))
        return kept, np.concatenate([[0], sums[:-1]]).astype(np.int32)

    def label_names(self, names: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64], words: int) -> tuple[str, ...]:
        out = []
        for i in range(words, len(ends) - 1):
            name = names[ends[i] : ends[i + 1]].tobytes()
            try:
                out.append(name.decode().removeprefix("__label__"))
            except UnicodeDecodeError:
                raise self.wrong("a label is not UTF-8") from None
        return tuple(out)


def _tree(counts: Sequence[int]) -> npt.NDArray[np.int32]:
    """The Huffman tree of hierarchical softmax as fastText builds it from its labels' counts: children by node, -1 at leaves."""
    labels = len(counts)
    children = np.full((2 * labels - 1, 2), -1, np.int32)
    weight = [*counts, *[10**15] * (labels - 1)]
    leaf, inner = labels - 1, labels
    for node in range(labels, 2 * labels - 1):
        for side in range(2):
            if leaf >= 0 and weight[leaf] < weight[inner]:
                children[node, side], leaf = leaf, leaf - 1
            else:
                children[node, side], inner = inner, inner + 1
        weight[node] = weight[int(children[node, 0])] + weight[int(children[node, 1])]
    return children
