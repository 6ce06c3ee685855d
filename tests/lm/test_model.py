"""Models: exact counts, weights that depend on the seed alone, causality, and scores that do not depend on the batch."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tamis.core.errors import TamisError, UsageError  # noqa: E402
from tamis.lm.logprob import batch_rows, token_logprobs  # noqa: E402
from tamis.lm.model import Architecture, build, future_leak, load, save  # noqa: E402
from tamis.lm.numerics import Numerics, keep_memory  # noqa: E402

SHAPES = {
    "qwen3": Architecture(32, 2, 2, 88, context=64),
    "llama": Architecture(32, 2, 4, 64, family="llama", context=64, key_value_heads=2, tied=False),
    "bloom": Architecture(32, 2, 2, 128, family="bloom", context=64),
    "qwen3-moe": Architecture(32, 2, 2, 32, family="qwen3-moe", context=64, experts=4),
}


def stirred(architecture: Architecture, vocab_size: int = 300) -> torch.nn.Module:
    """A model whose output projections are not zero, so that attention and experts matter."""
    model = build(architecture, vocab_size, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.mark.parametrize("family", SHAPES)
def test_parameters_are_exact(family: str) -> None:
    shape = SHAPES[family]
    assert sum(p.numel() for p in build(shape, 300, 0).parameters()) == shape.parameters(300)
    assert shape.body_parameters(active=True) <= shape.body_parameters()


@pytest.mark.parametrize("family", SHAPES)
def test_weights_are_a_function_of_the_seed(family: str) -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = build(SHAPES[family], 300, seed=1).state_dict()
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(6)
    again, other = build(SHAPES[family], 300, seed=1).state_dict(), build(SHAPES[family], 300, seed=2).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("family", SHAPES)
def test_every_block_starts_as_the_identity(family: str) -> None:
    model = build(SHAPES[family], 300, seed=1)
    zero = [n for n, p in model.named_parameters() if p.ndim > 1 and not p.any()]
    assert len(zero) == 2 * SHAPES[family].depth
    assert model.get_input_embeddings().weight.std().item() == pytest.approx(0.1, rel=0.1)
    started = [p for n, p in model.named_parameters() if p.ndim > 1 and p.any() and p.shape[0] != 300]
    assert all(p.std().item() == pytest.approx(32**-0.5, rel=0.2) for p in started)


@pytest.mark.parametrize("family", SHAPES)
def test_no_model_reads_the_future(family: str) -> None:
    assert future_leak(stirred(SHAPES[family]), 300) < 1e-5


def test_the_probe_finds_a_leak() -> None:
    model = stirred(SHAPES["qwen3"])
    model.config._attn_implementation = "eager"
    forward = model.model.forward

    def peeking(input_ids: torch.Tensor, **kwargs: object) -> object:
        return forward(input_ids=input_ids.flip(1), **kwargs)

    model.model.forward = peeking
    assert future_leak(model, 300) > 1e-3


def test_the_probe_takes_no_nan_for_a_proof() -> None:
    model = stirred(SHAPES["qwen3"])
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    assert future_leak(model, 300) == float("inf")


@pytest.mark.parametrize("family", SHAPES)
def test_scores_do_not_depend_on_the_batch(family: str) -> None:
    model = stirred(SHAPES[family])
    ids = torch.randint(300, (21, 65), generator=torch.Generator().manual_seed(3))
    order = torch.randperm(21, generator=torch.Generator().manual_seed(4))
    with Numerics.here().applied():
        together = token_logprobs(model, ids)
        assert together.shape == (21, 64)
        assert together.dtype == torch.float32
        assert torch.equal(token_logprobs(model, ids[order]), together[order])
        for start, end in ((2, 3), (5, 14), (20, 21)):
            assert torch.equal(token_logprobs(model, ids[start:end]), together[start:end])
    with torch.no_grad():
        direct = torch.log_softmax(model(input_ids=ids).logits, -1)[:, :-1].gather(-1, ids[:, 1:, None])[..., 0]
    assert torch.allclose(together, direct, atol=1e-5)


def test_rows_run_together_as_far_as_logits_fit() -> None:
    model = build(SHAPES["qwen3"], 300, 0)
    assert batch_rows(model, 256) == 8
    model.config.vocab_size = 1 << 15
    assert [batch_rows(model, length) for length in (64, 128, 1024)] == [8, 4, 1]
    assert batch_rows(build(SHAPES["qwen3-moe"], 300, 0), 32) == 1


@pytest.mark.parametrize("family", SHAPES)
def test_a_saved_model_opens_with_the_same_scores(family: str, tmp_path: object) -> None:
    model = stirred(SHAPES[family])
    save(model, Path(str(tmp_path)))
    ids = torch.randint(300, (2, 33), generator=torch.Generator().manual_seed(3))
    opened = load(str(tmp_path))
    for name in ("_attn_implementation", "_experts_implementation"):
        assert getattr(opened.config, name) == getattr(model.config, name)
    with Numerics.here().applied():
        assert torch.equal(token_logprobs(opened, ids), token_logprobs(model, ids))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"family": "gpt"}, "qwen3, llama"),
        ({"heads": 3}, "even multiple"),
        ({"experts": 4}, "qwen3-moe"),
        ({"family": "qwen3-moe", "experts": 2, "experts_per_token": 3}, "1..2"),
        ({"family": "bloom"}, "4 x width"),
        ({"key_value_heads": 3}, "multiple"),
        ({"depth": 0}, "at least 1"),
    ],
)
def test_impossible_shapes_are_refused(change: dict[str, object], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        Architecture(**{"width": 32, "depth": 2, "heads": 2, "feed_forward": 88, **change})  # type: ignore[arg-type]


def test_numerics_are_applied_and_put_back() -> None:
    before = torch.get_num_threads()
    with Numerics.here().applied():
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == before
    assert not torch.are_deterministic_algorithms_enabled()
    assert isinstance(keep_memory(), bool)
    with pytest.raises(TamisError, match=r"torch 1\.0"), Numerics(torch="1.0").applied():
        pass
    with pytest.raises(UsageError, match="tpu"):
        Numerics(device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(TamisError, match="cuda"), Numerics.here("cuda").applied():
            pass
