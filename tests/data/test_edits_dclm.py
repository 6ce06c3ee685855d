"""DCLM's edits by kernel are those of their definitions: on invented text, on real documents, on every code point."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_scores import REAL, documents, real

from tamis.data.edit import Edit
from tamis.data.edits.dclm import DclmLines, DclmText
from tamis.data.listing import Listing

DOMAINS = "com\nco\norg\nth\nde\nxn--p1ai\nco.uk\nрф\nm-1\ne\u0301\n7\n"
ADDRESSES = (
    *("http://", "https://", "ftp://", "shttp://", "www.", "www.a.com", "a.co.uk", "a.th", "x.рф", ".e\u0301", ".xn--p1ai"),
    *(".comet", "a@b.org ", "1.2.3.4", "192.168.0.255:80/x?y=1 ", "300.1.1.1", "299.1.1.1", "1.2.3", "٣.٣.٣.٣"),
)
REMAINS = (
    *("ITEMS IN CART", "items in cart ", "\u00a0item\u017f \u0130n cart", "Read more...", "read more", "re", "SIGN-IN"),
    *("s\u0131gn-in ", " \u017fign-in\n", "3 likes", "2.5K views", "1,000k \u212a", "12\u212a Li\u212aes!", "(7 comments)"),
    *("7m downloads x", "MENU\n", "A B\n", "1 2\n", "one two three.\n", "four words of text\n", '"quoted words" here '),
    *("\n\n", "\n\n\n\n", " " * 12, "the page has many words in it, and all of them stay where they are"),
)
CHARACTERS = " \t\n\v\x1c\x85\xa0\u2028\u3000\u200b\0aZ9_-.:/@%()?&,;!²½Ⅳ٣語éÉİıſKǅⒶ\u0301"
PIECES = st.sampled_from([*CHARACTERS, *ADDRESSES, *REMAINS])
TEXTS = st.one_of(st.lists(PIECES, max_size=40).map("".join), st.text(max_size=40))


@pytest.fixture(scope="module")
def edits(tmp_path_factory: pytest.TempPathFactory) -> list[Edit]:
    path = tmp_path_factory.mktemp("lists") / "domains.txt"
    path.write_text(DOMAINS)
    (path.parent / "none.txt").write_text("# nothing\n")
    lists = (None, Listing.file(path), Listing.file(path.parent / "none.txt"))
    lines = (DclmLines(dclm_compat=compat, max_removed=most) for compat in (False, True) for most in (0.05, 0.9))
    return [*(DclmText(tlds, compat) for tlds in lists for compat in (False, True)), *lines, DclmLines(max_capitals=0)]


def check(edit: Any, texts: list[str]) -> None:
    rows = pa.RecordBatch.from_arrays([pa.array(["before", *texts], pa.large_string())], ["text"]).slice(1)
    for text, found in zip(texts, edit.edit_batch(rows), strict=True):
        assert found == edit.edit(text), f"{edit}: {text[:300]!r}"


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(texts=st.lists(TEXTS, max_size=5))
def test_kernels_equal_definitions_on_invented_text(texts: list[str], edits: list[Edit]) -> None:
    for edit in edits:
        check(edit, texts)


@pytest.mark.parametrize("part", REAL, ids=lambda part: part[1])
def test_kernels_equal_definitions_on_real_documents(part: Any, edits: list[Edit]) -> None:
    texts = [text[:5000] for text in real(*part)]
    for edit in edits:
        check(edit, texts)


@pytest.mark.parametrize(
    "text", ["", "\0", "\n" * 3000, " " * 3000, "a." * 50_000, "1.2.3." * 20_000, "x" * 1_000_000, "é\n" * 9000, "7" * 1_000_001]
)
def test_odd_documents_are_edited(text: str, edits: list[Edit]) -> None:
    for edit in edits:
        check(edit, [text, "and one more."])


@pytest.mark.slow
def test_every_document_of_the_shared_text(real_data: Path, edits: list[Edit]) -> None:
    for path in sorted((real_data / "text").glob("*.jsonl.zst")):
        texts = list(documents(path))
        for start in range(0, len(texts), 500):
            for edit in edits:
                check(edit, texts[start : start + 500])


@pytest.mark.slow
@pytest.mark.parametrize("plane", (0, 1, 2, 3, 14, 16))
def test_every_code_point(plane: int, edits: list[Edit]) -> None:
    """Beside addresses and counters, within them, and alone on a line."""
    stop = min((plane + 1) << 16, sys.maxunicode + 1)
    points = [chr(point) for point in range(plane << 16, stop) if not 0xD800 <= point < 0xE000]
    shape = "{c}www.a.com{c} x{c}y.de 1{c} likes\n1 l{c}kes{c}\n{c}\nRead more{c}..\nread {c}ore...\n"
    shape += "{c}ign-in a\nitem{c} {c}n cart b\na {c}{c}1.2.3.4{c}\n"
    for start in range(0, len(points), 4096):
        texts = [
            "".join(shape.replace("{c}", c) for c in points[k : k + 16]) for k in range(start, min(start + 4096, len(points)), 16)
        ]
        for edit in edits:
            check(edit, texts)
