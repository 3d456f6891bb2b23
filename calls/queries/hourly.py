"""Counts by hour and by ten minutes, for alerts: calls of counters and sources, results of files.

Hours are those of the calls' start (of files: when their result came), UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import DateTimeField, Func
from django.db.models.functions import TruncHour

from calls.models import Upload
from calls.queries.linked import SUMS
from calls.states import (
    BEFORE_CONNECTION,
    CALL_NOT_FINISHED,
    CALLS_OFF,
    COUNTER_OFF,
    GOAL_GONE,
    GOAL_NOT_SET,
    IDENTIFIER_UNREADABLE,
    MAYBE_SENT,
    NOT_CONFIGURED,
    OF_HELD_BACK,
    Channel,
    DeliveryState,
)
from calls.summary.live import LIVE_CALLS

#: Skipped by the counter's switches, or waiting: not by what its calls are.
NOT_BY_CALLS = (
    *(BEFORE_CONNECTION, CALL_NOT_FINISHED, CALLS_OFF, COUNTER_OFF, GOAL_GONE, GOAL_NOT_SET),
    *(IDENTIFIER_UNREADABLE, MAYBE_SENT, NOT_CONFIGURED, *OF_HELD_BACK),
)

_REASONS: dict[str, Any] = {
    "not_by_calls": list(NOT_BY_CALLS),
    "unreadable": IDENTIFIER_UNREADABLE,
}


class CounterHour(NamedTuple):
    """What came for a counter in an hour, in the channel that it is counted by."""

    counter_id: int
    hour: datetime
    received: int
    skipped: int
    unreadable: int
    #: Rows in files, and those of them that Metrika refused.
    in_files: int
    refused: int


class SourceHour(NamedTuple):
    """How many calls of a source began in an hour."""

    source_id: int
    hour: datetime
    received: int


class LinkHour(NamedTuple):
    """Rows whose result Metrika told in an hour, and the linked ones of them."""

    counter_id: int
    hour: datetime
    told: int
    linked: int


# Stored hours (`calls.summary`), and those that wait to be counted again, from the rows themselves.
# LATERAL with OFFSET: each cabinet is read by the index of its hours.
_BEGIN = """
WITH cabinets AS MATERIALIZED (
    SELECT id FROM cabinets_cabinet WHERE %(cabinet)s::bigint IS NULL OR id = %(cabinet)s
), touched AS MATERIALIZED (
    SELECT DISTINCT cabinet_id, hour FROM calls_summarymark
    WHERE cabinet_id IN (SELECT id FROM cabinets) AND hour >= %(first)s AND hour < %(last)s
)"""
_STORED = """
    SELECT s.* FROM cabinets b CROSS JOIN LATERAL (
        SELECT * FROM {table} WHERE cabinet_id = b.id AND hour >= %(first)s AND hour < %(last)s
        OFFSET 0) AS s
    WHERE (s.cabinet_id, s.hour) NOT IN (SELECT cabinet_id, hour FROM touched)"""
_PART, _ORIGIN = "interval '10 minutes'", "timestamptz '2000-01-01 00:00+00'"
_IN_HOUR = "{0} >= t.hour AND {0} < t.hour + interval '1 hour'"

_COUNTS = f"""
SELECT d.counter_id, d.hour, sum(deliveries),
       coalesce(sum(deliveries) FILTER (
           WHERE d.state = {DeliveryState.SKIPPED}
             AND NOT (coalesce(d.reason, '') = ANY (%(not_by_calls)s))), 0),
       coalesce(sum(deliveries) FILTER (WHERE d.reason = %(unreadable)s), 0),
       coalesce(sum(deliveries) FILTER (
           WHERE d.state IN ({DeliveryState.BATCHED}, {DeliveryState.ROW_REFUSED})), 0),
       coalesce(sum(deliveries) FILTER (WHERE d.state = {DeliveryState.ROW_REFUSED}), 0)
FROM rows d JOIN counters_counter k ON k.id = d.counter_id
WHERE d.channel = CASE WHEN k.send_calls THEN {Channel.CALLS} ELSE {Channel.GOAL} END
GROUP BY 1, 2"""

_COUNTERS = f"""{_BEGIN}, rows AS (
    SELECT counter_id, channel, hour, state, reason, deliveries
    FROM ({_STORED.format(table="calls_deliverysummary")}) AS stored
    UNION ALL
    SELECT d.counter_id, d.channel, t.hour, d.state, d.reason, 1
    FROM touched t JOIN counters_counter k ON k.cabinet_id = t.cabinet_id
    CROSS JOIN LATERAL (
        SELECT * FROM calls_delivery WHERE counter_id = k.id
          AND {_IN_HOUR.format("partition_at")} OFFSET 0) AS d
)
{_COUNTS}"""

_SOURCES = f"""{_BEGIN}, rows AS (
    SELECT source_id, hour, calls FROM ({_STORED.format(table="calls_callsummary")}) AS stored
    UNION ALL
    SELECT source_id, hour, calls FROM ({LIVE_CALLS}) AS live
)
SELECT source_id, hour, sum(calls) FROM rows WHERE source_id IS NOT NULL GROUP BY 1, 2"""


# Rows of the last hours by ten minutes: a range of an index for each counter, and for each cabinet.
_COUNTER_PARTS = f"""
WITH rows AS (
    SELECT d.counter_id, d.channel, date_bin({_PART}, d.partition_at, {_ORIGIN}) AS hour, d.state,
           d.reason, 1 AS deliveries
    FROM counters_counter k CROSS JOIN LATERAL (
        SELECT * FROM calls_delivery WHERE counter_id = k.id
          AND partition_at >= %(first)s AND partition_at < %(last)s OFFSET 0) AS d
    WHERE k.enabled AND k.removed_at IS NULL
){_COUNTS}"""

_SOURCE_PARTS = f"""
SELECT c.source_id, date_bin({_PART}, c.started_at, {_ORIGIN}), count(*)
FROM cabinets_cabinet b CROSS JOIN LATERAL (
    SELECT source_id, started_at FROM calls_call WHERE cabinet_id = b.id
      AND started_at >= %(first)s AND started_at < %(last)s
      AND partition_at >= %(first)s AND partition_at < %(last)s OFFSET 0) AS c
WHERE c.source_id IS NOT NULL GROUP BY 1, 2"""


def counter_hours(first: datetime, last: datetime, cabinet: int | None) -> Iterator[CounterHour]:
    """Yield the hours of counters that have calls, of one cabinet or of all."""
    values = {"first": first, "last": last, "cabinet": cabinet}
    for row in _rows(_COUNTERS, _REASONS | values):
        yield CounterHour(*row)


def counter_parts(first: datetime, last: datetime) -> Iterator[CounterHour]:
    """Yield ten minutes, instead of hours, of the counters in use: of few hours."""
    for row in _rows(_COUNTER_PARTS, _REASONS | {"first": first, "last": last}):
        yield CounterHour(*row)


def source_hours(first: datetime, last: datetime, cabinet: int | None) -> Iterator[SourceHour]:
    """Yield the hours of sources that have calls, of one cabinet or of all."""
    for row in _rows(_SOURCES, {"first": first, "last": last, "cabinet": cabinet}):
        yield SourceHour(*row)


def source_parts(first: datetime, last: datetime) -> Iterator[SourceHour]:
    """Yield ten minutes, instead of hours, of the sources: of few hours."""
    for row in _rows(_SOURCE_PARTS, {"first": first, "last": last}):
        yield SourceHour(*row)


def link_hours(first: datetime, last: datetime, cabinet: int | None) -> Iterator[LinkHour]:
    """Yield the hours in which Metrika told what became of files, of one cabinet or of all."""
    return _links(first, last, cabinet, TruncHour("settled_at", tzinfo=UTC))


def link_parts(first: datetime, last: datetime) -> Iterator[LinkHour]:
    """Yield ten minutes, instead of hours, in which Metrika told: of few hours."""
    return _links(first, last, None, _TenMinutes("settled_at"))


class _TenMinutes(Func):
    template = f"date_bin({_PART}, %(expressions)s, {_ORIGIN})"
    output_field = DateTimeField()


def _links(
    first: datetime, last: datetime, cabinet: int | None, moment: Func
) -> Iterator[LinkHour]:
    uploads = Upload.objects.filter(settled_at__gte=first, settled_at__lt=last)
    if cabinet is not None:
        uploads = uploads.filter(cabinet=cabinet)
    hours = uploads.order_by().values_list("counter_id", moment)
    for row in hours.annotate(told=SUMS["told"], linked=SUMS["linked"]).filter(told__gt=0):
        yield LinkHour(*row)


def _rows(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
