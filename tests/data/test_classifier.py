"""The quality classifier: kernels against definitions, and what it learns on a world whose truth is known."""

from __future__ import annotations

import json
from collections import defaultdict
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
from tamis.data.classifier import (
    BINS,
    QualityClassifier,
    TrainClassifier,
    Training,
    auc,
    auc_interval,
    calibration_error,
    load,
    platt,
    shuffled,
    train,
)
from tamis.data.dataset import Dataset, Resolver
from tamis.data.world import SHARES, World
from tamis.data.world.prose import Prose
from tamis.kernels.jit import buffers
from tamis.kernels.linear import descend, features, hash_all, margin, margins

SCRIPTS = [
    "",
    " \n\t",
    "The Cat sat; the cat's 12 mats (345) - don't!",
    "Straße über Ärger, ΣΊΣΥΦΟΣ, Жук №7",
    "中文没有空格。 日本語も！",
    "a" * 5000,
    "!?!?" * 40,
    "tab\tsep\x00nul\x01 snake_case CamelCase 0xFF",
    "👩‍🚀 emoji and ́combining",
]


def arrow(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


@pytest.fixture(scope="module")
def prose() -> tuple[pa.Array, pa.Array]:
    """Good texts, and the same with their words shuffled, from a seed that no other world here has."""
    good = list(map(Prose(7).document, range(300)))
    return arrow(good), arrow(shuffled(good, 0))


def held(count: int) -> np.ndarray:
    return np.arange(count) % 5 == 0


@pytest.mark.parametrize("bits", [8, 18])
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(max_size=60), min_size=1, max_size=5))
def test_features_equal_their_definition(bits: int, texts: list[str]) -> None:
    for batch in (texts, SCRIPTS):
        found, places = hash_all(buffers(arrow(batch)), bits)
        for i, text in enumerate(batch):
            assert found[places[i] : places[i + 1]].tolist() == features(text, bits)


def test_features_fold_case_and_digits_and_count_pairs() -> None:
    assert features("Room 101", 20) == features("rOOM 999", 20)
    assert features("a b", 20) != features("b a", 20)
    assert sorted(features("a b", 20)[::2]) == sorted(features("b a", 20)[::2])
    assert len(features("don't", 20)) == 6


def test_margins_equal_their_definition() -> None:
    weights = np.random.default_rng(0).normal(size=1 << 10).astype(np.float32)
    hashed = hash_all(buffers(arrow(SCRIPTS)), 10)
    assert margins(*hashed, weights, 0.25).tolist() == [margin(features(t, 10), weights, 0.25) for t in SCRIPTS]


def test_a_feature_repeated_weighs_no_more_than_once() -> None:
    weights = np.random.default_rng(1).normal(size=1 << 16).astype(np.float32)
    weights[features("! !", 16)[3]] = 0  # the pair of two signs
    alone = weights[features("!", 16)[0]]
    assert margin(features("!" * 10_000, 16), weights, 0.0) == pytest.approx(alone / np.sqrt(2), rel=0.01)


def test_a_slice_of_an_array_is_read_at_its_place() -> None:
    whole = arrow(SCRIPTS)
    found, places = hash_all(buffers(whole.slice(2, 3)), 12)
    assert found.tolist() == [b for t in SCRIPTS[2:5] for b in features(t, 12)]
    assert len(places) == 4


def test_one_step_of_descent_by_hand() -> None:
    hashed, places = hash_all(buffers(arrow(["word"])), 8)
    weights, bias = descend(hashed, places, np.array([True]), np.array([2.0]), np.array([[0]]), 8, 0.5)
    assert bias == 0.5 * 2.0 * 0.5  # rate * cost * (1 - 1/2)
    assert np.flatnonzero(weights).tolist() == sorted(features("word", 8))
    assert weights.max() == np.float32(0.5 / np.sqrt(2))


def test_training_is_deterministic_and_depends_on_the_seed(prose: tuple[pa.Array, pa.Array]) -> None:
    good, bad = prose
    costs = np.ones(len(bad))
    first, second, other = (train(good, bad, costs, held(600), Training(seed=seed))[0] for seed in (0, 0, 1))
    assert first.weights.tobytes() == second.weights.tobytes()
    assert first[1:] == second[1:]
    assert first.weights.tobytes() != other.weights.tobytes()


def test_score_equals_score_batch_and_survives_saving(prose: tuple[pa.Array, pa.Array], tmp_path: Path) -> None:
    good, bad = prose
    model, _ = train(good, bad, np.ones(len(bad)), held(600), Training(bits=14))
    model.save(tmp_path / "weights.npy", tmp_path / "model.json")
    again = load(tmp_path)
    texts = SCRIPTS + good.to_pylist()[:50]
    assert again.score_batch(arrow(texts)).tolist() == [model.score(t) for t in texts]
    assert all(0 <= p <= 1 for p in again.score_batch(arrow(texts)).tolist())
    assert again.weights.dtype == np.float32


def test_held_out_figures(prose: tuple[pa.Array, pa.Array]) -> None:
    good, bad = prose
    model, measured = train(good, bad, np.ones(len(bad)), held(600), Training())
    mask = held(600)
    assert len(measured.positives) == len(measured.negatives) == BINS
    assert sum(measured.positives) == mask[:300].sum()
    assert sum(measured.negatives) == mask[300:].sum()
    p, n = (model.score_batch(t.filter(pa.array(m))) for t, m in ((good, mask[:300]), (bad, mask[300:])))
    assert measured.auc == pytest.approx(np.mean(p[:, None] > n[None]) + np.mean(p[:, None] == n[None]) / 2)
    assert measured.auc > 0.99


def test_nothing_to_learn_gives_an_auc_of_a_half() -> None:
    texts = list(map(Prose(3).document, range(400)))
    _, measured = train(arrow(texts[:200]), arrow(texts[200:]), np.ones(200), held(400), Training())
    assert 0.3 < measured.auc < 0.7


def test_auc_by_hand() -> None:
    assert auc(np.array([3.0, 1.0]), np.array([2.0, 1.0])) == (1 + 1 + 0 + 0.5) / 4


def test_the_interval_of_auc_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    truth = auc(rng.normal(size=200_000) + 1, rng.normal(size=200_000))
    found = [auc_interval(rng.normal(size=120) + 1, rng.normal(size=60)) for _ in range(400)]
    assert 0.92 <= np.mean([low <= truth <= high for low, high in found]) <= 0.975
    assert auc_interval(np.arange(10.0) + 10, np.arange(10.0)) == (0.9, 1.0)
    low, high = auc_interval(np.ones(9), np.ones(9))
    assert low == high == 0.5


def test_calibration_error_sees_what_no_slope_can_mend() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=20_000) * 2
    honest = rng.random(20_000) < 1 / (1 + np.exp(-values))
    assert calibration_error(values, honest, np.ones(20_000)) < 0.015
    bent = rng.random(20_000) < np.where(abs(values) > 2, 0.9, 0.1)
    assert calibration_error(values, bent, np.ones(20_000)) > 0.2


def test_platt_finds_the_calibration() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=50_000) * 2
    labels = rng.random(50_000) < 1 / (1 + np.exp(-(1.7 * values - 0.6)))
    slope, offset = platt(values, labels, np.ones(50_000))
    assert slope == pytest.approx(1.7, abs=0.08)
    assert offset == pytest.approx(-0.6, abs=0.06)


def test_perfect_separation_does_not_overflow() -> None:
    slope, offset = platt(np.array([-9.0, -8.0, 8.0, 9.0]), np.array([False, False, True, True]), np.ones(4))
    assert np.isfinite([slope, offset]).all()
    assert slope > 0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pool of a world with much spam and shuffled text, and reference documents that are not in it."""
    folder = tmp_path_factory.mktemp("data")
    World(seed=5, size=900, shares=SHARES | {"shuffled": 0.15, "spam": 0.15}).write_jsonl(folder / "pool.jsonl")
    World(seed=6, size=400, shares={}).write_jsonl(folder / "good.jsonl")
    return folder


POOL = Dataset.jsonl("pool.jsonl", meta=("planted",))
GOOD = Dataset.jsonl("good.jsonl")


def kinds(root: Path, dataset: Dataset, store: Path) -> dict[str, int]:
    out: dict[str, int] = defaultdict(int)
    for meta in dataset.head(-1, str(root), str(store)).column("meta").to_pylist():
        out[json.loads(meta)["planted"]["kind"]] += 1
    return out


def test_word_order_alone_drops_shuffled_text_and_spares_good_text(root: Path, tmp_path: Path) -> None:
    before = kinds(root, POOL, tmp_path)
    after = kinds(root, POOL.keep(QualityClassifier(GOOD), min=0.5), tmp_path)
    assert after["shuffled"] <= 0.1 * before["shuffled"]
    assert after["clean"] >= 0.95 * before["clean"]
    assert after["personal"] >= 0.9 * before["personal"]


def test_a_pool_as_negatives_teaches_what_spam_says(root: Path, tmp_path: Path) -> None:
    before = kinds(root, POOL, tmp_path)
    after = kinds(root, POOL.top(QualityClassifier(GOOD, POOL, shuffle=0.5), 0.6), tmp_path)
    assert after["spam"] <= 0.4 * before["spam"]
    assert after["clean"] >= 0.8 * before["clean"]


def test_the_training_step_publishes_figures_and_equal_bytes(root: Path, tmp_path: Path) -> None:
    step = QualityClassifier(GOOD, POOL, shuffle=0.5).requires(Resolver(root).view)[0]
    models = []
    for name in ("a", "b"):
        store = Store(tmp_path / name)
        (found,) = run([step], store, Local(1 if name == "a" else 2), Where(str(root)))
        models.append({p.name: p.read_bytes() for p in found.path.iterdir() if p.suffix in (".npy", ".json")})
    assert models[0] == models[1]
    facts = found.facts
    assert (facts["positives"], facts["negatives"], facts["shuffled"]) == (400, 900, 400)
    assert 0.5 < facts["auc_interval"][0] <= facts["auc"] <= facts["auc_interval"][1] <= 1
    assert 0 <= facts["calibration_error"] < 0.2
    assert sum(facts["held_out"]["negatives"]) == pytest.approx(260, abs=50)


def test_at_most_so_many_examples_are_used_whatever_their_order(root: Path, tmp_path: Path) -> None:
    step = QualityClassifier(GOOD, most=100).requires(Resolver(root).view)[0]
    (found,) = run([step], Store(tmp_path), Local(1), Where(str(root)))
    assert (found.facts["positives"], found.facts["shuffled"]) == (100, 100)
    assert found.ledger.rows_in == found.ledger.rows_out == 400


def test_what_is_declared_is_in_the_key(root: Path) -> None:
    view = Resolver(root).view
    declared = [
        QualityClassifier(GOOD),
        QualityClassifier(POOL),
        QualityClassifier(GOOD, POOL),
        QualityClassifier(GOOD, POOL, shuffle=0.5),
        QualityClassifier(GOOD, training=Training(seed=1)),
        QualityClassifier(GOOD, most=100),
    ]
    assert len({c.requires(view)[0].key for c in declared}) == len(declared)
    assert QualityClassifier(GOOD).requires(view)[0].key == QualityClassifier(GOOD, shuffle=1.0).requires(view)[0].key


def test_misuse_is_refused_in_one_line(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="shuffle must be"):
        QualityClassifier(GOOD, shuffle=0.5)
    with pytest.raises(UsageError, match="bits must be"):
        Training(bits=40)
    with pytest.raises(TamisError, match="after its training step"):
        QualityClassifier(GOOD).score("text")
    few = QualityClassifier(GOOD.sample(0.05), most=40)
    with pytest.raises(TamisError, match="positive examples are too few"):
        run([few.requires(Resolver(root).view)[0]], Store(tmp_path), Local(1), Where(str(root)))
    assert TrainClassifier.kind == "classifier"
