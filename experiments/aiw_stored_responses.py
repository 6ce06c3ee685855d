"""Do published replies to the Alice in Wonderland problems say what their repository says they say?

    python experiments/aiw_stored_responses.py --data DIR [--disagreements] [--pages FOLDER]

DIR/published/aiw_responses.jsonl.gz holds 12,918 replies of 34 models (LAION-AI/AIW), aiw_prompts.json their prompts. Everything
is computed from the reply and the text of its prompt; the labels stored beside them are read only to compare. Printed are: rates
by the repository's rule and by ours; agreement with each of the two labels; every disagreement on a number, with our reading;
rates of the symbolic variants by algebra; verdicts per model and family. The answer stands in `aiw_stored_responses.md`.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from tamis.eval.aiw import judge, parse_answer, results
from tamis.eval.aiw.algebra import parse_expression
from tamis.eval.aiw.parse import repository_rule, repository_symbolic_rule
from tamis.eval.aiw.responses import read_foreign
from tamis.stats.robustness import rate

Row = dict[str, Any]
SOURCES = ("base", "reflection", "o1-set")


def read(root: Path) -> tuple[list[Row], dict[str, str]]:
    with gzip.open(root / "published" / "aiw_responses.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    prompts = json.loads((root / "published" / "aiw_prompts.json").read_text(encoding="utf-8"))
    return rows, {str(p["id"]): p["prompt"] for p in prompts if isinstance(p["prompt"], str)}


def label(rows: list[Row], prompts: dict[str, str]) -> None:
    """Add to every row what we read, how we judge it, and what the repository's rule gives."""
    for row in rows:
        key = parse_expression(row["right_answer"])
        assert key is not None
        number = key.constant
        row["read"] = parse_answer(row["response"], prompts.get(str(row["prompt_id"]), ""))
        row["status"] = judge(row["read"], key if number is None else int(number))
        row["ours"] = row["status"] == "correct"
        letter = row["right_answer"][0]
        text = row["response"]
        row["rule"] = (
            repository_rule(text) == row["right_answer"] if number is not None else repository_symbolic_rule(text, letter)
        )


def agreement(rows: list[Row]) -> None:
    print("Numbers: rates, and agreement of our reading with the repository's label and with a second parser's")
    print(f"{'source':<12}{'n':>7}{'rule':>8}{'label':>8}{'ours':>8}{'= label':>9}{'= second':>10}   statuses")
    numeric = [r for r in rows if r["source"] != "param"]
    for name, own in [(s, [r for r in numeric if r["source"] == s]) for s in SOURCES] + [("all", numeric)]:
        n = len(own)
        rule, stored, ours = (sum(r[k] for r in own) / n for k in ("rule", "correct", "ours"))
        first, second = (sum(r["ours"] == r[k] for r in own) / n for k in ("correct", "parsed_correct"))
        told = ", ".join(f"{v} {k}" for k, v in Counter(r["status"] for r in own).most_common())
        print(f"{name:<12}{n:>7}{rule:>8.4f}{stored:>8.4f}{ours:>8.4f}{first:>9.4f}{second:>10.4f}   {told}")
    edited = [r for r in numeric if r["rule"] != r["correct"]]
    same = len(numeric) - len(edited)
    print(f"The repository's rule gives its own label in {same} of {len(numeric)}; the others were edited by hand:")
    for r in edited:
        found = repository_rule(r["response"])
        print(f"  {r['source']} {r['model']} prompt {r['prompt_id']}, key {r['right_answer']}: rule reads {found}")


def disagreements(rows: list[Row]) -> None:
    print("\nEvery disagreement on numbers: key | repository's label | second parser's | our reading | end of the reply")
    for r in rows:
        if r["source"] != "param" and not (r["ours"] == r["correct"] == r["parsed_correct"]):
            end = " ".join(r["response"][-110:].split())
            reading = r["status"] if r["read"].value is None else f"{r['read'].value} ({r['status']})"
            flags = f"{r['repo_parsed']} {r['correct']} | {r['parsed']} {r['parsed_correct']}"
            print(f"  {r['model']} {r['prompt_id']}: {r['right_answer']} | {flags} | {reading} | …{end}")


def symbolic(rows: list[Row]) -> None:
    print("\nSymbolic variants: rate by the repository's pattern and by algebra, mean [95 %]")
    models: dict[str, list[Row]] = defaultdict(list)
    for r in rows:
        if r["source"] == "param":
            models[r["model"]].append(r)
    for model, own in sorted(models.items(), key=lambda item: -sum(r["ours"] for r in item[1]) / len(item[1])):
        pattern, found = sum(r["correct"] for r in own) / len(own), rate([float(r["ours"]) for r in own])
        print(f"  {model:<26}{len(own):>5}{pattern:>8.3f}{found.mean:>8.3f} [{found.low:.3f}, {found.high:.3f}]")


def verdicts(root: Path, rows: list[Row], pages: Path | None) -> None:
    print("\nVerdicts: mean [95 %], rate of each variation, Holm's p, verdict (no controls were published)")
    path = root / "published" / "aiw_responses.jsonl.gz"
    ours: Counter[str] = Counter()
    for model in sorted({r["model"] for r in rows if r["source"] != "param"}):
        _, foreign = read_foreign(path, model)
        summary = results.summarise(list(results.of_foreign([r for r in foreign if r["source"] != "param"])), model, "stored")
        print(model)
        for line in results.lines(summary):
            print("  " + line.replace(" — no breakdown can be claimed without controls", ""))
        ours.update(g["verdict"] for g in summary["groups"])
        if pages is not None:
            from tamis.report.aiw import write

            folder = pages / model
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "results.json").write_bytes(results.dumps(summary))
            print(f"  {write(folder)}")
    print("All cells: " + ", ".join(f"{n} {v}" for v, n in ours.most_common()))


def slips(rows: list[Row]) -> None:
    wrong = [
        r for r in rows if r["status"] == "wrong" and r["family"] in ("AIW_original", "AIW_friends") and r["source"] != "param"
    ]
    less = sum(r["read"].value == int(r["right_answer"]) - 1 for r in wrong)
    share = f"{less} ({less / len(wrong):.1%})"
    print(f"\nOf {len(wrong)} wrong numbers (original and friends), {share} are one too few: Alice is not counted.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="root of the published data")
    parser.add_argument("--disagreements", action="store_true", help="list every disagreement")
    parser.add_argument("--pages", type=Path, help="also write a page for every model into this folder")
    given = parser.parse_args()
    rows, prompts = read(given.data)
    label(rows, prompts)
    agreement(rows)
    if given.disagreements:
        disagreements(rows)
    symbolic(rows)
    slips(rows)
    verdicts(given.data, rows, given.pages)


if __name__ == "__main__":
    main()
