"""The audit of one table: what its columns mean, what is wrong with its numbers, and what its rows can tell apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tamis.core.errors import UsageError
from tamis.stats.accuracy import Transfer, transfer
from tamis.stats.audit.cells import cell_findings, not_counts
from tamis.stats.audit.finding import Finding
from tamis.stats.audit.formulas import SHARED, UNEXPLAINED, Explained, Formula, Scores, explain, known_formulas
from tamis.stats.audit.rows import Roles, copies, odd_numbers, recipes
from tamis.stats.audit.spread import Spread, baseline_findings, broken_findings, noise_findings, spreads
from tamis.stats.audit.table import Floats, Table
from tamis.stats.audit.tasks import Tasks

GUESSES = {
    "label": ("name", "model_name", "model", "file", "arch", "id", "run", "model_uuid", "dataset"),
    "model": ("model_uuid", "model_id", "run_id", "id"),
    "subject": ("dataset", "train_set", "data", "arm", "recipe"),
    "within": ("scale", "size", "group"),
}
RECIPE = ("arch", "params", "tokens", "lr", "wd", "weight_decay", "global_bs", "batch_size", "warmup", "optimizer")
LEAST = 5  # subjects that two groups must share before one is said to predict the other
AGGREGATE = re.compile(r"^(core|ext|extended|avg|average|mean|overall|total|aggregate|err_avg|score)([_\W\d].*)?$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Audit:
    """`explained`: the aggregate columns and their formulas. `distinct` (rows,): false for rows that repeat an
    earlier one or were to be left out of comparisons."""

    table: Table
    roles: Roles
    scores: Scores
    explained: tuple[Explained, ...]
    findings: tuple[Finding, ...]
    spreads: tuple[Spread, ...]
    distinct: NDArray[np.bool_]

    @property
    def damage(self) -> tuple[Finding, ...]:
        """The findings that say a printed number or row cannot be right."""
        return tuple(finding for finding in self.findings if finding.damage)


def guess_roles(table: Table, given: Roles = Roles()) -> Roles:  # noqa: B008 - a frozen value
    """Roles by the usual names of columns, where `given` leaves them open. Raises UsageError for a column that is not there."""
    for column in (given.label, given.model, given.subject, given.within, *given.recipe):
        if column is not None and column not in table.cells:
            raise UsageError(f"{table.name}: no column {column!r}; it has {', '.join(table.columns[:20])}")
    lower = {column.lower(): column for column in reversed(table.columns)}
    guess = {role: next((lower[name] for name in names if name in lower), None) for role, names in GUESSES.items()}
    return Roles(
        given.label or guess["label"],
        given.model or guess["model"],
        given.subject or guess["subject"],
        given.within or guess["within"],
        given.recipe or tuple(lower[name] for name in RECIPE if name in lower),
    )


def audit(
    table: Table,
    tasks: Tasks | None = None,
    roles: Roles = Roles(),  # noqa: B008 - a frozen value
    aggregates: Sequence[str] = (),
    leave_out: re.Pattern[str] | None = None,
) -> Audit:
    """Look at everything. `aggregates`: columns computed from the tasks; guessed (and tried) when none is named.

    `leave_out`: rows with a cell that it matches (the subject's apart) are audited, but are no repeats and predict nothing.

    Raises UsageError for a column that is named and missing, or when no task column is found.
    """
    roles = guess_roles(table, roles)
    for column in aggregates:
        if column not in table.cells:
            raise UsageError(f"{table.name}: no column {column!r}; it has {', '.join(table.columns[:20])}")
    names = _task_columns(table, tasks, roles, aggregates)
    if not names:
        raise UsageError(f"{table.name}: no column of task scores found; name them in a tasks file (--tasks, see docs/audit.md)")
    scores = Scores.of(table, names)
    known = known_formulas(scores, tasks)
    others = [c for c in table.columns if c not in names and c not in _used(roles) and table.is_numeric(c)]
    explained = _explain(table, scores, known, aggregates or others, aggregates, _items(scores, tasks))
    found = [each for _, each in explained if each is not None and _worth(each, bool(aggregates))]
    copied = copies(table, scores, roles)
    findings = [*_text_cells(table, [*names, *(aggregates or others), *_used(roles)], roles), *copied]
    findings += [f for each in found for f in _mixed(table, each, scores)]
    findings += cell_findings(table, scores, found, _items(scores, tasks))
    findings += odd_numbers(table, [c for c in roles.recipe if table.is_numeric(c)])
    findings += [
        Finding("formula", (), c, "no formula of the tasks gives this column", "note")
        for c, each in explained
        if each is None and c in aggregates
    ]
    distinct = _distinct(table, roles, copied)
    findings += recipes(table.take(distinct), roles) if not distinct.all() else recipes(table, roles)
    distinct &= np.array([not _matches(table, roles, row, leave_out) for row in range(table.rows)])
    spread = spreads(table, scores, found, roles, tasks, distinct)
    findings += broken_findings(spread, found) + noise_findings(spread)
    if tasks is not None:
        findings += baseline_findings(scores, found, tasks, _rules_in_use(tasks, found))
    return Audit(table, roles, scores, tuple(found), tuple(findings), tuple(spread), distinct)


def transfers(result: Audit, least: int = LEAST) -> list[Transfer]:
    """How the ranking of subjects in one group predicts that in another, for every aggregate and both groups' recipes.

    A recipe here is what varies inside a group (learning rate, weight decay, ...); from a group's usual recipe to every recipe
    of a larger group, and to all its recipes together, where at least `least` subjects are shared. Repeats are averaged;
    rows that are not `distinct`, and rows without a subject, do not count. Groups are ordered by
    compute (params x tokens) where the table has both columns, else by their order in the file.
    """
    table, roles = result.table, result.roles
    if roles.subject is None or roles.within is None:
        return []
    out = []
    named = [row for row in range(table.rows) if table.cells[roles.subject][row] and table.cells[roles.within][row]]
    rows = [row for row in named if result.distinct[row]]
    for each in result.explained:
        for small, large in combinations(_ordered_groups(table, roles, rows), 2):
            ways = _by_recipe(table, roles, rows, each, small)
            if not ways:
                continue
            source = max(ways.values(), key=len)
            targets = _by_recipe(table, roles, rows, each, large)
            usable = {name: means for name, means in targets.items() if len(source.keys() & means.keys()) >= least}
            together = _means(table, roles, rows, each, large)
            if len(targets) > 1 and len(source.keys() & together.keys()) >= least:
                usable["any recipe"] = together
            for name, means in usable.items():
                called = f"{large} ({name})" if len(targets) > 1 else large
                out.append(transfer(each.column, (small, called), source, means))
    return out


def _matches(table: Table, roles: Roles, row: int, pattern: re.Pattern[str] | None) -> bool:
    subject = table.cells[roles.subject][row] if roles.subject else ""
    texts = (table.cells[column][row].replace(subject, "") for column in table.columns if column != roles.subject)
    return pattern is not None and any(pattern.search(text) for text in texts)


def _ordered_groups(table: Table, roles: Roles, rows: Sequence[int]) -> list[str]:
    groups = table.cells[roles.within or ""]
    found = list(dict.fromkeys(groups[row] for row in rows))
    if not {"params", "tokens"} <= set(table.columns):
        return found
    compute = table.numbers("params") * table.numbers("tokens")
    return sorted(found, key=lambda group: float(np.nanmedian([compute[row] for row in rows if groups[row] == group])))


def _by_recipe(table: Table, roles: Roles, rows: Sequence[int], each: Explained, group: str) -> dict[str, dict[str, float]]:
    """Recipe → subject → mean, over the columns of the recipe that vary in the group (the model's name apart)."""
    inside = [row for row in rows if table.cells[roles.within or ""][row] == group]
    varying = [c for c in roles.recipe if c != "arch" and len({table.cells[c][row] for row in inside} - {""}) > 1]
    ways: dict[str, list[int]] = {}
    for row in inside:
        if all(table.cells[column][row] for column in varying):
            ways.setdefault(", ".join(f"{column} {table.cells[column][row]}" for column in varying), []).append(row)
    return {name: _means(table, roles, chosen, each, group) for name, chosen in ways.items()}


def _means(table: Table, roles: Roles, rows: Sequence[int], each: Explained, group: str) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for row in rows:
        if table.cells[roles.within or ""][row] == group and np.isfinite(each.values[row]):
            values.setdefault(table.cells[roles.subject or ""][row], []).append(float(each.values[row]))
    return {subject: float(np.mean(found)) for subject, found in values.items()}


def _explain(
    table: Table, scores: Scores, known: Sequence[Formula], columns: Sequence[str], asked: Sequence[str], items: Floats
) -> list[tuple[str, Explained | None]]:
    """Every column by known formulas; then, from the rows that these and the counts find sound, by formulas recovered."""
    first = {column: explain(table, column, scores, known, column in asked) for column in columns}
    sound = ~not_counts(scores, items).any(axis=1)
    for each in first.values():
        if each is not None and each.main.members.sum() > 1:
            sound &= each.which != UNEXPLAINED
    for column in columns:
        if column in asked or AGGREGATE.match(column):
            first[column] = explain(table, column, scores, known, column in asked, sound | _unlike(first[column], table.rows))
    return list(first.items())


def _unlike(explained: Explained | None, rows: int) -> NDArray[np.bool_]:
    """Rows that a column's own known formulas leave over: those an unlisted formula is looked for in."""
    return np.zeros(rows, dtype=np.bool_) if explained is None else explained.which == UNEXPLAINED


def _task_columns(table: Table, tasks: Tasks | None, roles: Roles, aggregates: Sequence[str]) -> list[str]:
    """The tasks' columns: those the tasks file names, or numeric columns of shares (or per cents) that play no other part."""
    if tasks is not None:
        return [name for name in tasks.names if name in table.cells]
    out = []
    for column in table.columns:
        if column in _used(roles) or column in aggregates or AGGREGATE.match(column) or not table.is_numeric(column):
            continue
        values = table.numbers(column)
        low, high = np.nanmin(values), np.nanmax(values)
        if low >= 0 and (high <= 1 or (high <= 100 and np.nanmax(table.halves(column)) < 0.5)):
            out.append(column)
    return out


def _used(roles: Roles) -> list[str]:
    return [c for c in (roles.label, roles.model, roles.subject, roles.within, *roles.recipe) if c]


def _worth(explained: Explained, asked: bool) -> bool:
    """A column that merely copies one task is no aggregate, unless it was asked for."""
    return asked or explained.main.members.sum() > 1


def _rules_in_use(tasks: Tasks, explained: Sequence[Explained]) -> list[str]:
    """The baselines that formulas of this table subtract; the first listed when none does."""
    rules = [rule for rule in tasks.baselines if any(f"centred by {rule}" in f.name for e in explained for f in e.formulas)]
    return rules or list(tasks.baselines)[:1]


def _text_cells(table: Table, columns: Sequence[str], roles: Roles) -> list[Finding]:
    """Text, or an infinity, where the column holds numbers: one line for a column."""
    out = []
    for column in dict.fromkeys(columns):
        if not table.is_numeric(column):
            continue
        bad = np.flatnonzero(~table.missing(column) & ~np.isfinite(table.numbers(column)))
        if len(bad):
            shown = table.cells[column][bad[0]]
            text = f"{shown[:60]!r} is no finite number" + (f", and {len(bad) - 1} more such cells" if len(bad) > 1 else "")
            out.append(Finding("cell", tuple(int(row) for row in bad), column, text + "; not used", "certain"))
    return out


def _mixed(table: Table, explained: Explained, scores: Scores) -> list[Finding]:
    """Formulas other than the main one: as one line where several rows share it, else cell by cell."""
    out, counts = [], [int((explained.which == number).sum()) for number in range(len(explained.formulas))]
    shared = [number for number, count in enumerate(counts) if count >= SHARED]
    if len(shared) > 1:
        minority = explained.which > 0
        gap = np.nanmax(np.abs(explained.values - explained.main.apply(scores))[minority])
        told = "; ".join(f"{counts[number]} rows are {explained.formulas[number].name}" for number in shared)
        rows = tuple(int(row) for row in np.flatnonzero(np.isin(explained.which, shared[1:])))
        text = f"{len(shared)} formulas in one column, up to {gap:.3g} apart: {told}"
        out.append(Finding("formula", rows, explained.column, text, "certain"))
    for number, formula in enumerate(explained.formulas[1:], 1):
        if number not in shared:
            for row in np.flatnonzero(explained.which == number):
                should = explained.main.apply(scores)[row]
                same = np.flatnonzero((explained.values == explained.values[row]) & (np.arange(table.rows) != row))
                other = f" (and the number of line {table.lines[same[0]]})" if len(same) == 1 else ""
                text = f"printed {explained.values[row]:.9g} is {formula.name}{other}"
                text += f"; the column is {explained.main.name}, {should:.6g}"
                out.append(Finding("formula", (int(row),), explained.column, text, "certain"))
    return out


def _distinct(table: Table, roles: Roles, copied: Sequence[Finding]) -> NDArray[np.bool_]:
    """One row for each model: neither copies nor second listings, by its id, of the same model."""
    keep = np.ones(table.rows, dtype=np.bool_)
    keep[[finding.rows[0] for finding in copied]] = False
    seen: set[str] = set()
    for row, model in enumerate(table.cells[roles.model] if roles.model else ()):
        if keep[row] and model:
            keep[row] = model not in seen
            seen.add(model)
    return keep


def _items(scores: Scores, tasks: Tasks | None) -> Floats:
    if tasks is None:
        return np.full(len(scores.names), np.nan)
    return tasks.items[[tasks.names.index(name) for name in scores.names]]
