"""What is personal data and what only looks like it; replacing is exact, idempotent, and the same by the compiled scan."""

from __future__ import annotations

import io
import json
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.core.errors import UsageError
from tamis.data.edits.pii import Redact
from tamis.data.pii import find, find_batch
from tamis.data.scores.pii import PersonalData
from tamis.testing import conformance

PERSONAL = {
    "email": [
        "ann.lee+list@mail.co.uk",
        "bounce+ann=lee.org@lists.org",
        "a@b.io",
        "x_1@xn--bcher-kva.xn--p1ai",
        "user@städte.de".replace("ä", "ae"),
    ],
    "phone": [
        "+49 (0)30 1234567",
        "0049 30 123456",
        "(212) 613-1648",
        "1-212-613-1648 ext 121",
        "847.366.4300",
        "(01) 605 3737",
        "01225 447227",
        "06 12 34 56 78",
        "18008608747",
        "+33 6 44 83 37 88",
        "8 (800) 555-35-35",
    ],
    "ip": ["62.17.143.253", "2a00:1450:4001:82b::200e"],
    "card": ["4111 1111 1111 1111", "5500-0055-5555-5559", "340000000000009"],
    "iban": ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000"],
    "secret": [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "aB3" * 12,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLWJ5dGVz",
        "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA" * 4 + "\n-----END RSA PRIVATE KEY-----",
    ],
}
HARMLESS = [
    "the decorator @property and master@{upstream}",
    "git-maintenance@hourly.timer and dev_team@domain.tld",
    "write to you@example.com or root@localhost",
    "https://user:secret1word@host.org/path and ssh://git@host.org/x",
    "on 2005-03-19, 19.03.2005, 03/19/2005, from 1991-1995, 20112012",
    "SQLite version 3.7.16.1, GCC 2.7.2.2, section 4.8.3.1, revision 1.115.2.11",
    "127.0.0.1, 10.1.200.3, 192.168.1.40, 192.0.2.77, 255.255.255.0, 999.200.100.50, object 1.3.6.1.5.5.7.3.1",
    "::1, fe80::1, 2001:db8::1, 12:34:56, std::string, 2009:4:Sunday",
    "3.141592653589793, 9223372036854775807, 4503599627370497, -1999999999999999997, 5000000 loops",
    "4111 1111 1111 1112",
    "GB82 WEST 1234 5698 7654 33",
    "ISBN 978-0596158101, ISBN 0-596-00797-3, CVE-2008-5983, bpo-1616979, PMID 18008608",
    "pT2-3bN0-1M0 NCT01046032 HLA-DQ2/DQ8",
    "commit e05db0fd4f31dde7005f075a84f96b360d05984b, id 6fa459ea-ee8a-3ca4-894e-db77e160355e",
    "key = self.registered_handler_key2, creationToken = 1644442601, token: tokenize.generate_tokens(readline)",
    "0 1 1 2 3 5 8 13 21 34 55 89 144 233 377",
    "Bethesda, MD 20892-3655, MA 03894-4801",
]
PIECES = st.sampled_from(
    [text for texts in PERSONAL.values() for text in texts]
    + [*HARMLESS, *" \n.,;:()[]/-+@#=x5é電\u00a0", " or ", "Tel: ", "phone ", "+49", "1234567", "12345678", "[PHONE]", "api_key="]
)
TEXTS = st.lists(PIECES, max_size=14).map("".join)


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in PERSONAL.items() for value in values])
def test_found_whole_in_any_surrounding(kind: str, value: str) -> None:
    for before, after in (
        ("", ""),
        ("see ", " today"),
        ("(", ")"),
        ("Größe — ", ", und"),
        ("<", ">"),
        ("是", "吗"),
        ("\n", "\n"),
    ):
        text = before + value + after
        start = len(before.encode())
        assert [tuple(f) for f in find(text)] == [(start, start + len(value.encode()), kind)], text


@pytest.mark.parametrize("text", HARMLESS)
def test_look_alikes_stay(text: str) -> None:
    assert find(text) == []


def test_a_word_before_a_number_announces_it() -> None:
    assert find("about 205241510 bytes") == []
    for text in (
        "Tel: 31 205241510",
        "Телефон 205 24 15",
        "call us on 205-2415",
        "電話：2052415",
        "Fax 7035246686 or 2027760406",
    ):
        assert {f.kind for f in find(text)} == {"phone"}, text
    assert len(find("Fax 7035246686 or 2027760406")) == 2


def test_random_values_count_only_under_a_telling_name() -> None:
    value = "q9Zr2LmX7vKp4TbW8sYd"
    assert [f.kind for f in find(f'api_key = "{value}"')] == ["secret"]
    assert [f.kind for f in find(f"client-secret: {value}")] == ["secret"]
    assert find(f'checksum = "{value}"') == find(f'sort_key = "{value}"') == []


def test_replacement_is_exact_and_kinds_can_be_left_alone() -> None:
    text = "Größe: a@b.co and a@b.com, +49 30 1234567;\r\nend\u2028"
    assert Redact().edit(text) == "Größe: [EMAIL] and [EMAIL], [PHONE];\r\nend\u2028"
    assert Redact(("phone",)).edit(text) == "Größe: a@b.co and a@b.com, [PHONE];\r\nend\u2028"
    with pytest.raises(UsageError, match="'name' is not among"):
        Redact(("name",))


def test_the_score_is_the_log() -> None:
    text = "Größe: a@b.co und 電話 +49 30 1234567 ok"
    row = PersonalData().score_batch(pa.array(["", text], pa.large_string())).to_pylist()
    assert row[0] == dict.fromkeys(("secrets", "emails", "ibans", "cards", "ips", "phones"), 0) | {"spans": ""}
    assert (row[1]["emails"], row[1]["phones"]) == (1, 1)
    places = [(int(a), int(b), kind) for a, b, kind in (each.split(":") for each in row[1]["spans"].split())]
    assert [(text[a:b], kind) for a, b, kind in places] == [("a@b.co", "email"), ("+49 30 1234567", "phone")]


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(TEXTS)
def test_replacing_twice_is_replacing_once(text: str) -> None:
    once = Redact().edit(text)
    assert Redact().edit(once) == once


def same_by_batch(texts: list[str]) -> None:
    array = pa.array(texts, pa.large_string())
    assert find_batch(array) == {row: found for row, text in enumerate(texts) if (found := find(text))}
    once = [Redact().edit(text) for text in texts]
    assert find_batch(pa.array(once, pa.large_string())) == {}


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.lists(st.one_of(TEXTS, st.text(max_size=60)), max_size=5))
def test_the_compiled_scan_finds_the_same(texts: list[str]) -> None:
    same_by_batch(texts)


@pytest.mark.parametrize(
    "name", ["text/email-spam-ham", "multilingual/udhr-all", "text/wikipedia-vital-es", "text/qa-medquad-en"]
)
def test_the_compiled_scan_finds_the_same_in_real_text(real_data: Path, name: str) -> None:
    with (real_data / f"{name}.jsonl.zst").open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        same_by_batch([json.loads(line)["text"] for line in islice(io.TextIOWrapper(stream, encoding="utf-8"), 200)])


def test_conformance() -> None:
    conformance(PersonalData())
    conformance(Redact())


def test_hostile_text_is_read_to_its_end_and_holds_nothing() -> None:
    for piece in (
        "1" * 50_000,
        "a." * 25_000 + "@",
        "@a" * 25_000,
        "(" * 50_000 + "1234567",
        "2001:" * 10_000,
        "1 " * 25_000,
        "+1-" * 17_000,
        "-----BEGIN PRIVATE KEY-----\n" * 300,
    ):
        whole = piece + "\nann@b.com"
        assert find(whole) == [(len(whole) - len("ann@b.com"), len(whole), "email")]
