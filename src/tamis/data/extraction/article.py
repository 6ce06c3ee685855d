"""The main content of a page, told block by block by learned trees.

A parser of the HTML standard (lexbor, through resiliparse) reads the page and writes its normal form; compiled kernels cut that
into blocks and describe each by some 260 numbers; an ensemble of decision trees says which blocks are content; those are written
down in their order. How the trees were learned, from what and how well, stands in docs/extraction.md.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tamis.core.errors import TamisError
from tamis.data.extraction.words import automaton
from tamis.data.extraction.write import write
from tamis.kernels.blockfeatures import NAMES, features
from tamis.kernels.blocks import Page, names, scan
from tamis.kernels.trees import Trees, log_odds

OUT_OF_SIGHT = NAMES.index("above_63")  # some element around the block is hidden: what a reader cannot see is no content
NEAR = 0.4  # where nothing is content, blocks whose log-odds are that close to the best are taken
WEIGHTS = Path(__file__).with_name("article.npz")
SHA256 = "2655a1553083a25c6ff2c3924e5507fdc65757bce4e61e5c5aca0616e764b075"


@cache
def weights() -> tuple[Trees, float]:
    """The trees and the log-odds from which a block is content."""
    data = WEIGHTS.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise TamisError(f"{WEIGHTS}: sha256 is {found}, expected {SHA256}: install tamis again")
    with np.load(WEIGHTS, allow_pickle=False) as arrays:
        return Trees(*(arrays[name] for name in Trees._fields)), float(arrays["limit"])


@cache
def _tables() -> tuple[Any, Any]:
    return names(), automaton()


def blocks_of(html: str) -> Page:
    """The blocks of a page, in order."""
    from resiliparse.parse.html import HTMLTree

    document: Any = HTMLTree.parse(html).document
    data = np.frombuffer(document.html.encode("utf-8", "replace") or b" ", np.uint8)
    page: Page = scan(data, *_tables())
    return page


def extract(html: str, markdown: bool = False) -> str:
    """The text of the blocks that are content, or of what comes closest to it; "" if a reader sees no text at all."""
    trees, threshold = weights()
    page = blocks_of(html)
    rows = features(page)
    odds = np.where(rows[:, OUT_OF_SIGHT] > 0, -np.inf, log_odds(rows, trees, 0.0))
    best = odds.max(initial=-np.inf)
    content = np.isfinite(odds) & (odds >= (threshold if best >= threshold else best - NEAR))
    return write(page, np.flatnonzero(content), markdown)
