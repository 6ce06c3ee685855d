"""What a block of a page looks like: one row of numbers per block, from which the main content is told.

Rows hold counts and ratios of counts, no logarithms: a decision tree needs none, and so the numbers are the same on any machine.
A *weight* is a length in letters in which an ideogram counts three. NAMES says what stands in which column.
"""

# ruff: noqa: SIM905 (names read better as words than as a list)
from __future__ import annotations

from typing import Any

import numpy as np

from tamis.kernels.blocks import GOLDEN, PRIME, TAG, TAGS
from tamis.kernels.jit import njit

STATS = "weight words links anchors commas ends digits capitals marks final first".split()
WEIGHT, WORDS, LINKS, ANCHORS, COMMAS, ENDS, DIGITS, CAPITALS, MARKS, FINAL, FIRST = range(len(STATS))
BLOCK = (
    "title copies images breaks bold tag level depth index rest place before after_h1 since_h1 blocks total page_links "
    "siblings_weight siblings_links siblings"
).split()
LEVELS = 4  # the element of the block and three around it
LEVEL = "weight links share blocks mean tag ordinal paragraphs".split()
PLACE = "top_share top_distance top_side parent_score like_weight like_blocks like_links like_share kin_weight kin_share".split()
OFFSETS = (-3, -2, -1, 1, 2, 3)
NEIGHBOUR = "weight links final heading same".split()
WIDTHS = (4, 10)
AROUND = (
    "article main aside nav header footer form table td li blockquote pre figure figcaption section address dd p ul ol details "
    "fieldset"
).split()
BITS = 64  # of a mask
NAMES = (
    STATS
    + BLOCK
    + [f"{name}_{level}" for level in range(LEVELS) for name in LEVEL]
    + PLACE
    + [f"{name}{offset:+d}" for offset in OFFSETS for name in NEIGHBOUR]
    + [f"{name}_within_{width}" for width in WIDTHS for name in ("weight", "links")]
    + [f"in_{name}" for name in AROUND]
    + [f"near_{bit}" for bit in range(BITS)]
    + [f"above_{bit}" for bit in range(BITS)]
)
COLUMNS, BLOCK_AT, LEVEL_SIZE, PLACE_SIZE, NEIGHBOUR_SIZE, KINDS = (
    len(NAMES),
    len(STATS),
    len(LEVEL),
    len(PLACE),
    len(NEIGHBOUR),
    len(AROUND),
)
AROUND_BIT = np.array([1 << AROUND.index(name) if name in AROUND else 0 for name in TAGS], np.int64)
H1, H6 = TAG["h1"], TAG["h6"]
HOLDERS = np.array([name in ("p", "pre", "li", "td", "h1", "h2", "h3", "h4", "h5", "h6") for name in TAGS])
LONG = 25  # letters of a paragraph that counts (Readability's choice)
ONE, U29 = np.uint64(1), np.uint64(29)
END, COLON, QUOTED = 2, 1, 2  # how a block may end


@njit
def _mark(text: Any, i: int, width: int) -> Any:
    """A character's (comma, end of a sentence, way to end a block), in the scripts that have marks of their own."""
    c = text[i]
    if width == 1:
        if c == 44 or c == 59:
            return 1, 0, 0
        if c == 46 or c == 33 or c == 63:
            return 0, 1, END
        return 0, 0, COLON if c == 58 else QUOTED if c == 34 or c == 41 else 0
    second = text[i + 1]
    if c == 0xD8:
        return (1, 0, 0) if second == 0x8C else (0, 1, END) if second == 0x9F else (0, 0, 0)
    if width == 3:
        third = text[i + 2]
        if c == 0xE2 and second == 0x80:  # quotes, an ellipsis
            return 0, 0, QUOTED if third == 0x9D or third == 0xA6 or third == 0x99 else 0
        if c == 0xE3 and second == 0x80:
            return third == 0x81, third == 0x82, END if third == 0x82 or third == 0x8D or third == 0x8F else 0
        if c == 0xEF and second == 0xBC:
            return third == 0x8C, third == 0x81 or third == 0x9F, END if third == 0x81 or third == 0x9F else 0
        if c == 0xE0 and second == 0xA5 and third == 0xA4:
            return 0, 1, END
    return 0, 0, 0


@njit
def _text(text: Any, start: int, stop: int, row: Any) -> Any:
    """Fill in the columns STATS for the bytes of one block; returns the block's hash."""
    inside, key, i = False, GOLDEN, start
    while i < stop:
        c = text[i]
        width = 1 if c < 0x80 else 2 if c < 0xE0 else 3 if c < 0xF0 else 4
        for j in range(width):
            key = (key ^ np.uint64(text[i + j])) * PRIME
        if c <= 32:
            inside = False
            i += 1
            continue
        comma, end, final = _mark(text, i, width)
        wide = width == 3 and 0xE3 <= c <= 0xED and final == 0 and not comma
        row[WEIGHT] += 3 if wide else 1
        row[WORDS] += wide or not inside
        row[CAPITALS] += not inside and 65 <= c <= 90
        inside = True
        row[COMMAS] += comma
        row[FINAL] = final
        row[DIGITS] += 48 <= c <= 57
        row[MARKS] += c == 124 or c == 47 or c == 62 or c == 64 or c == 35 or c == 0xC2 or width == 4
        i += width
        row[ENDS] += end and (width > 1 or i >= stop or text[i] <= 34 or text[i] >= 0x80)
    first = text[start]
    row[FIRST] = 1 if 65 <= first <= 90 else 2 if 97 <= first <= 122 else 3 if 48 <= first <= 57 else 4 if first >= 128 else 0
    for column in (DIGITS, MARKS, CAPITALS):
        row[column] /= max(row[WORDS], 1)
    return key


@njit
def _in_title(title: Any, text: Any, start: int, stop: int) -> float:
    """The share of the page's title that a block of at least eight bytes is."""
    size = stop - start
    if 8 <= size <= len(title):
        for at in range(len(title) - size + 1):
            j = 0
            while j < size and title[at + j] == text[start + j]:
                j += 1
            if j == size:
                return size / len(title)
    return 0.0


@njit
def _groups(keys: Any, weights: Any, links: Any) -> Any:
    """For each block the weight, the weight in links and the number of all blocks with its key: [blocks, 3]."""
    sums = np.zeros((len(keys), 3))
    order = np.argsort(keys)
    k = 0
    while k < len(keys):
        j = k
        weight, linked = 0.0, 0.0
        while j < len(keys) and keys[order[j]] == keys[order[k]]:
            weight += weights[order[j]]
            linked += links[order[j]]
            j += 1
        for m in range(k, j):
            sums[order[m], 0], sums[order[m], 1], sums[order[m], 2] = weight, linked, j - k
        k = j
    return sums


@njit
def _top(parent: Any, tag: Any, element: Any, stats: Any, sums: Any) -> Any:
    """The element that holds most prose, as Readability scores it; the scores; and where each element lies from it.

    Side: 2 in it, 1 around it, -1 before it, -2 after it. Distance: how far up the first element lies that holds both.
    """
    elements = len(parent)
    score = np.zeros(elements)
    for b in range(len(element)):
        e = element[b]
        if stats[b, WEIGHT] >= LONG and stats[b, LINKS] < 0.5 * stats[b, WEIGHT]:
            share = 1 + stats[b, COMMAS] + min(stats[b, WEIGHT] / 100, 3.0)
            p = parent[e] if HOLDERS[tag[e]] else e
            for part in (1.0, 2.0, 6.0):
                score[p] += share / part
                if p == 0:
                    break
                p = parent[p]
    top, best = 0, 0.0
    for e in range(elements):
        score[e] *= 1 - sums[e, 1] / max(sums[e, 0], 1.0)
        if score[e] > best:
            top, best = e, score[e]
    side, distance = np.zeros(elements, np.int64), np.zeros(elements, np.int64)
    e, steps = top, 0
    while True:
        side[e], distance[e] = 1, steps
        if e == 0:
            break
        e, steps = parent[e], steps + 1
    side[top] = 2
    for e in range(1, elements):
        p = parent[e]
        if side[e] == 0:
            side[e] = side[p] if side[p] != 1 else (-1 if e < top else -2)
            distance[e] = distance[p]
    return top, best, score, side, distance


@njit
def features(page: Any) -> Any:
    """The rows of a `Page`: float32 [blocks, COLUMNS]."""
    parent, tag, element, n, elements = page.parent, page.tag, page.element, len(page.element), len(page.parent)
    rows = np.zeros((n, COLUMNS), np.float32)
    if n == 0:
        return rows
    keys = np.zeros((3, n), np.uint64)
    sums = np.zeros((elements, 4))  # weight, weight in links, blocks, paragraphs
    first_h1 = n
    for b in range(n):
        e, row = element[b], rows[b]
        keys[0, b] = _text(page.text, page.start[b], page.stop[b], row)
        row[LINKS] = row[WEIGHT] * min(1.0, page.links[b] / (page.stop[b] - page.start[b]))
        row[ANCHORS] = page.anchors[b]
        sums[e, 0] += row[WEIGHT]
        sums[e, 1] += row[LINKS]
        sums[e, 2] += 1
        sums[e, 3] += row[WEIGHT] >= LONG and row[LINKS] < 0.5 * row[WEIGHT]
        p = parent[e]
        key = page.signature[e] * GOLDEN + page.signature[p]
        keys[1, b] = key ^ (key >> U29)
        key = np.uint64(tag[e]) * GOLDEN + page.signature[p] * PRIME + page.signature[parent[p]]
        keys[2, b] = key ^ (key >> U29)
        if first_h1 == n and tag[e] == H1 and row[WEIGHT] > 5:
            first_h1 = b
    near, above = page.mask.copy(), page.mask.copy()
    around, depth = AROUND_BIT[tag], np.zeros(elements, np.int64)
    for e in range(1, elements):
        p = parent[e]
        above[e] |= above[p]
        near[e] |= page.mask[p] | page.mask[parent[p]]
        around[e] |= around[p]
        depth[e] = depth[p] + 1
    for e in range(elements - 1, 0, -1):
        sums[parent[e]] += sums[e]
    top, best, score, side, distance = _top(parent, tag, element, rows, sums)
    weights, links = rows[:, WEIGHT].copy(), rows[:, LINKS].copy()
    copies, like, kin = _groups(keys[0], weights, links), _groups(keys[1], weights, links), _groups(keys[2], weights, links)
    most_like, most_kin = max(like[:, 0].max(), 1.0), max(kin[:, 0].max(), 1.0)
    total, before = max(sums[0, 0], 1.0), 0.0
    for b in range(n):
        row, e, k = rows[b], element[b], BLOCK_AT
        p, size = parent[e], page.stop[b] - page.start[b]
        heading = H1 <= tag[e] <= H6
        beside, beside_links = sums[p, 0] - sums[e, 0], sums[p, 1] - sums[e, 1]
        row[k : k + 5] = np.array(
            [
                _in_title(page.title, page.text, page.start[b], page.stop[b]),
                copies[b, 2],
                page.images[b],
                page.breaks[b],
                page.bold[b] / size,
            ]
        )
        k += 5
        row[k : k + 15] = np.array(
            [
                tag[e],
                tag[e] - H1 + 1 if heading else 0,
                depth[e],
                b,
                n - b,
                b / n,
                before / total,
                b > first_h1,
                b - first_h1 if first_h1 < n else -1000,
                n,
                total,
                sums[0, 1] / total,
                beside,
                beside_links / max(beside, 1.0),
                sums[p, 2] - sums[e, 2],
            ]
        )
        before += weights[b]
        k += 15
        a = e
        for _ in range(LEVELS):
            weight, blocks = max(sums[a, 0], 1.0), sums[a, 2]
            row[k], row[k + 1], row[k + 2], row[k + 3] = weight, sums[a, 1] / weight, weight / total, blocks
            row[k + 4], row[k + 5], row[k + 6], row[k + 7] = weight / max(blocks, 1.0), tag[a], page.ordinal[a], sums[a, 3]
            k += LEVEL_SIZE
            a = parent[a]
        row[k], row[k + 1], row[k + 2], row[k + 3] = sums[top, 0] / total, distance[e], side[e], score[p] / max(best, 0.1)
        row[k + 4], row[k + 5], row[k + 6], row[k + 7] = (
            like[b, 0],
            like[b, 2],
            like[b, 1] / max(like[b, 0], 1.0),
            like[b, 0] / most_like,
        )
        row[k + 8], row[k + 9] = kin[b, 0], kin[b, 0] / most_kin
        k += PLACE_SIZE
        for offset in OFFSETS:
            j = b + offset
            row[k : k + 5] = -1
            if 0 <= j < n:
                row[k], row[k + 1], row[k + 2] = weights[j], links[j] / max(weights[j], 1.0), rows[j, FINAL]
                row[k + 3] = H1 <= tag[element[j]] <= H6
                row[k + 4] = int(element[j] == e) + int(parent[element[j]] == p)
            k += NEIGHBOUR_SIZE
        for width in WIDTHS:
            low, high = max(0, b - width), min(n, b + width + 1)
            row[k] = weights[low:high].sum()
            row[k + 1] = links[low:high].sum() / max(row[k], 1.0)
            k += 2
        for i in range(KINDS):
            row[k + i] = (around[e] >> i) & 1
        k += KINDS
        for i in range(BITS):
            row[k + i] = (near[e] >> np.uint64(i)) & ONE
            row[k + BITS + i] = (above[e] >> np.uint64(i)) & ONE
    return rows
