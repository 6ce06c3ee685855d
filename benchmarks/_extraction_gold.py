"""Pages whose main content is known: the split into training and validation, and how a text is judged.

Two kinds. 130 test pages of mozilla/readability come with the whole expected text: judged by precision and recall of 4-grams of
words (multisets), averaged over pages; F1 is of the two averages. For the pages of adbar/trafilatura's evaluation that lie in the
web pool, a few strings must be in the text and a few must not: judged by the share of strings that are right, all pages together.
The split is by site, so that no site is on both sides: validation is sha256("split:" + site) mod 20 < 6.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import tarfile
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import zstandard
from fastwarc.warc import ArchiveIterator, WarcRecordType

from tamis.data.sources.charset import decode

GOLD = ("extraction-gold/mozilla-readability-test-pages.tar.zst", "extraction-gold/trafilatura-evaldata.json.zst")
CANONICAL = (
    re.compile(r"<link[^>]*rel=[\"']?canonical[\"']?[^>]*>", re.IGNORECASE),
    re.compile(r"<meta[^>]*og:url[\"'][^>]*>", re.IGNORECASE),
)
ADDRESS = re.compile(r"https?://[^\"'\s>]+")
BORDER = re.compile(
    r"</?(?:p|div|li|ul|ol|h[1-6]|td|tr|th|table|br|blockquote|pre|section|article|figure|figcaption|dd|dt|dl|header|footer|hr)\b[^>]*>",
    re.IGNORECASE,
)
WORD = re.compile(r"\w+")
HOSTS = {("wordpress", "com"), ("blogspot", "com"), ("github", "io"), ("blogspot", "de")}  # each blog is a site
SECOND = {"co", "com", "org", "net", "ac", "gov", "edu", "asso"}
RESAMPLED = 1000


@dataclass(frozen=True)
class GoldPage:
    """A page and what is known of it: the expected text (`marked` its HTML), or strings that must and must not be in the text."""

    name: str
    html: str
    site: str
    marked: str | None = None
    have: tuple[str, ...] = ()
    lack: tuple[str, ...] = ()

    @property
    def expected(self) -> str | None:
        return None if self.marked is None else html.unescape(re.sub(r"<[^>]+>", "", BORDER.sub("\n", self.marked)))

    @property
    def validation(self) -> bool:
        return int(hashlib.sha256(b"split:" + self.site.encode()).hexdigest()[:8], 16) % 20 < 6


def site_of(address: str) -> str:
    """The registered domain of an address (of the archived one, where it is an archive's)."""
    parts = urlparse("http" + address.split("http")[-1]).netloc.lower().split(":")[0].split(".")
    longer = tuple(parts[-2:]) in HOSTS or (len(parts) >= 3 and parts[-2] in SECOND and len(parts[-1]) == 2)
    return ".".join(parts[-3:] if longer else parts[-2:])


def readability(data: Path) -> list[GoldPage]:
    pages = []
    with tempfile.TemporaryDirectory() as folder:
        packed = zstandard.ZstdDecompressor().stream_reader((data / GOLD[0]).read_bytes())
        with tarfile.open(fileobj=packed, mode="r|") as archive:
            archive.extractall(folder, filter="data")
        for path in sorted(p.parent for p in Path(folder).rglob("source.html")):
            text = decode((path / "source.html").read_bytes(), "")[0]
            tags = [m for pattern in CANONICAL if (m := pattern.search(text))]
            found = [site_of(a.group(0)) for m in tags if (a := ADDRESS.search(m.group(0)))]
            site = next(filter(None, found), path.name.rstrip("0123456789").rstrip("-"))
            pages.append(GoldPage("rd-" + path.name, text, site, (path / "expected.html").read_text()))
    return pages


def evaluation(data: Path) -> list[GoldPage]:
    strings = json.loads(zstandard.ZstdDecompressor().stream_reader((data / GOLD[1]).read_bytes()).read())
    by_file = {known["file"]: (address, known) for address, known in strings.items()}
    rows = [json.loads(line) for line in (data / "web/pool-manifest.jsonl").read_text().splitlines()]
    wanted = {r["record_id"]: by_file.get(r["source_path"].split("/")[-1]) for r in rows if r["source"] == "adbar/trafilatura"}
    pages = []
    for path in sorted((data / "web").glob("pool-*.warc.gz")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
                if known := wanted.get(record.record_id):
                    address, strings = known
                    kind = record.http_headers.get("Content-Type", "") if record.http_headers else ""
                    text = decode(record.reader.read(), kind)[0]
                    have, lack = tuple(strings["with"]), tuple(strings["without"])
                    pages.append(GoldPage(strings["file"], text, site_of(address) or strings["file"], None, have, lack))
    return pages


def gold(data: Path) -> list[GoldPage]:
    """All pages, in a fixed order."""
    return evaluation(data) + readability(data)


def words(text: str) -> list[str]:
    return WORD.findall(text)


def shingles(text: str) -> Counter[tuple[str, ...]]:
    tokens = words(text)
    return Counter(tuple(tokens[i : i + 4]) for i in range(max(1, len(tokens) - 3))) if tokens else Counter()


def plain(text: str) -> str:
    return " ".join(text.split())


def judged(page: GoldPage, text: str) -> tuple[float, ...]:
    """(precision, recall) by 4-grams, or (strings right, strings in all)."""
    if page.expected is not None:
        wanted, found = shingles(page.expected), shingles(text)
        common = (wanted & found).total()
        return (common / max(1, found.total()), common / max(1, wanted.total()))
    text = plain(text)
    right = sum(plain(s) in text for s in page.have) + sum(plain(s) not in text for s in page.lack)
    return (right, len(page.have) + len(page.lack))


def f1(rows: np.ndarray) -> float:
    precision, recall = rows.mean(0)
    return float(2 * precision * recall / max(precision + recall, 1e-9))


def accuracy(rows: np.ndarray) -> float:
    return float(rows[:, 0].sum() / rows[:, 1].sum())


def quality(pages: Sequence[GoldPage], texts: dict[str, Sequence[str]]) -> list[str]:
    """One line per extractor: F1 and accuracy, and what the first has over it, with 95 % intervals (bootstrap over pages)."""
    lines, draw = [], np.random.default_rng(1)
    whole = [i for i, p in enumerate(pages) if p.expected is not None]
    parts = [i for i, p in enumerate(pages) if p.expected is None]
    scores = {name: [judged(p, t) for p, t in zip(pages, made, strict=True)] for name, made in texts.items()}
    first = next(iter(scores))
    for title, chosen, measure in (("4-gram F1", whole, f1), ("strings right", parts, accuracy)):
        tables = {name: np.array([rows[i] for i in chosen], float) for name, rows in scores.items()}
        samples = draw.integers(0, len(chosen), (RESAMPLED, len(chosen)))
        for name, table in tables.items():
            low, high = np.quantile([measure(table[s]) for s in samples], (0.025, 0.975))
            line = f"{title:<14} n={len(chosen):<4} {name:<14} {measure(table):.4f} [{low:.4f}, {high:.4f}]"
            if name != first:
                less = [measure(tables[first][s]) - measure(table[s]) for s in samples]
                low, high = np.quantile(less, (0.025, 0.975))
                line += f"   {first} less {name}: {measure(tables[first]) - measure(table):+.4f} [{low:+.4f}, {high:+.4f}]"
            lines.append(line)
    return lines


def hashes(data: Path) -> dict[str, str]:
    return {name: hashlib.sha256((data / name).read_bytes()).hexdigest() for name in GOLD}
