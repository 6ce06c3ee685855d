"""The datasheet: counts, hashes and limits are there, and nothing from outside is markup."""

from __future__ import annotations

from typing import Any

from tamis.report.card import datasheet

STAGE = {"operator": "GopherQuality", "key": "0123456789abcdef", "rows_in": 14000, "rows_out": 12000}
SOURCE = {
    "source": "warc",
    "declared": {"pattern": "web/*.warc.gz"},
    "rows": 14000,
    "damaged": 2,
    "licences": {"MIT": 3, "BSD-3-Clause": 9},
}
FACTS: dict[str, Any] = {
    "name": "curated <b>",
    "purpose": "Is it | better?",
    "sources": [SOURCE | {"files": [{"name": "web/a|b.warc.gz", "bytes": 2_000_000, "sha256": "ab" * 32}]}],
    "arms": [{"name": "curated", "stages": [STAGE | {"dropped": {"few words": 1500, "no_letters": 500}}]}],
    "limits": ["English *only*."],
}


def test_sources_filters_hashes_and_limits_are_told() -> None:
    text = datasheet(FACTS)
    assert "ab" * 32 in text and "14,000 records read; 2 damaged places could not be read." in text
    assert r"| GopherQuality | 14,000 | 12,000 | few words (1,500), no\_letters (500) | 0123456789ab |" in text
    assert "| BSD-3-Clause | 9 |" in text and "Licences were not recorded" not in text
    assert "damaged and are missing: 2." in text


def test_names_are_not_markup_and_the_text_is_stable() -> None:
    text = datasheet(FACTS)
    assert r"# curated \<b\>" in text and r"web/a\|b.warc.gz" in text and r"English \*only\*." in text
    assert text == datasheet(FACTS) and text.endswith("\n") and "None" not in text


def test_a_source_without_licences_is_a_limit() -> None:
    source = {key: value for key, value in FACTS["sources"][0].items() if key != "licences"}
    assert "Licences were not recorded" in datasheet(FACTS | {"sources": [source | {"files": []}]})
