"""Training: golden losses, byte-identical runs, resume after any end, an ordinary Hugging Face directory."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tamis.core import disk  # noqa: E402
from tamis.core.errors import TamisError  # noqa: E402
from tamis.lm.model import Architecture, future_leak, load  # noqa: E402
from tamis.lm.numerics import Numerics  # noqa: E402
from tamis.lm.tokenizer import Tokenizer  # noqa: E402
from tamis.train.loop import Result, train  # noqa: E402
from tamis.train.recipe import Recipe  # noqa: E402

GOLDEN = Path(__file__).parent.parent / "golden" / "losses.json"


def run(recipe: Recipe, shards: list[Path], tokenizer: Tokenizer, folder: Path, seed: int = 0, **options: object) -> Result:
    (folder / "out").mkdir(parents=True, exist_ok=True)
    return train(recipe, shards, tokenizer, seed, Numerics.here(), folder / "out", folder / "scratch", **options)  # type: ignore[arg-type]


def files(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): disk.file_sha256(p) for p in sorted(folder.rglob("*")) if p.is_file()}


def losses(folder: Path) -> list[float]:
    return pq.read_table(folder / "out" / "curves.parquet").column("loss").to_pylist()


def test_golden_losses(recipe: Recipe, shards: list[Path], tokenizer: Tokenizer, tmp_path: Path) -> None:
    """Losses of a two-layer model for 20 steps. After a wanted change: TAMIS_GOLDEN=write pytest tests/train, and say so in the
    changelog under "Changes results"."""
    result = run(recipe, shards, tokenizer, tmp_path)
    found = losses(tmp_path)
    if os.environ.get("TAMIS_GOLDEN") == "write":
        GOLDEN.write_text(json.dumps({"losses": found}, indent=1) + "\n")
    assert found == pytest.approx(json.loads(GOLDEN.read_text())["losses"], rel=1e-4)
    assert found[-1] < found[0] - 0.5
    assert result.loss == pytest.approx(sum(found[-2:]) / 2)


def test_the_directory_is_an_ordinary_model(recipe: Recipe, shards: list[Path], tokenizer: Tokenizer, tmp_path: Path) -> None:
    out = run(recipe, shards, tokenizer, tmp_path).model
    assert sorted(p.name for p in out.iterdir()) == [
        "config.json",
        "curves.parquet",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    theirs = transformers.AutoModelForCausalLM.from_pretrained(out)
    ids = torch.randint(tokenizer.vocab_size, (2, 64), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(theirs(input_ids=ids).logits, load(out)(input_ids=ids).logits)
    words = transformers.AutoTokenizer.from_pretrained(out)
    assert words("The miller sifts.")["input_ids"] == tokenizer.encode("The miller sifts.").tolist()
    assert words.model_max_length == 64
    assert (theirs.config.bos_token_id, theirs.config.eos_token_id) == (tokenizer.bos, tokenizer.eos)
    assert future_leak(load(out), tokenizer.vocab_size) < 1e-5
    assert str(tmp_path) not in "".join(p.read_text() for p in out.glob("*.json"))
    curve = pq.read_table(out / "curves.parquet").to_pydict()
    assert curve["step"] == list(range(1, 21))
    assert curve["tokens"][-1] == recipe.trained_tokens


def test_saved_weights_are_the_trained_ones(
    recipe: Recipe, shards: list[Path], tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tamis.train import loop

    seen: dict[str, torch.Tensor] = {}
    ids = torch.arange(40)[None]

    def spy(model: torch.nn.Module, out: Path) -> None:
        with torch.no_grad():
            seen["logits"] = model(input_ids=ids).logits
        original(model, out)

    original = loop.save
    monkeypatch.setattr(loop, "save", spy)
    out = run(recipe, shards, tokenizer, tmp_path).model
    with torch.no_grad():
        assert torch.equal(transformers.AutoModelForCausalLM.from_pretrained(out)(input_ids=ids).logits, seen["logits"])


def test_same_inputs_same_bytes(recipe: Recipe, shards: list[Path], tokenizer: Tokenizer, tmp_path: Path) -> None:
    torch.manual_seed(1)
    run(recipe, shards, tokenizer, tmp_path / "a")
    torch.manual_seed(2)
    run(recipe, shards, tokenizer, tmp_path / "b")
    run(recipe, shards, tokenizer, tmp_path / "c", seed=1)
    first, again, other = (files(tmp_path / name / "out") for name in "abc")
    assert first == again
    assert first["model.safetensors"] != other["model.safetensors"]
    assert first["config.json"] == other["config.json"]


WSD = {"schedule": "wsd", "branches": (12 * 256,), "warmup": 0.1}


@pytest.mark.parametrize("change", [{}, WSD], ids=["cosine", "wsd"])
@pytest.mark.parametrize("stop", [3, 11, 13, 19])
def test_resume_after_an_exception(
    recipe: Recipe, shards: list[Path], tokenizer: Tokenizer, tmp_path: Path, change: dict[str, object], stop: int
) -> None:
    recipe = dataclasses.replace(recipe, **change)  # type: ignore[arg-type]
    run(recipe, shards, tokenizer, tmp_path / "whole")

    def interrupt(taken: int, of: int, loss: float) -> None:
        if taken == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(recipe, shards, tokenizer, tmp_path / "cut", on_step=interrupt, checkpoint_steps=2)
    taken: list[int] = []
    run(recipe, shards, tokenizer, tmp_path / "cut", on_step=lambda n, of, loss: taken.append(n), checkpoint_steps=2)
    assert taken[0] == stop - stop % 2 + 1
    assert files(tmp_path / "cut" / "out") == files(tmp_path / "whole" / "out")


CHILD = """
import sys, os, signal
from pathlib import Path
from test_loop import run
from tamis.lm.tokenizer import Tokenizer
from tamis.train.recipe import Recipe
from tamis.lm.model import Architecture
folder, stop, *shards = sys.argv[1:]
def kill(taken, of, loss):
    if taken == int(stop):
        os.kill(os.getpid(), signal.SIGKILL)
recipe = Recipe("tiny", Architecture(32, 2, 2, 64, context=64), tokens=20 * 4 * 64, learning_rate=0.02)
run(recipe, [Path(s) for s in shards], Tokenizer.load(Path(folder)), Path(folder), on_step=kill, checkpoint_steps=3)
"""


@pytest.mark.parametrize(
    ("stop", "failpoint"),
    [
        (8, ""),
        pytest.param(99, "checkpoint.write.after:2", marks=pytest.mark.slow),
        (99, "checkpoint.rename.before:4"),
        pytest.param(99, "checkpoint.rename.after:1", marks=pytest.mark.slow),
    ],
)
def test_resume_after_a_kill(
    recipe: Recipe, shards: list[Path], tokenizer: Tokenizer, tmp_path: Path, stop: int, failpoint: str
) -> None:
    run(recipe, shards, tokenizer, tmp_path / "whole")
    cut = tmp_path / "cut"
    cut.mkdir()
    tokenizer.save(cut)
    root = Path(__file__).parent.parent.parent
    command = [sys.executable, "-c", CHILD, str(cut), str(stop), *map(str, shards)]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'tests' / 'train'}{os.pathsep}{root / 'src'}", "OMP_NUM_THREADS": "1"}
    killed = subprocess.run(command, env=environment | {"TAMIS_FAILPOINT": failpoint}, cwd=root, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not (cut / "out" / "model.safetensors").exists()
    run(recipe, shards, tokenizer, cut, checkpoint_steps=3)
    assert files(cut / "out") == files(tmp_path / "whole" / "out")


def test_a_branch_equals_a_run_that_ends_there(recipe: Recipe, shards: list[Path], tokenizer: Tokenizer, tmp_path: Path) -> None:
    """The trunk does not notice that a decay was branched off it, and the rows of a step do not depend on it."""
    plain = dataclasses.replace(recipe, schedule="wsd", warmup=0.1)
    branched = dataclasses.replace(plain, branches=(12 * 256,))
    run(plain, shards, tokenizer, tmp_path / "plain")
    result = run(branched, shards, tokenizer, tmp_path / "branched")
    one, two = files(tmp_path / "plain" / "out"), files(tmp_path / "branched" / "out")
    assert one["model.safetensors"] == two["model.safetensors"]
    assert result.branches == (tmp_path / "branched" / "out" / "tokens-3072",)
    assert two["tokens-3072/model.safetensors"] != two["model.safetensors"]
    assert load(result.branches[0]).config.vocab_size == tokenizer.vocab_size


def test_a_checkpoint_of_another_run_is_refused(recipe: Recipe, shards: list[Path], tokenizer: Tokenizer, tmp_path: Path) -> None:
    def interrupt(taken: int, of: int, loss: float) -> None:
        if taken == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(recipe, shards, tokenizer, tmp_path, on_step=interrupt, checkpoint_steps=2)
    with pytest.raises(TamisError, match="another run"):
        run(dataclasses.replace(recipe, weight_decay=0.2), shards, tokenizer, tmp_path)


def test_a_loss_that_is_not_a_number_names_the_step(
    recipe: Recipe, shards: list[Path], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    wild = dataclasses.replace(recipe, learning_rate=1e30, clip=1e30, warmup=0.0)
    with pytest.raises(TamisError, match=r"recipe tiny: loss .* at step \d+ of 20; lower the learning rate"):
        run(wild, shards, tokenizer, tmp_path)
    assert not (tmp_path / "out" / "model.safetensors").exists()


@pytest.mark.parametrize(
    "shape",
    [
        Architecture(32, 2, 2, 128, family="bloom", context=64),
        Architecture(32, 2, 2, 32, family="qwen3-moe", context=64, experts=4),
        Architecture(32, 2, 4, 64, family="llama", context=64, key_value_heads=2, tied=False),
    ],
    ids=lambda shape: shape.family,
)
def test_other_families_train_the_same_bytes_twice(
    recipe: Recipe, shards: list[Path], tokenizer: Tokenizer, tmp_path: Path, shape: Architecture
) -> None:
    recipe = dataclasses.replace(recipe, model=shape)
    run(recipe, shards, tokenizer, tmp_path / "a")
    run(recipe, shards, tokenizer, tmp_path / "b")
    assert files(tmp_path / "a" / "out") == files(tmp_path / "b" / "out")
    found = losses(tmp_path / "a")
    assert found[-1] < found[0] - 0.3
    assert future_leak(load(tmp_path / "a" / "out"), tokenizer.vocab_size) < 1e-5
