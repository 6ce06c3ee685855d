"""One spelling per page, bans by lists that lie elsewhere, and the selections by address and by domain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.core.errors import TamisError, UsageError
from tamis.core.key import describe
from tamis.data.dataset import Dataset
from tamis.data.listing import Listing, ut1
from tamis.data.scores.url import Address, BannedDomain, UrlWords, refinedweb
from tamis.data.urls import DomainCap, UrlDedup, domain_of, host_of, normalised
from tamis.testing import conformance

SAME = [
    "http://example.org/a/b",
    "https://www.EXAMPLE.org:443/a/./c/../b/?utm_source=x&fbclid=1#part",
    "//user:pw@example.org./a/%62/index.html",
    " HTTP://example.org:80//a/b;jsessionid=77\n",
    "example.org/a/b",
]


def test_addresses_of_one_page_have_one_spelling() -> None:
    assert {normalised(url) for url in SAME} == {"example.org/a/b"}
    assert normalised("http://x.org/?b=2&a=1&a=0&c") == "x.org?a=0&a=1&b=2&c="
    assert normalised("https://bücher.de:8080/ä?q=ö#!deep") == "xn--bcher-kva.de:8080/%C3%A4?q=%C3%B6#!deep"
    assert normalised("http://[2001:DB8:0::1]/x") == "[2001:db8::1]/x"
    assert len({normalised(u) for u in ("http://x.org/a", "http://x.org/A", "http://x.org/a?p=1", "http://y.org/a")}) == 4


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "mailto:a@b.org",
        "ftp://x.org/a",
        "javascript:void(0)",
        "http://",
        "http://[::1",
        "http://x y.org:99999/",
        "http://?",
    ],
)
def test_what_is_no_web_address_has_none(url: str) -> None:
    assert normalised(url) == host_of(url) == ""


def test_domains() -> None:
    hosts = [
        "a.b.example.com",
        "news.bbc.co.uk",
        "example.org",
        "localhost",
        "192.168.1.40",
        "a.b.github.io",
        "x.com.br",
        "[2001:db8::1]",
    ]
    assert [domain_of(host) for host in hosts] == [
        "example.com", "bbc.co.uk", "example.org", "localhost", "192.168.1.40", "github.io", "x.com.br", "[2001:db8::1]",
    ]  # fmt: skip


PIECES = (
    *(
        "http://",
        "www.",
        "x",
        "ä",
        ".org",
        ":80",
        ":8",
        "/",
        "//",
        "..",
        "/index.html",
        "%41",
        "%",
        "%2F",
        "?",
        "a=1",
        "&",
        "#",
        "!",
    ),
    *("utm_id=2", "@", "[", "::1]", "\n", ";jsessionid=1", "+", " "),
)
PARTS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(st.one_of(PARTS, PARTS.map(lambda rest: "http://x.org/" + rest), st.text(max_size=30)))
def test_a_spelling_spells_itself(url: str) -> None:
    once = normalised(url)
    assert once == "" or normalised("//" + once) == once
    assert once == "" or once.startswith(host_of(url))


def listing(folder: Path, name: str, *entries: str) -> Listing:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# made for this test\n" + "\n".join(entries) + "\n")
    return Listing.file(path)


def test_banned_domains_cover_what_lies_below_them(tmp_path: Path) -> None:
    score = BannedDomain((listing(tmp_path, "d", "bad.org", "www.shown.net", "10.9.8.7", "half.com/dark/"),))
    banned = {url: score.score(url) for url in ("http://a.bad.org/x", "http://notbad.org", "http://www.shown.net/", "http://10.9.8.7/",
              "http://half.com/dark/room", "http://half.com/darker", "http://half.com/", "")}  # fmt: skip
    assert list(banned.values()) == ["bad.org", "", "www.shown.net", "10.9.8.7", "half.com/dark/", "", "", ""]


def test_words_in_addresses(tmp_path: Path) -> None:
    words = listing(tmp_path, "w", "Casino", "poker")
    assert UrlWords(words).score("http://x.org/casino-POKER/casino?casinos") == 2
    assert UrlWords(words).score("http://mycasino.org/") == 0
    assert UrlWords(words, inside=True).score("http://my-ca.si-no.org/") == 1


def test_lists_are_named_by_their_content(tmp_path: Path) -> None:
    here, there = listing(tmp_path, "a/list", "x.org"), listing(tmp_path, "b/list", "x.org")
    assert describe(BannedDomain((here,))) == describe(BannedDomain((there,)))
    (tmp_path / "a/list").write_text("y.org\n")
    with pytest.raises(TamisError, match="has changed"):
        BannedDomain((here,)).score("http://x.org")
    with pytest.raises(UsageError, match="no-such is missing"):
        Listing.file(tmp_path / "no-such")
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        Listing("https://lists.org/x", "")
    with pytest.raises(TamisError, match="cannot be read"):
        BannedDomain((Listing(str(tmp_path / "gone"), "0" * 64),)).score("http://x.org")
    with pytest.raises(UsageError, match="ships no lists"):
        refinedweb()


def test_ut1_folders(tmp_path: Path) -> None:
    listing(tmp_path, "adult/domains", "bad.org")
    listing(tmp_path, "adult/urls", "half.com/dark")
    assert [Path(each.place).name for each in ut1(tmp_path, ("adult",))] == ["domains", "urls"]
    with pytest.raises(UsageError, match="gambling"):
        ut1(tmp_path, ("adult", "gambling"))


URLS = [
    "http://a.org/1",
    "https://www.a.org/1#x",
    "http://s.a.org/2",
    "http://a.org/3",
    "http://b.org/1",
    "",
    "",
    "http://a.org/4",
]


def pages(folder: Path) -> Dataset:
    rows = [{"text": f"Page {i}.", "url": url} for i, url in enumerate(URLS)]
    (folder / "pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Dataset.jsonl("pages.jsonl", url="url")


def kept(dataset: Dataset, folder: Path) -> list[str]:
    rows = dataset.head(100, data=str(folder), store=str(folder / "store"))
    return sorted(text for text in rows.column("text").to_pylist())


def test_url_dedup_and_domain_cap(tmp_path: Path) -> None:
    base = pages(tmp_path)
    once = kept(base.select(UrlDedup()), tmp_path)
    assert len(once) == 7 and len({"Page 0.", "Page 1."} & set(once)) == 1
    capped = kept(base.select(DomainCap(2)), tmp_path)
    assert len(capped) == 2 + 1 + 2  # two of a.org, b.org, the two without address
    assert len(kept(base.select(DomainCap(2, by="host")), tmp_path)) == 2 + 1 + 1 + 2
    assert kept(base.select(DomainCap(2)), tmp_path) == capped
    with pytest.raises(UsageError, match="limit must be at least 1"):
        DomainCap(0)


def test_a_ban_says_what_banned(tmp_path: Path) -> None:
    lists = listing(tmp_path, "lists/domains", "b.org")
    rules = refinedweb((lists,), soft=listing(tmp_path, "lists/soft", "a", "org", "s"))
    assert kept(pages(tmp_path).keep(*rules), tmp_path) == ["Page 5.", "Page 6."]


def test_conformance(tmp_path: Path) -> None:
    conformance(Address())
    conformance(BannedDomain((listing(tmp_path, "d", "x.org"),)))
    conformance(UrlWords(listing(tmp_path, "w", "page")))


def test_real_addresses(real_data: Path) -> None:
    rows = [json.loads(line) for line in (real_data / "web/pool-manifest.jsonl").read_text().splitlines()]
    spelt = [normalised(row["url"]) for row in rows]
    assert sum(not url for url in spelt) <= 0.01 * len(rows)
    assert [url and normalised("//" + url) for url in spelt] == spelt
