"""Any model directory, judged: what `tamis eval` does.

Safety: weights are read from safetensors only, nothing is unpickled, and no code that came with a model is run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tamis.core.errors import TamisError, UsageError
from tamis.eval.questions import Questions
from tamis.eval.score import RESULTS, evaluate
from tamis.eval.task import Task, to_table
from tamis.lm.tokenizer import Tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def evaluate_directory(
    model: str | Path,
    tasks: Sequence[Task],
    data: str | Path = ".",
    items: Mapping[str, pa.Table] | None = None,
    device: str = "cpu",
    context: int | None = None,
) -> pa.Table:
    """Judge any Hugging Face model directory (safetensors) on tasks, one after another.

    `data`: the root of the tasks' files. `items`: published items by task name, needed for tasks over documents.
    `context` overrides the model's own. TamisError for weights that are not safetensors and for models that bring code
    of their own.
    """
    published = dict(items or {})
    for task in tasks:
        if task.name not in published:
            if not isinstance(task, Questions):
                raise UsageError(f"task {task.name}: its documents must be published as items first")
            published[task.name] = to_table(task.items(data), task.name)
    loaded, tokenizer, size = open_model(model, device, context)
    results = [evaluate(loaded, tokenizer, task, published[task.name], size) for task in tasks]
    return pa.concat_tables([RESULTS.empty_table(), *results])


def open_model(directory: str | Path, device: str = "cpu", context: int | None = None) -> tuple[PreTrainedModel, Tokenizer, int]:
    """The model of a directory, its tokenizer and its context length. Nothing is unpickled and no code of the model's is run."""
    from tamis.lm.model import load

    path = Path(directory)
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TamisError(f"{path}: not a model directory: config.json cannot be read ({error})") from None
    if "auto_map" in config:
        raise TamisError(f"{path}: the model brings its own Python code, which is never run; use one that transformers knows")
    if not any(path.glob("*.safetensors")):
        raise TamisError(f"{path}: holds no .safetensors weights (pickled weights are never opened); save it as safetensors")
    tokenizer = Tokenizer.load(path)
    try:
        model = load(path)
    except Exception as error:  # whatever a foreign directory makes transformers say
        told = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TamisError(f"{path}: cannot be opened as a language model: {told}") from None
    rows = model.get_input_embeddings().weight.shape[0]
    if tokenizer.vocab_size > rows:
        raise TamisError(
            f"{path}: the tokenizer has {tokenizer.vocab_size} ids, the model only {rows}; they do not belong together"
        )
    return model.to(device), tokenizer, context or context_of(model.config, path)


def context_of(config: Any, path: Path) -> int:
    """Tokens the model was made for, by the names transformers' configurations give it."""
    for name in ("max_position_embeddings", "n_positions", "seq_length", "max_seq_len"):
        value = getattr(config, name, None)
        if isinstance(value, int) and value > 1:
            return value
    raise TamisError(f"{path}: config.json names no context length; give one with context=")
