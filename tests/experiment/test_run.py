"""`run`, `plan`, `eval` and `verify` on a whole small experiment, through the command line."""

from __future__ import annotations

import dataclasses
import json
import random
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small import experiment, pages, target

from tamis import Arm, BitsPerByte, Experiment, Holdout
from tamis.cli import main
from tamis.core.disk import file_sha256
from tamis.core.errors import TamisError, UsageError
from tamis.core.runner import Local
from tamis.core.runner import run as run_steps
from tamis.core.shard import write_table
from tamis.core.step import Where
from tamis.core.store import Store
from tamis.experiment.command import Options, execute, make_plan
from tamis.experiment.disjoint import final_ids
from tamis.stats.compare import Compare

FILE = Path(__file__).with_name("small.py")
SUBJECTS = [
    "river",
    "mountain",
    "library",
    "engine",
    "garden",
    "harbour",
    "teacher",
    "painter",
    "village",
    "winter",
    "letter",
    "kitchen",
    "bridge",
    "forest",
    "market",
]
VERBS = [
    "crosses",
    "describes",
    "builds",
    "remembers",
    "paints",
    "repairs",
    "studies",
    "visits",
    "follows",
    "answers",
    "measures",
    "collects",
]


def sentences(generator: random.Random, count: int) -> str:
    draw = generator.choice
    return " ".join(
        f"The {draw(SUBJECTS)} {draw(VERBS)} the {draw(SUBJECTS)} near the {draw(SUBJECTS)} {generator.randrange(1000)}."
        for _ in range(count)
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a pool (one text in five shouts, one is a leak) and a target, and the experiment run on it once."""
    folder = tmp_path_factory.mktemp("small")
    generator = random.Random(5)
    targets = [sentences(generator, 6) for _ in range(24)]
    pool = [sentences(generator, 12) for _ in range(300)]
    pool = [text.upper() if i % 5 == 0 else text for i, text in enumerate(pool)]
    pool[7] = "Read this first. " + targets[3] + " And that is all."
    for name, texts in (("pool", pool), ("target", targets)):
        lines = [json.dumps({"text": text, "url": f"https://example.org/{name}/{i}"}) for i, text in enumerate(texts)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    assert main([*command(folder, "run"), "--workers", "1"]) == 0
    return folder


def command(folder: Path, verb: str) -> list[str]:
    return [verb, str(FILE), "--data", str(folder), "--store", str(folder / "store"), "--runs", str(folder / "runs")]


def run_folder(place: Path) -> Path:
    (found,) = (place / "runs").iterdir()
    return found


def options(place: Path) -> Options:
    return Options(place / "store", place / "other-runs", place, quiet=True)


def test_the_run_directory_is_complete(place: Path) -> None:
    run = run_folder(place)
    for name in ("experiment.py", "plan.json", "env.json", "events.jsonl", "funnel.parquet", "curves.parquet", "items.parquet"):
        assert (run / name).stat().st_size > 0
    for name in ("report.html", "datasheet.md", "summary.json", "DONE"):
        assert (run / name).stat().st_size > 0
    summary = json.loads((run / "summary.json").read_text())
    assert summary["answer"] in (run / "report.html").read_text().replace("</span>", "").replace("\n", " ") or summary["answer"]
    assert {v["verdict"] for v in summary["verdicts"]} <= {"better", "equivalent", "no difference shown", "no verdict"}
    items = pq.read_table(run / "items.parquet")
    assert items.num_rows == sum(3 * 2 * n for n in (24, held_out_items(place)))


def held_out_items(place: Path) -> int:
    plan = make_plan(experiment, options(place))
    return Store(place / "store").get(plan.items["pool hold-out"]).rows


def test_again_is_cached_and_gives_the_same_bytes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_folder(place)
    names = ("summary.json", "items.parquet", "funnel.parquet", "scores.parquet", "examples.jsonl", "report.html", "datasheet.md")
    before = {name: (run / name).read_bytes() for name in names}
    events = len((run / "events.jsonl").read_text().splitlines())
    assert main([*command(place, "run"), "--workers", "1"]) == 0
    assert len((run / "events.jsonl").read_text().splitlines()) == events
    assert {name: (run / name).read_bytes() for name in names} == before
    assert "Report:" in capsys.readouterr().out


def test_equal_arms_are_called_the_same(place: Path) -> None:
    plan = json.loads((run_folder(place) / "plan.json").read_text())
    assert [arm["same_as"] for arm in plan["arms"]] == [None, None, "quiet"]
    assert sum(step["kind"] == "model" for step in plan["steps"]) == 4


def test_no_arm_holds_held_out_documents(place: Path) -> None:
    plan, store = make_plan(experiment, options(place)), Store(place / "store")
    text, selection = (store.get(s) for s in plan.held_out)
    held = set()
    for shard in text.shards:
        reasons = selection.read(shard.name).column("reason").to_pylist()
        held |= {i for i, r in zip(text.read(shard.name).column("id").to_pylist(), reasons, strict=True) if r is None}
    assert len(held) > 10
    for arm in plan.arms:
        assert not held & set(final_ids(arm, store).tolist())


def test_a_sample_and_the_hold_out_of_one_seed_are_independent(place: Path) -> None:
    """They once drew from one hash: a sample below the hold-out's fraction was empty."""
    plan = make_plan(experiment, options(place))
    view = plan.resolver.view(pages.sample(0.1, seed=experiment.holdout.seed))
    _, selection = run_steps(list(view), Store(place / "store"), Local(1), Where(str(place)))
    assert 10 < selection.ledger.rows_out < 50


def test_the_planted_leak_is_found_and_named(place: Path) -> None:
    hits = [json.loads(line) for line in (run_folder(place) / "contamination.jsonl").read_text().splitlines()]
    assert {hit["arm"] for hit in hits} == {"raw", "quiet", "same"}
    assert len({hit["item"] for hit in hits}) == 1
    items = pq.read_table(run_folder(place) / "items.parquet").to_pylist()
    assert {i["item"] for i in items if i["touched"]} == {hits[0]["item"]}


def test_decontaminate_drops_the_leak_from_every_arm(place: Path) -> None:
    plan = make_plan(dataclasses.replace(experiment, decontaminate=True), options(place))
    stages = [arm.stages[-1].name for arm in plan.arms]
    assert stages == ["decontaminate"] * 3
    assert all(arm.view.selection == arm.touched for arm in plan.arms)


def test_touched_items_are_scored_apart_in_the_report(place: Path) -> None:
    summary = json.loads((run_folder(place) / "summary.json").read_text())
    assert [(t["arm"], t["touched"], t["here"], t["untouched"]) for t in summary["touched"]] == [
        ("raw", 1, 1, 23),
        ("quiet", 1, 1, 23),
        ("same", 1, 1, 23),
    ]
    items = pq.read_table(run_folder(place) / "items.parquet").to_pylist()
    own = [i for i in items if i["touched"] and i["arm"] == "raw"]
    by_hand = sum(i["value"] for i in own) / sum(i["weight"] for i in own)
    assert summary["touched"][0]["score_touched"] == pytest.approx(by_hand)
    assert summary["touched"][0]["low"] is None  # one item has no interval
    assert {(c["items_touched"], c["items_searched"], c["items"]) for c in summary["contamination"]} == {(1, 24, 24)}
    page = (run_folder(place) / "report.html").read_text()
    assert "on the items found in any arm" in page and "of its" in page and summary["clean_answer"]


def test_verify_computes_jobs_anew(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["verify", str(run_folder(place)), "--store", str(place / "store"), "--data", str(place), "--sample", "6"]
    assert main(arguments) == 0
    assert "6 jobs computed anew gave the same bytes" in capsys.readouterr().out


def test_eval_judges_a_published_model(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = next((place / "store").glob("train-micro-seed0-*"))
    assert main(["eval", str(model), "--tasks", f"{FILE}:target", "--data", str(place)]) == 0
    line = capsys.readouterr().out
    assert line.startswith("target  bits per byte  ")
    assert "24 items, 24 clusters" in line


def test_plan_runs_nothing(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(FILE), "--data", str(place), "--store", str(tmp_path / "store")]) == 0
    out = capsys.readouterr().out
    assert "training: 6 runs = 3 arms x 1 sizes x 2 seeds" in out
    assert "to run:" in out
    assert not [p for p in (tmp_path / "store").glob("*") if p.name != "hashes.sqlite"]


def test_an_arm_without_documents_and_one_too_small_are_refused_before_training(place: Path, tmp_path: Path) -> None:
    arms = (
        Arm("raw", pages),
        Arm("empty", pages.keep(experiment.arms[1].data.op.rules[0].field, max=-1)),
        Arm("small", pages.sample(0.02)),
    )
    changed = dataclasses.replace(experiment, arms=arms)
    with pytest.raises(TamisError, match=r"arm empty ends with no documents.*arm small has .* too few for micro"):
        execute(changed, FILE, dataclasses.replace(options(place), runs=tmp_path))
    assert not list(tmp_path.glob("*/plan.json"))


def refused(changed: Experiment, place: Path, tmp_path: Path, store: Path | None = None) -> str:
    """The message with which a run ends before anything is trained or planned."""
    options_ = dataclasses.replace(options(place), runs=tmp_path / "runs", store=store or place / "store")
    before = set((options_.store).glob("train-micro-*"))
    with pytest.raises(TamisError, match="nothing was trained: ") as error:
        execute(changed, FILE, options_)
    assert set((options_.store).glob("train-micro-*")) == before and not list(tmp_path.glob("runs/*/plan.json"))
    return str(error.value)


def test_a_target_that_is_training_text_is_refused(place: Path, tmp_path: Path) -> None:
    own = dataclasses.replace(experiment, tasks=(BitsPerByte("own", source=pages),))
    assert re.search(
        r"arm raw holds 2\d\d documents of the target own, such as [0-9a-f]{32}; arm quiet", refused(own, place, tmp_path)
    )


def test_a_hold_out_that_is_not_cut_is_refused(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Holdout, "left", lambda self, text, before: before)
    monkeypatch.setattr("tamis.experiment.plan.mark", lambda view, *_, **__: view.selection)
    assert re.search(r"arm raw holds \d+ held-out rows", refused(experiment, place, tmp_path))


def test_tokens_that_hold_a_dropped_row_are_refused(place: Path, tmp_path: Path) -> None:
    """Published tokens changed on disk, manifest and all: a row that the near-hold-out cut dropped is back."""
    shutil.copytree(place / "store", tmp_path / "store")
    plan, store = make_plan(experiment, options(place)), Store(tmp_path / "store")
    text, selection, tokens = (
        store.get(plan.arms[1].view.text),
        store.get(plan.arms[1].view.selection),
        store.get(plan.arms[1].tokens),
    )
    gone = next(
        own
        for s in text.shards
        for own, why in zip(text.read(s.name)["id"].to_pylist(), selection.read(s.name)["reason"].to_pylist(), strict=True)
        if why not in (None, "holdout")
    )
    shard = tokens.shards[0]
    table = tokens.read(shard.name)
    ids = pa.array([gone, *table["id"].to_pylist()[1:]], table.schema.field("id").type)
    write_table(tokens.path / shard.name, table.set_column(table.schema.get_field_index("id"), table.schema.field("id"), ids))
    manifest = json.loads((tokens.path / "manifest.json").read_text())
    manifest["shards"][0] |= {"sha256": file_sha256(tokens.path / shard.name), "bytes": (tokens.path / shard.name).stat().st_size}
    (tokens.path / "manifest.json").write_text(json.dumps(manifest))
    found = refused(experiment, place, tmp_path, tmp_path / "store")
    assert f"arm quiet holds 1 rows that its selections dropped, such as {gone.hex()}" in found


def test_equal_bytes_change_the_tokens_of_other_arms_only(place: Path) -> None:
    plan = make_plan(dataclasses.replace(experiment, budget="bytes"), options(place))
    assert all(len(run.model.inputs) == 3 and run.model.inputs[2] == plan.arms[0].tokens for run in plan.runs)
    run = next(r for r in plan.runs if r.arm == "quiet")
    store = Store(place / "store")
    inputs = tuple(store.get(step) for step in run.model.inputs)
    own, base = (i.facts["bytes"] / i.facts["tokens"] for i in (inputs[0], inputs[2]))
    assert run.model.op._recipe(inputs).tokens == round(run.recipe.tokens * base / own)  # type: ignore[attr-defined]


def test_other_code_of_the_same_version_is_refused(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "store", tmp_path / "store")
    manifest = next((tmp_path / "store").glob("tokenize-*")) / "manifest.json"
    value = json.loads(manifest.read_text())
    value["code"]["Tokenize"] = "0" * 16
    manifest.write_text(json.dumps(value))
    changed = dataclasses.replace(options(place), store=tmp_path / "store", runs=tmp_path / "runs")
    with pytest.raises(TamisError, match="other code of Tokenize at the same version"):
        execute(experiment, FILE, changed)
    execute(experiment, FILE, dataclasses.replace(changed, accept_drift=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arms": experiment.arms[:1]}, "at least two arms"),
        ({"seeds": (1, 1)}, "two seeds are called 1"),
        ({"budget": "words"}, "budget must be"),
        ({"decide": Compare(domains=("elsewhere",))}, "names no task: elsewhere"),
        ({"decide": Compare(at="huge")}, "names no recipe: huge"),
        ({"tasks": (dataclasses.replace(target, decides=False),)}, "no task decides"),
    ],
)
def test_declarations_that_cannot_be_meant_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(experiment, **change)  # type: ignore[arg-type]
