"""What is masked, what is left, and that strange characters are tamed."""

from __future__ import annotations

import time

import pytest

from tamis.report.mask import SHOWN, excerpt, mask, visible


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to jane.doe+spam@mail.example.co.uk, please", "write to [e-mail], please"),
        ("bob (at) example.com", "[e-mail]"),
        ("müller@example.de", "[e-mail]"),
        ("call +49 30 1234567 now", "call [phone] now"),
        ("(212) 555-0199", "[phone]"),
        ("Tel. 0049-171-5556677.", "Tel. [phone]."),
        ("from 10.0.0.1:80", "from [IP address]:80"),
        ("at 2001:db8:0:0:0:ff00:42:8329", "at [IP address]"),
        ("at fe80::1ff:fe23:4567:890a.", "at [IP address]."),
    ],
)
def test_personal_data_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "on 2024-01-31 or 31.01.2024",
        "from 1914-1918",
        "3.14159265 and 1000000",
        "x = a[1:10:2]",
        "at 10:20:30",
        "version 3.11.2",
        "@decorator",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert mask(text) == text


def test_strange_characters_become_visible_and_scripts_stay() -> None:
    assert visible("a\x00b\u202ec\ud800") == "a⟨U+0000⟩b⟨U+202E⟩c⟨U+D800⟩"
    assert visible("z" + "\u0301" * 50) == "z" + "\u0301" * 3
    for text in ("Tiếng Việt", "שָׁלוֹם", "می‌خواهم", "हिन्दी", "日本語", "plain\n\ttext"):
        assert visible(text) == text


def test_a_megabyte_on_one_line_is_cut_and_costs_nothing() -> None:
    start = time.process_time()
    shown, cut = excerpt("1.2.3 a@b " * 1_000_000)
    assert cut and len(shown) <= SHOWN and time.process_time() - start < 0.5
    assert excerpt("short") == ("short", False)


def test_half_an_address_at_the_cut_is_not_shown() -> None:
    text = "jane.doe@example.org " * 1000
    shown, cut = excerpt(text)
    assert cut and "jane" not in shown
