"""DCLM-baseline and Dolma: statistics by hand, edits, the bugs that `dclm_compat` repeats, and whole chains on small pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tamis import Dataset
from tamis.core.errors import UsageError
from tamis.data.edit import Drop
from tamis.data.edits.dclm import DclmLines, DclmText, trie
from tamis.data.edits.lines import PunctuatedLines
from tamis.data.listing import Listing
from tamis.data.presets import DCLM_FILES, DclmLists, dclm_baseline, dclm_rules, dolma_web
from tamis.data.score import Rule
from tamis.data.scores import dclm, dolma
from tamis.data.scores.dclm import DclmAddress, DclmQuality, DclmRepetition, GluedLanguage, words
from tamis.data.scores.dolma import DolmaQuality, DolmaRepetition
from tamis.testing import conformance

ENTRIES = {
    "domains": "bad.org",
    "strict": "casino",
    "hard": "poker",
    "soft": "bet\nspin",
    "tlds": "# a list\ncom\nco\norg\nth\n",
}
PAGE = """The two bakers of the town have a sieve made of horsehair, and every morning they sift flour before anyone wakes.
What passes through is baked with water, salt and patience; what stays behind is given to the hens of their neighbour.
Nobody remembers who brought the old drum here, though a date has been carved into its wooden frame by some careful hand.
On holidays children come to watch, holding their breath, because it seems to them that snow is falling inside the house."""


@pytest.fixture
def lists(tmp_path: Path) -> DclmLists:
    for name, file in DCLM_FILES.items():
        (tmp_path / file).write_text(ENTRIES[name])
    return DclmLists.folder(tmp_path)


def values(score: Any, text: str) -> dict[str, Any]:
    return dict(zip(score.columns(), score.score(text), strict=True))


def test_dclm_counts_by_hand() -> None:
    found = values(DclmQuality(), 'The "end" . . . of #1 ...\n● TO be ?\n- x …')
    assert found == {
        "words": 7,
        "symbol_ratio": 4 / 15,
        "bullet_lines": 2 / 3,
        "ellipsis_lines": 2 / 3,
        "stop_words": 4,
    }
    assert values(DclmQuality(dclm_compat=True), '"end" (of) the') == values(DclmQuality(), "the") | {"stop_words": 1, "words": 1}


def test_words_end_where_those_of_uax_29_do() -> None:
    assert words("Don't stop: 3.14, 1,000 or U.S. at 10:30 a:b — e\u0301té_x हिन्दी '90s") == (
        ["Don't", "stop", "3.14", "1,000", "or", "U.S", "at", "10", "30", "a:b", "e\u0301té", "x", "हिन्दी", "90s"]
    )


def test_every_copy_counts() -> None:
    text = "one line\nother\none line\n\nlast"
    ours, theirs = values(DclmRepetition(), text), values(DolmaRepetition(), text)
    assert ours["copied_lines"] == theirs["copied_lines"] == 2 / 4
    assert ours["copied_line_characters"] == 16 / 25
    assert theirs["copied_line_characters"] == 16 / 23, "over the characters of words"
    assert ours["top_2_gram_characters"] == 14 / 23


def test_ngrams_by_hand() -> None:
    text = "a bb a bb ccc a bb dddd"
    assert values(DclmRepetition(), text)["top_2_gram_characters"] == 3 * 3 / 16
    assert values(DolmaRepetition(), text)["top_2_gram_characters"] == 3 * 3 / 16
    assert values(DclmRepetition(), "a b c")["top_2_gram_characters"] == 0, "nothing is repeated"
    assert values(DolmaRepetition(), "a b c")["top_2_gram_characters"] == 2 / 3, "the first 2-gram, once"
    twice = "v w x y z v w x y z"
    assert values(DclmRepetition(), twice)["repeated_5_gram_characters"] == 1.0
    assert values(DolmaRepetition(), twice)["repeated_5_gram_characters"] == 10 / 30
    assert values(DclmRepetition(), "aa b c aa b aa c d b c")["top_2_gram_characters"] == 2 * 3 / 13, "the longest of equals"


@pytest.mark.parametrize(
    ("text", "loops"), [("", 0), ("a", 1), ("a b c", 1), ("a b a b a b", 3), ("x a b c a b c y", 2), ("ha " * 120, 120)]
)
def test_loops(text: str, loops: int) -> None:
    assert values(DolmaRepetition(), text)["loops"] == loops


def test_dolma_counts_by_hand() -> None:
    found = values(DolmaQuality(), "# the …a be\n* The wordy one…\n  - x...")
    assert found == {
        "median_word_length": 2.5,
        "symbol_words": 3 / 10,
        "stop_words": 2,
        "bullet_lines": 2 / 3,
        "ellipsis_lines": 1 / 3,
    }


def test_addresses_are_taken_out_of_every_text(lists: DclmLists) -> None:
    edit = DclmText(lists.tlds)
    assert edit.edit("We met at http://www.site.com/a?b=1#c today, or mail a@b.co.") == "We met at today, or mail"
    assert edit.edit("A host 192.168.0.1:80/x and version 1.2.3\n\n\n\nend.\nfile.comet stays") == (
        "A host and version 1.2.3\n\nend.\nfile.comet stays"
    )
    shipped = DclmText(lists.tlds, dclm_compat=True)
    assert shipped.edit("The page a.com") == "The page", "it begins with a top-level domain, th"
    assert shipped.edit("A page a.com") == "A page a.com"
    assert DclmText().edit("see a.com or 1.1.1.1") == "see a.com or"


def test_a_trie_finds_the_longest_word() -> None:
    import re

    found = re.compile(trie(frozenset(("co", "com", "org", "x"))))
    assert [found.match(text) and found.match(text)[0] for text in ("com", "cow", "x", "or")] == ["com", "co", "x", None]  # type: ignore[index]


def test_lines_of_dclm() -> None:
    keep = "This line has many words and it stays as it is, since nothing in it is wrong at all, or so we think today.\n" * 4
    edit = DclmLines()
    assert edit.edit(keep + "MENU\n123\n2.5K likes\n\nmore\n") == keep.strip()
    assert edit.edit(keep + "12 items in cart\nThe story goes on Read More...") == keep + "12\nThe story goes on", (
        "the line is cut"
    )
    assert edit.edit(keep + "Sign-in now please\nRead more...") == keep + "now please"
    assert edit.edit(keep + "It can be Read more of it") == keep + "It can be Read more of it"
    assert DclmLines(dclm_compat=True).edit(keep + "You can read more now") == keep + "You can read more now"
    assert DclmLines(dclm_compat=True).edit(keep + "You can read more of") == keep + "You can", (
        "three characters, not three stops"
    )
    assert edit.edit("Home page\n" + "ALL OF THIS IS LOUD\n") == Drop("dclm-lines", "5 of 7 words removed")
    assert isinstance(edit.edit(""), Drop)


def test_lines_that_end_in_a_mark() -> None:
    assert PunctuatedLines().edit('One.\nmenu\n\n  Two?  \n"Three"') == 'One.\n  Two?  \n"Three"'
    assert PunctuatedLines().edit("menu") == Drop("no-punctuated-line")


def passes(rules: tuple[Rule, ...], url: str) -> bool:
    out = []
    for rule in rules:
        score: Any = rule.field.score
        found = score.score(url)
        value = found[list(score.columns()).index(rule.field.name)] if isinstance(found, tuple) else found
        out.append(value in rule.isin if rule.isin is not None else value <= (rule.max or 0))
    return all(out)


@pytest.mark.parametrize(
    ("url", "right", "shipped"),
    [
        ("https://good.net/page", True, True),
        ("https://bad.org/page", False, False),
        ("https://www.bad.org/page", False, True),
        ("https://sub.bad.org/page", False, True),
        ("https://x.net/online-ca.sino", False, False),
        ("https://x.net/free_poker", False, True),
        ("https://x.net/poker/", False, False),
        ("https://x.net/pokers/bet", True, True),
        ("https://x.net/bet/spin", False, False),
    ],
)
def test_bans_by_address(lists: DclmLists, url: str, right: bool, shipped: bool) -> None:
    assert passes(dclm_rules(lists)[0], url) == right
    assert passes(dclm_rules(lists, dclm_compat=True)[0], url) == shipped


def test_glued_lines() -> None:
    assert GluedLanguage().score("the\nfo\nx") == GluedLanguage().score("thefox")


def test_missing_lists_are_named(tmp_path: Path) -> None:
    (tmp_path / DCLM_FILES["tlds"]).write_text("com\n")
    with pytest.raises(UsageError, match=r"curated\.txt \(domains\), .*strict.*hard.*soft"):
        DclmLists.folder(tmp_path)
    given = DclmLists.folder(tmp_path, without=("domains", "strict", "hard", "soft"))
    assert given == DclmLists(tlds=Listing.file(tmp_path / DCLM_FILES["tlds"]))
    assert dclm_rules(given)[0] == ()
    with pytest.raises(UsageError, match="'tld' is not among domains"):
        DclmLists.folder(tmp_path, without=("tld",))


def pages(tmp_path: Path) -> Dataset:
    rows = [
        {"url": "https://good.net/", "text": PAGE + " See a.com\nMENU"},
        {"url": "https://bad.org/", "text": PAGE},
        {"url": "https://good.net/2", "text": "Der Bäcker siebt das Mehl jeden Morgen, und niemand fragt ihn, warum er das tut."},
        {"url": "https://good.net/3", "text": PAGE + "\nLOUD AS EVERY ADVERTISEMENT" * 2 + "\nMENU"},
        {"url": "https://good.net/4", "text": (PAGE.split("\n")[0] + "\n") * 9},
    ]
    (tmp_path / "pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Dataset.jsonl("pages.jsonl", url="url")


@pytest.mark.parametrize("compat", [False, True])
def test_dclm_baseline_on_pages(tmp_path: Path, lists: DclmLists, compat: bool) -> None:
    chain = dclm_baseline(pages(tmp_path), lists, dclm_compat=compat)
    store = str(tmp_path / "store")
    assert chain.head(-1, str(tmp_path), store).column("text").to_pylist() == [PAGE + " See"]
    reasons = {row["reason"] for row in chain.funnel(str(tmp_path), store).to_pylist()} - {None, ""}
    language = "GluedLanguage.label in {en}" if compat else "Language.label in {en}"
    assert reasons >= {"banned-domain", language, "DclmRepetition.copied_lines <= 0.3", "dclm-lines"}


def test_dolma_web_on_pages(tmp_path: Path) -> None:
    chain = dolma_web(pages(tmp_path))
    found = chain.head(-1, str(tmp_path), str(tmp_path / "store")).column("text").to_pylist()
    assert found == ["\n".join(PAGE.split("\n")[:3]), PAGE, PAGE], "the line that ends in an address goes"


def test_presets_have_the_published_bounds() -> None:
    assert [len(rules) for rules in (dclm.quality(), dclm.repetition(), dolma.quality(), dolma.repetition())] == [7, 13, 7, 12]
    assert {r.field.name for r in dolma.repetition()} - {r.field.name for r in dolma.repetition(as_run=True)} == {
        "top_2_gram_characters",
        "top_3_gram_characters",
        "top_4_gram_characters",
    }
    assert [rule.max for rule in dclm.repetition()] == [0.3, 0.3, 0.2, 0.2, 0.2, 0.18, 0.16, 0.15, 0.14, 0.13, 0.12, 0.11, 0.10]


def test_they_keep_the_promises_of_their_kinds(lists: DclmLists) -> None:
    for operator in (DclmQuality(), DclmRepetition(), DolmaQuality(), DolmaRepetition()):
        conformance(operator, large=False)
    for edit in (DclmText(lists.tlds), DclmLines(), PunctuatedLines(), DclmAddress(lists.domains), GluedLanguage()):
        conformance(edit, large=False)
