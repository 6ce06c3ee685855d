"""The document schema, and how ids are made.

A document is five columns. The id is permanent: a hash of where the document came from (file name relative to the data
root, and a locator inside it: WARC offset, JSONL byte offset, Parquet row), so it does not change when files are read
in another order, by other workers, or from another disk. Rows born of a row (`splits`) derive theirs from the parent.
"""

from __future__ import annotations

import hashlib

import pyarrow as pa

ID = pa.binary(16)
DOCUMENT = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("meta", pa.string(), nullable=False),
    ]
)


def document_id(name: str, locator: str | int) -> bytes:
    """Sixteen bytes for the record at `locator` of the file `name` (relative to the data root)."""
    return hashlib.blake2b(f"{name}\0{locator}".encode(), digest_size=16).digest()


def child_id(parent: bytes, index: int) -> bytes:
    """The id of the `index`-th row born of `parent` by an edit that splits."""
    return hashlib.blake2b(parent + index.to_bytes(8, "little"), digest_size=16).digest()


def fraction_of(ids: pa.Array, seed: int, stream: str = "") -> pa.Array:
    """Map ids to float64 in [0, 1), uniform and fixed by (stream, seed, id): the one source of randomness for sampling rows.

    Every purpose has a `stream` of its own (at most 56 bytes), so that a sample and a hold-out with the same seed are
    independent.
    """
    salt = seed.to_bytes(8, "little", signed=True) + stream.encode()
    scale = 2.0**-53
    values = [
        (int.from_bytes(hashlib.blake2b(i, digest_size=8, key=salt).digest(), "little") >> 11) * scale for i in ids.to_pylist()
    ]
    return pa.array(values, pa.float64())
