"""Generated documents that a tiny model can learn, and token shards of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.lm.tokenizer import Tokenizer

SUBJECTS = ["the miller", "a baker", "the flour", "our oven", "her sieve", "this bread", "the old mill", "his cat"]
VERBS = ["turns", "sifts", "rises over", "waits for", "carries", "weighs", "forgets", "smells of"]


def sentences(documents: int, seed: int = 0) -> list[str]:
    """Documents of 1 to 40 sentences with a grammar that a tiny model can learn."""
    rng = np.random.Generator(np.random.Philox(seed))
    out = []
    for _ in range(documents):
        picks = rng.integers(8, size=(int(rng.integers(1, 40)), 3)).tolist()
        out.append(" ".join(f"{SUBJECTS[a].capitalize()} {VERBS[b]} {SUBJECTS[c]}." for a, b, c in picks))
    return out


def write_shard(path: Path, tokenizer: Tokenizer, texts: Sequence[str], names: Sequence[str]) -> Path:
    ids = [hashlib.blake2b(name.encode(), digest_size=16).digest() for name in names]
    table = {
        "id": pa.array(ids, pa.binary(16)),
        "tokens": pa.array(tokenizer.encode_batch(texts), pa.large_list(pa.from_numpy_dtype(tokenizer.dtype))),
        "bytes": pa.array([len(t.encode()) for t in texts], pa.int64()),
    }
    pq.write_table(pa.table(table), path)
    return path
