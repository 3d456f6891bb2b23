"""Creates the partitions of the coming months, and moves rows out of the default partition.

See docs/operations.md, «Partitions by month».
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection, transaction

logger = logging.getLogger(__name__)

PARENTS = ("calls_call", "calls_delivery")
MONTHS_AHEAD = 3
#: While a statement waits for its lock, all others on the table wait behind it.
LOCK_TIMEOUT = "3s"


def keep_up(*, now: datetime) -> list[str]:
    """Log misfiled rows, then create the partitions that are missing; return their names.

    Safe to run at any time, by any number of processes at once.
    """
    log_misfiled()
    return ensure_partitions(now=now)


def months_ahead(now: datetime, count: int = MONTHS_AHEAD) -> list[date]:
    """Return the first days of this month and of the next ``count``."""
    start = now.astimezone(UTC).date().replace(day=1)
    return [_plus_months(start, n) for n in range(count + 1)]


def ensure_partitions(*, now: datetime) -> list[str]:
    """Create the months ahead and those of misfiled rows, which move there; return their names.

    Each month is created on its own: an error of one does not prevent the others.
    """
    return [
        _name(parent, month)
        for parent in PARENTS
        for month in _missing(parent, now)
        if _try_to_create(parent, month)
    ]


def is_installed() -> bool:
    """Whether the tables exist: after their migration and before its reversal."""
    return all(attached_names(parent) for parent in PARENTS)


def misfiled_rows() -> dict[str, int]:
    """Return how many rows are in a default partition, where none belongs; counts up to 1,000."""
    found = {
        parent: len(_column(f"SELECT 1 FROM {parent}_default LIMIT 1000")) for parent in PARENTS
    }
    return {parent: count for parent, count in found.items() if count}


def log_misfiled() -> None:
    """Log an error when partitions were not created in time."""
    for parent, count in misfiled_rows().items():
        logger.error(
            "%s rows of %s lie in its default partition: see docs/operations.md", count, parent
        )


def _missing(parent: str, now: datetime) -> list[date]:
    wanted = sorted({*months_ahead(now), *_misfiled_months(parent)})
    attached = attached_names(parent)
    return [month for month in wanted if _name(parent, month) not in attached]


def _misfiled_months(parent: str) -> list[date]:
    return _column(
        "SELECT DISTINCT date_trunc('month', partition_at AT TIME ZONE 'UTC')::date"
        f" FROM {parent}_default"
    )


def attached_names(parent: str) -> set[str]:
    """Return the names of the partitions of a table."""
    names = _column(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE inhparent = to_regclass(%s)",
        [parent],
    )
    return set(names)


def _try_to_create(parent: str, month: date) -> bool:
    """Create the month; after an error of the database the next run tries again."""
    try:
        return _create(parent, month)
    except DatabaseError as error:
        _log_error(_name(parent, month), error)
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        return False


def _log_error(name: str, error: DatabaseError) -> None:
    """Log the class and the code of the error: its message quotes rows, and so phone numbers."""
    code = getattr(error.__cause__, "pgcode", None) or "without a code"
    logger.error("%s was not made: %s, %s", name, type(error).__name__, code)


def _create(parent: str, month: date) -> bool:
    """Create a month and move its misfiled rows there, all or nothing; False when it exists by now.

    The whole table is locked, as CREATE TABLE … PARTITION OF would lock it too. Under a weaker lock
    a statement that has already chosen its partitions would miss rows that move meanwhile. The lock
    is held for milliseconds, or for as long as rows of the default partition move.
    """
    with transaction.atomic():
        _run(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        _run(f"LOCK TABLE ONLY {parent} IN ACCESS EXCLUSIVE MODE")
        if _name(parent, month) in attached_names(parent):
            return False
        # PostgreSQL refuses to attach a month of which the default partition still has rows.
        moved = _create_and_fill(parent, month)
        _attach(parent, month)
    if moved:
        logger.warning("%s rows moved into %s", moved, _name(parent, month))
    return True


def _create_and_fill(parent: str, month: date) -> int:
    """Create the table of a month, move its misfiled rows there; return how many.

    A function of the database, as `_attach` is: it has the rights of the owner of the tables, which
    the workers' role does not have.
    """
    (moved,) = _column("SELECT calls_create_month(%s, %s)", [parent, month])
    return int(moved)


def _attach(parent: str, month: date) -> None:
    _column("SELECT calls_attach_month(%s, %s)", [parent, month])


def _name(parent: str, month: date) -> str:
    return f"{parent}_{month:%Y_%m}"


def _plus_months(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _column(statement: str, values: list[Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [value for (value,) in cursor.fetchall()]
