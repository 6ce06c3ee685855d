"""Scaling laws: formulas, one way to fit them all, uncertainty, and the decisions that rest on them."""

from __future__ import annotations

from pathlib import Path

from tamis.stats.laws.allocate import Allocation, HyperParameter, IsoFlop, allocate, isoflop_minima
from tamis.stats.laws.forms import Chinchilla, OverTraining, PowerLaw, RepeatedData, Vocabulary, effective_tokens
from tamis.stats.laws.law import Fit, Law, Prediction
from tamis.stats.laws.law import load as _load
from tamis.stats.laws.mixtures import SamplingRatio, WeightAndSize, effective_share
from tamis.stats.laws.rivals import Rivalry, compute_gain, rival
from tamis.stats.laws.scores import ErrorFromLoss, LogScore, misaligned
from tamis.stats.laws.uncertainty import LADDER, SURFACE, LeftOut, Pool, coverage, fit_pool, leave_largest_out

LAWS: tuple[type[Law], ...] = (
    PowerLaw,
    Chinchilla,
    OverTraining,
    RepeatedData,
    Vocabulary,
    ErrorFromLoss,
    LogScore,
    SamplingRatio,
    WeightAndSize,
    HyperParameter,
)


def load(path: Path) -> Fit:
    """A fit that `Fit.save` wrote. Raises TamisError for any other file."""
    return _load(path, LAWS)


__all__ = [
    "LADDER",
    "LAWS",
    "SURFACE",
    "Allocation",
    "Chinchilla",
    "ErrorFromLoss",
    "Fit",
    "HyperParameter",
    "IsoFlop",
    "Law",
    "LeftOut",
    "LogScore",
    "OverTraining",
    "Pool",
    "PowerLaw",
    "Prediction",
    "RepeatedData",
    "Rivalry",
    "SamplingRatio",
    "Vocabulary",
    "WeightAndSize",
    "allocate",
    "compute_gain",
    "coverage",
    "effective_share",
    "effective_tokens",
    "fit_pool",
    "isoflop_minima",
    "leave_largest_out",
    "load",
    "misaligned",
    "rival",
]
