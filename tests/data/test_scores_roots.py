"""ROOTS: statistics by hand and as its own code gave them, its table of cutoffs, and its edit of words."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tamis.core.errors import TamisError, UsageError
from tamis.data.edits.roots import RootsWords
from tamis.data.scores import roots
from tamis.data.scores.roots import CUTOFFS, RootsQuality, words
from tamis.testing import conformance

FOX = "the quick brown fox jumps over the lazy dog "


def test_values_of_the_reference() -> None:
    """Computed with its functions: character repetition at 10, word repetition at 5."""
    assert RootsQuality().score("abcdefghij" * 5)[1] == pytest.approx(0.317073, abs=1e-6)
    assert RootsQuality().score(FOX * 3)[1] == pytest.approx(0.146341, abs=1e-6)
    assert RootsQuality().score(FOX * 3)[2] == 1.0


def test_words_lose_what_is_no_letter_at_their_ends() -> None:
    assert words("«Don't!» 42 1st ...a.b... - ÜBER\u2028हिन्दी ΣΑΣ") == ["don't", "st", "a.b", "über", "हिन्दी", "σασ"]


def test_by_hand() -> None:
    score = RootsQuality(("the", "of course"), ("fox",), word_ngram=2, pairs=True)
    found = score.score("The fox, the fox. Of course")
    assert found == (6, 0.0, 2 / 5, pytest.approx(7 / 27), 3 / 6, 2 / 6)
    assert RootsQuality(("the", "of course")).score("Of course the")[4] == 1 / 3, "one word at a time"
    assert RootsQuality(("a", "a a"), pairs=True).score("a a a")[4] == 1.0, "a share is at most 1"
    assert score.score("")[1:] == (0.0,) * 5
    assert score.score("12 34 !")[0] == 0


def test_the_table_is_that_of_roots() -> None:
    """13 languages; the digest stands for the numbers, which were compared with the table of the release by hand."""
    assert len(CUTOFFS) == 13
    flat = "\n".join(f"{language} " + " ".join(f"{float(v):g}" for v in row) for language, row in sorted(CUTOFFS.items()))
    assert hashlib.sha256(flat.encode()).hexdigest()[:16] == "a7a3714c584ed5f2"
    assert CUTOFFS["en"] == (25, 20, 0.106, 0.19, 0.40, 0.30, 0.01, 0.80, 10, 5)
    assert CUTOFFS["ur"].word_ngram == 7
    assert CUTOFFS["zh"].character_ngram == 3


def test_a_preset_reads_the_lists_it_is_given(tmp_path: Path) -> None:
    stop = tmp_path / "stop.txt"
    stop.write_text("# of a friend\nthe\n\nof \n")
    rules = roots.quality("en", stop_words=stop, flagged_words=None)
    names = [rule.field.name for rule in rules]
    assert names[:2] == ["words", "character_repetition"]
    assert "stop_word_share" in names and "flagged_word_share" not in names
    assert rules[0].field.score.stop_words == ("of", "the")  # type: ignore[attr-defined]
    chinese = [rule.field.name for rule in roots.quality("zh", stop_words=stop, flagged_words=stop)]
    assert chinese == ["character_repetition", "special_characters", "label", "confidence"]
    assert roots.quality("vi", stop_words=None, flagged_words=None)[0].field.score.pairs  # type: ignore[attr-defined]


def test_bad_declarations(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ROOTS has cutoffs for ar, bn"):
        roots.quality("de", stop_words=None, flagged_words=None)
    with pytest.raises(TamisError, match=r"none\.txt: not a readable list of words"):
        roots.quality("en", stop_words=tmp_path / "none.txt", flagged_words=None)
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(TamisError, match="UTF-8"):
        roots.quality("en", stop_words=tmp_path / "latin.txt", flagged_words=None)
    with pytest.raises(UsageError, match="at least one"):
        RootsQuality(word_ngram=0)


def test_links_and_long_words_go() -> None:
    edit = RootsWords(10)
    assert (
        edit.edit("see  http://a.b\tor www.c.com\n\n(abcdefghij)!!! abcdefghijk ... \u3000end")
        == "see\tor\n(abcdefghij)!!! ... end"
    )
    assert edit.edit("-----------") == "", "a long word without a letter"
    assert edit.edit(" http://only.a/link ") == ""


def test_they_keep_the_promises_of_their_kinds() -> None:
    conformance(RootsQuality(("the",), ("spam",)))
    conformance(RootsWords(25), large=False)
