"""The optimiser and the learning rate, step by step.

Invariant: the rate at a step is a function of the recipe and the step alone, so a resumed run needs no state of a scheduler.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tamis.train.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

TRUNK = -1


@dataclass(frozen=True)
class Tick:
    """One optimiser step of a run: which rows (`step`), at which rate, on which branch (TRUNK, or the index of a decay)."""

    step: int
    learning_rate: float
    branch: int = TRUNK


def ticks(recipe: Recipe) -> list[Tick]:
    """All optimiser steps of a run, in the order in which they are taken.

    Cosine: the trunk alone. WSD: the trunk up to each decay, then that decay, then the trunk again from where the decay began; a
    decay reads the rows that the trunk reads at the same steps. The last decay ends the run.
    """
    if recipe.schedule == "cosine":
        return [Tick(step, cosine(recipe, step)) for step in range(recipe.steps)]
    out: list[Tick] = []
    position = 0
    for branch, tokens in enumerate((*recipe.branches, recipe.tokens)):
        end = recipe.steps_of(tokens)
        start = recipe.decay_start(end)
        out += [Tick(step, recipe.learning_rate * _warm(recipe, step)) for step in range(position, start)]
        for step in range(start, end):
            left = 1 - math.sqrt((step + 1 - start) / (end - start))
            out.append(Tick(step, recipe.learning_rate * (recipe.floor + (1 - recipe.floor) * left), branch))
        position = start
    return out


def cosine(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then a half cosine that reaches the floor at the last step."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * _warm(recipe, step)
    span = max(1, recipe.steps - 1 - recipe.warmup_steps)
    half = 0.5 * (1 + math.cos(math.pi * min(1.0, (step - recipe.warmup_steps) / span)))
    return recipe.learning_rate * (recipe.floor + (1 - recipe.floor) * half)


def _warm(recipe: Recipe, step: int) -> float:
    return min(1.0, (step + 1) / max(1, recipe.warmup_steps))


def adamw(model: PreTrainedModel, recipe: Recipe) -> torch.optim.AdamW:
    """Fused AdamW; weight decay on matrices of the body only."""
    import torch

    spared = {id(model.get_input_embeddings().weight), id(model.get_output_embeddings().weight)}
    matrices = [p for p in model.parameters() if p.ndim > 1 and id(p) not in spared]
    others = [p for p in model.parameters() if p.ndim <= 1 or id(p) in spared]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.beta1, recipe.beta2), eps=recipe.epsilon, fused=True)
