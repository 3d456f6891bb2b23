"""Formats of the cells of an uploaded CSV file: one table of patterns, for PostgreSQL and Python.

Before a file is built the patterns decide, in SQL, which identifier is used for the visitor and
whether an optional cell is filled; a value that does not match is left out. When Metrika has
refused a whole file, the same patterns find the invalid rows in its stored bytes. They use only
syntax that both regex engines treat alike.

Columns: https://yandex.com/dev/metrika/en/management/calls and
https://yandex.com/dev/metrika/en/management/offline-conv
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping

DIGITS = "[0-9]{1,20}"
FLAG = "[01]"
SECONDS = "[0-9]{1,9}"

PATTERNS: dict[str, str] = {
    "ClientId": DIGITS,
    "Yclid": DIGITS,
    # No control characters: some of them end a line.
    "UserId": "[^\\u0001-\\u001f\\u007f]{1,255}",
    "DateTime": "[0-9]{1,12}",
    "StaticCall": FLAG,
    "Price": "[0-9]{1,12}([.][0-9]{1,2})?",
    "Currency": "[A-Z]{3}",
    # E.164, with or without a masked middle.
    "PhoneNumber": "[+][0-9*]{5,15}",
    "TalkDuration": SECONDS,
    "HoldDuration": SECONDS,
    "CallMissed": FLAG,
    "FirstTimeCaller": FLAG,
    # https://www.yandex.ru/support/metrica/en/general/goal-js-event lists the forbidden characters.
    "Target": '[^\\u0001-\\u001f/&#?="\\\\]{1,255}',
}
IDENTIFIERS = ("ClientId", "Yclid", "UserId")
ALWAYS_FILLED = ("DateTime", "Target")

#: Up to two classes of characters, the last one repeated: PostgreSQL counts repetitions of a
#: pattern some three times slower than it checks the characters and the length apart.
_COUNTED = re.compile(
    r"(?P<before>\[[^]]*\])?(?P<repeated>\[[^]]*\])\{(?P<least>\d+),(?P<most>\d+)\}"
)

_COMPILED = {name: re.compile(pattern) for name, pattern in PATTERNS.items()}


def fits_sql(column: str, value: str) -> str:
    """Return SQL that is true when the SQL expression ``value`` matches the column's pattern.

    An empty value does not match; null gives null.
    """
    pattern = PATTERNS[column].replace("'", "''").replace("%", "%%")
    counted = _COUNTED.fullmatch(pattern)
    if not counted:
        return f"({value} ~ '^({pattern})$')"
    before, repeated = counted["before"] or "", counted["repeated"]
    least, most = (int(bool(before)) + int(counted[name]) for name in ("least", "most"))
    return f"({value} ~ '^{before}{repeated}*$' AND length({value}) BETWEEN {least} AND {most})"


def unfit_rows(pieces: Iterable[bytes]) -> list[int]:
    """Return the numbers (from 1) of the rows of an uploaded file that Metrika cannot accept.

    ``pieces`` are its bytes; each ends with a row.
    """
    rows = csv.DictReader(text_lines(pieces))
    return [number for number, row in enumerate(rows, start=1) if not _fits(row)]


def text_lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines with their ends; a byte that is not UTF-8 becomes U+FFFD."""
    for piece in pieces:
        yield from io.TextIOWrapper(
            io.BytesIO(piece), encoding="utf-8", errors="replace", newline=""
        )


def _fits(row: Mapping[str, str]) -> bool:
    if row.get("StaticCall", "0") != "1" and not any(row.get(name) for name in IDENTIFIERS):
        return False
    if not all(row[name] for name in ALWAYS_FILLED if name in row):
        return False
    return all(
        _COMPILED[name].fullmatch(value)
        for name, value in row.items()
        if value and name in _COMPILED
    )
