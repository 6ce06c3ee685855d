"""Our own extractor: what is kept and dropped on small pages, how it is written, and that no page is too strange."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from tamis.core.errors import TamisError
from tamis.data.edit import Drop
from tamis.data.extract import Article, Trafilatura
from tamis.data.extraction.article import blocks_of, extract
from tamis.data.extraction.words import GROUPS, automaton
from tamis.data.extraction.write import write
from tamis.data.schema import DOCUMENT
from tamis.data.supervise import child_of
from tamis.kernels.blockfeatures import COLUMNS, NAMES, features
from tamis.kernels.blocks import HIDDEN, TAGS
from tamis.testing import conformance

PROSE = (
    "The harbour was built in 1873, when the town was still small, and for a century it fed everyone who lived there.",
    "Fishermen left before dawn, sold their catch at noon, and mended their nets in the afternoon; nobody hurried.",
    "Today the boats are gone, but the cranes remain, and the council wants to turn them into a museum of work.",
    "Not everyone agrees: some would rather see flats there, others a park, and most would like to be asked first.",
)
NAV = (
    '<nav class="menu"><ul>'
    + "".join(f'<li><a href="/{w}">{w}</a></li>' for w in ("Home", "News", "Sport", "Contact"))
    + "</ul></nav>"
)
FOOTER = '<footer id="footer"><p>© 2026 Harbour Herald. All rights reserved. <a href="/imprint">Imprint</a></p></footer>'
BANNER = '<div class="cookie-banner"><p>We use cookies. <a href="/privacy">Privacy</a></p><button>Accept</button></div>'
ASIDE = '<div class="sidebar related">' + "".join(f'<h4><a href="/{i}">Story number {i}</a></h4>' for i in range(8)) + "</div>"


def page(content: str) -> str:
    """An article as news sites write it, with what surrounds it."""
    return (
        "<!DOCTYPE html><html><head><title>The harbour - Harbour Herald</title><style>p{color:red}</style></head><body>"
        f"{NAV}{BANNER}<div class='article-body'><h1>The harbour</h1>{content}</div>{ASIDE}{FOOTER}"
        "<script>var x='</p>';</script></body></html>"
    )


def paragraphs(texts: tuple[str, ...] = PROSE) -> str:
    return "".join(f"<p>{text}</p>" for text in texts)


def everything(html: str, markdown: bool = False) -> str:
    """All blocks of a page, written."""
    blocks = blocks_of(html)
    return write(blocks, range(len(blocks.element)), markdown)


def batch(*texts: str) -> pa.RecordBatch:
    rows = [{"id": bytes(16), "text": t, "url": "", "source": "", "meta": "{}"} for t in texts]
    return pa.RecordBatch.from_pylist(rows, schema=DOCUMENT)


@pytest.fixture(autouse=True, scope="module")
def ended() -> Iterator[None]:
    yield
    for task in (Article(), Article(markdown=True)):
        child_of(task).close()


def test_prose_is_kept_and_what_surrounds_it_is_not() -> None:
    text = extract(page(paragraphs()))
    for line in PROSE:
        assert line in text.splitlines()
    for noise in ("Sport", "cookies", "Story number", "rights reserved", "color", "var x"):
        assert noise not in text


def test_headings_lists_tables_and_code_stay_readable() -> None:
    content = (
        "<h2>Prices</h2><ul><li>one fish<ul><li>fresh</li></ul></li><li>two fish</li></ul>"
        "<table><tr><th>kind</th><th>price</th></tr><tr><td>cod</td><td>4</td></tr></table>"
        "<pre><code>def f(x):\n    return x &lt; 2\n</code></pre><blockquote>Ask<br>first</blockquote>"
    )
    plain = ["Prices", "- one fish", "  - fresh", "- two fish", "kind | price", "cod | 4"]
    assert everything(content).splitlines() == [*plain, "def f(x):", "    return x < 2", "Ask", "first"]
    assert everything(content, markdown=True) == (
        "## Prices\n- one fish\n  - fresh\n- two fish\nkind | price\ncod | 4"
        "\n\n```\ndef f(x):\n    return x < 2\n```\n\n> Ask\n> first"
    )


def test_inline_marks_do_not_break_words_and_borders_do() -> None:
    html = "<p>A <b>bo</b>ld&nbsp;&amp; <a href='x>y'>linked\n  word</a><!-- no --><wbr>s &copy; &eacute;</p>"
    html += "after<div>x<br>y<br><br>z<hr>w"
    assert everything(html).splitlines() == ["A bold & linked words © é", "after", "x", "y", "z", "w"]


def test_text_that_nobody_sees_is_no_block() -> None:
    hidden = "<script>a</script><style>b</style><noscript>c</noscript><template>d</template>"
    hidden += "<svg><text>e</text></svg><select><option>f</select>"
    assert everything(f"<title>t</title><body>{hidden}<p>seen</p><textarea><p>g</textarea><iframe>h</iframe>") == "seen"


def test_what_the_page_says_of_its_parts_is_read() -> None:
    bits = {word: 1 << bit for bit, group in enumerate(GROUPS) for word in group.split("|")}
    blocks = blocks_of(
        '<div class="mySideBar x" style="color:red; display: none"><p id="ad">a</p></div><div class="shadow">b</div>'
    )
    outer, inner, other = (
        int(blocks.mask[list(blocks.tag).index(TAGS.index(t), at)]) for t, at in (("div", 0), ("p", 0), ("div", 5))
    )
    assert outer & bits["sidebar"] and outer & int(HIDDEN)
    assert inner == bits["-ad-"]
    assert not other & bits["-ad-"]
    assert len(automaton().step) < 32_767 and len(GROUPS) < 64


def test_every_block_has_its_row() -> None:
    blocks = blocks_of(page(paragraphs()))
    rows = features(blocks)
    assert rows.shape == (len(blocks.element), COLUMNS) and len(set(NAMES)) == COLUMNS
    first = next(i for i in range(len(rows)) if blocks.text[blocks.start[i] : blocks.stop[i]].tobytes().decode() == PROSE[0])
    row = dict(zip(NAMES, rows[first].tolist(), strict=True))
    letters = sum(not c.isspace() for c in PROSE[0])
    assert (row["weight"], row["words"], row["commas"], row["ends"], row["links"]) == (letters, len(PROSE[0].split()), 2, 1, 0)
    assert row["links+1"] == 0 and row["after_h1"] == 1 and row["paragraphs_1"] == 4


@pytest.mark.parametrize(
    "sentence",
    [
        "港口建于一八七三年，当时镇子还很小；一个世纪以来，它养活了住在那里的每一个人，渔民们黎明前出海。",
        "بُني الميناء عام ١٨٧٣، حين كانت البلدة صغيرة، وظل قرنا كاملا يطعم كل من عاش فيها من الصيادين.",
        "Порт построили в 1873 году, когда город был ещё мал, и целый век он кормил всех, кто там жил.",
    ],
)
def test_other_scripts(sentence: str) -> None:
    texts = tuple(f"{sentence}{i}。" for i in range(6))
    text = extract(page(paragraphs(texts)))
    assert all(t in text for t in texts)
    assert "Sport" not in text


STRANGE = {
    "empty": "",
    "blank": " \n",
    "no markup": "no markup at all",
    "deep": "<div>" * 10_000 + "x" + "</div>" * 10_000,
    "deep inline": "<b><i>" * 5_000 + "x",
    "cut in a tag": "<p>text<div class='a",
    "cut in a comment": "<p>text<!-- never closed",
    "cut in a script": "<p>text<script>let a = '<p>'",
    "only tags": "<p><div></p></div></table><td></td></html></html><p>",
    "quotes": '<p class="a\'b" id=\'c"d\' title="<>&quot;>">text & &lt &bogus; &#0; &#x110000;</p>',
    "NUL": "<p>a\x00b</p>\x00<\x00p>",
    "table": "<table><p>x<tr><td>y<table><tr><td>z",
    "frames": "<frameset><frame src=a></frameset>",
    "raw to the end": "<p>text<plaintext>b</p>",
    "quotes in names": '<p a"b>text <a c" href="x" d>text</a></p>',
    "many attributes": "<p " + " ".join(f'a{i}="{i}"' for i in range(5000)) + ">x</p>",
}


def test_only_a_page_without_visible_text_is_empty() -> None:
    assert extract("<p>short</p>") == "short"
    assert extract(NAV) and extract(FOOTER)
    assert extract("<div style='display:none'><p>hidden</p></div>") == ""


@pytest.mark.parametrize("name", STRANGE)
def test_strange_pages_are_read_and_twice_the_same(name: str) -> None:
    blocks = blocks_of(STRANGE[name])
    assert (blocks.stop > blocks.start).all() and (blocks.element < len(blocks.parent)).all()
    assert extract(STRANGE[name]) == extract(STRANGE[name])
    if "text" in STRANGE[name]:
        assert "text" in everything(STRANGE[name])


def test_a_page_of_ten_megabytes_takes_seconds() -> None:
    html = page(paragraphs(tuple(f"{PROSE[i % 4]} {i}" for i in range(90_000))))
    result = Article(timeout=60).edit_batch(batch(html))[0]
    child_of(Article(timeout=60)).close()
    assert isinstance(result, str) and PROSE[0] in result


def test_batches_equal_the_definition_and_conform() -> None:
    pages = [page(paragraphs(PROSE[i % 3 :])) for i in range(20)] + list(STRANGE.values())
    edit = Article()
    results = edit.edit_batch(batch(*pages))
    assert results == [edit.edit(p) for p in pages]
    assert results[20] == Drop("empty")
    conformance(Article(), large=False)
    assert Article(markdown=True).edit(page("<h2>One</h2>" + paragraphs())) != edit.edit(page("<h2>One</h2>" + paragraphs()))


def test_trafilatura_is_an_extra() -> None:
    """Without the package the declaration says what to install; with it, no page changes another."""
    try:
        edit = Trafilatura()
    except TamisError as error:
        assert "tamis[extract]" in str(error)
        return
    assert edit.edit(page(paragraphs())) == edit.edit(page(paragraphs()))
    assert PROSE[1] in str(edit.edit(page(paragraphs())))
