"""n-gram language models: reading, writing, training, and the perplexity of a text.

A model is a list of n-grams with the log10 of their probability and of their back-off, as ARPA files hold it. Scores follow
KenLM: every sentence is read after <s>, </s> counts as a word, unknown words are <unk> (log10 probability -100 if the model has
none), and perplexity = 10 ** (-log10 probability / (words + sentences)). `Reading` says what a word and a sentence are; with
`lines=True` a document's perplexity is CCNet's (Wenzek et al. 2020, arXiv 1911.00359): over all its lines, empty ones too.
Where it differs from KenLM: the special words are unknown words where a text has them, so no text can reset its own context.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.errors import UsageError
from tamis.data.kneser_ney import Discounts, estimate
from tamis.data.pinned import Pinned
from tamis.kernels import ngrams as kernel
from tamis.kernels.jit import buffers
from tamis.kernels.ngrams import BEGIN, END, SPECIAL, UNKNOWN, Doubles, Logs, Words, sentences
from tamis.lm.tokenizer import Tokenizer

MISSING = -100.0  # log10 probability of an unknown word in a model without <unk>, as KenLM has it


@dataclass(frozen=True)
class Pieces:
    """The pieces of a tokenizer (a tokenizer.json that tamis can load) as words."""

    libraries: ClassVar[tuple[str, ...]] = ("tokenizers",)

    file: Pinned

    def spell(self, texts: Sequence[str]) -> list[str]:
        """Each text as its pieces' names with spaces between; a name that holds white space is written as its number."""
        tokenizer, names = _tokenizer(self.file)
        return [" ".join([names[i] for i in ids]) for ids in tokenizer.encode_batch(texts)]


@lru_cache(maxsize=2)
def _tokenizer(file: Pinned) -> tuple[Tokenizer, list[str]]:
    from tokenizers import Tokenizer as Backend

    tokenizer = Tokenizer.load(file.path())
    names = [""] * tokenizer.vocab_size
    for name, number in Backend.from_str(tokenizer.data.decode()).get_vocab(with_added_tokens=True).items():
        names[number] = f"<{number}>" if set(kernel.BLANKS) & set(name) else name
    return tokenizer, names


@dataclass(frozen=True)
class Reading:
    """What a word and a sentence are.

    fold: words in lower case, without accents, digits as 0, punctuation and unspaced letters alone; else what stands between
    spaces, tabs and line breaks, unchanged. lines: a sentence is a line; else the whole document. pieces: words are the pieces of
    a tokenizer (then fold must be False).
    """

    fold: bool = True
    lines: bool = True
    pieces: Pieces | None = None

    def __post_init__(self) -> None:
        if self.pieces is not None and self.fold:
            raise UsageError("Reading: pieces are never folded: give fold=False")

    def prepared(self, texts: pa.Array) -> pa.Array:
        """The texts as the kernels read them: pieces spelled out, line by line if lines are sentences."""
        if self.pieces is None:
            return texts
        parts = [text.split("\n") if self.lines else [text] for text in texts.to_pylist()]
        spelled = iter(self.pieces.spell([line for lines in parts for line in lines]))
        return pa.array(["\n".join(islice(spelled, len(lines))) for lines in parts], pa.large_string())

    @property
    def arguments(self) -> tuple[Any, bool, bool]:
        """As the kernels take it."""
        return kernel.table(self.fold), self.fold, self.lines


FOLDED = Reading()


class Scores(NamedTuple):
    """Of each text: log10 probability (float64), and how many words, unknown words and sentences it has (int64)."""

    logs: Doubles
    words: npt.NDArray[np.int64]
    unknown: npt.NDArray[np.int64]
    sentences: npt.NDArray[np.int64]

    @property
    def perplexities(self) -> Doubles:
        """float64; infinite where 10 ** x is."""
        with np.errstate(over="ignore"):
            return np.power(10.0, -self.logs / (self.words + self.sentences))


class NGrams:
    """A model: its words (the special ones first), and its n-grams order by order.

    contexts[i]: place of n-gram i without its last word (0 for unigrams, whose place is their word's number); words[i]: its last
    word; logs[i]: log10 of its probability and of its back-off. sizes: how many n-grams of each order. `discounts` if trained.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        contexts: Words,
        words: Words,
        logs: Logs,
        sizes: Sequence[int],
        discounts: Sequence[Discounts] = (),
    ) -> None:
        self.vocabulary = tuple(vocabulary)
        self.contexts, self.words, self.logs = contexts, words, logs
        self.sizes, self.discounts = tuple(sizes), tuple(discounts)

    @property
    def order(self) -> int:
        return len(self.sizes)

    @cached_property
    def _table(self) -> tuple[Any, Any]:
        return kernel.vocabulary(*buffers(pa.array(self.vocabulary, pa.large_string())))

    @cached_property
    def _grams(self) -> Any:
        grams = kernel.room(len(self.words), self.sizes[0])
        kernel.build(self.contexts, self.words, self.logs, np.array(self.sizes), grams)
        return grams

    @cached_property
    def _places(self) -> dict[tuple[int, int], int]:
        """(Context, word) to place, for the definition."""
        pairs = zip(self.contexts.tolist(), self.words.tolist(), strict=True)
        places = {pair: place for place, pair in enumerate(pairs) if place >= self.sizes[0]}
        return places | {(-1, word): word for word in range(self.sizes[0])}

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.vocabulary)}

    def _place(self, words: Sequence[int]) -> int | None:
        place = -1
        for word in words:
            if (place, word) not in self._places:
                return None
            place = self._places[place, word]
        return place

    def log10(self, context: Sequence[int], word: int) -> float:
        """log10 p(word | context): of the longest n-gram there is, with the back-offs of the longer contexts (the definition)."""
        context = context[max(0, len(context) - self.order + 1) :]
        place = self._place([*context, word])
        if place is not None:
            return float(self.logs[place, 0])
        above = self._place(context)
        return (0.0 if above is None else float(self.logs[above, 1])) + self.log10(context[1:], word)

    def score(self, text: str, reading: Reading) -> tuple[float, int, int, int]:
        """One text's `Scores` (the definition)."""
        total, words, unknown = 0.0, 0, 0
        text = reading.prepared(pa.array([text], pa.large_string()))[0].as_py()
        parts = sentences(text, reading.fold, reading.lines)
        for part in parts:
            known = [n if (n := self._numbers.get(word, UNKNOWN)) > END else UNKNOWN for word in part]
            words, unknown = words + len(known), unknown + known.count(UNKNOWN)
            history = [BEGIN]
            for word in [*known, END]:
                total += self.log10(history, word)
                history.append(word)
        return total, words, unknown, len(parts)

    def score_batch(self, texts: pa.Array, reading: Reading) -> Scores:
        """`score` of every text, by the kernel."""
        texts = reading.prepared(texts)
        logs, counts = kernel.score(*buffers(texts), *reading.arguments, *self._table, self._grams, self.sizes[0])
        return Scores(logs, *counts.T)

    def save(self, directory: Path) -> None:
        """Write it as plain arrays; `load` reads them."""
        for name in ("contexts", "words", "logs"):
            np.save(directory / f"{name}.npy", getattr(self, name), allow_pickle=False)
        (directory / "vocabulary.txt").write_text("\n".join(self.vocabulary), encoding="utf-8", newline="")
        rest = {"sizes": self.sizes, "discounts": [d._asdict() for d in self.discounts]}
        (directory / "model.json").write_text(json.dumps(rest) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> NGrams:
        """The model that `save` wrote."""
        contexts, words, logs = (np.load(directory / f"{name}.npy", allow_pickle=False) for name in ("contexts", "words", "logs"))
        rest = json.loads((directory / "model.json").read_text(encoding="utf-8"))
        discounts = [Discounts(tuple(d["values"]), d["estimated"]) for d in rest["discounts"]]
        vocabulary = (directory / "vocabulary.txt").read_bytes().decode().split("\n")
        return cls(vocabulary, contexts, words, logs, rest["sizes"], discounts)


FILES = ("contexts.npy", "words.npy", "logs.npy", "vocabulary.txt", "model.json")


def train(batches: Iterable[pa.Array], order: int, reading: Reading, prune: Sequence[int] = ()) -> NGrams:
    """The modified Kneser-Ney model (`tamis.data.kneser_ney`) of texts (large_string), the same for any cut into batches."""
    if not 1 <= order <= 8:
        raise UsageError(f"n-gram model: order must be between 1 and 8, not {order}")
    if list(prune) != sorted(prune) or (prune and prune[0] != 0):
        raise UsageError(f"n-gram model: prune must begin with 0 and not fall, not {tuple(prune)}")
    vocabulary = list(SPECIAL)
    keys, numbers = kernel.vocabulary(*buffers(pa.array(SPECIAL, pa.large_string())))
    parts = []
    for batch in batches:
        texts = buffers(reading.prepared(batch))
        found, new, ends, keys, numbers = kernel.number(*texts, *reading.arguments, keys, numbers, len(vocabulary))
        vocabulary += _cut(new, ends)
        parts.append(found)
    tokens = np.concatenate([np.zeros(0, np.uint32), *parts])
    contexts, words, logs, sizes, discounts = estimate(tokens, len(vocabulary), order, prune)
    return NGrams(vocabulary, contexts, words, logs, sizes, discounts)


def _cut(new: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64]) -> list[str]:
    data = new.tobytes()
    return [data[a:b].decode() for a, b in pairwise([0, *ends.tolist()])]
