"""Finds the encoding of a file of calls, and names the formats that are not read. Pure.

The whole file is read, piece by piece: its only letter that is not ASCII may be the last one.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from django.utils.translation import gettext as _

PIECE = 1 << 18
UTF8, WINDOWS = "utf-8-sig", "cp1251"
#: Byte order marks; that of UTF-32 begins like that of UTF-16, so it goes first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: JSON in UTF-16 without a mark: its first character is ASCII (RFC 4627, 3).
_UNMARKED = ((re.compile(rb"[\s\[{]\0"), "utf-16-le"), (re.compile(rb"\0[\s\[{]"), "utf-16-be"))
_SIGNATURES = ((b"\xd0\xcf\x11\xe0", "xls"), (b"\x1f\x8b", "gzip"))
#: What a Russian text in windows-1251 is made of, besides ASCII.
_RUSSIAN = re.compile(r"[А-Яа-яЁё«»„“”‘’–—…№§°•\u00a0\xad]")


class UnreadableListing(Exception):
    """The file is not a listing of calls; the message says what it is."""


def encoding_of(file: BinaryIO) -> str:
    """Return the name of the file's encoding, for `open`. Raises UnreadableListing."""
    head = file.read(8)
    if not head.strip(b" \t\r\n\xef\xbb\xbf") and not file.read(PIECE).strip():
        raise UnreadableListing(_("Файл пуст."))
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            raise UnreadableListing(_format_sentence(name))
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    for pattern, encoding in _UNMARKED:
        if pattern.match(head):
            return encoding
    return _eight_bit_encoding(file)


def _format_sentence(name: str) -> str:
    known = {
        "xls": _("Это файл Excel старого вида (XLS) или закрытый паролем: сохраните его как XLSX."),
        "gzip": _("Это архив GZIP: распакуйте его."),
    }
    return known[name]


def _eight_bit_encoding(file: BinaryIO) -> str:
    if _is_utf8(_pieces(file)):
        return UTF8
    if _is_russian(_pieces(file)):
        return WINDOWS
    raise UnreadableListing(
        _("Кодировка файла не UTF-8, не UTF-16 и не windows-1251: сохраните его в UTF-8.")
    )


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE):
        yield piece


def _is_utf8(pieces: Iterator[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in pieces:
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _is_russian(pieces: Iterator[bytes]) -> bool:
    """Whether the text is Russian in windows-1251.

    In another Cyrillic encoding, such as KOI8-R, small letters would come out as capitals.
    """
    small = capital = 0
    for piece in pieces:
        letters = re.sub(r"[\x00-\x7f]", "", piece.decode(WINDOWS, errors="replace"))
        if _RUSSIAN.sub("", letters):
            return False
        small += sum(map(str.islower, letters))
        capital += sum(map(str.isupper, letters))
    return small >= capital
