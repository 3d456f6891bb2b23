"""Read an uploaded CSV from the vendor's documentation, not from the product's writer.

RFC 4180 in UTF-8: commas, double quotes, CRLF or LF; a BOM and spaces after commas are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .messages import ApiError

FIELD = re.compile(
    r' *"(?P<quoted>[^"]*(?:""[^"]*)*)"(?P<end1>,|\r\n|\n|\Z)'
    r'|(?P<plain>[^",\r\n]*)(?P<end2>,|\r\n|\n|\Z)'
)


def invalid(message: str) -> ApiError:
    return ApiError(400, "invalid_uploading", message, location="file")


def read_csv(content: bytes) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows, cells as text; raise ``invalid_uploading``.

    Rows may be ragged; a blank line is no row.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise invalid("The file is not UTF-8") from None
    if "\x00" in text:
        raise invalid("The file contains a zero byte")
    rows = list(_rows(text))
    if not rows:
        raise invalid("The file is empty")
    header = [name.strip() for name in rows[0]]
    named = [name for name in header if name]
    if len(set(named)) != len(named):
        raise invalid("A column is named twice")
    return header, rows[1:]


def _rows(text: str) -> Iterator[list[str]]:
    cells: list[str] = []
    position, length = 0, len(text)
    after_comma = False
    while position < length or after_comma:
        match = FIELD.match(text, position)
        if match is None:
            raise invalid(f"Malformed CSV near character {position}")
        quoted = match["quoted"]
        plain = match["plain"]
        cells.append(quoted.replace('""', '"') if quoted is not None else plain.lstrip(" "))
        after_comma = (match["end1"] if quoted is not None else match["end2"]) == ","
        position = match.end()
        if not after_comma:
            if cells != [""] or quoted is not None:
                yield cells
            cells = []
