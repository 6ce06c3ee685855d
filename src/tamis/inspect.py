"""Looking at what is there: a step, a document's life, two runs side by side, a store; and computing a sample of a run anew."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tamis.core import disk
from tamis.core.budget import readable
from tamis.core.errors import TamisError, UsageError
from tamis.core.runner import Job, Part, execute, load_file
from tamis.core.step import Published, Step, Where, walk
from tamis.core.store import Receipt, Store, folder_bytes

WIDTH = 160


def list_store(path: Path) -> None:
    """One line a step, and the total."""
    store, total = Store(path), 0
    for step in store.published():
        used = folder_bytes(step.path)
        total += used
        print(f"{step.path.name:<44} {step.kind:<10} {step.rows:>10,} rows  {readable(used):>9}")
    print(f"{readable(total)} in {path}")


def collect(path: Path, runs: Path, dry_run: bool) -> None:
    """Delete what no run directory names."""
    keep = set(kept_keys(runs))
    store = Store(path)
    for folder in store.garbage(keep):
        print(f"{'would delete' if dry_run else 'deleted'} {folder.name}  {readable(folder_bytes(folder))}")
    if not dry_run:
        store.collect(keep)


def kept_keys(runs: Path) -> Iterator[str]:
    """Keys of all steps that the runs below a folder name."""
    for plan in runs.glob("*/plan.json"):
        for step in json.loads(plan.read_text(encoding="utf-8"))["steps"]:
            yield step["key"]


def show(what: str, path: Path, rows: int) -> None:
    """A step by key or folder, or a document by id."""
    store = Store(path)
    steps = store.published()
    found = [s for s in steps if s.key.startswith(what) or s.path.name == what]
    if len(found) == 1:
        _show_step(found[0], store, rows)
    elif len(found) > 1:
        raise UsageError(f"{what} names {len(found)} steps: {', '.join(s.path.name for s in found[:5])}; give more digits")
    elif len(what) == 32 and not set(what) - set("0123456789abcdef"):
        _show_document(bytes.fromhex(what), steps)
    else:
        raise UsageError(f"{what} is neither a step of {path} (see `tamis store list`) nor a document's id (32 hex digits)")


def _show_step(step: Published, store: Store, rows: int) -> None:
    ledger = step.ledger
    print(f"{step.path.name}  ({step.kind}, {len(step.shards)} shards, {step.rows:,} rows)")
    print(json.dumps(step.manifest["op"], indent=2, ensure_ascii=False))
    born = f" + {ledger.rows_born:,} born" if ledger.rows_born else ""
    print(f"rows in {ledger.rows_in:,}{born}, out {ledger.rows_out:,}, dropped {ledger.rows_dropped:,}")
    for reason, count in ledger.dropped.most_common():
        print(f"  {count:>10,}  {reason}")
    for place in ledger.damage[:10]:
        print(f"  damaged: {place}")
    for name, value in step.facts.items():
        print(f"  {name}: {_cut(json.dumps(value, ensure_ascii=False))}")
    if step.kind == "selection":
        _show_selection(step, store, rows)
        return
    for shard in step.shards[:1]:
        if shard.name.endswith(".parquet"):
            for row in step.read(shard.name).slice(0, rows).to_pylist():
                print(_short(row))


def _show_selection(step: Published, store: Store, rows: int) -> None:
    """The rules up to this step, and documents that were kept and dropped."""
    from tamis.gallery import chain, print_documents, print_rules

    print_rules(*chain(step, store))
    text = next((s for s in store.published() if s.key == step.manifest["inputs"][0]), None)
    if text is not None:
        print_documents(text, step, rows)


def _short(row: dict[str, Any]) -> str:
    parts = []
    for name, value in row.items():
        text = value.hex() if isinstance(value, bytes) else str(value)
        parts.append(f"{name}={_cut(' '.join(text.split()))}")
    return "  ".join(parts)


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else text[:WIDTH] + " …"


def _show_document(wanted: bytes, steps: list[Published]) -> None:
    """Every text that holds the document, and what the steps beside that text say of it."""
    texts = [s for s in steps if s.kind == "text"]
    seen = False
    for text in texts:
        place = _find(text, wanted)
        if place is None:
            continue
        seen = True
        name, row = place
        document = text.read(name).slice(row, 1).to_pylist()[0]
        print(f"{text.path.name}: {document['source']} {document['url']}\n  {' '.join(document['text'].split())[: 4 * WIDTH]}")
        for step in steps:
            beside = step.manifest["inputs"][:1] == [text.key] and step.kind in ("columns", "selection")
            if beside:
                print(f"  {step.path.name:<40} {_short(step.read(name).slice(row, 1).to_pylist()[0])}")
    if not seen:
        raise UsageError(f"no text of this store holds the document {wanted.hex()}")


def _find(text: Published, wanted: bytes) -> tuple[str, int] | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    for shard in text.shards:
        ids = text.read(shard.name, ["id"]).column("id")
        row = pc.index(ids, pa.scalar(wanted, ids.type)).as_py()
        if row >= 0:
            return shard.name, row
    return None


def read_run(run: Path, name: str) -> Any:
    """A JSON file of a run directory."""
    try:
        return json.loads((run / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{run} has no {name}: is it a run directory?") from None


def diff(a: Path, b: Path) -> None:
    """Declarations that differ, steps that only one has, and both answers."""
    first, second = read_run(a, "plan.json"), read_run(b, "plan.json")
    for name in ("question", "baseline", "seeds", "decide", "holdout", "numerics", "recipes", "tasks"):
        if first.get(name) != second.get(name):
            print(f"{name}:\n  - {json.dumps(first.get(name))}\n  + {json.dumps(second.get(name))}")
    ours, theirs = ({s["key"]: s for s in plan["steps"]} for plan in (first, second))
    for sign, steps, other in (("-", ours, theirs), ("+", theirs, ours)):
        for key, step in steps.items():
            if key not in other and step["kind"] not in ("model", "results"):
                print(f"{sign} {step['label']}-{key[:12]}  {json.dumps(step['op'].get('fields', {}))[:WIDTH]}")
    both = set(ours) & set(theirs)
    print(f"{len(both)} steps in both, {len(ours) - len(both)} only in {a.name}, {len(theirs) - len(both)} only in {b.name}")
    for run in (a, b):
        if (run / "summary.json").exists():
            print(f"{run.name}: {read_run(run, 'summary.json')['answer']}")


def verify(run: Path, path: Path, data: Path, sample: int) -> None:
    """Hash every published file of a run again, then compute `sample` of its jobs anew and compare their bytes."""
    store = Store(path)
    keys = {s["key"] for s in read_run(run, "plan.json")["steps"]}
    present = {s.key: s for s in store.published() if s.key in keys}
    if missing := len(keys) - len(present):
        raise TamisError(f"{missing} of the run's {len(keys)} steps are not in {path}; run it again or name its --store")
    files = bad = 0
    for step in present.values():
        for shard in (*step.shards, *step.dropped):
            files += 1
            if disk.file_sha256(step.path / shard.name) != shard.sha256:
                bad += 1
                print(f"damaged: {step.path / shard.name}")
    if bad:
        raise TamisError(f"{bad} of {files} files are not the ones that were published; delete their folders and run again")
    print(f"{files} files of {len(present)} steps have the bytes that were published")
    done = _recompute(run, store, present, data, sample)
    print(f"{done} jobs computed anew gave the same bytes")


def _recompute(run: Path, store: Store, present: dict[str, Published], data: Path, sample: int) -> int:
    """Run a few jobs in a temporary store whose inputs are the published ones."""
    from tamis.experiment.command import Options, load_experiment, make_plan

    file = run / "experiment.py"
    load_file(str(file))
    experiment, _ = load_experiment(str(file))
    plan = make_plan(experiment, Options(store.path, run.parent, data))
    steps = [s for s in walk([*plan.data_steps, *plan.score_steps]) if s.key in present]
    if not steps:
        raise TamisError(f"the experiment in {run} gives other keys now (other code, other data or other versions)")
    pieces = [(s, p) for s in steps for p in s.op.jobs(tuple(present[i.key] for i in s.inputs), Where(str(data.absolute())))]
    chosen = sorted(pieces, key=lambda e: hashlib.sha256(f"{e[0].key}{e[1].name}".encode()).hexdigest())[:sample]
    folder = Path(tempfile.mkdtemp(prefix="tamis-verify-"))
    try:
        for step, piece in chosen:
            inputs = tuple(str(present[i.key].path) for i in step.inputs)
            (result,) = execute(Job(str(folder), (Part(step.op, step.key, step.label, inputs, piece),)))
            _compare(result.receipt, present[step.key], step)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return len(chosen)


def _compare(receipt: Receipt, published: Published, step: Step) -> None:
    recorded = {s.name: s.sha256 for s in (*published.shards, *published.dropped)}
    for shard in receipt.shards:
        if recorded.get(shard.name) != shard.sha256:
            raise TamisError(f"{step.directory}/{shard.name} came out with other bytes when it was computed anew")
