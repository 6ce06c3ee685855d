"""Does a quality classifier add to published heuristics, on real English web pages, at equal tokens?

DCLM's key finding at its scale. Here: English pages of the pool (main text), heuristics on them, a classifier on them, and both.
The classifier learns encyclopaedia articles and answers of medical sites against pages of the pool itself; it keeps the better
40 % of the English pages, or the better half of what the heuristics kept: either leaves more than 30 % of the English pages.

Deciding domains, chosen before any result: edited English prose of *other* sources than the classifier's positives (recipes, one
paragraph descriptions of commands, the help of an office program). New articles and answers of the positives' own sources are
shown and cannot decide: a gain there may only mean that the classifier picks pages of those topics.

Before running: with five seeds at 0.1 M parameters, filtering-web-pages.py had half-widths of .05 bits per byte on three domains;
six pairs of arms cost some more, so this design should see about .06.
"""

from tamis import BPE, Arm, BitsPerByte, Dataset, Experiment, Holdout, ladder
from tamis.data.classifier import QualityClassifier
from tamis.data.scores import fineweb, gopher, language


def heldout(name: str, file: str, why: str, decides: bool = False, part: float = 1.0) -> BitsPerByte:
    """The English documents of a held-out domain, or a fixed random part of them."""
    source = Dataset.jsonl(f"eval/heldout/{file}.jsonl.zst").keep(*language.english()).sample(part)
    return BitsPerByte(name, source=source, why=why, decides=decides)


english = Dataset.warc("web/pool-*.warc.gz").extract().keep(*language.english())
ruled = english.keep(*gopher.quality(), *gopher.repetition()).keep(*fineweb.quality())
positives = Dataset.jsonl(("text/wikipedia-vital-en.jsonl.zst", "text/qa-medquad-en.jsonl.zst"))
quality = QualityClassifier(positives, negatives=english).probability

experiment = Experiment(
    name="quality-classifier",
    question="At equal tokens, does a quality classifier lower bits per byte on English prose, alone and after heuristics?",
    arms=(
        Arm("English", english, "main text of every English page"),
        Arm("heuristics", ruled, "Gopher's and FineWeb's rules"),
        Arm("classifier", english.top(quality, 0.4), "the 40 % of the English pages most like the positives"),
        Arm("heuristics + classifier", ruled.top(quality, 0.5), "the half of what the rules kept most like the positives"),
    ),
    holdout=Holdout(fraction=0.02),
    tokenizer=BPE(2048),
    recipes=ladder("0.1M", tokens=800_000),
    seeds=(0, 1, 2, 3, 4),
    tasks=(
        heldout("recipes", "recipes-wikibooks-en", "edited how-to prose", decides=True),
        heldout("commands", "tldr-pages", "short edited descriptions of commands", decides=True),
        heldout("office help", "libreoffice-help-parallel", "edited help of a program", decides=True),
        heldout("encyclopaedia", "wikipedia-vital-en", "the source of positives: shown"),
        heldout("medical answers", "qa-medquad-en", "the source of positives: shown", part=0.5),
    ),
)
