"""A made-up run directory of any shape, with every file that the report reads. Nothing here was measured.

Run as a script to look at a page: `python tests/report/run_directory.py DIR [arms] [sizes] [seeds]`.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

NAMES = ["raw", "heuristics", "classifier", "deduplicated", "strict", "loose", "url-filter", "random half"]
LONG = "keeps everything a strict heuristic filter with deduplication at Jaccard 0.8 and a classifier on top would keep, variant"
SCORES = [
    ("GopherQuality", "mean_word_length", 2, 12, (3.0, 10.0)),
    ("GopherQuality", "words", 10, 4000, (50.0, 100000.0)),
    ("GopherQuality", "symbols_per_word", 0, 0.4, (None, 0.1)),
    ("GopherRepetition", "duplicate_line_characters", 0, 0.6, (None, 0.2)),
    ("C4", "lines_ending_in_punctuation", 0, 1, (0.1, None)),
    ("FineWeb", "short_lines", 0, 1, (None, 0.67)),
    ("Language", "english", 0, 1, (0.65, None)),
    ("Goodness", "value", -6, 6, (0.5, None)),
    ("Length", "characters", 0, 20000, None),
]
KINDS = [
    ("near-duplicate", 600),
    ("spam, strong", 400),
    ("spam, weak", 300),
    ("shuffled", 250),
    ("wrong language", 200),
    ("good: table", 120),
    ("good: verse", 80),
]
HOSTILE = [
    "Ordinary prose about distribution packages, which reads on for a while and then says who wrote it: "
    "jane.doe@example.org, call +49 30 1234567.",
    "<script>window.hacked = true; document.title = 'hacked'</script><img src=x onerror=\"window.hacked = true\"> plain words",
    "\u202egnihtemos\u202c \x00\x07\x1b[31m red \ufeff and \ud800 a lone surrogate",
    "z" + "\u0301" * 300 + " zalgo",
    "x" * 2_000_000,
    "مرحبا بالعالم " * 40,
    "</blockquote></details></section><h1>broken out</h1>",
    "connect to 192.168.12.7 or 2001:db8:0:0:0:ff00:42:8329 or mail bob (at) mail.example.com",
]


@dataclass(frozen=True)
class Shape:
    """What varies between the pages that the tests look at."""

    arms: int = 3
    sizes: int = 2
    seeds: int = 3
    long_names: bool = False
    funnel: bool = True
    contamination: bool = True
    corpus: bool = True
    decides: bool = True


SHAPES = {
    "typical": Shape(),
    "one pair": Shape(arms=2, sizes=1),
    "eight arms": Shape(arms=8, sizes=2, seeds=2),
    "one seed": Shape(seeds=1),
    "long names": Shape(arms=4, long_names=True),
    "nothing": Shape(arms=2, sizes=1, funnel=False, contamination=False, corpus=False, decides=False),
}
Pages = Callable[[str], Path]  # a name of SHAPES to its written page, which nobody changes


def make(run: Path, shape: Shape | None = None) -> Path:
    """Write a run directory of `shape` to `run`; the same shape gives the same bytes."""
    shape = shape or Shape()
    run.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    arms = [f"{LONG} {i}" if shape.long_names else NAMES[i] for i in range(shape.arms)]
    recipes = [_recipe(i) for i in range(shape.sizes)]
    plan = _plan(shape, arms, recipes)
    funnel = _funnel(arms, rng) if shape.funnel else []
    summary = _summary(shape, plan, arms, recipes, rng)
    _json(run / "plan.json", plan)
    _json(run / "summary.json", summary)
    _json(
        run / "env.json",
        {"python": "3.11.2", "packages": {"numpy": "2.3.0", "torch": "2.9.0"}, "processor": "some CPU", "argv": ["tamis", "run"]},
    )
    (run / "events.jsonl").write_text("")
    _parquet(run / "funnel.parquet", funnel, ["arm", "position", "operator", "rows_in", "rows_out", "reason", "rows", "bytes"])
    _parquet(run / "scores.parquet", _histograms(rng), ["text", "score", "column", "low", "high", "rows"])
    _parquet(
        run / "curves.parquet", _curves(arms, recipes, shape.seeds, rng), ["arm", "recipe", "seed", "step", "tokens", "loss"]
    )
    _parquet(run / "items.parquet", [], ["arm", "recipe", "seed", "task", "item", "cluster", "value", "weight", "touched"])
    _jsonl(run / "examples.jsonl", _examples(funnel))
    hits = [
        {"arm": a, "task": "networkx", "item": f"doc-{n}", "document": "ab12", "words": 14, "of": 31, "matched": HOSTILE[n]}
        for a in arms
        for n in (0, 1)
    ]
    _jsonl(run / "contamination.jsonl", hits if shape.contamination else [])
    return run


def _recipe(index: int) -> dict[str, Any]:
    parameters = (103_456, 333_184, 1_054_208, 3_300_000)[index]
    tokens = (399_360, 399_360, 1_200_000, 4_000_000)[index]
    return {
        "name": ("100k", "300k", "1M", "3M")[index],
        "parameters": parameters,
        "parameters_non_embedding": parameters // 2,
        "tokens": tokens,
        "steps": 390,
        "batch": 4,
        "context": 256,
        "learning_rate": (0.02, 0.01, 0.007, 0.005)[index],
        "tokens_per_parameter": tokens / parameters,
    }


def _plan(shape: Shape, arms: list[str], recipes: list[dict[str, Any]]) -> dict[str, Any]:
    task = {
        "metric": "bits per byte",
        "higher_is_better": False,
        "items": 150,
        "clusters": 60,
        "role": "target",
        "decides": shape.decides,
    }
    tasks = [
        {**task, "name": name, "why": "a whole package, held out of the pool; written and kept by people"}
        for name in ("networkx", "scipy", "sympy")
    ]
    tasks += [
        {**task, "name": "French handbook", "role": "shown", "decides": False, "why": "the pool is English"},
        {
            **task,
            "name": "pool hold-out",
            "role": "diagnostic",
            "decides": False,
            "why": "drawn from the pool: rewards whoever filters least",
        },
        {
            **task,
            "name": "tiny domain",
            "items": 7,
            "clusters": 4,
            "role": "shown",
            "decides": False,
            "why": "fewer than 10 clusters",
        },
        {
            **task,
            "name": "two-choice",
            "metric": "accuracy",
            "higher_is_better": True,
            "items": 200,
            "clusters": 200,
            "role": "shown",
            "decides": False,
            "why": "near chance at this size",
        },
    ]
    steps = [
        {
            "key": f"{n:064x}",
            "label": f"{kind} {n}",
            "kind": kind,
            "rows_in": 14000 - n,
            "rows_out": 13900 - n,
            "seconds": 1.5 * n if n else None,
        }
        for n, kind in enumerate(["text", "columns", "selection", "train", "eval"] * 6)
    ]
    return {
        "name": "quickstart",
        "question": "Is documentation that went through filters a better training set than documentation that did not?",
        "baseline": arms[0],
        "arms": [
            {
                "name": a,
                "describe": (
                    "nothing is dropped",
                    "quality heuristics, then near-duplicates",
                    "the same, then the best half by a small classifier",
                )[i % 3],
                "same_as": arms[1] if i == 5 else None,
            }
            for i, a in enumerate(arms)
        ],
        "recipes": recipes,
        "seeds": list(range(shape.seeds)),
        "tasks": tasks,
        "decide": {"alpha": 0.05, "family": "all pairs", "equivalence": None},
        "numerics": {"device": "cpu", "precision": "float32", "threads": 1},
        "steps": steps,
        "command": "tamis run examples/quickstart.py",
    }


def _summary(shape: Shape, plan: dict[str, Any], arms: list[str], recipes: list[dict[str, Any]], rng: Any) -> dict[str, Any]:
    level = {
        (a, r["name"], t["name"]): _level(i, j, t)
        for i, a in enumerate(arms)
        for j, r in enumerate(recipes)
        for t in plan["tasks"]
    }
    scores, seeds = [], {}
    for (arm, recipe, task), value in level.items():
        values = [value + float(v) for v in rng.normal(0, 0.012, shape.seeds)]
        seeds[arm, recipe, task] = values
        low, high = (min(values) - 0.03, max(values) + 0.03) if shape.seeds > 1 and task != "tiny domain" else (None, None)
        scores.append(
            {
                "arm": arm,
                "recipe": recipe,
                "task": task,
                "mean": float(np.mean(values)),
                "seed_values": values,
                "low": low,
                "high": high,
            }
        )
    differences = []
    for recipe, task, (a, b) in itertools.product((r["name"] for r in recipes), plan["tasks"], itertools.combinations(arms, 2)):
        value = float(np.mean(seeds[b, recipe, task["name"]]) - np.mean(seeds[a, recipe, task["name"]]))
        half = 0.035 if task["name"] != "tiny domain" and shape.seeds > 1 else None
        differences.append(
            {
                "recipe": recipe,
                "task": task["name"],
                "a": a,
                "b": b,
                "difference": value,
                "low": value - half if half else None,
                "high": value + half if half else None,
                "primary": task["decides"] and recipe == recipes[-1]["name"],
            }
        )
    verdicts = (
        [_verdict(shape, a, b, recipes[-1]["name"], seeds) for a, b in itertools.combinations(arms, 2)] if shape.decides else []
    )
    operators = ["GopherQuality", "MinHash", "Goodness"]
    return {
        "answer": "At 0.33 M parameters and 0.4 M tokens (3 seeds), classifier lowers bits per byte on 3 held-out "
        "packages by 0.160 [0.125, 0.195] against raw; this design can see 0.041.",
        "answer_without_touched": "At 0.33 M parameters, classifier lowers bits per byte by 0.152 [0.116, 0.188] against raw."
        if shape.contamination
        else None,
        "verdicts": verdicts,
        "scores": scores,
        "differences": differences,
        "supply": [
            {
                "arm": a,
                "documents": 14000 - 2500 * (i % 4),
                "bytes": 38_000_000 - 4_000_000 * i,
                "unique_tokens": 9_000_000 // (i + 1),
                "recipe": r["name"],
                "epochs": 1.0 + 0.4 * i,
                "cropped_tokens": 12 * i,
            }
            for i, a in enumerate(arms)
            for r in recipes
        ],
        "copies": [
            {
                "step": "00" * 32,
                "arms": arms[1:],
                "threshold": 0.8,
                "rows": 14000,
                "compared": 900,
                "largest_cluster": 41,
                "expected": [[j / 50, 1 - (1 - (j / 50) ** 8) ** 14] for j in range(20, 51)],
                "measured": [
                    {"low": low, "high": high, "found": found, "copies": 20}
                    for low, high, found in ((0.5, 0.6, 1), (0.7, 0.8, 12), (0.8, 0.9, 18), (0.9, 1.0, 20), (1.0, 1.0, 20))
                ],
            }
        ][: len(arms) - 1],
        "overlap": {"arms": arms, "documents": [[14000 - 1500 * max(i, j) for j in range(len(arms))] for i in range(len(arms))]},
        "contamination": [
            {
                "arm": a,
                "task": "networkx",
                "items_touched": 3,
                "rows_touched": 4,
                "rows": 14000,
                "items_searched": 110,
                "items": 120,
            }
            for a in arms
        ]
        if shape.contamination
        else [],
        "touched": [
            {
                "task": "networkx",
                "arm": a,
                "touched": 3,
                "here": i,
                "untouched": 117,
                "score_touched": 1.9,
                "score_untouched": 2.1,
            }
            | {"difference": -0.2, "low": None if i else -0.31, "high": None if i else -0.09}
            for i, a in enumerate(arms)
        ]
        if shape.contamination
        else [],
        "thresholds": [
            {"arm": a, "score": s, "column": c, "min": bounds[0], "max": bounds[1]}
            for i, a in enumerate(arms[1:])
            for s, c, _, _, bounds in SCORES
            if bounds and (s != "Goodness" or i % 2)
        ],
        "rules": [
            {
                "arm": a,
                "text": "8f3a",
                "rows": 14000,
                "rule": f"{s}.{c} <= {bounds[1]}",
                "fires": n,
                "alone": alone,
                "with": w,
                "both": b,
            }
            for a in arms[1:]
            for (s, c, _, _, bounds), n, alone, w, b in zip(
                (x for x in SCORES if x[4]), (900, 40, 0), (700, 0, 0), ("words", "words", None), (38, 38, 0), strict=False
            )
        ],
        "cost": [
            {"stage": s, "cpu_seconds": v, "jobs": n}
            for s, v, n in (
                ("source", 4.2, 12),
                ("score", 9.1, 12),
                ("dedup", 3.0, 13),
                ("tokenise", 2.2, 9),
                ("train", 301.5, 18),
                ("evaluate", 31.0, 18),
            )
        ],
        "threats": [
            {
                "title": "Fewer than 20 tokens per parameter",
                "detail": "1.2 to 3.9 here; what holds may turn round in longer training.",
            },
            {
                "title": "Planted defects",
                "detail": "More than half of the text was made worse by one generator; real pools differ.",
            },
        ],
        "corpus": {
            "real": [
                {"what": "numpy documentation", "documents": 1200, "licence": "BSD-3-Clause", "version": "2.3.0"},
                {"what": "standard library", "documents": 5400, "licence": "PSF-2.0", "version": "3.11.2"},
            ],
            "planted": [{"kind": k, "documents": n, "share": n / 14000} for k, n in KINDS],
            "hash": "5f" * 32,
        }
        if shape.corpus
        else None,
        "planted": [
            {
                "arm": a,
                "operator": o,
                "kind": k,
                "rows": n,
                "dropped": int(n * (0.08 if k.startswith("good") else 0.55) * ((j + m) % 3) / 2),
            }
            for a in arms[1:]
            for j, o in enumerate(operators)
            for m, (k, n) in enumerate(KINDS)
        ]
        if shape.corpus
        else None,
        "damage": [{"file": "web/pool-03.warc.gz", "where": "bytes 1024-2048", "reason": "gzip member cut short"}],
        "tokenizer": {"sha256": "ab" * 32, "vocabulary": 2048, "bytes_per_token": 3.41},
    }


def _level(arm: int, recipe: int, task: dict[str, Any]) -> float:
    if task["metric"] == "accuracy":
        return 0.5 + 0.01 * arm + 0.02 * recipe
    shift = 0.05 * arm if task["role"] == "diagnostic" else -0.09 * min(arm, 2) - 0.01 * arm
    return 2.86 + shift - 0.1 * recipe + 0.07 * (len(task["name"]) % 5)


def _verdict(shape: Shape, a: str, b: str, recipe: str, seeds: dict[Any, list[float]]) -> dict[str, Any]:
    mean = {arm: np.mean([seeds[arm, recipe, t] for t in ("networkx", "scipy", "sympy")], axis=0) for arm in (a, b)}
    per_seed = [float(v) for v in mean[b] - mean[a]]
    value = float(np.mean(per_seed))
    if shape.seeds == 1:
        return {
            "better": None,
            "a": a,
            "b": b,
            "verdict": "no verdict",
            "difference": value,
            "low": None,
            "high": None,
            "p": None,
            "p_holm": None,
            "smallest_visible": None,
            "per_seed": per_seed,
        }
    found = abs(value) > 0.035
    return {
        "better": (b if value < 0 else a) if found else None,
        "a": a,
        "b": b,
        "verdict": "better" if found else "no difference shown",
        "difference": value,
        "low": value - 0.035,
        "high": value + 0.035,
        "p": 0.0004 if found else 0.4,
        "p_holm": 0.0012 if found else 0.4,
        "smallest_visible": 0.041,
        "per_seed": per_seed,
    }


def _funnel(arms: list[str], rng: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    steps = [
        ("near the hold-out", ["near-holdout"], 0.01),
        ("Language: english", ["below 0.65"], 0.06),
        (
            "GopherQuality",
            [
                "words below 50",
                "mean_word_length above 10",
                "symbols_per_word above 0.1",
                "ellipses",
                "no letters",
                "too few stop words",
            ],
            0.14,
        ),
        ("GopherRepetition", ["duplicate_line_characters above 0.2", "top 2-gram"], 0.07),
        ("MinHash near-duplicates", ["near-duplicate"], 0.2),
        ("Goodness: value", ["below 0.5"], 0.45),
    ]
    for index, arm in enumerate(arms):
        count = 14000
        for position, (operator, reasons, share) in enumerate(steps[: 1 if index == 0 else 5 if index % 2 else 6]):
            dropped = [int(count * share * w) for w in rng.dirichlet(np.full(len(reasons), 2.0))]
            out = count - sum(dropped)
            for reason, number in [(None, out), *zip(reasons, dropped, strict=True)]:
                rows.append(
                    {
                        "arm": arm,
                        "position": position,
                        "operator": operator,
                        "rows_in": count,
                        "rows_out": out,
                        "reason": reason,
                        "rows": number,
                        "bytes": number * 2700,
                    }
                )
            count = out
    return rows


def _histograms(rng: Any) -> list[dict[str, Any]]:
    rows = []
    for score, column, low, high, _ in SCORES:
        values = rng.beta(2.2, 4.0, 14000) * (high - low) + low
        counts, edges = np.histogram(values, 40, (low, high))
        rows += [
            {"text": "pool", "score": score, "column": column, "low": float(a), "high": float(b), "rows": int(n)}
            for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
        ]
    return rows


def _curves(arms: list[str], recipes: list[dict[str, Any]], seeds: int, rng: Any) -> list[dict[str, Any]]:
    rows = []
    for (index, arm), recipe, seed in itertools.product(enumerate(arms), recipes, range(seeds)):
        for step in range(1, recipe["steps"] + 1):
            loss = 4.2 + 3.4 * np.exp(-step / 60) - 0.08 * index - 0.0012 * step + rng.normal(0, 0.06)
            rows.append(
                {"arm": arm, "recipe": recipe["name"], "seed": seed, "step": step, "tokens": step * 1024, "loss": float(loss)}
            )
    return rows


def _examples(funnel: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups = sorted({(r["arm"], r["operator"], r["reason"] or "") for r in funnel})
    return [
        {
            "arm": arm,
            "operator": operator,
            "reason": reason or None,
            "evidence": f"value {n}.25",
            "source": "web/pool-01.warc.gz",
            "url": f"https://example.org/{n}?mail=joe@example.org",
            "text": HOSTILE[(n + place) % len(HOSTILE)],
            "planted": "spam" if n % 3 == 0 else None,
        }
        for place, (arm, operator, reason) in enumerate(groups)
        for n in range(2)
    ]


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")


def _jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _parquet(path: Path, rows: list[dict[str, Any]], columns: list[str]) -> None:
    pq.write_table(pa.table({c: [r[c] for r in rows] for c in columns}), path)


if __name__ == "__main__":
    from tamis.report.page import write

    arms, sizes, seeds = [*map(int, sys.argv[2:]), *(3, 2, 3)[len(sys.argv) - 2 :]]
    print(write(make(Path(sys.argv[1]), Shape(arms, sizes, seeds))))
