"""A model on this machine: sampled like an endpoint, or asked for its probabilities of the answers 1 to 10.

Likelihood needs no parser, is deterministic and works from a million parameters on: the text "### Problem: … ### Answer:" is
continued by " 1" to " 10", and the rate of an item is the probability of the right one among the ten. Names are drawn several
times, so that variations can be compared within them.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tamis.core.errors import TamisError, UsageError
from tamis.eval.aiw.problems import Problem, Study
from tamis.eval.aiw.responses import Response, ResponseStore
from tamis.eval.questions import Questions
from tamis.eval.task import Answer, Item, Judgement

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CHOICES = tuple(str(n) for n in range(1, 11))
MAIN_NAMES, CONTROL_NAMES = 8, 2  # sets of names for a family's own question and for its controls
TOGETHER = 16  # replies sampled at once


@dataclass(frozen=True)
class Wonderland(Questions):
    """A study as a task for likelihood: its metric is the mean probability of the right answer among 1 to 10."""

    path: str = ""
    study: Study = field(default_factory=Study, kw_only=True)

    kind: ClassVar[str] = "wonderland"
    unit: ClassVar[str] = "probability"
    version: ClassVar[int] = 1

    def problems(self) -> Iterator[Problem]:
        """The numeric problems, each with several sets of names, in the form for completion."""
        families = tuple(f for f in self.study.families if f != "symbolic")
        if not families:
            raise UsageError("the symbolic family has no answers from 1 to 10: sample it, or add another family")
        for names in range(MAIN_NAMES):
            base = replace(self.study.surface, names=names, prompt="COMPLETION")
            axes = tuple(a for a in self.study.axes if a not in ("names", "prompt"))
            for problem in replace(self.study, families=families, surface=base, axes=axes).problems():
                if problem.part == "main" or names < CONTROL_NAMES:
                    yield problem

    def items(self, root: str | Path = ".") -> Iterator[Item]:
        for number, problem in enumerate(self.problems(), 1):
            pairs = [self.pair(problem.prompt, choice) for choice in CHOICES]
            payload = {"line": number, "gold": CHOICES.index(str(problem.key)), "pairs": [list(p) for p in pairs]}
            yield Item(problem.id, f"{problem.group}.{problem.variation}", problem.prompt, self.kind, payload)

    def judge(self, item: Item, answers: Sequence[Answer]) -> Judgement:
        top = max(a.logprob for a in answers)
        weights = [math.exp(a.logprob - top) for a in answers]
        shares = [w / sum(weights) for w in weights]
        gold = item.payload["gold"]
        return Judgement(shares[gold], 1.0, {"gold": gold, "probability": shares, "cut": sum(a.cut for a in answers)})


def pinned_directory(reference: str) -> Path:
    """The directory of a model: a local one, or NAME@REVISION (40 hex digits) of the Hugging Face hub, safetensors only."""
    path = Path(reference)
    if path.is_dir():
        return path
    match = re.fullmatch(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})", reference)
    if match is None:
        raise UsageError(f"{reference}: no such directory (a model of the hub is named ORG/NAME@REVISION, 40 hex digits)")
    try:
        from huggingface_hub import snapshot_download

        found = snapshot_download(match[1], revision=match[2], allow_patterns=["*.json", "*.safetensors", "*.jinja", "*.model"])
    except ImportError:
        raise UsageError(f"{reference}: needs huggingface_hub (pip install 'tamis[hub]')") from None
    except Exception as error:  # whatever a network says
        raise TamisError(
            f"{reference}: cannot be fetched ({(str(error).strip() or type(error).__name__).splitlines()[0]})"
        ) from None
    return Path(found)


def sample(
    directory: Path,
    problems: Sequence[Problem],
    study: Study,
    store: ResponseStore,
    device: str = "cpu",
    on_reply: Callable[[int, int], None] | None = None,
) -> None:
    """Fill the store with sampled replies of a model directory. A reply is a function of the model, the problem and its trials.

    Chat models are asked through their own template; others must be asked with the COMPLETION prompt (`for_base`).
    """
    import torch

    from tamis.eval.directory import open_model

    model, own, context = open_model(directory, device)
    tokenizer = _chat_tokenizer(directory)
    total = sum((p.id, t) not in store.done for p in problems for t in range(study.trials))
    finished = 0
    for problem in problems:
        for start in range(0, study.trials, TOGETHER):
            trials = range(start, min(start + TOGETHER, study.trials))
            if all((problem.id, t) in store.done for t in trials):
                continue
            if problem.surface.prompt == "COMPLETION" or tokenizer is None:
                ids = [own.bos, *own.encode_batch([problem.prompt])[0].tolist()]
            else:
                message = [{"role": "user", "content": problem.prompt}]
                ids = list(tokenizer.apply_chat_template(message, add_generation_prompt=True, return_dict=False))
            room = min(
                study.max_tokens if problem.surface.prompt != "COMPLETION" else min(study.max_tokens, 64), context - len(ids)
            )
            if room < 1:
                raise TamisError(f"{directory}: the prompt of {problem.id} has {len(ids)} tokens, the model's context {context}")
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(zlib.crc32(f"{study.name}/{problem.id}/{start}".encode()))
                texts = _generate(model, ids, len(trials), room, study.temperature, own.eos)
            for trial, (tokens, ended) in zip(trials, texts, strict=True):
                text = tokenizer.decode(tokens, skip_special_tokens=True) if tokenizer is not None else own.decode(tokens)
                store.add(
                    Response(problem.id, trial, problem.prompt, text, "stop" if ended else "length", {"completion": len(tokens)})
                )
                finished += 1
                if on_reply is not None:
                    on_reply(finished, total)


def has_chat_template(directory: Path) -> bool:
    return _chat_tokenizer(directory) is not None


def for_base(study: Study) -> Study:
    """The study as a model without a chat template is asked: problems to be continued."""
    return replace(study, surface=replace(study.surface, prompt="COMPLETION"), axes=tuple(a for a in study.axes if a != "prompt"))


def _chat_tokenizer(directory: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=False)
    except (OSError, ValueError, KeyError):
        return None
    return tokenizer if getattr(tokenizer, "chat_template", None) else None


def _generate(
    model: PreTrainedModel, ids: list[int], count: int, room: int, temperature: float, eos: int
) -> list[tuple[list[int], bool]]:
    """`count` continuations: tokens without the end marker, and whether it was reached."""
    import torch

    own = getattr(model.generation_config, "eos_token_id", None)
    ends = {eos, *(own if isinstance(own, list) else [own] if own is not None else [])}
    batch = torch.tensor([ids] * count, device=next(model.parameters()).device)
    choice: dict[str, Any] = {"do_sample": False} if temperature == 0 else {"do_sample": True, "temperature": temperature}
    with torch.no_grad():
        out: Any = model.generate(
            batch,
            attention_mask=torch.ones_like(batch),
            max_new_tokens=room,
            eos_token_id=sorted(ends),
            pad_token_id=eos,
            **choice,
            **({} if temperature == 0 else {"top_k": 0, "top_p": 1.0}),
        )
    replies = []
    for row in out[:, len(ids) :].tolist():
        end = next((i for i, token in enumerate(row) if token in ends), None)
        replies.append((row if end is None else row[:end], end is not None))
    return replies
