"""Edits change what they say and nothing else, twice is once, and every operator keeps the promises of its kind."""

from __future__ import annotations

import io
import json
from itertools import islice
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.core.errors import UsageError
from tamis.data.dataset import Dataset
from tamis.data.edit import Drop, Edit
from tamis.data.edits.clean import Mojibake, NormalizeUnicode, RemoveControls, SentenceLines, Whitespace
from tamis.data.edits.lines import BoilerplateLines, RefinedWebLines
from tamis.data.repeated import RepeatedLines
from tamis.data.sentences import sentences
from tamis.testing import conformance

EDITS: list[Edit] = [
    NormalizeUnicode(),
    NormalizeUnicode("NFKC"),
    RemoveControls(),
    RemoveControls(directions=True),
    Whitespace(),
    SentenceLines(),
    RefinedWebLines(),
    RefinedWebLines(max_removed=1),
    BoilerplateLines(("cookie", "©")),
]
PIECES = (
    *" \t\n\r\v\f\0\x85\u2028\u00a0\u3000\u00ad\u200b\u200d.!?。।؟…,;:1aA",
    *("é", "e\u0301", "ﬁ", "Ⅳ", "日本", "ก", "3 likes\n", "Dr. ", "e.g. ", "cookie ", "”", "🏴"),
)
TEXTS = st.one_of(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.text(max_size=60))


@pytest.mark.parametrize("edit", EDITS, ids=repr)
def test_conformance(edit: Edit) -> None:
    conformance(edit, large=not isinstance(edit, SentenceLines | RefinedWebLines))


@pytest.mark.parametrize("edit", EDITS, ids=repr)
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(text=TEXTS)
def test_twice_is_once(edit: Edit, text: str) -> None:
    once = edit.edit(text)
    if isinstance(once, str) and not isinstance(edit, SentenceLines):
        assert edit.edit(once) == once
    if isinstance(edit, SentenceLines):
        assert isinstance(once, str) and "".join(once.split()) == "".join(text.split())


def test_characters() -> None:
    assert NormalizeUnicode().edit("e\u0301 ﬁ ２") == "é ﬁ ２"
    assert NormalizeUnicode("NFKC").edit("e\u0301 ﬁ ２") == "é fi 2"
    assert (
        RemoveControls().edit("\ufeffa\r\nb\rc\u2028d\x00\x1b[0m soft\u00adhy\u200bphen\tx\u200f")
        == "a\nb\nc\nd[0m softhyphen\tx\u200f"
    )
    assert RemoveControls(directions=True).edit("x\u200f\u202ey") == "xy"
    family, flag = "👩\u200d👩\u200d👧", "🏴\U000e0067\U000e0062\U000e007f"
    assert RemoveControls().edit(family + flag + "می\u200cخواهم") == family + flag + "می\u200cخواهم"
    assert Whitespace().edit("  a\u00a0\t b \n\n\n \n c\u3000\n") == "a b\n\nc"
    assert Whitespace(empty=0).edit("a\n\n\nb") == "a\nb"
    with pytest.raises(UsageError, match="NFC or NFKC"):
        NormalizeUnicode("NFD")  # type: ignore[arg-type]


def test_mojibake() -> None:
    pytest.importorskip("ftfy")
    assert Mojibake().edit("schÃ¶n â€“ naÃ¯ve, “quotes” and ﬁ stay") == "schön – naïve, “quotes” and ﬁ stay"
    conformance(Mojibake(), large=False)


def test_mojibake_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ftfy", None)
    with pytest.raises(UsageError, match="pip install"):
        Mojibake().edit("x")


def test_refinedweb_lines() -> None:
    prose = "The mill stands by the river and grinds rye for the whole valley.\n\n" * 20
    for line in (
        "SHOUTED HEADING",
        "12 345",
        "Word",
        "3 likes",
        "1.2k views",
        "Sign in to comment",
        "Go on. Read more...",
        "2 items in cart",
    ):
        assert RefinedWebLines().edit(prose + line) == prose.removesuffix("\n"), line
    for line in (
        "He likes 3 mills.",
        "Read moreover 3 books",
        "A sign in the window told what the old miller thought of it all.",
    ):
        assert RefinedWebLines().edit(prose + line) == prose + line
    assert RefinedWebLines().edit("MENU\nA line of prose.") == Drop("refinedweb-lines", "1 of 5 words in 1 removed lines")
    assert RefinedWebLines(max_removed=1).edit("MENU\nA line of prose.") == "A line of prose."


def test_boilerplate_lines() -> None:
    edit = BoilerplateLines(("We use cookies", "©"), max_words=6)
    assert edit.edit("Bread.\nwe USE cookies here\n© 2020 A\nOn why we use cookies for tea and never for dinner") == (
        "Bread.\nOn why we use cookies for tea and never for dinner"
    )
    with pytest.raises(UsageError, match="at least one phrase"):
        BoilerplateLines(())


SENTENCES = [
    ["Dr. Smith paid 3.50 to J. R. Lee. ", "He left! ", "“Why?” ", "Nobody, e.g. I, knows. ", "End"],
    ["これは文です。", "「はい。」", "終わり"],
    ["यह वाक्य है। ", "दूसरा वाक्य।"],
    ["هل هذا سؤال؟ ", "نعم."],
    ["Wait... ", "What?! ", "Go on."],
    ["1. First of all\n", "\n2. Then\r\n", "x"],
]


@pytest.mark.parametrize("pieces", SENTENCES)
def test_sentences(pieces: list[str]) -> None:
    found = sentences("".join(pieces))
    assert [piece.strip() for piece in found] == [piece.strip() for piece in pieces]


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(TEXTS, st.integers(2, 30))
def test_sentences_join_to_the_text_and_are_never_too_long(text: str, longest: int) -> None:
    found = sentences(text, longest)
    assert "".join(found) == text
    assert all(len(piece.strip()) <= longest for piece in found)


def test_text_without_marks_is_still_cut() -> None:
    for text in ("word " * 2000, "ไม่มีช่องว่าง" * 300, "無標點" * 900, "x" * 5000, "one, two, three, " * 400):
        found = sentences(text)
        assert "".join(found) == text
        assert max(len(piece.strip()) for piece in found) <= 600
    assert all(piece.strip().endswith(",") for piece in sentences("one, two, three, " * 400)[:-1])


def test_sentences_of_real_text_join_to_it(real_data: Path) -> None:
    with (
        (real_data / "multilingual/udhr-all.jsonl.zst").open("rb") as raw,
        zstandard.ZstdDecompressor().stream_reader(raw) as stream,
    ):
        for line in islice(io.TextIOWrapper(stream, encoding="utf-8"), 0, None, 4):
            row = json.loads(line)
            found = sentences(row["text"])
            assert "".join(found) == row["text"]
            assert len(row["text"]) / len(found) < 250, row["id"]


def pages(folder: Path, rows: list[tuple[str, str]]) -> Dataset:
    lines = [json.dumps({"url": url, "text": text}) + "\n" for url, text in rows]
    (folder / "pages.jsonl").write_text("".join(lines))
    return Dataset.jsonl("pages.jsonl", url="url")


def test_lines_that_a_site_repeats_are_removed(tmp_path: Path) -> None:
    rows = [(f"http://a.org/{i}", f"Home | About\n\nPage {i} of a.\n  © a.org") for i in range(6)]
    rows += [("http://a.org/menu", "© a.org\nHome | About")]
    rows += [(f"http://www.b.org/{i}", f"Home | About\nPage {i} of b.") for i in range(3)]
    rows += [("", "Home | About\nno address")] * 9
    for workers in (1, 2):
        table = (
            pages(tmp_path, rows).select(RepeatedLines()).head(100, data=str(tmp_path), store=str(tmp_path / f"store{workers}"))
        )
        texts = table.column("text").to_pylist()
        shared = [f"Home | About\nPage {i} of b." for i in range(3)] + ["Home | About\nno address"] * 9
        assert sorted(texts) == sorted([f"\nPage {i} of a." for i in range(6)] + shared)
    with pytest.raises(UsageError, match="at least 2"):
        RepeatedLines(pages=1)
