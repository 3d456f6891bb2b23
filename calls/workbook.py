"""Writes an Excel workbook of one sheet, row by row: what is text stays text.

A spreadsheet executes a text cell of a CSV file that begins with one of =+-@, and keeps 15 digits
of a long number. Cells of a workbook have a type, so neither happens here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import IO, Any

from xlsxwriter import Workbook

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: The most that a cell of Excel holds; XlsxWriter would leave a longer one empty.
MAX_CELL = 32_767
#: Rows of a sheet, without the headings.
MAX_ROWS = 1_048_575
#: Excel calculates with 15 digits: longer numbers are written as text.
EXACT_DIGITS = 15
#: Rows are written to disk as they come, and no text becomes a formula, a link or a number.
OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}
TEXT, TIME, HEADING = "text", "time", "heading"
FORMATS = {
    TEXT: {"num_format": "@"},
    TIME: {"num_format": "dd.mm.yyyy hh:mm:ss", "align": "left"},
    HEADING: {"bold": True, "text_wrap": True, "valign": "top"},
}
#: Text, an exact number, a time without zone, or an empty cell.
Cell = str | int | Decimal | datetime | None


@dataclass(frozen=True)
class Column:
    """The heading and the width, in characters, of a column."""

    title: str
    width: int = 20


@contextmanager
def workbook_writer(
    target: IO[bytes], *, sheet: str, columns: Sequence[Column]
) -> Iterator[Callable[[Sequence[Cell]], None]]:
    """Yield a function that writes a row, up to MAX_ROWS; memory does not grow with their number.

    The workbook is complete at the end of the block, also when that ends with an exception.
    """
    workbook = Workbook(target, OPTIONS)
    formats = {name: workbook.add_format(values) for name, values in FORMATS.items()}
    page = workbook.add_worksheet(sheet)
    page.freeze_panes(1, 0)
    for number, column in enumerate(columns):
        page.set_column(number, number, column.width)
        page.write_string(0, number, column.title, formats[HEADING])
    lines = itertools.count(1)
    try:
        yield lambda cells: _write_row(page, next(lines), cells, formats)
    finally:
        workbook.close()


def _write_row(page: Any, line: int, cells: Sequence[Cell], formats: Mapping[str, Any]) -> None:
    for number, cell in enumerate(cells):
        if isinstance(cell, datetime):
            page.write_datetime(line, number, cell, formats[TIME])
        elif isinstance(cell, str) and cell:
            page.write_string(line, number, cut(cell), formats[TEXT])
        elif isinstance(cell, int | Decimal):
            page.write_number(line, number, cell)


def number_or_text(text: str) -> Cell:
    """Return the number that a text is, or the text when Excel would not keep all its digits."""
    digits = text.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit()) or len(digits) > EXACT_DIGITS:
        return text or None
    return Decimal(text) if "." in text else int(text)


def cut(text: str) -> str:
    """Return the text, cut to the most that a cell holds."""
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}…"
