"""Languages page by page and line by line, scripts, and presets that judge only the language they were made for."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from fasttext_files import Shape, model_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.core.errors import TamisError
from tamis.core.key import describe
from tamis.data.dataset import Dataset
from tamis.data.fasttext import load
from tamis.data.pinned import Pinned
from tamis.data.score import Score
from tamis.data.scores import gopher, language
from tamis.data.scores.language import Language, LanguageLines
from tamis.data.scores.script import Script
from tamis.kernels.script import CODES
from tamis.testing import conformance

ENGLISH = "The quick brown fox jumps over the lazy dog, and it was not seen again by anyone."
GERMAN = "Der Müller trägt jeden Morgen einen Sack Mehl über die Brücke, und niemand fragt ihn warum."
RUSSIAN = "Мельник каждое утро несёт мешок муки через мост, и никто не спрашивает его почему."
JAPANESE = "粉屋は毎朝、橋を渡って小麦粉の袋を運ぶ。誰も理由を聞かない。それはとても長い道のりだ。"
PIECES = st.sampled_from(
    [*" \n\r\t\0", "a", "é", "粉", "😀", "\u2028", "𝔸", "ก็", "x" * 19, "é" * 20, ENGLISH, GERMAN, RUSSIAN, JAPANESE]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=20).map("".join), st.text(max_size=40))


def rows(score: Score, texts: list[str]) -> list[tuple[object, ...]]:
    batch = score.score_batch(pa.array(texts, pa.large_string()))
    return list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def check(score: Score, texts: list[str]) -> None:
    for text, row in zip(texts, rows(score, texts), strict=True):
        wanted = score.score(text)
        assert isinstance(wanted, tuple)
        for got, want in zip(row, wanted, strict=True):
            assert got == (pytest.approx(want, rel=1e-12, abs=0) if isinstance(want, float) else want), text[:200]


@pytest.mark.parametrize("score", [Script(), LanguageLines(), LanguageLines(shortest=1)], ids=repr)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(texts=st.lists(TEXTS, max_size=4))
def test_kernel_equals_definition(score: Score, texts: list[str]) -> None:
    check(score, texts)


@pytest.mark.parametrize("score", [Script(), Language(None), LanguageLines()], ids=repr)
def test_conformance(score: Score) -> None:
    conformance(score, large=isinstance(score, Language))


def test_kernel_equals_definition_on_real_documents(real_data: Path) -> None:
    for path in sorted((real_data / "multilingual").glob("*.jsonl.zst")):
        with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
            texts = [json.loads(line)["text"][:5000] for line in stream.read().split(b"\n")[:-1]]
        for score in (Script(), LanguageLines()):
            check(score, texts[:: max(1, len(texts) // 60)])


def test_the_beginning_the_whole_and_lines() -> None:
    page = f"{ENGLISH}\n" + f"{GERMAN}\n" * 20 + "short\n\n" + f"{JAPANESE}\r\n"
    ((label, _),) = rows(Language(80), [page])
    assert label == "en"
    ((label, sure),) = rows(Language(None), [page])
    assert label == "de"
    ((label, sure, lines, line_share, share),) = rows(LanguageLines(), [page])
    assert (label, lines, line_share) == ("de", 22, 20 / 22)
    english, german, japanese = (sum(not c.isspace() for c in text) for text in (ENGLISH, GERMAN, JAPANESE))
    assert share == 20 * german / (20 * german + english + japanese)
    assert 0.9 < float(str(sure)) <= 1
    assert rows(LanguageLines(), ["", "short\nlines\n"]) == [("und", 0.0, 0, 0.0, 0.0)] * 2
    assert rows(Language(None), [ENGLISH.replace(" ", "\n")]) == rows(Language(), [ENGLISH])


def test_scripts_by_hand() -> None:
    texts = ["abc, где 1", "Мука!", "小麦粉の袋", "ﾌﾗｳﾜｰ", "한글", "ไทย", "12 %", "", "𝔸𝔹", "ａｂ"]
    found = rows(Script(), texts)
    assert [name for name, _ in found] == ["Latn", "Cyrl", "Hani", "Kana", "Hang", "Thai", "Zyyy", "Zyyy", "Zzzz", "Latn"]
    assert [share for _, share in found[:3]] == [0.5, 1.0, 4 / 5]
    assert len(set(CODES)) == len(CODES)


def test_another_model_by_path(tmp_path: Path) -> None:
    (tmp_path / "lid.bin").write_bytes(model_bytes(Shape(labels=("xx", "yy"))))
    model = Pinned.file(tmp_path / "lid.bin")
    ((label, sure),) = rows(Language(model=model), [ENGLISH])
    outputs = load(model).model.outputs(ENGLISH)
    assert (label, sure) == (("xx", "yy")[outputs.index(max(outputs))], pytest.approx(max(outputs)))
    check(LanguageLines(model=model), [ENGLISH + "\n" + GERMAN])
    assert describe(Language(model=model)) != describe(Language())


def test_another_file_in_place_of_the_default_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "SHA256", "0" * 64)
    language.embedded.cache_clear()
    try:
        with pytest.raises(TamisError, match=r"lid\.176\.ftz has changed: its sha256 is 8f3472"):
            language.embedded().path()
        language.embedded.cache_clear()
        monkeypatch.setattr(language, "DISTRIBUTION", "no-such-distribution")
        with pytest.raises(TamisError, match="pip install no-such-distribution"):
            Language().score("text")
    finally:
        monkeypatch.undo()
        language.embedded.cache_clear()


def test_misspelt_languages_are_refused() -> None:
    with pytest.raises(ValueError, match="languages: english; known are af, als"):
        language.only("english")
    with pytest.raises(ValueError, match="languages: none given"):
        language.others()
    with pytest.raises(ValueError, match="shortest"):
        LanguageLines(shortest=0)


def test_other_languages_are_counted_and_not_judged_by_english_rules(tmp_path: Path) -> None:
    paragraph = "It is the custom of the miller to carry the flour over the bridge, and that is what they have with them. "
    texts = [paragraph * 5 + str(i) for i in range(6)] + ["buy " * 60 + f"now {i}" for i in range(3)]
    texts += [(GERMAN + " ") * 4 + str(i) for i in range(4)] + [(RUSSIAN + " ") * 4]
    (tmp_path / "pages.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    pages = Dataset.jsonl("pages.jsonl")
    judged = pages.keep(*language.only("en", min_confidence=0.3), *gopher.quality())
    table = judged.funnel(str(tmp_path), str(tmp_path / "store")).to_pylist()
    dropped = {row["reason"]: row["rows"] for row in table if row["reason"]}
    assert dropped.pop("Language.label in {en}") == 5
    assert sum(dropped.values()) == 3
    both = judged + pages.keep(*language.others("en"))
    kept = both.head(-1, str(tmp_path), str(tmp_path / "store")).column("text").to_pylist()
    assert sorted(kept) == sorted(texts[:6] + texts[9:])
    cyrillic = pages.keep(*language.only("ru", script="Cyrl")).head(-1, str(tmp_path), str(tmp_path / "store"))
    assert cyrillic.num_rows == 1
