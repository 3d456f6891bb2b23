"""Opens a sheet of an XLSX workbook as a table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from django.utils.translation import gettext as _

from calls.ingest.parsing.file_format import UnreadableListing
from calls.tables.table import (
    MAX_COLUMNS,
    BadRow,
    Row,
    Table,
    checked_header,
    is_blank,
    record_of,
    trimmed,
)
from calls.tables.xlsx.package import open_package
from calls.tables.xlsx.parts import read_formats, read_parts
from calls.tables.xlsx.shared_strings import open_strings
from calls.tables.xlsx.sheet import SheetRow, sheet_rows


def open_xlsx(path: Path, *, sheet: str | None = None) -> Table:
    """Open the sheet, by default the first one that is shown. Raises UnreadableListing.

    Its first row with a value has the names of the columns.
    """
    with open_package(path) as package:
        parts = read_parts(package)
    name, part = parts.sheet(sheet)
    top = next(_rows(path, part), None)
    if top is None:
        raise UnreadableListing(_("Лист «%(name)s» пуст.") % {"name": name})
    _refuse_wide(top)
    header = checked_header(top.texts())

    def rows() -> Iterator[Row]:
        for row in _rows(path, part):
            if row.number > top.number:
                yield Row(row.number, _item(header, row))

    return Table("xlsx", header, rows, sheets=list(parts.sheets), sheet=name)


def _rows(path: Path, part: str) -> Iterator[SheetRow]:
    """Yield the rows that have a value."""
    with open_package(path) as package:
        parts = read_parts(package)
        formats = read_formats(package, parts.styles)
        with open_strings(package, parts.strings) as strings:
            for row in sheet_rows(
                package, part, strings=strings, formats=formats, is_1904=parts.is_1904
            ):
                if row.uncounted or row.is_too_wide or not is_blank(list(row.cells.values())):
                    yield row


def _item(header: Sequence[str], row: SheetRow) -> dict[str, str] | BadRow:
    cells = trimmed(row.texts())
    if row.uncounted:
        sentence = _(
            "Формула в ячейке %(cell)s не посчитана: откройте файл в Excel и сохраните его."
        )
        return BadRow("formula_without_value", sentence % {"cell": row.uncounted}, tuple(cells))
    if row.is_too_wide:
        sentence = _("В строке есть значение правее столбца %(most)d.")
        return BadRow("ragged_row", sentence % {"most": MAX_COLUMNS}, tuple(cells))
    missing = len(header) - len(cells)
    return record_of(header, list(chain(cells, [""] * missing)))


def _refuse_wide(top: SheetRow) -> None:
    if top.is_too_wide:
        sentence = _("В таблице больше %(most)d столбцов.")
        raise UnreadableListing(sentence % {"most": MAX_COLUMNS})
