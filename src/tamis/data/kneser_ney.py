"""Estimation of an n-gram model by interpolated, modified Kneser-Ney smoothing.

Sources: Chen and Goodman 1998, "An Empirical Study of Smoothing Techniques for Language Modeling", section 3.2 and equation 26
(discounts from counts of counts); Heafield et al. 2013, "Scalable Modified Kneser-Ney Language Model Estimation" (unigrams
interpolated with the uniform distribution; pruning gives the mass of what it removes to the back-off).

An n-gram is its context's place and its last word, so one order comes from the one below by sorting pairs: n-grams are numbered
in the order of (context, word), and the result depends on the text alone. Every place of the text remembers the n-gram that
ends there, which gives each n-gram its suffix, and thereby the counts of left neighbours that Kneser-Ney is made of.

KenLM's lmplz (4cb443e) counts the very last n-gram of each order below the highest by how often it occurs, not by its left
neighbours, when it counts counts; we do not. Without that line it gives what this gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tamis.core.errors import UsageError
from tamis.kernels.ngrams import BEGIN, UNKNOWN, Logs, Words

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
FALLBACK = (0.5, 1.0, 1.5)  # lmplz's --discount_fallback
LOW = np.uint64(0xFFFFFFFF)
U32 = np.uint64(32)


class Discounts(NamedTuple):
    """D1, D2, D3+ of one order; `estimated` is False where the counts of counts allow no estimate."""

    values: tuple[float, float, float]
    estimated: bool


class Estimate(NamedTuple):
    """n-grams by order: place of the context, last word (uint32), log10 of probability and back-off (float32, 2 columns)."""

    contexts: Words
    words: Words
    logs: Logs
    sizes: tuple[int, ...]
    discounts: tuple[Discounts, ...]


class Order(NamedTuple):
    """All n-grams of one order: context and suffix (places in the order below), last word, occurrences, "begins with <s>"."""

    contexts: Ints
    words: Ints
    suffixes: Ints
    counts: Ints
    begins: npt.NDArray[np.bool_]


def count(tokens: Words, vocabulary: int, order: int) -> list[Order]:
    """The n-grams of a text whose sentences each begin with <s>, up to `order`; none reaches over a sentence's beginning."""
    begins = tokens == BEGIN
    since = np.arange(len(tokens)) - np.maximum.accumulate(np.where(begins, np.arange(len(tokens)), 0))
    ending: npt.NDArray[np.int64] = tokens.astype(np.int64)  # the n-gram that ends at each place
    nothing = np.zeros(vocabulary, np.int64)
    counts = np.bincount(ending, minlength=vocabulary)
    out = [Order(nothing, np.arange(vocabulary), nothing, counts, np.arange(vocabulary) == BEGIN)]
    for length in range(2, order + 1):
        at = np.flatnonzero(since >= length - 1)
        pairs = ending[at - 1].astype(np.uint64) << U32 | tokens[at]
        distinct, inverse, counts = np.unique(pairs, return_inverse=True, return_counts=True)
        suffixes = np.empty(len(distinct), np.int64)
        suffixes[inverse] = ending[at]
        contexts = (distinct >> U32).astype(np.int64)
        out.append(Order(contexts, (distinct & LOW).astype(np.int64), suffixes, counts, out[-1].begins[contexts]))
        ending[at] = inverse
    return out


def adjusted(orders: Sequence[Order], number: int) -> Ints:
    """Kneser-Ney's counts: the words that stand before an n-gram; its occurrences in the highest order or after <s>."""
    own = orders[number]
    out = own.counts.copy()
    if number + 1 < len(orders):
        left = np.bincount(orders[number + 1].suffixes, minlength=len(out))
        out = np.where(own.begins, out, left)
    if number == 0:
        out[[UNKNOWN, BEGIN]] = 0
    return out


def discounts(counts: Ints) -> Discounts:
    """Equation 26 of Chen and Goodman; lmplz's fallback where a count of counts is 0 or a discount is out of range."""
    n = np.bincount(np.minimum(counts, 5), minlength=6).astype(float)
    if n[1:4].all():
        y = n[1] / (n[1] + 2 * n[2])
        one, two, three = (j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3))
        if 0 <= one <= 1 and 0 <= two <= 2 and 0 <= three <= 3:
            return Discounts((one, two, three), True)
    return Discounts(FALLBACK, False)


def estimate(tokens: Words, vocabulary: int, order: int, prune: Sequence[int] = ()) -> Estimate:
    """The model of a numbered text (`tamis.kernels.ngrams.number`).

    vocabulary: number of words, the three special ones included. prune[k]: n-grams of k + 1 words that occur at most so often
    are left out (the last value holds for all longer ones; unigrams always stay). UsageError for a text without words.
    """
    if not (tokens > 2).any():
        raise UsageError("an n-gram model needs text: no document has a word")
    orders = count(tokens, vocabulary, order)
    limits = [0, *prune[1:], *[prune[-1] if prune else 0] * order][:order]
    kept = [
        own.counts > limit if number else np.ones(vocabulary, bool)
        for number, (own, limit) in enumerate(zip(orders, limits, strict=True))
    ]
    places, total = [], 0
    for mask in kept:
        places.append(total + np.cumsum(mask) - 1)
        total += int(mask.sum())
    below: Doubles = np.full(1, 1.0 / (vocabulary - 1))
    backoffs = [np.ones(len(own.words)) for own in orders]
    used, probabilities = [], []
    for number, own in enumerate(orders):
        counts = adjusted(orders, number)
        used.append(discounts(counts))
        taken = np.array([0.0, *used[-1].values])[np.minimum(counts, 3)]
        whole = np.bincount(own.contexts, counts, minlength=1)
        freed = np.bincount(own.contexts, np.where(kept[number], taken, counts), minlength=1)
        share = np.divide(freed, whole, out=np.ones(len(whole)), where=whole > 0)
        below = (counts - taken) / whole[own.contexts] + share[own.contexts] * below[own.suffixes]
        if number:
            backoffs[number - 1][: len(share)] = np.where(whole > 0, share, 1.0)
        else:
            below[BEGIN] = 1.0
        probabilities.append(below)
    logs = [
        np.stack([np.minimum(np.log10(p[mask]), 0.0), np.log10(b[mask])], 1)
        for p, b, mask in zip(probabilities, backoffs, kept, strict=True)
    ]
    contexts = [
        places[max(number - 1, 0)][own.contexts[mask]] for number, (own, mask) in enumerate(zip(orders, kept, strict=True))
    ]
    return Estimate(
        np.concatenate(contexts).astype(np.uint32),
        np.concatenate([own.words[mask] for own, mask in zip(orders, kept, strict=True)]).astype(np.uint32),
        np.concatenate(logs).astype(np.float32),
        tuple(int(mask.sum()) for mask in kept),
        tuple(used),
    )
