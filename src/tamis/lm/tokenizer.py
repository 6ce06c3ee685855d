"""One tokenizer for data, training and evaluation: tokenizer.json bytes, and the ids of BOS and EOS they mean.

Invariants: ids of BOS and EOS are owned by this object and never typed by people; text never yields a special id (the
characters "<|endoftext|>" in a document are ordinary text); every id is below `vocab_size` and fits `dtype`; the same
bytes give the same ids anywhere, in any batch, with any number of workers.

A text longer than `LONG` characters is cut before it reaches the tokenizer, because one endless line would otherwise keep
memory and a core for hours: each piece ends before the last white space in it that follows a letter or a digit (no
byte-level pre-tokenizer joins across that place), or after `LONG` characters if there is none. Shorter texts are never cut.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tamis.core.errors import TamisError, UsageError

LONG = 65_536
GROUP = 1 << 20  # characters handed to the tokenizer at once, so that memory does not grow with the batch
END_OF_TEXT = "<|endoftext|>"
# Names that published tokenizers give to the two roles, the first present wins.
BOS_NAMES = ("<|bos|>", "<s>", "<|begin_of_text|>", "<bos>", "[BOS]", END_OF_TEXT, "<|im_start|>")
EOS_NAMES = ("<|eos|>", "</s>", "<|end_of_text|>", "<eos>", "[EOS]", END_OF_TEXT, "<|im_end|>")

Ids = npt.NDArray[np.unsignedinteger[Any]]  # uint16 or uint32
_CUT = re.compile(r"(?<=[^\W_])(?=\s)")


def pieces(text: str, long: int = LONG) -> Iterator[str]:
    """Cut a text into pieces of at most `long` characters by the rule above; they join to the text."""
    start = 0
    while len(text) - start > long:
        end = start + long
        for low in (max(end - 1024, start), start):  # white space is nearly always near
            if cuts := [cut.start() for cut in _CUT.finditer(text, low, end) if cut.start() > start]:
                end = cuts[-1]
                break
        yield text[start:end]
        start = end
    yield text[start:]


class Tokenizer:
    """A Hugging Face tokenizer with its BOS and EOS.

    Attributes:
        data        the bytes of tokenizer.json.
        sha256      identity: the hash of `data` and the two ids.
        vocab_size  largest id + 1.
        bos, eos    ids; equal for a tokenizer with a single special token (GPT-2).
        dtype       uint16 up to 65,536 ids, else uint32.
    """

    def __init__(self, data: bytes, bos: str | None = None, eos: str | None = None) -> None:
        """`bos` and `eos` name special tokens; without them well-known names are looked for. TamisError if none is found."""
        from tokenizers import Tokenizer as Backend

        os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one process a core: its thread pool would only compete
        try:
            backend = Backend.from_str(data.decode())
        except Exception as error:
            raise TamisError(f"tokenizer.json cannot be read: {error}") from None
        backend.no_padding()
        backend.no_truncation()
        backend.encode_special_tokens = True
        self._backend = backend
        special = {t.content: i for i, t in backend.get_added_tokens_decoder().items() if t.special}
        self.data = data
        self.bos = _role("BOS", bos, BOS_NAMES, special)
        self.eos = _role("EOS", eos, EOS_NAMES, special)
        self.bos_token = str(backend.id_to_token(self.bos))
        self.eos_token = str(backend.id_to_token(self.eos))
        self.vocab_size = 1 + max(backend.get_vocab(with_added_tokens=True).values())
        self.dtype: np.dtype[Any] = np.dtype(np.uint16 if self.vocab_size <= 1 << 16 else np.uint32)
        self.sha256 = hashlib.sha256(data + f"\0{self.bos}\0{self.eos}".encode()).hexdigest()

    @classmethod
    def load(cls, path: str | Path, bos: str | None = None, eos: str | None = None) -> Tokenizer:
        """Read a tokenizer.json, a directory that holds one (BOS and EOS from tokenizer_config.json), or a .tiktoken file."""
        path = Path(path)
        config: dict[str, Any] = {}
        if path.is_dir():
            if (path / "tokenizer_config.json").is_file():
                config = json.loads((path / "tokenizer_config.json").read_text(encoding="utf-8"))
            path = path / "tokenizer.json"
        if not path.is_file():
            raise UsageError(f"{path}: no such tokenizer; give a tokenizer.json, its directory or a .tiktoken file")
        data = from_tiktoken(path) if path.suffix == ".tiktoken" else path.read_bytes()
        return cls(data, bos or _content(config.get("bos_token")), eos or _content(config.get("eos_token")))

    def save(self, directory: Path, context: int | None = None) -> None:
        """Write tokenizer.json and tokenizer_config.json, which `load` and transformers' AutoTokenizer read."""
        config: dict[str, Any] = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": self.bos_token,
            "eos_token": self.eos_token,
            "clean_up_tokenization_spaces": False,
        }
        if context is not None:
            config["model_max_length"] = context
        (directory / "tokenizer.json").write_bytes(self.data)
        text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
        (directory / "tokenizer_config.json").write_text(text, encoding="utf-8")

    @property
    def frame(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What stands before and after a document in training: BOS … EOS, or one id before it where both are the same."""
        return ((self.bos,), (self.eos,)) if self.bos != self.eos else ((self.bos,), ())

    def encode(self, text: str) -> Ids:
        """The ids of one text, without specials."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[Ids]:
        """One array of ids a text, without specials; a text's ids do not depend on its neighbours."""
        parts: list[list[Ids]] = [[] for _ in texts]
        group: list[str] = []
        owners: list[int] = []
        size = 0

        def flush() -> None:
            encodings = self._backend.encode_batch_fast(group, add_special_tokens=False)
            for owner, encoding in zip(owners, encodings, strict=True):
                parts[owner].append(np.array(encoding.ids, dtype=self.dtype))
            group.clear()
            owners.clear()

        for owner, text in enumerate(texts):
            for piece in pieces(text):
                group.append(piece)
                owners.append(owner)
                size += len(piece)
                if size >= GROUP:
                    flush()
                    size = 0
        flush()
        return [p[0] if len(p) == 1 else np.concatenate(p) for p in parts]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, special tokens included by name."""
        return str(self._backend.decode([int(i) for i in ids], skip_special_tokens=False))


def train_bpe(texts: Iterable[str], vocab_size: int) -> bytes:
    """Train a byte-level BPE (GPT-2's word pattern, one special token `<|endoftext|>` with id 0); tokenizer.json bytes.

    The same texts in any order give the same bytes. Fewer ids than `vocab_size` come out where the texts do not support
    more merges. Memory grows with the number of distinct words. TamisError below 257 ids.
    """
    from tokenizers import Tokenizer as Backend
    from tokenizers import decoders, models, pre_tokenizers, trainers

    if vocab_size < 257:
        raise TamisError(f"vocab_size {vocab_size}: a byte-level vocabulary needs at least 257 ids")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator((piece for text in texts for piece in pieces(text)), trainer=trainer)
    return str(backend.to_str()).encode()


def from_tiktoken(path: Path) -> bytes:
    """The tokenizer.json of a .tiktoken file (lines of base64 bytes and rank) whose word pattern is GPT-2's.

    A merge joins the two parts that byte-pair encoding with only the lower ranks leaves of a token. `<|endoftext|>` is
    the one special token, appended if the file lacks it.
    """
    from tokenizers import AddedToken, decoders, models, pre_tokenizers
    from tokenizers import Tokenizer as Backend

    ranks: dict[bytes, int] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except (ValueError, binascii.Error):
            raise TamisError(f"{path}: line {number} is not 'base64 rank'") from None
    letters = _byte_letters()
    shown = {token: "".join(letters[b] for b in token) for token in ranks}
    special = END_OF_TEXT.encode()
    merges = []
    for token in sorted(ranks, key=ranks.__getitem__):
        parts = _split(token, ranks) if len(token) > 1 and token != special else []
        if len(parts) == 2:
            merges.append((shown[parts[0]], shown[parts[1]]))
    backend = Backend(models.BPE(vocab={shown[t]: r for t, r in ranks.items()}, merges=merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(END_OF_TEXT, special=True, normalized=False)])
    return str(backend.to_str()).encode()


def _split(token: bytes, ranks: dict[bytes, int]) -> list[bytes]:
    parts = [bytes([b]) for b in token]
    limit = ranks[token]
    while len(parts) > 2:
        pairs = [(ranks.get(a + b, limit), i) for i, (a, b) in enumerate(pairwise(parts))]
        rank, i = min(pairs)
        if rank >= limit:
            break
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    return parts


def _byte_letters() -> list[str]:
    """GPT-2's printable letter for each byte: itself where printable in Latin-1, else 256, 257, … in order."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(others)) for b in range(256)]


def _content(token: Any) -> str | None:
    """A token's name in tokenizer_config.json, which writes it plainly or as an object."""
    return token.get("content") if isinstance(token, dict) else token


def _role(role: str, name: str | None, known: tuple[str, ...], special: dict[str, int]) -> int:
    if name is not None:
        if name not in special:
            raise TamisError(f"tokenizer has no special token {name!r} for {role}; it has: {', '.join(sorted(special))}")
        return special[name]
    if len(special) == 1:
        return next(iter(special.values()))
    for candidate in known:
        if candidate in special:
            return special[candidate]
    raise TamisError(f"tokenizer names no {role}; say which special token it is: {', '.join(sorted(special)) or 'none'}")
