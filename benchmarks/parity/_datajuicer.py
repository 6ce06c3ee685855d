"""Run filters of data-juicer on texts; started by datajuicer.py with the peer's interpreter.

    python _datajuicer.py shipped|equal < texts.jsonl > values.jsonl

"equal" gives them our words, lines and special characters: white space of any kind parts words, case is folded code point by code
point, lines are cut at newlines only, and what is neither a letter nor a mark (Unicode L, M) is special.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import Any

ANSWERS, sys.stdout = sys.stdout, sys.stderr  # data-juicer prints, and installs what it misses, when it is imported

from data_juicer.ops.filter import (  # noqa: E402
    alphanumeric_filter,
    character_repetition_filter,
    maximum_line_length_filter,
    special_characters_filter,
    text_length_filter,
    word_repetition_filter,
    words_num_filter,
)


class Special:
    """A set that holds whatever is neither a letter nor a mark."""

    def __contains__(self, character: object) -> bool:
        return unicodedata.category(str(character))[0] not in "LM"


class OurLines(str):
    """A text whose `splitlines` cuts at newlines only."""

    def splitlines(self, keepends: bool = False) -> list[str]:
        return str.split(self, "\n")


def lower(word: str) -> str:
    return "".join("σ" if c in "Σς" else c.lower()[0] for c in word)


def refined(words: list[str], lower_case: bool = False, strip_chars: Any = None) -> list[str]:
    out = []
    for word in words:
        inner = [i for i, character in enumerate(word) if character not in strip_chars]
        if inner:
            word = word[inner[0] : inner[-1] + 1]
            out.append(lower(word) if lower_case else word)
    return out


def main(mode: str) -> None:
    if mode == "equal":
        for module in (word_repetition_filter, words_num_filter, special_characters_filter):
            module.SPECIAL_CHARACTERS = Special()
        for module in (word_repetition_filter, words_num_filter):
            module.get_words_from_document = lambda text, token_func=None: str(text).split()
            module.words_refinement = refined
    filters = (
        (text_length_filter.TextLengthFilter(), "text_len"),
        (alphanumeric_filter.AlphanumericFilter(), "alnum_ratio"),
        (maximum_line_length_filter.MaximumLineLengthFilter(), "max_line_length"),
        (words_num_filter.WordsNumFilter(), "num_words"),
        (character_repetition_filter.CharacterRepetitionFilter(rep_len=10), "char_rep_ratio"),
        (word_repetition_filter.WordRepetitionFilter(rep_len=5), "word_rep_ratio"),
        (special_characters_filter.SpecialCharactersFilter(), "special_char_ratio"),
    )
    for line in sys.stdin:
        text: Any = json.loads(line)
        samples = {"text": [OurLines(text) if mode == "equal" else text], "__dj__stats__": [{}]}
        for each, _ in filters:
            each.compute_stats_batched(samples)
        print(json.dumps([float(samples["__dj__stats__"][0][key]) for _, key in filters]), file=ANSWERS)


if __name__ == "__main__":
    main(*sys.argv[1:])
