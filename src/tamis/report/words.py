"""How the report writes numbers and names: one place, so that the same thing looks the same in every table and figure."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

NOISE = "inside the noise"


def count(value: float | None) -> str:
    """12345 → 12,345."""
    return "–" if value is None else f"{value:,.0f}".replace("-", "−")


def short(value: float) -> str:
    """A large count in three digits, in the units people use for parameters and tokens: 333 k, 1.2 M, 6.9 B."""
    for unit, name in ((1e12, "\u00a0T"), (1e9, "\u00a0B"), (1e6, "\u00a0M"), (1e3, "\u00a0k")):
        if abs(value) >= unit * 0.9995:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def number(value: float | None, digits: int = 3) -> str:
    """A score: fixed digits; a dash for what is not known."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int | None = None) -> str:
    """A difference: always with its sign, and with a real minus."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:+.{_decimals(value) if digits is None else digits}f}".replace("-", "−")


def _decimals(*values: float) -> int:
    """Three, or as many more (to five) as it takes for nothing but zero to read as zero."""
    least = min((abs(v) for v in values if v), default=1.0)
    return min(max(3, math.ceil(-math.log10(least))), 5)


def plain(value: float | None) -> str:
    """A threshold or tick as short as it can be: 50.0 → 50, 0.30000000000000004 → 0.3."""
    if value is None:
        return "–"
    if abs(value) >= 1e5:
        return short(value)
    return f"{value:.6g}".replace("-", "−")


def percent(part: float, whole: float) -> str:
    """Whole per cents, but never 0 % or 100 % unless it is so."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if 0 < share < 0.5:
        return "<1\u00a0%"
    if 99.5 <= share < 100:
        return ">99\u00a0%"
    return f"{share:.0f}\u00a0%"


def interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "no interval"
    digits = _decimals(low, high)
    return f"[{signed(low, digits)}, {signed(high, digits)}]"


def duration(seconds: float | None) -> str:
    """5 s, 3 min 20 s, 2 h 05 min."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def size(number_of_bytes: float | None) -> str:
    """Bytes in decimal units: 15.2 MB."""
    if number_of_bytes is None:
        return "–"
    text = short(number_of_bytes).replace("B", "G")
    return text + ("B" if "\u00a0" in text else "\u00a0B")


def shown(low: float | None, high: float | None) -> bool:
    """Whether an interval exists and leaves out zero; only then may a difference be spoken of as one."""
    return low is not None and high is not None and (low > 0 or high < 0)


def favoured(row: dict[str, Any], higher_is_better: bool) -> str | None:
    """The arm that a difference b - a favours, or None when its interval includes zero or there is none."""
    if not shown(row["low"], row["high"]):
        return None
    return str(row["b"] if (row["difference"] > 0) == higher_is_better else row["a"])


def rule(reason: str) -> str:
    """A reason as short as it stays clear: 50 <= GopherQuality.words <= 100000 → 50 ≤ words ≤ 100000."""
    return re.sub(r"\b[A-Z]\w*\.(?=[a-z])", "", reason).replace("<=", "≤").replace(">=", "≥")


def minus(sentence: str) -> str:
    """A sentence whose negative numbers have a real minus."""
    return re.sub(r"(?<![\w.])-(?=\d)", "−", sentence)


def comma_separated(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """CSV (RFC 4180, but lines end in one newline); None is an empty cell, floats keep every digit."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()
