"""The world itself: which row is of which kind, and how it is made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from tamis.data.schema import document_id
from tamis.data.world import plant, write
from tamis.data.world.draw import Draw
from tamis.data.world.prose import FOREIGN, Prose
from tamis.data.world.truth import Base, Facts, Row, document, truth_table

SHARES: dict[str, float] = {
    "near-duplicate": 0.10,
    "exact-duplicate": 0.04,
    "spam": 0.09,
    "shuffled": 0.06,
    "junk": 0.05,
    "pseudo-language": 0.04,
    "wrong-language": 0.04,
    "boilerplate": 0.06,
    "personal": 0.03,
    "leak": 0.02,
    "odd": 0.04,
}
"""Share of the documents of each planted kind, unless a world says otherwise; the rest is "clean"."""

_DERIVED = ("exact-duplicate", "near-duplicate", "shuffled")
_SITES = 40


@dataclass(frozen=True)
class World:
    """`size` rows, of which `shares` of each kind are planted.

    `jaccards` are the targets of near-duplicates, in turn. `base`: real documents to take instead of made ones; they are used
    in order and must suffice for all clean and hosting rows (`World.over` finds the size). `items`: (name, text) of evaluation
    items to leak; without any, questions are made (`question`). ValueError for shares that do not fit.
    """

    seed: int = 0
    size: int = 1000
    shares: Mapping[str, float] = field(default_factory=lambda: SHARES)
    jaccards: tuple[float, ...] = (0.95, 0.9, 0.85, 0.7, 0.5)
    base: tuple[Base, ...] = ()
    items: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        unknown = sorted(set(self.shares) - set(SHARES))
        if unknown:
            raise ValueError(f"a world plants no {', '.join(unknown)}; it knows {', '.join(SHARES)}")
        if min(self.shares.values(), default=0) < 0 or sum(self.shares.values()) > 1:
            raise ValueError(f"the shares add up to {sum(self.shares.values()):g}; they must be positive and at most 1 in all")
        if self.counts["clean"] < 2:
            raise ValueError(f"a world of {self.size} documents with these shares has fewer than 2 clean ones")
        if self.base and self._good_needed > len(self.base):
            raise ValueError(f"{self.size} documents need {self._good_needed} of the base, which has {len(self.base)}")

    @classmethod
    def over(cls, base: tuple[Base, ...], shares: Mapping[str, float], **fields: Any) -> World:
        """The largest world that `base` suffices for."""
        lent = sum(shares.get(kind, 0) for kind in ("personal", "leak", "boilerplate"))
        size = int(len(base) / (1 - sum(shares.values()) + lent))
        for at_most in range(size + 12, 0, -1):
            try:
                return cls(size=at_most, shares=shares, base=base, **fields)
            except ValueError as error:
                if "of the base" not in str(error):
                    raise
        raise ValueError("the base is too small for a world")

    @cached_property
    def counts(self) -> dict[str, int]:
        """Rows of each kind, "clean" last."""
        planted = {kind: int(self.size * share + 0.5) for kind, share in self.shares.items()}
        return {**planted, "clean": self.size - sum(planted.values())}

    @cached_property
    def _good_needed(self) -> int:
        counts = self.counts
        return sum(counts.get(kind, 0) for kind in ("clean", "personal", "leak")) + (counts.get("boilerplate", 0) + 1) // 2

    @cached_property
    def _plan(self) -> list[tuple[str, int]]:
        """(kind, index in its kind) of each row, in the order of rows."""
        rows = [(kind, i) for kind, count in self.counts.items() for i in range(count)]
        return [rows[i] for i in Draw(self.seed, "order").order(len(rows)).tolist()]

    @cached_property
    def _clean_rows(self) -> list[int]:
        """The number of the row that holds clean document i."""
        at = [0] * self.counts["clean"]
        for number, (kind, i) in enumerate(self._plan):
            if kind == "clean":
                at[i] = number
        return at

    @cached_property
    def _parents(self) -> dict[str, list[int]]:
        """For each derived kind the clean documents in an order of its own."""
        return {kind: Draw(self.seed, "parents", kind).order(self.counts["clean"]).tolist() for kind in _DERIVED}

    @cached_property
    def _halves(self) -> list[int]:
        return (Draw(self.seed, "halves").order(self.size) % 2).tolist()

    @cached_property
    def _prose(self) -> Prose:
        return Prose(self.seed)

    @cached_property
    def _markov(self) -> plant.Markov:
        sample = Draw(self.seed, "markov").below(self.counts["clean"], 400).tolist()
        return plant.Markov(self._good(i).text for i in sample)

    @cached_property
    def _pseudo(self) -> plant.Pseudo:
        return plant.Pseudo(self.seed)

    def _good(self, number: int) -> Base:
        """Good document `number`: first the clean ones, then the hosts."""
        if self.base:
            return self.base[number]
        return Base(self._prose.document(number), f"world/{self._prose.topic(number)}", {})

    def _host(self, kind: str, index: int) -> Base:
        """A good document that no other row shows: those after the clean ones, by kind."""
        before = {"personal": (), "leak": ("personal",), "boilerplate": ("personal", "leak")}[kind]
        return self._good(self.counts["clean"] + sum(self.counts.get(name, 0) for name in before) + index)

    def url(self, number: int) -> str:
        """The address of row `number`: says nothing about its kind. Reserved names only (RFC 2606)."""
        return f"https://site-{Draw(self.seed, 'site', number).one(_SITES):02d}.example/pages/{number:07d}.html"

    def question(self, number: int) -> tuple[str, str]:
        """Evaluation item `number` that this world leaks: (name, text)."""
        if self.items:
            return self.items[number % len(self.items)]
        return f"question-{number}", self._prose.question(number)

    def row(self, number: int) -> Row:
        """Row `number` and the truth about it. IndexError beyond the last."""
        kind, index = self._plan[number]
        base, facts = self._make(kind, index, Draw(self.seed, kind, index))
        return Row(base, self.url(number), facts._replace(number=number, kind=kind, half=self._halves[number]))

    def _make(self, kind: str, index: int, draw: Draw) -> tuple[Base, Facts]:
        if kind == "clean":
            return self._good(index), Facts()
        if kind in _DERIVED:
            return self._derived(kind, index, draw)
        if kind in ("boilerplate", "personal", "leak"):
            return self._hosted(kind, index, draw)
        form, text = self._invented(kind, index, draw)
        return Base(text, "world", {}), Facts(form=form)

    def _derived(self, kind: str, index: int, draw: Draw) -> tuple[Base, Facts]:
        """What is made from a clean document that is in the world too."""
        target = self.jaccards[index % len(self.jaccards)]
        needed = plant.words_needed(target) if kind == "near-duplicate" else 0
        clean, stride = self.counts["clean"], self.counts[kind]
        for attempt in range(max(min(8, clean // stride), 1)):  # a short text cannot be changed by less than a word
            at = self._parents[kind][
                (index + attempt * stride) % clean
            ]  # no two rows of a kind share a parent while there are enough
            parent, url = self._good(at), self.url(self._clean_rows[at])
            if parent.text.count(" ") >= needed:
                break
        if kind == "exact-duplicate":
            return parent, Facts(parent=url, jaccard=1.0)
        if kind == "shuffled":
            return parent._replace(text=plant.shuffle_words(draw, parent.text)), Facts(parent=url)
        text, form = plant.near_duplicate(draw, parent.text, target)
        facts = Facts(form=form, parent=url, target=target, jaccard=plant.jaccard(parent.text, text))
        return parent._replace(text=text), facts

    def _hosted(self, kind: str, index: int, draw: Draw) -> tuple[Base, Facts]:
        """What is put into, or around, a good document that is nowhere else in the world."""
        if kind == "boilerplate" and index % 2:
            return Base(plant.stub(draw), "world", {}), Facts(form="stub")
        host = self._host(kind, index // 2 if kind == "boilerplate" else index)
        if kind == "boilerplate":
            text, lines = plant.frame(draw, host.text)
            return host._replace(text=text), Facts(form="framed", detail=json.dumps(lines))
        if kind == "personal":
            text, spans = plant.personal(draw, host.text)
            return host._replace(text=text), Facts(detail=json.dumps(spans))
        form = plant.LEAK_FORMS[index % 3]
        name, item = self.question(index)
        return host._replace(text=plant.leak(draw, host.text, item, form)), Facts(form=form, detail=name)

    def _invented(self, kind: str, index: int, draw: Draw) -> tuple[str, str]:
        """(form, text) of what is made from nothing, or from the chains learnt from the clean documents."""
        if kind == "spam":
            form = plant.SPAM_FORMS[index % 3]
            return form, self._markov.spam(draw, form)
        if kind == "junk":
            form = plant.JUNK_FORMS[index % 3]
            return form, plant.junk(draw, form)
        if kind == "pseudo-language":
            return "", self._pseudo.text(draw)
        if kind == "wrong-language":
            form = list(FOREIGN)[index % len(FOREIGN)]
            return form, self._prose.foreign(form, index)
        form = ("table", "code", "verse")[index % 3]
        return form, {"table": self._prose.table, "code": self._prose.code, "verse": self._prose.verse}[form](index)

    def rows(self, numbers: range | None = None, half: int | None = None) -> Iterator[Row]:
        """The rows in `numbers` (default all) of one random half (0 or 1) or both."""
        for number in numbers if numbers is not None else range(self.size):
            if half is None or self._halves[number] == half:
                yield self.row(number)

    def id(self, number: int) -> bytes:
        """The id of row `number` among `documents()`. A file's reader gives other ids: see the writers' truth."""
        return document_id(f"world-{self.seed}", number)

    def documents(self, numbers: range | None = None, half: int | None = None) -> Iterator[dict[str, Any]]:
        """Rows of the document schema; meta is JSON with the truth under "planted"."""
        for row in self.rows(numbers, half):
            yield document(row, self.id(row.facts.number))

    def truth(self) -> pa.Table:
        """What every row of `documents()` is: the schema `TRUTH`, in order of rows."""
        return truth_table((self.id(row.facts.number), row) for row in self.rows())

    def write_jsonl(
        self, path: Path, name: str | None = None, numbers: range | None = None, half: int | None = None, told: bool = True
    ) -> pa.Table:
        """Write JSON Lines (.jsonl, .gz or .zst); unless `told` is false each line holds its truth. Returns the truth.

        `name` is the file's name relative to the data root (default: its own name), from which a reader makes ids.
        """
        return write.jsonl(path, name or path.name, self.rows(numbers, half), told)

    def write_warc(self, path: Path, name: str | None = None, numbers: range | None = None, half: int | None = None) -> pa.Table:
        """Write HTML pages with menus, banners and footers, some in old charsets, as .warc or .warc.gz. Returns the truth."""
        return write.warc(path, name or path.name, self.rows(numbers, half))
