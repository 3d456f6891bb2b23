"""What a cell of a file must look like: one table, read by PostgreSQL before and Python after.

Before a file is built the shapes decide, in SQL, which identifier names the visitor and whether an
optional cell is filled; what does not fit never enters a file. When Metrika has refused a file as
a whole, the same shapes look through its frozen bytes. The patterns keep to what both engines read
alike. Columns: https://yandex.com/dev/metrika/en/management/calls and
https://yandex.com/dev/metrika/en/management/offline-conv
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping

DIGITS = "[0-9]{1,20}"
FLAG = "[01]"
SECONDS = "[0-9]{1,9}"

SHAPES: dict[str, str] = {
    "ClientId": DIGITS,
    "Yclid": DIGITS,
    # No control signs: nobody typed them, and some of them end a line.
    "UserId": "[^\\u0001-\\u001f\\u007f]{1,255}",
    "DateTime": "[0-9]{1,12}",
    "StaticCall": FLAG,
    "Price": "[0-9]{1,12}([.][0-9]{1,2})?",
    "Currency": "[A-Z]{3}",
    # E.164, with or without a hidden middle.
    "PhoneNumber": "[+][0-9*]{5,15}",
    "TalkDuration": SECONDS,
    "HoldDuration": SECONDS,
    "CallMissed": FLAG,
    "FirstTimeCaller": FLAG,
    # https://www.yandex.ru/support/metrica/en/general/goal-js-event names the forbidden signs.
    "Target": '[^\\u0001-\\u001f/&#?="\\\\]{1,255}',
}
IDENTIFIERS = ("ClientId", "Yclid", "UserId")
ALWAYS_FILLED = ("DateTime", "Target")

_COMPILED = {name: re.compile(shape) for name, shape in SHAPES.items()}


def fits_sql(column: str, value: str) -> str:
    """Return SQL that is true when the SQL expression ``value`` has the shape of the column.

    An empty or missing value does not fit.
    """
    shape = SHAPES[column].replace("'", "''").replace("%", "%%")
    return f"({value} ~ '^({shape})$')"


def unfit_rows(body: bytes) -> list[int]:
    """Return the numbers, from 1, of the rows of a frozen file that Metrika could not accept."""
    text = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8", newline="")
    rows = csv.DictReader(text)
    return [number for number, row in enumerate(rows, start=1) if not _fits(row)]


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
