"""Finds the encoding of a table of text. Pure."""

from __future__ import annotations

import codecs
from pathlib import Path

from django.utils.translation import gettext as _

from calls.ingest.parsing.file_format import UnreadableListing, encoding_of

HEAD = 1 << 12
#: What a person may choose → the codec.
ENCODINGS = {
    "utf-8": "utf-8-sig",
    "utf-8-sig": "utf-8-sig",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "utf-32": "utf-32",
    "windows-1251": "cp1251",
    "cp1251": "cp1251",
    "koi8-r": "koi8-r",
    "cp866": "cp866",
}
#: The high byte of ASCII and of Cyrillic letters in UTF-16.
_HIGH = b"\x00\x04"
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def text_encoding(path: Path, chosen: str | None) -> str:
    """Return the codec of the file: the chosen one, else what it looks like.

    Raises UnreadableListing.
    """
    if chosen is not None:
        known = ENCODINGS.get(chosen.strip().lower())
        if known is None:
            sentence = _("Неизвестная кодировка «%(name)s». Есть: %(known)s.")
            values = {"name": chosen[:32], "known": ", ".join(ENCODINGS)}
            raise UnreadableListing(sentence % values)
        return known
    with path.open("rb") as file:
        unmarked = _unmarked_utf16(file.read(HEAD))
        file.seek(0)
        return unmarked or encoding_of(file)


def _unmarked_utf16(head: bytes) -> str | None:
    """Return UTF-16 without a byte order mark by the high bytes of its characters."""
    if b"\0" not in head or len(head) < 8 or head.startswith(_MARKS):
        return None
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        high, low = head[start::2], head[1 - start :: 2]
        if _share(high) > 0.95 and b"\0" not in low:
            return encoding
    return None


def _share(high: bytes) -> float:
    return sum(high.count(one) for one in _HIGH) / len(high)


def not_in_encoding(encoding: str) -> UnreadableListing:
    """Return the refusal of a file that has other bytes than the encoding allows."""
    sentence = _("Файл не читается в кодировке %(encoding)s: выберите другую.")
    return UnreadableListing(sentence % {"encoding": encoding})
