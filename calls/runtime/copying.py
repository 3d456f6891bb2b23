"""Stores rows with COPY, which plans nothing, parses no statement, and fills a page at a time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

#: Bytes that are sent at once.
BUFFER = 1 << 16
# Neither can be part of a text that PostgreSQL stores: NUL, and half of a surrogate pair.
_NEXT, _NULL = "\0", "\ud800"
# https://www.postgresql.org/docs/current/sql-copy.html, "Text Format". The backslash comes first.
# In bytes, as a search for one byte that is not there costs next to nothing.
_WRITTEN = (
    (b"\\", b"\\\\"), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\t", b"\\t"), (b"\0", b"\t"),
    (_NULL.encode(errors="surrogatepass"), b"\\N"),
)  # fmt: skip


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Store rows into a table, partitioned or not, in the caller's transaction.

    Values are None for NULL, or what `str` writes as PostgreSQL reads it: texts, numbers, bool,
    datetime; a list as by `array_of`. The last one may also be a text in UTF-8.
    """
    lines = io.BytesIO(b"".join(map(_line, rows)))
    sql = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    # Django does not wrap the errors of `copy_expert` by itself.
    with connection.wrap_database_errors, connection.cursor() as cursor:
        cursor.copy_expert(sql, lines, BUFFER)


def array_of(texts: Iterable[str]) -> str:
    """Return the literal of an array of texts."""
    given = list(texts)
    joined = '","'.join(given)
    if "\\" in joined or joined.count('"') > 2 * (len(given) - 1):
        joined = '","'.join(one.replace("\\", "\\\\").replace('"', '\\"') for one in given)
    return f'{{"{joined}"}}' if given else "{}"


def _line(row: Sequence[Any]) -> bytes:
    *values, last = row
    is_written = type(last) is bytes
    line = b"%b\0%b" % (_joined(values), last) if is_written else _joined(row)
    for character, escape in _WRITTEN:
        line = line.replace(character, escape)
    return line + b"\n"


def _joined(values: Sequence[Any]) -> bytes:
    text = _NEXT.join(
        [one if type(one) is str else _NULL if one is None else str(one) for one in values]
    )
    return text.encode(errors="surrogatepass")
