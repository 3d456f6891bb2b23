"""Makes next months' partitions ahead of the clock, and notices when the clock stood still."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime

from django.db import connection, transaction

logger = logging.getLogger(__name__)

PARENTS = ("calls_call", "calls_delivery")
MONTHS_AHEAD = 3


def months_ahead(now: datetime, count: int = MONTHS_AHEAD) -> list[date]:
    """Return the first days of this month and of the next ``count``."""
    start = now.astimezone(UTC).date().replace(day=1)
    return [_plus_months(start, n) for n in range(count + 1)]


def ensure_partitions(*, now: datetime) -> list[str]:
    """Make the partitions that are missing; return their names. Safe to run at any time."""
    return [
        name
        for parent in PARENTS
        for month in months_ahead(now)
        if (name := _ensure(parent, month)) is not None
    ]


def misfiled_rows() -> dict[str, int]:
    """Return how many rows lie in a default partition, where no row belongs (first 1,000)."""
    found: dict[str, int] = {}
    with connection.cursor() as cursor:
        for parent in PARENTS:
            cursor.execute(f"SELECT count(*) FROM (SELECT 1 FROM {parent}_default LIMIT 1000) AS x")
            found[parent] = cursor.fetchone()[0]
    return {parent: count for parent, count in found.items() if count}


def alarm_about_misfiled() -> None:
    """Say aloud when partitions were not made in time."""
    for parent, count in misfiled_rows().items():
        logger.error(
            "%s rows of %s lie in its default partition: see docs/operations", count, parent
        )


def _ensure(parent: str, month: date) -> str | None:
    name = f"{parent}_{month:%Y_%m}"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [name])
        if cursor.fetchone()[0] is not None:
            return None
        # A short wait for the lock: rather an hour later than the whole product standing.
        cursor.execute("SET LOCAL lock_timeout = '3s'")
        cursor.execute(
            f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {parent}"
            f" FOR VALUES FROM ('{month} 00:00:00+00')"
            f" TO ('{_plus_months(month, 1)} 00:00:00+00')"
        )
    return name


def _plus_months(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)
