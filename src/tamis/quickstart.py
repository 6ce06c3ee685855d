"""Does cleaning a small web of real documentation help, and does a classifier help beyond rules?"""

from tamis import BPE, Arm, BitsPerByte, Dataset, Experiment, Holdout, QualityClassifier, ladder
from tamis.data.scores import fineweb, gopher

pages = Dataset.warc("web/demo-*.warc.gz").extract()
rules = pages.keep(*gopher.quality(), *gopher.repetition()).keep(*fineweb.quality()).dedup()
good = Dataset.jsonl("reference/good.jsonl.zst")
best = rules.top(QualityClassifier(positives=good, negatives=pages), fraction=0.7)

experiment = Experiment(
    name="quickstart",
    question="At equal tokens, which way of cleaning these pages lowers bits per byte on packages it has never seen?",
    arms=(
        Arm("raw", pages, "main text of every page, nothing removed"),
        Arm("rules", rules, "Gopher's and FineWeb's rules, then near-duplicates removed"),
        Arm("rules + classifier", best, "of those, the 70 % most like good documentation"),
    ),
    holdout=Holdout(fraction=0.02),
    tokenizer=BPE(2048),
    recipes=ladder("0.1M", "0.33M"),
    tasks=tuple(
        BitsPerByte(
            name, source=Dataset.jsonl(f"targets/{name}.jsonl.zst"), cluster="meta.cluster", why="a whole package, held out"
        )
        for name in ("scipy", "networkx", "huggingface_hub", "fonttools")
    ),
    corpus=".",
)
