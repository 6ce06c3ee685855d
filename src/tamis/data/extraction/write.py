"""Chosen blocks of a page as readable text, or as Markdown.

One block a line. Items of lists begin with a hyphen, cells of a row stand in one line with bars between, code keeps its lines;
Markdown adds marks of headings, of quotations and fences of code.
"""

from __future__ import annotations

from typing import Any

from tamis.kernels.blocks import PRE, TAG, Page

H1, H6, LI, TR, QUOTE, DT, DD = (TAG[name] for name in ("h1", "h6", "li", "tr", "blockquote", "dt", "dd"))
CELLS = (TAG["td"], TAG["th"])
NEST = 8  # deeper lists are written at this depth
UP = 40  # elements looked at above a block


def write(page: Page, chosen: Any, markdown: bool) -> str:
    """The text of the blocks with the indices `chosen`, in their order."""
    text, parts = page.text.tobytes(), []
    parent, tag, element = page.parent, page.tag, page.element
    row_before, item_before = -1, -1
    for b in chosen:
        e = int(element[b])
        value = text[page.start[b] : page.stop[b]].decode("utf-8", "replace")
        chain = _chain(parent, tag, e)
        row = next((a for a, t in chain[:3] if t == TR), -1) if chain and chain[0][1] in CELLS else -1
        item = next((a for a, t in chain if t == LI), -1)
        if row >= 0 and row == row_before:
            parts.append(" | " + value.replace("\n", " "))
            continue
        if any(t == PRE for _, t in chain):
            value = f"```\n{value}\n```" if markdown else value
        elif row >= 0:
            value = value.replace("\n", " ")
        elif item >= 0:
            depth = min(sum(t == LI for _, t in chain) - 1, NEST)
            value = "  " * depth + ("- " if item != item_before else "  ") + value
        elif markdown and chain and H1 <= chain[0][1] <= H6:
            value = "#" * (chain[0][1] - H1 + 1) + " " + value
        elif markdown and any(t == QUOTE for _, t in chain):
            value = "> " + value.replace("\n", "\n> ")
        parts.append("\n\n" + value if markdown and not (row >= 0 or item >= 0) else "\n" + value)
        row_before, item_before = row, item
    return "".join(parts).lstrip("\n")


def _chain(parent: Any, tag: Any, e: int) -> list[tuple[int, int]]:
    """The elements from `e` upwards, with their tags."""
    chain: list[tuple[int, int]] = []
    while e and len(chain) < UP:
        chain.append((e, int(tag[e])))
        e = int(parent[e])
    return chain
