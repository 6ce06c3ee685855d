"""Items of tasks in training text: six disguises, generated and real; false alarms; scores with and without; what is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import pyarrow.parquet as pq
import pytest

from tamis import BitsPerByte, Cloze, Dataset, MultipleChoice
from tamis.cli import main
from tamis.core.errors import TamisError, UsageError
from tamis.core.runner import Local, run
from tamis.core.step import Where
from tamis.core.store import Store
from tamis.data.dataset import Resolver
from tamis.eval.task import Task
from tamis.experiment.contamination import Contaminated, scores
from tamis.stats.compare import Compare, Domain

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from _disguises import DISGUISES, Asked, Plant, plant

Found = list[set[tuple[str, str]]]


def write(path: Path, rows: Sequence[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def search(texts: Sequence[str], tasks: tuple[Task, ...], folder: Path) -> tuple[Found, dict[str, set[str]]]:
    """The (task, item) pairs found in each text; and of each task the items that can be searched for."""
    write(folder / "pool.jsonl", [{"text": text} for text in texts])
    resolver = Resolver(folder)
    view = resolver.view(Dataset.jsonl("pool.jsonl"))
    step = Contaminated(tasks=tasks).select(view, resolver)
    found, index = run([step, step.inputs[2]], Store(folder / "store"), Local(1), Where(str(folder)))
    evidence = [e for s in found.shards for e in found.read(s.name).column("evidence").to_pylist()]
    hits = [{(h["task"], h["reference"]) for h in json.loads(e)["near"]} if e else set() for e in evidence]
    can: dict[str, set[str]] = {t.name: set() for t in tasks}
    for row in index.read("references.parquet").to_pylist():
        can[row["task"]] |= {row["id"]} if row["searchable"] else set()
    return hits, can


def table(
    plants: Sequence[Plant], names: Sequence[tuple[str, str]], hits: Found, can: dict[str, set[str]]
) -> dict[str, tuple[int, int]]:
    """Prints and returns, by disguise: items found, and planted items that can be searched for; then the precision."""
    out, held = {}, {p for each in plants for p in each.places}
    for disguise in DISGUISES:
        own = [each for each in plants if each.disguise == disguise]
        ready = [each for each in own if names[each.item.number][1] in can[names[each.item.number][0]]]
        found = sum(any(names[each.item.number] in hits[p] for p in each.places) for each in ready)
        out[disguise] = (found, len(ready))
        print(f"{disguise:<16} found {found} of {len(ready)} ({found / len(ready):.3f}); not searchable: {len(own) - len(ready)}")
    flagged = {place for place, pairs in enumerate(hits) if pairs}
    true = len(flagged & held)
    print(f"documents flagged {len(flagged)}, of them with a planted item {true}: precision {true / len(flagged):.4f}")
    return out


def vocabulary(random: Random) -> list[str]:
    return ["".join(random.choices("abcdefghiklmnoprstuvwy", k=random.randint(2, 9))) for _ in range(4000)]


def prose(random: Random, vocabulary: Sequence[str], words: int) -> str:
    """Words with marks between them, rarer ones at the end of the vocabulary."""
    marks = ["", "", "", "", "", "", ",", ".", ";", " -"]
    return " ".join(vocabulary[int(4000 * random.random() ** 3)] + random.choice(marks) for _ in range(words))


def test_six_disguises_in_generated_text(tmp_path: Path) -> None:
    """All items of 8 words and more are found in every disguise that leaves the question whole; nothing else is flagged."""
    random = Random(4)
    known = vocabulary(random)
    rows, items = [], []
    for number in range(360):
        question = prose(random, known, random.choice((4, 7, 8, 12, 13, 20, 45)))
        choices = [prose(random, known, random.randint(1, 6)) for _ in range(4)]
        rows.append({"query": f"Question: {question}?", "choices": choices, "gold": number % 4})
        marked = "\n".join(f"{letter}. {choice}" for letter, choice in zip("ABCD", choices, strict=True))
        items.append(Asked(number, question, f"{question}?\n{marked}\nAnswer: {choices[number % 4]}"))
    write(tmp_path / "items.jsonl", rows)
    hosts = [prose(random, known, random.randint(60, 400)) for _ in range(1200)]
    texts, plants = plant(hosts, items, seed=5)
    hits, can = search(texts, (MultipleChoice("made", "items.jsonl"),), tmp_path)
    found = table(plants, [("made", str(n + 1)) for n in range(len(items))], hits, can)
    whole = DISGUISES[:4]
    assert [found[d][0] for d in whole] == [found[d][1] for d in whole]
    assert len(can["made"]) > 330
    assert {place for place, pairs in enumerate(hits) if pairs} <= {p for each in plants for p in each.places}
    sizes = {each.item.number: len(each.item.question.replace("-", " ").split()) for each in plants}
    alone = [each for each in plants if each.disguise == "question alone" and sizes[each.item.number] >= 8]
    assert all(("made", str(each.item.number + 1)) in hits[each.places[0]] for each in alone)


REAL = {
    "arc_easy": "world_knowledge",
    "gsm8k": "symbolic_problem_solving",
    "winogrande": "language_understanding",
    "lambada_openai": "language_understanding",
    "piqa": "commonsense_reasoning",
    "copa": "commonsense_reasoning",
}


def real_items(data: Path, folder: Path) -> tuple[tuple[Task, ...], list[Asked], list[tuple[str, str]]]:
    """Six real tasks; their items as people copy them; and (task, id) of each."""
    from contamination import _parts, _row

    tasks: list[Task] = []
    items: list[Asked] = []
    names = []
    for name, kind in REAL.items():
        lines = (data / "eval" / "tasks" / kind / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
        rows = [_row(json.loads(line)) for line in lines if line]
        write(folder / f"{name}.jsonl", rows)
        tasks.append((Cloze if "context" in rows[0] else MultipleChoice)(name, f"{name}.jsonl"))
        for number, row in enumerate(rows, 1):
            question, answer, rest = _parts(row)
            items.append(Asked(len(items), question, f"{question}\n{rest}" if rest else f"{question} {answer}"))
            names.append((name, str(number)))
    return tuple(tasks), items, names


def test_six_disguises_in_real_text(tmp_path: Path, real_data: Path) -> None:
    """Real items in real documents: recall by disguise, and what is flagged where nothing was planted."""
    import zstandard

    tasks, items, names = real_items(real_data, tmp_path)
    hosts: list[str] = []
    for name in ("recipes-wikibooks-en", "qa-medquad-en", "email-spam-ham"):
        with zstandard.open(real_data / "text" / f"{name}.jsonl.zst", "rt", encoding="utf-8") as lines:
            hosts += [json.loads(line)["text"][:20_000] for line, _ in zip(lines, range(900), strict=False)]
    chosen = Random(6).sample(items, 900)
    texts, plants = plant(hosts, chosen, seed=7)
    hits, can = search(texts, tasks, tmp_path)
    found = table(plants, names, hits, can)
    for disguise in ("verbatim", "wrapped anew", "white space"):
        assert found[disguise][0] == found[disguise][1]
    assert found["case and marks"][0] >= 0.99 * found["case and marks"][1]
    assert found["split in two"][0] >= 0.8 * found["split in two"][1]
    assert found["question alone"][0] >= 0.8 * found["question alone"][1]
    alarms = {p for p, pairs in enumerate(hits) if pairs} - {p for each in plants for p in each.places}
    assert len(alarms) <= 1


POOL = [
    "A page about birds and their nests.",
    "Quiz! WHAT do bees make of nectar, all summer long? Honey, of course. " + "More text. " * 9,
]
BEES = {"query": "What do bees make of nectar all summer long?", "choices": ["honey", "wax"], "gold": 0}


def test_build_removes_and_says_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "pool.jsonl", [{"text": text} for text in POOL])
    write(tmp_path / "bees.jsonl", [BEES])
    (tmp_path / "file.py").write_text(
        "from tamis import Dataset, MultipleChoice\n"
        "from tamis.experiment.contamination import Contaminated\n"
        "clean = Dataset.jsonl('pool.jsonl').select(Contaminated(tasks=(MultipleChoice('bees', 'bees.jsonl'),)))\n"
    )
    places = {"--data": tmp_path, "--store": tmp_path / "store", "--dropped": tmp_path / "gone", "--to": tmp_path / "out"}
    flags = [str(part) for pair in places.items() for part in pair]
    assert main(["build", f"{tmp_path}/file.py:clean", "--workers", "1", *flags]) == 0
    assert capsys.readouterr().out.startswith("1 documents")
    dropped = [row for path in (tmp_path / "gone").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert [row["reason"] for row in dropped] == ["contaminated"]
    (hit,) = json.loads(dropped[0]["evidence"])["near"]
    assert hit == {"task": "bees", "reference": "1", "words": 9, "of": 11, "text": "what do bees make of nectar all summer long"}


def test_a_target_domain_is_searched_for_as_well(tmp_path: Path) -> None:
    text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    write(tmp_path / "target.jsonl", [{"text": text}])
    hits, _ = search([f"before {text} after", "nothing"], (BitsPerByte("target", Dataset.jsonl("target.jsonl")),), tmp_path)
    assert [len(h) for h in hits] == [1, 0]


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ((), "give a tuple of tasks"),
        ("bees.jsonl", "give a tuple of tasks"),
        ((Dataset.jsonl("bees.jsonl"),), "texts of another kind go into Near"),
        ((MultipleChoice("bees", "a.jsonl"), Cloze("bees", "b.jsonl")), "two tasks are called bees"),
    ],
)
def test_what_is_no_task_is_refused(tasks: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Contaminated(tasks=tasks)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**BEES, "query": None}, r"bees.jsonl: line 1: 'query' must be a text, not missing"),
        ({**BEES, "query": float("nan")}, r"line 1: 'query' must be a text, not nan"),
        ({**BEES, "choices": ["honey", ""]}, r"line 1: 'choices' number 1 must be a text"),
        ({**BEES, "gold": 2}, r"line 1: gold is 2"),
        ({**BEES, "query": "1 + 1 =", "choices": ["2", "3"]}, r"none of the 1 references can be searched for"),
    ],
)
def test_rubbish_among_items_is_one_line(row: dict[str, object], message: str, tmp_path: Path) -> None:
    write(tmp_path / "bees.jsonl", [row])
    with pytest.raises(TamisError, match=message) as error:
        search(POOL, (MultipleChoice("bees", "bees.jsonl"),), tmp_path)
    assert "\n" not in str(error.value)


def test_a_missing_file_of_a_task_is_named(tmp_path: Path) -> None:
    with pytest.raises(TamisError, match=r"bees.jsonl: no such file under the data root"):
        search(POOL, (MultipleChoice("bees", "bees.jsonl"),), tmp_path)


def domain(arms: int, seeds: int, items: int, generator: np.random.Generator) -> Domain:
    value = (generator.random((arms, seeds, items)) < 0.5).astype(float)
    return Domain("quiz", "accuracy", True, np.arange(items), np.ones(items), value)


def test_touched_items_are_scored_apart() -> None:
    quiz = domain(2, 3, 400, np.random.default_rng(0))
    mask = np.arange(400) < 80
    quiz.value[1, :, :80] = 1.0  # arm b has learned them by heart
    a, b = scores(("a", "b"), quiz, mask, (0, 80), Compare())
    assert (a.touched, a.untouched, a.here, b.here) == (80, 320, 0, 80)
    assert b.score_touched == 1.0 and b.score_untouched == quiz.value[1, :, 80:].mean()
    assert a.difference == pytest.approx(a.score_touched - quiz.value[0, :, 80:].mean())
    assert a.low < 0 < a.high and 0.3 < b.low < b.difference < b.high  # type: ignore[operator]


def test_the_interval_of_the_difference_covers() -> None:
    """No effect: 95 % intervals leave out zero in about 5 % of cases, not more."""
    generator = np.random.default_rng(1)
    mask = np.arange(120) < 40
    out = [scores(("a", "b"), domain(2, 3, 120, generator), mask, (0, 0), Compare(bootstrap=200))[0] for _ in range(200)]
    misses = sum(not t.low <= 0 <= t.high for t in out)  # type: ignore[operator]
    print(f"{misses} of 200 intervals leave out zero")
    assert misses <= 18


@pytest.mark.parametrize(("touched", "seeds"), [(3, 3), (60, 3), (30, 1)])
def test_too_few_items_or_seeds_have_no_interval(touched: int, seeds: int) -> None:
    mask = np.arange(60) < touched
    for t in scores(("a", "b"), domain(2, seeds, 60, np.random.default_rng(2)), mask, (1, 1), Compare()):
        assert t.low is None and t.high is None and (t.score_untouched is None) == (touched == 60)
    assert scores(("a",), domain(1, 2, 5, np.random.default_rng(3)), np.zeros(5, bool), (0,), Compare()) == []
