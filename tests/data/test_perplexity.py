"""n-gram models: kernels against definitions, estimation against a plain one and by hand, files, and what it tells apart."""

from __future__ import annotations

import json
import math
import re
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.core.errors import TamisError, UsageError
from tamis.core.runner import Local, run
from tamis.core.step import Where
from tamis.core.store import Store
from tamis.data import arpa
from tamis.data.dataset import Dataset, Resolver
from tamis.data.kneser_ney import discounts
from tamis.data.ngrams import NGrams, Pieces, Reading, train
from tamis.data.pinned import Pinned
from tamis.data.scores.perplexity import Contrast, KenLMPerplexity, Perplexity, Trained, TrainNGrams
from tamis.data.world import SHARES, World
from tamis.kernels import ngrams as kernel
from tamis.kernels.jit import buffers
from tamis.kernels.ngrams import BEGIN, END, UNKNOWN, sentences
from tamis.lm.tokenizer import Tokenizer, train_bpe
from tamis.testing import TEXTS, conformance

READINGS = [Reading(fold, lines) for fold in (True, False) for lines in (True, False)]
CORPUS = [
    "the cat sat on the mat .\nthe dog sat on the log .",
    "a cat and a dog\n\nthe cat sat !",
    "Größe: 12 cats, 中文 é e\u0301 \u0301x",
    "",
    "the cat sat on a dog and the dog sat on a cat . the end",
    "the the the the cat cat cat sat sat on on on on a a a a a",
]
ODD = [
    *CORPUS,
    *TEXTS,
    "unheard of words",
    "<s> the </s> <unk> cat",
    " \n\n",
    "the\tcat\vsat\x0con\r\n\x00the mat",
    "\u00a0the cat\u2003",
]


def arrow(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


def plain_words(texts: list[str], reading: Reading) -> list[list[str]]:
    return [s for text in texts for s in sentences(text, reading.fold, reading.lines)]


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=4), reading=st.sampled_from(READINGS))
def test_words_equal_their_definition(texts: list[str], reading: Reading) -> None:
    for batch in (texts, ODD):
        keys, numbers = kernel.vocabulary(*buffers(arrow(list(kernel.SPECIAL))))
        found, new, ends, keys, numbers = kernel.number(*buffers(arrow(batch)), *reading.arguments, keys, numbers, 3)
        names = [*kernel.SPECIAL, *(new.tobytes()[a:b].decode() for a, b in pairwise([0, *ends.tolist()]))]
        words = [[w for w in sentence if w not in kernel.SPECIAL] for sentence in plain_words(batch, reading)]
        assert [names[n] for n in found] == [w for sentence in words for w in ("<s>", *sentence, "</s>")]
        assert len(set(names)) == len(names)


def test_folding_by_hand() -> None:
    assert sentences("Été 2024: don't!\nÅngström e\u0301\u200b", True, True) == [
        ["ete", "0000", ":", "don", "'", "t", "!"],
        ["angstrom", "e"],
    ]
    assert sentences("中文x กา", True, True) == [["中", "文", "x", "ก", "า"]]
    assert sentences("A  b\n\nc\u00a0d\x0be\x0cf\x1cg", False, False) == [["A", "b", "c\u00a0d", "e", "f\x1cg"]]


def test_the_table_holds_what_is_said_of_every_code_point() -> None:
    found = kernel.table(True)
    for point, entry in enumerate(found.tolist()):
        letter, sort = kernel.folded(chr(point))
        assert entry >> 24 == sort and (sort in (kernel.CUT, kernel.GONE) or chr(entry & 0xFFFFFF) == letter), hex(point)
    points = [0x20000, 0x2F800, 0x30000, 0x3FFFF, 0x40000, 0xE0001, 0xE0020, 0xE0080, 0xE0100, 0xE01EF, 0xE01F0, 0x10FFFF]
    texts = [f"a{chr(point)}b" for point in points]
    numbers = kernel.number(
        *buffers(arrow(texts)), *Reading(lines=False).arguments, *kernel.vocabulary(*buffers(arrow(["x"]))), 3
    )
    assert sum(n > END for n in numbers[0].tolist()) == sum(len(sentences(text, True, False)[0]) for text in texts)


@pytest.mark.parametrize(("order", "reading"), [(1, READINGS[0]), (2, READINGS[1]), (3, READINGS[2]), (5, READINGS[3])], ids=str)
def test_scores_equal_their_definition(order: int, reading: Reading) -> None:
    model = train([arrow(CORPUS)], order, reading)
    found = model.score_batch(arrow(ODD), reading)
    for i, text in enumerate(ODD):
        log, *counts = model.score(text, reading)
        assert math.isclose(log, found.logs[i], rel_tol=1e-12), text
        assert counts == [found.words[i], found.unknown[i], found.sentences[i]]


@pytest.mark.parametrize(("order", "prune"), [(1, ()), (2, (0, 1)), (4, ()), (4, (0, 0, 1)), (4, (0, 1, 1, 2))])
def test_probabilities_of_every_context_sum_to_one(order: int, prune: tuple[int, ...]) -> None:
    model = train([arrow(CORPUS)], order, Reading(), prune)
    words = range(len(model.vocabulary))
    contexts = [[], [BEGIN], [UNKNOWN], [5, 4], [BEGIN, 3, 4], [7, 3, 4], *([w] for w in words if w > END)]
    for context in contexts:
        assert sum(10 ** model.log10(context, w) for w in words if w != BEGIN) == pytest.approx(1, abs=1e-5), context


def kneser_ney(texts: list[str], order: int, reading: Reading) -> dict[tuple[str, ...], tuple[float, float]]:
    """Chen and Goodman's section 3.2 with dictionaries: n-gram to probability and back-off weight."""
    padded = [["<s>", *sentence, "</s>"] for sentence in plain_words(texts, reading)]
    counts: list[Counter[tuple[str, ...]]] = [Counter() for _ in range(order)]
    for sentence in padded:
        for n in range(1, order + 1):
            counts[n - 1].update(tuple(sentence[i : i + n]) for i in range(len(sentence) - n + 1))
    for n in range(order - 1):
        left = Counter(gram[1:] for gram in counts[n + 1])
        counts[n] = Counter({g: c if g[0] == "<s>" else left[g] for g, c in counts[n].items()})
    counts[0]["<s>"] = counts[0]["<unk>"] = 0
    del counts[0]["<s>"], counts[0]["<unk>"]
    counts[0][("<s>",)] = counts[0][("<unk>",)] = 0
    lower: dict[tuple[str, ...], float] = defaultdict(lambda: 1 / (len(counts[0]) - 1))
    out: dict[tuple[str, ...], tuple[float, float]] = {}
    for n in range(order):
        steps = [0.0, *discounts(np.array(list(counts[n].values()))).values]
        whole: Counter[tuple[str, ...]] = Counter()
        freed: dict[tuple[str, ...], float] = defaultdict(float)
        for gram, c in counts[n].items():
            whole[gram[:-1]] += c
            freed[gram[:-1]] += steps[min(c, 3)]
        here = {}
        for gram, c in counts[n].items():
            h = gram[:-1]
            here[gram] = (c - steps[min(c, 3)]) / whole[h] + freed[h] / whole[h] * lower[gram[1:]]
        if n == 0:
            here[("<s>",)] = 1.0
        for h in whole:
            if h:
                out[h] = (out[h][0], freed[h] / whole[h])
        out |= {gram: (p, 1.0) for gram, p in here.items()}
        lower = defaultdict(float, here)
    return out


def grams(model: NGrams) -> dict[tuple[str, ...], tuple[float, float]]:
    names: list[tuple[str, ...]] = [(word,) for word in model.vocabulary]
    for i in range(model.sizes[0], len(model.words)):
        names.append((*names[model.contexts[i]], model.vocabulary[model.words[i]]))
    return {name: (10.0**p, 10.0**b) for name, (p, b) in zip(names, model.logs.tolist(), strict=True)}


@pytest.mark.parametrize(("order", "reading"), [(1, READINGS[0]), (2, READINGS[1]), (3, READINGS[2]), (5, READINGS[0])], ids=str)
def test_estimation_equals_a_plain_one(order: int, reading: Reading) -> None:
    texts = [row.base.text for row in World(seed=3, size=25, shares={}).rows()] + CORPUS
    model, expected = train([arrow(texts)], order, reading), kneser_ney(texts, order, reading)
    found = grams(model)
    assert found.keys() == expected.keys()
    for gram, values in expected.items():
        assert found[gram] == pytest.approx(values, rel=2e-6), gram


def test_discounts_by_hand() -> None:
    found = discounts(np.repeat([1, 2, 3, 4, 9], [10, 5, 3, 2, 7]))
    assert found.values == pytest.approx((1 - 2 * 0.5 * 5 / 10, 2 - 3 * 0.5 * 3 / 5, 3 - 4 * 0.5 * 2 / 3))
    assert found.estimated
    assert discounts(np.array([1, 1, 3])) == ((0.5, 1.0, 1.5), False)


def test_a_bigram_model_by_hand() -> None:
    model = train([arrow(["a b", "a c"])], 2, Reading())
    # Left neighbours: a 1, b 1, c 1, </s> 2: discounts .5, .5, .5, 1, so 2.5 of 5 is freed and spread over 5 words.
    floor = 2.5 / 5 / 5
    unigrams = {"a": 0.5 / 5 + floor, "</s>": 1 / 5 + floor, "<unk>": floor}
    found = grams(model)
    for word, p in unigrams.items():
        assert found[(word,)][0] == pytest.approx(p, rel=1e-6)
    assert found[("<s>",)] == pytest.approx((1.0, 1 / 2))  # <s> a, twice, is all that follows <s>: D2 = 1 of 2
    assert found["<s>", "a"][0] == pytest.approx((2 - 1) / 2 + 1 / 2 * unigrams["a"], rel=1e-6)
    assert found["a", "b"][0] == pytest.approx((1 - 0.5) / 2 + (0.5 + 0.5) / 2 * found[("b",)][0], rel=1e-6)


def test_batches_and_runs_change_nothing() -> None:
    texts = [row.base.text for row in World(seed=4, size=60, shares={}).rows()]
    whole = train([arrow(texts)], 3, Reading())
    parts = train([arrow(texts[:7]), arrow([]), arrow(texts[7:])], 3, Reading())
    assert whole.vocabulary == parts.vocabulary
    for name in ("contexts", "words", "logs"):
        assert getattr(whole, name).tobytes() == getattr(parts, name).tobytes()


@pytest.mark.parametrize("name", ["model.arpa", "model.arpa.gz"])
def test_arpa_files_give_back_the_model(name: str, tmp_path: Path) -> None:
    model = train([arrow(CORPUS)], 4, Reading())
    arpa.write(model, tmp_path / name)
    again = arpa.read(tmp_path / name)
    assert grams(again) == grams(model)
    found, expected = (m.score_batch(arrow(ODD), Reading()) for m in (again, model))
    assert np.allclose(found.logs, expected.logs, rtol=1e-12, atol=0)


ARPA = """\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-99\t<s>\t-0.3
-1\t</s>
-0.5 a -0.25
-0.7\tb\t-0.125

\\2-grams:
-0.1\t<s> a
-0.2\ta b

\\end\\
"""


def test_arpa_by_hand(tmp_path: Path) -> None:
    (tmp_path / "m.arpa").write_text(ARPA)
    score = Perplexity(Pinned.file(tmp_path / "m.arpa"), Reading(fold=False))
    log = -0.1 - 0.2 + (-0.125 - 1)  # <s> a, a b, then back off from b to </s>
    assert score.score("a b") == pytest.approx((10 ** (-log / 3), log, 2, 0.0), rel=1e-6)
    log = (-0.3 - 0.7) + (-0.125 - 100) - 1  # an unknown word without <unk> is -100, and nothing is known after it
    assert score.score("b x") == pytest.approx((10 ** (-log / 3), log, 2, 0.5), rel=1e-6)
    both = -0.1 - 0.25 - 1 + (-0.3 - 1)  # two sentences: "a", and an empty line
    assert score.score("a\n")[1] == pytest.approx(both, rel=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\data\\", "data", "line 1: not an ARPA file"),
        ("ngram 2=2", "ngram 3=2", "line 3: the number of 2-grams expected"),
        ("-0.1\t<s> a\n", "", "expected"),
        ("-0.2\ta b", "-0.2\ta z", "line 13: the word 'z' is no unigram"),
        ("-0.2\ta b", "x\ta b", "line 13: a number expected"),
        ("-0.2\ta b", "nan\ta b", "not finite"),
        ("-0.2\ta b", "-0.1\t<s> a", "twice"),
        ("-0.2\ta b", "-0.2\ta b a a", "line 13: a probability, 2 words"),
        ("-99\t<s>\t-0.3", "-99\tc\t-0.3", "no <s>"),
        ("\\end\\", "", "cut short"),
        ("\\data\\", "mmap lm http://kheafield.com/code format", "binary file of KenLM"),
    ],
)
def test_damaged_arpa_files_are_refused_in_one_line(old: str, new: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "m.arpa").write_text(ARPA.replace(old, new, 1))
    with pytest.raises(TamisError) as error:
        arpa.read(tmp_path / "m.arpa")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_ngram_whose_beginning_is_missing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.arpa").write_text(
        ARPA.replace("ngram 2=2", "ngram 2=2\nngram 3=1").replace("\\end\\", "\\3-grams:\n-0.1\tb a b\n\n\\end\\")
    )
    with pytest.raises(TamisError, match="a 3-gram begins with 2 words that are no 2-gram"):
        arpa.read(tmp_path / "m.arpa")


def test_conformance(tmp_path: Path) -> None:
    arpa.write(train([arrow(CORPUS)], 3, Reading()), tmp_path / "m.arpa")
    conformance(Perplexity(Pinned.file(tmp_path / "m.arpa")))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    World(seed=5, size=500, shares=SHARES | {"shuffled": 0.15, "spam": 0.15}).write_jsonl(folder / "pool.jsonl")
    World(seed=6, size=400, shares={}).write_jsonl(folder / "good.jsonl")
    return folder


POOL = Dataset.jsonl("pool.jsonl", meta=("planted",))
GOOD = Dataset.jsonl("good.jsonl")


def planted(dataset: Dataset, root: Path, store: Path) -> Counter[str]:
    metas = dataset.head(-1, str(root), str(store)).column("meta").to_pylist()
    return Counter(json.loads(meta)["planted"]["kind"] for meta in metas)


def test_shuffled_text_surprises_a_model_of_good_text(root: Path, tmp_path: Path) -> None:
    clean = POOL.keep(Perplexity(Trained(GOOD, order=3)).perplexity, max=150)
    before, after = planted(POOL, root, tmp_path), planted(clean, root, tmp_path)
    assert after["shuffled"] <= 0.1 * before["shuffled"]
    assert after["clean"] >= 0.95 * before["clean"]


def test_two_models_part_what_one_cannot(root: Path, tmp_path: Path) -> None:
    World(seed=7, size=300, shares={"spam": 0.9}).write_jsonl(root / "bad.jsonl")
    wanted, unwanted = Perplexity(Trained(GOOD, order=3)), Perplexity(Trained(Dataset.jsonl("bad.jsonl"), order=3))
    score = Contrast(wanted, unwanted)
    steps = run(score.requires(Resolver(root).view), Store(tmp_path), Local(1), Where(str(root)))
    bound = score.bind([step.path for step in steps])
    conformance(bound, large=False)
    before, after = planted(POOL, root, tmp_path), planted(POOL.keep(score, min=0), root, tmp_path)
    assert after["clean"] >= 0.95 * before["clean"]
    assert after["spam"] <= 0.4 * before["spam"]


@pytest.mark.parametrize("lines", [True, False])
def test_pieces_of_a_tokenizer_are_words(lines: bool, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes(train_bpe(CORPUS * 3, 300))
    tokenizer = Tokenizer.load(tmp_path / "tokenizer.json")
    reading = Reading(False, lines, Pieces(Pinned.file(tmp_path / "tokenizer.json")))
    model = train([arrow(CORPUS)], 3, reading)
    found = model.score_batch(arrow(ODD), reading)
    for i, text in enumerate(ODD):
        parts = text.split("\n") if lines else [text]
        assert found.words[i] == sum(len(tokenizer.encode(part)) for part in parts), text
        assert math.isclose(model.score(text, reading)[0], found.logs[i], rel_tol=1e-12)
    assert found.unknown[: len(CORPUS)].tolist() == [0] * len(CORPUS)
    with pytest.raises(UsageError, match="never folded"):
        Reading(True, lines, reading.pieces)


def test_a_binary_file_of_kenlm_needs_its_library_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.bin").write_bytes(b"mmap lm http://kheafield.com/code")
    score = KenLMPerplexity(Pinned.file(tmp_path / "m.bin"))
    monkeypatch.setitem(sys.modules, "kenlm", None)
    with pytest.raises(UsageError, match=r"pip install tamis\[kenlm\]"):
        score.score("text")


def test_kenlm_gives_the_same_perplexities(tmp_path: Path) -> None:
    pytest.importorskip("kenlm")
    arpa.write(train([arrow(CORPUS)], 3, Reading(False)), tmp_path / "m.arpa")
    texts = [text for text in ODD if not re.search("\x00|</?s>|<unk>", text)]
    for lines in (True, False):
        ours = Perplexity(Pinned.file(tmp_path / "m.arpa"), Reading(False, lines)).score_batch(arrow(texts))
        theirs = KenLMPerplexity(Pinned.file(tmp_path / "m.arpa"), lines).score_batch(arrow(texts))
        assert ours.column("words").equals(theirs.column("words"))
        assert np.allclose(ours.column("perplexity"), theirs.column("perplexity"), rtol=1e-4)


def test_the_training_step_publishes_equal_bytes(root: Path, tmp_path: Path) -> None:
    step = Perplexity(Trained(GOOD, order=3)).requires(Resolver(root).view)[0]
    models = []
    for workers in (1, 2):
        (found,) = run([step], Store(tmp_path / str(workers)), Local(workers), Where(str(root)))
        models.append({p.name: p.read_bytes() for p in found.path.iterdir() if p.suffix in (".npy", ".json", ".txt")})
    assert models[0] == models[1]
    assert found.facts["documents"] == found.ledger.rows_in == 400
    assert len(found.facts["sizes"]) == len(found.facts["discounts"]) == 3


def test_at_most_so_many_bytes_are_used(root: Path, tmp_path: Path) -> None:
    step = Perplexity(Trained(GOOD, order=2, most=100_000)).requires(Resolver(root).view)[0]
    (found,) = run([step], Store(tmp_path), Local(1), Where(str(root)))
    assert 60_000 < found.facts["bytes"] < 140_000
    assert found.ledger.rows_in == 400


def test_what_is_declared_is_in_the_key(root: Path) -> None:
    view = Resolver(root).view
    declared = [
        Perplexity(Trained(GOOD)),
        Perplexity(Trained(POOL)),
        Perplexity(Trained(GOOD, order=3)),
        Perplexity(Trained(GOOD, prune=(0, 0, 1))),
        Perplexity(Trained(GOOD, most=1000)),
        Perplexity(Trained(GOOD), Reading(fold=False)),
        Perplexity(Trained(GOOD), Reading(lines=False)),
    ]
    assert len({p.requires(view)[0].key for p in declared}) == len(declared)


def test_misuse_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="order must be"):
        train([arrow(CORPUS)], 9, Reading())
    with pytest.raises(UsageError, match="prune must begin with 0"):
        train([arrow(CORPUS)], 3, Reading(), (1, 0))
    with pytest.raises(UsageError, match="no document has a word"):
        train([arrow(["", " \n"])], 3, Reading())
    with pytest.raises(TamisError, match="after its training step"):
        Perplexity(Trained(GOOD)).score("text")
    assert TrainNGrams.kind == "n-grams"
