"""ARPA files: n-gram models as text, the format that KenLM, SRILM and IRSTLM share.

After a section "\\data\\" with the number of n-grams of each order come the sections "\\1-grams:", "\\2-grams:" ... of lines of
log10 probability, words and log10 back-off (0 if left out), separated by tabs or spaces; "\\end\\" closes the file. Files in .gz
and .zst are unpacked. "<UNK>" is taken for "<unk>".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import fsspec
import numpy as np
import numpy.typing as npt

from tamis.core.errors import TamisError
from tamis.data.ngrams import MISSING, NGrams
from tamis.kernels.ngrams import SPECIAL

BINARY = b"mmap lm http://kheafield.com/code"  # how KenLM's own files begin
_SIZE = re.compile(rb"ngram\s+(\d+)\s*=\s*(\d+)\s*")
Numbers = npt.NDArray[np.int64]


class _Lines:
    """The lines of a file that are not blank, counted for errors."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name, self.number, self._file = name, 0, file

    def __iter__(self) -> Iterator[bytes]:
        for line in self._file:
            self.number += 1
            if line := line.strip(b" \t\r\n"):
                yield line

    def error(self, message: str) -> TamisError:
        return TamisError(f"{self.name}: line {self.number}: {message}")


def read(path: str | Path) -> NGrams:
    """The model in an ARPA file; TamisError names the line that is wrong."""
    try:
        with fsspec.open(str(path), "rb", compression="infer") as file:
            return _read(_Lines(file, str(path)))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise TamisError(f"{path}: cannot be read as an ARPA file: {error}") from error


def _read(lines: _Lines) -> NGrams:
    rows = iter(lines)
    sizes = _header(rows, lines)
    vocabulary = {word.encode(): number for number, word in enumerate(SPECIAL)}
    contexts, words, logs = [], [], []
    places: list[tuple[Numbers, Numbers]] = []
    start = 0
    for order, size in enumerate(sizes, 1):
        spelled, found = _section(rows, lines, order, size, vocabulary)
        if order == 1:
            spelled, found = _unigrams(spelled[:, 0], found, lines.name)
        context = _contexts(spelled, places, lines.name)
        keys = context << 32 | spelled[:, -1]
        ranks = np.argsort(keys, kind="stable")
        if (np.diff(keys[ranks]) == 0).any():
            raise TamisError(f"{lines.name}: an n-gram of {order} words stands there twice")
        places.append((keys[ranks], start + ranks))
        contexts.append(context)
        words.append(spelled[:, -1])
        logs.append(found)
        start += len(spelled)
    if next(rows, b"") != b"\\end\\":
        raise lines.error("\\end\\ expected: the file is cut short, or has more n-grams than it announces")
    return NGrams(
        [word.decode() for word in vocabulary],
        np.concatenate(contexts).astype(np.uint32),
        np.concatenate(words).astype(np.uint32),
        np.concatenate(logs),
        [len(w) for w in words],
    )


def _header(rows: Iterator[bytes], lines: _Lines) -> list[int]:
    """The announced numbers of n-grams; the next row is the first section's."""
    sizes: list[int] = []
    for row in rows:
        if row.startswith(BINARY):
            raise TamisError(f"{lines.name} is a binary file of KenLM: read it with KenLMPerplexity")
        if row == b"\\data\\":
            break
        if not row.startswith(b"#"):
            raise lines.error("not an ARPA file: \\data\\ expected")
    for row in rows:
        found = _SIZE.fullmatch(row)
        if not found:
            if row != b"\\1-grams:" or not sizes:
                raise lines.error("'ngram ORDER=NUMBER' or \\1-grams: expected")
            return sizes
        if int(found[1]) != len(sizes) + 1:
            raise lines.error(f"the number of {len(sizes) + 1}-grams expected")
        sizes.append(int(found[2]))
    raise lines.error("not an ARPA file, or cut short")


def _section(
    rows: Iterator[bytes], lines: _Lines, order: int, size: int, vocabulary: dict[bytes, int]
) -> tuple[Numbers, npt.NDArray[np.float32]]:
    """Words [n-grams, order] and log10 of probability and back-off; unigrams add to the vocabulary."""
    if order > 1 and next(rows, b"") != b"\\%d-grams:" % order:
        raise lines.error(f"\\{order}-grams: expected")
    spelled, logs = np.empty((size, order), np.int64), np.zeros((size, 2), np.float32)
    for i in range(size):
        row = next(rows, b"\\end\\")
        parts = row.replace(b"\t", b" ").split(b" ")
        if len(parts) not in (order + 1, order + 2):
            parts = [part for part in parts if part]
            if len(parts) not in (order + 1, order + 2):
                raise lines.error(f"a probability, {order} words and perhaps a back-off expected")
        if order == 1:
            vocabulary.setdefault(SPECIAL[0].encode() if parts[1] == b"<UNK>" else parts[1], len(vocabulary))
        try:
            logs[i, 0] = float(parts[0])
            logs[i, 1] = float(parts[order + 1]) if len(parts) == order + 2 else 0.0
            spelled[i] = [vocabulary[b"<unk>" if w == b"<UNK>" else w] for w in parts[1 : order + 1]]
        except ValueError:
            raise lines.error("a number expected") from None
        except KeyError as error:
            raise lines.error(f"the word {error.args[0].decode(errors='replace')!r} is no unigram") from None
    if not np.isfinite(logs).all():
        raise TamisError(f"{lines.name}: a {order}-gram has a number that is not finite")
    return spelled, logs


def _unigrams(numbers: Numbers, logs: npt.NDArray[np.float32], name: str) -> tuple[Numbers, npt.NDArray[np.float32]]:
    """Unigrams in the order of their numbers; <unk> is added if it is missing."""
    absent = sorted({0, 1, 2} - set(numbers.tolist()))
    if absent and absent != [0]:
        raise TamisError(f"{name}: the model has no {' and no '.join(SPECIAL[n] for n in absent if n)}")
    numbers = np.concatenate([np.array(absent, np.int64), numbers])
    logs = np.concatenate([np.array([[MISSING, 0.0]] * len(absent), np.float32).reshape(-1, 2), logs])
    ranks = np.argsort(numbers, kind="stable")
    return numbers[ranks][:, None], logs[ranks]


def _contexts(spelled: Numbers, places: list[tuple[Numbers, Numbers]], name: str) -> Numbers:
    """The place of each n-gram without its last word, found order by order."""
    found = spelled[:, 0] if spelled.shape[1] > 1 else np.zeros(len(spelled), np.int64)
    for column in range(1, spelled.shape[1] - 1):
        keys, at = places[column]
        wanted = found << 32 | spelled[:, column]
        near = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        if len(wanted) and (not len(keys) or (keys[near] != wanted).any()):
            raise TamisError(f"{name}: a {spelled.shape[1]}-gram begins with {column + 1} words that are no {column + 1}-gram")
        found = at[near] if len(wanted) else found
    return found


def write(model: NGrams, path: str | Path) -> None:
    """Write a model as an ARPA file, which KenLM reads."""
    spelled = list(model.vocabulary)
    contexts, words = model.contexts.tolist(), model.words.tolist()
    for i in range(model.sizes[0], len(words)):
        spelled.append(f"{spelled[contexts[i]]} {model.vocabulary[words[i]]}")
    with fsspec.open(str(path), "w", compression="infer", encoding="utf-8", newline="\n") as file:
        file.write("\\data\\\n" + "".join(f"ngram {n}={size}\n" for n, size in enumerate(model.sizes, 1)))
        start = 0
        for order, size in enumerate(model.sizes, 1):
            file.write(f"\n\\{order}-grams:\n")
            stop = start + size
            for text, (prob, backoff) in zip(spelled[start:stop], model.logs[start:stop].astype(str).tolist(), strict=True):
                file.write(f"{prob}\t{text}\n" if order == model.order else f"{prob}\t{text}\t{backoff}\n")
            start = stop
        file.write("\n\\end\\\n")
