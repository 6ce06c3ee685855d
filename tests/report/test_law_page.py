"""The page of a law: the same bytes twice, escaped names, and in a browser legible and free of overlaps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_browser import CHROMIUM, DRIVER, LEGIBLE, OVERLAPS, browser, show

from tamis.fit import fit_file

__all__ = ["browser"]


def page(folder: Path, at: str | None = "7B,1T", ratios: tuple[int, ...] = (20, 80, 320), arm: str = "A <b>&") -> Path:
    lines = ["params,tokens,loss,dataset"]
    for name, shift in ((arm, 0.0), ("B", 0.05)):
        for n in (10_000_000, 40_000_000, 150_000_000, 600_000_000, 1_400_000_000):
            for m in ratios:
                wobble = 0.01 * ((n // 10_000_000 * 7 + m) % 5 - 2)
                lines.append(f"{n},{n * m},{1.8 + 160 * n**-0.27 + 300 * (n * m) ** -0.27 - shift + wobble:.5f},{name}")
    (folder / "runs.csv").write_text("\n".join([*lines, "oops,1,2,B"]) + "\n")
    fit_file(folder / "runs.csv", at, report=folder / "law.html")
    return folder / "law.html"


def test_same_bytes_escaped_names_and_named_rows(tmp_path: Path) -> None:
    first = page(tmp_path).read_bytes()
    assert page(tmp_path).read_bytes() == first
    text = first.decode()
    assert "<b>&" not in text and "A &lt;b&gt;&amp;" in text
    assert "line 32: params is &#39;oops&#39;, not a number" in text
    assert text.count("<svg") == 6 and "https:" not in text and 'src="' not in text
    assert "Candidate laws at the target" not in page(tmp_path, at=None).read_text(encoding="utf-8")


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")
@pytest.mark.parametrize(("at", "ratios"), [("7B,1T", (20, 80, 320)), ("7B", (20,)), (None, (20, 80, 320))])
def test_drawn_legible_and_free_of_overlaps(browser: Any, tmp_path: Path, at: str | None, ratios: tuple[int, ...]) -> None:
    path = page(tmp_path, at, ratios, "a rather long name of a training set with many words in it")
    for width in (1200, 400):
        show(browser, path, width)
        assert browser.execute_script(OVERLAPS) == []
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    for mode in ("light", "dark"):
        show(browser, path, 1200, mode)
        bad, least = browser.execute_script(LEGIBLE)
        assert bad == [] and least >= 4.5
