"""One spelling for the addresses of one page, the domain a page belongs to, and the selections made of both.

`normalised` is the rule that says which addresses are one page, in this order: without white space and control characters;
without the scheme (http and https are one), user, default port, and the fragment (kept if it starts with "!"); the host in lower
case and Punycode, without "www." and a final dot; the path with its "." and ".." resolved, percent-escapes of ordinary characters
undone and the others in upper case, without "index.html", ";jsessionid=..." and a final "/"; the query without the parameters
that only count visits (`TRACKING`), the others sorted. What is not http(s) or has no host is "".

A *domain* is the last two labels of the host, three where the second is a registry's own ("co.uk": a rule, not the public suffix
list, so a few registries' customers count as one domain); an IP address is its own domain.
"""

from __future__ import annotations

import ipaddress
import json
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit

import numpy as np

from tamis.core.errors import UsageError
from tamis.core.ledger import Ledger
from tamis.core.step import Inputs, Output, Piece, Published, Step
from tamis.data.apply import scored
from tamis.data.choice import Choice, Indices, Rows
from tamis.data.score import Field
from tamis.data.select import Resolve, View, carry

TRACKING = re.compile(
    r"utm_\w+|gclid|dclid|fbclid|msclkid|yclid|mc_[ce]id|igshid|_ga|_gl|phpsessid|jsessionid|aspsessionid\w*|sid|sessionid|session_id",
    re.IGNORECASE,
)
_DROPPED = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ufeff]")
_INDEX = re.compile(r"(?i)/(?:index|default)\.(?:html?|php|aspx?)$")
_SESSION = re.compile(r"(?i);jsessionid=[^/?#]*")
_SECOND = frozenset(
    ("ac", "co", "com", "edu", "go", "gob", "gov", "gouv", "govt", "ltd", "mil", "ne", "net", "nom", "or", "org", "plc", "sch")
)
_SAFE = "/:@!$&'()*+,;=~"


def normalised(url: str) -> str:
    """The one spelling of a web address, "host/path?query"; "" for what is none. Of "//" + a spelling it is itself."""
    host, rest = _split(url)
    return host + rest


def host_of(url: str) -> str:
    """The host of a web address as `normalised` writes it, or ""."""
    return _split(url)[0].partition(":")[0] if "[" not in url else _split(url)[0]


def domain_of(host: str) -> str:
    """The domain a host belongs to; an IP address, or a host of one label, is its own."""
    labels = host.split(".")
    if len(labels) <= 2 or host.startswith("[") or labels[-1].isdigit():
        return host
    return ".".join(labels[-3:] if len(labels[-1]) == 2 and labels[-2] in _SECOND else labels[-2:])


def _split(url: str) -> tuple[str, str]:
    text = _DROPPED.sub("", url)
    if not re.match(r"(?i)https?://|//", text):
        text = "//" + text if re.match(r"[\w.-]+\.[A-Za-z]{2,}(?:[/?#:]|$)|\[?[\d.]+(?:[/?#:]|$)|\[", text) else ""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "", ""
    host = _host(parts.hostname or "")
    if not host:
        return "", ""
    if port not in (None, 80, 443):
        host += f":{port}"
    path = _path(_SESSION.sub("", parts.path))
    pairs = sorted((k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if not TRACKING.fullmatch(k))
    query = "?" + urlencode(pairs) if pairs else ""
    fragment = "#" + _escaped(parts.fragment) if parts.fragment.startswith("!") else ""
    return host, path + query + fragment


def _host(host: str) -> str:
    host = host.rstrip(".").lower()
    if ":" in host:
        try:
            return f"[{ipaddress.ip_address(host).compressed}]"
        except ValueError:
            return ""
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            return ""
    while host.startswith("www.") and host.count(".") > 1:
        host = host[4:]
    return host if re.fullmatch(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", host) else ""


def _escaped(text: str) -> str:
    return quote(unquote_to_bytes(text), safe=_SAFE)


def _path(path: str) -> str:
    while True:
        before = path
        path = _escaped(path)
        if path:
            path = posixpath.normpath("/" + path.lstrip("/"))
        path = _INDEX.sub("", path).rstrip("/")
        if path == before:
            return path


@dataclass(frozen=True)
class UrlDedup:
    """Drop the rows whose address was kept before; those without one stay. `prefer` names a score: its highest value is kept."""

    prefer: Field | None = None
    label: ClassVar[str] = "url dedup"

    def select(self, view: View, resolve: Resolve) -> Step:
        return _beside_urls(FirstOfUrl(self.prefer.name if self.prefer else None), self.prefer, view, resolve)


@dataclass(frozen=True)
class DomainCap:
    """Keep at most `limit` rows of a domain (`by="host"`: of a host): those first by id, which is a hash, or by `prefer`."""

    limit: int
    by: str = "domain"
    prefer: Field | None = None
    label: ClassVar[str] = "domain cap"

    def __post_init__(self) -> None:
        if self.limit < 1 or self.by not in ("domain", "host"):
            raise UsageError(f"DomainCap: limit must be at least 1 and by 'domain' or 'host', not {self.limit} and {self.by!r}")

    def select(self, view: View, resolve: Resolve) -> Step:
        return _beside_urls(Capped(self.prefer.name if self.prefer else None, self.limit, self.by), self.prefer, view, resolve)


def _beside_urls(op: Choice, prefer: Field | None, view: View, resolve: Resolve) -> Step:
    from tamis.data.scores.url import Address

    inputs = [scored(Address(), view.text, view.selection)]
    if prefer is not None:
        inputs.append(scored(prefer.score, view.text, view.selection, prefer.score.requires(resolve)))
    return Step(op, (*view, *inputs))


@dataclass(frozen=True)
class FirstOfUrl(Choice):
    """Keep the first of the rows with the same address."""

    reason: ClassVar[str] = "duplicate-url"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        rows = self.in_order(inputs)
        urls = _strings(inputs[2], rows, "url")
        _, first, inverse = np.unique(urls, return_index=True, return_inverse=True)
        drops = (first[inverse] != np.arange(len(urls))) & (urls != "")
        proof = [json.dumps({"survivor": rows.id(int(first[inverse[i]])), "url": urls[i]}) for i in np.flatnonzero(drops)]
        _drop(self.reason, inputs, out, rows, drops, proof)


@dataclass(frozen=True)
class Capped(Choice):
    """Keep the first rows of each domain."""

    limit: int
    by: str
    reason: ClassVar[str] = "domain-cap"

    def run(self, piece: Piece, inputs: Inputs, out: Output) -> None:
        rows = self.in_order(inputs)
        names = _strings(inputs[2], rows, self.by)
        _, inverse, counts = np.unique(names, return_inverse=True, return_counts=True)
        order = np.argsort(inverse, kind="stable")
        rank = np.empty(len(names), np.int64)
        rank[order] = np.arange(len(names)) - np.repeat(np.cumsum(counts) - counts, counts)
        drops = (rank >= self.limit) & (names != "")
        proof = [json.dumps({self.by: names[i], "rank": int(rank[i]) + 1}) for i in np.flatnonzero(drops)]
        _drop(self.reason, inputs, out, rows, drops, proof)


def _strings(columns: Published, rows: Rows, name: str) -> np.ndarray[Any, Any]:
    """A column of strings, in the order of `rows`."""
    out = np.full(len(rows.row), "", object)
    for shard, places in zip(columns.shards, rows.by_shard(len(columns.shards)), strict=True):
        values = np.array(columns.read(shard.name, [name]).column(name).to_pylist(), object)
        out[places] = values[rows.row[places]] if len(places) else ""
    return out


def _drop(reason: str, inputs: Inputs, out: Output, rows: Rows, drops: np.ndarray[Any, Any], proof: Sequence[str]) -> None:
    """Write the next selection: the rows where `drops` is set, with their evidence in order."""
    evidence = np.full(len(drops), None, object)
    evidence[drops] = proof
    total = Ledger()
    for shard, places in zip(inputs[0].shards, rows.by_shard(len(inputs[0].shards)), strict=True):
        mine: Indices = places[drops[places]]
        table, ledger = carry(inputs[1].read(shard.name), rows.row[mine], [reason] * len(mine), evidence[mine].tolist())
        total = Ledger.total([total, ledger])
        out.write(shard.name, table)
    out.ledger = total
