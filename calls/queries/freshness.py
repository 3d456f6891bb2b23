"""Counts how long calls take until Metrika has accepted them: histograms by hour, percentiles.

A call of a counter is counted once: when the last of its files was accepted. An hour counts the
calls that had a file accepted in it, and notes in which earlier hour they were counted until then
(`MovedDelay`), so only the newest hours are counted anew. The percentiles come from both: each is
the upper edge of its bucket, so no call that it covers took longer.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from calls.models import DeliveryDelay, Freshness
from calls.states import TAKEN_UPLOADS, Attention, sql_list

#: How often beat counts.
COUNTED_EVERY = timedelta(minutes=5)
#: How the hours are counted. Hours that were counted otherwise are counted anew.
VERSION = 1
#: Each bucket is so much longer than the one before.
STEP = 1.05
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
#: A call that came later than this after its start was imported or pulled late: no delay of ours.
CAME_LATE = timedelta(days=1)
#: A send may take so long, from its attempt to the acceptance.
LONGEST_SEND = timedelta(minutes=10)
#: Metrika's horizon and a day: older calls are in no new file.
OLDEST = timedelta(days=22)

#: When a call ended, as far as its record says.
ENDED = "(c.started_at + (coalesce(c.hold_seconds, 0) + c.duration_seconds) * interval '1 second')"

_IS_TAKEN = f"""(u.state IN {sql_list(TAKEN_UPLOADS)}
       OR u.attention IN ('{Attention.DUPLICATE.value}', '{Attention.NO_OUTCOME.value}'))"""

# Files accepted in the time have an attempt of that time (attempt_by_age); calls by their file.
_ACCEPTED_ROWS = f"""
SELECT d.call_id, d.partition_at, u.counter_id, d.channel, u.accepted_at, {ENDED} AS ended,
       date_trunc('hour', u.accepted_at, 'UTC') AS hour
FROM (SELECT DISTINCT upload_id FROM calls_uploadattempt
      WHERE started_at >= %(first)s - %(send)s AND started_at < %(last)s) AS tried
JOIN calls_upload u ON u.id = tried.upload_id
JOIN calls_delivery d ON d.upload_id = u.id AND d.partition_at >= %(first)s - %(oldest)s
JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
WHERE u.accepted_at >= %(first)s AND u.accepted_at < %(last)s
  AND {_IS_TAKEN}
  AND c.received_at - c.started_at < %(came_late)s"""

# A bucket begins after the end of the one before: its upper edge is the longest of its delays.
_BUCKET = f"ceil(ln(greatest(1, extract(epoch FROM accepted_at - ended))) / ln({STEP}))"

_COUNT = f"""
INSERT INTO calls_deliverydelay (counter_id, hour, bucket, calls)
SELECT counter_id, hour, {_BUCKET}, count(*)
FROM (SELECT DISTINCT ON (counter_id, call_id, hour) counter_id, hour, accepted_at, ended
      FROM ({_ACCEPTED_ROWS}) AS accepted
      ORDER BY counter_id, call_id, hour, accepted_at DESC) AS calls
GROUP BY 1, 2, 3"""

# The other channel of these calls, accepted in an hour before (calls_delivery_pkey).
_MOVE = f"""
INSERT INTO calls_moveddelay (counter_id, hour, bucket, moved_in, calls)
SELECT counter_id, date_trunc('hour', accepted_at, 'UTC'), {_BUCKET}, moved_in, count(*)
FROM (SELECT DISTINCT ON (a.counter_id, a.call_id, a.hour)
             a.counter_id, a.hour AS moved_in, u.accepted_at, a.ended
      FROM ({_ACCEPTED_ROWS}) AS a
      JOIN calls_delivery d ON d.call_id = a.call_id AND d.partition_at = a.partition_at
           AND d.counter_id = a.counter_id AND d.channel <> a.channel
      JOIN calls_upload u ON u.id = d.upload_id
      WHERE u.accepted_at < a.hour AND u.accepted_at >= %(week)s AND {_IS_TAKEN}
      ORDER BY a.counter_id, a.call_id, a.hour, u.accepted_at DESC) AS calls
GROUP BY 1, 2, 3, 4"""

_DROP_COUNTED = "DELETE FROM calls_deliverydelay WHERE hour >= %(first)s OR hour < %(old)s"
_DROP_MOVED = "DELETE FROM calls_moveddelay WHERE moved_in >= %(first)s OR hour < %(old)s"
_DROP_PERCENTILES = "DELETE FROM calls_freshness"

_PERCENTILES = f"""
WITH counts AS (
    SELECT counter_id, hour, bucket, calls FROM calls_deliverydelay
    UNION ALL
    SELECT counter_id, hour, bucket, -calls FROM calls_moveddelay
), delays AS (
    SELECT counter_id, bucket, sum(calls) AS week,
           coalesce(sum(calls) FILTER (WHERE hour >= %(day)s), 0) AS day
    FROM counts WHERE hour >= %(week)s
    GROUP BY GROUPING SETS ((counter_id, bucket), (bucket))
), counted AS (
    SELECT counter_id, bucket,
           sum(day) OVER below AS day_to, sum(day) OVER whole AS day_all,
           sum(week) OVER below AS week_to, sum(week) OVER whole AS week_all
    FROM delays
    WINDOW whole AS (PARTITION BY counter_id), below AS (PARTITION BY counter_id ORDER BY bucket)
)
INSERT INTO calls_freshness
    (counter_id, day_calls, day_p50, day_p95, week_calls, week_p50, week_p95, counted_at,
     version)
SELECT counter_id, max(day_all),
       ceil({STEP} ^ min(bucket) FILTER (WHERE day_all > 0 AND day_to >= 0.5 * day_all)),
       ceil({STEP} ^ min(bucket) FILTER (WHERE day_all > 0 AND day_to >= 0.95 * day_all)),
       max(week_all),
       ceil({STEP} ^ min(bucket) FILTER (WHERE week_to >= 0.5 * week_all)),
       ceil({STEP} ^ min(bucket) FILTER (WHERE week_to >= 0.95 * week_all)), %(now)s,
       %(version)s
FROM counted GROUP BY counter_id"""

# The row of all counters says when it was counted, so there is one without calls as well.
_COUNTED_NOTHING = """
INSERT INTO calls_freshness (day_calls, week_calls, counted_at, version)
SELECT 0, 0, %(now)s, %(version)s
WHERE NOT EXISTS (SELECT FROM calls_freshness WHERE counter_id IS NULL)"""

#: A count, in this order.
_STATEMENTS = (
    *(_DROP_COUNTED, _COUNT, _DROP_MOVED, _MOVE),
    *(_DROP_PERCENTILES, _PERCENTILES, _COUNTED_NOTHING),
)

# By upload_by_counter.
_ACCEPTED = f"""
SELECT EXISTS (SELECT FROM calls_upload u
    WHERE u.counter_id = ANY (%(counters)s) AND u.created_at >= %(oldest)s
      AND u.accepted_at >= %(since)s AND {_IS_TAKEN})"""


def count(*, now: datetime) -> int:
    """Count the hours that have changed, and the percentiles of all; return how many hours."""
    values: dict[str, Any] = {"last": now, "now": now, "send": LONGEST_SEND, "version": VERSION}
    values |= {"oldest": OLDEST, "came_late": CAME_LATE}
    values |= {"day": _hour(now - DAY), "week": _hour(now - WEEK), "old": _hour(now - WEEK - DAY)}
    with transaction.atomic(), connection.cursor() as cursor:
        # One run at a time; readers go on reading.
        cursor.execute("LOCK TABLE calls_freshness IN SHARE ROW EXCLUSIVE MODE")
        first = values["first"] = _first(now)
        for statement in _STATEMENTS:
            cursor.execute(statement, values)
    return round((now - first) / HOUR)


def _first(now: datetime) -> datetime:
    """Return the first hour that is not counted for good: the newest one was going on."""
    begin = _hour(now - WEEK)
    if not Freshness.objects.filter(counter=None, version=VERSION).exists():
        return begin
    newest: datetime | None = DeliveryDelay.objects.aggregate(last=Max("hour"))["last"]
    return begin if newest is None else min(max(newest, begin), _hour(now - HOUR))


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def counted_at() -> datetime | None:
    """Return when the delays were counted; None before the first time."""
    return Freshness.objects.filter(counter=None).values_list("counted_at", flat=True).first()


def was_accepted(counters: Collection[int], *, since: datetime) -> bool:
    """Whether Metrika has accepted a file of one of the counters since then."""
    values: dict[str, Any] = {"counters": list(counters), "since": since}
    values["oldest"] = since - OLDEST
    with connection.cursor() as cursor:
        cursor.execute(_ACCEPTED, values)
        return bool(cursor.fetchone()[0])


def slowest(most: int) -> list[Freshness]:
    """Return the stored delays of all calls, and of the slowest counters of the last day."""
    rows = Freshness.objects.filter(day_calls__gt=0).select_related("counter")
    overall = list(rows.filter(counter=None))
    return [*overall, *rows.exclude(counter=None).order_by("-day_p95", "counter_id")[:most]]
