"""Schema watch: counts which fields the records of each source have, and finds the emptied ones.

The counts are made from stored calls, apart from intake, which they do not slow down. Each run
counts the last two hours again: a call may be finished, and a field added, after the call came. The
counts of an hour are replaced as a whole, so a run may be repeated, or die, at any line.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import connection, transaction

from calls.models import EmptyField, WatchedHour
from calls.states import HoldBack
from calls.ways.empty_fields import Hour, emptied_fields

#: How long counts are kept: what a field was before is told by them.
KEPT = timedelta(days=7)
#: So many of the newest calls does one run read. In a flood of them the counts are a sample.
MOST_CALLS = 10_000
#: Fields of a source in an hour that are counted, the most filled ones; longer names are not.
MOST_FIELDS = 80
LONGEST_NAME = 64
#: Texts that stand for nothing: a space for no tags, a dash for no text, empty lists and objects.
NOTHING = ("", "-", "[]", "{}", "null")
#: A number in PostgreSQL's space of advisory locks.
_LOCK = 7_301_002

# The last two hours that were counted begin again.
_AFTER = """
SELECT coalesce(min(first_call), 0) - 1 FROM calls_watchedhour
WHERE hour >= (SELECT max(hour) FROM calls_watchedhour) - interval '1 hour'"""

_COUNT = """
WITH recent AS MATERIALIZED (
    SELECT id, source_id, date_trunc('hour', received_at, 'UTC') AS hour, is_finished,
           CASE WHEN is_finished AND jsonb_typeof(raw) = 'object' THEN raw END AS raw
    FROM calls_call
    WHERE id > %(after)s AND source_id IS NOT NULL AND hold_back IS DISTINCT FROM %(trial)s
      AND received_at > %(since)s
    ORDER BY id DESC LIMIT %(most_calls)s
), fields AS (
    SELECT source_id, hour, name, count(*) AS filled,
           row_number() OVER (PARTITION BY source_id, hour ORDER BY count(*) DESC, name) AS place
    FROM recent, jsonb_each_text(raw) AS one(name, value)
    WHERE length(name) <= %(longest_name)s
      AND btrim(coalesce(value, '')) <> ALL (%(nothing)s::text[])
    GROUP BY source_id, hour, name
), filled AS (
    SELECT source_id, hour, jsonb_object_agg(name, filled) AS filled FROM fields
    WHERE place <= %(most_fields)s GROUP BY source_id, hour
), hours AS (
    SELECT source_id, hour, min(id) AS first_call, max(id) AS last_call,
           count(*) FILTER (WHERE is_finished) AS calls
    FROM recent GROUP BY source_id, hour
)
INSERT INTO calls_watchedhour AS w (source_id, hour, first_call, last_call, calls, filled)
SELECT source_id, hour, first_call, last_call, calls, coalesce(filled, '{}')
FROM hours LEFT JOIN filled USING (source_id, hour)
WHERE EXISTS (SELECT 1 FROM cabinets_callsource s WHERE s.id = source_id)
ORDER BY source_id, hour
ON CONFLICT (source_id, hour) DO UPDATE SET
    first_call = least(w.first_call, excluded.first_call), last_call = excluded.last_call,
    calls = excluded.calls, filled = excluded.filled
-- a sample of an hour does not replace the whole of it
WHERE excluded.calls >= w.calls
RETURNING source_id"""


def watch_fields(*, now: datetime) -> int:
    """Count the fields of the last calls, and write which ones have become empty.

    Return the number of sources whose counts were made. Two runs at once: one does nothing.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
            if not cursor.fetchone()[0]:
                return 0
        sources = _count(now)
        _write_emptied(sources, now)
        WatchedHour.objects.filter(hour__lt=now - KEPT).delete()
        EmptyField.objects.filter(since__lt=now - KEPT).delete()
    return len(sources)


def _count(now: datetime) -> set[int]:
    """Count the hours that have new calls; return their sources."""
    with connection.cursor() as cursor:
        cursor.execute(_AFTER)
        values: dict[str, Any] = {
            "after": cursor.fetchone()[0],
            "since": now - KEPT,
            "trial": HoldBack.TRIAL,
            "most_calls": MOST_CALLS,
            "most_fields": MOST_FIELDS,
            "longest_name": LONGEST_NAME,
            "nothing": list(NOTHING),
        }
        cursor.execute(_COUNT, values)
        return {source for (source,) in cursor.fetchall()}


def _write_emptied(sources: Collection[int], now: datetime) -> None:
    """Replace what is written of these sources by what their counts tell now."""
    rows = WatchedHour.objects.filter(source__in=sources, hour__gte=now - KEPT)
    columns = rows.order_by("source_id", "hour").values_list("source_id", "hour", "calls", "filled")
    found = [
        EmptyField(source_id=source, counted_at=now, **vars(one))
        for source, hours in groupby(columns.iterator(), key=lambda row: row[0])
        for one in emptied_fields([Hour(*row[1:]) for row in hours])
    ]
    EmptyField.objects.filter(source__in=sources).delete()
    EmptyField.objects.bulk_create(found)
