"""Predictions of a supervised fastText model (Joulin et al. 2016, arXiv 1607.01759; Bojanowski et al. 2016, arXiv 1607.04606).

A *token* is a maximal run of bytes without space, tab, newline, return, vertical tab, form feed and NUL; every text ends in the
token "</s>", and a token "</s>" in the text ends it too, as in fastText. A token of the vocabulary has one row, the sum of its
own vector and of all its character n-grams, made ready by `settle`; another token has its character n-grams alone; a run of
tokens has word n-grams. N-grams are hashed (FNV-1a on signed bytes) into buckets, of which a compressed model keeps some. A token
that begins with "__label__" counts for nothing. `Model.features` and `Model.outputs` are the definitions.

Rows are added in one order, in float32, by definition and kernel alike, so that both agree bit for bit: those of a token first,
then the sums. fastText adds in another.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tamis.kernels.jit import njit
from tamis.kernels.subwords import (
    BUFFER,
    EOS,
    FNV_PRIME,
    FNV_START,
    LABEL,
    WORD_PRIME,
    Bytes,
    Floats,
    Ints,
    Ints32,
    Memory,
    Words64,
    mean,
    memory_of,
)

Doubles = npt.NDArray[np.float64]

HIERARCHICAL, NEGATIVE, SOFTMAX, ONE_VS_ALL = 1, 2, 3, 4
SPACES = b" \n\r\t\v\f\0"
LEAST = 1e-5  # fastText adds it to every probability before its logarithm, and so gives it back
STEEPEST = -700.0  # a logit below it is read as this: the exponential of more would overflow


class Model(NamedTuple):
    """A model as kernels read it.

    rows: float32 (words + n-grams kept, dimensions). Vocabulary: `names` with `ends` (words + labels + 1), words first; `slots`
    finds an entry by its hash. counts (words): how many vectors a word's row is the sum of. kept, before: one bit per bucket and
    the bits set before each 64, empty if all buckets are kept. output: float32 (dimensions, labels or inner nodes), transposed.
    children: (2 * labels - 1, 2) of the tree of hierarchical softmax, -1 at leaves, else empty. division: of `subwords`.
    """

    rows: Floats
    names: Bytes
    ends: Ints
    hashes: Words64
    slots: Ints32
    counts: Ints
    kept: Words64
    before: Ints32
    output: Floats
    children: Ints32
    division: Words64
    words: int
    labels: int
    bucket: int
    shortest: int
    longest: int
    word_ngrams: int
    pruned: bool
    loss: int

    def features(self, text: str) -> tuple[list[list[int]], int]:
        """The rows of a text, those added up first together, and how many vectors they stand for (the definition)."""
        vocabulary = {self.names[self.ends[i] : self.ends[i + 1]].tobytes(): i for i in range(len(self.ends) - 1)}
        rows: list[list[int]] = []
        count = 0
        runs: list[int] = []
        for token in _tokens(text):
            entry, h = vocabulary.get(token, -1), _hash(token)
            if entry >= self.words or (entry < 0 and token.startswith(LABEL)):
                continue
            if entry >= 0:
                rows.append([entry])
                count += int(self.counts[entry])
            elif token != EOS:
                found = [self._row(h % self.bucket) for h in _ngram_hashes(token, self.shortest, self.longest)]
                rows.append([row for row in found if row >= 0])
                count += sum(row >= 0 for row in found)
            signed = h - (1 << 32) if h >> 31 else h
            runs = (
                [(run * WORD_PRIME + signed) % (1 << 64) for run in runs[-self.word_ngrams + 1 :]] if self.word_ngrams > 1 else []
            )
            found = [self._row(run % self.bucket) for run in runs]
            rows += [[row] for row in found if row >= 0]
            count += sum(row >= 0 for row in found)
            runs.append(signed % (1 << 64))
        return rows, count

    def _row(self, bucket: int) -> int:
        """The row of a bucket, or -1 if it was pruned."""
        if not self.pruned:
            return self.words + bucket
        if not len(self.kept) or not int(self.kept[bucket >> 6]) >> (bucket & 63) & 1:
            return -1
        below = int(self.kept[bucket >> 6]) & ((1 << (bucket & 63)) - 1)
        return self.words + int(self.before[bucket >> 6]) + below.bit_count()

    def hidden(self, text: str) -> Floats | None:
        """The mean of the vectors of a text, float32; None if it has none (the definition)."""
        rows, count = self.features(text)
        if not count:
            return None
        total = np.zeros(self.rows.shape[1], np.float32)
        for together in rows:
            part = np.zeros_like(total)
            for row in together:
                part += self.rows[row]
            total += part
        return total * np.float32(1.0 / count)

    def outputs(self, text: str) -> list[float]:
        """The probability of every label as fastText gives it, at most 1; all 0 for a text without vectors (the definition)."""
        hidden = self.hidden(text)
        if hidden is None:
            return [0.0] * self.labels
        margins = [_dot(hidden.tolist(), column.tolist()) for column in self.output.T]
        if self.loss == HIERARCHICAL:
            return [min(1.0, math.exp(value)) for value in self._leaves(margins)]
        if self.loss == SOFTMAX:
            highest = max(margins)
            powers = [math.exp(m - highest) for m in margins]
            total = 0.0
            for power in powers:
                total += power
            return [min(1.0, power / total + LEAST) for power in powers]
        return [min(1.0, _table_sigmoid(m) + LEAST) for m in margins]

    def _leaves(self, margins: list[float]) -> list[float]:
        """Logarithm of each leaf's probability: the sum along its path from the root."""
        value = [0.0] * len(self.children)
        for node in range(len(self.children) - 1, self.labels - 1, -1):
            p = 1.0 / (1.0 + math.exp(-max(margins[node - self.labels], STEEPEST)))
            left, right = self.children[node].tolist()
            value[left] = value[node] + math.log(1.0 - p + LEAST)
            value[right] = value[node] + math.log(p + LEAST)
        return value[: self.labels]


def _tokens(text: str) -> Iterator[bytes]:
    """The tokens of a text, the last one EOS."""
    for token in text.encode().translate(bytes(32 if b in SPACES else b for b in range(256))).split(b" "):
        if token:
            yield token
        if token == EOS:
            return
    yield EOS


def _hash(data: bytes) -> int:
    h = FNV_START
    for byte in data:
        h = (h ^ (byte | 0xFFFFFF00 if byte & 0x80 else byte)) * FNV_PRIME & 0xFFFFFFFF
    return h


def _ngram_hashes(token: bytes, shortest: int, longest: int) -> Iterator[int]:
    """Hashes of the character n-grams of "<token>", but for its first and its last character alone."""
    letters = [letter.encode() for letter in f"<{token.decode()}>"]
    for i in range(len(letters)):
        for n in range(max(shortest, 1), min(longest, len(letters) - i) + 1):
            if n > 1 or 0 < i < len(letters) - 1:
                yield _hash(b"".join(letters[i : i + n]))


def _dot(a: list[float], b: list[float]) -> float:
    total = 0.0
    for x, y in zip(a, b, strict=True):
        total += x * y
    return total


def _table_sigmoid(x: float) -> float:
    """fastText's sigmoid: 512 steps between -8 and 8."""
    if x < -8:
        return 0.0
    if x > 8:
        return 1.0
    return 1.0 / (1.0 + math.exp(8.0 - int((x + 8) * 32) / 32))


@njit
def _margins(hidden: Floats, output: Floats, out: Doubles) -> None:
    """output.T @ hidden in float64, dimension after dimension."""
    for k in range(len(out)):
        out[k] = 0
    for d in range(len(hidden)):
        x = np.float64(hidden[d])
        for k in range(len(out)):
            out[k] += x * np.float64(output[d, k])


@njit
def _probabilities(hidden: Floats, model: Model, margins: Doubles, out: Doubles) -> None:
    """The probability of every label to out[:labels]; `out` has room for all nodes of the tree."""
    _margins(hidden, model.output, margins)
    if model.loss == HIERARCHICAL:
        out[len(model.children) - 1] = 0
        for node in range(len(model.children) - 1, model.labels - 1, -1):
            p = 1.0 / (1.0 + math.exp(-max(margins[node - model.labels], STEEPEST)))
            out[model.children[node, 0]] = out[node] + math.log(1.0 - p + LEAST)
            out[model.children[node, 1]] = out[node] + math.log(p + LEAST)
        for k in range(model.labels):
            out[k] = min(1.0, math.exp(out[k]))
    elif model.loss == SOFTMAX:
        highest, total = margins[0], 0.0
        for k in range(model.labels):
            highest = max(highest, margins[k])
        for k in range(model.labels):
            out[k] = math.exp(margins[k] - highest)
            total += out[k]
        for k in range(model.labels):
            out[k] = min(1.0, out[k] / total + LEAST)
    else:
        for k in range(model.labels):
            x = margins[k]
            p = 0.0 if x < -8 else 1.0 if x > 8 else 1.0 / (1.0 + math.exp(8.0 - math.floor((x + 8) * 32) / 32))
            out[k] = min(1.0, p + LEAST)


@njit
def _descend(hidden: Floats, model: Model, stack: Ints32, values: Doubles) -> tuple[int, float]:
    """The most probable leaf of the tree and its logarithm; paths that fell behind it are not followed."""
    best, label, n = -math.inf, -1, 1
    stack[0], values[len(values) - 1] = len(model.children) - 1, 0.0
    while n:
        n -= 1
        node = stack[n]
        value = values[node]
        if value < best or (value == best and node < label):
            continue
        if node < model.labels:
            best, label = value, node
            continue
        margin = 0.0
        for d in range(len(hidden)):
            margin += np.float64(hidden[d]) * np.float64(model.output[d, node - model.labels])
        p = 1.0 / (1.0 + math.exp(-max(margin, STEEPEST)))
        left, right = model.children[node, 0], model.children[node, 1]
        values[left], values[right] = value + math.log(1.0 - p + LEAST), value + math.log(p + LEAST)
        stack[n], stack[n + 1] = (left, right) if p > 0.5 else (right, left)  # the likelier is looked at first
        n += 2
    return label, best


def predict(data: Bytes, starts: Ints, ends: Ints, model: Model) -> tuple[Ints32, Doubles]:
    """The most probable label of every span data[starts[i]:ends[i]] (the last of equals) and its probability; -1, 0 if none."""
    labels, probabilities = np.empty(len(starts), np.int32), np.zeros(len(starts))
    _predict(data, starts, ends, model, memory_of(model.rows.shape[1]), labels, probabilities)
    return labels, probabilities


@njit
def _predict(data: Bytes, starts: Ints, ends: Ints, model: Model, memory: Memory, labels: Ints32, probabilities: Doubles) -> None:
    hidden, word, features, runs, margins, values = _scratch(starts, ends, model)
    stack = np.empty(len(values) + 1, np.int32)
    for i in range(len(starts)):
        labels[i] = -1
        if mean(data, starts[i], ends[i], model, word, features, runs, memory, hidden) == 0:
            continue
        if model.loss == HIERARCHICAL:
            label, value = _descend(hidden, model, stack, values)
            labels[i], probabilities[i] = label, min(1.0, math.exp(value))
            continue
        _probabilities(hidden, model, margins, values)
        for k in range(model.labels):
            if values[k] >= probabilities[i]:
                labels[i], probabilities[i] = k, values[k]


def probability(data: Bytes, starts: Ints, ends: Ints, label: int, model: Model) -> Doubles:
    """The probability of one label for every span; 0 for a text without vectors."""
    out = np.zeros(len(starts))
    _probability(data, starts, ends, label, model, memory_of(model.rows.shape[1]), out)
    return out


@njit
def _probability(data: Bytes, starts: Ints, ends: Ints, label: int, model: Model, memory: Memory, out: Doubles) -> None:
    hidden, word, features, runs, margins, values = _scratch(starts, ends, model)
    for i in range(len(starts)):
        if mean(data, starts[i], ends[i], model, word, features, runs, memory, hidden):
            _probabilities(hidden, model, margins, values)
            out[i] = values[label]


@njit
def _scratch(starts: Ints, ends: Ints, model: Model) -> tuple[Floats, Bytes, Ints32, Words64, Doubles, Doubles]:
    longest = 0
    for i in range(len(starts)):
        longest = max(longest, ends[i] - starts[i])
    return (
        np.empty(model.rows.shape[1], np.float32),
        np.empty(longest + 8, np.uint8),
        np.empty(BUFFER + max(model.longest, model.word_ngrams), np.int32),
        np.empty(max(model.word_ngrams, 1), np.uint64),
        np.empty(model.output.shape[1]),
        np.empty(max(2 * model.labels - 1, 1)),
    )
