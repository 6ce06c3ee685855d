"""Every Python snippet of README and docs runs, every relative link leads somewhere, and every example is a plan."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("experiments/*.md")])
SNIPPETS = [
    pytest.param(page, code, id=f"{page.name}-{number}")
    for page in PAGES
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S))
]


@pytest.mark.parametrize(("page", "code"), SNIPPETS)
def test_snippet_runs(page: Path, code: str, tmp_path: Path) -> None:
    file = tmp_path / "snippet.py"
    file.write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, str(file)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{page.name}:\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            file = page.parent / target if target else page
            assert file.exists(), f"{page.name} links to {target}"
            assert not anchor or anchor in anchors(file), f"{page.name} links to {target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as links write them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_commands_named_in_the_readme_exist() -> None:
    from typer.main import get_command

    from tamis.cli import app

    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`tamis ([a-z]+)", text)) | set(re.findall(r"^ {4}tamis ([a-z]+)", text, re.M))
    assert named <= known, named - known
    assert known - {"store"} <= named, "the README does not name " + ", ".join(sorted(known - named))


def test_the_readme_shows_the_quickstart_unchanged() -> None:
    shown = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (ROOT / "examples/quickstart.py").read_text(encoding="utf-8") in shown


FILES = sorted([*ROOT.glob("examples/*.py"), *ROOT.glob("experiments/*.py")])
DECLARED = [f for f in FILES if "Experiment(" in f.read_text(encoding="utf-8")]


@pytest.mark.parametrize("file", DECLARED, ids=lambda p: p.name)
def test_examples_are_declared(file: Path) -> None:
    from tamis.experiment.command import load_experiment

    experiment, _ = load_experiment(str(file))
    assert experiment.question.endswith("?")


@pytest.mark.parametrize("file", [f for f in FILES if f not in DECLARED], ids=lambda p: p.name)
def test_studies_say_what_they_need(file: Path) -> None:
    done = subprocess.run([sys.executable, str(file), "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "--data" in done.stdout, done.stderr
