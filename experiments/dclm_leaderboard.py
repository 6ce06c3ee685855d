"""DCLM's published results: do its numbers follow from one another, and what do its small scales predict?

    python experiments/dclm_leaderboard.py --data DIR [--database DCLM_model_database.csv]

`DIR/published` holds `dclm_evals.csv` (572 evaluations), `dclm_tasks.csv` (53 tasks) made from the repository's own files
(mlfoundations/dclm, commit 361714b, MIT). `--database` is that repository's own table, `assets/DCLM_model_database.csv`, whose
column `Core` is audited. The rule, fixed here: repeats are rows of one dataset, architecture and recipe; a scale's ranking is
compared over datasets trained under the scale's usual learning rate and weight decay, runs whose file name tells a modification
left out (MODIFIED); P(a gap keeps its order at 7B) = Phi(gap / scale), each pair predicted without both its members.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np

from tamis.audit import read_table
from tamis.stats.accuracy import Transfer, transfer_line
from tamis.stats.audit.audit import Audit, Roles, audit, transfers
from tamis.stats.audit.finding import line
from tamis.stats.audit.table import Table
from tamis.stats.audit.tasks import Tasks, read_tasks

MODIFIED = re.compile(r"avg|rho1|norm=|-init|resumed|restarted|checkpoint-many|geglu|vocab")
TRUSTED = (("400m-1x", "7b-1x (lr 0.0003, wd 0.33)"), ("1b-1x", "7b-1x (lr 0.0003, wd 0.33)"), ("1b-1x", "7b-1x (any recipe)"))
DCLM = "evaluation_rw_v2_cc_v3_f0.15_resiliparse_fasttext_openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train_0.1-open_lm_7b"
DCLM += "_swiglutorch"
FINEWEB = "evaluation_fineweb_edu_sample_350BT-open_lm_7b_swiglutorch"
# The leaderboard of the repository's README: model, start of its evaluation's file name, then CORE v1, CORE v2, MMLU,
# EXTENDED v1, EXTENDED v2 as printed there, in per cent.
LEADERBOARD = (
    ("Llama2", "evaluation_llama2_7b_openlm", "49.2", "47.5", "45.8", "34.1", "32.5"),
    ("DeepSeek", "evaluation_deepseek-ai_deepseek-llm-7b-base", "50.7", "49.1", "48.5", "35.3", "33.7"),
    ("Mistral-0.3", "evaluation_mistral_7b_v0.3", "57.0", "55.7", "62.7", "45.1", "57.0"),
    ("QWEN-2", "evaluation_Qwen_Qwen2-7B", "57.5", "56.5", "71.9", "50.5", "49.6"),
    ("Llama3", "evaluation_llama3_8b", "57.6", "56.5", "66.2", "46.3", "45.2"),
    ("Gemma", "gemma7b_heavy", "57.8", "56.8", "64.3", "44.6", "43.5"),
    ("Phi-3", "evaluation_phi-3-medium", "61.0", "59.9", "69.9", "57.9", "57.0"),
    ("Falcon", "evaluation_falcon_7b", "44.1", "41.6", "27.4", "25.1", "22.8"),
    ("OLMo-1.7", "evaluation_olmo-1.7-7b", "47.0", "45.8", "54.0", "34.2", "33.0"),
    ("MAP-Neo", "evaluation_map_neo_7b", "50.2", "49.0", "57.1", "40.4", "39.2"),
    (
        "FineWeb edu 0.14T",
        FINEWEB + "-warm=5000-lr=0p002-wd=0p05-cd=3e-05-bs=2048-mult=1-",
        "38.7",
        "36.1",
        "26.3",
        "22.1",
        "19.7",
    ),
    (
        "FineWeb edu 0.28T",
        FINEWEB + "-warm=5000-lr=0p002-wd=0p05-cd=3e-05-bs=2048-mult=2-",
        "41.9",
        "39.6",
        "37.3",
        "24.5",
        "22.4",
    ),
    ("DCLM 0.14T", DCLM + "-warm=5000-lr=0p001-wd=0p1-cd=3e-05-bs=2048-mult=1-", "44.1", "42.0", "38.3", "25.0", "23.0"),
    ("DCLM 0.28T", DCLM + "-warm=5000-lr=0p001-wd=0p1-cd=3e-05-bs=2048-mult=2-", "48.9", "47.3", "50.8", "31.8", "30.3"),
    ("DCLM 2.6T", "evaluation_open_lm_dclm_7b_8k", "57.1", "56.0", "63.7", "45.4", "44.3"),
)
PRINTED = ("CORE v1", "CORE v2", "MMLU", "EXTENDED v1", "EXTENDED v2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--database", type=Path)
    given = parser.parse_args()
    table = read_table(given.data / "published" / "dclm_evals.csv")
    tasks = read_tasks(read_table(given.data / "published" / "dclm_tasks.csv"))
    recomputed(table, tasks)
    leaderboard(table, tasks)
    if given.database is not None:
        database(read_table(given.database), tasks)
    aggregates = ("core_v2", "ext47_v2", "mmlu")
    found = audit(table, tasks, Roles(), aggregates, MODIFIED)
    print("\n## Copies and runs that broke")
    for finding in found.findings:
        if finding.damage or (finding.kind == "noise" and finding.rows):
            print(line(finding, table, "dataset"))
    noise(found)
    baselines(found)
    recipes(audit(table, tasks, Roles(), ("core_v2", "mmlu")))
    predictions(transfers(audit(table, tasks, Roles(recipe=("lr", "wd")), aggregates, MODIFIED)))


def recomputed(table: Table, tasks: Tasks) -> None:
    print("## Aggregates recomputed (156 evaluations as JSON, 416 rows of the database)")
    found = audit(table, tasks)
    for source in ("exp_data", "database_csv"):
        rows = np.array([cell == source for cell in table.cells["source"]])
        for each in found.explained:
            gap = np.abs(each.values - each.main.apply(found.scores))[rows]
            held = np.isfinite(gap)
            over = int((gap[held] > 1e-9).sum())
            print(
                f"{source}, {each.column}: {held.sum()} rows, {over} off by > 1e-9 (most {gap[held].max():.1e}); {each.main.name}"
            )


def leaderboard(table: Table, tasks: Tasks) -> None:
    """Printed numbers, one decimal, against the evaluations they came from."""
    print("\n## The printed leaderboard (15 rows of 5 numbers)")
    rows = []
    for name, start, *_ in LEADERBOARD:
        found = [
            r for r, file in enumerate(table.cells["file"]) if file.startswith(start) and table.cells["source"][r] == "exp_data"
        ]
        if len(found) != 1:
            raise SystemExit(f"{name}: {len(found)} evaluations begin with {start}")
        rows += found
    scores = table.take(np.array(rows))
    cells = {"name": tuple(row[0] for row in LEADERBOARD)}
    cells |= {column: tuple(row[2 + k] for row in LEADERBOARD) for k, column in enumerate(PRINTED)}
    printed = Table("leaderboard", cells | {t: scores.cells[t] for t in tasks.names}, tuple(range(1, len(rows) + 1)))
    found_here = audit(printed, tasks, Roles(label="name"), PRINTED)
    for each in found_here.explained:
        print(f"{each.column}: {int((each.which == 0).sum())} of {len(rows)} are {each.main.name}")
    for finding in found_here.damage:
        print(line(finding, printed, "name"))


def database(table: Table, tasks: Tasks) -> None:
    print("\n## The repository's own table")
    found = audit(table, tasks, Roles(model="model_uuid", label="Dataset"), ("Core", "Extended", "low_variance_datasets"))
    for each in found.explained:
        for number, formula in enumerate(each.formulas):
            print(f"{each.column}: {int((each.which == number).sum())} rows are {formula.name}")
        none, empty = int((each.which == -1).sum()), int((each.which == -2).sum())
        print(f"{each.column}: {none} rows are no formula, {empty} empty or incomplete")
    for finding in found.findings:
        if finding.kind == "formula":
            print(line(finding, table, None)[:600])


def noise(found: Audit) -> None:
    print("\n## Noise (points; runs: SD between repeats; items: SE by the number of questions)")
    for s in found.spreads:
        runs = f"runs {100 * s.runs:.2f} ({s.df} df)" if s.runs is not None else "no repeats"
        items = f"items {100 * s.items:.2f}" if s.items is not None else "items unknown"
        heavy = ", ".join(f"{name} {share:.0%}" for name, share in s.heaviest)
        print(f"{s.group}, {s.column}: {runs}, {items} ({heavy})")


def baselines(found: Audit) -> None:
    print("\n## Tasks where a constant answer beats the baseline that CORE v2 subtracts")
    core = next(each.main for each in found.explained if each.column == "core_v2")
    held = {name for name, inside in zip(found.scores.names, core.members, strict=True) if inside}
    for finding in found.findings:
        if finding.kind == "baseline" and finding.column in held:
            print(line(finding, found.table, None))


def recipes(found: Audit) -> None:
    print("\n## One dataset under several recipes at 7B-1x (CORE v2, MMLU, points)")
    table = found.table
    by_column = {each.column: each.values for each in found.explained}
    rows = [r for r in range(table.rows) if found.distinct[r] and table.cells["scale"][r] == "7b-1x" and table.cells["lr"][r]]
    for dataset in dict.fromkeys(table.cells["dataset"][r] for r in rows):
        own = sorted((r for r in rows if table.cells["dataset"][r] == dataset), key=lambda r: by_column["core_v2"][r])
        if len({(table.cells["lr"][r], table.cells["wd"][r]) for r in own}) > 1:
            points = {r: f"{100 * by_column['core_v2'][r]:.1f} {100 * by_column['mmlu'][r]:.1f}" for r in own}
            told = ", ".join(f"lr {table.cells['lr'][r]} wd {table.cells['wd'][r]}: {points[r]}" for r in own)
            print(f"{dataset[:60]}: {told}")


def predictions(moved: list[Transfer]) -> None:
    print("\n## What small scales predict (95 % intervals by bootstrap over datasets)")
    for each in moved:
        print(transfer_line(each))
    print("\n## Which gap in CORE v2 can be trusted at 7B")
    for small, large in TRUSTED:
        rule = next(t for t in moved if (t.metric, t.small, t.large) == ("core_v2", small, large)).rule
        if rule is not None:
            chances = ", ".join(f"{gap} points {rule.keeps(gap / 100):.0%}" for gap in (0.5, 1, 2, 3, 4))
            low, high = (100 * side for side in rule.interval)
            print(
                f"{small} -> {large}: 9 pairs in 10 keep their order at {100 * rule.trusted:.1f} points [{low:.1f}, {high:.1f}]"
            )
            print(f"    {chances}")
            print(
                f"    cross-validated: log loss {rule.log_loss:.2f} (a constant's {rule.constant_log_loss:.2f}), "
                f"calibration error {rule.calibration_error:.2f}"
            )


if __name__ == "__main__":
    main()
