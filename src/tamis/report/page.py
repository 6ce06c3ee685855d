"""The report: one HTML file that opens offline in any browser and begins with the answer.

`write` reads a run directory and leaves `report.html` and `figures/` (SVG + CSV) in it. The same run gives the same bytes.
The file asks the network for nothing and runs no script but its own (a content security policy says so to the browser), so
that documents, which are hostile input, can do no harm even if escaping failed. Escaping is Jinja's, always on; the only
markup let through is the figures that this package draws.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from tamis.core import disk
from tamis.report import answer, copies, grids, plots, sieve, trends, words
from tamis.report.canvas import PALETTE, Drawing, arm_role, style
from tamis.report.mask import SHOWN, excerpt, visible
from tamis.report.run import Row, Run, read

HERE = Path(__file__).parent
DOCUMENTS = 240  # documents to read in the page, at most
PER_REASON = 6  # of one arm, operator and reason
HITS = 40  # contamination hits shown
ABSENT: Row = {"answer_without_touched": None, "clean_answer": None, "decontaminated": False, "damage": [], "notes": []}


def write(run: Path, examples: bool = True) -> Path:
    """Write `run`/report.html and `run`/figures/*, replacing older ones; returns the path of the page.

    `examples=False` leaves out all document text. Raises TamisError when `run` holds no finished run.
    """
    read_run = read(run, examples)
    with style():
        drawings = _draw(read_run)
    page = _render(read_run, drawings, examples)
    figures = run / "figures"
    figures.mkdir(exist_ok=True)
    for old in [*figures.glob("*.svg"), *figures.glob("*.csv")]:
        old.unlink()
    for drawing in _flat(drawings):
        (figures / f"{drawing.name}.svg").write_text(drawing.svg, encoding="utf-8", newline="\n")
        (figures / f"{drawing.name}.csv").write_text(drawing.csv, encoding="utf-8", newline="\n")
    target = run / "report.html"
    disk.replace_file(target, page.encode(), "report")
    return target


def _draw(run: Run) -> dict[str, Any]:
    """Every figure of the page, by the name that the template knows it under."""
    forests = plots.forests(run)
    with_base = [d for d in forests if run.plan["baseline"] in d.arms] or forests
    return {
        "answer_figure": answer.answer(run),
        "narrow_answer": answer.narrow_answer(run),
        "funnels": sieve.funnels(run),
        "histograms": sieve.histograms(run),
        "forests": with_base,
        "more_forests": [d for d in forests if d not in with_base],
        "curves": trends.curves(run),
        "sizes": trends.sizes(run),
        "copies": copies.curves(run),
        "overlap": grids.overlap(run),
        "planted": grids.planted(run),
        "cost": plots.cost(run),
    }


def _flat(value: Any) -> list[Drawing]:
    """The drawings anywhere in a structure of dicts, lists and tuples, in order."""
    if isinstance(value, Drawing):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [drawing for part in parts for drawing in _flat(part)]


def _render(run: Run, drawings: dict[str, Any], examples: bool) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        name: getattr(words, name) for name in ("count", "number", "signed", "plain", "size", "interval", "duration", "rule")
    } | {"visible": lambda value: visible(str(value))}
    script = (HERE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    documents, documents_left_out = _documents(run)
    context: dict[str, Any] = {
        **drawings,
        "name": run.plan["name"],
        "plan": run.plan,
        "summary": {**ABSENT, **run.summary},
        "decided_at": run.plan.get("deciding_recipe") or (run.recipes[-1]["name"] if run.recipes else ""),
        "facts": _facts(run),
        "rule": _rule(run),
        "coloured": lambda sentence: _coloured(run, sentence),
        "recipes": run.recipes,
        "has_diagnostic": any(t["role"] == "diagnostic" for t in run.plan["tasks"]),
        "show_examples": examples,
        "documents": documents,
        "documents_left_out": documents_left_out,
        "document_values": {key: _values(run.examples, key) for key in ("arm", "operator", "reason")},
        "shown": words.count(SHOWN),
        "hits": [_hit(hit) for hit in run.contamination[:HITS]],
        "hits_left_out": max(len(run.contamination) - HITS, 0),
        "tokenizer": run.summary.get("tokenizer"),
        "corpus": _corpus(run.summary.get("corpus")),
        "records": [(title, _pretty(value)) for title, value in _records(run)],
        "arm_index": lambda name: run.arms.get(name, 0),
        "arm_role": lambda name: arm_role(run.arms.get(name, 0)),
        "script": Markup(script),
        "script_hash": f"sha256-{digest}",
        "style": Markup(_palette() + (HERE / "page.css").read_text(encoding="utf-8")),
    }
    for name in ("verdicts", "supply", "threats", "touched"):
        context[name] = run.rows(name)
    context["rules"] = _rules(run)
    context["contamination"] = [row for row in run.rows("contamination") if row["items_touched"] or row["rows_touched"]]
    context["searched"] = _searched(run)
    context["contents"] = _contents(context)
    return environment.get_template("page.html").render(context)


def _contents(context: dict[str, Any]) -> list[tuple[str, str]]:
    """The sections that the page has, in order; the template leaves out the same ones."""
    present = [
        ("answer", "Answer", True),
        ("arms", "How the arms were made", True),
        ("documents", "Documents to read", context["show_examples"]),
        ("scores", "Scores and thresholds", context["histograms"]),
        ("rules", "Rules that overlap", context["rules"]),
        ("copies", "Near-duplicates", context["copies"]),
        ("differences", "Differences", True),
        ("curves", "Training curves", context["curves"]),
        ("size", "Scores against size", context["sizes"]),
        ("overlap", "Overlap of the arms", context["overlap"]),
        ("contamination", "Contamination", True),
        ("planted", "What was planted", context["planted"] or context["corpus"]),
        ("supply", "Tokens", True),
        ("cost", "Cost", context["cost"]),
        ("threats", "What could be wrong", context["threats"]),
        ("repeat", "Repeat it", True),
        ("provenance", "Provenance", True),
    ]
    return [(id, title) for id, title, there in present if there]


def _rules(run: Run) -> list[dict[str, Any]]:
    """One entry per arm and text: its rules, how often they fire, and a sentence on those that never fire alone.

    Arms that begin with the same rules on the same rows show them once, under the arm that has most of them.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in run.rows("rules"):
        groups.setdefault((row["arm"], row["text"]), []).append(row)
    names = {key: {r["rule"] for r in rows} for key, rows in groups.items()}
    shown = []
    for key, rows in groups.items():
        inside = [o for o in groups if o[1] == key[1] and (names[key] < names[o] or (names[key] == names[o] and o < key))]
        if len(rows) > 1 and not any(groups[o][0]["rows"] == rows[0]["rows"] for o in inside):
            idle = [r["rule"] for r in rows if r["fires"] and not r["alone"]]
            silent = [r["rule"] for r in rows if not r["fires"]]
            ordered = sorted(rows, key=lambda r: (-r["fires"], -r["alone"], r["rule"]))
            shown.append({"arm": key[0], "rows": rows[0]["rows"], "rules": ordered, "idle": idle, "silent": silent})
    return shown


def _palette() -> str:
    """The colours of `canvas`, light and dark, as CSS variables."""
    light, dark = ("".join(f"--{role}: {pair[i]};" for role, pair in PALETTE.items()) for i in (0, 1))
    return f":root {{ color-scheme: light dark; {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"


def _facts(run: Run) -> list[tuple[str, str]]:
    """The design in numbers: (value, what it counts)."""
    largest = run.recipes[-1] if run.recipes else None
    deciding = [t for t in run.plan["tasks"] if t["decides"]]
    facts = [
        (str(len(run.arms)), "arms" if len(run.arms) != 1 else "arm"),
        (str(len(run.recipes)), "sizes" if len(run.recipes) != 1 else "size"),
    ]
    facts.append((str(len(run.plan["seeds"])), "seeds" if len(run.plan["seeds"]) != 1 else "seed"))
    facts.append((str(len(deciding)), "deciding tasks" if len(deciding) != 1 else "deciding task"))
    if largest:
        facts += [(words.short(largest["parameters"]), "parameters, largest"), (words.short(largest["tokens"]), "tokens")]
        facts.append((words.number(largest["tokens_per_parameter"], 1), "tokens per parameter"))
    return facts


def _coloured(run: Run, sentence: str) -> Markup:
    """The sentence with the names of arms in their colours."""
    names = "|".join(re.escape(name) for name in sorted(run.arms, key=len, reverse=True))
    out = Markup("")
    for part in re.split(rf"(?<!\w)({names})(?!\w)", words.minus(sentence)):
        name = Markup('<span class="arm" data-arm="{}" style="--arm: var(--{})">{}</span>')
        shown = visible(part)
        out += name.format(run.arms[part], arm_role(run.arms[part]), shown) if part in run.arms else escape(shown)
    return out


def _rule(run: Run) -> str:
    """The rule that decided, fixed in the plan before any result."""
    alpha = run.plan["decide"].get("alpha", 0.05)
    return (
        f"The rule was fixed before any result: all pairs of arms, the primary metric, one size, Holm's correction, "
        f"α = {alpha:g}. The variance of a difference is that of the test items (by cluster) plus that of training runs "
        f"(between seeds, pooled over arms). Everything else on this page describes and decides nothing."
    )


def _values(rows: list[Row], key: str) -> list[str]:
    """Distinct values in a stable order; a kept document's reason is "kept"."""
    return sorted({_value(row, key) for row in rows})


def _value(row: Row, key: str) -> str:
    return str(row[key] or {"reason": "kept", "operator": "every step"}.get(key, "–"))


def _documents(run: Run) -> tuple[list[Row], int]:
    """The documents to show, masked and cut: a few of every arm, operator and reason before more of any."""
    numbers = {key: {v: i for i, v in enumerate(_values(run.examples, key), 1)} for key in ("arm", "operator", "reason")}
    places: dict[tuple[Any, ...], int] = {}
    ranked = []
    for order, row in enumerate(run.examples):
        group = (row["arm"], row["operator"], row["reason"])
        places[group] = places.get(group, 0) + 1
        if places[group] <= PER_REASON:
            ranked.append((places[group], order, row))
    chosen = sorted(ranked, key=lambda r: (r[0], r[2]["reason"] is None, r[1]))[:DOCUMENTS]
    return [_document(row, numbers) for _, _, row in chosen], len(run.examples) - len(chosen)


def _document(row: Row, numbers: dict[str, dict[str, int]]) -> Row:
    text, cut = excerpt(row["text"] or "")
    small = {key: excerpt(str(row[key]), 200)[0] if row.get(key) else "" for key in ("source", "url", "evidence")}
    chosen = {f"{key}_number": numbers[key][_value(row, key)] for key in numbers}
    first = " ".join(text[:300].split())[:160] or "(empty)"
    return {**row, "operator": row["operator"] or "every step", **small, **chosen, "text": text, "cut": cut, "first": first}


def _searched(run: Run) -> str:
    """How much of the tasks the search for contamination could see."""
    tasks = {r["task"]: (r["items_searched"], r["items"]) for r in run.rows("contamination") if "items_searched" in r}
    found, total = (sum(counts[k] for counts in tasks.values()) for k in (0, 1))
    if found == total:
        return ""
    return (
        f"{words.count(found)} of {words.count(total)} items were searched for; the others are too short to be told from chance."
    )


def _hit(row: Row) -> Row:
    matched, cut = excerpt(str(row["matched"] or ""))
    return {
        "words": None,
        "of": None,
        **row,
        "item": visible(str(row["item"])),
        "document": excerpt(str(row["document"]), 200)[0],
        "matched": matched,
        "cut": cut,
    }


def _corpus(corpus: Row | None) -> Row | None:
    """What is real and what is planted, as rows of one table with shares of all documents.

    `real` is a list of rows, or a count beside `packages`, of which those with the role "pool" went into the corpus.
    """
    if not corpus:
        return None
    packages = [{**p, "what": p["name"]} for p in corpus.get("packages", []) if p["role"] == "pool"]
    real = corpus["real"] if isinstance(corpus["real"], list) else packages
    total = sum(row["documents"] for row in [*real, *corpus["planted"]]) or 1
    planted = [{**row, "share": row["documents"] / total} for row in corpus["planted"]]
    return {"real": real, "planted": planted, "hash": corpus["hash"]}


def _records(run: Run) -> list[tuple[str, Any]]:
    plan = {key: value for key, value in run.plan.items() if key != "steps"}
    return [("Environment", run.env), ("Numerics", run.plan["numerics"]), ("The rule", run.plan["decide"]), ("The plan", plan)]


def _pretty(value: Any) -> str:
    return visible(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True))
