"""Ground truth for deduplication: real documents with planted copies, and every pair of similar documents, found exactly.

`plant` takes a pool of documents as it is (with whatever near-duplicates it holds) and adds changed copies of some of them,
chains of copies of copies, and documents that share nothing but boilerplate. `similar_pairs` then forgets what was planted: it
finds all pairs of documents with a true Jaccard similarity >= LEAST by counting shared shingles in an inverted index. Shingles
are 5 words in a row by the definition `tamis.kernels.shingle.words`, numbered without any hash; nothing here uses a kernel under
test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from tamis.kernels.shingle import words

LEAST = 0.4
NGRAM = 5
RATES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
SHARES = (0.1, 0.2, 0.3)  # of the words of a copy that are boilerplate
TRAP = 0.5  # boilerplate in a document that has no copy
COPIES = (*(f"edited {rate:.1%}" for rate in RATES), *(f"boilerplate {share:.0%}" for share in SHARES), "cut", "wrapped", "upper")
CHAIN = (0.01, 0.03, 0.02, 0.05, 0.01, 0.03, 0.02)  # edits from link to link
STAR = 5  # copies of one document
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Document:
    """A text and what it is: "found" (as it came), a kind of copy, "star", "chain", or "trap"."""

    text: str
    kind: str


@dataclass(frozen=True)
class Pairs:
    """All pairs left[i] < right[i] of `documents` texts with Jaccard similarity jaccard[i] >= LEAST."""

    documents: int
    left: Ints
    right: Ints
    jaccard: npt.NDArray[np.float64]


class Site:
    """One header and footer for many documents."""

    def __init__(self, text: str) -> None:
        self.words = text.split()

    def wrapped(self, text: str, share: float) -> str:
        """The text with this share of all words in a header and a footer."""
        count = round(share / (1 - share) * len(text.split()))
        own = self.words * (1 + count // len(self.words))
        return f"{' '.join(own[: count // 2])}\n{text}\n{' '.join(own[len(self.words) // 2 :][: count - count // 2])}"


def edited(text: str, rate: float, vocabulary: Sequence[str], random: Random) -> str:
    """Each word is changed with probability `rate`: another one in its place, none, or another one after it."""

    def change(match: re.Match[str]) -> str:
        if random.random() >= rate:
            return match[0]
        other = random.choice(vocabulary)
        return random.choice((other, "", f"{match[0]} {other}"))

    return re.sub(r"\S+", change, text)


def copy_of(text: str, kind: str, vocabulary: Sequence[str], site: Site, random: Random) -> str:
    """A copy of one of the kinds in COPIES."""
    name, _, amount = kind.partition(" ")
    if name == "edited":
        return edited(text, float(amount.rstrip("%")) / 100, vocabulary, random)
    if name == "boilerplate":
        return site.wrapped(text, float(amount.rstrip("%")) / 100)
    if name == "cut":
        return text[: round(0.85 * len(text))]
    own = text.split()
    return "\n".join(" ".join(own[k : k + 9]) for k in range(0, len(own), 9)) if name == "wrapped" else text.upper()


def plant(texts: Sequence[str], donors: Sequence[str], copies: int, clusters: int, seed: int = 4) -> list[Document]:
    """The texts and their copies in random order: `copies` of each kind, `clusters` stars, chains and traps each.

    Copies are made of texts of at least 150 words. `donors` give boilerplate, a site each, and the words of edits.
    """
    random = Random(seed)
    vocabulary = [word for donor in donors for word in donor.split()]
    sites = [Site(donor) for donor in donors]
    out = [Document(text, "found") for text in texts]
    long = iter(
        random.sample([k for k, text in enumerate(texts) if len(text.split()) >= 150], copies * len(COPIES) + 3 * clusters)
    )
    for kind in COPIES:
        out += [Document(copy_of(texts[next(long)], kind, vocabulary, random.choice(sites), random), kind) for _ in range(copies)]
    for _ in range(clusters):
        text = texts[next(long)]
        out += [Document(edited(text, 0.02, vocabulary, random), "star") for _ in range(STAR)]
        text = texts[next(long)]
        for rate in CHAIN:
            text = edited(text, rate, vocabulary, random)
            out.append(Document(text, "chain"))
        place = next(long)
        out[place] = Document(random.choice(sites).wrapped(texts[place], TRAP), "trap")
    random.shuffle(out)
    return out


def similar_pairs(texts: Iterable[str]) -> Pairs:
    """Every pair with J >= LEAST. Memory: about 100 bytes a word, and 20 a pair."""
    vocabulary: dict[str, int] = {}
    own = [np.array([vocabulary.setdefault(w, len(vocabulary) + 1) for w in words(text)], np.int64) for text in texts]
    starts = np.cumsum([0, *(len(w) - NGRAM + 1 if len(w) >= NGRAM else min(len(w), 1) for w in own)])
    shingles = np.zeros((NGRAM, starts[-1]), np.int64)  # 0: no word, in texts shorter than a shingle
    for begin, end, w in zip(starts[:-1], starts[1:], own, strict=True):
        for k in range(min(NGRAM, len(w))):
            shingles[k, begin:end] = w[k : k + end - begin]
    number = shingles[0]
    for column in shingles[1:]:  # pairs of numbers are numbered in their turn: exact, and no hash
        number = np.unique(number * (len(vocabulary) + 1) + column, return_inverse=True)[1]
    document = np.repeat(np.arange(len(own)), np.diff(starts))
    once = np.unique(number * len(own) + document)  # rising by shingle, then by document
    number, document = np.divmod(once, len(own))
    sizes = np.bincount(document, minlength=len(own))
    lists = np.searchsorted(number, np.arange(number.max(initial=-1) + 2))
    order = np.argsort(document, kind="stable")
    found = _count(number[order], np.cumsum([0, *sizes]), document, lists, sizes, LEAST)
    left, right, both = (np.concatenate(column) for column in zip(*found, strict=True))
    return Pairs(len(own), left, right, both / (sizes[left] + sizes[right] - both))


def _count(shingles: Ints, starts: Ints, members: Ints, lists: Ints, sizes: Ints, least: float) -> list[tuple[Ints, Ints, Ints]]:
    """For each document the earlier ones that are similar, and the number of shingles shared with them."""
    shared = np.zeros(len(sizes), np.int64)
    touched = np.empty(len(sizes), np.int64)
    out = []
    for right in range(len(sizes)):
        count = _touch(shingles[starts[right] : starts[right + 1]], right, members, lists, shared, touched)
        left = touched[:count].copy()
        both = shared[left]
        shared[left] = 0
        near = both >= least * (sizes[left] + sizes[right] - both)
        left, both = left[near], both[near]
        order = np.argsort(left)
        out.append((left[order], np.full(len(left), right), both[order]))
    return out


@njit
def _touch(own: Any, right: int, members: Any, lists: Any, shared: Any, touched: Any) -> int:
    """Count the shingles that document `right` shares with each earlier one; returns how many those are."""
    count = 0
    for shingle in own:
        for k in range(lists[shingle], lists[shingle + 1]):
            left = members[k]
            if left >= right:
                break
            if shared[left] == 0:
                touched[count] = left
                count += 1
            shared[left] += 1
    return count
