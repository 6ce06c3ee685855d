"""Log-probabilities of tokens, the same bits whatever else is scored beside them.

Invariant: a row's scores depend on the model, the row and its length alone. On the CPU rows are run one by one, which
holds by construction and costs nothing at small sizes (logits stay in cache); on CUDA in batches of exactly
`CUDA_ROWS`, the last filled up, so that every kernel always sees the same shape.
Callers who pad a row at its end (models are causal) score all documents in one length and get one shape throughout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

CUDA_ROWS = 16


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
    device = next(model.parameters()).device
    step = CUDA_ROWS if device.type == "cuda" else 1
    out = torch.empty((rows, length - 1), dtype=torch.float32)
    with torch.no_grad():
        for start in range(0, rows, step):
            batch = ids[start : start + step].to(torch.int64)
            real = len(batch)
            if real < step:
                batch = torch.cat([batch, batch[-1:].expand(step - real, length)])
            batch = batch.to(device)
            logits = model(input_ids=batch[:, :-1], use_cache=False).logits.float()
            scores = torch.log_softmax(logits, dim=-1).gather(-1, batch[:, 1:, None]).squeeze(-1)
            out[start : start + real] = scores[:real].cpu()
    return out
