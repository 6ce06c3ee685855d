"""Keys mean the same thing in every process and on every disk, and nothing without a stable identity gets one."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tamis.core import key as keys
from tamis.core.errors import UsageError
from tamis.core.key import canonical, describe, digest, step_key
from tamis.core.step import Operator, Step
from tamis.data.dataset import Dataset, Resolver
from tamis.data.edit import Edit
from tamis.data.scores.gopher import GopherQuality


@dataclass(frozen=True)
class Settings(Operator):
    """Fields of every kind that a declaration may hold."""

    rate: float = 0.1
    names: tuple[str, ...] = ()
    count: int = 3
    flag: bool = False
    more: dict[str, int] = field(default_factory=dict)
    anything: Any = None


@dataclass(frozen=True)
class Reads(Operator):
    """Hands its work to a library."""

    libraries: ClassVar[tuple[str, ...]] = ("pyarrow",)


@dataclass(frozen=True)
class Letters(Operator):
    """Depends on the Unicode tables."""

    unicode: ClassVar[bool] = True


@dataclass(frozen=True)
class Located(Operator):
    """One field says only where something lies."""

    path: str
    places: ClassVar[tuple[str, ...]] = ("path",)


def key(op: Operator, *inputs: Step) -> str:
    return Step(op, inputs).key


def test_every_field_counts_and_defaults_do_not() -> None:
    base = key(Settings())
    assert key(Settings(rate=0.1, count=3, names=(), more={})) == base
    assert "fields" not in describe(Settings())
    others = [Settings(rate=0.2), Settings(names=("a",)), Settings(count=4), Settings(flag=True), Settings(more={"a": 1})]
    assert len({base, *map(key, others)}) == 6


def test_equal_numbers_of_other_types_are_other_declarations() -> None:
    """True == 1 == 1.0 in Python, but an operator may treat them differently."""
    assert len({key(Settings(anything=v)) for v in (True, 1, 1.0, "1")}) == 4
    assert key(Settings(count=True)) != key(Settings(count=1))
    assert key(Settings(flag=0)) != key(Settings())  # type: ignore[arg-type]


def test_floats_are_written_exactly() -> None:
    assert canonical(0.1) == {"float": "0x1.999999999999ap-4"}
    assert key(Settings(rate=0.1 + 0.2)) != key(Settings(rate=0.3))
    assert canonical(-0.0) != canonical(0.0)
    assert canonical(math.inf) == {"float": "inf"}


def test_mappings_have_no_order_and_sequences_have() -> None:
    assert key(Settings(more={"a": 1, "b": 2})) == key(Settings(more={"b": 2, "a": 1}))
    assert key(Settings(names=("a", "b"))) != key(Settings(names=("b", "a")))
    with pytest.raises(UsageError, match=r"Settings\.anything: a mapping in a declaration needs text keys"):
        key(Settings(anything={1: 2}))


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (lambda text: text, "function"),
        (Path("data"), "PosixPath"),
        (object(), "object"),
        ({1, 2}, "set"),
        (sys.stdout, "TextIOWrapper"),
        (math, "module"),
        (Settings, "type"),
        (print, "builtin_function_or_method"),
    ],
    ids=lambda v: str(v) if isinstance(v, str) else "",
)
def test_what_has_no_stable_identity_is_refused_with_its_place(value: Any, named: str) -> None:
    with pytest.raises(UsageError, match=r"Settings\.anything\[1\]\.deep: a \w+ has no stable identity") as caught:
        key(Settings(anything=(0, {"deep": value})))
    assert named.lower() in str(caught.value).lower() or named == "TextIOWrapper"


def test_a_class_made_inside_a_function_is_refused() -> None:
    @dataclass(frozen=True)
    class Hidden(Operator):
        """Has no importable name."""

    with pytest.raises(UsageError, match="defined inside a function: move it to the top of its file"):
        key(Hidden())


def test_inputs_and_their_order_are_in_the_key() -> None:
    a, b = Step(Settings(count=1)), Step(Settings(count=2))
    assert len({key(Settings()), key(Settings(), a), key(Settings(), b), key(Settings(), a, b), key(Settings(), b, a)}) == 5
    assert step_key(Settings(), [a.key, b.key]) == key(Settings(), a, b)


def test_version_of_the_operator_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(Settings())
    monkeypatch.setattr(Settings, "version", 2)
    assert key(Settings()) != before


def test_library_and_unicode_versions_are_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    reads, letters, plain = key(Reads()), key(Letters()), key(Settings())
    monkeypatch.setattr(keys, "library_version", lambda name: "0.0.0-other")
    monkeypatch.setattr(unicodedata, "unidata_version", "1.1.5")
    assert key(Reads()) != reads
    assert key(Letters()) != letters
    assert key(Settings()) == plain
    assert describe(GopherQuality()).get("unicode") == "1.1.5"


def test_a_place_is_not_part_of_the_meaning() -> None:
    assert key(Located("/here")) == key(Located("/there"))


def test_a_record_of_the_same_fields_but_another_class_is_another_key() -> None:
    assert digest(describe(Reads())) != digest(describe(Letters()))


def test_moving_the_data_keeps_the_key(tmp_path: Path) -> None:
    first, second = tmp_path / "here", tmp_path / "there" / "deeper"
    first.mkdir()
    (first / "a.jsonl").write_text('{"text": "One."}\n')
    shutil.copytree(first, second)
    os.utime(second / "a.jsonl", (1, 1))
    declared = Dataset.jsonl("a.jsonl").sample(0.5)
    one, two = (Resolver(root).view(declared) for root in (first, second))
    assert one.selection.key == two.selection.key
    by_glob = Resolver(first).view(Dataset.jsonl("*.jsonl").sample(0.5))
    assert by_glob.selection.key == one.selection.key
    (second / "a.jsonl").write_text('{"text": "Two."}\n')
    assert Resolver(second).view(declared).text.key != one.text.key
    (first / "a.jsonl").rename(first / "b.jsonl")
    assert Resolver(first).view(Dataset.jsonl("*.jsonl")).text.key != one.text.key


def test_same_key_in_another_process(tmp_path: Path) -> None:
    """Another process, another order of hashing (PYTHONHASHSEED), another working folder."""
    (tmp_path / "a.jsonl").write_text('{"text": "One."}\n')
    (tmp_path / "declared.py").write_text(
        "from dataclasses import dataclass\n"
        "from tamis import Dataset, Score\n"
        "from tamis.data.scores import gopher\n\n\n"
        "@dataclass(frozen=True)\n"
        "class Vowels(Score):\n"
        "    names: tuple[str, ...] = ('a', 'e')\n"
        "    rate: float = 0.30000000000000004\n\n"
        "    def score(self, text):\n"
        "        return float(sum(map(text.count, self.names)))\n\n\n"
        "data = Dataset.jsonl('*.jsonl').keep(*gopher.quality()).keep(Vowels(rate=0.7), min=1).dedup().sample(0.25, seed=3)\n"
    )
    program = (
        "import json, sys; from pathlib import Path; from tamis.core.runner import load_file;"
        "from tamis.data.dataset import Resolver; from tamis.core.step import walk;"
        "view = Resolver(Path(sys.argv[2])).view(load_file(sys.argv[1]).data);"
        "print(json.dumps([s.key for s in walk(list(view))]))"
    )
    found = []
    for seed, folder in (("0", tmp_path), ("1", Path.cwd())):
        command = [sys.executable, "-c", program, str(tmp_path / "declared.py"), str(tmp_path)]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert len(found[0]) >= 6
    assert found[0] == found[1]


def test_nothing_but_a_frozen_description_of_an_edit() -> None:
    """An edit inside a step is described by name, version and fields, never by where its object lives."""
    text = json.dumps(describe(_Wrapped(_Upper())))
    assert "0x7" not in text
    assert "tests" not in text


@dataclass(frozen=True)
class _Upper(Edit):
    def edit(self, text: str) -> str:
        return text.upper()


@dataclass(frozen=True)
class _Wrapped(Operator):
    edit: Edit
