"""The labelled set for personal data: planted values, hand labels and hard negatives. Nothing here knows the detector.

    python benchmarks/pii_labels.py --data DIR [--faker-venv DIR]      prints what the set holds

* `planted`: values made up by Faker in 13 locales, and keys and tokens drawn here in their documented forms, each put into a
  real sentence of the locale's language (or a real line of code), half with a word before it that says what it is.
* `mail`: 137 regions of real mail read and labelled by hand (`pii_labels.jsonl`: places only, no text): the first 3,000
  characters of 45 messages drawn by hash, of 35 with a long run of digits and of 12 with a dotted quad, and a window around the
  first telephone number that follows a word such as "phone" in 45 more. Everything in a region was labelled.
* `qa`, `docs`: hard negatives, whole: all answers of `text/qa-medquad-en` and all text of the documentation pages of
  `web/pool-*.warc.gz`. The strings that broad patterns take for personal data (`CANDIDATE`) were read: all of `qa`; of `docs`
  all with an "@", dotted quads, digits and colons, long identifiers by sample. Those that are personal (clinics print their
  numbers, manuals their authors' addresses) are labelled; everything else counts against a detector.

Labelled are e-mail addresses (of lists and offices too), telephone and fax numbers with "+", brackets and extension, addresses
that are routed in the open internet, card numbers, IBANs, keys. Not labelled are reserved addresses and names (RFC 2606, 5737)
and addresses written out in words. `optional` spans count neither way: message ids, numbers spelt with letters, percent-encoded
forms.

A document belongs to the half `tune` or `judge` by a hash of its name: rules are made on the first, figures are of the second.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import _harness as harness
import zstandard

FAKER = ("Faker==40.54.0",)
LABELS = Path(__file__).with_name("pii_labels.jsonl")
LOCALES = {  # locale: (file, id of the document or None for all, the word for telephone)
    "en_US": ("text/wikipedia-vital-en", None, "Phone"),
    "en_GB": ("text/qa-medquad-en", None, "Tel"),
    "de_DE": ("text/recipes-wikibooks-de", None, "Telefon"),
    "fr_FR": ("text/wikipedia-vital-fr", None, "Tél"),
    "es_ES": ("text/wikipedia-vital-es", None, "Teléfono"),
    "it_IT": ("multilingual/udhr-all", "udhr-ita", "Telefono"),
    "pl_PL": ("multilingual/udhr-all", "udhr-pol", "Telefon"),
    "sv_SE": ("multilingual/udhr-all", "udhr-swe", "Telefon"),
    "ru_RU": ("multilingual/udhr-all", "udhr-rus", "Телефон"),
    "ja_JP": ("multilingual/udhr-all", "udhr-jpn", "電話"),
    "zh_CN": ("multilingual/udhr-all", "udhr-cmn_hans", "电话"),
    "ar_SA": ("multilingual/udhr-all", "udhr-arb", "هاتف"),
    "hi_IN": ("multilingual/udhr-all", "udhr-hin", "फ़ोन"),
}
CODE = "code/the-algorithms-8langs"
CUES = {"email": "E-mail", "ip": "IP", "card": "Card", "iban": "IBAN"}
CANDIDATE = re.compile(
    r"\S*@\S*"
    r"|(?<![\w.])[+(]{0,2}\d(?:[ .\-/()\u00a0]{0,3}\d){6,}(?!\w)"
    r"|(?<![\w.])\d+\.\d+\.\d+\.\d+"
    r"|(?<!\w)[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,}"
    r"|(?<!\w)(?=\w*\d)(?=\w*[A-Za-z])[\w+/=-]{16,}"
    r"|(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){10,}"
)


@dataclass(frozen=True)
class Span:
    start: int
    stop: int
    kind: str


@dataclass(frozen=True)
class Document:
    """A text and everything personal in it. `part` is planted, mail, qa or docs; `cued`: a word before the value announces it."""

    part: str
    name: str
    text: str
    spans: tuple[Span, ...]
    locale: str = ""
    cued: bool = False

    @property
    def half(self) -> str:
        return "tune" if hashlib.sha256(f"{self.part} {self.name}".encode()).digest()[0] % 2 else "judge"


def rows(data: Path, name: str) -> list[dict[str, Any]]:
    with (data / f"{name}.jsonl.zst").open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        return [json.loads(line) for line in io.TextIOWrapper(stream, encoding="utf-8")]


def documentation(data: Path) -> Iterator[tuple[str, str]]:
    """Name and all text of each documentation page of the pool."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.extract.html2text import extract_plain_text

    listed = (json.loads(line) for line in (data / "web/pool-manifest.jsonl").read_text().splitlines())
    names = {row["record_id"]: row["id"] for row in listed if row["kind"] == "docs"}
    for path in sorted((data / "web").glob("pool-*.warc.gz")):
        with path.open("rb") as file:
            for record in ArchiveIterator(file, record_types=WarcRecordType.response):
                if record.record_id in names:
                    raw = record.reader.read()
                    try:
                        page = raw.decode()
                    except UnicodeDecodeError:
                        page = raw.decode("cp1252", "replace")
                    yield names[record.record_id], extract_plain_text(page, main_content=False)


def labelled(data: Path) -> Iterator[Document]:
    """The hand-labelled regions, and the hard negatives with what is true in them."""
    labels: dict[str, dict[Any, list[dict[str, Any]]]] = {"mail": {}, "qa": {}, "docs": {}}
    for row in map(json.loads, LABELS.read_text().splitlines()):
        labels[row["set"]].setdefault(row["id"], []).append(row)
    mail = ((row["id"], row["text"]) for row in rows(data, "text/email-spam-ham"))
    qa = enumerate(row["text"] for row in rows(data, "text/qa-medquad-en"))
    for part, texts in (("mail", mail), ("qa", qa), ("docs", documentation(data))):
        for name, text in texts:
            for row in labels[part].get(name, ()):
                yield region(part, text, row)
            if part != "mail" and name not in labels[part]:
                yield Document(part, str(name), text, ())


def region(part: str, text: str, row: dict[str, Any]) -> Document:
    start = row["start"]
    piece = text[start : row["stop"]]
    if hashlib.sha256(piece.encode()).hexdigest()[:16] != row["sha256"]:
        raise SystemExit(f"{part} {row['id']}: the text is not the one that was labelled")
    spans = tuple(Span(a - start, b - start, kind) for a, b, kind in row["spans"])
    return Document(part, f"{row['id']}@{start}", piece, spans)


def carriers(data: Path, file: str, only: str | None) -> list[str]:
    """Real sentences of 40 to 300 characters without a digit run or an "@" of their own, in an order fixed by their hash."""
    found = set()
    for row in rows(data, file)[:4000]:
        if only in (None, row["id"]):
            found |= {s.strip() for s in re.split(r"(?<=[.!?。।؟])\s+|\n", row["text"])}
    good = [s for s in found if 40 <= len(s) <= 300 and not re.search(r"\d{4}|@|://", s)]
    return sorted(good, key=lambda s: hashlib.sha256(s.encode()).digest())


def put(rng: Random, sentence: str, value: str, cue: str) -> tuple[str, int, bool]:
    """The text with the value in it, where the value starts, and whether the cue stands before it."""
    form = rng.randrange(4)
    spaced = " " in sentence
    gaps = [m.start() for m in re.finditer(" ", sentence)] if spaced else list(range(1, len(sentence)))
    gap = rng.choice(gaps)
    space = " " if spaced else ""
    before = [sentence[:gap] + space, f"{sentence[:gap]}{space}(", f"{sentence} {cue}: ", f"{sentence} {cue} "][form]
    after = [space + sentence[gap:].lstrip(), ")" + sentence[gap:], "\n", "."][form]
    return before + value + after, len(before), form >= 2


def grouped(rng: Random, kind: str, value: str) -> str:
    """Half of the card numbers and IBANs in groups of four, as people write them."""
    if kind not in ("card", "iban") or rng.random() < 0.5:
        return value
    return (" " if kind == "iban" else rng.choice(" -")).join(value[i : i + 4] for i in range(0, len(value), 4))


def secrets(rng: Random) -> Iterator[tuple[str, str, str]]:
    """A line of code or configuration in three pieces: before the secret, the secret, after it."""
    upper, word = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

    def draw(alphabet: str, size: int) -> str:
        return "".join(rng.choices(alphabet, k=size))

    lines = "\n".join(draw(word + "+/", 64) for _ in range(rng.randrange(4, 26)))
    kind = rng.choice(("RSA ", "EC ", "OPENSSH ", ""))
    token = ".".join(("eyJ" + draw(word, 33), "eyJ" + draw(word, rng.randrange(40, 160)), draw(word + "-_", 43)))
    name = rng.choice(("api_key", "apiKey", "SECRET_KEY", "auth_token", "client_secret", "DB_PASSWORD", "access-token"))
    sign, quote = rng.choice(("=", " = ", ": ")), rng.choice(('"', "'"))
    yield "aws_access_key_id = ", rng.choice(("AKIA", "ASIA")) + draw(upper, 16), ""
    yield f"aws_secret_access_key{sign}", draw(word + "+/", 40), ""
    yield "https://", rng.choice(("ghp_", "gho_", "ghs_")) + draw(word, 36), "@github.com/owner/name.git"
    yield 'headers = {"Authorization": "token ', "github_pat_" + draw(word, 22) + "_" + draw(word, 59), '"}'
    yield "Authorization: Bearer ", token, ""
    yield "", f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----", ""
    yield f"{name}{sign}{quote}", draw(word, rng.randrange(20, 48)), quote


def planted(data: Path, python: Path, seed: int = 0, count: int = 16) -> Iterator[Document]:
    """`count` e-mail addresses and telephone numbers of each locale and half as many of the other kinds; then keys and tokens."""
    command = [python, Path(__file__).with_name("_faker_pii.py"), str(seed), str(count), *LOCALES]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    sentences = {locale: carriers(data, file, only) for locale, (file, only, _) in LOCALES.items()}
    rng = Random(seed)
    for number, row in enumerate(map(json.loads, made)):
        locale, kind = row["locale"], row["kind"]
        value = grouped(rng, kind, row["value"])
        sentence = sentences[locale][number % len(sentences[locale])]
        text, start, cued = put(rng, sentence, value, CUES.get(kind, LOCALES[locale][2]))
        yield Document("planted", f"{seed}-{number}", text, (Span(start, start + len(value), kind),), locale, cued)
    code = [row["text"][:1500] for row in rows(data, CODE)]
    for number in range(2 * count):
        lines = code[number * 7 % len(code)].split("\n")
        for form, (before, value, after) in enumerate(secrets(rng)):
            cut = rng.randrange(len(lines))
            head = "".join(line + "\n" for line in lines[:cut]) + before
            text = head + value + after + "\n" + "\n".join(lines[cut:])
            yield Document("planted", f"{seed}-code-{number}-{form}", text, (Span(len(head), len(head) + len(value), "secret"),))


def every(data: Path, python: Path) -> list[Document]:
    """The whole set."""
    return [*planted(data, python), *labelled(data)]


def faker_python(given: Path | None) -> Path:
    return harness.peer_python(given, "faker", FAKER)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="root of the shared data")
    parser.add_argument("--faker-venv", type=Path, help="environment that holds Faker already; else one is made and kept")
    options = parser.parse_args()
    documents = every(options.data, faker_python(options.faker_venv))
    for part in ("planted", "mail", "qa", "docs"):
        chosen = [d for d in documents if d.part == part]
        kinds = Counter(span.kind for d in chosen for span in d.spans)
        characters = sum(len(d.text) for d in chosen)
        candidates = sum(1 for d in chosen for _ in CANDIDATE.finditer(d.text))
        print(
            f"{part:<8}{len(chosen):>7,} texts {characters / 1e6:>6.2f} M characters {candidates:>6,} candidates  {dict(kinds)}"
        )


if __name__ == "__main__":
    main()
