"""A statement that is put together of parts, each with its values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import connection


@dataclass
class Statement:
    """SQL and the values of its `%s`, in their order."""

    sql: str = ""
    values: list[Any] = field(default_factory=list)

    def add(self, part: str, *values: Any) -> Statement:
        """Append a part, and return the statement."""
        self.sql += part
        self.values += values
        return self

    def rows(self) -> list[dict[str, Any]]:
        """Run it; return a dict of each row."""
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self.values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
