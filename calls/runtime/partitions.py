"""Makes next months' partitions ahead of the clock, and mends what came when it stood still.

See docs/operations.md, «Partitions by month».
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from typing import Any

from django.db import Error as DatabaseTrouble
from django.db import connection, transaction

logger = logging.getLogger(__name__)

PARENTS = ("calls_call", "calls_delivery")
MONTHS_AHEAD = 3
#: Rather an hour later than the whole product standing behind a lock that is waited for.
LOCK_TIMEOUT = "3s"


def keep_up(*, now: datetime) -> list[str]:
    """Say what is misfiled, then make the months that are missing; return their names.

    Safe to run at any time, by any number of processes at once.
    """
    alarm_about_misfiled()
    return ensure_partitions(now=now)


def months_ahead(now: datetime, count: int = MONTHS_AHEAD) -> list[date]:
    """Return the first days of this month and of the next ``count``."""
    start = now.astimezone(UTC).date().replace(day=1)
    return [_plus_months(start, n) for n in range(count + 1)]


def ensure_partitions(*, now: datetime) -> list[str]:
    """Make the months ahead and those of misfiled rows, which move there; return their names.

    Each month is on its own: one that cannot be made now holds up none of the others.
    """
    return [
        _name(parent, month)
        for parent in PARENTS
        for month in _missing(parent, now)
        if _is_made(parent, month)
    ]


def is_installed() -> bool:
    """Whether the tables are there: not before their migration, nor after its reversal."""
    return all(_attached(parent) for parent in PARENTS)


def misfiled_rows() -> dict[str, int]:
    """Return how many rows lie in a default partition, where no row belongs (first 1,000)."""
    found = {
        parent: len(_column(f"SELECT 1 FROM {parent}_default LIMIT 1000")) for parent in PARENTS
    }
    return {parent: count for parent, count in found.items() if count}


def alarm_about_misfiled() -> None:
    """Say aloud that partitions were not made in time."""
    for parent, count in misfiled_rows().items():
        logger.error(
            "%s rows of %s lie in its default partition: see docs/operations.md", count, parent
        )


def _missing(parent: str, now: datetime) -> list[date]:
    wanted = sorted({*months_ahead(now), *_misfiled_months(parent)})
    attached = _attached(parent)
    return [month for month in wanted if _name(parent, month) not in attached]


def _misfiled_months(parent: str) -> list[date]:
    return _column(
        "SELECT DISTINCT date_trunc('month', partition_at AT TIME ZONE 'UTC')::date"
        f" FROM {parent}_default"
    )


def _attached(parent: str) -> set[str]:
    names = _column(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE inhparent = to_regclass(%s)",
        [parent],
    )
    return set(names)


def _is_made(parent: str, month: date) -> bool:
    """Make the month; whatever the database has against it is for the next run."""
    try:
        return _make(parent, month)
    except DatabaseTrouble as trouble:
        _report(_name(parent, month), trouble)
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        return False


def _report(name: str, trouble: DatabaseTrouble) -> None:
    """Name the trouble by its kind: the database's own words quote rows, and so phone numbers."""
    code = getattr(trouble.__cause__, "pgcode", None) or "without a code"
    logger.error("%s was not made: %s, %s", name, type(trouble).__name__, code)


def _make(parent: str, month: date) -> bool:
    """Make one month and move its misfiled rows there, all or nothing; False when a rival did.

    The whole table is locked, as CREATE TABLE … PARTITION OF would lock it too. A weaker lock would
    let a statement that already chose its partitions overlook rows which move under it. It is
    held for the milliseconds of an empty table, and for as long as rows of the default move.
    """
    with transaction.atomic():
        _run(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        _run(f"LOCK TABLE ONLY {parent} IN ACCESS EXCLUSIVE MODE")
        if _name(parent, month) in _attached(parent):
            return False
        # Attached at once it would have to take over the default's rows, which PostgreSQL refuses.
        _run(f"CREATE TABLE {_name(parent, month)} (LIKE {parent} INCLUDING ALL)")
        moved = _move_misfiled(parent, month)
        _attach(parent, month)
    if moved:
        logger.warning("%s rows moved into %s", moved, _name(parent, month))
    return True


def _move_misfiled(parent: str, month: date) -> int:
    first, end = _bounds(month)
    return _run(
        f"WITH misfiled AS (DELETE FROM {parent}_default"
        " WHERE partition_at >= %s AND partition_at < %s RETURNING *)"
        f" INSERT INTO {_name(parent, month)} SELECT * FROM misfiled",
        [first, end],
    )


def _attach(parent: str, month: date) -> None:
    _run(
        f"ALTER TABLE {parent} ATTACH PARTITION {_name(parent, month)}"
        " FOR VALUES FROM (%s) TO (%s)",
        list(_bounds(month)),
    )


def _bounds(month: date) -> tuple[str, str]:
    return f"{month} 00:00:00+00", f"{_plus_months(month, 1)} 00:00:00+00"


def _name(parent: str, month: date) -> str:
    return f"{parent}_{month:%Y_%m}"


def _plus_months(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _run(statement: str, values: list[Any] | None = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def _column(statement: str, values: list[Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [value for (value,) in cursor.fetchall()]
