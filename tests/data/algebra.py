"""Small corpora, scores and edits for tests of the dataset algebra, and short ways to run a declaration."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tamis.core.runner import Local, run
from tamis.core.step import Published, Step, Where, walk
from tamis.core.store import Store
from tamis.data.dataset import Dataset, Holdout, Resolver
from tamis.data.edit import Drop, Edit
from tamis.data.score import Column, Score


@dataclass(frozen=True)
class Length(Score):
    """Characters, and words."""

    chars: ClassVar[Column] = Column("characters", "int64")
    words: ClassVar[Column] = Column("words", "int64")

    def score(self, text: str) -> tuple[int, int]:
        return len(text), len(text.split())


@dataclass(frozen=True)
class Number(Score):
    """The number that a text ends with."""

    def score(self, text: str) -> float:
        return float(text.rpartition(" ")[2])


@dataclass(frozen=True)
class Costly(Score):
    """Refuses to see a text that was dropped before."""

    forbidden: str = "bad"
    costly: ClassVar[bool] = True

    def score(self, text: str) -> float:
        if self.forbidden in text:
            raise ValueError(f"saw {text!r}")
        return float(len(text))


@dataclass(frozen=True)
class Nan(Score):
    """No number for one text."""

    def score(self, text: str) -> float:
        return float("nan") if text == "bad" else 1.0


@dataclass(frozen=True)
class NoShouting(Edit):
    """Lower case; drops what is only capitals."""

    def edit(self, text: str) -> str | Drop:
        return Drop("shouting", text[:20]) if text.isupper() else text.lower()


@dataclass(frozen=True)
class Sentences(Edit):
    """One document a sentence."""

    splits: ClassVar[bool] = True

    def edit(self, text: str) -> list[str]:
        return [part.strip() for part in text.split(".") if part.strip()]


@dataclass(frozen=True)
class Doubles(Edit):
    """Bears rows without saying so."""

    def edit(self, text: str) -> Any:
        return [text, text]


def write(root: Path, name: str, texts: list[str]) -> None:
    lines = [json.dumps({"text": t, "url": f"https://example.org/{name}/{i}"}) for i, t in enumerate(texts)]
    (root / name).write_text("\n".join(lines) + "\n")


class Bench:
    """A data root and a store, and what a dataset gives there."""

    def __init__(self, root: Path, holdout: Holdout | None = None) -> None:
        self.root = root
        self.store = Store(root / "store")
        self.resolver = Resolver(root, holdout)

    def run(self, dataset: Dataset) -> tuple[Published, Published]:
        text, selection = run(list(self.resolver.view(dataset)), self.store, Local(1), Where(str(self.root)))
        return text, selection

    def rows(self, dataset: Dataset) -> list[dict[str, Any]]:
        """All rows of the text, with reason and evidence."""
        text, selection = self.run(dataset)
        out: list[dict[str, Any]] = []
        for shard in text.shards:
            beside = selection.read(shard.name).to_pylist()
            out += [row | more for row, more in zip(text.read(shard.name).to_pylist(), beside, strict=True)]
        return out

    def texts(self, dataset: Dataset) -> list[str]:
        """The texts that are kept."""
        return [r["text"] for r in self.rows(dataset) if r["reason"] is None]

    def reasons(self, dataset: Dataset) -> dict[str, str | None]:
        return {r["text"]: r["reason"] for r in self.rows(dataset)}

    def steps(self, dataset: Dataset) -> list[Step]:
        return walk(list(self.resolver.view(dataset)))


__all__ = ["Bench", "Costly", "Doubles", "Length", "Nan", "NoShouting", "Number", "Sentences", "write"]
