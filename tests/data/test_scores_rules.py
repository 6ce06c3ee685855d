"""The numbers of each score by hand, the papers' bounds, and bad declarations."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from tamis.core.key import describe
from tamis.data.dataset import Dataset
from tamis.data.edit import Drop
from tamis.data.edits.c4 import C4Lines
from tamis.data.score import Rule, Score
from tamis.data.scores import c4, fineweb, gopher, language


def values(score: Score, text: str) -> dict[str, Any]:
    """What the kernel says, checked against the definition."""
    row = score.score_batch(pa.array([text], pa.large_string())).to_pylist()[0]
    assert tuple(row.values()) == pytest.approx(score.score(text))
    return row


def test_gopher_quality_by_hand() -> None:
    got = values(gopher.GopherQuality(), "• the cat ...\n- sat with #2…\n\nno 17 42\u3000End......")
    assert got == {
        "words": 12,
        "mean_word_length": pytest.approx(36 / 12),
        "hash_ratio": pytest.approx(1 / 12),
        "ellipsis_ratio": pytest.approx(4 / 12),
        "bullet_lines": pytest.approx(2 / 3),
        "ellipsis_lines": 1.0,
        "alphabetic_words": pytest.approx(6 / 12),
        "stop_words_present": 2,
    }


def test_gopher_repetition_by_hand() -> None:
    text = "a b c d e\nx a b c d e\n\nx a b c d e\n"
    got = values(gopher.GopherRepetition(), text)
    size = len(text)
    assert got["duplicate_lines"] == 1 / 3
    assert got["duplicate_line_characters"] == 11 / size
    assert got["duplicate_paragraphs"] == 0
    assert got["top_2_gram_characters"] == 3 * 3 / size  # "a b", three times
    assert got["top_4_gram_characters"] == 3 * 7 / size
    # "a b c d e" met, "b c d e x", ..., then two more times, never overlapping
    assert got["duplicate_5_gram_characters"] == 10 / size
    assert got["duplicate_6_gram_characters"] == 6 / size
    assert got["duplicate_10_gram_characters"] == 10 / size


def test_duplicate_ngrams_never_count_a_position_twice() -> None:
    got = values(gopher.GopherRepetition(), "ha " * 100)
    assert got["duplicate_5_gram_characters"] == pytest.approx(2 * 95 / 300)
    assert got["duplicate_10_gram_characters"] == pytest.approx(
        2 * 90 / 300
    )  # the one at word 0 is the first; 1-10, ..., 81-90 count
    assert got["top_2_gram_characters"] == pytest.approx(99 * 5 / 300)


def test_c4_by_hand() -> None:
    text = (
        'A line of five words.[1]\nToo short.\nNo mark at the end of this\n"Then he said: we wait..."\n'
        "Enable JavaScript to see this page.\nWe use cookies on this web site.\nTwo sentences. In one line!\n{ lorem Ipsum }\n"
        f"one word is far too {'l' * 1001}ong.\n\n[edit]\n"
    )
    got = values(c4.C4Quality(), text)
    assert got == {
        "terminal_lines": pytest.approx(7 / 9),
        "short_lines": pytest.approx(2 / 9),
        "javascript_lines": pytest.approx(1 / 9),
        "policy_lines": pytest.approx(1 / 9),
        "kept_lines": pytest.approx(3 / 9),
        "sentences": 4,
        "curly_brackets": 1,
        "lorem_ipsum": 1,
    }
    assert C4Lines().edit(text) == Drop("c4-curly-bracket")
    assert C4Lines().edit(text.replace("{", "")) == Drop("c4-lorem-ipsum")
    rest = text.replace("{ lorem Ipsum }", "")
    assert C4Lines().edit(rest) == 'A line of five words.\n"Then he said: we wait..."\nTwo sentences. In one line!'
    assert C4Lines(min_sentences=5).edit(rest) == Drop("c4-too-few-sentences", "4 sentences in 3 kept lines")
    assert C4Lines().edit("") == Drop("c4-too-few-sentences", "0 sentences in 0 kept lines")


def test_fineweb_by_hand() -> None:
    got = values(
        fineweb.FineWebQuality(), "One line that stops. \r\nthirty code points, no more!!!\nBuy\nBuy\n終わり。\n" + "x" * 31
    )
    assert got == {
        "punctuated_lines": 3 / 6,
        "short_lines": 5 / 6,
        "duplicate_line_characters": 3 / (20 + 30 + 3 + 3 + 4 + 31),
        "newlines_per_word": 5 / (4 + 5 + 4),
    }


def test_language_by_hand() -> None:
    got = values(language.Language(), "The quick brown fox jumps over the lazy dog.\nIt was not seen again.")
    assert got["label"] == "en"
    assert got["confidence"] > 0.8
    assert values(language.Language(), "Der Müller trägt einen Sack Mehl.")["label"] == "de"
    assert values(language.Language(), "")["label"] in {"und", "en"}
    head = "Der Müller trägt einen Sack Mehl über die Brücke. "
    long = head * 20 + "the rest of it is in English " * 500
    assert values(language.Language(), long) == values(language.Language(), (head * 20)[:1000])


PRESETS = {
    "gopher.quality": (gopher.quality(), 8),
    "gopher.repetition": (gopher.repetition(), 13),
    "c4.quality": (c4.quality(), 3),
    "fineweb.quality": (fineweb.quality(), 4),
    "language.english": (language.english(), 2),
}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_rules_that_keep_takes(name: str) -> None:
    rules, count = PRESETS[name]
    assert len(rules) == count
    assert len({rule.reason for rule in rules}) == count
    for rule in rules:
        assert isinstance(rule, Rule)
        assert rule.field.name in rule.field.score.columns()
    assert Dataset.jsonl("pages.jsonl").keep(*rules) is not None


def test_keys_hold_what_changes_results() -> None:
    for score in (gopher.GopherQuality(), gopher.GopherRepetition(), c4.C4Quality(), fineweb.FineWebQuality(), C4Lines()):
        assert "unicode" in describe(score)
    assert describe(gopher.GopherQuality(stop_words=("und",))) != describe(gopher.GopherQuality())


def test_bad_declarations_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="stop_words"):
        gopher.GopherQuality(stop_words=("two words",))
    with pytest.raises(ValueError, match="stop_words"):
        gopher.GopherQuality(stop_words=("",))
    with pytest.raises(ValueError, match="characters"):
        language.Language(characters=0)
