"""Bytes of a page or text file to text: no document is lost for its encoding.

Asked in this order: byte order mark, the HTTP header, the page's own declaration, detection. A mark comes first because it is
part of the content and is never there by accident (the WHATWG standard does the same); the others are believed only while the
bytes agree, since servers declare defaults that their pages do not keep. Names follow the WHATWG labels (iso-8859-1 means
windows-1252).
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

HEAD = 4096
DETECT = 131_072
TOLERATED = 0.02  # share of non-ASCII characters that may be undecodable before a declaration is disbelieved
MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
META = re.compile(rb"""<meta[^>]{0,512}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
XML = re.compile(rb"""^\s*<\?xml[^>]{0,256}?encoding\s*=\s*["']([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
PARAMETER = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)


def decode(data: bytes, content_type: str = "", html: bool = True) -> tuple[str, str]:
    """The text and the name of the encoding it was read with. `content_type` is the HTTP header's value, if any."""
    for mark, name in MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace"), name
    for label in _declared(data, content_type, html):
        declared = codec(label)
        if declared and (text := _believed(data, declared)) is not None:
            return text, declared
    name = detect(data)
    return data.decode(name, "replace"), name


def detect(data: bytes) -> str:
    """The likeliest encoding by content: UTF-8 if it decodes, else by statistics of the first 128 KB."""
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        return codec(detect_encoding(data[:DETECT]) or "") or "windows-1252"


@lru_cache(maxsize=256)
def codec(label: str) -> str | None:
    """Python's codec for a WHATWG label, or None if there is none. UTF-16 without a mark is never what a label in ASCII means."""
    name = map_encoding_to_html5(label, fallback_utf8=False) if label else None
    if name is None:
        return None
    if name.lower().startswith("utf-16"):
        return "utf-8"
    try:
        return codecs.lookup({"gbk": "gb18030", "shift_jis": "cp932", "euc-kr": "cp949"}.get(name.lower(), name)).name
    except LookupError:
        return None


def _declared(data: bytes, content_type: str, html: bool) -> list[str]:
    labels = PARAMETER.findall(content_type)[:1]
    if html:
        head = data[:HEAD]
        labels += [found.group(1).decode("ascii") for pattern in (XML, META) if (found := pattern.search(head))]
    return labels


def _believed(data: bytes, name: str) -> str | None:
    """The text under a declared encoding, or None if the bytes contradict it."""
    try:
        text = data.decode(name)
    except UnicodeDecodeError:
        text = data.decode(name, "replace")
        foreign = sum(map(len, re.findall("[^\x00-\x7f]+", text)))
        return text if text.count("\ufffd") <= TOLERATED * foreign else None
    if name == "utf-8" or data.isascii():
        return text
    # Bytes that are valid UTF-8 beyond ASCII are UTF-8: other encodings hit that pattern by accident only in a few letters.
    try:
        as_utf8 = data.decode("utf-8")
    except UnicodeDecodeError:
        return text
    return None if len(as_utf8) - len(as_utf8.encode("ascii", "ignore")) >= 3 else text
