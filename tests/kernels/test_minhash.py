"""Signatures follow the theory of MinHash; survivors are the greedy choice of the plain definition."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.kernels.jit import buffers
from tamis.kernels.lsh import CANARY, REFERENCE, ROW, buckets, flatten, greedy, jaccard, link, shared
from tamis.kernels.minhash import chance, parameters, permutations, signatures
from tamis.kernels.shingle import shingle_sets, table, words


def bands_of(texts: list[str], bands: int = 14, rows: int = 8, ngram: int = 5) -> npt.NDArray[np.uint64]:
    return signatures(buffers(pa.array(texts, pa.large_string())), bands, rows, ngram)[0]


def sets_of(texts: list[str], ngram: int = 5) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    return shingle_sets(*buffers(pa.array(texts, pa.large_string())), table(), ngram, True)


def choose(texts: list[str], bands: int, rows: int, ngram: int, threshold: float) -> tuple[list[int], list[float]]:
    hashes, offsets = sets_of(texts, ngram)
    roles = np.full(len(texts), ROW, np.int8)
    places = buckets(bands_of(texts, bands, rows, ngram))
    survivor, similarity = greedy(places, hashes, offsets[:-1], offsets[1:], threshold, roles)
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
    assert sum(len(shared(np.ascontiguousarray(bands[:, band]))[0]) for band in range(14)) == 0


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


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=80), st.integers(0, 2**40))
def test_shared_hashes_lie_bucket_by_bucket(values: list[int], factor: int) -> None:
    hashes = np.array([v * factor % 2**64 for v in values], np.uint64)
    places, start = shared(hashes)
    expected = [i for i, v in enumerate(hashes) if (hashes == v).sum() > 1]
    assert sorted(places.tolist()) == expected
    buckets_found = [part.tolist() for part in np.split(places, np.flatnonzero(start)[1:])] if len(places) else []
    assert all(part == sorted(part) and len(set(hashes[part])) == 1 and len(part) > 1 for part in buckets_found)
    assert len({hashes[part[0]] for part in buckets_found}) == len(buckets_found)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), max_size=40),
    st.sampled_from([np.int32, np.int64]),
)
def test_clusters_are_the_connected_components(rows: list[tuple[int, int, int]], kind: type) -> None:
    bands = np.array(rows, np.uint64).reshape(-1, 3)
    parent = np.arange(len(bands)).astype(kind)
    for band in range(3):
        link(parent, *shared(np.ascontiguousarray(bands[:, band])))
    together = flatten(parent)
    expected = list(range(len(bands)))
    for _ in rows:
        for i in range(len(rows)):
            expected[i] = min(expected[j] for j in range(len(rows)) if (bands[i] == bands[j]).any())
    assert parent.tolist() == expected
    assert together.tolist() == [expected.count(root) > 1 for root in expected]


def test_buckets_tell_equal_hashes_from_others() -> None:
    bands = np.random.default_rng(1).integers(0, 60, (40, 3)).astype(np.uint64)
    first = buckets(bands)
    for i in range(40):
        for j in range(40):
            assert ((first[i] == first[j]) == (bands[i] == bands[j])).all()


def test_references_are_kept_unseen_and_canaries_are_nobody_s_survivor() -> None:
    texts = ["one and the same text of words"] * 5
    hashes, offsets = sets_of(texts)
    roles = np.array([REFERENCE, REFERENCE, CANARY, ROW, ROW], np.int8)
    survivor, _ = greedy(buckets(bands_of(texts)), hashes, offsets[:-1], offsets[1:], 0.8, roles)
    assert survivor.tolist() == [-1, -1, 0, 0, 0]
    survivor, _ = greedy(
        buckets(bands_of(texts[2:])), hashes, offsets[:3], offsets[1:4], 0.8, np.array([CANARY, ROW, ROW], np.int8)
    )
    assert survivor.tolist() == [-1, -1, 1]


@settings(max_examples=60, deadline=None)
@given(st.floats(0.3, 1), st.floats(1e-4, 0.5))
def test_parameters_keep_the_miss_rate_and_no_more_selective_ones_do(threshold: float, miss: float) -> None:
    try:
        bands, rows = parameters(threshold, miss, 256)
    except ValueError:
        assert (1 - threshold) ** 256 > miss * 0.999
        return
    assert bands * rows <= 256 and 1 - chance(threshold, bands, rows) <= miss * (1 + 1e-9)
    for more in range(rows + 1, 257):
        assert 1 - chance(threshold, 256 // more, more) > miss * (1 - 1e-9)


def test_chance_is_the_published_curve() -> None:
    for j, missed in ((0.8, 0.0766), (0.85, 0.0113), (0.9, 0.0004)):  # FineWeb's 14 x 8: Penedo et al. 2024, section 3.4
        assert 1 - chance(j, 14, 8) == pytest.approx(missed, abs=5e-4)
    assert chance(1.0, 14, 8) == 1 and chance(0.0, 14, 8) == 0
