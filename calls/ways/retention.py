"""Rolls the counts of requests up into hours, and deletes records and requests past their time."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

#: Counts of hours are kept as long as pages show them.
COUNTS_KEPT = timedelta(days=400)
#: Counts of requests that are rolled up, and rows that are deleted, in one transaction.
BATCH = 10_000
#: Rejected records kept for a source; of more, the oldest go.
REJECTED_MOST = 10_000

_ROLL_UP = """
WITH taken AS (
    DELETE FROM calls_intake WHERE id IN (
        SELECT id FROM calls_intake WHERE NOT is_hour AND at < %(before)s
        ORDER BY at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
    )
    RETURNING source_id, way, at, received, created, updated, duplicate, rejected
), added AS (
    INSERT INTO calls_intake
        (source_id, way, at, received, created, updated, duplicate, rejected, is_hour)
    SELECT source_id, way, date_trunc('hour', at, 'UTC'), sum(received), sum(created),
        sum(updated), sum(duplicate), sum(rejected), true
    FROM taken GROUP BY 1, 2, 3
)
SELECT count(*) FROM taken
"""
# A record that comes again at this moment is locked, or has another time: it is kept.
_TOO_OLD = """
DELETE FROM {table} WHERE id IN (
    SELECT id FROM {table} WHERE {column} < %(before)s
    ORDER BY {column} LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
"""
_TOO_MANY = """
DELETE FROM calls_rejectedrecord WHERE id IN (
    SELECT old.id FROM calls_rejectedrecord old JOIN (
        SELECT id, last_at,
            row_number() OVER (PARTITION BY source_id ORDER BY last_at DESC, id) AS place
        FROM calls_rejectedrecord
    ) AS numbered USING (id, last_at)
    WHERE place > %(most)s LIMIT %(batch)s
    FOR UPDATE OF old SKIP LOCKED
)
"""


def roll_up(*, now: datetime) -> int:
    """Replace the counts of requests before this hour by one row an hour and way; return how many.

    An hour may get several rows: of requests that committed late, or of an earlier batch. Sums are
    the same at any time, because rows go and come in one transaction.
    """
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    rolled = 0
    while count := _first(_ROLL_UP, before=this_hour, batch=BATCH):
        rolled += count
    return rolled


def delete_old(*, now: datetime) -> int:
    """Delete what is past its time, in batches; return how many rows."""
    periods = (
        ("calls_rejectedrecord", "last_at", timedelta(days=settings.REJECTED_DAYS)),
        ("calls_receivedrequest", "at", timedelta(days=settings.RECEIVED_DAYS)),
        ("calls_intake", "at", COUNTS_KEPT),
    )
    deleted = sum(
        _delete(_TOO_OLD.format(table=table, column=column), before=now - period)
        for table, column, period in periods
    )
    return deleted + _delete(_TOO_MANY, most=REJECTED_MOST)


def _delete(statement: str, **parameters: datetime | int) -> int:
    deleted = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, parameters | {"batch": BATCH})
            count: int = cursor.rowcount
        deleted += count
        if count < BATCH:
            return deleted


def _first(statement: str, **parameters: datetime | int) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.fetchone()[0])
