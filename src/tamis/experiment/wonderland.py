"""`tamis eval MODEL --tasks aiw`: ask a model, judge its answers, write results and the page.

MODEL is a directory or NAME@REVISION of the hub (probabilities of the answers; with `trials`, sampled replies), the URL of an
endpoint, or a .jsonl file of replies that exist already.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tamis.core import disk
from tamis.core.errors import UsageError
from tamis.eval.aiw import results
from tamis.eval.aiw.endpoint import Endpoint, ask, estimate
from tamis.eval.aiw.problems import Study
from tamis.eval.aiw.responses import ResponseStore, read_foreign

RECOMMENDED = 60  # trials: power .88 for rates between .3 and .7 (docs/aiw.md)


@dataclass(frozen=True)
class Asking:
    """Where and how. `to`: folder of results. `trials`: None is likelihood for a directory, else the study's number."""

    to: Path | None = None
    name: str | None = None
    trials: int | None = None
    price: tuple[float, float] | None = None
    rate: float = 0.0
    device: str = "cpu"


def evaluate(model: str, study: Study, how: Asking) -> Path:
    """Ask, judge, print, write; returns the page."""
    if how.trials is not None:
        study = replace(study, trials=how.trials)
    if model.startswith(("http://", "https://")):
        name, mode, records, folder = _endpoint(model, study, how)
    elif model.endswith((".jsonl", ".jsonl.gz")):
        name, rows = read_foreign(Path(model), how.name)
        mode, records, folder = "stored", list(results.of_foreign(rows)), _folder(how, name)
    else:
        name, mode, records, folder = _directory(model, study, how)
    summary = results.summarise(records, name, mode)
    folder.mkdir(parents=True, exist_ok=True)
    disk.replace_file(folder / "results.json", results.dumps(summary), "run")
    from tamis.report.aiw import write

    page = write(folder)
    for line in results.lines(summary):
        print(line)
    print(f"\nReport: {page}")
    return page


def _endpoint(url: str, study: Study, how: Asking) -> tuple[str, str, list[results.Record], Path]:
    endpoint = Endpoint(url, how.name or "", price=how.price, rate=how.rate)
    problems = list(study.problems())
    folder = _folder(how, endpoint.model)
    store = ResponseStore(folder, endpoint.model, study)
    _say(estimate(problems, study, len(store.done), how.price))
    _warn(study)
    ask(endpoint, problems, study, store, _told("replies"))
    return endpoint.model, "sampled", _of(problems, study, store), folder


def _directory(model: str, study: Study, how: Asking) -> tuple[str, str, list[results.Record], Path]:
    from tamis.eval.aiw import local
    from tamis.eval.directory import open_model
    from tamis.eval.score import evaluate as score
    from tamis.eval.task import to_table

    directory = local.pinned_directory(model)
    name = how.name or directory.resolve().name
    folder = _folder(how, name)
    if how.trials is None:
        task = local.Wonderland(study.name, study=study)
        loaded, tokenizer, context = open_model(directory, how.device)
        table = score(loaded, tokenizer, task, to_table(task.items(), task.name), context, _told("questions"))
        return name, "scored", list(results.of_scores(task.problems(), table)), folder
    if not local.has_chat_template(directory):
        study = local.for_base(study)
    problems = list(study.problems())
    store = ResponseStore(folder, name, study)
    _warn(study)
    local.sample(directory, problems, study, store, how.device, _told("replies"))
    return name, "sampled", _of(problems, study, store), folder


def _of(problems: list[Any], study: Study, store: ResponseStore) -> list[results.Record]:
    return list(results.of_replies(problems, (r for r in store if r.trial < study.trials)))


def _folder(how: Asking, name: str) -> Path:
    return how.to or Path("aiw-" + re.sub(r"[^\w.-]+", "-", name).strip("-.").lower())


def _warn(study: Study) -> None:
    if study.trials < RECOMMENDED:
        _say(f"{study.trials} trials of each problem: a swing between .3 and .7 is often missed below {RECOMMENDED}")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _told(what: str) -> Callable[[int, int], None]:
    """Says how far it is, every quarter of a minute."""
    last = [time.monotonic()]

    def tell(done: int, of: int) -> None:
        if time.monotonic() - last[0] > 15:
            last[0] = time.monotonic()
            _say(f"{done} of {of} {what}")

    return tell


def price(text: str | None) -> tuple[float, float] | None:
    """ "2.5,10" → (2.5, 10.0): prompt and answer tokens, per million."""
    if text is None:
        return None
    try:
        prompt, answer = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--price {text}: two numbers, prompt and answer per million tokens, such as 2.5,10") from None
    return prompt, answer
