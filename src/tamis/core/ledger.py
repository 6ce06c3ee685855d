"""Counts that must balance: rows_in + rows_born == rows_out + rows_dropped, for every step, asserted by the engine.

What a reader could not turn into a row at all is *damage*: a place in a file and a reason. Good rows are always published.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

DAMAGE_SHOWN = 100  # places listed per step; the count is always exact


@dataclass(frozen=True)
class Damage:
    """A piece of a source that did not become a row: file (relative name), where (line, byte range, record), why."""

    file: str
    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.where}: {self.reason}"


@dataclass
class Ledger:
    """What happened to the rows of one job, or (summed) of one step."""

    rows_in: int = 0
    rows_born: int = 0
    rows_out: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    damaged: int = 0
    damage: list[Damage] = field(default_factory=list)

    @property
    def rows_dropped(self) -> int:
        return sum(self.dropped.values())

    def add_damage(self, damage: Damage) -> None:
        """Count a damaged place, and remember it while the list is short."""
        self.damaged += 1
        if len(self.damage) < DAMAGE_SHOWN:
            self.damage.append(damage)

    def check(self, label: str) -> None:
        """Raise if a row was lost or invented."""
        if self.rows_in + self.rows_born != self.rows_out + self.rows_dropped:
            raise AssertionError(
                f"{label}: {self.rows_in} rows in + {self.rows_born} born != {self.rows_out} out + {self.rows_dropped} dropped"
            )

    def to_json(self) -> dict[str, Any]:
        """Plain values, reasons sorted by name so that the bytes do not depend on order of arrival."""
        return {
            "rows_in": self.rows_in,
            "rows_born": self.rows_born,
            "rows_out": self.rows_out,
            "dropped": dict(sorted(self.dropped.items())),
            "damaged": self.damaged,
            "damage": [asdict(d) for d in self.damage],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Ledger:
        return cls(
            rows_in=value["rows_in"],
            rows_born=value["rows_born"],
            rows_out=value["rows_out"],
            dropped=Counter(value["dropped"]),
            damaged=value["damaged"],
            damage=[Damage(**d) for d in value["damage"]],
        )

    @classmethod
    def total(cls, parts: Iterable[Ledger]) -> Ledger:
        """The sum over jobs, in job order."""
        out = cls()
        for part in parts:
            out.rows_in += part.rows_in
            out.rows_born += part.rows_born
            out.rows_out += part.rows_out
            out.dropped.update(part.dropped)
            out.damaged += part.damaged
            out.damage.extend(part.damage[: DAMAGE_SHOWN - len(out.damage)])
        return out
