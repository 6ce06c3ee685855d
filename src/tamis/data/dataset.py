"""A dataset: a source and what was done to it, declared once and turned into steps when somebody asks.

A `Dataset` is a value: every method returns a new one and nothing runs. `Resolver` turns it into a `View` (a text and the
selection of its rows). Scores are keyed by the text they read, so arms share them, and a changed threshold re-runs one cheap
selection.

The hold-out is cut here, at the root, before any arm exists: the first selection of every text that comes from a source (after
extraction) drops the rows that the hold-out takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tamis.core.errors import UsageError
from tamis.core.step import Step, kebab
from tamis.data.apply import EditText, UnionSelection, UnionText, scored
from tamis.data.edit import Edit
from tamis.data.holdout import Holdout as Holdout
from tamis.data.score import Field, Rule, Score, Value
from tamis.data.select import All, Bound, Keep, Sample, Select, TopFraction, View
from tamis.data.source import Html, Hub, Jsonl, ParquetFiles, ReadSource, Source, Text, Warc

if TYPE_CHECKING:
    import pandas
    import pyarrow as pa


@dataclass(frozen=True)
class Rules:
    """The bounds of one `keep`, in declared order."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Top:
    """The highest `fraction` of the still selected rows by one field."""

    field: Field
    fraction: float


@dataclass(frozen=True)
class Union:
    """Several datasets one after another."""


Op = Source | Edit | Rules | Top | Union | Select


@dataclass(frozen=True)
class Dataset:
    """A declaration: an operator and the datasets it is applied to. Build one with a class method, refine it with the others."""

    op: Any
    parents: tuple[Dataset, ...] = ()
    enters_as_input: ClassVar[bool] = True

    # Sources: names and globs are relative to the data root (`--data` or TAMIS_DATA), or fsspec URLs.

    @classmethod
    def warc(cls, files: str | tuple[str, ...], **options: Any) -> Dataset:
        """Web archives (WARC, WARC.gz, WET, ARC); HTML pages still need `.extract()`."""
        return cls(Warc(_files(files), **options))

    @classmethod
    def html(cls, files: str | tuple[str, ...], **options: Any) -> Dataset:
        """HTML files; they still need `.extract()`."""
        return cls(Html(_files(files), **options))

    @classmethod
    def jsonl(cls, files: str | tuple[str, ...], **options: Any) -> Dataset:
        """JSON Lines, plain, .gz or .zst; `text="..."` and `url="..."` name the keys."""
        return cls(Jsonl(_files(files), **options))

    @classmethod
    def parquet(cls, files: str | tuple[str, ...], **options: Any) -> Dataset:
        """Parquet files; `text="..."` and `url="..."` name the columns."""
        return cls(ParquetFiles(_files(files), **options))

    @classmethod
    def text(cls, files: str | tuple[str, ...], **options: Any) -> Dataset:
        """Plain text, a document a file (or `split="paragraph"`)."""
        return cls(Text(_files(files), **options))

    @classmethod
    def hub(cls, repo: str, revision: str, files: str | tuple[str, ...], **options: Any) -> Dataset:
        """Files of a Hugging Face dataset at a commit (40 hex digits; a branch name is refused)."""
        return cls(Hub(repo, revision, _files(files), **options))

    # Operators.

    def extract(self, extractor: Edit | None = None) -> Dataset:
        """Main text of HTML documents; resiliparse by default."""
        from tamis.data.extract import Resiliparse

        return self.edit(extractor or Resiliparse())

    def edit(self, edit: Edit) -> Dataset:
        """A new text made of the selected rows."""
        return Dataset(edit, (self,))

    def keep(
        self,
        *rules: Rule | Field | Score,
        min: float | None = None,
        max: float | None = None,
        isin: Iterable[Value] | None = None,
    ) -> Dataset:
        """Keep rows inside all bounds: `keep(*gopher.quality())`, or `keep(Shouting(), max=0.3)`."""
        bounded = [r for r in rules if isinstance(r, Rule)]
        fields = [r.field() if isinstance(r, Score) else r for r in rules if not isinstance(r, Rule)]
        if (min is not None or max is not None or isin is not None) != bool(fields):
            raise UsageError("keep: give rules, or one score with min, max or isin")
        among = None if isin is None else tuple(isin)
        return Dataset(Rules((*bounded, *(Rule(f, min, max, among) for f in fields))), (self,))

    def top(self, score: Field | Score, fraction: float) -> Dataset:
        """Keep the highest `fraction` of the rows that are still selected."""
        if not 0 < fraction <= 1:
            raise UsageError(f"top: fraction must be in (0, 1], not {fraction}")
        return Dataset(Top(score.field() if isinstance(score, Score) else score, fraction), (self,))

    def dedup(self, select: Select | None = None) -> Dataset:
        """Drop copies: near-duplicates at Jaccard >= .8 by default, `Exact()` for equal texts."""
        from tamis.data.dedup import MinHash

        return Dataset(select or MinHash(), (self,))

    def sample(self, fraction: float, seed: int = 0) -> Dataset:
        """Keep a fixed random part: the same rows in every dataset that samples this source with this seed."""
        return Dataset(Sample(fraction, seed, stream="sample"), (self,))

    def select(self, select: Select) -> Dataset:
        """Apply any whole-corpus operator, such as `Near(reference)`."""
        return Dataset(select, (self,))

    def __add__(self, other: Dataset) -> Dataset:
        """Both, one after the other. Rows that are in both are there twice, under one id: a plain way to weigh a source more."""
        mine = self.parents if isinstance(self.op, Union) else (self,)
        return Dataset(Union(), (*mine, other))

    # For a notebook.

    def head(self, rows: int = 20, data: str | None = None, store: str | None = None) -> pa.Table:
        """The first rows that are kept, as a table."""
        from tamis.data.notebook import head

        return head(self, rows, data, store)

    def funnel(self, data: str | None = None, store: str | None = None) -> pa.Table:
        """Rows in, out and dropped by reason, operator by operator."""
        from tamis.data.notebook import funnel

        return funnel(self, data, store)

    def to_pandas(self, data: str | None = None, store: str | None = None) -> pandas.DataFrame:
        """All kept rows as a pandas frame."""
        return self.head(-1, data, store).to_pandas()

    def sources(self) -> list[Dataset]:
        """The extracted roots of this dataset, each once, in order."""
        if not self.parents or _is_extraction(self):
            return [self]
        out: list[Dataset] = []
        for parent in self.parents:
            out += [s for s in parent.sources() if s not in out]
        return out


@dataclass
class Stage:
    """One operator of a chain, for people: its name and the step whose ledger counts it."""

    name: str
    step: Step


@dataclass
class Resolver:
    """Turns declarations into steps for one data root (and one hold-out, if an experiment has one)."""

    data: Path
    holdout: Holdout | None = None
    hashes: Path | None = None
    _views: dict[Dataset, View] = field(default_factory=dict)
    _stages: dict[Dataset, list[Stage]] = field(default_factory=dict)

    def view(self, dataset: Dataset) -> View:
        """The text and selection of a dataset."""
        if dataset not in self._views:
            view, stages = self._resolve(dataset)
            self._views[dataset], self._stages[dataset] = view, stages
        return self._views[dataset]

    def __call__(self, dataset: Dataset) -> View:
        """For operators that refer to another dataset (`Resolve`)."""
        return self.view(dataset)

    def stages(self, dataset: Dataset) -> list[Stage]:
        """The chain of operators from the source on; the parts of a union come one after another."""
        self.view(dataset)
        return self._stages[dataset]

    def held_out(self, dataset: Dataset) -> View:
        """The rows of a dataset's source that the hold-out took."""
        if self.holdout is None:
            raise UsageError("this experiment has no hold-out")
        text, _ = self._root(dataset)
        return View(text, self.holdout.taken(text, Step(All(), (text,))))

    def _resolve(self, dataset: Dataset) -> tuple[View, list[Stage]]:
        if not dataset.parents or _is_extraction(dataset):
            return self._rooted(dataset)
        if isinstance(dataset.op, Union):
            return self._union(dataset)
        parent = self.view(dataset.parents[0])
        step = self._apply(dataset.op, parent)
        if step.op.kind == "text":
            view = View(step, Step(All(), (step,)))
        else:
            view = View(parent.text, step)
        return view, [*self.stages(dataset.parents[0]), Stage(stage_name(dataset.op), step)]

    def _apply(self, op: Any, view: View) -> Step:
        if isinstance(op, Edit):
            return Step(EditText(op), view)
        if isinstance(op, Rules):
            return self._keep(op.rules, view)
        if isinstance(op, Top):
            columns = self.columns(op.field.score, view)
            reason = f"below the top {op.fraction:.0%} by {kebab(type(op.field.score).__name__)}"
            return Step(TopFraction(op.field.name, op.fraction, reason), (*view, columns))
        return op.select(view, self)

    def columns(self, score: Score, view: View) -> Step:
        """The columns of one score beside a view's text."""
        return scored(score, view.text, view.selection, score.requires(self.view))

    def _keep(self, rules: tuple[Rule, ...], view: View) -> Step:
        scores: list[Score] = []
        for rule in rules:
            if rule.field.score not in scores:
                scores.append(rule.field.score)
        bounds = tuple(Bound(scores.index(r.field.score), r.field.name, r.reason, r.min, r.max, r.isin) for r in rules)
        return Step(Keep(bounds), (*view, *(self.columns(s, view) for s in scores)))

    def _root(self, dataset: Dataset) -> tuple[Step, list[Stage]]:
        """The text of a source, after extraction."""
        if not dataset.parents:
            return self.source_step(dataset)
        before, stages = self._root(dataset.parents[0])
        step = Step(EditText(dataset.op), (before, Step(All(), (before,))))
        return step, [*stages, Stage(stage_name(dataset.op), step)]

    def source_step(self, dataset: Dataset) -> tuple[Step, list[Stage]]:
        """The step that reads a source."""
        step = ReadSource.step(dataset.op, self.data, self.hashes)
        return step, [Stage(stage_name(dataset.op), step)]

    def _rooted(self, dataset: Dataset) -> tuple[View, list[Stage]]:
        text, stages = self._root(dataset)
        everything = Step(All(), (text,))
        if self.holdout is None:
            return View(text, everything), stages
        step = self.holdout.left(text, everything)
        return View(text, step), [*stages, Stage("hold out", step)]

    def _union(self, dataset: Dataset) -> tuple[View, list[Stage]]:
        views = [self.view(p) for p in dataset.parents]
        text = Step(UnionText(), tuple(v.text for v in views))
        selection = Step(UnionSelection(), (text, *(v.selection for v in views)))
        stages = [s for p in dataset.parents for s in self.stages(p)]
        return View(text, selection), [*stages, Stage("union", selection)]


def _is_extraction(dataset: Dataset) -> bool:
    """Extraction belongs to the source: the hold-out is cut after it."""
    from tamis.data.extract import Extractor

    return isinstance(dataset.op, Extractor) and all(not p.parents or _is_extraction(p) for p in dataset.parents)


def _files(files: str | Iterable[str]) -> tuple[str, ...]:
    return (files,) if isinstance(files, str) else tuple(files)


def stage_name(op: Any) -> str:
    """What an operator is called in a funnel."""
    if isinstance(op, Rules):
        names = dict.fromkeys(type(r.field.score).__name__ for r in op.rules)
        return "keep " + " + ".join(names)
    if isinstance(op, Top):
        return f"top {op.fraction:.0%} {type(op.field.score).__name__}"
    label = None if isinstance(op, Source) else getattr(op, "label", None)
    return label if isinstance(label, str) else kebab(type(op).__name__)
