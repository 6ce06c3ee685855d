"""Run Dolma's taggers on texts; started by dolma.py with the peer's interpreter.

    python _dolma.py shipped|lines < texts.jsonl > values.jsonl

Only the modules `gopher`, `c4` and `repetitions.utils` of the installed package are loaded, none of what surrounds them. "lines"
gives them our lines: stripped, blank ones left out, and a text that does not grow in lower case ("İ" becomes two characters, by
which c4_v2 cuts the wrong places afterwards). Loops are those of Dolma's search for periods, on white-space words (its own
are on the tokens of a tokenizer that has to be downloaded).
"""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from importlib import import_module
from pathlib import Path
from typing import Any

from _lines import OurLines

sys.path.pop(0)  # this folder, where dolma.py would hide the package


def load() -> tuple[Any, Any, Any]:
    """The modules gopher, c4 and repetitions.utils, with the classes they build on replaced by plain ones."""
    spec = importlib.util.find_spec("dolma")
    if spec is None or spec.origin is None:
        raise SystemExit("dolma is not installed")
    root = Path(spec.origin).parent
    for name in ("dolma", "dolma.core", "dolma.taggers", "dolma.taggers.repetitions"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(root.joinpath(*name.split(".")[1:]))]
    data, registry, taggers = (types.ModuleType(f"dolma.core.{name}") for name in ("data_types", "registry", "taggers"))
    data.__dict__.update(Span=Span, DocResult=types.SimpleNamespace, Document=types.SimpleNamespace)
    registry.__dict__.update(TaggerRegistry=types.SimpleNamespace(add=lambda name: lambda tagger: tagger))
    taggers.__dict__.update(BaseTagger=object)
    for module in (data, registry, taggers):
        sys.modules[module.__name__] = module
    gopher, c4, periods = (import_module(f"dolma.taggers.{name}") for name in ("gopher", "c4", "repetitions.utils"))
    return gopher, c4, periods


class SameLength(str):
    """A text whose `lower` leaves characters alone that would become two."""

    def lower(self) -> str:
        return "".join(small if len(small := character.lower()) == 1 else character for character in self)


class Span:
    def __init__(self, start: int, end: int, type: str, score: float = 1.0) -> None:
        self.start, self.end, self.type, self.score = start, end, type, score


def loops(periods: Any, text: str) -> int:
    import numpy as np

    numbers: dict[str, int] = {}
    words = np.array([numbers.setdefault(word, len(numbers)) for word in text.split()])
    if len(words) < 3:
        return 0
    return max((int(found.times) for found in periods.find_periodic_sequences(words, max_period=13)), default=0)


def punctuated(c4: Any, text: str) -> str:
    """A text without the lines that c4_v2 tags."""
    spans = c4.FasterC4Tagger().predict(types.SimpleNamespace(text=text)).spans
    gone = [(span.start, span.end) for span in spans if span.type == "lines_with_no_ending_punctuation"]
    kept, place = [], 0
    for start, end in gone:
        kept.append(text[place:start])
        place = end
    return "".join([*kept, text[place:]])


def main(mode: str) -> None:
    gopher, c4, periods = load()
    for line in sys.stdin:
        text = json.loads(line)
        found = gopher.get_attributes(OurLines(text) if mode == "lines" else text)
        top = dict(found.fraction_of_characters_in_most_common_ngram)
        repeated = dict(found.fraction_of_characters_in_duplicate_ngrams)
        values = (
            found.word_count,
            found.median_word_length,
            found.symbol_to_word_ratio,
            found.fraction_of_words_with_alpha_character,
            found.required_word_count,
            found.fraction_of_lines_starting_with_bullet_point,
            found.fraction_of_lines_ending_with_ellipsis,
            found.fraction_of_duplicate_lines,
            found.fraction_of_characters_in_duplicate_lines,
            *(top.get(n, 0.0) for n in (2, 3, 4)),
            *(repeated.get(n, 0.0) for n in (5, 6, 7, 8, 9, 10)),
            loops(periods, text),
            punctuated(c4, SameLength(text) if mode == "lines" else text),
        )
        print(json.dumps(values))


if __name__ == "__main__":
    main(*sys.argv[1:])
