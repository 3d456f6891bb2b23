"""Stores rows with COPY, which plans nothing, parses no statement, and fills a page at a time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

#: Characters that are sent at once.
BUFFER = 1 << 16
# Neither can be part of a text that PostgreSQL stores: NUL, and half of a surrogate pair.
_NEXT, _NULL = "\0", "\ud800"
# https://www.postgresql.org/docs/current/sql-copy.html, "Text Format". The backslash comes first.
_WRITTEN = (
    ("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), (_NEXT, "\t"), (_NULL, "\\N"),
)  # fmt: skip


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Store rows into a table, partitioned or not, in the caller's transaction.

    Values are None for NULL, or what `str` writes as PostgreSQL reads it: texts, numbers, bool,
    datetime; a list as by `array_of`.
    """
    text = io.StringIO("".join(map(_line, rows)), newline="\n")
    sql = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    # Django does not wrap the errors of `copy_expert` by itself.
    with connection.wrap_database_errors, connection.cursor() as cursor:
        cursor.copy_expert(sql, text, BUFFER)


def array_of(texts: Iterable[str]) -> str:
    """Return the literal of an array of texts."""
    quoted = (one.replace("\\", "\\\\").replace('"', '\\"') for one in texts)
    return "{" + ",".join(f'"{one}"' for one in quoted) + "}"


def _line(row: Sequence[Any]) -> str:
    line = _NEXT.join(
        [one if type(one) is str else _NULL if one is None else str(one) for one in row]
    )
    for character, escape in _WRITTEN:
        line = line.replace(character, escape)
    return line + "\n"
