"""The rule on real runs where nothing differs: two random halves of one pool, twenty times over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tamis import BPE, Arm, BitsPerByte, Dataset, Experiment, Holdout, ladder
from tamis.data.scores import gopher
from tamis.data.select import Sample

EXPERIMENTS = 20
MOST_CLAIMS = 3  # at a true rate of 5 %, four or more of twenty happen in 1.6 % of such tests


def halves(number: int) -> Experiment:
    pages = Dataset.warc("web/demo-*.warc.gz").extract().keep(*gopher.quality(), *gopher.repetition())
    first, second = (Sample(0.5, 1000 + number, complement=c, reason="other half", stream="halves") for c in (False, True))
    return Experiment(
        name=f"halves-{number}",
        question="Do two random halves of one pool differ?",
        arms=(Arm("first half", pages.select(first)), Arm("second half", pages.select(second))),
        holdout=Holdout(fraction=0.01),
        tokenizer=BPE(2048),
        recipes=ladder("0.1M", tokens=100_000),
        tasks=tuple(
            BitsPerByte(
                name, source=Dataset.jsonl(f"targets/{name}.jsonl.zst", meta=("cluster",)).sample(0.5), cluster="meta.cluster"
            )
            for name in ("scipy", "networkx")
        ),
    )


@pytest.mark.slow
def test_random_halves_are_seldom_called_different(tmp_path_factory: pytest.TempPathFactory) -> None:
    from tamis.data.demo import prepare
    from tamis.experiment.command import Options, execute

    folder = tmp_path_factory.mktemp("halves")
    prepare(folder / "data")
    claims = []
    for number in range(EXPERIMENTS):
        options = Options(folder / "store", folder / f"runs-{number}", folder / "data", workers=2, quiet=True)
        execute(halves(number), Path(__file__), options)
        (run,) = (folder / f"runs-{number}").iterdir()
        (verdict,) = json.loads((run / "summary.json").read_text())["verdicts"]
        print(f"{number:>2}  {verdict['verdict']}  {verdict['difference']:+.4f} [{verdict['low']:.4f}, {verdict['high']:.4f}]")
        claims.append(verdict["verdict"] == "better")
    print(f"better claimed in {sum(claims)} of {len(claims)}")
    assert sum(claims) <= MOST_CLAIMS
