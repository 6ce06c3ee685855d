"""Making strange text fit to be shown: documents are hostile input, and other people's.

Personal data (e-mail addresses, telephone numbers, IP addresses) is masked. Characters that act on their surroundings
(controls, direction overrides, lone surrogates) become visible names; floods of combining marks are cut. Escaping for HTML
is not done here but by whoever writes the markup.

The patterns lean towards masking too much: a shown document loses nothing when a part number reads [phone].
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata

SHOWN = 1000  # characters of a document that are shown
_LOOKED_AT = 4 * SHOWN  # characters of a document that are looked at, so that a megabyte on one line costs nothing
_TAIL = 64  # after a cut the end may hold half an address that no pattern knows: not shown
_MARKS = 3  # combining marks kept in a row (Vietnamese and Hebrew points need two)

_EMAIL = re.compile(r"[\w.+%-]{1,64}\s?(?:@|\(at\)|\[at\]|&#64;)\s?[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}", re.I)
_IPV4 = re.compile(r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.]*\d)")
_IPV6 = re.compile(r"(?<![\w:])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])", re.I)
_PHONE = re.compile(r"(?<![\w.])(?:\+|00)?\(?\d{1,4}\)?(?:[\s./-]{0,2}\(?\d{2,5}\)?){2,5}(?!\w)")
_NUMBER = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{4}\s?[-/]\s?\d{4}|\d+\.\d+")
_HARMLESS = re.compile(r"[\n\t\x20-\x7e\xa1-\xac\xae-\u02ff]*")  # by far the most documents: nothing to look at one by one
_PLAIN = {"\n", "\t"}
_WHITE = re.compile(r"[ \t\u00a0]{20,}|(?:[ \t]*\n){3,}")


def mask(text: str) -> str:
    """`text` with e-mail addresses, IP addresses and telephone numbers replaced by [e-mail], [IP address], [phone]."""
    text = _EMAIL.sub("[e-mail]", text)
    text = _IPV4.sub("[IP address]", text)
    text = _IPV6.sub(_address, text)
    return _PHONE.sub(_phone, text)


def _address(match: re.Match[str]) -> str:
    try:
        ipaddress.IPv6Address(match[0])
    except ValueError:
        return match[0]
    return "[IP address]" if any(c.isdigit() for c in match[0]) else match[0]


def _phone(match: re.Match[str]) -> str:
    """Seven to fifteen digits (ITU-T E.164) with a sign or separator that a date, a range of years or a decimal lacks."""
    found = match[0]
    digits = sum(c.isdigit() for c in found)
    separated = found[0] in "+0(" or re.search(r"[\s./()-]", found)
    return "[phone]" if 7 <= digits <= 15 and separated and not _NUMBER.fullmatch(found) else found


def visible(text: str) -> str:
    """`text` in which nothing acts on its surroundings: controls, direction overrides and surrogates become ⟨U+202E⟩."""
    if _HARMLESS.fullmatch(text):
        return text
    out: list[str] = []
    marks = 0
    for char in text:
        kind = unicodedata.category(char)
        if kind in ("Mn", "Me"):
            marks += 1
            if marks <= _MARKS:
                out.append(char)
            continue
        marks = 0
        if char in _PLAIN or char in "\u200c\u200d":  # the joiners spell words in Persian and Indic scripts
            out.append(char)
        elif char in "\r\u2028\u2029\x85":
            out.append("\n")
        elif kind in ("Cc", "Cf", "Cs", "Co", "Cn"):
            out.append("" if char == "\u00ad" else f"⟨U+{ord(char):04X}⟩")
        else:
            out.append(char)
    return "".join(out)


def excerpt(text: str, shown: int = SHOWN) -> tuple[str, bool]:
    """The beginning of a document, masked and made visible, at most `shown` characters; and whether anything was cut."""
    head = text[:_LOOKED_AT].replace("\r\n", "\n")
    clean = mask(visible(head))
    if len(text) > _LOOKED_AT:
        clean = clean[: max(len(clean) - _TAIL, 0)]
    clean = _WHITE.sub(lambda m: "\n\n" if "\n" in m[0] else "    ", clean).strip()
    cut = len(clean) > shown or len(text) > _LOOKED_AT
    return clean[:shown].rstrip(), cut
