"""Real web pages: does filtering them by the published heuristics help a small model of English prose, and does dedup add to it?

The pool is 3,422 pages of five archives (articles, forms, listings, documentation, HTML mails), some 15 M characters of main
text.

Deciding domains, chosen before any result because they are edited English prose that no arm's rules were tuned on: short
encyclopaedia articles (Wikipedia vital articles), recipes (Wikibooks) and answers of medical information sites (MedQuAD). Two
whole books are shown but do not decide (two clusters are too few for an interval); other languages, grade-school mathematics
and source code are shown because the rules are made for English prose, and an arm that gains on prose may lose there.
"""

from tamis import BPE, Arm, BitsPerByte, Dataset, Experiment, Holdout, ladder
from tamis.data.scores import fineweb, gopher, language


def heldout(name: str, file: str, why: str, decides: bool = False, cluster: str | None = None, part: float = 1.0) -> BitsPerByte:
    """A held-out domain; of a large one a fixed random part of its documents is enough."""
    source = Dataset.jsonl(f"eval/heldout/{file}.jsonl.zst", meta=("book",) if file.startswith("books") else ()).sample(part)
    return BitsPerByte(name, source=source, cluster=cluster, why=why, decides=decides)


pages = Dataset.warc("web/pool-*.warc.gz").extract()
filtered = pages.keep(*language.english()).keep(*gopher.quality(), *gopher.repetition()).keep(*fineweb.quality())
unique = filtered.dedup()

experiment = Experiment(
    name="filtering-web-pages",
    question="At equal tokens, do published heuristics, and dedup after them, lower bits per byte on edited English prose?",
    arms=(
        Arm("raw", pages, "main text of every page"),
        Arm("heuristics", filtered, "English by lid.176 (> .65), then Gopher's and FineWeb's rules"),
        Arm("heuristics + dedup", unique, "and near-duplicates at Jaccard .8 removed"),
    ),
    holdout=Holdout(fraction=0.02),
    tokenizer=BPE(2048),
    recipes=ladder("0.1M", "0.33M", tokens=800_000),
    seeds=(0, 1, 2, 3, 4),
    tasks=(
        heldout("wikipedia", "wikipedia-vital-en", "edited encyclopaedic prose", decides=True),
        heldout("recipes", "recipes-wikibooks-en", "edited how-to prose", decides=True),
        heldout("medical answers", "qa-medquad-en", "edited explanations for patients", decides=True, part=0.5),
        heldout(
            "books", "books-standardebooks-en", "two novels: shown, too few clusters to decide", cluster="meta.book", part=0.2
        ),
        heldout("other languages", "wikipedia-vital-fr", "French: what the English rules cost"),
        heldout("mathematics", "math-gsm8k-train-en", "word problems: shown"),
        heldout("code", "the-algorithms-8langs", "source code in eight languages: shown", part=0.3),
    ),
)
