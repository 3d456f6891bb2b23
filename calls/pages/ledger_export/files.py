"""Writes the rows of a file of the ledger as CSV or as an Excel workbook, as a stream."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from django.utils.translation import gettext as _

from calls.pages.ledger_export.rows import columns_of
from calls.workbook import CONTENT_TYPE, Cell
from calls.workbook_stream import workbook_pieces

#: A spreadsheet executes a cell that begins with one of these as a formula (OWASP ASVS 1.2.10).
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
#: Lines that are encoded together.
_LINES = 500
_PHONE = 1


def csv_pieces(rows: Iterable[Sequence[Cell]], zone: str, _days: str) -> Iterator[bytes]:
    """Yield the lines with a byte order mark and semicolons: Excel opens them without questions."""
    yield "\ufeff".encode()
    titles = [[column.title for column in columns_of(zone)]]
    lines = iter(rows)
    while titles:
        text = io.StringIO()
        csv.writer(text, delimiter=";").writerows(titles)
        yield text.getvalue().encode()
        titles = [_plain(row) for row in islice(lines, _LINES)]


def excel_pieces(rows: Iterable[Sequence[Cell]], zone: str, days: str) -> Iterator[bytes]:
    """Yield the workbook; its cells have types, so that text stays text."""
    sheet = _("Звонки %(days)s") % {"days": days} if days else _("Звонки")
    return workbook_pieces(rows, sheet=sheet, columns=columns_of(zone))


Writer = Callable[[Iterable[Sequence[Cell]], str, str], Iterator[bytes]]
#: What a file can be: the writer and the content type, by the end of its name. A writer takes the
#: rows, the time zone and the days, of which only a workbook has a place beside its rows.
KINDS: dict[str, tuple[Writer, str]] = {
    "csv": (csv_pieces, "text/csv; charset=utf-8"),
    "xlsx": (excel_pieces, CONTENT_TYPE),
}


def _plain(row: Sequence[Cell]) -> list[str]:
    return [_inert(cell, place) for place, cell in enumerate(row)]


def _inert(cell: Cell, place: int) -> str:
    """Return the text of a cell, which no spreadsheet takes for a formula."""
    if isinstance(cell, datetime):
        return f"{cell:%d.%m.%Y %H:%M:%S}"
    text = "" if cell is None else str(cell)
    if place == _PHONE:
        text = text.removeprefix("+")
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
