"""Signatures follow the theory of MinHash; survivors are the greedy choice of the plain definition."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.kernels.jit import buffers
from tamis.kernels.lsh import buckets, greedy, have_company, jaccard
from tamis.kernels.minhash import chance, permutations, signatures
from tamis.kernels.shingle import shingle_sets, table, words


def bands_of(texts: list[str], bands: int = 14, rows: int = 8, ngram: int = 5) -> npt.NDArray[np.uint32]:
    return signatures(buffers(pa.array(texts, pa.large_string())), bands, rows, ngram)[0]


def sets_of(texts: list[str], ngram: int = 5) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    return shingle_sets(*buffers(pa.array(texts, pa.large_string())), table(), ngram, True)


def choose(texts: list[str], bands: int, rows: int, ngram: int, threshold: float) -> tuple[list[int], list[float]]:
    hashes, offsets = sets_of(texts, ngram)
    survivor, similarity = greedy(buckets(bands_of(texts, bands, rows, ngram)), hashes, offsets[:-1], offsets[1:], threshold)
    return survivor.tolist(), similarity.tolist()


def plain_jaccard(left: str, right: str, ngram: int) -> float:
    a, b = (
        {tuple(w[k : k + ngram]) for k in range(max(len(w) - ngram, 0) + 1)} if w else set() for w in map(words, (left, right))
    )
    return len(a & b) / len(a | b) if a and b else 0.0


def test_layout_and_case_do_not_change_a_signature() -> None:
    text = "It was the best of times,\nit was the worst of times — it was the age of wisdom; ΣΟΦΙΑ"
    same = bands_of([text, text.upper().replace(" ", "\n \t"), text.replace("\n", " "), text + " more"])
    assert (same[0] == same[1]).all() and (same[0] == same[2]).all() and (same[0] != same[3]).any()


def test_a_text_without_words_has_no_shingles_and_a_short_one_has_one() -> None:
    _, counts = signatures(buffers(pa.array(["", " \n", "one", "a b c d", "a b c d e", "a b c d e f"], pa.large_string())))
    assert counts.tolist() == [0, 0, 1, 1, 1, 2]


def test_permutations_are_different_and_odd() -> None:
    a, b = permutations(4096)
    assert (a & 1).all() and len(np.unique(a)) == len(a) and len(np.unique(b)) == len(b)


@pytest.mark.parametrize("similarity", [0.5, 0.7, 0.8, 0.9])
def test_bands_agree_as_often_as_theory_says(similarity: float) -> None:
    """400 pairs of a given J: a band of 4 rows agrees with probability J**4, a pair with `chance`."""
    generator = np.random.default_rng(round(similarity * 100))
    shingles, pairs, bands, rows = 300, 400, 20, 4
    shared = round(2 * shingles * similarity / (1 + similarity))
    left, right = [], []
    for pair in range(pairs):
        numbers = generator.permutation(2 * shingles - shared)
        left.append(" ".join(f"p{pair}w{n}" for n in numbers[:shingles]))
        right.append(" ".join(f"p{pair}w{n}" for n in numbers[-shingles:]))
    agree = bands_of(left, bands, rows, 1) == bands_of(right, bands, rows, 1)
    true = shared / (2 * shingles - shared)
    assert agree.mean() == pytest.approx(true**rows, abs=0.025)
    assert agree.any(axis=1).mean() == pytest.approx(chance(true, bands, rows), abs=0.08)


def test_different_texts_do_not_meet_by_accident() -> None:
    texts = [" ".join(f"{i}w{k}" for k in range(20)) for i in range(5000)]
    bands = bands_of(texts)
    assert have_company(bands, np.arange(len(bands))).sum() <= 10


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=30), st.lists(st.integers(0, 40), max_size=30), st.floats(0.01, 1))
def test_jaccard_is_exact_at_or_above_the_threshold(left: list[int], right: list[int], threshold: float) -> None:
    a, b = set(left), set(right)
    true = len(a & b) / len(a | b) if a and b else 0.0
    found = jaccard(np.array(sorted(a), np.uint64), np.array(sorted(b), np.uint64), threshold)
    assert found == true if true >= threshold else found < threshold


def greedy_plainly(texts: list[str], bands: int, rows: int, ngram: int, threshold: float) -> list[int]:
    """The definition: in order, over pairs that share a band, verified."""
    signature = bands_of(texts, bands, rows, ngram)
    survivor = [-1] * len(texts)
    for i, text in enumerate(texts):
        for j in range(i):
            together = survivor[j] < 0 and (signature[i] == signature[j]).any()
            if together and plain_jaccard(texts[j], text, ngram) >= threshold:
                survivor[i] = j
                break
    return survivor


TEXTS = st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12).map(" ".join), max_size=25)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.sampled_from([0.3, 0.5, 0.8, 1.0]), st.integers(1, 3))
def test_survivors_are_the_greedy_choice_over_verified_candidates(texts: list[str], threshold: float, ngram: int) -> None:
    survivor, similarity = choose(texts, 6, 2, ngram, threshold)
    assert survivor == greedy_plainly(texts, 6, 2, ngram, threshold)
    for i, other in enumerate(survivor):
        if other >= 0:
            assert survivor[other] == -1  # a survivor is kept: no chains, no lost cluster
            assert similarity[i] == plain_jaccard(texts[other], texts[i], ngram) >= threshold


def test_a_cluster_of_many_copies_costs_little() -> None:
    """20,000 copies of one text: compared with the one kept, not with each other."""
    texts = ["the same words again and again in every copy of this text"] * 20_000
    survivor, _ = choose(texts, 14, 8, 5, 0.8)
    assert survivor == [-1] + [0] * 19_999


def test_have_company_is_exactly_the_rows_that_share_a_band() -> None:
    bands = np.random.default_rng(1).integers(0, 60, (40, 3)).astype(np.uint32)
    expected = [any((bands[i] == bands[j]).any() for j in range(40) if j != i) for i in range(40)]
    assert have_company(bands, np.arange(40)).tolist() == expected
    assert have_company(bands, np.arange(5, 30)).tolist() == have_company(bands[5:30], np.arange(25)).tolist()
    first = buckets(bands)
    for i in range(40):
        for j in range(40):
            assert ((first[i] == first[j]) == (bands[i] == bands[j])).all()
