"""The blocks of a page: from HTML in its normal form to flat arrays of elements and of the text between them.

The normal form is what a parser of the HTML standard writes for its tree: every element that can be closed is closed, attribute
values stand in double quotes, and only `&amp; &lt; &gt; &quot; &nbsp;` are escaped. So one scan over the bytes rebuilds the tree,
and no rule of the standard is needed here. An *element* is one that begins a new line in a browser (a paragraph, a list item, a
cell); a *block* is the text between two borders of elements, its white space collapsed except inside `pre`. Invariants: parents
come before their children, blocks are in the order of the page, no array has more entries than the page has "<", plus two.
"""

# ruff: noqa: SIM905 (names read better as words than as a list)
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tamis.kernels.jit import njit

INLINE, VOID, RAW, SKIPPED, BLOCK = range(5)  # kinds of tags: RAW and SKIPPED hold no text of the page
# Tags that begin a new element, by number; 0 is the page itself and any custom element.
TAGS = tuple(
    "custom p h1 h2 h3 h4 h5 h6 li td th div section article main aside nav header footer form table tr ul ol dl dt dd "
    "blockquote pre figure figcaption address body center details summary fieldset legend caption tbody thead tfoot menu hgroup "
    "dir dialog search html listing optgroup".split()
)
TAG = {name: number for number, name in enumerate(TAGS)}
PRE = TAG["pre"]
VOIDS = "area base br col embed hr img input link meta param source track wbr basefont bgsound frame keygen".split()
RAWS = "script style xmp iframe noembed noframes plaintext".split()
SKIPS = "svg noscript template select button textarea object video audio canvas title datalist".split()
LINK, BREAK, IMAGE, TITLE, BOLD, RULE = range(1, 7)
SPECIAL = {"a": LINK, "br": BREAK, "img": IMAGE, "title": TITLE, "b": BOLD, "strong": BOLD, "hr": RULE}
READ, STYLE, HIDES = range(1, 4)  # what an attribute is looked at for
ATTRIBUTES = dict.fromkeys(("class", "id", "role", "itemprop", "aria-label", "itemtype", "data-component", "rel"), READ)
ATTRIBUTES |= {"style": STYLE, "hidden": HIDES}
SLOTS = 1024
HIDDEN = np.uint64(1 << 63)  # the bit of a mask that says display:none
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
PRIME = np.uint64(0x100000001B3)
U8, U54 = np.uint64(8), np.uint64(54)
LT, GT, QUOTE, AMP, SPACE, NEWLINE, SLASH, EQUALS, HYPHEN = 60, 62, 34, 38, 32, 10, 47, 61, 45


class Words(NamedTuple):
    """An automaton that finds words in class names: states [n, 27] (0: no letter, 1..26: a..z) and the mask of each state."""

    step: Any
    mask: Any


class Names(NamedTuple):
    """Open tables of names, packed to eight bytes: what to do at a tag (kind, number, special) and at an attribute."""

    tags: Any
    tag_values: Any
    attributes: Any
    attribute_values: Any


class Page(NamedTuple):
    """A scanned page: arrays over elements, over blocks, and the bytes of all blocks one after the other."""

    parent: Any  # [elements] the element around each; element 0 is the page
    tag: Any  # [elements] number in TAGS
    mask: Any  # [elements] which words stand in its class, id and role
    signature: Any  # [elements] hash of its tag and classes
    ordinal: Any  # [elements] which child of its parent
    element: Any  # [blocks] the innermost element
    start: Any  # [blocks] first byte in `text`
    stop: Any  # [blocks]
    links: Any  # [blocks] bytes inside links
    anchors: Any  # [blocks] number of links
    images: Any  # [blocks]
    breaks: Any  # [blocks] line breaks
    bold: Any  # [blocks] bytes in bold
    text: Any  # [bytes]
    title: Any  # [bytes] of the page's title


def _table(entries: dict[str, tuple[int, int, int]]) -> tuple[Any, Any]:
    keys, values = np.zeros(SLOTS, np.uint64), np.zeros((SLOTS, 3), np.int64)
    for name, value in entries.items():
        key = int.from_bytes(name.encode()[:8], "big")
        at = ((key * int(GOLDEN)) & (2**64 - 1)) >> int(U54)
        while keys[at]:
            at = (at + 1) % SLOTS
        keys[at], values[at] = key, value
    return keys, values


def names() -> Names:
    """The tables that `scan` reads."""
    tags = {name: (BLOCK, number, 0) for name, number in TAG.items() if number}
    tags |= {name: (INLINE, 0, special) for name, special in SPECIAL.items()}
    for kind, members in ((VOID, VOIDS), (RAW, RAWS), (SKIPPED, SKIPS)):
        tags |= {name: (kind, 0, SPECIAL.get(name, 0)) for name in members}
    return Names(*_table(tags), *_table({name: (use, 0, 0) for name, use in ATTRIBUTES.items()}))


@njit
def _find(keys: Any, key: Any) -> Any:
    """The slot of a packed name, or -1."""
    at = np.int64((key * GOLDEN) >> U54)
    while keys[at] != 0:
        if keys[at] == key:
            return at
        at = (at + 1) % SLOTS
    return -1


@njit
def _after_tag(html: Any, i: int) -> int:
    """The byte after the ">" that ends the tag around byte `i`; a quote opens only behind "=", since names may hold one."""
    quoted = False
    while i < len(html):
        if html[i] == QUOTE and (quoted or html[i - 1] == EQUALS):
            quoted = not quoted
        elif html[i] == GT and not quoted:
            return i + 1
        i += 1
    return len(html)


@njit
def _after_raw(html: Any, i: int, name: int, length: int) -> int:
    """The byte after the end tag of a raw element whose name stands at byte `name`."""
    while i + length + 2 < len(html):
        if html[i] == LT and html[i + 1] == SLASH:
            j = 0
            while j < length and html[i + 2 + j] == html[name + j]:
                j += 1
            if j == length:
                return _after_tag(html, i + 2 + length)
        i += 1
    return len(html)


@njit
def _after_declaration(html: Any, i: int) -> int:
    """The byte after a comment, a doctype or a processing instruction at byte `i`."""
    if i + 3 < len(html) and html[i + 2] == HYPHEN and html[i + 3] == HYPHEN:
        i += 4
        while i + 2 < len(html) and not (html[i] == HYPHEN and html[i + 1] == HYPHEN and html[i + 2] == GT):
            i += 1
        return i + 3
    while i < len(html) and html[i] != GT:
        i += 1
    return i + 1


@njit
def _hides(html: Any, i: int) -> bool:
    """Whether ":none" of "display:none" stands around the "n" at byte `i`."""
    if i + 3 >= len(html) or html[i + 1] != 111 or html[i + 2] != 110 or html[i + 3] != 101:
        return False
    i -= 1
    while html[i] == SPACE:
        i -= 1
    return bool(html[i] == 58 and html[i - 1] == 121)


@njit
def _attributes(html: Any, i: int, names: Any, words: Any, tag: int) -> Any:
    """Read attributes from byte `i` on: (byte after the tag, mask, signature)."""
    size = len(html)
    mask, signature = np.uint64(0), np.uint64(tag + 1) * GOLDEN
    while i < size and html[i] != GT:
        if html[i] == SPACE or html[i] == SLASH or html[i] == NEWLINE:
            i += 1
            continue
        name, key = i, np.uint64(0)
        while i < size and html[i] != EQUALS and html[i] != GT and html[i] != SPACE:
            if i - name < 8:
                key = (key << U8) | np.uint64(html[i])
            i += 1
        at = _find(names.attributes, key)
        use = names.attribute_values[at, 0] if at >= 0 else 0
        if use == HIDES:
            mask |= HIDDEN
        if i >= size or html[i] != EQUALS:
            continue
        i += 2
        state, is_class = words.step[0, 0], html[name] == 99
        while i < size and html[i] != QUOTE:
            c = html[i]
            if use == READ:
                lower = c | 32
                symbol = lower - 96 if 97 <= lower <= 122 else 0
                state = words.step[state, symbol]
                mask |= words.mask[state]
                if is_class and (symbol or c == SPACE):
                    signature = (signature ^ np.uint64(lower)) * PRIME
            elif use == STYLE and c == 110 and _hides(html, i):
                mask |= HIDDEN
            i += 1
        mask |= words.mask[words.step[state, 0]]
        i += 1
    return i + 1, mask, signature


@njit
def _escape(html: Any, i: int) -> Any:
    """The byte that an escape at byte `i` stands for, and its length; "&" for a bare ampersand."""
    if i + 3 < len(html):
        c = html[i + 1]
        if html[i + 3] == 59 and (c == 108 or c == 103):
            return LT if c == 108 else GT, 4
        if c == 97 and html[i + 2] == 109:
            return AMP, 5
        if c == 113 and html[i + 2] == 117:
            return QUOTE, 6
        if c == 110 and html[i + 2] == 98:
            return SPACE, 6
    return AMP, 1


@njit
def scan(html: Any, names: Any, words: Any) -> Any:
    """The `Page` of UTF-8 bytes in normal form."""
    size, room = len(html), 2
    for c in html:
        room += c == LT
    masks = np.zeros((2, room), np.uint64)  # mask, signature
    nodes = np.zeros((4, room), np.int64)  # parent, tag, ordinal, children so far
    blocks = np.zeros((8, room), np.int64)  # element, start, stop, links, anchors, images, breaks, bold
    parent, tag, children = nodes[0], nodes[1], nodes[3]
    start, links, anchors, images, breaks, bold = blocks[1], blocks[3], blocks[4], blocks[5], blocks[6], blocks[7]
    text = np.empty(size + 1, np.uint8)
    elements, block, written, opened = 1, 0, 0, 0
    here, linked, strong, verbatim, skipping, skipped = 0, 0, 0, 0, 0, np.uint64(0)
    title_start, title_stop = 0, 0
    pending = False  # white space waits until a word follows
    i = 0
    while i <= size:
        closing, kind, number, special, key, name, j = False, INLINE, 0, 0, np.uint64(0), i, i
        if i < size and html[i] != LT:
            while i < size and html[i] != LT:
                c, width = (_escape(html, i) if html[i] == AMP else (html[i], 1)) if not skipping else (SPACE, 1)
                i += width
                if skipping or (verbatim and c == NEWLINE and written == opened):
                    continue
                if c <= SPACE and not verbatim:
                    pending = True
                    continue
                if pending and written > opened:
                    text[written] = SPACE
                    written += 1
                    links[block] += linked > 0
                pending = False
                text[written] = c
                written += 1
                links[block] += linked > 0
                bold[block] += strong > 0
            continue
        if i + 1 < size:
            if html[i + 1] == 33 or html[i + 1] == 63:
                i = _after_declaration(html, i)
                continue
            closing = html[i + 1] == SLASH
            name, custom = i + 1 + closing, False
            j = name
            while j < size and html[j] != SPACE and html[j] != GT and html[j] != SLASH and html[j] != NEWLINE:
                if j - name < 8:
                    key = (key << U8) | np.uint64(html[j])
                custom |= html[j] == HYPHEN
                j += 1
            at = _find(names.tags, key)
            if at >= 0:
                kind, number, special = names.tag_values[at, 0], names.tag_values[at, 1], names.tag_values[at, 2]
            elif custom:
                kind = BLOCK
            if kind == RAW:
                i = _after_tag(html, j)
                if not closing:
                    i = _after_raw(html, i, name, j - name)
                continue
            if skipping:
                if key == skipped:
                    skipping += -1 if closing else 1
                    if not skipping and special == TITLE and not title_stop:
                        title_stop = i
                i = _after_tag(html, j)
                continue
            if kind == SKIPPED:
                i = _after_tag(html, j)
                if not closing:
                    skipping, skipped = 1, key
                    if special == TITLE and not title_start:
                        title_start = i
                continue
        border = kind == BLOCK or special == RULE or i + 1 >= size
        if special == BREAK and (verbatim or written > opened):
            if not verbatim and text[written - 1] == NEWLINE:
                border = True
            else:
                text[written] = NEWLINE
                written += 1
                breaks[block] += 1
            pending = False
        if border:  # what stands before it is a block
            while written > opened and text[written - 1] <= SPACE:
                written -= 1
            if written > opened:
                blocks[0, block], start[block], blocks[2, block] = here, opened, written
                block += 1
            links[block], anchors[block], images[block], breaks[block], bold[block] = 0, 0, 0, 0, 0
            opened, pending = written, False
        if i + 1 >= size:
            break
        if closing or (kind != BLOCK):
            i = _after_tag(html, j)
            if kind == BLOCK:
                if here and tag[here] == number:
                    verbatim -= number == PRE
                    here = parent[here]
            elif special == LINK:
                linked = max(0, linked + (-1 if closing else 1))
                anchors[block] += not closing
            elif special == BOLD:
                strong = max(0, strong + (-1 if closing else 1))
            elif special == IMAGE:
                images[block] += 1
            continue
        parent[elements], tag[elements], nodes[2, elements] = here, number, children[here]
        children[here] += 1
        verbatim += number == PRE
        i, masks[0, elements], masks[1, elements] = _attributes(html, j, names, words, number)
        here = elements
        elements += 1
    e, b = elements, block
    return Page(
        parent[:e],
        tag[:e],
        masks[0, :e],
        masks[1, :e],
        nodes[2, :e],
        blocks[0, :b],
        start[:b],
        blocks[2, :b],
        links[:b],
        anchors[:b],
        images[:b],
        breaks[:b],
        bold[:b],
        text[:written],
        html[title_start : max(title_start, title_stop)],
    )
