"""E-mail addresses, IP addresses, card numbers and bank accounts: the forms, and the checks that tell them from look-alikes."""

from __future__ import annotations

import ipaddress
import re

Span = tuple[int, int]

# Generic top-level domains in wide use; two letters are a country's.
_GENERIC = frozenset(
    (
        b" com org net edu gov mil int info biz name pro aero coop museum mobi jobs travel cat tel asia post arpa app dev page"
        b" blog shop site online store tech xyz top club live news cloud email world today life company agency digital media"
        b" network solutions services systems group global center design studio software technology academy school university"
        b" institute foundation international support help team work works expert consulting finance money bank fund capital"
        b" legal law health care clinic dental doctor hospital fit fitness yoga games game fun one vip win bid art photo photos"
        b" photography video music film movie tv radio press space website web host hosting link click social chat zone city town"
        b" earth eco bio green energy solar farm food cafe bar pu restaurant kitchen pizza wine beer coffee hotel tours flights"
        b" holiday house homes land estate property rent cars auto bike taxi fashion style shoes clothing beauty love dating"
        b" family baby kids pet dog church faith community charity ngo ong political vote guru ninja rocks cool best plus red"
        b" blue pink black gold ltd llc inc gmbh sarl srl berlin hamburg koeln wien paris london amsterdam brussels madrid"
        b" barcelona nyc boston miami tokyo moscow istanbul sydney melbourne africa swiss scot wales irish eus gal bzh"
    ).split()
)
_RESERVED = re.compile(
    rb"(?i)(?:^|\.)(?:example(?:\.(?:com|net|org|edu))?|test|invalid|localhost|local|localdomain)$"
)  # RFC 2606, 6761
_LOCAL = re.compile(rb"[A-Za-z0-9._%+=~-]{1,64}$")
_DOMAIN = re.compile(
    rb"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}(?:xn--[a-z0-9-]{2,59}|[A-Za-z]{2,24})(?![A-Za-z0-9_-])"
)
_USER_OF_URL = re.compile(rb"://[^\s/?#\[\]]*$")
_OCTET = rb"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(rb"(?<![A-Za-z0-9_.-])" + _OCTET + rb"(?:\." + _OCTET + rb"){3}(?!\.?[A-Za-z0-9_-])")
_VERSION = re.compile(rb"(?i)(?:version|ver|v|release|revision|rev|build|firmware|kernel|gcc|section|chapter|sec)\W{0,3}$")
_IPV6 = re.compile(rb"[0-9a-fA-F]{1,4}(?::{1,2}[0-9a-fA-F]{1,4}){1,7}(?:::)?(?![A-Za-z0-9_:]|\.[0-9])")
_ROUTED = ipaddress.ip_network("2000::/3")  # all that is given out (RFC 4291, IANA)
_ALONE = rb"(?<![A-Za-z0-9_.+#=/-])"
_CARD = re.compile(
    _ALONE + rb"[0-9]{4}(?P<s>[ -])[0-9]{4,6}(?:(?P=s)[0-9]{1,5}){1,3}(?![0-9])"
    + b"|" + _ALONE + rb"[0-9]{12,19}(?![A-Za-z0-9_]|\.[0-9])"
)  # fmt: skip
_IBAN = re.compile(rb"[A-Z]{2}[0-9]{2}(?: ?[A-Za-z0-9]{1,4}){2,9}")
# Length of an IBAN per country (SWIFT registry).
_LENGTHS = {
    bytes(word[:2]): int(word[2:])
    for word in (
        b" AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29"
        b" ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28"
        b" LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25"
        b" QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
    ).split()
}  # fmt: skip


def email(data: bytes, at: int) -> Span | None:
    """The e-mail address around the "@" at byte `at`: not of a reserved domain, not the user of a web address."""
    local, domain = _LOCAL.search(data[max(at - 64, 0) : at]), _DOMAIN.match(data, at + 1)
    if local is None or domain is None:
        return None
    name = local[0]
    if b"=" in name and b"+" not in name[: name.index(b"=")]:  # `from=a@b.org`, but not `list+user=b.org@list.org`
        name = name[name.rindex(b"=") + 1 :]
    name = name.lstrip(b"._%+-=~")
    top = domain[0].rpartition(b".")[2].lower()
    if not name or name.endswith(b".") or not (len(top) == 2 or top in _GENERIC or top.startswith(b"xn--")):
        return None
    start = at - len(name)
    if _RESERVED.search(domain[0]) or _USER_OF_URL.search(data[max(start - 64, 0) : start]):
        return None
    return start, domain.end()


def ipv4(data: bytes, start: int, stop: int) -> list[Span]:
    """Routed IPv4 addresses in a number candidate; not networks, nor what is or looks like a version."""
    found = []
    for match in _IPV4.finditer(data, start, min(stop + 2, len(data))):
        address = ipaddress.IPv4Address(match[0].decode())
        parts = list(address.packed)
        other = max(parts) < 26 or parts[3] == 0 or _VERSION.search(data[max(match.start() - 16, 0) : match.start()])
        if address.is_global and not address.is_multicast and not other:
            found.append(match.span())
    return found


def ipv6(data: bytes, start: int) -> Span | None:
    """The routed IPv6 address that starts at byte `start`."""
    match = _IPV6.match(data, start, start + 60)
    if match is None:
        return None
    try:
        address = ipaddress.IPv6Address(match[0].decode())
    except ValueError:
        return None
    return match.span() if address in _ROUTED and address.is_global else None


def cards(data: bytes, start: int, stop: int) -> list[Span]:
    """Card numbers in a number candidate: a known issuer's digits and length, Luhn's checksum, one separator throughout."""
    found = []
    for match in _CARD.finditer(data, start, min(stop + 2, len(data))):
        digits = bytes(b for b in match[0] if 48 <= b <= 57)
        if _issued(digits) and _luhn(digits):
            found.append(match.span())
    return found


def _issued(digits: bytes) -> bool:
    """Whether an issuer gives out numbers with these first digits and this length (ISO/IEC 7812 ranges)."""
    size, two, four = len(digits), int(digits[:2]), int(digits[:4])
    if digits[:1] == b"4":
        return size in (13, 16, 19)
    if 51 <= two <= 55 or 2200 <= four <= 2204 or 2221 <= four <= 2720:
        return size == 16
    if two in (34, 37) or four in (1800, 2131):
        return size == 15
    if two in (36, 38, 39) or 3000 <= four <= 3059:
        return size in (14, 16)
    if two == 35 or four == 6011 or two in (64, 65):
        return size in (16, 19)
    return size >= 12 and (two == 50 or 56 <= two <= 69)  # Maestro, UnionPay


def _luhn(digits: bytes) -> bool:
    total = 0
    for place, byte in enumerate(reversed(digits)):
        value = (byte - 48) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0 and len(set(digits)) > 1


def iban(data: bytes, start: int) -> Span | None:
    """The account number that starts at byte `start`: the country's length, and remainder 1 modulo 97 (ISO 13616)."""
    match = _IBAN.match(data, start)
    size = _LENGTHS.get(data[start : start + 2])
    if match is None or size is None:
        return None
    text, stop = b"", start
    for byte in match[0]:
        stop += 1
        text += b"" if byte == 32 else bytes([byte])
        if len(text) == size:
            break
    following = data[stop : stop + 1]
    if len(text) != size or following.isalnum():
        return None
    number = "".join(str(int(chr(byte), 36)) for byte in text[4:] + text[:4])
    return (start, stop) if int(number) % 97 == 1 else None
