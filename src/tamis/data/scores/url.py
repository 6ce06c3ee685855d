"""What the address of a page says: its one spelling, its domain, and what lists of banned domains and words find in it.

The lists are other people's and are read from where the user keeps them (`tamis.data.listing`). `refinedweb` is the ban of
Penedo et al. 2023 (RefinedWeb), appendix G.1, which DCLM repeats: banned domains, and three lists of words; a strict word
anywhere in the address, a hard word as a whole word, or two different soft words drop the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from tamis.core.errors import UsageError
from tamis.data.listing import Listing
from tamis.data.score import Column, Rule, Score, Value
from tamis.data.urls import domain_of, host_of, normalised

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Address(Score):
    """The address of a row, as `tamis.data.urls.normalised` spells it, its host and its domain; "" where there is none."""

    reads: ClassVar[tuple[str, ...]] = ("url",)

    url = Column("The one spelling: host/path?query.", "string")
    host = Column("The host, without www.", "string")
    domain = Column("The domain the host belongs to.", "string")

    def score(self, url: str) -> tuple[Value, ...]:
        """The definition."""
        host = host_of(url)
        return normalised(url), host, domain_of(host)


@dataclass(frozen=True)
class BannedDomain(Score):
    """The entry of some lists that covers a page: its host, a parent of it, or "host/path" at its beginning; "" if none does."""

    reads: ClassVar[tuple[str, ...]] = ("url",)

    lists: tuple[Listing, ...] = ()

    value = Column("What banned it.", "string")

    def score(self, url: str) -> str:
        """The definition."""
        return next((known for known in covering(url) if any(known in each.entries() for each in self.lists)), "")


def covering(url: str) -> list[str]:
    """Everything in a list that would cover an address: the host and its parents, then those with more and more of the path."""
    host = host_of(url)
    if not host:
        return []
    labels = host.split(".")
    parents = [host] if labels[-1].isdigit() else [".".join(labels[i:]) for i in range(len(labels))]
    parents += ["www." + host]
    parts = normalised(url).partition("?")[0].lower().split("/")[1:]
    paths = ["/".join(parts[: i + 1]) for i in range(len(parts))]
    return [*parents, *(f"{parent}/{path}{end}" for path in paths for parent in parents for end in ("", "/"))]


@dataclass(frozen=True)
class UrlWords(Score):
    """Different words of a list in an address: as whole words, or (`inside`) anywhere in it once "-" and "." are taken out."""

    reads: ClassVar[tuple[str, ...]] = ("url",)

    words: Listing | None = None
    inside: bool = False

    value = Column("Different words found.", "int64")

    def score(self, url: str) -> int:
        """The definition."""
        words = self.words.entries() if self.words else frozenset()
        small = url.lower()
        if self.inside:
            bare = small.replace("-", "").replace(".", "")
            return sum(word in bare for word in words)
        return len(words.intersection(_WORD.findall(small)))


def refinedweb(
    domains: tuple[Listing, ...] = (), strict: Listing | None = None, hard: Listing | None = None, soft: Listing | None = None
) -> tuple[Rule, ...]:
    """The ban by address, by the lists given; at least one must be."""
    rules = [Rule(BannedDomain(domains).value, isin=("",), name="banned-domain")] if domains else []
    if strict:
        rules.append(Rule(UrlWords(strict, inside=True).value, max=0, name="url-strict-word"))
    if hard:
        rules.append(Rule(UrlWords(hard).value, max=0, name="url-hard-word"))
    if soft:
        rules.append(Rule(UrlWords(soft).value, max=1, name="url-soft-words"))
    if not rules:
        raise UsageError("refinedweb: give domains, strict, hard or soft, each a Listing; tamis ships no lists of others")
    return tuple(rules)
