"""`tamis build` and `tamis try`: curation alone, without an experiment."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tamis.core import disk
from tamis.core.errors import TamisError, UsageError
from tamis.core.runner import Local, run
from tamis.core.step import Published, Step, Where, kebab, walk
from tamis.core.store import Store, encode
from tamis.data.apply import ScoreText, UnionColumns
from tamis.data.dataset import Resolver, Stage
from tamis.data.export import FORMATS, Export, ExportTokens
from tamis.data.select import View
from tamis.data.tokenize import Pinned, tokenized
from tamis.experiment.command import arm_or_dataset
from tamis.experiment.datasheet import source_facts, stage_facts
from tamis.report.card import datasheet
from tamis.terminal import Progress


def build_dataset(
    target: str,
    to: Path,
    format: str,
    tokens: str | None,
    dropped: Path | None,
    store_path: Path,
    data: Path,
    workers: int,
    accept_drift: bool,
) -> int:
    """Write the dataset that FILE:NAME names into `to`; returns the number of damaged places in its sources."""
    if format not in FORMATS:
        raise UsageError(f"--format {format}: use {', '.join(FORMATS)}")
    dataset, name, file = arm_or_dataset(target)
    for folder in (to, dropped):
        if folder is not None and folder.exists() and any(folder.iterdir()) and not (folder / "manifest.json").exists():
            raise UsageError(f"{folder} is not empty and was not written by tamis; name another folder")
    store = Store(store_path)
    resolver = Resolver(data.expanduser(), None, store_path / "hashes.sqlite")
    view, stages = resolver.view(dataset), resolver.stages(dataset)
    columns = beside(view, stages)
    export = Step(Export(format, tuple(columns)), (*view, *columns.values()))
    targets = {"data": export}
    if tokens is not None:
        tokenizer = Pinned(tokens).step([])
        targets["tokens"] = Step(ExportTokens(), (tokenized(view, tokenizer), tokenizer))
    if dropped is not None:
        edits = [s for s in walk([view.text]) if s.op.kind == "text" and any(i.op.kind == "selection" for i in s.inputs)]
        targets |= {f"edit-{i}": Step(Export(format, dropped=True, edited=True), (*s.inputs[:2], s)) for i, s in enumerate(edits)}
        targets["final"] = Step(Export(format, tuple(columns), dropped=True), (*view, *columns.values()))
    drifted = [n for s in walk(list(targets.values())) for n in store.drift(s)]
    if drifted and not accept_drift:
        raise TamisError(f"{', '.join(sorted(set(drifted)))} has other code at the same version: bump it, or use --accept-drift")
    with Local(workers, (str(file),)) as runner, Progress() as progress:
        made = dict(zip(targets, run(list(targets.values()), store, runner, Where(str(data.absolute())), progress), strict=True))
    facts = made["data"].facts
    sources = [s for s in walk([view.text]) if not s.inputs and s.op.kind == "text"]
    damaged = _damage(sources, store)
    if not facts["rows"]:
        raise TamisError(f"{name} ends with no documents (`tamis try {target}` shows which rule drops them)")
    sheet = datasheet(
        {
            "name": name,
            "purpose": "A curated training set for language models.",
            "sources": [source_facts(s, store) for s in sources],
            "arms": [{"name": name, "stages": stage_facts(stages, store)}],
            "limits": [],
        }
    )
    _place(made, to, dropped, sheet)
    print(f"{facts['rows']:,} documents, {facts['bytes']:,} bytes of text in {to}")
    return damaged


def beside(view: View, stages: list[Stage]) -> dict[str, Step]:
    """The scores computed beside the final text, by readable name."""
    out: dict[str, Step] = {}
    for stage in stages:
        for step in stage.step.inputs[2:]:
            if step.inputs[:1] == (view.text,) and isinstance(step.op, ScoreText | UnionColumns):
                first = step
                while isinstance(first.op, UnionColumns):
                    first = first.inputs[1]
                label = kebab(type(first.op.score).__name__) if isinstance(first.op, ScoreText) else step.label
                out[label] = step
    return out


def _place(made: dict[str, Published], to: Path, dropped: Path | None, sheet: str) -> None:
    """Link the exported files to where the user wants them, manifest last."""
    _fill(to / "data", {"": made["data"]})
    if "tokens" in made:
        _fill(to / "tokens", {"": made["tokens"]})
        facts = made["tokens"].facts | {"layout": "flat", "bin": "little-endian uint16 or uint32 ids", "idx": "int64 offsets"}
        disk.replace_file(to / "tokens" / "tokens.json", encode(facts), "run")
    if dropped is not None:
        parts = {f"{name}-": step for name, step in made.items() if name not in ("data", "tokens")}
        _fill(dropped, parts)
        disk.replace_file(dropped / "manifest.json", encode({name: _files(step) for name, step in parts.items()}), "run")
    disk.replace_file(to / "README.md", sheet.encode(), "run")
    disk.replace_file(to / "manifest.json", encode(_files(made["data"])), "run")


def _fill(folder: Path, steps: dict[str, Published]) -> None:
    """A fresh folder with the files of some steps, each under its prefix."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for prefix, step in steps.items():
        for shard in step.shards:
            disk.link(step.file(shard.name), folder / f"{prefix}{shard.name}")


def _files(step: Published) -> dict[str, object]:
    return {"key": step.key, "files": [{"name": s.name, "bytes": s.bytes, "sha256": s.sha256} for s in step.shards]} | step.facts


def _damage(sources: list[Step], store: Store) -> int:
    count = 0
    for step in sources:
        ledger = store.get(step).ledger
        count += ledger.damaged
        for place in ledger.damage[:10]:
            sys.stderr.write(f"tamis: damaged: {place}\n")
    if count:
        places = "1 place" if count == 1 else f"{count:,} places"
        sys.stderr.write(f"tamis: finished with damage: {places} in the sources could not be read; the rest was used\n")
    return count


def try_dataset(target: str, rows: int, data: Path, show: int) -> None:
    """The chain on a hashed sample of the source, with documents to read."""
    from tamis.data.preview import SampledResolver
    from tamis.gallery import chain, print_documents, print_rules

    dataset, _, file = arm_or_dataset(target)
    folder = Path(tempfile.mkdtemp(prefix="tamis-try-"))
    try:
        resolver = SampledResolver(data.expanduser(), rows=rows)
        stages = resolver.stages(dataset)
        view = resolver.view(dataset)
        store = Store(folder)
        with Local(1, (str(file),)) as runner:
            run([*view, *(s.step for s in stages)], store, runner, Where(str(data.absolute())))
        for stage in stages:
            ledger = store.get(stage.step).ledger
            print(f"{stage.name:<34} {ledger.rows_in:>7,} in  {ledger.rows_out:>7,} out")
            for reason, count in ledger.dropped.most_common(8):
                print(f"    {count:>7,}  {reason}")
        selection = store.get(view.selection)
        print_rules(*chain(selection, store))
        print_documents(store.get(view.text), selection, show)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
