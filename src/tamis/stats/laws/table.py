"""Runs from a CSV file: columns guessed and stated, or given; every row that cannot be used named with its line and reason."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tamis.core.errors import TamisError, UsageError
from tamis.stats.laws.solve import Floats

GUESSES = {
    "N": ("n", "params", "parameters", "num_params", "n_params", "model_params", "model_size", "non_embedding_params"),
    "D": ("d", "tokens", "n_tokens", "num_tokens", "train_tokens", "training_tokens", "tokens_seen"),
    "C": ("c", "flops", "compute", "train_flops", "training_flops", "total_flops"),
    "loss": (
        "loss",
        "val_loss",
        "valid_loss",
        "validation_loss",
        "eval_loss",
        "test_loss",
        "final_loss",
        "bits_per_byte",
        "bpb",
    ),
    "arm": ("arm", "dataset", "train_set", "training_set", "data", "corpus"),
}
ROLES = {"N": "parameters", "D": "tokens", "C": "compute", "loss": "loss", "arm": "arm"}
SUFFIX = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([kmbgt]?)", re.I)
EVERYTHING = "all runs"


@dataclass
class Table:
    """The usable runs of a file, by arm in order of appearance. `columns`: role → (name, how it was found); `refused`: one line
    for every row that could not be used; `count`: rows looked at."""

    columns: dict[str, tuple[str, str]]
    rows: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    count: int = 0

    def inputs(self, arm: str) -> tuple[dict[str, Floats], Floats]:
        rows = self.rows[arm]
        names = ("N", "D") if "N" in rows[0] else ("C",)
        return {name: np.array([row[name] for row in rows]) for name in names}, np.array([row["loss"] for row in rows])


def parse_target(text: str) -> dict[str, float]:
    """ "7B,1T" → N and D; "7B" → N; "C=1e23" → C; "N=7B, D=1T" likewise. Raises UsageError for anything else."""
    out: dict[str, float] = {}
    for default, part in zip(("N", "D", "", ""), text.split(","), strict=False):
        name, _, value = part.rpartition("=")
        name, number = name.strip().upper() or default, parse_number(value)
        if name not in ("N", "D", "C") or name in out or number is None or not 0 < number < math.inf:
            raise UsageError(f'--at "{text}": give parameters and tokens, such as "7B,1T", or compute, such as "C=1e23"')
        out[name] = number
    if "C" in out and len(out) > 1:
        raise UsageError(f'--at "{text}": compute follows from N and D; give either')
    return out


def parse_number(text: str) -> float | None:
    """7e9, 7B, 1.5T, inf; None for anything that is no number."""
    text = text.strip()
    found = NUMBER.fullmatch(text)
    if found:
        return float(found[1]) * SUFFIX[found[2].lower()]
    try:
        return float(text) if text else None
    except ValueError:
        return None


def read_table(path: Path, given: Mapping[str, str | None], where: Sequence[str] = ()) -> Table:
    """The runs of a CSV file with a header. Raises TamisError when the file or a column cannot be used at all."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file)
            header = [name.strip() for name in next(lines, [])]
            body = [(lines.line_num, row) for row in lines if any(cell.strip() for cell in row)]
    except UnicodeDecodeError:
        raise TamisError(f"{path}: is not UTF-8 text; save it as CSV in UTF-8") from None
    except csv.Error as error:
        raise TamisError(f"{path}: not a CSV file ({error})") from None
    if not header or not body:
        raise TamisError(
            f"{path}: holds no {'rows' if header else 'header'}; the first line must name columns, each further line be a run"
        )
    filters = [_filter(path, header, condition) for condition in where]
    table = Table(_columns(path, header, given))
    seen: dict[tuple[object, ...], int] = {}
    for line, cells in body:
        row = dict(zip(header, [cell.strip() for cell in cells], strict=False))
        if all(row.get(column, "") == value for column, value in filters):
            table.count += 1
            _take(table, line, row, seen)
    if not table.count:
        raise TamisError(f"{path}: no row has {' and '.join(where)}")
    return table


def _filter(path: Path, header: Sequence[str], condition: str) -> tuple[str, str]:
    column, equals, value = condition.partition("=")
    if not equals or column.strip() not in header:
        raise UsageError(f"--where {condition}: give COLUMN=VALUE; {path.name} has {', '.join(header)}")
    return column.strip(), value.strip()


def _columns(path: Path, header: Sequence[str], given: Mapping[str, str | None]) -> dict[str, tuple[str, str]]:
    """Role → (column, "given" or "guessed"): what was given, else the first known name, else the only loss-like one."""
    out: dict[str, tuple[str, str]] = {}
    plain = {re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"): name for name in reversed(header)}
    for role, names in GUESSES.items():
        name = given.get(role)
        if name is not None and name not in header:
            raise UsageError(f"{path.name} has no column {name}; it has {', '.join(header)}")
        known = [plain[guess] for guess in names if guess in plain]
        if role == "loss" and not known:
            known = [name for key, name in plain.items() if key.startswith("loss_") or key.endswith("_loss")]
            known = known if len(known) == 1 or name else _ambiguous(path, known)
        if name is not None:
            out[role] = name, "given"
        elif known:
            out[role] = known[0], "guessed"
    if "loss" not in out or not {"N", "D", "C"} & set(out) or (len({"N", "D", "C"} & set(out)) == 1 and "C" not in out):
        raise UsageError(
            f"{path.name}: a law needs a loss, and parameters with tokens, or compute; found "
            + (", ".join(f"{ROLES[role]} = {name}" for role, (name, _) in out.items()) or "none of them")
            + f". Name them (--parameters, --tokens, --compute, --loss); the columns are {', '.join(header)}"
        )
    return out


def _ambiguous(path: Path, names: Sequence[str]) -> list[str]:
    if names:
        raise UsageError(f"{path.name} has several losses: {', '.join(sorted(names))}; choose one with --loss")
    return []


def _take(table: Table, line: int, row: Mapping[str, str], seen: dict[tuple[object, ...], int]) -> None:
    """Put a row under its arm, or its reason among those left out."""
    values: dict[str, float] = {}
    for role, (name, _) in table.columns.items():
        if role == "arm":
            continue
        text = row.get(name, "")
        number = parse_number(text)
        if number is None:
            table.refused.append(f"line {line}: {name} is " + (f"{text[:40]!r}, not a number" if text else "missing"))
            return
        if not 0 < number < math.inf:
            table.refused.append(f"line {line}: {name} is {text}; it must be positive and finite")
            return
        values[role] = number
    arm = row.get(table.columns["arm"][0], "") if "arm" in table.columns else EVERYTHING
    if not arm:
        table.refused.append(f"line {line}: {table.columns['arm'][0]} is missing")
        return
    first = seen.setdefault((arm, *sorted(values.items())), line)
    if first != line:
        table.refused.append(f"line {line}: the same run as line {first} (equal in every column used)")
        return
    if "C" in values and ("N" in values) != ("D" in values):
        have = "N" if "N" in values else "D"
        values["D" if have == "N" else "N"] = values["C"] / 6 / values[have]
    table.rows.setdefault(arm, []).append(values)
