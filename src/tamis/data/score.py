"""What a score is: a document goes in, a number or a small record comes out.

A score never decides. It is computed once per text and kept as columns, so that a threshold costs nothing to change.
A score with one number is seven lines::

    @dataclass(frozen=True)
    class Shouting(Score):
        "Share of letters in upper case."

        def score(self, text: str) -> float:
            letters = [c for c in text if c.isalpha()]
            return sum(map(str.isupper, letters)) / max(len(letters), 1)

A score with several names them as `Column`s, in order, and `score` returns a tuple of the same length. `Shouting()` and
`GopherQuality().mean_word_length` are both a `Field`: what `keep` bounds. A built-in may also override `score_batch` with a
compiled kernel; `score` stays its definition and a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, overload

import pyarrow as pa

Value = float | int | bool | str
TYPES: dict[str, pa.DataType] = {
    "float64": pa.float64(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "string": pa.string(),
}


@dataclass(frozen=True)
class Field:
    """One column of one score: the thing a rule bounds."""

    score: Score
    name: str


class Column:
    """Declares one column of a score's record; read on an instance it is the `Field` that a rule can bound."""

    def __init__(self, doc: str = "", type: str = "float64") -> None:
        self.__doc__ = doc
        self.type = TYPES[type]
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Column: ...
    @overload
    def __get__(self, instance: Score, owner: type) -> Field: ...
    def __get__(self, instance: Score | None, owner: type) -> Column | Field:
        return self if instance is None else Field(instance, self.name)


@dataclass(frozen=True)
class Score:
    """Base of all scores: a frozen dataclass of plain values with one short method.

    Class attributes an author may set:
      version    bump it when results change; part of the key.
      reads      the document columns handed to `score`, in order; ("text",) by default, also "url", "source", "meta".
      costly     run only on rows that are still selected (the selection then enters the key).
      libraries  distributions whose version changes results; their versions enter the key.
    """

    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("text",)
    costly: ClassVar[bool] = False
    libraries: ClassVar[tuple[str, ...]] = ()

    def score(self, text: str, /) -> Value | tuple[Value, ...]:
        """The definition: one document's text (or the columns in `reads`) to one value per column."""
        raise TypeError(f"{type(self).__name__} defines neither score nor score_batch")

    @classmethod
    def columns(cls) -> dict[str, pa.DataType]:
        """Column names and Arrow types, in order; one float64 column called "value" if none is declared."""
        declared = {name: c.type for base in reversed(cls.__mro__) for name, c in vars(base).items() if isinstance(c, Column)}
        return declared or {"value": pa.float64()}

    def score_batch(self, *columns: pa.Array) -> pa.RecordBatch:
        """The columns named in `reads` (equal length) to one row per document. Override with a compiled kernel."""
        score: Any = self.score
        rows: list[Any] = [score(*row) for row in zip(*(c.to_pylist() for c in columns), strict=True)]
        names = self.columns()
        if list(names) == ["value"]:
            rows = [(row,) for row in rows]
        arrays = [pa.array([row[i] for row in rows], type) for i, type in enumerate(names.values())]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema())

    def requires(self, resolve: Callable[[Any], Any]) -> tuple[Any, ...]:
        """Steps that must be published before this score can run (a trained model); `resolve` turns a dataset into a `View`."""
        return ()

    def bind(self, published: Sequence[Path]) -> Score:
        """The score made ready in a worker, given the directories of the steps in `requires`, in order."""
        return self

    @classmethod
    def schema(cls) -> pa.Schema:
        """The Arrow schema of `columns`."""
        return pa.schema([pa.field(name, type, nullable=False) for name, type in cls.columns().items()])

    def field(self) -> Field:
        """The only field of a score with one column."""
        names = list(self.columns())
        if len(names) != 1:
            raise ValueError(f"{type(self).__name__} has {len(names)} columns: name one of {', '.join(names)}")
        return Field(self, names[0])


@dataclass(frozen=True)
class Rule:
    """A bound on one field: a row is kept while min <= value <= max, value is in `isin`, and value is `equals`.

    `name` is the reason written beside a dropped row; by default it states the bound that was broken.
    """

    field: Field
    min: float | None = None
    max: float | None = None
    isin: tuple[Value, ...] | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if self.min is None and self.max is None and self.isin is None:
            raise ValueError(f"keep({type(self.field.score).__name__}.{self.field.name}) needs a bound: min, max or isin")

    @property
    def reason(self) -> str:
        """What a dropped row says: the score's class, its column and the bound."""
        if self.name:
            return self.name
        column = "" if self.field.name == "value" else f".{self.field.name}"
        low = "" if self.min is None else f"{self.min:g} <= "
        high = "" if self.max is None else f" <= {self.max:g}"
        among = "" if self.isin is None else " in {" + ", ".join(map(str, self.isin)) + "}"
        return f"{low}{type(self.field.score).__name__}{column}{high}{among}"
