"""`tamis audit CSV`: read a published table, print what is wrong with it and what its rows can tell apart, one line a finding."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

from tamis.core.errors import TamisError, UsageError
from tamis.stats.accuracy import Transfer, transfer_line
from tamis.stats.audit.audit import Audit, audit, transfers
from tamis.stats.audit.finding import line
from tamis.stats.audit.rows import Roles
from tamis.stats.audit.spread import Spread
from tamis.stats.audit.table import Table, parse
from tamis.stats.audit.tasks import read_tasks


def read_table(path: Path) -> Table:
    """Raises TamisError when the file is missing, not UTF-8 or no table."""
    try:
        return parse(path.read_text(encoding="utf-8"), path.name)
    except UnicodeDecodeError as error:
        raise TamisError(
            f"{path.name}: is not UTF-8 (byte 0x{error.object[error.start]:02x} at position {error.start})"
        ) from None
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None


def audit_file(
    path: Path,
    tasks: Path | None = None,
    join: Path | None = None,
    on: str | None = None,
    roles: tuple[str | None, str | None, str | None, str | None, tuple[str, ...]] = (None, None, None, None, ()),
    aggregates: tuple[str, ...] = (),
    leave_out: str | None = None,
    to: Path | None = None,
) -> int:
    """Print the audit of a file; returns the number of findings of damage. `to`: also write everything as JSON.

    `roles`: the fields of `Roles` in order, None and empty where the usual names of columns will do.
    """
    table = read_table(path)
    if join is not None:
        other = read_table(join)
        shared = [column for column in table.columns if column in other.cells]
        if on is None and not shared:
            raise UsageError(f"{path.name} and {join.name} share no column to join on; they need one of the same name (--on)")
        table = table.joined(other, on or shared[0])
    known = read_tasks(read_table(tasks)) if tasks is not None else None
    result = audit(table, known, Roles(*roles), aggregates, _pattern(leave_out))
    moved = transfers(result)
    for text in report(result, moved):
        print(text)
    if to is not None:
        to.write_text(json.dumps(as_json(result, moved), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(result.damage)


def report(result: Audit, moved: list[Transfer]) -> list[str]:
    """The lines that are printed: how the table was read, findings, noise, how well one scale predicts another."""
    roles, table = result.roles, result.table
    read = {
        "rows are called by": roles.label,
        "one model is": roles.model,
        "compared": roles.subject,
        "within": roles.within,
        "recipe": ", ".join(roles.recipe) or None,
    }
    count = int(result.distinct.sum())
    out = [f"{table.name}: {table.rows} rows ({count} of them count in comparisons), {len(result.scores.names)} tasks"]
    out += [f"read as: {'; '.join(f'{what} {column}' for what, column in read.items() if column) or 'no usual column'}"]
    for each in result.explained:
        fits, known = int((each.which == 0).sum()), int((each.which >= -1).sum())
        out.append(f"{each.column} is {each.main.name}: {fits} of {known} rows fit, {known - fits} do not")
    out.append("")
    out += [line(finding, table, roles.label) for finding in result.findings] or ["nothing found"]
    if result.spreads:
        out += ["", "noise of one row (runs: SD between repeats; items: SE by the number of questions):"]
        out += [_spread_line(spread) for spread in result.spreads]
    if moved:
        out += ["", "how well one group's ranking predicts another's (95 % intervals by bootstrap over what is compared):"]
        out += [transfer_line(each) for each in moved]
    damage = len(result.damage)
    return [*out, "", f"{damage} finding{'s' * (damage != 1)} of damage, {len(result.findings) - damage} to judge"]


def as_json(result: Audit, moved: list[Transfer]) -> dict[str, object]:
    """Everything that is printed, for programs."""
    table = result.table
    return {
        "table": table.name,
        "rows": table.rows,
        "roles": dataclasses.asdict(result.roles),
        "aggregates": {
            each.column: {"formula": each.main.name, "fit": int((each.which == 0).sum()), "known": int((each.which >= -1).sum())}
            for each in result.explained
        },
        "findings": [
            dataclasses.asdict(finding) | {"lines": [table.lines[row] for row in finding.rows]} for finding in result.findings
        ],
        "noise": [dataclasses.asdict(spread) for spread in result.spreads],
        "transfers": [dataclasses.asdict(each) for each in moved],
    }


def _spread_line(spread: Spread) -> str:
    runs = f"runs {spread.runs:.4f} ({spread.df} df)" if spread.runs is not None else "runs unknown (no repeats)"
    items = f"items {spread.items:.4f}" if spread.items is not None else "items unknown"
    heavy = ", ".join(f"{name} {share:.0%}" for name, share in spread.heaviest)
    return f"{spread.group or 'all'}, {spread.column}: {runs}; {items}{f' (of its variance {heavy})' if heavy else ''}"


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text is not None else None
    except re.error as error:
        raise UsageError(f"--leave-out {text}: {error}") from None
