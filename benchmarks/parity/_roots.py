"""Run the functions of ROOTS on texts; started by roots.py with the peer's interpreter.

    python _roots.py FOLDER shipped|equal < texts.jsonl > values.jsonl

FOLDER holds `filtering.py` of the release. "equal" gives it our words and our special characters: white space of any kind parts
words, letters and marks (Unicode L, M) are not special, and case is folded code point by code point. The models that the module
wants when it is imported are not used by these functions.
"""

from __future__ import annotations

import json
import sys
import types
import unicodedata
from typing import Any


class Special:
    """A set that holds whatever is neither a letter nor a mark."""

    def __contains__(self, character: object) -> bool:
        return unicodedata.category(str(character))[0] not in "LM"


def lower(word: str) -> str:
    return "".join("σ" if c in "Σς" else c.lower()[0] for c in word)


def words(document: str, model: Any, lower_case: bool, strip_characters: Any) -> list[str]:
    from filtering import ModifyingDocuments  # type: ignore[import-not-found]

    found = [ModifyingDocuments.strip(word, strip_characters) for word in document.split()]
    return [lower(word) if lower_case else word for word in found if word]


def main(folder: str, mode: str) -> None:
    sys.path.insert(0, folder)
    for name in ("fasttext", "sentencepiece", "kenlm"):
        sys.modules[name] = types.ModuleType(name)
    from filtering import Filtering, ModifyingDocuments
    from parameters_filtering import special_characters_default  # type: ignore[import-not-found]

    special: Any = special_characters_default
    if mode == "equal":
        special = Special()
        ModifyingDocuments.get_words_from_document = staticmethod(words)
    listed = json.loads(sys.stdin.readline())
    for line in sys.stdin:
        text = json.loads(line)
        found = ModifyingDocuments.get_words_from_document(text, None, lower_case=False, strip_characters=special)
        shares = [
            check(text, None, special, False, [], "", set(listed))
            for check in (Filtering.compute_stopwords_ratio, Filtering.compute_flagged_words_ratio)
        ]
        values = (
            len(found),
            Filtering.compute_character_repetition_ratio(text, 10),
            Filtering.compute_word_repetition_ratio(text, None, special, 5),
            Filtering.compute_special_characters_ratio(text, special),
            *shares,
        )
        print(json.dumps([float(value) for value in values]))


if __name__ == "__main__":
    main(*sys.argv[1:])
