"""Deduplication: keep one of each, and say which one was kept.

In order of id (or of a preferred score, ties by id) a document is kept unless a *verified* neighbour was kept before it. The
dropped row names that survivor and the similarity. Invariant: every dropped row is near a row that is kept, so chains do not
form and no cluster is lost, and the outcome is the same for any order of shards, any number of workers, and any amount of
memory.

`Exact` has equal texts for neighbours, `MinHash` and `SimHash` texts whose sets of word shingles have a Jaccard similarity of at
least a threshold, `Semantic` texts whose embeddings have a cosine of at least one. With `against` nothing of another dataset is
judged, but all of it counts as kept before: one corpus against another, or a new crawl against all earlier ones, whose
signatures lie in the store and are not computed again.
"""

from tamis.data.dedup.exact import Exact
from tamis.data.dedup.minhash import MinHash
from tamis.data.dedup.semantic import Semantic, StoredVectors
from tamis.data.dedup.simhash import SimHash

__all__ = ["Exact", "MinHash", "Semantic", "SimHash", "StoredVectors"]
