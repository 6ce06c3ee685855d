"""The datasheet that travels with a dataset: where it came from, what was done to it, file by file, and what it is not good for.

Plain Markdown, made from counts and hashes that published steps hold; the questions follow Gebru et al., "Datasheets for
Datasets" (2021): purpose, composition, collection, preprocessing, limits. Values come from file names and declarations, so
everything that could be read as markup is escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from tamis.report import words
from tamis.report.mask import visible

REASONS = 8  # reasons named per operator; the ledger has all

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|])")


def datasheet(facts: dict[str, Any]) -> str:
    """Markdown for `datasheet.md`.

    `facts`: "name", "purpose", "sources" [{"source", "declared", "files" [{"name", "bytes", "sha256"}], "rows", "damaged",
    optional "revision", "licences" {name: documents}}], "arms" [{"name", "stages" [{"operator", "key", "rows_in", "rows_out",
    "dropped" {reason: rows}}], optional "files" as above}], "limits" [sentence]. The same facts give the same text.
    """
    parts = [
        f"# {_plain(facts['name'])}",
        _plain(facts["purpose"]),
        "## Sources",
        *(_source(source) for source in facts["sources"]),
        "## What was done",
        *(_arm(arm, len(facts["arms"]) > 1) for arm in facts["arms"]),
        "## Known limits",
        "\n".join(f"- {limit}" for limit in _limits(facts)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _source(source: dict[str, Any]) -> str:
    lines = [f"### {_plain(source['source'])}", f"{words.count(source['rows'])} records read" + _damaged(source["damaged"]) + "."]
    if source.get("revision"):
        lines.append(f"Revision: `{_code(source['revision'])}`")
    if source["declared"]:
        lines.append(f"Declared as: `{_code(json.dumps(source['declared'], sort_keys=True, ensure_ascii=False))}`")
    if source.get("licences"):
        lines.append(_table(["licence", "documents"], ([name, words.count(n)] for name, n in sorted(source["licences"].items()))))
    return "\n\n".join([*lines, _files(source["files"])])


def _damaged(count: int) -> str:
    return f"; {words.count(count)} damaged place{'s' if count != 1 else ''} could not be read" if count else ""


def _arm(arm: dict[str, Any], named: bool) -> str:
    lines = [f"### {_plain(arm['name'])}"] if named else []
    rows = [
        [
            stage["operator"] or "source",
            words.count(stage["rows_in"]),
            words.count(stage["rows_out"]),
            _dropped(stage["dropped"]),
            stage["key"][:12],
        ]
        for stage in arm["stages"]
    ]
    lines.append(_table(["operator", "rows in", "rows out", "dropped, by first reason", "key"], rows))
    return "\n\n".join([*lines, _files(arm.get("files", []))]).rstrip()


def _dropped(dropped: dict[str, int]) -> str:
    ranked = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{words.rule(reason)} ({words.count(rows)})" for reason, rows in ranked[:REASONS]]
    rest = sum(rows for _, rows in ranked[REASONS:])
    return ", ".join(named + ([f"other reasons ({words.count(rest)})"] if rest else [])) or "none"


def _limits(facts: dict[str, Any]) -> list[str]:
    """What is true of every dataset that tamis writes and what the facts themselves say, before the caller's own."""
    limits = [
        "Filters judge form, not truth: what was kept was not checked by people.",
        "Personal data was not removed unless an operator above says so.",
    ]
    if not any(source.get("licences") for source in facts["sources"]):
        limits.append("Licences were not recorded by the sources; look at each document's url and source before passing it on.")
    damaged = sum(source["damaged"] for source in facts["sources"])
    if damaged:
        limits.append(f"Places of the sources that were damaged and are missing: {words.count(damaged)}.")
    return limits + [_plain(limit) for limit in facts["limits"]]


def _files(files: Sequence[dict[str, Any]]) -> str:
    if not files:
        return ""
    return _table(["file", "size", "sha256"], ([f["name"], words.size(f["bytes"]), f["sha256"]] for f in files))


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return "\n".join(lines + [f"| {' | '.join(_plain(cell) for cell in row)} |" for row in rows])


def _plain(text: str) -> str:
    """One line in which nothing is markup."""
    return _MARKUP.sub(r"\\\1", " ".join(visible(str(text)).split()))


def _code(text: str) -> str:
    """One line that can stand between backticks."""
    return " ".join(visible(text).replace("`", "'").split())
