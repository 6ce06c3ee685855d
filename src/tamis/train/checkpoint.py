"""Checkpoints of a run in progress: one safetensors file each, replaced atomically, never a pickle.

A file holds weights, both moments and the step count of AdamW, the curve so far, and (JSON in its header) what run it belongs to
and how many optimiser steps were taken. Invariant: from a checkpoint a run goes on bit for bit as if it had not stopped (CPU).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tamis.core import disk
from tamis.core.errors import TamisError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def save(path: Path, model: PreTrainedModel, optimizer: torch.optim.Optimizer, curve: torch.Tensor, taken: int, run: str) -> None:
    """Write the state after `taken` optimiser steps of the run with identity `run`; `curve` is (taken, columns)."""
    from safetensors.torch import save as to_bytes

    tensors = {"curve": curve.contiguous()}
    for name, parameter in model.named_parameters():
        tensors[f"model/{name}"] = parameter.detach().contiguous()
        for moment in MOMENTS:
            if moment in optimizer.state[parameter]:
                tensors[f"{moment}/{name}"] = optimizer.state[parameter][moment].contiguous()
    header = {"tamis": json.dumps({"run": run, "taken": taken})}
    disk.replace_file(path, to_bytes(tensors, metadata=header), "checkpoint")


def load(path: Path, model: PreTrainedModel, optimizer: torch.optim.Optimizer, run: str) -> tuple[int, torch.Tensor]:
    """Put the state back; (optimiser steps taken, curve). TamisError if the file is of another run."""
    import torch
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["tamis"])
        if header["run"] != run:
            raise TamisError(f"{path} is a checkpoint of another run: empty its folder")
        names = set(file.keys())
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(file.get_tensor(f"model/{name}"))
                optimizer.state[parameter] = {
                    moment: file.get_tensor(f"{moment}/{name}").to(parameter.device)
                    for moment in MOMENTS
                    if f"{moment}/{name}" in names
                }
        return int(header["taken"]), file.get_tensor("curve")
