"""Telephone numbers: forms that speak for themselves, and any number that a word before it announces.

A bare run of digits is a telephone number only where something says so: a plus sign, a trunk zero with the groups people write,
the brackets of an area code, the North American form, a toll-free prefix, or a word such as "Tel" shortly before it. Dates,
decimals, versions, identifiers and parts of web addresses are not. Numbers have at most 15 digits (ITU-T E.164).
"""

from __future__ import annotations

import re

Spans = list[tuple[int, int]]

_S = rb"(?:[ .\-]|\xc2\xa0)"  # what stands between two groups
_EXTENSION = rb"(?:[ ,]{0,2}(?:x|X|ext\.?|Ext\.?|EXT\.?|extension)[ .:]{0,2}[0-9]{1,6})?(?![0-9])"
_OPEN = rb"(?<![A-Za-z0-9_.#=/&%+])(?<![A-Za-z0-9_]-)(?<![0-9][:,])"  # not inside a word, a decimal, a web address
_FORMS = re.compile(
    _OPEN
    + rb"(?:"
    # +49 (0)30 123456 and 0049 30 123456
    + rb"(?:\+ ?|00(?=[1-9]))(?:[0-9]{1,4}|\([0-9]{1,4}\))(?:" + _S + rb"{0,2}/?\(?[0-9]{1,12}\)?){0,7}"
    # (212) 613-1648, 212-613-1648, 1-212-613-1648, 212.613.1648
    + rb"|\(?(?:1" + _S + rb"{1,2})?(?:\([2-9][0-9]{2}\)" + _S + rb"{0,2}|[2-9][0-9]{2}[.\-])[2-9][0-9]{2}"
    + _S + rb"[0-9]{4}(?![0-9])"
    # (01) 605 3737
    + rb"|\(0[0-9]{1,5}\)[ /\-]{0,2}[0-9]{2,8}(?:[ \-][0-9]{2,5}){0,3}"
    # 01225 447227, 06 12 34 56 78, 020-87515870
    + rb"|(?<![0-9] )0[1-9][0-9]{0,4}(?:[ /\-]{1,2}[0-9]{2,8}){1,4}(?! ?[0-9])"
    # 0612345678
    + rb"|0[1-9][0-9]{8,9}(?![0-9])"
    # 8 (800) 555-35-35
    + rb"|8 ?\([0-9]{3}\) ?[0-9]{3}[ \-][0-9]{2}[ \-]?[0-9]{2}"
    # 18008608747
    + rb"|18(?:00|33|44|55|66|77|88)[2-9][0-9]{6}(?![0-9])"
    + rb")(?![A-WYZa-wyz0-9_])"
)  # fmt: skip
_NATIONAL = re.compile(
    _OPEN + rb"(?:1[3-9][0-9]{9}|[78](?:" + _S + rb"?[0-9]{3}){2}" + _S + rb"?[0-9]{2}" + _S + rb"?[0-9]{2})(?![0-9])"
)
_PIECES = re.compile(rb"(?:\+|\()?[0-9]+(?:[ .\-/()]{1,3}[0-9]+)*")
_TAIL = re.compile(_EXTENSION)
_LONE = re.compile(rb"[ ][0-9]$")  # one digit at the end, after a blank, counts something else
_DECIMAL = re.compile(rb"[0-9]+\.[0-9]+")
_CENTURY = rb"(?:1[5-9]|20|21)"
_DATE = re.compile(
    rb"\(?(?:" + _CENTURY + rb"[0-9]{2}[-./][0-9]{1,2}[-./][0-9]{1,2}|[0-9]{1,2}[-./][0-9]{1,2}[-./]" + _CENTURY + rb"?[0-9]{2})"
    rb"(?![0-9])|\(?" + _CENTURY + rb"[0-9]{2} ?[-/] ?" + _CENTURY + rb"[0-9]{2}(?![0-9])|0[0-9]{4}-[0-9]{4}(?![0-9])"
    rb"|\+?0?123456789|.*555[-. ]01[0-9]{2}$"
)  # fmt: skip
_CUES = (
    "phone", "telephone", "tel", "ph", "fax", "facs", "call", "calling", "tty", "tdd", "mobile", "mob", "cell", "pager", "voice",
    "hotline", "whatsapp", "sms", "toll free", "toll-free", "telefon", "telefono", "teléfono", "telefone", "téléphone", "tél",
    "handy", "mobil", "móvil", "celular", "gsm", "tlf", "fon", "fón",
)  # fmt: skip
_SCRIPTS = (
    "телефон", "Телефон", "тел", "Тел", "факс", "Факс", "моб", "電話", "电话", "手机", "手機", "传真", "傳真", "携帯", "전화",
    "휴대폰", "팩스", "هاتف", "جوال", "فاكس", "تلفن", "फ़ोन", "फोन", "मोबाइल", "โทร", "τηλ", "Τηλ", "טלפון", "טל",
)  # fmt: skip
_CUE = re.compile(
    rb"(?:(?i:(?<![A-Za-z])(?:" + b"|".join(word.encode() for word in _CUES) + rb")(?![A-Za-z]))"
    + b"|" + b"|".join(word.encode() for word in _SCRIPTS)
    + rb")[^0-9\[\]\n]{0,24}$|(?<![A-Za-z0-9])[PTFMptfm]: ?[+(]{0,2}$"
    + rb"|PHONE\](?: or | and |, ?| ?/ ?)$"  # after another, as `find` blanks it
)  # fmt: skip
_IDENTIFIER = re.compile(
    rb"(?i)(?<![A-Za-z])(?:isbn(?:[_ -]?1[03])?|issn|pmid|pmc|doi|ids?|ref|reference"
    rb"|order|invoice|serial|patent|account|acct|icq|a/c|code|zip"
    rb"|version|revision|build|ticket|bug|case|part|model|item|sku|rfc|iso|bpo|cve|nct)"
    rb"[^A-Za-z0-9\[\]]{0,6}(?:no|nr|number|#)?[^A-Za-z0-9\[\]]{0,4}$"
)
_CONTEXT = 48  # bytes looked back for a word


def phones(data: bytes, start: int, stop: int) -> Spans:
    """The telephone numbers in the candidate data[start:stop]; a plus or bracket before and an extension after belong to them."""
    begin = start
    while begin > 0 and start - begin < 2 and data[begin - 1] in b"+(":
        begin -= 1
    before = data[max(begin - _CONTEXT, 0) : begin]
    found = [
        _whole(data, *match.span())
        for match in _FORMS.finditer(data, begin, stop + 1)
        if _is_phone(match[0]) and (data[match.start()] in b"+(" or not _identifies(before))
    ]
    if found:
        return found
    piece = _PIECES.match(data, begin, stop)
    if piece and _is_announced(piece[0]) and _CUE.search(before):
        return [_whole(data, begin, piece.end())]
    if _foreign(data, begin, stop) and not _identifies(before):
        return [_whole(data, *match.span()) for match in _NATIONAL.finditer(data, begin, stop + 1) if _is_phone(match[0])]
    return []


def _identifies(before: bytes) -> bool:
    """Whether the words before a number call it an identifier of something else."""
    return _IDENTIFIER.search(before) is not None and _CUE.search(before) is None


def _foreign(data: bytes, start: int, stop: int) -> bool:
    """Whether a letter outside ASCII stands beside the number, one blank or bracket between."""
    return any(byte >= 0x80 for byte in (*data[max(start - 2, 0) : start], *data[stop : stop + 2]))


def _is_phone(text: bytes) -> bool:
    digits = [byte for byte in text if 48 <= byte <= 57]
    least, most = 9 if text[:1] in b"0+" else 8, 17 if text.startswith(b"00") else 15
    return least <= len(digits) <= most and len(set(digits)) > 2 and not _DATE.match(text)


def _is_announced(text: bytes) -> bool:
    digits = sum(48 <= byte <= 57 for byte in text)
    return 7 <= digits <= 15 and not _DATE.match(text) and not _DECIMAL.fullmatch(text)


def _whole(data: bytes, start: int, stop: int) -> tuple[int, int]:
    """The span with its extension, and without a bracket that has no partner."""
    while data[stop - 1] in b" .-/(\xc2\xa0":
        stop -= 1
    lone = _LONE.search(data[start:stop])
    if lone and lone.start() >= 11:
        stop = start + lone.start()
    tail = _TAIL.match(data, stop)
    end = tail.end() if tail else stop
    surplus = data.count(b"(", start, end) - data.count(b")", start, end)
    if surplus > 0 and data[start] == 40:
        start += surplus
    elif surplus < 0 and data[end - 1] == 41:
        end -= 1
    return start, end
