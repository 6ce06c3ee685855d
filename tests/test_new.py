"""What `tamis new` writes works as it stands: its own test passes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tamis.cli import main
from tamis.new import TEMPLATES


def test_all_kinds_pass_their_own_tests(tmp_path: Path) -> None:
    for kind in TEMPLATES:
        assert main(["new", kind, f"my_{kind}", "--to", str(tmp_path)]) == 0
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path), "--rootdir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "6 passed" in done.stdout


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["new", "score", "mine", "--to", str(tmp_path)])
    before = (tmp_path / "mine.py").read_text()
    assert main(["new", "task", "mine", "--to", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "mine.py").read_text() == before


@pytest.mark.parametrize(("kind", "name"), [("scroe", "mine"), ("score", "My Score"), ("score", "../up"), ("score", "1st")])
def test_bad_names_are_one_line(kind: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", kind, name, "--to", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
