"""What a run will cost, before it runs: training exactly, rows by a sample, memory and disk by stated rules.

Rows kept are estimated from 200 hashed documents of every source, through the row-wise part of an arm's chain, and told as a
range (Wilson interval at 95 %). What dedup or nearness to the hold-out will drop cannot be seen in a sample and is called
unknown.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow.compute as pc

from tamis.core.budget import free_disk, readable
from tamis.core.errors import TamisError
from tamis.core.runner import Local, run
from tamis.core.step import Where, walk
from tamis.core.store import Store
from tamis.data.apply import EditText, ScoreText, UnionSelection, UnionText
from tamis.data.dataset import Dataset, Resolver, Stage
from tamis.data.dedup.bands import Clusters
from tamis.data.dedup.verdicts import Survivors
from tamis.data.preview import SampledResolver
from tamis.data.select import Keep, Sample
from tamis.data.source import ReadSource
from tamis.experiment.declare import Experiment
from tamis.experiment.plan import Plan
from tamis.stats.proportion import wilson

SAMPLE = 200
ROW_WISE = (EditText, Keep, Sample, ReadSource, ScoreText, UnionText, UnionSelection)
ADAM_BYTES = 16  # weights, gradient and two moments in fp32, per parameter
ORDER_BYTES = 24  # per document, for the order of training
PUBLISHED = (
    0.45  # bytes on disk per byte of text: Parquet with zstd level 3, ids and metadata (measured .40-.48 on English prose)
)


def estimate(plan: Plan, store: Store) -> Iterator[str]:
    """Lines for people."""
    experiment = plan.experiment
    vocabulary = vocabulary_of(experiment)
    yield ""
    runs = len(plan.runs)
    yield f"training: {runs} runs = {len(experiment.arms)} arms x {len(experiment.recipes)} sizes x {len(experiment.seeds)} seeds"
    for recipe in experiment.recipes:
        count = recipe.parameters(vocabulary)
        flops = recipe.flops(vocabulary) * len(experiment.arms) * len(experiment.seeds)
        share = recipe.tokens_per_parameter(vocabulary)
        yield f"  {recipe.name:<10} {count:,} parameters, {recipe.trained_tokens:,} tokens ({share:.1f} per parameter)"
        yield f"  {'':<10} {recipe.steps:,} steps each; {flops:.2e} operations in all"
    yield ""
    yield "rows kept, from a sample of each source:"
    samples = {arm.name: sample(plan, arm.data) for arm in experiment.arms}
    for name, found in samples.items():
        yield f"  {name:<24} {found.kept}"
    yield ""
    largest = max(r.parameters(vocabulary) for r in experiment.recipes)
    size = published_bytes(plan)
    edits = 1 + max(sum(s.step.op.kind == "text" for s in a.stages[1:]) for a in plan.arms)
    tokens = len(plan.arms) * size * 0.6
    yield f"memory: {ORDER_BYTES} B a document for the order of training; {readable(largest * ADAM_BYTES)} of model state a run"
    yield from dict.fromkeys(_near_duplicates(plan, samples, size))
    yield f"disk: about {readable(size * edits + tokens)} for {readable(size)} of sources, {readable(free_disk(store.path))} free"


def vocabulary_of(experiment: Experiment) -> int:
    """The vocabulary a declared tokenizer will have (of a pinned one, what its file says)."""
    from tamis.data.tokenize import BPE
    from tamis.lm.tokenizer import Tokenizer

    declared = experiment.tokenizer
    if isinstance(declared, BPE):
        return declared.vocabulary
    return Tokenizer.load(declared.path, declared.bos, declared.eos).vocab_size


class Sampled(NamedTuple):
    """What a sample of an arm's sources says: the share of rows kept, for people, and the bytes of text of a row (0: unknown)."""

    kept: str
    bytes: float = 0.0


def _near_duplicates(plan: Plan, samples: dict[str, Sampled], published: float) -> Iterator[str]:
    """What finding near-duplicates will take, once for each arm that does."""
    for arm in plan.arms:
        for stage in arm.stages:
            clusters = next((s for s in walk([stage.step]) if isinstance(s.op, Clusters)), None)
            mean = samples[arm.arm.name].bytes
            if clusters is None or not isinstance(clusters.op, Clusters) or not mean or not isinstance(stage.step.op, Survivors):
                continue
            rows = round(published / PUBLISHED / mean)
            disk = rows * (16 * clusters.op.bands + 4) + published
            memory = readable(Clusters.memory(rows))
            yield f"near-duplicates in {arm.arm.name}: {rows:,} documents or fewer, {memory} of memory, {readable(disk)} of disk"


def sample(plan: Plan, dataset: Dataset) -> Sampled:
    """Runs the row-wise operators on a sample of the sources."""
    folder = Path(tempfile.mkdtemp(prefix="tamis-plan-"))
    try:
        resolver = SampledResolver(plan.data, rows=SAMPLE)
        stages = _row_wise(resolver.stages(dataset))
        store = Store(folder)
        published = run([s.step for s in stages], store, Local(1), Where(str(plan.data.absolute())))
        rows = sum(p.ledger.rows_out for p, s in zip(published, stages, strict=True) if not s.step.inputs)
        left = published[-1].ledger.rows_out
        low, high = wilson(left, rows)
        rest = resolver.stages(dataset)[len(stages) :]
        blind = dict.fromkeys(s.name for s in rest if s.step.inputs and not isinstance(s.step.op, ROW_WISE))
        unknown = f"; then {', '.join(blind)}: unknown" if blind else ""
        texts = [p for p in published if p.kind == "text"]
        lengths = [pc.sum(pc.binary_length(texts[-1].read(s.name, ["text"]).column("text"))).as_py() for s in texts[-1].shards]
        mean = sum(n or 0 for n in lengths) / max(texts[-1].rows, 1)
        return Sampled(f"{low:.0%} to {high:.0%} ({left} of {rows} sampled){unknown}", mean)
    except TamisError as error:
        return Sampled(f"unknown: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _row_wise(stages: list[Stage]) -> list[Stage]:
    """The chain up to the first operator that looks at the whole corpus."""
    out: list[Stage] = []
    for stage in stages:
        if stage.step.inputs and not isinstance(stage.step.op, ROW_WISE):
            break
        out.append(stage)
    return out


def published_bytes(plan: Plan) -> float:
    """About how many bytes the texts of all sources take as shards: compressed files stay as large as they are."""
    resolver: Resolver = plan.resolver
    total = 0.0
    for source in plan.sources:
        for stage in resolver.stages(source):
            for name, size, _ in getattr(stage.step.op, "files", ()):
                total += size * (1.0 if name.endswith((".gz", ".zst", ".parquet")) else PUBLISHED)
    return total
