"""Run datatrove's filters, one rule at a time; started by datatrove.py with the peer's interpreter.

    python _datatrove.py shipped|equal < texts.jsonl > verdicts.jsonl

The first line is the list of sentence-ending characters. "equal" gives the filters our words, lines, paragraphs and sentences,
and patches what the docstrings of our scores say differs: words of punctuation count; n-grams are compared word by word; "'"
ends no line; citation marks go before a line is looked at; and FineWeb's bound on repeated lines is its paper's.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from _lines import OurLines, paragraphs

sys.path.pop(0)  # this folder, where datatrove.py would hide the package

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    c4_filters,
    fineweb_quality_filter,
    gopher_quality_filter,
    gopher_repetition_filter,
)

CLOSING = "\"')]}”’»›"
CITATION = re.compile(r"\[[0-9]*\]|\[edit\]|\[citation needed\]")
QUALITY: dict[str, Any] = {
    "min_doc_words": 50,
    "max_doc_words": 100_000,
    "min_avg_word_length": 3,
    "max_avg_word_length": 10,
    "max_symbol_word_ratio": 0.1,
    "max_bullet_lines_ratio": 0.9,
    "max_ellipsis_lines_ratio": 0.3,
    "max_non_alpha_words_ratio": 0.8,
    "min_stop_words": 2,
}
QUALITY_RULES = (
    ("min_doc_words", "max_doc_words"),
    ("min_avg_word_length", "max_avg_word_length"),
    *((name,) for name in list(QUALITY)[4:]),
)
REPETITION: dict[str, Any] = {
    "dup_line_frac": 0.3,
    "dup_para_frac": 0.3,
    "dup_line_char_frac": 0.2,
    "dup_para_char_frac": 0.2,
    "top_n_grams": (),
    "dup_n_grams": (),
}
NGRAMS = (
    *({"top_n_grams": (pair,)} for pair in ((2, 0.2), (3, 0.18), (4, 0.16))),
    *({"dup_n_grams": (pair,)} for pair in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))),
)
C4_OFF = {
    "filter_no_terminal_punct": False,
    "min_num_sentences": -1,
    "min_words_per_line": -1,
    "max_word_length": -1,
    "filter_lorem_ipsum": False,
    "filter_javascript": False,
    "filter_curly_bracket": False,
    "filter_policy": False,
}
FINEWEB_OFF = {"line_punct_thr": -1.0, "short_line_thr": 2.0, "char_duplicates_ratio": 2.0, "new_line_ratio": 1e9}


class Splitter:
    """Something with a `split`, in place of a regular expression."""

    def __init__(self, split: Any) -> None:
        self.split = split


def duplicate_ngrams(words: list[str], n: int) -> int:
    met, total, i = set(), 0, 0
    while i + n <= len(words):
        ngram = tuple(words[i : i + n])
        if ngram in met:
            total += sum(map(len, ngram))
            i += n
        else:
            met.add(ngram)
            i += 1
    return total


def build(equal: bool, stops: list[str]) -> list[Any]:
    """One filter for each rule."""

    def words(text: str, language: Any = None) -> list[str]:
        return str(text).split()

    def sentences(line: str, language: Any = None) -> list[str]:
        ends = sum((word.rstrip(CLOSING)[-1:] or " ") in stops for word in line.split())
        return [line] * max(1, ends)

    if equal:
        for module in (fineweb_quality_filter, gopher_quality_filter, gopher_repetition_filter):
            module.split_into_words = words
        c4_filters.split_into_sentences = sentences
        c4_filters.END_PUNCTUATION = (".", "?", "!", '"')
        gopher_quality_filter.PUNCTUATION_SET = frozenset()
        gopher_repetition_filter.find_all_duplicate = duplicate_ngrams
    nothing = dict.fromkeys(QUALITY)
    quality = [GopherQualityFilter(**{**nothing, **{name: QUALITY[name] for name in names}}) for names in QUALITY_RULES]
    off = {**dict.fromkeys(REPETITION), "top_n_grams": (), "dup_n_grams": ()}
    lines = [GopherRepetitionFilter(**{**off, name: REPETITION[name]}) for name in list(REPETITION)[:4]]
    ngrams = [GopherRepetitionFilter(**{**off, **rule}) for rule in NGRAMS]
    if equal:
        for each in lines:
            each.paragraph_exp, each._line_splitter = Splitter(paragraphs), Splitter(lambda text: OurLines(text).splitlines())
    c4 = [
        C4QualityFilter(**{**C4_OFF, "filter_curly_bracket": True}),
        C4QualityFilter(**{**C4_OFF, "filter_lorem_ipsum": True}),
        C4QualityFilter(min_num_sentences=3, min_words_per_line=5, filter_curly_bracket=False, filter_lorem_ipsum=False),
    ]
    bounds = {
        "line_punct_thr": 0.12,
        "short_line_thr": 0.67,
        "char_duplicates_ratio": 0.1 if equal else 0.01,
        "new_line_ratio": 0.3,
    }
    ends = tuple(stops) if equal else None
    fineweb = [FineWebQualityFilter(stop_chars=ends, **{**FINEWEB_OFF, name: bound}) for name, bound in bounds.items()]
    return [*quality, *lines, *ngrams, *c4, *fineweb]


def main(mode: str) -> None:
    equal = mode == "equal"
    filters = build(equal, json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        text = json.loads(line)
        verdicts = []
        for each in filters:
            given = text
            if equal:
                given = OurLines(CITATION.sub("", text) if isinstance(each, C4QualityFilter) else text)
            try:
                result = each.filter(Document(text=given, id="0"))
            except ZeroDivisionError:  # a text without words or lines: datatrove counts it as an error and drops it
                result = False
            verdicts.append(not isinstance(result, tuple) and bool(result))
        print(json.dumps(verdicts), file=ANSWERS)


if __name__ == "__main__":
    ANSWERS, sys.stdout = sys.stdout, sys.stderr
    main(*sys.argv[1:])
