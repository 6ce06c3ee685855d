"""Published once, trusted only whole, listed and collected."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest
from machines import Double, Numbers

from tamis.core import disk
from tamis.core import store as stores
from tamis.core.errors import TamisError
from tamis.core.runner import Local, run
from tamis.core.step import Step, Where
from tamis.core.store import Store, encode

FILES = (str(Path(__file__).with_name("machines.py")),)
NUMBERS = Step(Numbers())


def publish(path: str, barrier: object = None) -> None:
    """Run the plan, in step with another process."""
    if barrier is not None:
        barrier.wait()  # type: ignore[attr-defined]
    run([Step(Double(), (NUMBERS,))], Store(path), Local(1), Where())


def tree(path: Path) -> dict[str, str]:
    return {str(p.relative_to(path)): disk.file_sha256(p) for p in sorted(path.rglob("*")) if p.is_file()}


def test_manifests_hold_neither_time_nor_place(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        publish(str(tmp_path / folder))
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    text = (Store(tmp_path / "a").get(NUMBERS).path / "manifest.json").read_text()
    assert str(tmp_path) not in text
    assert set(json.loads(text)) == {"format", "key", "label", "kind", "op", "code", "inputs", "shards", "ledger", "facts"}


def test_nan_and_infinity_are_refused_in_manifests() -> None:
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            encode({"value": value})


def test_a_directory_without_manifest_is_not_there(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.directory(NUMBERS).mkdir(parents=True)
    (store.directory(NUMBERS) / "00000.parquet").write_bytes(b"half")
    assert store.find(NUMBERS) is None
    assert store.published() == []
    with pytest.raises(TamisError, match="run it first"):
        store.get(NUMBERS)


def test_equal_first_digits_of_two_keys_are_noticed(tmp_path: Path) -> None:
    """Directory names hold 12 digits; the manifest holds all 64, and all are compared."""
    publish(str(tmp_path))
    path = Store(tmp_path).directory(NUMBERS) / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["key"] = manifest["key"][:12] + "f" * 52
    path.write_text(json.dumps(manifest))
    with pytest.raises(TamisError, match=r"holds another step .*; use another --store or delete it"):
        Store(tmp_path).find(NUMBERS)


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "its manifest is not JSON; delete the folder and run again"), ('{"format": 99}', "manifest format 99 is not 1")],
)
def test_a_manifest_nobody_can_read_is_one_line(content: str, message: str, tmp_path: Path) -> None:
    publish(str(tmp_path))
    (Store(tmp_path).directory(NUMBERS) / "manifest.json").write_text(content)
    with pytest.raises(TamisError, match=message):
        Store(tmp_path).find(NUMBERS)


def test_two_processes_publish_the_same_step(tmp_path: Path) -> None:
    publish(str(tmp_path / "alone"))
    context = multiprocessing.get_context("spawn")
    for round in range(3):
        place, barrier = tmp_path / f"both-{round}", context.Barrier(2)
        processes = [context.Process(target=publish, args=(str(place), barrier)) for _ in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        assert [p.exitcode for p in processes] == [0, 0]
        found = {name: digest for name, digest in tree(place).items() if not name.startswith("work/")}
        assert found == tree(tmp_path / "alone")


def test_drift_is_other_code_at_the_same_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tamis.data.select import All

    step = Step(All(), (NUMBERS,))
    run([step], Store(tmp_path), Local(1), Where())
    assert Store(tmp_path).drift(step) == []
    monkeypatch.setattr(stores, "code_hash", lambda cls: "0" * 16)
    assert Store(tmp_path).drift(step) == ["All"]
    assert Store(tmp_path).drift(NUMBERS) == []  # foreign: its code is in its key


def test_garbage_is_what_nothing_names(tmp_path: Path) -> None:
    publish(str(tmp_path))
    store = Store(tmp_path)
    (tmp_path / ".numbers-123-abc").mkdir()
    (tmp_path / "work" / "0123456789ab").mkdir(parents=True)
    (tmp_path / "notes").mkdir()
    (tmp_path / "hashes.sqlite").write_bytes(b"")
    gone = store.collect([NUMBERS.key])
    assert {p.name.partition("-")[0] for p in gone} == {"double", ".numbers", "0123456789ab"}
    assert store.find(NUMBERS) is not None
    assert {p.name for p in tmp_path.iterdir()} == {NUMBERS.directory, "work", "notes", "hashes.sqlite"}


def test_an_empty_or_missing_store(tmp_path: Path) -> None:
    assert Store(tmp_path / "none").published() == []
    assert Store(tmp_path / "none").garbage([]) == []
