"""Counts marked hours anew and stores the counts. Safe to run at any time, also twice at once.

The marks are deleted before the hours are counted, each by a statement of its own: what the
deletion saw was committed before it, so the count that follows sees it as well. What is committed
meanwhile keeps its mark and is counted again.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from calls.runtime import shutdown
from calls.summary.days import count_days, follow_zone
from calls.summary.live import LIVE_CALLS, live_deliveries
from calls.summary.names import CALL_SUMS, DELIVERY_SUMS, LOCK

#: Hours of one transaction: some thousand rows.
HOURS = 50

# The newest hours first: people look at them.
_DUE = """
SELECT cabinet_id, hour FROM (
    (SELECT DISTINCT cabinet_id, hour FROM calls_summarymark ORDER BY hour DESC LIMIT %(most)s)
    UNION
    (SELECT cabinet_id, hour FROM calls_summaryhour WHERE valid_until <= %(now)s
     ORDER BY valid_until LIMIT %(most)s)
) AS due ORDER BY hour DESC LIMIT %(most)s"""

# Without it, the days of all cabinets are forgotten by a trigger (migration 0050).
_COUNTS_DAYS = "SET LOCAL calls.counts_days = 'yes'"
_TOUCHED = (
    "WITH touched (cabinet_id, hour) AS (SELECT * FROM unnest(%s::bigint[], %s::timestamptz[]))"
)
_CALL_KEY = "cabinet_id, hour, source_id, kind"
_DELIVERY_KEY = "cabinet_id, hour, counter_id, channel, kind, state, shown, reason"


def refresh(*, now: datetime, seconds: float = 0, hours: int = HOURS) -> int:
    """Count due hours, ``hours`` in a transaction, until none is left or the time is up.

    Afterwards all days of cabinets that have none in their time zone, a cabinet in a transaction: a
    zone that PostgreSQL does not know stops these, and no hours.
    """
    stop_at = time.monotonic() + seconds
    total = 0
    while not shutdown.is_requested():
        counted = _step(now, hours)
        total += counted
        if counted < hours or time.monotonic() >= stop_at:
            break
    while not shutdown.is_requested() and follow_zone() and time.monotonic() < stop_at:
        pass
    return total


@transaction.atomic
def _step(now: datetime, hours: int) -> int:
    """Count up to ``hours`` hours; 0 when another process does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_DUE, {"most": hours, "now": now})
        due = cursor.fetchall()
        if due:
            cursor.execute(_COUNTS_DAYS)
            touched = [[cabinet for cabinet, _hour in due], [hour for _cabinet, hour in due]]
            _forget(cursor, touched)
            _count(cursor, touched, now)
            count_days(cursor, touched)
        return len(due)


def _forget(cursor: Any, touched: list[list[Any]]) -> None:
    for table in ("summarymark", "summaryhour", "callsummary", "deliverysummary"):
        cursor.execute(
            f"DELETE FROM calls_{table} WHERE (cabinet_id, hour) IN"
            " (SELECT * FROM unnest(%s::bigint[], %s::timestamptz[]))",
            touched,
        )


def _count(cursor: Any, touched: list[list[Any]], now: datetime) -> None:
    cursor.execute(_insert("callsummary", _CALL_KEY, CALL_SUMS, LIVE_CALLS), touched)
    live, values = live_deliveries(now)
    rows = f", live AS MATERIALIZED ({live}), ending AS (" + (
        "INSERT INTO calls_summaryhour (cabinet_id, hour, valid_until)"
        " SELECT cabinet_id, hour, min(changes_at) FROM live WHERE changes_at IS NOT NULL"
        " GROUP BY cabinet_id, hour)"
    )
    cursor.execute(
        _insert("deliverysummary", _DELIVERY_KEY, DELIVERY_SUMS, "SELECT * FROM live", rows),
        [*touched, *values],
    )


def _insert(table: str, key: str, sums: tuple[str, ...], live: str, also: str = "") -> str:
    """Return the statement that stores the sums of the touched hours."""
    totals = ", ".join(f"sum({one})" for one in sums)
    return (
        f"{_TOUCHED}{also} INSERT INTO calls_{table} ({key}, {', '.join(sums)})"
        f" SELECT {key}, {totals} FROM ({live}) AS counted GROUP BY {key}"
    )
