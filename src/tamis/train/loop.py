"""The training loop: rows in a fixed order through AdamW, to an ordinary Hugging Face directory.

Invariants: the bytes written are a function of (recipe, token shards, tokenizer, seed, numerics) on one type of CPU; a run that
was killed at any moment and started again writes the same bytes; every run of a recipe takes the same number of tokens.
The seed gives two streams, the initialisation and the order of data; nothing else is random.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from tamis.core import disk, shard
from tamis.core.errors import TamisError, UsageError
from tamis.core.key import describe, digest
from tamis.core.step import Inputs, Operator, Output, Piece, Where
from tamis.lm.model import build, save
from tamis.lm.numerics import Numerics
from tamis.lm.tokenizer import Tokenizer
from tamis.train import checkpoint
from tamis.train.optim import TRUNK, Tick, adamw, ticks
from tamis.train.pack import Rows, Supply, pack
from tamis.train.recipe import Recipe

if TYPE_CHECKING:
    import torch

CHECKPOINT_STEPS = 200
CURVE = ("step", "tokens", "branch", "loss", "learning_rate", "grad_norm")
OnStep = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Result:
    """A finished run: its model directory, those of earlier branches, mean loss (nats a token) of the last tenth, supply."""

    model: Path
    branches: tuple[Path, ...]
    loss: float
    steps: int
    parameters: int
    supply: Supply


def train(
    recipe: Recipe,
    shards: Sequence[Path],
    tokenizer: Tokenizer,
    seed: int,
    numerics: Numerics,
    out: Path,
    scratch: Path,
    on_step: OnStep | None = None,
    checkpoint_steps: int = CHECKPOINT_STEPS,
) -> Result:
    """Train one model and write it to `out` (config.json, model.safetensors, tokenizer files, curves.parquet).

    A recipe with branches also writes `out/tokens-N` for each. `scratch` holds the packed rows and the checkpoint; a second call
    with the same folder goes on from there. `on_step(taken, of, loss)` is called after every optimiser step.
    TamisError if the data are too few, the loss is not a number, or the numerics cannot be had here.
    """
    rows = pack(
        shards,
        tokenizer,
        steps=recipe.steps,
        batch=recipe.batch,
        context=recipe.model.context,
        seed=seed,
        scratch=scratch,
        max_epochs=recipe.max_epochs,
    )
    identity = digest(
        {
            "recipe": describe(recipe),
            "seed": seed,
            "numerics": describe(numerics),
            "tokenizer": tokenizer.sha256,
            "stream": disk.file_sha256(scratch / "stream.bin"),
        }
    )
    with numerics.applied():
        run = _Run(recipe, rows, tokenizer, seed, numerics, scratch, identity)
        run.to_end(on_step, checkpoint_steps)
        branches = run.write(out)
    curve = run.curve_table()
    shard.write_table(out / "curves.parquet", curve)
    tail = curve.column("loss").to_pylist()[-max(1, recipe.steps // 10) :]
    return Result(out, branches, math.fsum(tail) / len(tail), recipe.steps, recipe.parameters(tokenizer.vocab_size), rows.supply)


class _Run:
    """One run in progress: model, optimiser, how many ticks were taken, and the curve so far."""

    def __init__(
        self, recipe: Recipe, rows: Rows, tokenizer: Tokenizer, seed: int, numerics: Numerics, scratch: Path, identity: str
    ) -> None:
        import torch

        self.recipe, self.rows, self.tokenizer, self.numerics = recipe, rows, tokenizer, numerics
        self.scratch, self.identity = scratch, identity
        self.model = build(recipe.model, tokenizer.vocab_size, seed, tokenizer.bos, tokenizer.eos).to(numerics.device).train()
        self.optimizer = adamw(self.model, recipe)
        self.ticks = ticks(recipe)
        self.curve = torch.zeros((len(self.ticks), len(CURVE)), dtype=torch.float64)
        self.taken = 0

    def to_end(self, on_step: OnStep | None, checkpoint_steps: int) -> None:
        """Take the remaining ticks. A decay starts from a saved trunk, which is put back when it ends."""
        latest = self.scratch / "checkpoint.safetensors"
        if latest.exists():
            self.taken, curve = self._load(latest)
            self.curve[: self.taken] = curve
        while self.taken < len(self.ticks):
            tick = self.ticks[self.taken]
            fork = self.scratch / f"fork-{tick.branch}.safetensors"
            if tick.branch != TRUNK and tick.branch != self._branch(self.taken - 1):
                self._save(fork)
            loss = self._step(tick)
            self.taken += 1
            if tick.branch != TRUNK and self.taken < len(self.ticks) and tick.branch != self._branch(self.taken):
                self._save(self._end(tick.branch))
                self._load(fork)
            if self.taken % checkpoint_steps == 0 and self.taken < len(self.ticks):
                self._save(latest)
            if on_step is not None:
                on_step(self.taken, len(self.ticks), loss)

    def write(self, out: Path) -> tuple[Path, ...]:
        """Write the final model to `out` and every earlier branch beside it."""
        self._write(out)
        branches = []
        for branch, tokens in enumerate(self.recipe.branches):
            self._load(self._end(branch))
            branches.append(out / f"tokens-{tokens}")
            self._write(branches[-1])
        return tuple(branches)

    def curve_table(self) -> pa.Table:
        """One row per optimiser step; `branch` is -1 on the trunk, else the index of the decay."""
        columns = dict(zip(CURVE, self.curve.T.numpy(), strict=True))
        whole = {name: pa.array(columns[name].astype("int64")) for name in ("step", "tokens", "branch")}
        return pa.table(whole | {name: pa.array(columns[name]) for name in ("loss", "learning_rate", "grad_norm")})

    def _step(self, tick: Tick) -> float:
        import torch

        rows = torch.from_numpy(self.rows.at(tick.step)).to(self.numerics.device)
        for group in self.optimizer.param_groups:
            group["lr"] = tick.learning_rate
        with self.numerics.autocast():
            logits = self.model(input_ids=rows[:, :-1], use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        values = (loss.item(), norm.item())
        if not all(map(math.isfinite, values)):
            raise TamisError(
                f"recipe {self.recipe.name}: loss {values[0]} and gradient norm {values[1]} at step {tick.step + 1} of "
                f"{self.recipe.steps}; lower the learning rate ({self.recipe.learning_rate:g}) or lengthen the warm-up"
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        tokens = (tick.step + 1) * self.recipe.batch * self.recipe.model.context
        line = (tick.step + 1, tokens, tick.branch, values[0], tick.learning_rate, values[1])
        self.curve[self.taken] = torch.tensor(line, dtype=torch.float64)
        return values[0]

    def _branch(self, tick: int) -> int:
        return self.ticks[tick].branch if tick >= 0 else TRUNK

    def _end(self, branch: int) -> Path:
        return self.scratch / f"end-{branch}.safetensors"

    def _save(self, path: Path) -> None:
        checkpoint.save(path, self.model, self.optimizer, self.curve[: self.taken], self.taken, self.identity)

    def _load(self, path: Path) -> tuple[int, torch.Tensor]:
        return checkpoint.load(path, self.model, self.optimizer, self.identity)

    def _write(self, out: Path) -> None:
        save(self.model, out)
        self.tokenizer.save(out, self.recipe.model.context)


@dataclass(frozen=True)
class Train(Operator):
    """Inputs: tokens, tokenizer, and to equalise bytes instead of tokens the baseline's tokens.

    Publishes a model directory and its curves; facts: supply, loss, steps, parameters. With a baseline the run takes as many
    tokens as hold, at this training set's bytes per token, the bytes that the recipe's tokens hold in the baseline.
    """

    recipe: Recipe
    seed: int
    numerics: Numerics
    kind: ClassVar[str] = "model"
    libraries: ClassVar[tuple[str, ...]] = ("transformers",)

    @property
    def label(self) -> str:
        return f"train-{self.recipe.name}-seed{self.seed}"

    def jobs(self, inputs: Inputs, where: Where) -> Sequence[Piece]:
        if self.recipe.branches:
            raise UsageError(f"recipe {self.recipe.name}: a step publishes one model; branches are for `train` called directly")
        return [Piece("model", None, self.recipe.flops(int(inputs[1].facts["vocabulary"])))]

    def _recipe(self, inputs: Inputs) -> Recipe:
        """The recipe with the tokens of this run."""
        if len(inputs) < 3:
            return self.recipe
        own, baseline = (i.facts["bytes"] / max(i.facts["tokens"], 1) for i in (inputs[0], inputs[2]))
        return replace(self.recipe, tokens=round(self.recipe.tokens * baseline / max(own, 1e-9)))

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        tokens, tokenizer = inputs[0], Tokenizer.load(inputs[1].path)
        for item in tokens.shards:
            if disk.file_sha256(tokens.file(item.name)) != item.sha256:
                raise TamisError(f"{tokens.file(item.name)}: its bytes are not the ones that were published; delete its folder")
        paths = [tokens.file(item.name) for item in tokens.shards]
        recipe = self._recipe(inputs)
        result = train(
            recipe,
            paths,
            tokenizer,
            self.seed,
            self.numerics,
            out.directory,
            out.scratch,
            on_step=lambda taken, of, loss: out.progress(taken / of),
        )
        for path in sorted(out.directory.iterdir()):
            disk.sync_file(out.path(path.name), "shard")
        out.facts.update(
            asdict(result.supply),
            loss=result.loss,
            steps=result.steps,
            parameters=result.parameters,
            tokens_per_parameter=recipe.tokens_per_parameter(tokenizer.vocab_size),
        )

    def summary(self, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return facts[0]
