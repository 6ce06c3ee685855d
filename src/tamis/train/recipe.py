"""A recipe: how to train one size, in plain values. A ladder: recipes of several sizes by one rule.

Invariant: everything that training does beside the data, the seed and the numerics stands here, so that arms which share a
recipe differ in data alone. Counts of parameters, steps and operations are exact and need no torch.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from tamis.core.errors import UsageError
from tamis.lm.model import Architecture

# Sizes measured in tamis's own runs at a vocabulary of 2,048: width, depth, heads, feed-forward.
TINY = {"0.1M": (32, 3, 2, 88), "0.33M": (64, 4, 2, 176), "1M": (128, 4, 4, 344)}
DEMO_TOKENS = 399_360  # 390 steps of 4 rows of 256


@dataclass(frozen=True)
class Recipe:
    """How to train one size.

    model         the architecture; rows have `model.context` + 1 tokens, of which `model.context` are predicted.
    tokens        predicted in the whole run; a multiple of batch x context (rounded down to one).
    batch         rows a step.
    schedule      "cosine": warm-up, then cosine to floor x learning_rate. "wsd": warm-up, constant, then for the last part
                  `decay` of the tokens 1 - sqrt(progress) down to the floor (Hägele et al. 2024, arXiv:2405.18392).
    warmup        share of the steps with linearly growing rate.
    branches      "wsd" only: smaller token counts at which a decay branched off the same run also ends with a model.
    weight_decay  on matrices; not on embeddings, norms and biases.
    clip          largest gradient norm.
    max_epochs    how often an arm may be repeated before training is refused (Muennighoff et al. 2023: beyond 4 it pays little).
    """

    name: str
    model: Architecture
    tokens: int
    learning_rate: float
    batch: int = 4
    schedule: str = "cosine"
    warmup: float = 0.05
    decay: float = 0.2
    floor: float = 0.1
    branches: tuple[int, ...] = ()
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.95
    epsilon: float = 1e-8
    clip: float = 1.0
    max_epochs: float = 4.0

    def __post_init__(self) -> None:
        if self.schedule not in ("cosine", "wsd"):
            raise UsageError(f"recipe {self.name}: schedule {self.schedule!r}: use 'cosine' or 'wsd'")
        if self.batch < 1 or self.steps < 1:
            raise UsageError(
                f"recipe {self.name}: {self.tokens:,} tokens do not fill one step of {self.batch} x {self.model.context}"
            )
        if not self.learning_rate > 0 or not 0 <= self.warmup < 1 or not 0 < self.decay <= 1 or not 0 <= self.floor <= 1:
            raise UsageError(
                f"recipe {self.name}: learning_rate > 0, warmup in [0, 1), decay in (0, 1] and floor in [0, 1] are needed"
            )
        if self.branches and self.schedule != "wsd":
            raise UsageError(f"recipe {self.name}: only the schedule 'wsd' has branches")
        ends = [self.steps_of(tokens) for tokens in (*self.branches, self.tokens)]
        if ends != sorted(set(ends)) or ends[0] < 1:
            raise UsageError(f"recipe {self.name}: branches must grow, and lie below {self.tokens:,} tokens")
        if self.schedule == "wsd" and self.warmup_steps > self.decay_start(ends[0]):
            raise UsageError(f"recipe {self.name}: the warm-up reaches into the first decay")

    def steps_of(self, tokens: int) -> int:
        """Whole steps in so many tokens."""
        return tokens // (self.batch * self.model.context)

    @property
    def steps(self) -> int:
        """Optimiser steps of the run."""
        return self.steps_of(self.tokens)

    @property
    def warmup_steps(self) -> int:
        return round(self.warmup * self.steps)

    def decay_start(self, end: int) -> int:
        """The first step of the decay ("wsd") that ends after step `end`."""
        return end - max(1, round(self.decay * end))

    @property
    def trained_tokens(self) -> int:
        """steps x batch x context: exactly what every arm is trained on."""
        return self.steps * self.batch * self.model.context

    def parameters(self, vocab_size: int) -> int:
        """All parameters, exactly; `model.body_parameters()` leaves the embedding out."""
        return self.model.parameters(vocab_size)

    def tokens_per_parameter(self, vocab_size: int) -> float:
        """Trained tokens over all parameters; below 20 a model is undertrained (Hoffmann et al. 2022)."""
        return self.trained_tokens / self.parameters(vocab_size)

    def flops(self, vocab_size: int) -> float:
        """Floating-point operations of the run: 6 per token and parameter of a matrix product, 12 x depth x width x context
        per token for attention, output matrix included, embedding look-up not (Hoffmann et al. 2022, appendix F, ratio 1:2)."""
        shape = self.model
        per_token = 6 * (shape.body_parameters(active=True) + vocab_size * shape.width)
        return float(self.trained_tokens) * (per_token + 12 * shape.depth * shape.width * shape.context)


def ladder(
    *sizes: str,
    tokens: int | None = None,
    tokens_per_parameter: float | None = None,
    vocab_size: int = 2048,
    context: int = 256,
    schedule: str = "cosine",
    learning_rate: float | None = None,
) -> tuple[Recipe, ...]:
    """One recipe per size ("0.1M", "0.33M", "1M", or any such as "10M"), by one rule.

    Shape: the three smallest are a table; above, heads of 64, width the multiple of 64 whose parameters at `vocab_size` come
    nearest to the size, depth 4 + width / 128, feed-forward 8/3 of the width (not measured).
    Batch and rate: Step Law (Li et al. 2025, arXiv:2503.04715) with N = all parameters and D = tokens:
    batch = 0.58 D^0.571 tokens, rate = 1.79 N^-0.713 D^0.307. `tokens` is 399,360 unless it or `tokens_per_parameter` is given.
    """
    if tokens is not None and tokens_per_parameter is not None:
        raise UsageError("ladder: give tokens or tokens_per_parameter, not both")
    recipes = []
    for size in sizes:
        model = _shape(size, vocab_size, context)
        count = model.parameters(vocab_size)
        budget = tokens or (round(tokens_per_parameter * count) if tokens_per_parameter else DEMO_TOKENS)
        rate, batch = step_law(count, budget)
        recipes.append(
            Recipe(size, model, budget, learning_rate or rate, batch=max(1, round(batch / context)), schedule=schedule)
        )
    return tuple(recipes)


def step_law(parameters: int, tokens: int) -> tuple[float, float]:
    """Learning rate (three digits) and batch in tokens by Step Law. Fitted at 60 M to 1 B parameters; at 0.1 and 0.33 M and
    0.4 M tokens it gives 0.0249 and 0.0108 where sweeps in factors of 2 found 0.02 and 0.01 best."""
    rate = 1.79 * parameters**-0.713 * tokens**0.307
    return float(f"{rate:.3g}"), 0.58 * tokens**0.571


def _shape(size: str, vocab_size: int, context: int) -> Architecture:
    if size in TINY:
        return Architecture(*TINY[size], context=context)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([MB])", size)
    wanted = float(match[1]) * (1e6 if match[2] == "M" else 1e9) if match else 0.0
    candidates = [_wide(width, context) for width in range(128, 16_385, 64)]
    best = min(candidates, key=lambda shape: abs(shape.parameters(vocab_size) - wanted))
    if not 0.67 < best.parameters(vocab_size) / max(wanted, 1.0) < 1.5:
        raise UsageError(
            f"size {size!r}: use one of {', '.join(TINY)} or a size such as '10M' or '1B' that a vocabulary of "
            f"{vocab_size:,} leaves room for"
        )
    return best


def _wide(width: int, context: int) -> Architecture:
    return Architecture(width, 4 + width // 128, width // 64, 8 * math.ceil(width / 3), context=context)
