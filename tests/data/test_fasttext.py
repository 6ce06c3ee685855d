"""Our reader and scorer of fastText models: equal to fastText's on every kind of model, and one line for every bad file."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from fasttext_files import Shape, model_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.core.errors import TamisError, UsageError
from tamis.core.key import describe, digest
from tamis.data import fasttext, pinned
from tamis.data.fasttext import FastTextModel, read
from tamis.data.pinned import Pinned
from tamis.data.scores.fasttext import FastText
from tamis.data.scores.language import LANGUAGES, embedded
from tamis.kernels.fasttext import predict, probability
from tamis.kernels.jit import buffers
from tamis.kernels.subwords import division
from tamis.testing import conformance

SHAPES = {
    "softmax": Shape(),
    "hierarchical": Shape(loss=1, labels=tuple("abcdefghi")),
    "one label": Shape(loss=1, labels=("only",)),
    "negative sampling": Shape(loss=2),
    "one against all": Shape(loss=4, scale=4.0),
    "word pairs": Shape(longest=0, shortest=0, word_ngrams=2),
    "four words and letters": Shape(word_ngrams=4, shortest=1, longest=6),
    "words alone": Shape(longest=0, shortest=0, bucket=0),
    "a power of two of buckets": Shape(bucket=512, word_ngrams=3),
    "compressed": Shape(compressed=True),
    "compressed, pruned": Shape(compressed=True, pruned=130, word_ngrams=2, loss=1, labels=tuple("abcdefghi")),
    "compressed, with norms": Shape(compressed=True, norms=True, pruned=77, bucket=20_000),
    "compressed, output too": Shape(compressed=True, norms=True, compressed_output=True, dim=7),
    "no n-gram left": Shape(compressed=True, pruned=0),
    "version 11": Shape(version=11),
    "without </s>": Shape(words=("cat", "the")),
}
PIECES = st.sampled_from(
    [
        *" \t\r\v\f\0",
        *(
            "the cat ",
            "cat",
            "straße ",
            "мука ",
            "粉",
            "磨粉 ",
            "e\u0301 ",
            "</s>",
            " </s> ",
            "__label__hq ",
            "__label__x",
            "<b>",
            "word" * 30,
        ),
        *("a", "é", "😀", "\x85", "\u2028", "\xa0", "\x7f", "W" * 300, "ab " * 70, "<", ">"),
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=30).map("".join), st.text(max_size=50))


def arrow(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


def predicted(found: FastTextModel, texts: list[str]) -> list[tuple[str | None, float]]:
    data, offsets = buffers(arrow(texts))
    labels, probabilities = predict(data, offsets[:-1], offsets[1:], found.model)
    names = [None if label < 0 else found.labels[label] for label in labels.tolist()]
    return list(zip(names, probabilities.tolist(), strict=True))


@pytest.fixture(scope="module", params=SHAPES)
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("models") / "model.bin"
    file.write_bytes(model_bytes(SHAPES[request.param]))
    return file


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_kernels_equal_their_definition(path: Path, texts: list[str]) -> None:
    found = fasttext.load(Pinned.file(path))
    data, offsets = buffers(arrow(texts))
    wanted = np.array([found.model.outputs(text) for text in texts])
    for label in range(len(found.labels)):
        assert probability(data, offsets[:-1], offsets[1:], label, found.model) == pytest.approx(
            wanted[:, label], rel=1e-12, abs=0
        )
    labels, probabilities = predict(data, offsets[:-1], offsets[1:], found.model)
    assert probabilities == pytest.approx(wanted.max(1), rel=1e-12, abs=0)
    for row, label in zip(wanted, labels.tolist(), strict=True):
        assert label == (max(range(len(row)), key=lambda k: (row[k], k)) if row.any() else -1)


@pytest.fixture(scope="module")
def theirs(path: Path) -> Any:
    """The same model in fastText."""
    return pytest.importorskip("fasttext").load_model(str(path))


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_labels_and_probabilities_are_those_of_fasttext(path: Path, theirs: Any, texts: list[str]) -> None:
    agree(theirs, fasttext.load(Pinned.file(path)), texts)


def agree(theirs: Any, found: FastTextModel, texts: list[str]) -> None:
    for text, (label, p) in zip(texts, predicted(found, texts), strict=True):
        labels, probabilities = theirs.predict(text.replace("\n", " "))
        if not labels:
            assert label is None
            continue
        assert p == pytest.approx(min(1.0, probabilities[0]), rel=1e-4, abs=2e-6)
        if label != labels[0].removeprefix("__label__"):  # two labels may be equally probable to float32's last digits
            every = dict(zip(*theirs.predict(text.replace("\n", " "), k=-1), strict=True))
            assert every[f"__label__{label}"] == pytest.approx(probabilities[0], rel=1e-4, abs=2e-6)


def documents(root: Path, count: int) -> Iterator[str]:
    for path in sorted((root / "multilingual").glob("*.jsonl.zst")):
        with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
            lines = stream.read().split(b"\n")[:-1]
        yield from (json.loads(line)["text"] for line in lines[:: max(1, len(lines) // count)])


def test_the_default_model_agrees_with_fasttext_on_real_documents(real_data: Path) -> None:
    theirs = pytest.importorskip("fasttext").load_model(str(embedded().path()))
    texts = [text[:3000] for text in documents(real_data, 1000)]
    assert len(texts) > 2000
    agree(theirs, fasttext.load(embedded()), texts)


def test_the_default_model_equals_its_definition_and_has_the_languages() -> None:
    found = fasttext.load(embedded())
    assert sorted(found.labels) == list(LANGUAGES)
    texts = [
        "",
        "\0",
        "x" * 3000,
        "Der Müller trägt Mehl.",
        "粉屋は毎朝、橋を渡る。",
        "磨坊主</s> every day",
        "чорний хліб\r\ni молоко",
    ]
    for text, (label, p) in zip(texts, predicted(found, texts), strict=True):
        outputs = found.model.outputs(text)
        assert found.labels[int(np.argmax(outputs))] == label
        assert max(outputs) == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize("bucket", [1, 2, 3, 7, 100, 512, 2_000_000, 2**21, 10_000_019, 2**31 - 1])
def test_division_needs_no_division(bucket: int) -> None:
    inverse, shift = division(bucket).tolist()
    rng = np.random.default_rng(bucket)
    for x in [0, 1, bucket - 1, bucket, 2**32 - 1, 2**32 - bucket, *rng.integers(0, 2**32, 2000).tolist()]:
        assert 0 <= x - (x * inverse >> shift) * bucket - x % bucket <= bucket


def test_fasttext_score(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(model_bytes(Shape(word_ngrams=2)))
    model = Pinned.file(tmp_path / "model.bin")
    score = FastText(model, "hq")
    conformance(score, large=False)
    text = "the cat sat, on a mat\nand the miller slept"
    outputs = read(tmp_path / "model.bin").model.outputs(text)
    assert score.score(text) == (pytest.approx(outputs[0], rel=1e-12),)
    assert FastText(model, "the third").score(text) == (pytest.approx(outputs[2], rel=1e-12),)
    assert FastText(model, "hq", characters=3).score(text) == score.score("the")
    with pytest.raises(TamisError, match=r"no label 'best'; it has 3: hq, cc, the third"):
        FastText(model, "best").score(text)
    with pytest.raises(UsageError, match="characters"):
        FastText(model, "hq", characters=0)


def test_the_key_holds_the_bytes_of_a_model_and_not_its_place(tmp_path: Path) -> None:
    for name, seed in (("a.bin", 0), ("b.bin", 0), ("c.bin", 1)):
        (tmp_path / name).write_bytes(model_bytes(Shape(), seed))
    a, b, c = (digest(describe(FastText(Pinned.file(tmp_path / f"{name}.bin"), "hq"))) for name in "abc")
    assert a == b != c


GOOD = model_bytes(Shape(compressed=True, norms=True, pruned=40, loss=1))
PLAIN = model_bytes(Shape())


def put(data: bytes, place: int, form: str, value: float) -> bytes:
    return data[:place] + struct.pack("<" + form, value) + data[place + struct.calcsize("<" + form) :]


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the file ends early"),
    "text": (b"a quick brown fox " * 50, "does not begin as one"),
    "cut in the middle": (PLAIN[: len(PLAIN) // 2], "the file ends early"),
    "one byte short": (GOOD[:-1], "the file ends early"),
    "one byte more": (GOOD + b"\0", "1 bytes follow its end"),
    "another version": (put(PLAIN, 4, "i", 13), "file version 13 is not known"),
    "no classifier": (put(PLAIN, 36, "i", 1), "not supervised"),
    "an unknown loss": (put(PLAIN, 32, "i", 9), "loss 9 is not known"),
    "a width below 0": (put(PLAIN, 8, "i", -6), "make no sense"),
    "no buckets": (put(PLAIN, 40, "i", 0), "no buckets"),
    "too many buckets": (put(PLAIN, 40, "i", 10**9), "it has 511 vectors and needs 1,000,000,011"),
    "a huge vocabulary": (put(put(PLAIN, 64, "i", 2**31 - 1), 68, "i", 2**31 - 4), "the file ends early"),
    "fewer labels than said": (put(put(PLAIN, 68, "i", 10), 72, "i", 4), "words and labels are mixed"),
    "a huge number of pruned buckets": (put(GOOD, 84, "q", 2**31 - 1), "the file ends early"),
    "a matrix of another width": (put(PLAIN, PLAIN.rindex(struct.pack("<qq", 3, 6)) + 8, "q", 7), "another width"),
    "a huge matrix": (put(PLAIN, PLAIN.rindex(struct.pack("<qq", 3, 6)), "q", 2**62), "the file ends early"),
    "no number": (put(PLAIN, len(PLAIN) - 4, "f", float("nan")), "a weight is too large, or not a number"),
    "infinity": (put(PLAIN, len(PLAIN) - 4, "f", float("inf")), "a weight is too large, or not a number"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    data, why = BAD[name]
    (tmp_path / "model.bin").write_bytes(data)
    with pytest.raises(TamisError, match=r"model\.bin: is not a fastText model, or is damaged: ") as caught:
        read(tmp_path / "model.bin")
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_a_damaged_file_gives_one_line_or_a_model_that_scores(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    bytes_ = bytearray(data.draw(st.sampled_from([GOOD, PLAIN])))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.one_of(st.integers(0, 400), st.integers(0, len(bytes_) - 1)))
        bytes_[place] = data.draw(st.sampled_from([0, 1, 127, 128, 255, bytes_[place] ^ 1]))
    path = tmp_path_factory.mktemp("damaged") / "model.bin"
    path.write_bytes(bytes(bytes_))
    try:
        found = read(path)
    except TamisError:
        return
    assert all(0 <= p <= 1 for _, p in predicted(found, ["", "the cat sat, on straße 粉", "word" * 40]))


def test_a_pinned_file_is_checked_and_named(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(PLAIN)
    kept = Pinned.file(file)
    assert kept.path() == file
    file.write_bytes(GOOD)
    with pytest.raises(TamisError, match=r"model\.bin has changed: its sha256 is"):
        kept.path()
    file.unlink()
    with pytest.raises(TamisError, match="is missing; it must have sha256"):
        kept.path()
    with pytest.raises(UsageError, match="ships no models of others"):
        Pinned.file(file)
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        Pinned("model.bin", "abc")
    with pytest.raises(UsageError, match="hf://OWNER/NAME@COMMIT/FILE"):
        Pinned("hf://someone/model@main/model.bin", "0" * 64)
    with pytest.raises(UsageError, match="a branch may move"):
        Pinned.hub("someone/model", "main", "model.bin")


def test_a_remote_file_is_fetched_once_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    monkeypatch.setattr(pinned, "_cache", lambda: tmp_path / "cache")
    memory = fsspec.filesystem("memory")
    memory.pipe("/models/a.bin", PLAIN)
    file = Pinned("memory://models/a.bin", hashlib.sha256(PLAIN).hexdigest())
    assert file.path().read_bytes() == PLAIN
    memory.rm("/models/a.bin")
    assert file.path().read_bytes() == PLAIN
    memory.pipe("/models/b.bin", GOOD)
    with pytest.raises(TamisError, match="the bytes received have sha256"):
        replace(file, sha256="0" * 64, place="memory://models/b.bin").path()
    with pytest.raises(TamisError, match="cannot be read"):
        Pinned("memory://models/gone.bin", "1" * 64).path()
    assert [p.name for p in (tmp_path / "cache").iterdir()] == [file.sha256]


def test_a_file_of_the_hub_is_pinned_by_commit_and_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    (tmp_path / "model.bin").write_bytes(PLAIN)
    asked: list[tuple[Any, ...]] = []

    def download(self: Any, repo: str, file: str, *, revision: str) -> str:
        asked.append((repo, file, revision))
        if file != "model.bin":
            raise hub.errors.HFValidationError("no such file")
        return str(tmp_path / "model.bin")

    monkeypatch.setattr(hub.HfApi, "hf_hub_download", download)
    commit = "0123456789abcdef0123456789abcdef01234567"
    model = Pinned.hub("someone/model", commit, "model.bin")
    assert model.sha256 == hashlib.sha256(PLAIN).hexdigest()
    assert model.path() == tmp_path / "model.bin"
    assert asked == [("someone/model", "model.bin", commit)] * 2
    with pytest.raises(TamisError, match="cannot be had: no such file"):
        Pinned.hub("someone/model", commit, "other.bin")
