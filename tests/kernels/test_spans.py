"""The searches against a reference set find what the plain definition finds, no more and no less."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.kernels.jit import buffers
from tamis.kernels.shingle import kind_of, words
from tamis.kernels.spans import find_similar, find_spans, shingle_index, span_index

MANY = 10**6


def column(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


def spans(texts: list[str], references: list[str], **rule: int) -> dict[tuple[int, int], int]:
    """(text, reference) -> words of the longest shared span."""
    hits = find_spans(buffers(column(texts)), span_index(buffers(column(references)), **rule))
    return dict(zip(zip(hits.text.tolist(), hits.reference.tolist(), strict=True), hits.words.tolist(), strict=True))


def weight(run: list[str]) -> float:
    return sum(0.5 if kind_of(word[0]) == 2 else 1 for word in run)


def distinct_enough(gram: tuple[str, ...]) -> bool:
    lettered = {w for w in gram if any(c >= "\x80" or "a" <= c <= "z" for c in w)}
    return 2 * len(lettered) >= len(gram)


def plain_spans(texts: list[str], references: list[str], span: int, shortest: int, common: int) -> dict[tuple[int, int], int]:
    """The definition, by comparing every place of a text with every place of a reference."""
    refs = [words(r, punctuation=False) for r in references]
    sizes = [min(span, len(r)) if weight(r) >= shortest else 0 for r in refs]
    counts: dict[tuple[str, ...], int] = {}
    for ref, size in zip(refs, sizes, strict=True):
        for k in range(len(ref) - size + 1 if size else 0):
            gram = tuple(ref[k : k + size])
            counts[gram] = counts.get(gram, 0) + 1
    out: dict[tuple[int, int], int] = {}
    for t, text in enumerate(texts):
        own = words(text, punctuation=False)
        for r, (ref, size) in enumerate(zip(refs, sizes, strict=True)):
            for i in range(len(own)):
                for j in range(len(ref)):
                    if not size or own[i] != ref[j] or (i and j and own[i - 1] == ref[j - 1]):
                        continue
                    n = 0
                    while i + n < len(own) and j + n < len(ref) and own[i + n] == ref[j + n]:
                        n += 1
                    grams = [tuple(ref[j + k : j + k + size]) for k in range(n - size + 1)]
                    telling = any(distinct_enough(g) and counts[g] <= common for g in grams)
                    if telling and weight(own[i : i + n]) >= min(span, weight(ref)):
                        out[t, r] = max(out.get((t, r), 0), n)
    return out


WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "1", "2", "日", "本", "語", "."]), max_size=24).map(" ".join)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=4), st.integers(2, 5), st.integers(1, 2), st.sampled_from([1, 2, MANY])
)
def test_spans_are_those_of_the_definition(texts: list[str], refs: list[str], span: int, shortest: int, common: int) -> None:
    assert spans(texts, refs, span=span, shortest=shortest, common=common) == plain_spans(texts, refs, span, shortest, common)


QUESTION = "Which gas do plants take in from the air, and which one do they give back during the day?"


def test_a_leaked_question_is_found_in_other_case_and_punctuation() -> None:
    text = "Quiz: WHICH GAS -- do plants take in\nfrom the air and which one do they 'give back' (during) the day answer oxygen"
    assert spans([text, "plants take in gas from the air"], [QUESTION]) == {(0, 0): 19}


def test_twelve_words_of_a_longer_reference_are_no_hit() -> None:
    twelve = " ".join(QUESTION.split()[:12])
    assert spans([twelve + " something else"], [QUESTION]) == {}
    assert spans([twelve + " do"], [QUESTION]) != {}


def test_a_short_reference_must_occur_as_a_whole_and_a_shorter_one_is_not_searched() -> None:
    refs = ["a wise old owl sat quietly in an oak", "the cat sat on the mat", "12 + 7 = 19"]
    texts = [
        "they say a wise old owl sat quietly in an oak tree",
        "a wise old owl sat quietly in an elm",
        "12 + 7 = 19. the cat sat on the mat",
    ]
    assert spans(texts, refs) == {(0, 0): 9}
    assert (span_index(buffers(column(refs))).required > 0).tolist() == [True, False, False]


def test_instructions_shared_by_many_references_are_no_hit() -> None:
    ask = "read the following passage with care and then choose the best answer to the question below"
    refs = [
        f"{ask} item{i} alpha{i} beta{i} gamma{i} delta{i} eps{i} zeta{i} eta{i} theta{i} iota{i} kappa{i} la{i} mu{i}"
        for i in range(30)
    ]
    assert spans([ask + " and so on"], refs) == {}
    assert spans([refs[7]], refs) == {(0, 7): 29}
    assert len(spans([ask], refs, common=30)) == 30


def test_counting_and_tables_are_no_hit() -> None:
    counting = " ".join(map(str, range(1, 60)))
    song = "la la la la la la la la la la la la la la la la la la"
    assert spans([f"count: {counting}", song], [counting, song]) == {}


def test_a_chinese_reference_needs_twice_as_many_letters() -> None:
    saying = "学而时习之不亦说乎有朋自远方来不亦乐乎人不知而不愠不亦君子乎"
    assert spans([f"子曰：{saying[:24]}。"], [saying]) == {}
    assert spans([f"子曰：{saying[:26]}。"], [saying]) == {(0, 0): 26}


def test_a_copied_document_full_of_repeats_is_found_in_linear_time() -> None:
    block = " ".join(f"word{i}" for i in range(40))
    assert spans([" ".join([block] * 500)], [" ".join([block] * 15)])[0, 0] == 600


@settings(max_examples=80, deadline=None)
@given(st.lists(WORDS, max_size=5), st.lists(WORDS, max_size=5), st.sampled_from([0.1, 0.5, 1.0]))
def test_similar_is_exactly_jaccard(texts: list[str], refs: list[str], threshold: float) -> None:
    def shingles(text: str) -> set[tuple[str, ...]]:
        own = words(text, punctuation=False)
        return {tuple(own[k : k + 3]) for k in range(max(len(own) - 3, 0) + 1)} if own else set()

    expected = {}
    for t, text in enumerate(texts):
        for r, ref in enumerate(refs):
            a, b = shingles(text), shingles(ref)
            if a and b and len(a & b) / len(a | b) >= threshold:
                expected[t, r] = len(a & b) / len(a | b)
    hits = find_similar(buffers(column(texts)), shingle_index(buffers(column(refs)), 3), threshold, 3)
    assert (
        dict(zip(zip(hits.text.tolist(), hits.reference.tolist(), strict=True), hits.jaccard.tolist(), strict=True)) == expected
    )
