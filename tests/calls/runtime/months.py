"""A month without partitions, and the partitions that rows are in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from calls.models import Call, Delivery
from calls.runtime import partitions

#: A December after the months that the migration created by the real clock.
YEAR = timezone.now().year + 1
DECEMBER = datetime(YEAR, 12, 20, 12, 0, tzinfo=UTC)
MONTHS = [f"{YEAR}_12", f"{YEAR + 1}_01", f"{YEAR + 1}_02", f"{YEAR + 1}_03"]
AHEAD = [f"{parent}_{month}" for parent in partitions.PARENTS for month in MONTHS]
#: The month before is created too when there are misfiled rows of it.
NOVEMBER = [f"{parent}_{YEAR}_11" for parent in partitions.PARENTS]


def fetch(statement: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[Any] = cursor.fetchall()
    return rows


def partitions_of(table: str) -> list[str]:
    rows = fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", table
    )
    return sorted(name for (name,) in rows)


def all_partitions() -> set[str]:
    return {name for parent in partitions.PARENTS for name in partitions_of(parent)}


def partitions_with(model: type[Call] | type[Delivery], **chosen: Any) -> set[str]:
    """Return the partitions that the rows are in."""
    rows = model.objects.filter(**chosen).extra(select={"table": "tableoid::regclass::text"})
    return set(rows.values_list("table", flat=True))
