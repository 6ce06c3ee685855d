"""WARC to text: our extractor, resiliparse and trafilatura as FineWeb calls it, for speed and for quality.

    python benchmarks/extraction.py --data DIR [--peer-venv DIR] [--split validation|training]

Speed is in bytes of HTML per marginal CPU-second of `tamis build` from WARC to .jsonl.zst, everything counted; trafilatura runs
in the same command through `Trafilatura()`, on a sample of the pool, in an environment where it is installed. Quality is on the
pages of `_extraction_gold.py` that no training saw, and then per kind of page of the pool: how much text each extractor finds
there, and how much of it ours and trafilatura share.
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import _extraction_gold as known
import _harness as harness
from fastwarc.warc import ArchiveIterator, WarcRecordType

PEER = ("trafilatura==2.3.1", "lxml_html_clean==0.4.6")
SAMPLED = 8  # every so many pages for trafilatura
DECLARATION = """
from tamis import Dataset
from tamis.data.extract import Article, Resiliparse, Trafilatura

text = Dataset.warc({files}).extract({extractor}())
"""
EXTRACTED = """
import json, sys
from tamis.data.extract import Trafilatura
extractor = Trafilatura()
for line in sys.stdin:
    try:
        text = extractor.extract(json.loads(line))
    except Exception:
        text = ""
    print(json.dumps(text), flush=True)
"""


def pool(data: Path, work: Path, every: int) -> harness.Corpus:
    """Every so many records of the pool, dealt out to six archives; sizes are of HTML."""
    work.mkdir()
    sizes, number = [0] * harness.SHARDS, 0
    files = [(work / f"{i}.warc.gz").open("wb") for i in range(harness.SHARDS)]
    for path in sorted((data / "web").glob("pool-*.warc.gz")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=False):
                number += 1
                if number % every == 0:
                    shard = number // every % harness.SHARDS
                    record.freeze()
                    sizes[shard] += record.content_length
                    record.write(files[shard])
    for file in files:
        file.close()
    return harness.Corpus(work, tuple(sizes), number // every)


def build(python: Path, extractor: str, work: Path, files: list[Path]) -> harness.Cost:
    """`tamis build` in fresh folders."""
    place = Path(tempfile.mkdtemp(dir=work))
    (place / "dataset.py").write_text(DECLARATION.format(files=tuple(f.name for f in files), extractor=extractor))
    flags = ("--store", place / "store", "--data", files[0].parent, "--workers", "1", "--format", "jsonl.zst")
    cost = harness.spend([python, "-m", "tamis", "build", f"{place}/dataset.py:text", "--to", place / "out", *flags])
    if not list((place / "out").rglob("*.jsonl.zst")):
        raise SystemExit("tamis build wrote nothing")
    shutil.rmtree(place)
    return cost


def trafilatura(python: Path, pages: list[str]) -> list[str]:
    lines = "".join(json.dumps(page) + "\n" for page in pages)
    done = subprocess.run([python, "-c", EXTRACTED], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def kinds(data: Path, python: Path) -> None:
    """What the extractors find per kind and language of page."""
    from tamis.data.extract import Article, Resiliparse
    from tamis.data.sources.charset import decode

    rows = (json.loads(line) for line in (data / "web/pool-manifest.jsonl").read_text().splitlines())
    groups = {
        r["record_id"]: (r["kind"], "en" if r["lang"] == "en" else "cjk" if r["lang"] in ("zh", "ja", "ko") else "other")
        for r in rows
    }
    pages: list[str] = []
    names: list[tuple[str, str]] = []
    number = 0
    for path in sorted((data / "web").glob("pool-*.warc.gz")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
                number += 1
                if number % SAMPLED == 0 and record.record_id in groups:
                    pages.append(decode(record.reader.read(), "")[0])
                    names.append(groups[record.record_id])
    theirs = trafilatura(python, pages)
    table: dict[tuple[str, str], list[tuple[int, ...]]] = defaultdict(list)
    for name, page, their in zip(names, pages, theirs, strict=True):
        ours, plain = Article().extract(page), Resiliparse().extract(page)
        a, b = known.shingles(ours), known.shingles(their)
        table[name].append((len(ours), len(their), len(plain), (a & b).total(), a.total(), b.total(), not ours, not their))
    print(
        "\nLetters a page; the share of 4-grams in both, of ours and of trafilatura's; pages without text, ours and trafilatura's"
    )
    print(f"{'kind, language':<32}{'pages':>6}{'ours':>8}{'traf.':>8}{'resil.':>8}")
    for (kind, language), found in sorted(table.items()):
        s = [sum(column) for column in zip(*found, strict=True)]
        n = len(found)
        shares = f"{s[3] / max(s[4], 1):>6.2f}{s[3] / max(s[5], 1):>6.2f}   {s[6]}, {s[7]}"
        print(f"{kind + ', ' + language:<32}{n:>6}{s[0] // n:>8}{s[1] // n:>8}{s[2] // n:>8}  {shares}")


def main() -> None:
    parser = harness.arguments(__doc__ or "")
    parser.add_argument("--split", choices=("validation", "training"), default="validation")
    options = parser.parse_args()
    if options.data is None:
        raise SystemExit("extraction needs --data: no generated page has the variety of real ones")
    from tamis.data.extract import Article, Resiliparse

    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        python = harness.peer_python(options.peer_venv, "trafilatura", (*PEER, "-e", str(Path(__file__).parents[1])))
        pages = [p for p in known.gold(options.data) if p.validation == (options.split == "validation")]
        htmls = [p.html for p in pages]
        texts = {
            "ours": [Article().extract(h) for h in htmls],
            "trafilatura": trafilatura(python, htmls),
            "resiliparse": [Resiliparse().extract(h) for h in htmls],
        }
        print(f"\nQuality on the {options.split} split: {len(pages)} pages\n")
        print("\n".join(known.quality(pages, texts)))
        kinds(options.data, python)
        whole, sample = pool(options.data, work / "whole", 1), pool(options.data, work / "sample", SAMPLED)
        version, here = importlib.metadata.version("tamis"), Path(sys.executable)

        def speed(name: str, at: Path, extractor: str, corpus: harness.Corpus, number: str) -> harness.Speed:
            run = lambda files: build(at, extractor, work, files)  # noqa: E731
            return harness.measure(name, number, "--workers 1 --format jsonl.zst", corpus, run, ".warc.gz", warm=corpus is whole)

        ours = speed("tamis build, ours", here, "Article", whole, version)
        plain = speed("tamis build, resiliparse", here, "Resiliparse", whole, harness.peer_version(here, "resiliparse"))
        peer = speed("tamis build, trafilatura", python, "Trafilatura", sample, harness.peer_version(python, "trafilatura"))
        harness.report(
            f"WARC to text: {whole.documents:,} pages, sample of {sample.documents:,}; MB of HTML",
            [ours, plain, peer],
            [harness.compare("extraction-resiliparse", ours, plain), harness.compare("extraction", ours, peer)],
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
