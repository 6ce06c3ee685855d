"""Keys and tokens: known forms, and random-looking values assigned to a name that says what they are."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

# What known tokens begin with, as their issuers document them.
HEADS = (
    b"AKIA", b"ASIA", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_", b"glpat-", b"eyJ", b"xoxb-", b"xoxp-",
    b"xoxa-", b"AIza", b"sk_live_", b"rk_live_", b"hf_", b"npm_", b"pypi-AgE", b"-----BEGIN ",
)  # fmt: skip
NAMES = (b"key", b"secret", b"token", b"password", b"passwd", b"pwd")  # how a name that holds a secret ends, in lower case

_KNOWN = re.compile(
    rb"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    rb"|gh[pousr]_[A-Za-z0-9]{36,251}(?![A-Za-z0-9_])"
    rb"|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}(?![A-Za-z0-9_])"
    rb"|glpat-[A-Za-z0-9_-]{20,60}(?![A-Za-z0-9_-])"
    rb"|eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{16,1000}"
    rb"|xox[abp]-[A-Za-z0-9-]{20,200}"
    rb"|AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"
    rb"|[sr]k_live_[A-Za-z0-9]{20,120}(?![A-Za-z0-9])"
    rb"|hf_[A-Za-z]{34}(?![A-Za-z0-9])"
    rb"|npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"
    rb"|pypi-AgE[A-Za-z0-9_-]{50,1000}"
    rb"|-----BEGIN ((?:[A-Z]{2,12} ){0,2}PRIVATE KEY)-----[A-Za-z0-9+/=\s:,\\-]{40,20000}?-----END \1-----"
)
_VALUE = re.compile(rb"[:=]>?[ \t]{0,3}(?:Bearer )?[\"'`]?([A-Za-z0-9+/_=.~-]{16,512})(?![A-Za-z0-9(\[])")
_BARE_KEY = re.compile(rb"(?i)(?:api|access|auth|secret|private|client|account|master|encryption|signing)[ _.-]?key\W{0,5}$")
_SHORTEST = 16
_BITS = 3.0  # entropy per character: English words have about 2.9 at this length, hexadecimal digits 3.5, base 64 above 4
_UUID = re.compile(rb"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def known(data: bytes, start: int) -> tuple[int, int] | None:
    """The span of a key or token of a known form that starts at byte `start`."""
    match = _KNOWN.match(data, start)
    return match.span() if match else None


def assigned(data: bytes, sign: int) -> tuple[int, int] | None:
    """The span of a random-looking value after the ":" or "=" at byte `sign`, without its quotes."""
    value = _VALUE.match(data, sign)
    name = data[max(sign - 40, 0) : sign]
    if value is None or (re.search(rb"(?i)key\W{0,5}$", name) and not _BARE_KEY.search(name)):
        return None
    start, stop = value.span(1)
    while stop > start and data[stop - 1] in b".":
        stop -= 1
    return (start, stop) if random_looking(data[start:stop]) else None


def random_looking(value: bytes) -> bool:
    """Whether a string mixes letters and digits as chance does: no word, number, name, path, version or UUID."""
    if len(value) < _SHORTEST or _UUID.fullmatch(value):
        return False
    digits = sum(48 <= b <= 57 for b in value)
    if digits > 0.8 * len(value):
        return False
    counts = Counter(value).values()
    bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts)
    classes = [("d" if 48 <= b <= 57 else "u" if 65 <= b <= 90 else "l") for b in value if chr(b).isalnum()]
    changes = sum(a != b for a, b in pairwise(classes))
    return bits >= _BITS and changes >= len(value) * (0.2 if digits >= 2 else 0.4)
