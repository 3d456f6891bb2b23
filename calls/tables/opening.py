"""Opens a file of calls, whatever its format. Pure."""

from __future__ import annotations

from pathlib import Path, PurePath

from calls.tables.csv_file import delimiter_of, open_csv
from calls.tables.encodings import not_in_encoding, text_encoding
from calls.tables.json_file import open_json
from calls.tables.table import Table
from calls.tables.xlsx.workbook import open_xlsx

_ZIP = b"PK\x03\x04"
_TABLES = (".csv", ".tsv", ".tab")


def open_table(
    path: Path,
    *,
    name: str | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Table:
    """Open the table in the file; its memory does not grow with the number of rows.

    ``name`` is what the person called the file, by default that of the path. The format is told
    from the content; the name decides where that could be both a table and JSON. ``encoding`` and
    ``delimiter`` are found unless given. Raises UnreadableListing, and OSError.
    """
    with path.open("rb") as file:
        head = file.read(4)
    if head == _ZIP:
        return open_xlsx(path, sheet=sheet)
    codec = text_encoding(path, encoding)
    is_table = PurePath(name or path.name).suffix.lower() in _TABLES or delimiter is not None
    try:
        return _open_text(path, codec, is_table=is_table, delimiter=delimiter)
    except UnicodeError:
        # UTF-16 without its byte order mark is refused in spite of errors="replace".
        raise not_in_encoding(codec) from None


def _open_text(path: Path, codec: str, *, is_table: bool, delimiter: str | None) -> Table:
    if not is_table and _begins_as_json(path, codec):
        return open_json(path, encoding=codec)
    found = delimiter or delimiter_of(path, codec)
    if found is None and not is_table:
        return open_json(path, encoding=codec)
    return open_csv(path, encoding=codec, delimiter=found or ";")


def _begins_as_json(path: Path, encoding: str) -> bool:
    with path.open(encoding=encoding, errors="replace") as text:
        return text.read(4096).lstrip("\ufeff \t\r\n")[:1] in ("[", "{")
