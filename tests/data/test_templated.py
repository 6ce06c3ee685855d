"""Signs of templates: kernels against definitions, values by hand, and what they say of a world whose truth is known."""

from __future__ import annotations

import json
import math
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
from tamis.data.classifier import auc
from tamis.data.dataset import Dataset, Resolver
from tamis.data.groups import TwoGroups, otsu, two_groups
from tamis.data.score import Score
from tamis.data.scores.perplexity import Perplexity, Trained
from tamis.data.scores.templated import Compressibility, CountedPhrases, SharedPhrases, WordEntropy
from tamis.data.world import SHARES, World
from tamis.testing import TEXTS, conformance


def arrow(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


@pytest.mark.parametrize("score", [Compressibility(), Compressibility(512), WordEntropy()], ids=str)
def test_conformance(score: Score) -> None:
    conformance(score)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab cé中\n.", max_size=60), min_size=1, max_size=4))
def test_entropy_equals_its_definition(texts: list[str]) -> None:
    found = WordEntropy().score_batch(arrow(texts)).to_pylist()
    for text, row in zip(texts, found, strict=True):
        assert tuple(row.values()) == pytest.approx(WordEntropy().score(text), abs=1e-12)


def test_entropy_by_hand() -> None:
    assert WordEntropy().score("a b, a b! a b a b") == pytest.approx((8, 1.0, 1 / math.log2(6)))
    assert WordEntropy().score("every word here is another") == (5, math.log2(5), 1.0)
    assert WordEntropy().score("") == (0, 0.0, 1.0)


def test_compressibility_sees_repetition_and_hardly_length() -> None:
    rng = np.random.default_rng(0)
    letters = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz "), 65_536))
    short, long = Compressibility().score(letters[:8192]), Compressibility().score(letters)
    assert short == pytest.approx(long, rel=0.01)
    assert Compressibility().score("buy now " * 1000) < 0.01 < 0.5 < long < 0.7  # log2(27) / 8 = .59
    assert Compressibility().score("") == 1.0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    World(seed=8, size=600, shares=SHARES | {"spam": 0.2}).write_jsonl(folder / "pool.jsonl")
    World(seed=9, size=300, shares={"spam": 0.99}).write_jsonl(folder / "bad.jsonl")
    return folder


POOL = Dataset.jsonl("pool.jsonl", meta=("planted",))


def kinds(root: Path, dataset: Dataset, store: Path) -> dict[str, int]:
    out: dict[str, int] = defaultdict(int)
    for meta in dataset.head(-1, str(root), str(store)).column("meta").to_pylist():
        out[json.loads(meta)["planted"]["kind"]] += 1
    return out


def test_planted_spam_repeats_itself_and_boilerplate_repeats_others(root: Path, tmp_path: Path) -> None:
    rows = POOL.head(-1, str(root), str(tmp_path))
    kind = np.array([json.loads(meta)["planted"]["kind"] for meta in rows.column("meta").to_pylist()])
    texts = rows.column("text").combine_chunks()
    even = WordEntropy().score_batch(texts).column("evenness").to_numpy()
    assert auc(-even[kind == "spam"], -even[kind == "clean"]) > 0.9
    score = SharedPhrases(POOL)
    (step,) = run([score.requires(Resolver(root).view)[0]], Store(tmp_path), Local(1), Where(str(root)))
    shared = score.bind([step.path]).score_batch(texts).column("shared").to_numpy()
    assert auc(shared[kind == "boilerplate"], shared[kind == "clean"]) > 0.8
    assert abs(auc(shared[kind == "spam"], shared[kind == "clean"]) - 0.5) < 0.1  # each has phrases of its own


def test_shared_phrases_equal_their_definition(root: Path, tmp_path: Path) -> None:
    score = SharedPhrases(POOL, length=3, documents=4)
    (step,) = run([score.requires(Resolver(root).view)[0]], Store(tmp_path), Local(1), Where(str(root)))
    bound = score.bind([step.path])
    texts = [*TEXTS[:-2], *POOL.head(20, str(root), str(tmp_path)).column("text").to_pylist()]
    found = bound.score_batch(arrow(texts)).column("shared").to_pylist()
    assert found == [bound.score(text)[0] for text in texts]  # type: ignore[index]
    assert max(found) > 0.2
    conformance(bound, large=False)
    assert step.facts["common"] < step.facts["phrases"]


def test_phrases_by_hand(tmp_path: Path) -> None:
    texts = ["one two three four", "one two three five", "One, two; three!", "one two"]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in enumerate(texts)))
    data = Dataset.jsonl("t.jsonl")
    score = SharedPhrases(data, length=3, documents=3)
    (step,) = run([score.requires(Resolver(tmp_path).view)[0]], Store(tmp_path / "store"), Local(1), Where(str(tmp_path)))
    assert step.facts == {"phrases": 4, "common": 1}
    bound = CountedPhrases(str(step.path), 3)
    assert bound.score_batch(arrow([*texts, ""])).column(0).to_pylist() == [0.5, 0.5, 1.0, 0.0, 0.0]


def test_otsu_by_hand() -> None:
    assert otsu(np.array([1.0, 1.1, 1.2, 5.0, 5.2])) == pytest.approx(3.1)
    assert otsu(np.array([0.0, 0.0, 0.0, 1.0])) == 0.5


def test_two_groups_finds_a_planted_mixture() -> None:
    rng = np.random.default_rng(3)
    found = two_groups(np.concatenate([rng.normal(2, 0.5, 3000), rng.normal(6, 1, 1000)]))
    assert found.means == pytest.approx((2, 6), abs=0.1)
    assert found.deviations == pytest.approx((0.5, 1), abs=0.1)
    assert found.shares == pytest.approx((0.75, 0.25), abs=0.02)
    assert found.apart == pytest.approx(4 / math.sqrt(0.625), abs=0.3)
    equal = [s / d * math.exp(-(((found.threshold - m) / d) ** 2) / 2) for m, d, s in zip(*found[1:4], strict=True)]
    assert equal[0] == pytest.approx(equal[1], rel=0.01)


def test_one_group_is_not_two() -> None:
    assert two_groups(np.random.default_rng(1).normal(size=5000)).apart < 2
    with pytest.raises(UsageError, match="too few"):
        two_groups(np.ones(100))


def test_what_surprises_a_model_of_spam_is_kept_without_a_threshold(root: Path, tmp_path: Path) -> None:
    surprised = TwoGroups(Perplexity(Trained(Dataset.jsonl("bad.jsonl"), order=3)).perplexity)
    before, after = kinds(root, POOL, tmp_path), kinds(root, POOL.select(surprised), tmp_path)
    lower = kinds(root, POOL.select(TwoGroups(surprised.field, keep="low")), tmp_path)
    assert {kind: after[kind] + lower[kind] for kind in before} == before
    assert lower["spam"] == sum(lower.values()) > 20  # the low group is spam; not all spam is in it


def test_misuse_is_refused_in_one_line(root: Path, tmp_path: Path) -> None:
    with pytest.raises(TamisError, match="has not two groups: Ashman's D is"):
        POOL.select(TwoGroups(WordEntropy().evenness)).head(-1, str(root), str(tmp_path))
    with pytest.raises(UsageError, match="keep must be"):
        TwoGroups(WordEntropy().evenness, keep="both")
    with pytest.raises(UsageError, match="at least 2"):
        SharedPhrases(POOL, length=1)
    with pytest.raises(UsageError, match="at least 256"):
        Compressibility(10)
    with pytest.raises(TamisError, match="after its corpus is counted"):
        SharedPhrases(POOL).score("text")
