"""Reads a JSON file or JSON Lines as a table of records. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from django.utils.translation import gettext as _

from calls.ingest.parsing.import_file import check_listing, records_of
from calls.ingest.parsing.json_values import STRICT_DECODER
from calls.tables.table import BadRow, Kind, Row, Table

#: Characters of a line of JSON Lines.
MAX_LINE = 1 << 18


def open_json(path: Path, *, encoding: str) -> Table:
    """Open the records, after the file was read to its end. Raises UnreadableListing."""
    if _is_line_by_line(path, encoding):
        return _open_lines(path, encoding)
    with path.open(encoding=encoding) as text:
        listing = check_listing(text)

    def rows() -> Iterator[Row]:
        with path.open(encoding=encoding) as text:
            for number, item in enumerate(records_of(text, listing), 1):
                yield Row(number, item)

    first = next(rows(), None)
    header = list(first.item) if first and isinstance(first.item, dict) else []
    kind: Kind = "jsonl" if listing.is_lines else "json"
    return Table(kind, header, rows, count=listing.count, encoding=encoding)


def _open_lines(path: Path, encoding: str) -> Table:
    """Open a file with a record a line: a line that is broken is a bad row, the others are read."""

    def rows() -> Iterator[Row]:
        with path.open(encoding=encoding) as text:
            for number, line in _lines(text):
                yield Row(number, _record(line))

    first = next(rows()).item
    with path.open(encoding=encoding) as text:
        count = sum(1 for _line in _lines(text))
    return Table("jsonl", list(first), rows, count=count, encoding=encoding)


def _is_line_by_line(path: Path, encoding: str) -> bool:
    """Whether the first line is an object as a whole and the next one begins another."""
    with path.open(encoding=encoding) as text:
        first = _next_line(text)
        return (
            first.endswith("\n")
            and isinstance(_record(first.strip()), dict)
            and _next_line(text).startswith("{")
        )


def _next_line(text: TextIO) -> str:
    """Return the next line that is not blank, of a longer one the beginning; "" at the end."""
    while line := text.readline(MAX_LINE):
        if stripped := line.lstrip():
            return stripped
    return ""


def _lines(text: TextIO) -> Iterator[tuple[int, str]]:
    """Yield number and text of the lines that are not blank; of a longer one its beginning."""
    number = 0
    while line := text.readline(MAX_LINE):
        number += 1
        whole = line.endswith("\n")
        while not whole and (rest := text.readline(MAX_LINE)):
            whole = rest.endswith("\n")
        if stripped := line.strip():
            yield number, stripped


def _record(line: str) -> Any:
    try:
        value, end = STRICT_DECODER.raw_decode(line)
    except (ValueError, RecursionError):
        return _broken(line)
    return value if end == len(line) else _broken(line)


def _broken(line: str) -> BadRow:
    text = _("Строка — не JSON: исправьте её. Остальные строки файла читаются без неё.")
    return BadRow("malformed_json", text, (line[:200],))
