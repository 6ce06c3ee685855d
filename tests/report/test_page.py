"""The page without a browser: bytes, escaping, what is left out, and every odd shape of a run."""

from __future__ import annotations

import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from run_directory import KINDS, SHAPES, Pages, Shape, make

from tamis.core.errors import TamisError
from tamis.report import words
from tamis.report.canvas import PALETTE, Canvas, fit, style, text_width
from tamis.report.page import write
from tamis.report.run import read


class Page(HTMLParser):
    """Tags and the ids, links and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, name: str) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get(name)) is not None]


def look(page: Path) -> tuple[str, Page]:
    text = page.read_text(encoding="utf-8")
    return text, Page(text)


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_renders_with_unique_ids_and_working_links(pages: Pages, name: str) -> None:
    text, page = look(pages(name))
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    for link in (attributes["href"] or "" for tag, attributes in page.tags if tag == "a"):
        assert link[1:] in ids if link.startswith("#") else (pages(name).parent / link).is_file(), link
    for reference in re.findall(r'url\(#([^)]+)\)|<use [^>]*href="#([^"]+)"', text):
        assert (reference[0] or reference[1]) in ids
    assert len(text) < 3_000_000
    assert "None" not in " ".join(page.text)


def test_figures_are_the_same_bytes_in_the_page_and_beside_it_and_each_has_its_numbers(pages: Pages) -> None:
    text, page = look(pages("typical"))
    drawings = sorted((pages("typical").parent / "figures").glob("*.svg"))
    assert len(drawings) == sum(tag == "svg" for tag, _ in page.tags) > 20
    for svg in drawings:
        assert svg.read_text(encoding="utf-8") in text
        lines = svg.with_suffix(".csv").read_text(encoding="utf-8").splitlines()
        assert len(lines) > 1 and all(line for line in lines)


def test_the_same_run_gives_the_same_bytes_in_four_seconds_and_old_figures_go(tmp_path: Path) -> None:
    run = make(tmp_path)
    start = time.process_time()
    first = write(run).read_bytes()
    assert time.process_time() - start < 4  # CPU seconds for a typical run
    figures = {f.name: f.read_bytes() for f in (tmp_path / "figures").iterdir()}
    (tmp_path / "figures" / "old.svg").write_text("<svg/>")
    assert write(tmp_path).read_bytes() == first
    assert {f.name: f.read_bytes() for f in (tmp_path / "figures").iterdir()} == figures


def test_nothing_is_fetched_and_only_our_script_may_run(pages: Pages) -> None:
    _, page = look(pages("typical"))
    policy = next(a["content"] or "" for tag, a in page.tags if tag == "meta" and "http-equiv" in a)
    assert "default-src 'none'" in policy and re.search(r"script-src 'sha256-[\w+/]+=*'", policy)
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not [tag for tag, _ in page.tags if tag in ("img", "iframe", "object", "embed", "base")]
    assert not [value for value in page.all("src") + page.all("href") if "//" in value]


def test_documents_are_harmless_masked_and_short(pages: Pages) -> None:
    text, page = look(pages("typical"))
    shown = " ".join(page.text)
    assert "<script>window.hacked" not in text and "&lt;script&gt;window.hacked" in text
    assert "<h1>broken out" not in text
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\ud800-\udfff]", text)
    assert "⟨U+202E⟩" in shown
    for secret in ("jane.doe", "joe@example", "1234567", "192.168", "2001:db8", "mail.example.com"):
        assert secret not in shown, secret
    assert "[e-mail]" in shown and "[phone]" in shown and "[IP address]" in shown
    assert "x" * 1000 in text and "x" * 1001 not in text


def test_without_examples_no_document_text_is_in_the_page(tmp_path: Path) -> None:
    text, page = look(write(make(tmp_path), examples=False))
    assert "Ordinary prose" not in text and "zalgo" not in text and "example.org" not in text
    assert "documents" not in page.all("id")
    assert "Items touched" in " ".join(page.text)


def test_the_answer_comes_first_and_the_order_is_fixed(pages: Pages) -> None:
    text, page = look(pages("typical"))
    answer = json.loads((pages("typical").parent / "summary.json").read_text())["answer"]
    words_only = "".join(page.text)
    assert 0 < words_only.index(answer) < words_only.index("Without the test items") < words_only.index("nothing is dropped")
    sections = [a["id"] for tag, a in page.tags if tag == "section"]
    assert sections == [
        "arms",
        "documents",
        "scores",
        "rules",
        "copies",
        "differences",
        "curves",
        "size",
        "overlap",
        *sections[9:],
    ]
    assert sections[9:] == ["contamination", "planted", "supply", "cost", "threats", "repeat", "provenance"]
    assert [a["href"] for tag, a in page.tags if tag == "a" and (a["href"] or "").startswith("#")][1:17] == [
        f"#{s}" for s in sections
    ]
    assert "tamis run examples/quickstart.py" in text


def test_contamination_says_what_was_searched_and_what_it_does_to_scores(pages: Pages, tmp_path: Path) -> None:
    _, page = look(pages("typical"))
    shown = " ".join("".join(page.text).split())
    assert "110 of 120 items were searched for" in shown and "14 of its 31 words" in shown
    assert "Scores at 300k on the items found in any arm's text" in shown and "−0.200" in shown
    run = make(tmp_path / "removed")
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(
        json.dumps(summary | {"decontaminated": True, "touched": [], "answer_without_touched": None})
    )
    _, page = look(write(run))
    shown = " ".join("".join(page.text).split())
    assert "were dropped from every arm before it was trained" in shown and "Hits are flagged" not in shown
    (run / "summary.json").write_text(json.dumps(summary | {"clean_answer": "Still so.", "answer_without_touched": None}))
    _, page = look(write(run))
    assert "The verdict is the same without the touched items: Still so." in " ".join("".join(page.text).split())


def test_rules_that_never_fire_alone_are_named(tmp_path: Path) -> None:
    _, page = look(write(make(tmp_path, Shape(arms=3))))
    shown = " ".join("".join(page.text).split())
    assert "1 of 3 rules fires, but never alone:" in shown and "1 never fires." in shown
    run = make(tmp_path / "none", Shape(arms=3))
    summary = json.loads((run / "summary.json").read_text())
    del summary["rules"]
    (run / "summary.json").write_text(json.dumps(summary))
    assert "Rules that overlap" not in write(run).read_text(encoding="utf-8")


def test_the_curve_of_near_duplicates_says_what_was_planted_and_found(tmp_path: Path) -> None:
    run = make(tmp_path, Shape(arms=3))
    shown = " ".join("".join(look(write(run))[1].text).split())
    assert (
        "58 of 60 at or above the threshold were compared." in shown and "the largest cluster of such documents has 41" in shown
    )
    assert "0.8 to 0.9: 18 of 20 planted copies compared" in shown
    assert (run / "figures" / "copies-1.csv").read_text().splitlines()[1] == "0.5,0.6,1,20"


def test_a_difference_inside_the_noise_is_called_that(tmp_path: Path) -> None:
    run = make(tmp_path, Shape(arms=2))
    summary = json.loads((run / "summary.json").read_text())
    summary["verdicts"][0] |= {"better": None, "verdict": "no difference shown", "low": -0.1, "high": 0.02}
    (run / "summary.json").write_text(json.dumps(summary))
    text = write(run).read_text(encoding="utf-8")
    assert "no difference shown: inside the noise" in text
    assert "inside the noise</text>" in (run / "figures" / "answer.svg").read_text()
    assert "diagnostic, never decides</text>" in (run / "figures" / "differences-1-bits-per-byte.svg").read_text()


def test_sign_and_winner_must_agree(tmp_path: Path) -> None:
    run = make(tmp_path)
    summary = json.loads((run / "summary.json").read_text())
    summary["verdicts"][0]["difference"] *= -1
    (run / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(AssertionError, match="not b - a"):
        write(run)


def test_left_favours_b_whether_less_or_more_is_better() -> None:
    row = {"a": "A", "b": "B", "difference": -0.2, "low": -0.3, "high": -0.1}
    assert words.favoured(row, higher_is_better=False) == "B"
    assert words.favoured(row, higher_is_better=True) == "A"
    assert words.favoured(row | {"high": 0.1}, higher_is_better=False) is None
    assert words.favoured(row | {"low": None, "high": None}, higher_is_better=False) is None


def test_harm_is_what_is_dropped_of_good_text(pages: Pages) -> None:
    rows = [line.split(",") for line in (pages("typical").parent / "figures" / "planted-2.csv").read_text().splitlines()[1:]]
    good = {kind for kind, _ in KINDS if kind.startswith("good")}
    assert all((row[-3] == "True") == (row[2] in good or ",".join(row[2:-3]).strip('"') in good) for row in rows)


def test_a_missing_or_broken_run_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(TamisError, match=r"plan\.json: not found; is .* a finished run"):
        read(tmp_path)
    make(tmp_path)
    (tmp_path / "examples.jsonl").write_text('{"arm": 1}\n{"arm": \n')
    with pytest.raises(TamisError, match=r"examples\.jsonl, line 2: not valid JSON"):
        read(tmp_path)
    (tmp_path / "funnel.parquet").write_bytes(b"rubbish")
    with pytest.raises(TamisError, match=r"funnel\.parquet: not a Parquet file"):
        read(tmp_path)


def test_labels_are_never_markup_or_mathematics() -> None:
    with style():
        canvas = Canvas("figure", "a < b & c", "d", 100, 100)
        canvas.mark(canvas.text(4, 10, "$x^2$ <b>"), "tip <i>", 2)
        svg = canvas.svg()
    assert "$x^2$ &lt;b&gt;</text>" in svg and "<title>tip &lt;i&gt;</title>" in svg and "a &lt; b &amp; c" in svg
    assert 'data-arm="2"' in svg and "var(--ink, #1c1d21)" in svg


def test_long_labels_are_cut_in_the_middle_and_fit() -> None:
    long = "a very long operator name with its threshold"
    assert fit(long, 120).startswith("a very") and fit(long, 120).endswith("hold") and text_width(fit(long, 120)) <= 120
    assert fit("short", 120) == "short"


def _linear(colour: str) -> list[float]:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def _contrast(a: str, b: str) -> float:
    low, high = sorted(sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), _linear(v), strict=True)) for v in (a, b))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", [0, 1])
def test_every_colour_of_text_is_legible(mode: int) -> None:
    paper = PALETTE["paper"][mode]
    for role, pair in PALETTE.items():
        if role not in ("paper", "line", "wash"):
            assert _contrast(pair[mode], paper) >= 4.5, role


def test_numbers_read_the_same_everywhere() -> None:
    assert words.rule("50 <= GopherQuality.words <= 100000") == "50 ≤ words ≤ 100000" and words.rule("C4.rules") == "rules"
    assert words.minus("is -0.08 [-0.32, 0.17], 2024-01 x-1") == "is −0.08 [−0.32, 0.17], 2024-01 x-1"
    assert words.signed(-0.0312) == "−0.031" and words.signed(0.00021) == "+0.0002"
    assert words.interval(-0.00004, 0.01) == "[−0.00004, +0.01000]" and words.interval(None, None) == "no interval"
    assert words.short(333_184) == "333\u00a0k" and words.size(38_000_000) == "38\u00a0MB" and words.size(5) == "5\u00a0B"
    assert words.percent(1, 1000) == "<1\u00a0%" and words.percent(999, 1000) == ">99\u00a0%" and words.percent(0, 0) == "–"
    assert words.duration(200) == "3 min 20 s" and words.duration(7500) == "2 h 05 min"


def test_what_a_run_may_leave_out_or_say_otherwise(tmp_path: Path) -> None:
    run = make(tmp_path)
    plan, summary = (json.loads((run / name).read_text()) for name in ("plan.json", "summary.json"))
    for step in plan["steps"]:
        del step["seconds"], step["rows_in"], step["rows_out"]
    bounds = {"arm": "classifier", "score": "Length", "column": "characters", "min": None, "max": None}
    summary["thresholds"].append(bounds)
    summary["notes"] = ["tiny domain has 4 clusters & decides nothing"]
    summary["corpus"] = {
        "hash": "00" * 32,
        "real": {"documents": 900, "characters": 5},
        "packages": [
            {"name": n, "version": "1", "licence": "MIT", "role": r, "documents": 900}
            for n, r in (("pip", "pool"), ("wheel", "target"))
        ],
        "planted": [{"kind": k, "good": k.startswith("good"), "documents": n, "characters": 9} for k, n in KINDS],
    }
    summary["planted"].append({"arm": "classifier", "operator": "MinHash", "kind": "clean", "rows": 900, "dropped": 3})
    mean = {
        "recipe": "300k",
        "task": "mean of 3 domains",
        "a": "raw",
        "b": "classifier",
        "difference": -0.1,
        "low": -0.2,
        "high": -0.01,
    }
    summary["differences"].append(mean | {"primary": True})
    for name, value in (("plan.json", plan), ("summary.json", summary)):
        (run / name).write_text(json.dumps(value))
    with (run / "examples.jsonl").open("a") as file:
        kept = {
            "arm": "raw",
            "operator": "",
            "reason": None,
            "evidence": None,
            "source": "s",
            "url": "",
            "text": "kept by all",
            "planted": None,
        }
        file.write(json.dumps(kept) + "\n")
    _, page = look(write(run))
    text = " ".join(page.text)
    assert "every step" in text and "4 clusters & decides" in text and "pip" in text and "wheel" not in text
    assert "a top fraction" in text and "None" not in text
    assert ",clean,True,900,3" in (run / "figures" / "planted-3.csv").read_text()
    first = (run / "figures" / "differences-2-bits-per-byte.csv").read_text().splitlines()[1]
    assert first.startswith("300k,mean of 3 domains,raw,classifier,-0.1")
