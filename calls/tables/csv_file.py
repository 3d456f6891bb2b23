"""Reads a CSV file row by row. Pure.

An unclosed quote costs the lines up to the next quote or the end; they are one bad row that names
them, so that nothing is lost silently.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from django.utils.translation import gettext as _

from calls.ingest.parsing.file_format import UnreadableListing
from calls.tables.delimiters import DELIMITERS, find_delimiter, named_delimiter
from calls.tables.encodings import not_in_encoding
from calls.tables.table import BadRow, Row, Table, checked_header, is_blank, record_of

#: Characters of a line, and of the beginning that is looked at for the separator.
MAX_LINE = 1 << 20
#: Characters of a row: its values may have line breaks, and it is kept in memory as a whole.
MAX_ROW = 4 << 20
HEAD = 1 << 16


def delimiter_of(path: Path, encoding: str) -> str | None:
    """Return what separates the cells, None when nothing does. Raises UnreadableListing."""
    try:
        with path.open(encoding=encoding, newline="") as text:
            first = text.readline(HEAD)
            return named_delimiter(first) or find_delimiter(first + text.read(HEAD))
    except UnicodeError:
        raise not_in_encoding(encoding) from None


def open_csv(path: Path, *, encoding: str, delimiter: str) -> Table:
    """Open the table. Raises UnreadableListing."""
    if delimiter not in DELIMITERS:
        raise UnreadableListing(
            _("Разделитель — один знак: точка с запятой, запятая, табуляция или |.")
        )
    header = next(_records(path, encoding, delimiter), None)
    if header is None:
        raise UnreadableListing(_("Файл пуст."))
    number, cells = header
    if isinstance(cells, BadRow):
        raise UnreadableListing(cells.message)
    names = checked_header(cells)

    def rows() -> Iterator[Row]:
        for line, cells in _records(path, encoding, delimiter):
            if line == number:
                continue
            yield Row(line, cells if isinstance(cells, BadRow) else record_of(names, cells))

    return Table("csv", names, rows, encoding=encoding, delimiter=delimiter)


def _records(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str] | BadRow]]:
    """Yield the first line of each row that has a value, and its cells."""
    with path.open(encoding=encoding, newline="") as text:
        lines = _Lines(text)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            lines.begin_row()
            try:
                cells: list[str] | BadRow = next(reader)
            except StopIteration:
                return
            except csv.Error:
                cells = _broken(lines.first, lines.number)
            except UnicodeError:
                raise not_in_encoding(encoding) from None
            if isinstance(cells, BadRow) or not is_blank(cells):
                yield lines.first, cells


class _Lines:
    """The lines of a text, counted. Raises UnreadableListing for one that is too long.

    Raises csv.Error, which ends the row, for a row that is too long.
    """

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.number = 0
        #: Where the row that is read began.
        self.first = 1
        self._row_length = 0

    def begin_row(self) -> None:
        """Note that the next line begins a row."""
        self.first = self.number + 1
        self._row_length = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == MAX_LINE:
            sentence = _("Строка %(number)d длиннее %(most)d знаков: это не таблица CSV.")
            raise UnreadableListing(sentence % {"number": self.number, "most": MAX_LINE})
        self._row_length += len(line)
        if self._row_length > MAX_ROW:
            raise csv.Error("a row that is too long")
        if self.number == 1 and named_delimiter(line):
            return "\n"
        return line


def _broken(first: int, last: int) -> BadRow:
    if first >= last:
        sentence = _("Строка %(first)d не читается: кавычки расставлены неверно.")
    else:
        sentence = _(
            "Строки с %(first)d по %(last)d не читаются: кавычка не закрыта или значение слишком "
            "длинное."
        )
    return BadRow("broken_quotes", sentence % {"first": first, "last": last})
