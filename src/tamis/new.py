"""`tamis new`: a small file that works, and its test, to start from. Nothing is registered: the import is the registry."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

from tamis.core.errors import UsageError

SCORE = '''
"""Share of letters in upper case."""

from __future__ import annotations

from dataclasses import dataclass

from tamis import Score


@dataclass(frozen=True)
class {Name}(Score):
    """Share of letters in upper case (0 for a text without letters). Use: base.keep({Name}(), max=0.3)"""

    def score(self, text: str) -> float:
        letters = [c for c in text if c.isalpha()]
        return sum(map(str.isupper, letters)) / max(len(letters), 1)
'''

SCORE_TEST = """
from {name} import {Name}

from tamis.testing import conformance


def test_{name}_keeps_its_promises() -> None:
    conformance({Name}())


def test_{name}_value() -> None:
    assert {Name}().score("AAb.") == 2 / 3
"""

SOURCE = '''
"""Where the documents of {name} come from."""

from __future__ import annotations

from tamis import Dataset


def {name}() -> Dataset:
    """JSON Lines below the data root (--data): one object a line with the keys `text` and `url`."""
    return Dataset.jsonl("{name}/*.jsonl", text="text", url="url")
'''

SOURCE_TEST = """
import json
from pathlib import Path

from {name} import {name}


def test_{name}_reads(tmp_path: Path) -> None:
    folder = tmp_path / "{name}"
    folder.mkdir()
    (folder / "a.jsonl").write_text(json.dumps({{"text": "Hello.", "url": "https://example.org/"}}) + "\\n")
    table = {name}().head(data=str(tmp_path), store=str(tmp_path / "store"))
    assert table.column("text").to_pylist() == ["Hello."]
"""

TASK = '''
"""{Name}: multiple choice from a JSON Lines file with the keys query, choices and gold."""

from __future__ import annotations

from tamis import MultipleChoice

{name} = MultipleChoice("{name}", path="{name}.jsonl", why="say what this task measures")
tasks = ({name},)
'''

TASK_TEST = """
import json
from pathlib import Path

from {name} import {name}


def test_{name}_has_items(tmp_path: Path) -> None:
    row = {{"query": "2 + 2 =", "choices": ["3", "4"], "gold": 1}}
    (tmp_path / "{name}.jsonl").write_text(json.dumps(row) + "\\n")
    assert len(list({name}.items(tmp_path))) == 1
"""

RECIPE = '''
"""A recipe is a function of a recipe: {name} trains the size it is given with half the learning rate."""

from __future__ import annotations

from dataclasses import replace

from tamis import Recipe, ladder


def {name}(size: str) -> Recipe:
    """The ladder's recipe of this size, more carefully."""
    (base,) = ladder(size)
    return replace(base, name=f"{name}-{{size}}", learning_rate=base.learning_rate / 2)
'''

RECIPE_TEST = """
from {name} import {name}

from tamis import ladder


def test_{name}_halves_the_rate() -> None:
    (base,) = ladder("0.1M")
    assert {name}("0.1M").learning_rate == base.learning_rate / 2
"""

EXPERIMENT = '''
"""Does dropping texts that shout help?"""

from __future__ import annotations

from tamis import BPE, Arm, BitsPerByte, Dataset, Experiment, ladder
from tamis.data.scores import gopher

raw = Dataset.jsonl("train/*.jsonl")
clean = raw.keep(*gopher.quality()).dedup()

experiment = Experiment(
    name="{name}",
    question="At equal tokens, does the cleaned text lower bits per byte on the target domain?",
    arms=(Arm("raw", raw), Arm("clean", clean)),
    tokenizer=BPE(2048),
    recipes=ladder("0.1M", "0.33M"),
    seeds=(0, 1, 2),
    tasks=(BitsPerByte("target", source=Dataset.jsonl("target/*.jsonl"), why="say why this domain decides"),),
)
'''

EXPERIMENT_TEST = """
from {name} import experiment


def test_{name}_is_declared() -> None:
    assert [arm.name for arm in experiment.arms] == ["raw", "clean"]
"""

TEMPLATES = {
    "score": (SCORE, SCORE_TEST),
    "source": (SOURCE, SOURCE_TEST),
    "task": (TASK, TASK_TEST),
    "recipe": (RECIPE, RECIPE_TEST),
    "experiment": (EXPERIMENT, EXPERIMENT_TEST),
}


def new(kind: str, name: str, to: Path) -> list[Path]:
    """Write NAME.py and test_NAME.py into `to`; existing files are never replaced."""
    if kind not in TEMPLATES:
        raise UsageError(f"new {kind}: choose one of {', '.join(TEMPLATES)}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UsageError(f"new {kind} {name}: a name is lower-case letters, digits and underscores, such as shouting")
    title = "".join(part.capitalize() for part in name.split("_"))
    paths = [to / f"{name}.py", to / f"test_{name}.py"]
    for path in paths:
        if path.exists():
            raise UsageError(f"{path} exists already; choose another name or folder")
    to.mkdir(parents=True, exist_ok=True)
    for path, template in zip(paths, TEMPLATES[kind], strict=True):
        path.write_text(dedent(template).lstrip().format(name=name, Name=title), encoding="utf-8")
    return paths
