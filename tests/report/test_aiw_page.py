"""The Alice in Wonderland page: hostile replies do nothing, and a browser draws it without overlaps at every size and mode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_browser import CHROMIUM, DRAWN, DRIVER, FLAGS, LEGIBLE, OVERLAPS, show

from tamis.core.errors import TamisError
from tamis.eval.aiw import Study, results
from tamis.eval.aiw.responses import Response
from tamis.report.aiw import answer, write

HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'> \u202e ### Answer: 3"


def summary(controls: bool = True, name: str = "a model with quite a long name-7b-instruct-v0.3") -> dict[str, Any]:
    """A study of seven families by a planted model: breakdown, robust, partial, cut replies, hostile text."""
    study = Study(trials=12, controls=controls)
    problems = list(study.problems())
    replies = []
    for p in problems:
        for trial in range(study.trials):
            wrong = p.distractors[trial % len(p.distractors)][0] if p.distractors else 99
            share = {"siblings": p.variation / 6, "friends": 0.5, "cousins": 0.0}.get(p.family, 1.0) if p.part == "main" else 1.0
            text = f"Let us think. ### Answer: {p.key if trial < share * study.trials else wrong}"
            if p.family == "friends" and trial == 11:
                text = "<think>still thinking" if p.variation % 2 else HOSTILE
            replies.append(Response(p.id, trial, p.prompt, text))
    return results.summarise(list(results.of_replies(problems, replies)), name, "sampled")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("aiw")
    (path / "results.json").write_bytes(results.dumps(summary()))
    write(path)
    return path


def test_the_sentence_names_the_worst_breakdown() -> None:
    found = summary()
    verdicts = {g["name"]: (g["verdict"], g["breakdown"]) for g in found["groups"]}
    assert verdicts["cousins"] == ("collapsing", True) and verdicts["named-friends"] == ("robust", False)
    assert verdicts["friends"] == ("partial", False)
    assert "breaks down on" in answer(found) and "1.00 of the controls right" in answer(found)
    assert "no breakdown" not in answer(summary(controls=False)).lower() or "without controls" in answer(summary(controls=False))


def test_cut_replies_are_kept_apart() -> None:
    friends = next(g for g in summary()["groups"] if g["name"] == "friends")
    assert friends["statuses"]["truncated"] == 3
    assert friends["finished"] > friends["mean"]


def test_the_page_is_one_file_and_escapes(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<script>window.hacked" not in page and "\u202e" not in page and "⟨U+202E⟩" in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "") and "https://" not in page
    first = (folder / "report.html").read_bytes()
    assert write(folder).read_bytes() == first


def test_a_folder_without_results_is_named(tmp_path: Path) -> None:
    with pytest.raises(TamisError, match="holds no results"):
        write(tmp_path)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if not (CHROMIUM and DRIVER):
        pytest.skip("chromium and chromedriver are not installed")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    driver.get("data:,")
    yield driver
    driver.quit()


def test_it_is_drawn_legible_and_free_of_overlaps(browser: Any, folder: Path) -> None:
    page = folder / "report.html"
    for width in (1200, 400):
        show(browser, page, width)
        drawn = browser.execute_script(DRAWN)
        assert len(drawn) == 9 and sum(w > 300 for w, _ in drawn) == 8  # the overview is drawn twice and shown once
        assert browser.execute_script(OVERLAPS) == []
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    for mode in ("light", "dark"):
        show(browser, page, 1200, mode)
        bad, least = browser.execute_script(LEGIBLE)
        assert bad == [] and least >= 4.5
    assert browser.get_log("browser") == []
    assert browser.execute_script("return window.hacked ?? 0") == 0


def test_replies_filter_by_family_and_status(browser: Any, folder: Path) -> None:
    show(browser, folder / "report.html", opened=False)
    seen = "return [...document.querySelectorAll('.documents > .document')].filter(d => d.offsetHeight).length"
    assert browser.execute_script(seen) == 12
    browser.execute_script("document.querySelector('form.filter button').click()")
    total = browser.execute_script(seen)
    browser.execute_script(
        "const s = document.querySelector('select[name=status]'); s.value = '1';"
        "s.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    assert 0 < browser.execute_script(seen) < total
