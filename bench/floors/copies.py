"""Floors of stored rows: the very rows that the product wrote, through COPY.

The rows go into the same partitioned tables with the same indexes; each table in one COPY, all in
one transaction.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.db import connection, transaction

from bench.world import scalar

#: The column with the number of the call.
CALL_COLUMN = {"calls_callkey": "id", "calls_call": "id", "calls_delivery": "call_id"}


class Copies:
    """The rows of calls with a number above ``after``, in a file a table."""

    def __init__(self, tables: tuple[str, ...], *, after: int = 0) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._tables = {table: ", ".join(columns_of(table)) for table in tables}
        self.rows: dict[str, int] = {}
        for table, columns in self._tables.items():
            chosen = f"FROM {table} WHERE {CALL_COLUMN[table]} > {after}"
            self.rows[table] = int(scalar(f"SELECT count(*) {chosen}"))
            copy_out(f"SELECT {columns} {chosen}", self._file(table))

    def load(self) -> int:
        """Store the rows again, committed; return the number of those of the first table."""
        with transaction.atomic(), connection.cursor() as cursor:
            for table, columns in self._tables.items():
                with self._file(table).open("rb") as file:
                    cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN", file)
        return next(iter(self.rows.values()))

    def forget(self) -> None:
        """Delete the files."""
        self._folder.cleanup()

    def _file(self, table: str) -> Path:
        return Path(self._folder.name) / table


def copy_out(query: str, file: Path) -> None:
    """Write the rows of a query to a file, by COPY TO."""
    with connection.cursor() as cursor, file.open("wb") as output:
        cursor.copy_expert(f"COPY ({query}) TO STDOUT", output)


def columns_of(table: str) -> list[str]:
    """Return the columns of a table that may be written."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
            " AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
            [table],
        )
        return [name for (name,) in cursor.fetchall()]
