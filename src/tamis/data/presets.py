"""Whole published chains of rules and edits, each a function from pages to the pages that are left.

A preset that only keeps is a tuple of rules beside its scores (`gopher.quality()`); one that also edits is here. Lists of others
are read from where the user keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tamis.core.errors import UsageError
from tamis.data.dataset import Dataset
from tamis.data.edits.dclm import DclmLines, DclmText
from tamis.data.edits.lines import PunctuatedLines
from tamis.data.listing import Listing
from tamis.data.score import Rule
from tamis.data.scores import dclm, dolma, language, url

DCLM_FILES = {
    "domains": "refinedweb_banned_domains_curated.txt",
    "strict": "refinedweb_banned_words_strict_reverse_engineered.txt",
    "hard": "refinedweb_banned_words_hard_reverse_engineered.txt",
    "soft": "refinedweb_banned_words_soft_reverse_engineered.txt",
    "tlds": "iana_tlds.txt",
}


@dataclass(frozen=True)
class DclmLists:
    """The lists that DCLM-baseline wants; one that is None leaves its step out."""

    domains: Listing | None = None
    """Banned domains."""
    strict: Listing | None = None
    """Words that ban a page anywhere in its address."""
    hard: Listing | None = None
    """Words that ban a page as whole words of its address."""
    soft: Listing | None = None
    """Words of which two different ones ban a page."""
    tlds: Listing | None = None
    """Top-level domains, by which addresses in the text are known."""

    @classmethod
    def folder(cls, folder: str | Path, without: tuple[str, ...] = ()) -> DclmLists:
        """The lists in a folder under the names of DCLM's release; all that are missing are named. `without` leaves some out."""
        if unknown := [name for name in without if name not in DCLM_FILES]:
            raise UsageError(f"DclmLists: {unknown[0]!r} is not among {', '.join(DCLM_FILES)}")
        wanted = {name: Path(folder) / file for name, file in DCLM_FILES.items() if name not in without}
        if missing := [f"{path} ({name})" for name, path in wanted.items() if not path.is_file()]:
            raise UsageError(f"DCLM-baseline: no lists at {', '.join(missing)}: copy them there, or name them in `without`")
        return cls(**{name: Listing.file(path) for name, path in wanted.items()})


def dclm_baseline(pages: Dataset, lists: DclmLists, dclm_compat: bool = False) -> Dataset:
    """DCLM-baseline's 26 steps before deduplication and the classifier, for extracted English pages with their addresses.

    Source: Li et al. 2024, arXiv 2406.11794, `dclm_baseline_refinedweb.yaml` of its release. `dclm_compat` repeats what is wrong
    in its code: see `DclmAddress`, `DclmText`, `GluedLanguage`, `DclmQuality` and `DclmLines`.
    """
    addresses, rules = dclm_rules(lists, dclm_compat)
    allowed = pages.keep(*addresses) if addresses else pages
    return allowed.edit(DclmText(lists.tlds, dclm_compat)).keep(*rules).edit(DclmLines(dclm_compat=dclm_compat))


def dclm_rules(lists: DclmLists, dclm_compat: bool = False) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """The rules of DCLM-baseline on addresses (steps 2 to 5), and those on texts (8 to 17)."""
    read = dclm.GluedLanguage() if dclm_compat else language.Language(characters=dclm.WHOLE)
    english = (Rule(read.label, isin=("en",)), Rule(read.confidence, min=0.65))
    return _dclm_addresses(lists, dclm_compat), (*english, *dclm.quality(dclm_compat), *dclm.repetition())


def _dclm_addresses(lists: DclmLists, dclm_compat: bool) -> tuple[Rule, ...]:
    domains = (lists.domains,) if lists.domains else ()
    if not dclm_compat:
        given = any((lists.domains, lists.strict, lists.hard, lists.soft))
        return url.refinedweb(domains, lists.strict, lists.hard, lists.soft) if given else ()
    shipped = dclm.DclmAddress(lists.domains, lists.hard, lists.soft)
    strict = url.refinedweb(strict=lists.strict) if lists.strict else ()
    return (
        *((Rule(shipped.banned_domain, isin=(False,), name="banned-domain"),) if lists.domains else ()),
        *strict,
        *((Rule(shipped.hard_words, max=0, name="url-hard-word"),) if lists.hard else ()),
        *((Rule(shipped.soft_words, max=1, name="url-soft-words"),) if lists.soft else ()),
    )


def dolma_web(pages: Dataset) -> Dataset:
    """Dolma's heuristics for English web pages: language, lines that end in a mark, and its form of Gopher's rules.

    Source: Soldaini et al. 2024, arXiv 2402.00159, section 4.1, and the configuration of version 1.6. Its classifiers of toxic
    text, deduplication and personal data (`tamis.data.edits.pii.Redact`) are not part of this.
    """
    clean = pages.keep(*language.english(0.5)).edit(PunctuatedLines())
    return clean.keep(*dolma.quality(), *dolma.repetition())
