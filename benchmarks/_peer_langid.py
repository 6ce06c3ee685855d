"""Label documents with fastText as such and through datatrove; started by langid.py with the peer's interpreter.

    python _peer_langid.py MODEL DOCUMENTS.jsonl OUT.json

Writes the labels of each way and its CPU-seconds: best of three passes over the first 1,000 characters, one over whole texts.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.utils.lid import FT176LID
from fasttext.FastText import _FastText

CHARACTERS = 1000


def timed(passes: int, label: Callable[[Any], str], items: list[Any]) -> dict[str, Any]:
    seconds, labels = [], []
    for _ in range(passes):
        start = time.process_time()
        labels = [label(item) for item in items]
        seconds.append(time.process_time() - start)
    return {"labels": labels, "seconds": min(seconds)}


def main(model_file: str, documents: str, out: str) -> None:
    texts = [json.loads(line)["text"] for line in Path(documents).read_bytes().split(b"\n")[:-1]]
    model = _FastText(model_file)
    filter_ = FT176LID()
    filter_._model = _FastText(model_file)

    def plain(text: str) -> str:
        return str(model.predict(text.replace("\n", " "))[0][0].removeprefix("__label__"))

    def datatrove(document: Document) -> str:
        return str(filter_.predict(document)[0][0])

    found = {
        "head": timed(3, plain, [text[:CHARACTERS] for text in texts]),
        "whole": timed(1, plain, texts),
        "datatrove": timed(1, datatrove, [Document(text=text, id=str(i)) for i, text in enumerate(texts)]),
    }
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
