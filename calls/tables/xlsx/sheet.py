"""Reads the rows of a sheet as they come. Formulas are not evaluated: the saved value counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zipfile import BadZipFile

from calls.tables.table import MAX_CELL, MAX_COLUMNS
from calls.tables.xlsx.escapes import unescaped
from calls.tables.xlsx.numbers import Format, text_of
from calls.tables.xlsx.package import Package, xml_parser
from calls.tables.xlsx.shared_strings import SharedStrings

MAX_ROW = 1_048_576
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})")


@dataclass(slots=True)
class SheetRow:
    """``cells``: texts by the number of their column, from 0.

    ``uncounted``: a formula without a saved value, by its place such as C5; "" for none.
    ``is_too_wide``: a value is beyond MAX_COLUMNS.
    """

    number: int
    cells: dict[int, str]
    uncounted: str = ""
    is_too_wide: bool = False

    def texts(self) -> list[str]:
        """Return the texts up to the last one."""
        return [self.cells.get(at, "") for at in range(max(self.cells, default=-1) + 1)]


def sheet_rows(
    package: Package,
    part: str,
    *,
    strings: SharedStrings,
    formats: Sequence[Format],
    is_1904: bool,
) -> Iterator[SheetRow]:
    """Yield the rows that have cells, in their order. Raises BadZipFile where it is broken."""
    reader = _Reader(strings, formats, is_1904)
    parser = xml_parser(start=reader.start, end=reader.end, text=reader.text)
    for piece in package.pieces(part):
        parser.parse(piece)
        yield from reader.taken()
    parser.end()
    yield from reader.taken()


class _Reader:
    """Collects the rows of the piece that is parsed."""

    def __init__(self, strings: SharedStrings, formats: Sequence[Format], is_1904: bool) -> None:
        self._strings, self._formats, self._is_1904 = strings, formats, is_1904
        self._rows: list[SheetRow] = []
        self._row = SheetRow(0, {})
        self._column = -1
        self._type = self._style = ""
        self._parts: list[str] = []
        self._length = 0
        self._is_text = self._has_value = self._has_formula = False
        self._phonetic = 0

    def taken(self) -> list[SheetRow]:
        """Return the rows that are complete, once."""
        rows, self._rows = self._rows, []
        return rows

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "c":
            self._open_cell(attributes)
        elif tag == "v":
            self._is_text = self._has_value = True
        elif tag == "t":
            self._is_text = not self._phonetic
            self._has_value = True
        elif tag == "f":
            self._has_formula = True
        elif tag == "row":
            self._open_row(attributes)
        elif tag == "rPh":
            self._phonetic += 1

    def text(self, text: str) -> None:
        if self._is_text and self._length <= MAX_CELL:
            self._parts.append(text)
            self._length += len(text)

    def end(self, tag: str) -> None:
        if tag in ("v", "t"):
            self._is_text = False
        elif tag == "c":
            self._close_cell()
        elif tag == "row":
            if self._row.cells or self._row.uncounted or self._row.is_too_wide:
                self._rows.append(self._row)
        elif tag == "rPh":
            self._phonetic -= 1

    def _open_row(self, attributes: dict[str, str]) -> None:
        written = attributes.get("r")
        number = self._row.number + 1 if written is None else _whole(written)
        if not self._row.number < number <= MAX_ROW:
            raise BadZipFile("rows out of order")
        self._row = SheetRow(number, {})
        self._column = -1

    def _open_cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        self._column = self._column + 1 if reference is None else _column(reference)
        self._type = attributes.get("t", "n")
        self._style = attributes.get("s", "")
        self._parts, self._length = [], 0
        self._has_value = self._has_formula = False

    def _close_cell(self) -> None:
        if not self._has_value:
            if self._has_formula and not self._row.uncounted:
                self._row.uncounted = f"{_letters(self._column)}{self._row.number}"
            return
        text = self._value("".join(self._parts))
        if not text:
            return
        if self._column >= MAX_COLUMNS:
            self._row.is_too_wide = True
        else:
            self._row.cells[self._column] = text

    def _value(self, written: str) -> str:
        match self._type:
            case "s":
                return self._strings.get(_whole(written))
            case "inlineStr" | "str":
                return unescaped(written)
            case "b":
                return "true" if written.strip() == "1" else "false"
            case "n":
                return text_of(written.strip(), self._format(), is_1904=self._is_1904)
            case "d":
                return written.strip().replace("T", " ")
            case _:
                return written

    def _format(self) -> Format:
        if not self._style:
            return self._formats[0] if self._formats else Format.NUMBER
        style = _whole(self._style)
        return self._formats[style] if style < len(self._formats) else Format.NUMBER


def _whole(text: str) -> int:
    if not (text.isascii() and text.strip().isdigit()) or len(text) > 10:
        raise BadZipFile("a number that is none")
    return int(text)


def _column(reference: str) -> int:
    """Return the number of a cell's column from 0: 2 for C5."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise BadZipFile("a reference that is none")
    number = 0
    for letter in found[1]:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _letters(column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
