"""A page that is crawled again and again: is it better to remove its copies within each dump only, or over all dumps?

FineWeb's authors found that removing near-duplicates dump by dump made better models than removing them over all dumps together
(Penedo et al. 2024, section 3.4), and gave a reason: what is left of old dumps after a global pass is what no later crawl wanted.
Three dumps are made here by drawing 60 % of the filtered pages of one pool three times, so a page is in 1.8 dumps on average.
The draws know nothing of quality; so this asks only whether repeating pages costs anything at equal tokens, not whether what
recurs is better. At 0.9 M tokens an arm without dedup shows about two thirds as many different pages as one with global dedup.

Expected before it was run: nothing visible, since copies of decent pages, seen at most three times, cost little (Muennighoff et
al. 2023: up to four epochs are nearly as good as new text); the smallest visible difference should lie near 0.05 bits per byte.
"""

from tamis import BPE, Arm, BitsPerByte, Dataset, Experiment, Holdout, ladder
from tamis.data.scores import fineweb, gopher, language


def heldout(name: str, file: str, why: str, part: float = 1.0) -> BitsPerByte:
    """A held-out domain of edited English prose; of a large one a fixed random part is enough."""
    return BitsPerByte(name, source=Dataset.jsonl(f"eval/heldout/{file}.jsonl.zst").sample(part), why=why, decides=True)


pages = Dataset.warc("web/pool-*.warc.gz").extract()
filtered = pages.keep(*language.english()).keep(*gopher.quality(), *gopher.repetition()).keep(*fineweb.quality())
dumps = [filtered.sample(0.6, seed) for seed in (1, 2, 3)]
together = dumps[0] + dumps[1] + dumps[2]

experiment = Experiment(
    name="dedup-per-dump",
    question="At equal tokens, does removing near-duplicates within dumps, or over all, lower bits per byte on English prose?",
    arms=(
        Arm("no dedup", together, "three dumps, a page is in 1.8 of them on average"),
        Arm("per dump", dumps[0].dedup() + dumps[1].dedup() + dumps[2].dedup(), "near-duplicates removed within each dump"),
        Arm("global", together.dedup(), "near-duplicates removed over all dumps"),
    ),
    holdout=Holdout(fraction=0.02),
    tokenizer=BPE(2048),
    recipes=ladder("0.1M", tokens=900_000),
    seeds=(0, 1, 2, 3, 4),
    tasks=(
        heldout("wikipedia", "wikipedia-vital-en", "edited encyclopaedic prose"),
        heldout("recipes", "recipes-wikibooks-en", "edited how-to prose"),
        heldout("medical answers", "qa-medquad-en", "edited explanations for patients", part=0.5),
    ),
)
