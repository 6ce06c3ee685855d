"""tamis: controlled dataset experiments for language models.

The names a declaration needs are here; each is imported when it is first used, so that `import tamis` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tamis.data.classifier import QualityClassifier as QualityClassifier
    from tamis.data.dataset import Dataset as Dataset
    from tamis.data.dataset import Holdout as Holdout
    from tamis.data.dedup import Exact as Exact
    from tamis.data.dedup import MinHash as MinHash
    from tamis.data.edit import Drop as Drop
    from tamis.data.edit import Edit as Edit
    from tamis.data.near import Near as Near
    from tamis.data.score import Column as Column
    from tamis.data.score import Score as Score
    from tamis.data.tokenize import BPE as BPE
    from tamis.data.tokenize import Pinned as Pinned
    from tamis.eval.bpb import BitsPerByte as BitsPerByte
    from tamis.eval.questions import Cloze as Cloze
    from tamis.eval.questions import MultipleChoice as MultipleChoice
    from tamis.experiment.contamination import Contaminated as Contaminated
    from tamis.experiment.declare import Arm as Arm
    from tamis.experiment.declare import Experiment as Experiment
    from tamis.stats.compare import Compare as Compare
    from tamis.train.recipe import Recipe as Recipe
    from tamis.train.recipe import ladder as ladder

_HOMES = {
    "BPE": "data.tokenize",
    "Arm": "experiment.declare",
    "BitsPerByte": "eval.bpb",
    "Cloze": "eval.questions",
    "Column": "data.score",
    "Compare": "stats.compare",
    "Contaminated": "experiment.contamination",
    "Dataset": "data.dataset",
    "Drop": "data.edit",
    "Edit": "data.edit",
    "Exact": "data.dedup",
    "Experiment": "experiment.declare",
    "Holdout": "data.dataset",
    "MinHash": "data.dedup",
    "MultipleChoice": "eval.questions",
    "Near": "data.near",
    "Pinned": "data.tokenize",
    "QualityClassifier": "data.classifier",
    "Recipe": "train.recipe",
    "Score": "data.score",
    "ladder": "train.recipe",
}
__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tamis' has no attribute {name!r}")
    return getattr(import_module(f"tamis.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
