"""The world generator: what it says about a document is measured here by other means."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tamis.data.dataset import Dataset
from tamis.data.dedup import Exact
from tamis.data.schema import DOCUMENT
from tamis.data.scores.language import Language
from tamis.data.world import GOOD, SHARES, TRUTH, Base, World, precision_recall
from tamis.data.world.draw import Draw
from tamis.data.world.write import CHARSETS, page
from tamis.kernels.jit import buffers
from tamis.kernels.spans import find_similar, shingle_index

SIZE = 600
GOLDEN = "956c1b43cfad121634380d133d7ca27fb88bf5479b63dc06ef7060e698014c32"


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=0, size=SIZE)


@pytest.fixture(scope="module")
def rows(world: World) -> list[dict[str, Any]]:
    out = []
    for row in world.documents():
        planted = json.loads(row["meta"])["planted"]
        out.append(row | {"kind": planted["kind"], "planted": planted})
    return out


@pytest.fixture(scope="module")
def kinds(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    out = defaultdict(list)
    for row in rows:
        out[row["kind"]].append(row)
    return out


@pytest.fixture(scope="module")
def by_url(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["url"]: row for row in rows}


def test_draw_is_splitmix64() -> None:
    draw = Draw()
    draw._state = 1234567  # reference output of the algorithm's published C code for this seed
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    assert [*draw.raw(3).tolist(), draw.next(), draw.next()] == known


def test_draws_are_uniform_and_orders_are_permutations() -> None:
    draw = Draw("test", 5)
    counts = np.bincount(draw.below(10, 100_000), minlength=10)
    assert counts.min() > 9_600
    assert counts.max() < 10_400
    assert sorted(draw.order(5_000).tolist()) == list(range(5_000))
    assert {draw.one(3) for _ in range(100)} == {0, 1, 2}


def test_the_world_never_drifts(rows: list[dict[str, Any]]) -> None:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(row["text"].encode() + b"\0" + row["meta"].encode() + b"\0")
    assert digest.hexdigest() == GOLDEN, "the world changed: every figure measured on it changes too"


def test_rows_fit_the_schema_and_the_truth_table(world: World, rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist([{name: row[name] for name in DOCUMENT.names} for row in rows], schema=DOCUMENT)
    assert len(set(table.column("id").to_pylist())) == len(set(table.column("url").to_pylist())) == SIZE
    truth = world.truth()
    assert truth.schema == TRUTH
    assert truth.column("id").to_pylist() == table.column("id").to_pylist()
    assert truth.column("kind").to_pylist() == [row["kind"] for row in rows]
    assert truth.column("characters").to_pylist() == [len(row["text"]) for row in rows]
    assert truth.column("good").to_pylist() == [row["kind"] in GOOD for row in rows]


def test_a_row_can_be_made_alone(rows: list[dict[str, Any]]) -> None:
    again = World(seed=0, size=SIZE)
    for number in (599, 3, 77, 250):
        assert next(iter(again.documents(range(number, number + 1))))["text"] == rows[number]["text"]


def test_seeds_differ(rows: list[dict[str, Any]]) -> None:
    other = {row["text"] for row in World(seed=1, size=SIZE).documents()}
    assert not other & {row["text"] for row in rows if row["kind"] == "clean"}


def test_shares_are_exact(kinds: dict[str, list[dict[str, Any]]]) -> None:
    assert {kind: len(kinds[kind]) for kind in SHARES} == {kind: int(SIZE * share + 0.5) for kind, share in SHARES.items()}


@pytest.mark.parametrize(
    ("shares", "message"),
    [({"spma": 0.1}, "plants no spma"), ({"spam": 0.7, "junk": 0.4}, "add up to 1.1"), ({"spam": 1.0}, "fewer than 2 clean")],
)
def test_bad_shares_are_refused(shares: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        World(size=100, shares=shares)


def test_copies_have_the_similarity_they_claim(kinds: dict[str, list[dict[str, Any]]], by_url: dict[str, dict[str, Any]]) -> None:
    for row in kinds["exact-duplicate"]:
        assert row["text"] == by_url[row["planted"]["parent"]]["text"]
    near = kinds["near-duplicate"]
    parents = pa.array([by_url[row["planted"]["parent"]]["text"] for row in near], pa.large_string())
    hits = find_similar(
        buffers(pa.array([row["text"] for row in near], pa.large_string())),
        shingle_index(buffers(parents), punctuation=True),
        0.2,
        punctuation=True,
    )
    measured = {(t, r): j for t, r, j in zip(hits.text.tolist(), hits.reference.tolist(), hits.jaccard.tolist(), strict=True)}
    for i, row in enumerate(near):
        assert measured[i, i] == pytest.approx(row["planted"]["jaccard"], abs=1e-9)
        assert row["planted"]["jaccard"] == pytest.approx(row["planted"]["target"], abs=0.1)
    gaps = [row["planted"]["jaccard"] - row["planted"]["target"] for row in near]
    assert abs(np.mean(gaps)) < 0.02
    assert {row["planted"]["form"] for row in near} == {"replaced", "cut"}


def test_clean_documents_are_not_near_each_other(kinds: dict[str, list[dict[str, Any]]]) -> None:
    texts = buffers(pa.array([row["text"] for row in kinds["clean"]], pa.large_string()))
    hits = find_similar(texts, shingle_index(texts), 0.1)
    assert (hits.text == hits.reference).all()


def test_shuffled_text_has_the_words_of_its_parent(
    kinds: dict[str, list[dict[str, Any]]], by_url: dict[str, dict[str, Any]]
) -> None:
    for row in kinds["shuffled"]:
        parent = by_url[row["planted"]["parent"]]["text"]
        assert Counter(row["text"].split()) == Counter(parent.split())
        assert [len(line.split()) for line in row["text"].split("\n")] == [len(line.split()) for line in parent.split("\n")]
        same = np.mean([a == b for a, b in zip(row["text"].split(), parent.split(), strict=True)])
        assert same < 0.5


def test_personal_data_is_where_it_says_and_nobodys(kinds: dict[str, list[dict[str, Any]]]) -> None:
    reserved = {
        "email": r"[a-z.]+@(mail\.)?example\.(com|org|net)",
        "phone": r"(\+1 )?[(]?\d{3}[)]?[ -]555[ -]01\d\d",
        "ip": r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}|2001:db8::[0-9a-f]{1,2}",
    }
    sorts = Counter()
    for row in kinds["personal"]:
        for sort, value in json.loads(row["planted"]["detail"]):
            assert value in row["text"]
            assert re.fullmatch(reserved[sort], value), value
            sorts[sort] += 1
    assert set(sorts) == set(reserved)


def test_leaks_hold_the_item_in_the_declared_form(world: World, kinds: dict[str, list[dict[str, Any]]]) -> None:
    items = dict(world.question(i) for i in range(100))
    assert len(set(items.values())) == 100
    for row in kinds["leak"]:
        item, form = items[row["planted"]["detail"]], row["planted"]["form"]
        assert (item in row["text"]) == (form == "verbatim")
        assert " ".join(item.split()).lower() in " ".join(row["text"].split()).lower()
    assert {row["planted"]["form"] for row in kinds["leak"]} == {"verbatim", "rewrapped", "recased"}


def test_framed_text_is_a_good_document_between_lines(kinds: dict[str, list[dict[str, Any]]]) -> None:
    clean = {row["text"] for row in kinds["clean"]}
    framed = [row for row in kinds["boilerplate"] if row["planted"]["form"] == "framed"]
    assert len(framed) == len(kinds["boilerplate"]) // 2
    for row in framed:
        before, after = json.loads(row["planted"]["detail"])
        inside = "\n".join(row["text"].split("\n")[before:-after])
        assert len(inside) > 100
        assert inside not in clean
        assert inside.endswith(".")


def test_languages_are_recognised(kinds: dict[str, list[dict[str, Any]]]) -> None:
    def labels(rows: list[dict[str, Any]]) -> list[str]:
        return Language().score_batch(pa.array([row["text"] for row in rows], pa.large_string())).column("label").to_pylist()

    assert np.mean([label == "en" for label in labels(kinds["clean"])]) > 0.98
    wrong = kinds["wrong-language"]
    assert np.mean([a == row["planted"]["form"] for a, row in zip(labels(wrong), wrong, strict=True)]) > 0.9
    assert {row["planted"]["form"] for row in wrong} == {"de", "es"}


def test_spam_has_three_strengths(kinds: dict[str, list[dict[str, Any]]]) -> None:
    offers = re.compile(r"buy cheap|deals 2024|free [a-z ]+ download|click here|top 10|discount code|and save|the lowest", re.I)
    rate = {
        form: np.mean(
            [len(offers.findall(r["text"])) / len(r["text"].split()) for r in kinds["spam"] if r["planted"]["form"] == form]
        )
        for form in ("faint", "plain", "loud")
    }
    assert 0.01 < rate["faint"] < 0.04 < rate["plain"] < 0.09 < rate["loud"]


def test_vocabulary_is_zipfian(kinds: dict[str, list[dict[str, Any]]]) -> None:
    counts = np.array(sorted(Counter(w for r in kinds["clean"] for w in r["text"].lower().split()).values(), reverse=True))
    assert len(counts) > 2_000
    rank = np.arange(10, 1_000)
    slope = np.polyfit(np.log(rank), np.log(counts[rank]), 1)[0]
    assert -1.6 < slope < -0.6


def test_halves_differ_in_nothing(world: World, rows: list[dict[str, Any]]) -> None:
    halves = [list(world.documents(half=i)) for i in (0, 1)]
    assert len(halves[0]) == len(halves[1]) == SIZE // 2
    assert {r["id"] for r in halves[0]} | {r["id"] for r in halves[1]} == {r["id"] for r in rows}
    clean = [sum('"kind": "clean"' in r["meta"] for r in half) for half in halves]
    assert abs(clean[0] - clean[1]) < 4 * np.sqrt(SIZE)


def test_real_documents_as_base() -> None:
    base = tuple(
        Base(f"Document {i} says " + " ".join(f"w{i}x{j}" for j in range(80)), "here", {"licence": "CC0"}) for i in range(90)
    )
    items = (("only", "what is the answer to the only question that was ever asked in this place"),)
    world = World.over(base, {"near-duplicate": 0.2, "leak": 0.1, "spam": 0.1}, items=items)
    found = list(world.documents())
    used = {b.text for b in base} & {r["text"] for r in found}
    assert len(used) == world.counts["clean"]
    assert 85 <= world.counts["clean"] + world.counts["leak"] <= 90
    assert all(json.loads(r["meta"])["licence"] == "CC0" for r in found if '"clean"' in r["meta"])
    with pytest.raises(ValueError, match="need"):
        World(size=1000, base=base)


@pytest.mark.parametrize("name", ["w.jsonl", "w.jsonl.gz", "w.jsonl.zst"])
def test_jsonl_is_read_back(tmp_path: Path, world: World, rows: list[dict[str, Any]], name: str) -> None:
    (tmp_path / "in").mkdir()
    truth = world.write_jsonl(tmp_path / "in" / name, f"in/{name}")
    world.write_jsonl(tmp_path / name)
    assert (tmp_path / name).read_bytes() == (tmp_path / "in" / name).read_bytes()
    table = Dataset.jsonl(f"in/{name}", url="url", meta=("planted",)).head(-1, str(tmp_path), str(tmp_path / "store"))
    assert table.column("id").to_pylist() == truth.column("id").to_pylist()
    assert table.column("text").to_pylist() == [row["text"] for row in rows]
    assert [json.loads(m)["planted"]["kind"] for m in table.column("meta").to_pylist()] == [row["kind"] for row in rows]


def test_untold_jsonl_keeps_the_secret(tmp_path: Path, world: World) -> None:
    world.write_jsonl(tmp_path / "w.jsonl", told=False, numbers=range(50))
    assert "planted" not in (tmp_path / "w.jsonl").read_text(encoding="utf-8")


def test_warc_is_read_back(tmp_path: Path, world: World, rows: list[dict[str, Any]]) -> None:
    (tmp_path / "web").mkdir()
    truth = world.write_warc(tmp_path / "web" / "w.warc.gz", "web/w.warc.gz")
    world.write_warc(tmp_path / "again.warc.gz", "web/w.warc.gz")
    assert (tmp_path / "again.warc.gz").read_bytes() == (tmp_path / "web" / "w.warc.gz").read_bytes()
    table = Dataset.warc("web/*.warc.gz").extract().head(-1, str(tmp_path), str(tmp_path / "store"))
    found = dict(zip(table.column("id").to_pylist(), table.column("text").to_pylist(), strict=True))
    assert set(found) == set(truth.column("id").to_pylist())
    kinds = dict(zip(truth.column("id").to_pylist(), truth.column("kind").to_pylist(), strict=True))
    for id, row in zip(truth.column("id").to_pylist(), rows, strict=True):
        if kinds[id] in ("clean", "wrong-language", "personal", "spam"):
            assert " ".join(row["text"].split()) in " ".join(found[id].split())
            assert "cookie" not in found[id]


def test_pages_come_in_every_charset(world: World) -> None:
    seen = set()
    for row in world.rows(range(400)):
        data, header = page(row)
        seen.add((header, data[:3] == b"\xef\xbb\xbf", re.search(rb'<meta charset="([^"]+)', data[:200]) is not None))
    assert len(seen) >= len(CHARSETS) - 1


def test_precision_and_recall_by_hand() -> None:
    world = World(seed=3, size=200)
    truth = world.truth()
    ids = dict(zip(truth.column("url").to_pylist(), truth.column("id").to_pylist(), strict=True))
    rows = truth.to_pylist()
    reasons: dict[bytes, str | None] = dict.fromkeys(ids.values())
    for row in rows:
        if row["kind"] == "junk":
            reasons[row["id"]] = "noise"
    clean = next(row for row in rows if row["kind"] == "clean" and not any(r["parent"] == row["url"] for r in rows))
    reasons[clean["id"]] = "noise"
    outcomes = {(o.reason, o.kind): o for o in precision_recall(truth, reasons, by_form=False)}
    assert outcomes["noise", "junk"].share == 1.0
    assert outcomes["noise", "clean"].dropped == outcomes["", "clean"].dropped == 1
    assert not outcomes["", "spam"].dropped


def test_a_dropped_original_whose_copy_stays_is_no_harm() -> None:
    truth = World(seed=3, size=200).truth()
    rows = truth.to_pylist()
    copy = next(row for row in rows if row["kind"] == "exact-duplicate")
    parent = next(row for row in rows if row["url"] == copy["parent"])
    reasons: dict[bytes, str | None] = {row["id"]: None for row in rows} | {parent["id"]: "copy"}
    outcomes = {(o.reason, o.kind): o for o in precision_recall(truth, reasons, by_form=False)}
    assert outcomes["copy", "exact-duplicate"].dropped == 1
    assert not outcomes["", "clean"].dropped
    copies = [
        row["id"] for row in rows if row["parent"] == parent["url"] and row["kind"] in ("exact-duplicate", "near-duplicate")
    ]
    lost = precision_recall(truth, reasons | dict.fromkeys(copies, "copy"), by_form=False)
    assert next(o for o in lost if (o.reason, o.kind) == ("copy", "clean")).dropped == 1


def test_exact_dedup_finds_every_exact_copy_and_does_no_harm(tmp_path: Path, world: World) -> None:
    truth = world.write_jsonl(tmp_path / "w.jsonl")
    table = Dataset.jsonl("w.jsonl").dedup(Exact()).head(-1, str(tmp_path), str(tmp_path / "store"))
    kept = set(table.column("id").to_pylist())
    reasons = {id: None if id in kept else "copy" for id in truth.column("id").to_pylist()}
    outcomes = {o.kind: o for o in precision_recall(truth, reasons, by_form=False) if not o.reason}
    assert outcomes["exact-duplicate"].share == 1.0
    assert sum(o.dropped for o in outcomes.values()) == outcomes["exact-duplicate"].dropped
