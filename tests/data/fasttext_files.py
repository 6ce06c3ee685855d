"""Writes small fastText models with random weights, in the layout that fastText reads."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

WORDS = ("</s>", "the", "cat", "straße", "мука", "粉", "a", "sat,", "e\u0301", "<b>", "word" * 30)


@dataclass(frozen=True)
class Shape:
    """What kind of model to write; `pruned`: how many buckets are kept (-1: all)."""

    loss: int = 3
    shortest: int = 2
    longest: int = 4
    word_ngrams: int = 1
    bucket: int = 500
    dim: int = 6
    labels: tuple[str, ...] = ("hq", "cc", "the third")
    compressed: bool = False
    norms: bool = False
    compressed_output: bool = False
    pruned: int = -1
    version: int = 12
    words: tuple[str, ...] = WORDS
    scale: float = 1.0


def _matrix(rng: np.random.Generator, rows: int, shape: Shape, compressed: bool) -> bytes:
    if not compressed:
        return struct.pack("<qq", rows, shape.dim) + (rng.normal(size=(rows, shape.dim)) * shape.scale).astype("<f4").tobytes()
    width = 4
    parts, last = -(-shape.dim // width), shape.dim - (shape.dim - 1) // width * width
    out = struct.pack("<?qqi", shape.norms, rows, shape.dim, rows * parts)
    out += rng.integers(0, 256, rows * parts, np.uint8).tobytes()
    out += struct.pack("<4i", shape.dim, parts, width, last) + rng.normal(size=shape.dim * 256).astype("<f4").tobytes()
    if shape.norms:
        out += rng.integers(0, 256, rows, np.uint8).tobytes()
        out += struct.pack("<4i", 1, 1, 1, 1) + rng.uniform(0.2, 2, 256).astype("<f4").tobytes()
    return out


def model_bytes(shape: Shape, seed: int = 0) -> bytes:
    """The whole file."""
    rng = np.random.default_rng(seed)
    numbers: tuple[Any, ...] = (
        shape.dim,
        5,
        5,
        1,
        5,
        shape.word_ngrams,
        shape.loss,
        3,
        shape.bucket,
        shape.shortest,
        shape.longest,
    )
    out = struct.pack("<ii12id", 793712314, shape.version, *numbers, 100, 1e-4)
    size = len(shape.words) + len(shape.labels)
    out += struct.pack("<iiiqq", size, len(shape.words), len(shape.labels), 1000, shape.pruned)
    for name in shape.words:
        out += name.encode() + b"\0" + struct.pack("<qb", 7, 0)
    for place, name in enumerate(shape.labels):
        out += b"__label__" + name.encode() + b"\0" + struct.pack("<qb", 100 * (len(shape.labels) - place) ** 2, 1)
    if shape.pruned > 0:
        kept = rng.permutation(shape.bucket)[: shape.pruned]
        out += np.stack([kept, rng.permutation(shape.pruned)], 1).astype("<i4").tobytes()
    rows = len(shape.words) + (shape.bucket if shape.pruned < 0 else shape.pruned)
    out += struct.pack("<?", shape.compressed) + _matrix(rng, rows, shape, shape.compressed)
    out += struct.pack("<?", shape.compressed_output)
    return out + _matrix(rng, len(shape.labels), shape, shape.compressed and shape.compressed_output)
