"""From text to numbered words, and from numbered words to the log probability that an n-gram model with back-off gives them.

How a text becomes words is a *table* (code point to folded code point and class), so that one loop serves both ways of reading:
plain reading cuts where KenLM's tools cut and leaves words as they stand; folding writes words in lower case without accents and
with every digit as 0, and takes each punctuation mark, symbol or letter of an unspaced script as a word. `sentences` is the
definition.

The model is one array of records, `GRAM`. The unigrams come first, by number of word; the longer n-grams follow in a hash table
under (record of the n-gram without its last word, last word), a key that is exact. A record's number is the state of the reader:
`suffix` leads to the longest shorter n-gram with the same end, and `next` is the state after reading: the longest n-gram that
anything can still follow. So a word costs about one look-up for every word that its context is shortened by, not one per order.

Words are told apart by 64-bit hashes: that an unknown word takes a known one for its own has a chance of vocabulary / 2^64.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tamis.kernels import shingle
from tamis.kernels.jit import njit
from tamis.kernels.memory import prefetch
from tamis.kernels.shingle import (
    HIGHS,
    K1,
    K2,
    K3,
    ONES,
    SINGLE,
    SPACES,
    TABLE_SIZE,
    U1,
    U3,
    U29,
    U32,
    _decode,
    _encode,
    kind_of,
    load64,
    longest,
    lower_of,
    trailing_zeros,
)

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint32]
Doubles = npt.NDArray[np.float64]
Logs = npt.NDArray[np.float32]

UNKNOWN, BEGIN, END = range(3)
SPECIAL = ("<unk>", "<s>", "</s>")
LETTER, CUT, ALONE, JOINED, GONE = range(5)  # classes: part of a word, between words, a word, part of what stands before, nothing
CLASSES = (LETTER, CUT, ALONE, JOINED, ALONE)  # of the kinds of `shingle`: word, space, single, mark, punctuation
BLANKS = "\0\t\n\v\f\r "  # what KenLM cuts at (its lmplz leaves \v and \f in words)
GRAM = np.dtype([("key", "u8"), ("prob", "f4"), ("backoff", "f4"), ("suffix", "u4"), ("next", "u4")])
FREE = np.uint64(0xFFFFFFFFFFFFFFFF)
STREAMS = 16  # sentences read in turn
NOWHERE = np.uint32(0xFFFFFFFF)  # the state in which nothing is known: the empty context


@cache
def folded(char: str) -> tuple[str, int]:
    """The folded code point and the class of a character."""
    point = ord(char)
    if point >= TABLE_SIZE:
        return char, _class_beyond(point)
    if char.isspace():
        return " ", CUT
    category = unicodedata.category(char)
    if 0x300 <= point < 0x370 or category in ("Cc", "Cf"):
        return char, GONE
    if category[0] in "PSM":
        return lower_of(char), JOINED if category[0] == "M" else ALONE
    if category == "Nd":
        return "0", LETTER
    parts = unicodedata.normalize("NFD", char)
    char = parts[0] if all(0x300 <= ord(mark) < 0x370 for mark in parts[1:]) else char
    return lower_of(char), ALONE if kind_of(char) == SINGLE else LETTER


def _class_beyond(point: int) -> int:
    """Chinese letters, variation selectors, tags, and whatever else lies above the table."""
    if point < 0x40000:
        return ALONE
    if 0xE0100 <= point < 0xE01F0:
        return JOINED
    return GONE if 0xE0000 <= point < 0xE0080 else LETTER


def sentences(text: str, fold: bool, lines: bool) -> list[list[str]]:
    """The words of each line of a text ("\\n" ends one), or of the whole text (the definition)."""
    return [_words(part, fold) for part in (text.split("\n") if lines else [text])]


def _words(text: str, fold: bool) -> list[str]:
    out: list[list[str]] = []
    open = near = False  # the last word takes letters; it stands directly before, so it takes marks
    for char in text:
        letter, sort = folded(char) if fold else (char, CUT if char in BLANKS else LETTER)
        if sort == CUT:
            open = near = False
        elif (open and sort == LETTER) or (near and sort == JOINED):
            out[-1].append(letter)
        elif sort != GONE:
            out.append([letter])
            open, near = sort != ALONE, True
    return ["".join(word) for word in out]


@cache
def table(fold: bool) -> npt.NDArray[np.uint32]:
    """Code point -> folded code point and, in the highest 8 bits, its class; uint32, TABLE_SIZE entries."""
    out = np.arange(TABLE_SIZE, dtype=np.uint32)
    out[[ord(char) for char in BLANKS]] |= np.uint32(CUT << 24)
    if fold:  # what `folded` says, from the table of lower case and kinds, and one by one only where that is not enough
        known = shingle.table()
        out = known & 0xFFFFFF | np.array(CLASSES, np.uint32)[known >> 24] << 24
        special = ("Cc", "Cf", "Nd", "Mn")
        for point, char in enumerate(map(chr, range(TABLE_SIZE))):
            if unicodedata.decomposition(char) or unicodedata.category(char) in special:
                letter, sort = folded(char)
                out[point] = ord(letter) | sort << 24
    out.setflags(write=False)
    return out


@njit
def _write(data: Bytes, start: int, end: int, table: Any, fold: bool, lines: bool, out: Bytes) -> int:
    """Write the words of data[start:end] to `out`, each after a space, and a word "\\n" for each end of a line.

    Returns the length. `out` needs 3 * (end - start) + 16 bytes; 8 spaces follow, so that eight bytes can be read anywhere.
    """
    p: Any = start
    q, open, near = 0, False, False
    letter: Any
    sort: Any
    while p < end:
        point: Any = np.int64(data[p])
        if point < 128:
            p += 1
        else:
            point, length = _decode(data, p, end)
            p += length
        if point < TABLE_SIZE:
            entry = np.int64(table[point])
            letter, sort = entry & 0xFFFFFF, entry >> 24
        elif not fold:
            letter, sort = point, LETTER
        elif point < 0x40000:
            letter, sort = point, ALONE
        elif 0xE0100 <= point < 0xE01F0:
            letter, sort = point, JOINED
        else:
            letter, sort = point, GONE if 0xE0000 <= point < 0xE0080 else LETTER
        if sort == CUT:
            open = near = False
            if lines and point == 10:
                out[q], out[q + 1] = 32, 10
                q += 2
        elif sort != GONE:
            if not ((open and sort == LETTER) or (near and sort == JOINED)):
                out[q] = 32
                q += 1
                open, near = sort != ALONE, True
            q = _encode(letter, out, q)
    for k in range(8):
        out[q + k] = 32
    return q


@njit
def _hash(text: Bytes, p: int) -> tuple[Any, Any]:
    """Hash of the word that begins at byte p, and where it ends. Never FREE."""
    at: Any = p
    h = K2
    while True:
        block = load64(text, at)
        gap = block ^ SPACES
        hit = (gap - ONES) & ~gap & HIGHS  # the lowest set bit marks the first space: higher ones may be wrong
        if hit != 0:
            break
        h = (h ^ block) * K1
        h ^= h >> U32
        at += 8
    bits = trailing_zeros(hit) & ~np.uint64(7)
    h = (h ^ (block & ((U1 << bits) - U1))) * K1
    h ^= h >> U32
    at += np.int64(bits >> U3)
    h = (h ^ np.uint64(at - p)) * K3
    return (h ^ (h >> U29)) & ~U1, at


@njit
def _place(keys: Any, key: Any) -> Any:
    """Where a key is in an open hash table, or the free place where it belongs."""
    mask = np.uint64(len(keys) - 1)
    h = key * K1
    at = (h ^ (h >> U32)) & mask
    while keys[at] != FREE and keys[at] != key:
        at = (at + U1) & mask
    return at


@njit
def _grown(keys: Any, numbers: Any) -> tuple[Any, Any]:
    more, same = np.full(2 * len(keys), FREE), np.empty(2 * len(keys), np.uint32)
    for i in range(len(keys)):
        if keys[i] != FREE:
            at = _place(more, keys[i])
            more[at], same[at] = keys[i], numbers[i]
    return more, same


@njit
def vocabulary(words: Bytes, offsets: Any) -> tuple[Any, Any]:
    """Hash table (keys, numbers) of words[offsets[i]:offsets[i + 1]], each with its place i; of equal words the first counts."""
    size = 1024
    while size < 2 * len(offsets):
        size *= 2
    keys, numbers = np.full(size, FREE), np.empty(size, np.uint32)
    scratch = np.empty(longest(offsets) + 8, np.uint8)
    for i in range(len(offsets) - 1):
        length = offsets[i + 1] - offsets[i]
        scratch[:length] = words[offsets[i] : offsets[i + 1]]
        scratch[length : length + 8] = 32
        h, _ = _hash(scratch, 0)
        at = _place(keys, h)
        if keys[at] == FREE:
            keys[at], numbers[at] = h, i
    return keys, numbers


@njit
def number(
    data: Bytes, offsets: Any, table: Any, fold: bool, lines: bool, keys: Any, numbers: Any, count: int
) -> tuple[Words, Bytes, Any, Any, Any]:
    """All texts as numbers of words, each sentence between BEGIN and END; words that are new get the numbers from `count` on.

    Returns the numbers (uint32), the new words' bytes and their ends, and the vocabulary's table, grown. The special words are
    left out where a text has them.
    """
    total = offsets[-1] - offsets[0]
    out, n = np.empty(3 * total + 2 * len(offsets), np.uint32), 0
    new, size = np.empty(3 * total, np.uint8), 0
    ends, first = np.empty(total + 1, np.int64), count
    scratch = np.empty(3 * longest(offsets) + 16, np.uint8)
    for i in range(len(offsets) - 1):
        length = _write(data, offsets[i], offsets[i + 1], table, fold, lines, scratch)
        out[n] = BEGIN
        n += 1
        p: Any = 1
        while p < length:
            if scratch[p] == 10:
                out[n], out[n + 1] = END, BEGIN
                n += 2
                p += 2
                continue
            h, end = _hash(scratch, p)
            at = _place(keys, h)
            if keys[at] == FREE:
                keys[at], numbers[at] = h, count
                new[size : size + end - p] = scratch[p:end]
                size += end - p
                ends[count - first] = size
                count += 1
                if 2 * count > len(keys):
                    keys, numbers = _grown(keys, numbers)
                    at = _place(keys, h)
            if numbers[at] > END:
                out[n] = numbers[at]
                n += 1
            p = end + 1
        out[n] = END
        n += 1
    return out[:n].copy(), new[:size].copy(), ends[: count - first].copy(), keys, numbers


def room(total: int, unigrams: int) -> npt.NDArray[Any]:
    """Memory for the records of so many n-grams; numpy asks for large pages, which halve the time of a look-up."""
    places = 16
    while 2 * places < 3 * (total - unigrams):
        places *= 2
    return np.empty(unigrams + places, GRAM)


@njit
def build(contexts: Words, words: Words, logs: Logs, sizes: Any, grams: Any) -> None:
    """Fill `grams` with n-grams given order by order: contexts[i] is the place of n-gram i without its last word, words[i].

    logs (n-grams, 2): log10 of probability and of back-off. sizes: how many n-grams of each order, from 1.
    """
    unigrams, total = sizes[0], len(words)
    where = np.empty(total, np.uint32)
    leads = np.zeros(total, np.bool_)
    for i in range(unigrams, total):
        leads[contexts[i]] = True
    for i in range(len(grams)):
        grams[i].key = FREE
    at: Any
    order, bound = 1, unigrams
    for i in range(total):
        while i >= bound:
            bound += sizes[order]
            order += 1
        if order == 1:
            at, suffix = i, NOWHERE
        else:
            before = where[contexts[i]]
            at = np.int64(_find(grams, unigrams, before, words[i]))
            suffix = _state(grams, unigrams, grams[before].suffix, words[i])
        where[i] = at
        gram = grams[at]
        gram.key = np.uint64(where[contexts[i]]) << U32 | np.uint64(words[i])
        gram.prob, gram.backoff, gram.suffix = logs[i, 0], logs[i, 1], suffix
        gram.next = at if leads[i] or (logs[i, 1] != 0 and order < len(sizes)) else suffix


@njit
def _find(grams: Any, unigrams: int, state: Any, word: Any) -> Any:
    """The record of a longer n-gram, or the free one where it belongs."""
    key = np.uint64(state) << U32 | np.uint64(word)
    mask = np.uint64(len(grams) - unigrams - 1)
    h = key * K1
    at = (h ^ (h >> U32)) & mask
    while grams[np.uint64(unigrams) + at].key != key and grams[np.uint64(unigrams) + at].key != FREE:
        at = (at + U1) & mask
    return np.uint64(unigrams) + at


@njit
def _state(grams: Any, unigrams: int, state: Any, word: Any) -> Any:
    """The state after `word` was read in `state`."""
    while state != NOWHERE:
        at = _find(grams, unigrams, state, word)
        if grams[at].key != FREE:
            return grams[at].next
        state = grams[state].suffix
    return grams[word].next


@njit
def _spell(
    data: Bytes, offsets: Any, table: Any, fold: bool, lines: bool, keys: Any, numbers: Any
) -> tuple[Words, Any, Any, Any]:
    """Numbers of the words of all texts with END after each sentence; where sentences end; their texts; counts as in `score`."""
    total = offsets[-1] - offsets[0]
    hashes, n = np.empty(2 * total + len(offsets), np.uint64), 0
    stops, owners = np.empty(total + len(offsets), np.int64), np.empty(total + len(offsets), np.int64)
    sentences = 0
    counts = np.zeros((len(offsets) - 1, 3), np.int64)
    scratch = np.empty(3 * longest(offsets) + 16, np.uint8)
    for i in range(len(offsets) - 1):
        length = _write(data, offsets[i], offsets[i + 1], table, fold, lines, scratch)
        p: Any = 1
        while p <= length + 1:
            if p < length and scratch[p] != 10:
                hashes[n], p = _hash(scratch, p)
                counts[i, 0] += 1
            else:
                hashes[n] = FREE
                stops[sentences], owners[sentences] = n + 1, i
                sentences += 1
                counts[i, 2] += 1
                p += 1
            n += 1
            p += 1
    words = np.empty(n, np.uint32)
    for k in range(n):
        if hashes[k] == FREE:
            words[k] = END
            continue
        at = _place(keys, hashes[k])
        word = numbers[at] if keys[at] != FREE else np.uint32(UNKNOWN)
        words[k] = word if word > END else np.uint32(UNKNOWN)
    for sentence in range(sentences):
        start = stops[sentence - 1] if sentence else 0
        for k in range(start, stops[sentence]):
            counts[owners[sentence], 1] += words[k] == UNKNOWN
    return words, stops[:sentences], owners[:sentences], counts


@njit
def _slot(state: Any, word: Any, unigrams: int, mask: Any) -> Any:
    """Where to look for a word after a state: its unigram, or a place in the hash table."""
    if state == NOWHERE:
        return np.int64(word)
    h = (np.uint64(state) << U32 | np.uint64(word)) * K1
    return np.int64((h ^ (h >> U32)) & mask) + unigrams


@njit
def _walk(words: Words, stops: Any, grams: Any, unigrams: int) -> Doubles:
    """log10 probability of every sentence. Several are read in turn: the memory of one arrives while the others compute."""
    out = np.zeros(len(stops))
    mask = np.uint64(len(grams) - unigrams - 1)
    first = grams[BEGIN].next
    active = min(STREAMS, len(stops))
    which, at, places = np.arange(active), np.zeros(active, np.int64), np.zeros(active, np.int64)
    states = np.full(active, first)
    taken = active
    for j in range(active):
        places[j] = stops[j - 1] if j else 0
        at[j] = _slot(first, words[places[j]], unigrams, mask)
    j = 0
    while active:
        if j >= active:
            j = 0
        state, word, place = states[j], words[places[j]], at[j]
        gram = grams[place]
        if state == NOWHERE or gram.key == (np.uint64(state) << U32 | np.uint64(word)):
            out[which[j]] += np.float64(gram.prob)
            state = gram.next
            places[j] += 1
            if places[j] == stops[which[j]]:
                if taken == len(stops):
                    active -= 1
                    which[j], at[j], places[j], states[j] = which[active], at[active], places[active], states[active]
                    continue
                which[j], places[j], state = taken, stops[taken - 1], first
                taken += 1
        elif gram.key == FREE:
            out[which[j]] += np.float64(grams[state].backoff)
            state = grams[state].suffix
        else:
            at[j] = place + 1 if place + 1 < len(grams) else unigrams
            continue
        if state != NOWHERE:
            prefetch(grams, np.int64(state))
        states[j], at[j] = state, _slot(state, words[places[j]], unigrams, mask)
        prefetch(grams, at[j])
        j += 1
    return out


@njit
def score(
    data: Bytes, offsets: Any, table: Any, fold: bool, lines: bool, keys: Any, numbers: Any, grams: Any, unigrams: int
) -> tuple[Doubles, Any]:
    """log10 probability of every text with the ends of its sentences; int64 [texts, 3]: words, unknown words, sentences."""
    words, stops, owners, counts = _spell(data, offsets, table, fold, lines, keys, numbers)
    logs = np.zeros(len(offsets) - 1)
    found = _walk(words, stops, grams, unigrams)
    for sentence in range(len(stops)):
        logs[owners[sentence]] += found[sentence]
    return logs, counts
