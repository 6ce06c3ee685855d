"""A world of documents in which every fault was put there on purpose, so that recall, precision and harm are exact.

`World(seed=0, size=1000)` makes documents from nothing but its seed: English-like prose, and among it, in declared shares,
copies, spam, shuffled text, junk, other languages, page furniture, personal data and leaked evaluation items, as well as good
text that looks odd. It can also take real documents as its base. Each row says in its meta, under "planted", what it is;
`truth()` says the same as a table, and `precision_recall` counts what an operator did to each kind.

Invariant: a row is a pure function of (the world's fields, its number). Nothing is read, downloaded or remembered.
"""

from __future__ import annotations

from tamis.data.world.tally import Outcome, precision_recall
from tamis.data.world.truth import GOOD, TRUTH, Base, Facts, Row
from tamis.data.world.world import SHARES, World

__all__ = ["GOOD", "SHARES", "TRUTH", "Base", "Facts", "Outcome", "Row", "World", "precision_recall"]
