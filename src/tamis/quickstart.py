"""Does cleaning a small web of real documentation help, and does a classifier help beyond rules?"""

from tamis import BPE, Arm, BitsPerByte, Dataset, Experiment, Holdout, QualityClassifier, ladder
from tamis.data.scores import fineweb, gopher

pages = Dataset.warc("web/demo-*.warc.gz").extract()
rules = pages.keep(*gopher.quality(), *gopher.repetition()).keep(*fineweb.quality()).dedup()
reads_well = QualityClassifier(positives=Dataset.jsonl("reference/good.jsonl.zst"))
best = rules.keep(reads_well.probability, min=0.5)


def package(name: str) -> BitsPerByte:
    documents = Dataset.jsonl(f"targets/{name}.jsonl.zst", meta=("cluster",))
    return BitsPerByte(name, source=documents, cluster="meta.cluster", why="a whole package that no arm has seen")


experiment = Experiment(
    name="quickstart",
    question="At equal tokens, which way of cleaning these pages lowers bits per byte on packages it has never seen?",
    arms=(
        Arm("raw", pages, "main text of every page, nothing removed"),
        Arm("rules", rules, "Gopher's and FineWeb's rules, then near-duplicates removed"),
        Arm("rules + classifier", best, "of those, what reads like good documentation rather than like its shuffled words"),
    ),
    holdout=Holdout(fraction=0.02),
    tokenizer=BPE(2048),
    recipes=ladder("0.1M", "0.33M"),
    tasks=tuple(package(name) for name in ("scipy", "networkx", "huggingface_hub", "fonttools")),
    corpus=".",
)
