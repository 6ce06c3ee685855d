"""Run datatrove's Gopher, C4 and FineWeb filters; started by heuristics.py with the peer's interpreter.

    python _datatrove_heuristics.py OUT WORDS FILE...

WORDS is "spacy" (as shipped) or "spaces": words by str.split and sentences by final punctuation, in place of spaCy's.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from datatrove.executor import LocalPipelineExecutor
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
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

MARKS = (".", "!", "?", '."', '!"', '?"', ".'", ".)", "!)", "?)", ".”")


def words(text: str, language: Any = None) -> list[str]:
    return text.split()


def sentences(text: str, language: Any = None) -> list[str]:
    ends = sum(word.endswith(MARKS) for word in text.split())
    return [text] * max(1, ends)


def main(out: str, splitter: str, files: list[str]) -> None:
    if splitter == "spaces":
        for module in (fineweb_quality_filter, gopher_quality_filter, gopher_repetition_filter):
            module.split_into_words = words
        c4_filters.split_into_sentences = sentences
    folder = Path(files[0]).parent
    names = Path(out) / "files.txt"
    names.parent.mkdir(parents=True, exist_ok=True)
    names.write_text("".join(f"{Path(file).name}\n" for file in files))
    LocalPipelineExecutor(
        [
            JsonlReader(str(folder), paths_file=str(names)),
            GopherRepetitionFilter(),
            GopherQualityFilter(),
            C4QualityFilter(filter_no_terminal_punct=False),
            FineWebQualityFilter(),
            JsonlWriter(f"{out}/kept", compression=None),
        ],
        logging_dir=f"{out}/logs",
        tasks=1,
        workers=1,
    ).run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
