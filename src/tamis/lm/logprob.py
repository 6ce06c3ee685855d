"""Log-probabilities of tokens, the same bits whatever else is scored beside them.

Invariant: a row's scores depend on the model, the row and its length alone. Rows run in batches of one shape, a function of
model, length and device, the last batch filled up, so every matrix product has the same dimensions; that its result for a row
does not depend on the other rows or on the place is held by tests in every family. A mixture of experts groups tokens by
expert, so its shapes do depend on the companions: its rows run one by one.
Callers who pad rows at their end (models are causal) get one shape throughout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

ROWS = {"cpu": 8, "cuda": 16}
LOGITS = 1 << 24  # largest number of logits at once on the CPU


def token_logprobs(model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
    """ln p(ids[r, t + 1] | ids[r, : t + 1]).

    Args:
        model: in evaluation mode, on any device.
        ids: (rows, length) integers, length >= 2; the model reads the first length - 1.

    Returns:
        (rows, length - 1) float32 on the CPU.
    """
    import torch

    rows, length = ids.shape
    step = batch_rows(model, length)
    out = torch.empty((rows, length - 1), dtype=torch.float32)
    with torch.no_grad():
        for start in range(0, rows, step):
            batch = ids[start : start + step].to(torch.int64)
            real = len(batch)
            if real < step:
                batch = torch.cat([batch, batch[-1:].expand(step - real, length)])
            batch = batch.to(model.device)
            logits = model(input_ids=batch[:, :-1], use_cache=False).logits.float()
            scores = torch.log_softmax(logits, dim=-1).gather(-1, batch[:, 1:, None]).squeeze(-1)
            out[start : start + real] = scores[:real].cpu()
    return out


def batch_rows(model: PreTrainedModel, length: int) -> int:
    """Rows that run together: 16 on CUDA, on the CPU 8 or fewer where the vocabulary is large, 1 for a mixture of experts."""
    if getattr(model.config, "num_experts", 0):
        return 1
    rows = ROWS[model.device.type]
    return rows if model.device.type == "cuda" else max(1, min(rows, LOGITS // (length * model.config.vocab_size)))
