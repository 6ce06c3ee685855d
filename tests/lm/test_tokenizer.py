"""Round trips over scripts, the rule for long texts, identity, and the files of published tokenizers."""

from __future__ import annotations

import json
import os
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.core.errors import TamisError
from tamis.lm.tokenizer import LONG, Tokenizer, pieces, train_bpe

PROSE = [
    "The quick brown fox jumps over the lazy dog, and the dog does not mind at all.",
    "Der schnelle braune Fuchs springt über den faulen Hund; Straße, Öl, ähnlich.",
    "Быстрая коричневая лиса прыгает через ленивую собаку.",
    "素早い茶色の狐がのろまな犬を飛び越える。",
    "الثعلب البني السريع يقفز فوق الكلب الكسول",
    "for i in range(10):\n\tprint(i ** 2)  # squares\r\n",
] * 5
DATA = os.environ.get("TAMIS_DATA")
SCRIPTS = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from(" \n\t\r\u00a0\u3000_'’“”…—"),
        st.characters(min_codepoint=0x0590, max_codepoint=0x0E7F),
        st.characters(min_codepoint=0x3040, max_codepoint=0x9FFF),
        st.characters(min_codepoint=0x1F300, max_codepoint=0x1FAFF),
    ),
    max_size=200,
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(train_bpe(PROSE, 400))


def test_training_is_deterministic_in_any_order() -> None:
    assert train_bpe(PROSE, 400) == train_bpe(iter(PROSE), 400) == train_bpe(PROSE[::-1], 400)


def test_too_small_vocabulary_is_refused() -> None:
    with pytest.raises(TamisError, match="257"):
        train_bpe(PROSE, 256)


@settings(max_examples=300, deadline=None)
@given(text=SCRIPTS)
def test_round_trip(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert ids.dtype == np.uint16
    assert tokenizer.decode(ids) == text


@given(text=SCRIPTS, other=SCRIPTS)
@settings(max_examples=50, deadline=None)
def test_a_text_does_not_depend_on_its_neighbours(tokenizer: Tokenizer, text: str, other: str) -> None:
    assert np.array_equal(tokenizer.encode_batch([other, text, other])[1], tokenizer.encode(text))


def test_special_names_in_text_are_text(tokenizer: Tokenizer) -> None:
    text = "before <|endoftext|> after"
    ids = tokenizer.encode(text)
    assert tokenizer.eos not in ids
    assert tokenizer.decode(ids) == text


@given(text=SCRIPTS, long=st.integers(1, 50))
@settings(max_examples=200, deadline=None)
def test_pieces_join_to_the_text(text: str, long: int) -> None:
    cut = list(pieces(text, long))
    assert "".join(cut) == text
    assert max(map(len, cut)) <= long
    assert len(cut) == 1 or min(map(len, cut[:-1])) >= 1


@given(words=st.lists(st.sampled_from(["word", "two  spaces", "a\n\nb", "x.\n", "'s", "ünï", " 12", "!?"]), max_size=60))
@settings(max_examples=100, deadline=None)
def test_cutting_at_white_space_changes_no_id(tokenizer: Tokenizer, words: list[str]) -> None:
    text = " ".join(words)
    cut = list(pieces(text, 30))
    if all(a[-1].isalnum() and b[0].isspace() for a, b in pairwise(cut)):
        assert np.array_equal(np.concatenate([tokenizer.encode(p) for p in cut]), tokenizer.encode(text))


def test_one_endless_line_takes_time_in_proportion(tokenizer: Tokenizer) -> None:
    line = " ".join(PROSE[0].split() * 20_000)  # 1.3 M characters, no line break
    seconds = []
    for text in (line[: len(line) // 4], line):
        started = time.process_time()
        ids = tokenizer.encode(text)
        seconds.append(time.process_time() - started)
    assert len(line) > 10 * LONG
    assert seconds[1] < 12 * seconds[0] + 0.1
    assert tokenizer.decode(ids) == line


@pytest.mark.parametrize("character", ["x", " ", "é", "!"])
def test_a_long_text_without_a_place_to_cut(tokenizer: Tokenizer, character: str) -> None:
    assert tokenizer.decode(tokenizer.encode(character * 200_000)) == character * 200_000


def test_identity_holds_bytes_and_roles() -> None:
    data = train_bpe(PROSE, 300)
    parsed = json.loads(data)
    parsed["added_tokens"].append({**parsed["added_tokens"][0], "id": 300, "content": "<|eos|>"})
    two = json.dumps(parsed).encode()
    plain, named = Tokenizer(two), Tokenizer(two, bos="<|eos|>")
    assert (plain.bos, plain.eos, plain.frame) == (0, 300, ((0,), (300,)))
    assert named.bos == 300
    assert plain.sha256 != named.sha256
    assert Tokenizer(data).frame == ((0,), ())


def test_saving_and_loading_keeps_identity(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path, context=128)
    assert Tokenizer.load(tmp_path).sha256 == Tokenizer.load(tmp_path / "tokenizer.json").sha256 == tokenizer.sha256


def test_transformers_opens_it_with_the_same_ids(tokenizer: Tokenizer, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer.save(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert (theirs.bos_token_id, theirs.eos_token_id) == (tokenizer.bos, tokenizer.eos)
    for text in PROSE[:6]:
        assert theirs(text)["input_ids"] == tokenizer.encode(text).tolist()


def test_errors_say_what_to_do(tmp_path: Path, tokenizer: Tokenizer) -> None:
    with pytest.raises(TamisError, match="no such tokenizer"):
        Tokenizer.load(tmp_path / "missing.json")
    with pytest.raises(TamisError, match="cannot be read"):
        Tokenizer(b"{}")
    with pytest.raises(TamisError, match="no special token 'EOS'"):
        Tokenizer(tokenizer.data, eos="EOS")
    (tmp_path / "bad.tiktoken").write_bytes(b"IQ== 0\nnot a line\n")
    with pytest.raises(TamisError, match="line 2"):
        Tokenizer.load(tmp_path / "bad.tiktoken")


@pytest.mark.skipif(DATA is None, reason="TAMIS_DATA is not set")
@pytest.mark.parametrize(
    ("name", "size", "bos", "hello"),
    [
        ("gpt2.tiktoken", 50257, 50256, [15496, 995]),
        ("gpt-neox-20b.tiktoken", 50277, 0, [12092, 1533]),
        ("smollm2", 49152, 1, [19556, 905]),
    ],
)
def test_published_tokenizers(name: str, size: int, bos: int, hello: list[int]) -> None:
    tokenizer = Tokenizer.load(Path(str(DATA)) / "tokenizers" / name)
    assert (tokenizer.vocab_size, tokenizer.bos) == (size, bos)
    assert tokenizer.encode("Hello world").tolist() == hello
    for text in PROSE[:6]:
        assert tokenizer.decode(tokenizer.encode(text)) == text
