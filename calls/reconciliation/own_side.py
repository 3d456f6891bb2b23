"""What the ledger says of a counter's calls by day, as far as it is comparable with a report.

A day is that of the call's start (`partition_at`) in a time zone. Metrika tells per file how many
rows it accepted and linked, not which; of a file whose calls began on several days each day gets
the least and the most that can be its own, so no number is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

from calls.states import (
    PROCESSED_UPLOADS,
    Attention,
    Channel,
    DeliveryState,
    IdKind,
    UploadState,
    sql_list,
)
from counters.models import Counter

#: Metrika shows a file in its reports within a day of taking it.
REPORT_LAG = timedelta(hours=24)


@dataclass(frozen=True)
class OwnDay:
    """Rows of the ledger of one counter and channel whose calls began on this day."""

    day: date
    #: Every row: the calls that concern the counter.
    received: int = 0
    #: Rows that the rules let go: waiting and not too late, in a file that was not cancelled,
    #: refused by Metrika. In the funnel: those that are put off and wait, and all that reached a
    #: file.
    to_send: int = 0
    #: Rows in files that Metrika has.
    sent: int = 0
    #: Of those, sent too late to be in the report for certain, or after it.
    recent: int = 0
    #: Rows that Metrika accepted: at least and at most.
    accepted_low: int = 0
    accepted_high: int = 0
    #: Rows linked to visits: at least and at most.
    linked_low: int = 0
    linked_high: int = 0
    #: The least of them that must be in the report by now.
    due_low: int = 0
    #: Sent rows that are linked to no visit because they are static.
    static: int = 0
    #: Rows that Metrika refused.
    refused: int = 0
    #: Rows in files that Metrika has twice.
    doubled: int = 0
    #: Extra rows by people's orders to send a call again.
    repeats: int = 0
    #: Sent rows that name another goal than the one chosen now.
    other_goal: int = 0
    #: Rows that Metrika counts as one with another: same goal, visitor and second.
    merged: int = 0
    #: Sent rows of which Metrika has not told yet how many it accepts.
    pending: int = 0

    def __add__(self, other: OwnDay) -> OwnDay:
        """Sum of two days; the day is that of the first."""
        names = [one.name for one in fields(self) if one.name != "day"]
        return OwnDay(self.day, **{n: getattr(self, n) + getattr(other, n) for n in names})


_PROCESSED = f"u.state IN {sql_list(PROCESSED_UPLOADS)}"
_SENT = f"r.state = {DeliveryState.BATCHED.value} AND u.uploading_id IS NOT NULL"
#: `Upload.linked_rows`; the rows of a file of which Metrika told nothing may all be linked.
_TOLD = f"""CASE
    WHEN NOT ({_PROCESSED}) OR u.is_static THEN NULL
    WHEN u.linked_quantity > 0 AND u.attention = '{Attention.QUANTITY.value}' THEN NULL
    WHEN u.linked_quantity > 0 THEN least(u.linked_quantity, u.rows)
    WHEN u.linked_quantity = 0 AND u.user_not_found_quantity > 0 THEN 0
    WHEN u.state = '{UploadState.LINKAGE_FAILURE.value}' THEN 0 END"""
_ACCEPTED = "least(coalesce(u.line_quantity, u.rows), u.rows)"
#: Rows of a file and day of which `whole` of the file's have a property: the least, the most.
_LEAST = "greatest(0, {whole} - (u.rows - r.count))"
_MOST = "least({whole}, r.count)"
_LINKABLE = f"{_SENT} AND NOT r.is_static"
_IS_RECENT = "(u.accepted_at IS NULL OR u.accepted_at > %(report)s)"

#: The day of a row, or the first day for a sum over the period as a whole: then only files with
#: rows outside the period have a least and a most.
_DAY = """CASE WHEN %(is_whole)s THEN %(first)s::date
    ELSE ({row}.partition_at AT TIME ZONE %(zone)s)::date END"""

_DAYS = f"""
WITH r AS (
    SELECT {_DAY.format(row="d")} AS day, upload_id, state, is_static,
           state = {DeliveryState.WAITING.value} AND expires_at <= %(now)s AS is_late,
           count(*) AS count
    FROM calls_delivery d
    WHERE counter_id = %(counter)s AND channel = %(channel)s
      AND partition_at >= %(since)s AND partition_at < %(until)s
    GROUP BY 1, 2, 3, 4, 5
)
SELECT r.day,
    sum(r.count) AS received,
    sum(r.count) FILTER (WHERE r.state = {DeliveryState.WAITING.value} AND NOT r.is_late
        OR r.state = {DeliveryState.ROW_REFUSED.value} OR r.state = {DeliveryState.BATCHED.value}
        AND u.state <> '{UploadState.CANCELLED.value}') AS to_send,
    sum(r.count) FILTER (WHERE {_SENT}) AS sent,
    sum(r.count) FILTER (WHERE {_SENT} AND {_IS_RECENT}) AS recent,
    sum(r.count) FILTER (WHERE {_SENT} AND NOT ({_PROCESSED})) AS pending,
    sum({_LEAST.format(whole=_ACCEPTED)}) FILTER (WHERE {_SENT} AND {_PROCESSED}) AS accepted_low,
    sum({_MOST.format(whole=_ACCEPTED)}) FILTER (WHERE {_SENT} AND {_PROCESSED}) AS accepted_high,
    sum({_LEAST.format(whole=f"coalesce({_TOLD}, 0)")}) FILTER (WHERE {_LINKABLE}) AS linked_low,
    sum({_MOST.format(whole=f"coalesce({_TOLD}, u.rows)")}) FILTER (WHERE {_LINKABLE})
        AS linked_high,
    sum({_LEAST.format(whole=f"coalesce({_TOLD}, 0)")})
        FILTER (WHERE {_LINKABLE} AND NOT {_IS_RECENT}) AS due_low,
    sum(r.count) FILTER (WHERE {_SENT} AND r.is_static) AS static,
    sum(r.count) FILTER (WHERE r.state = {DeliveryState.ROW_REFUSED.value}) AS refused,
    sum(r.count) FILTER (WHERE {_SENT} AND u.attention = '{Attention.DUPLICATE.value}') AS doubled,
    sum(r.count) FILTER (WHERE {_SENT} AND u.target <> %(target)s) AS other_goal
FROM r LEFT JOIN calls_upload u ON u.id = r.upload_id
GROUP BY r.day
"""
_NAMES = (
    *("day", "received", "to_send", "sent", "recent", "pending", "accepted_low", "accepted_high"),
    *("linked_low", "linked_high", "due_low", "static", "refused", "doubled", "other_goal"),
)
_REPEATS = f"""
SELECT {_DAY.format(row="c")}, count(*)
FROM calls_resend s JOIN calls_upload u ON u.id = s.upload_id
JOIN calls_call c ON c.id = s.call_id
WHERE s.counter_id = %(counter)s AND s.channel = %(channel)s AND u.uploading_id IS NOT NULL
  AND c.partition_at >= %(since)s AND c.partition_at < %(until)s
GROUP BY 1
"""
_IDENTIFIER = f"""CASE d.id_kind WHEN {IdKind.CLIENT_ID.value} THEN c.client_id
    WHEN {IdKind.YCLID.value} THEN c.yclid ELSE c.user_id END"""
#: A goal counts once a second a visitor; the calls of two goals are told apart by their kind.
_MERGED = f"""
SELECT day, sum(count - 1) FROM (
    SELECT min({_DAY.format(row="d")}) AS day, count(*) AS count
    FROM calls_delivery d
    JOIN calls_upload u ON u.id = d.upload_id AND u.uploading_id IS NOT NULL
    JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
    WHERE d.counter_id = %(counter)s AND d.channel = %(channel)s AND NOT d.is_static
      AND d.partition_at >= %(since)s AND d.partition_at < %(until)s
      AND d.state = {DeliveryState.BATCHED.value}
    GROUP BY d.id_kind, {_IDENTIFIER}, date_trunc('second', c.started_at), u.target,
             c.kind = 'callback'
    HAVING count(*) > 1
) AS seconds GROUP BY day
"""


@dataclass(frozen=True)
class Period:
    """Whole days of a time zone; ``report_at``: when the report was read, None without one."""

    first: date
    last: date
    zone: str
    report_at: datetime | None


def own_days(counter: Counter, channel: Channel, period: Period) -> dict[date, OwnDay]:
    """Return the days that have rows. Two statements, three of the goal channel."""
    return _found(counter, channel, period, is_whole=False)


def own_total(counter: Counter, channel: Channel, period: Period) -> OwnDay:
    """Return the sum over the period, closer than that of its days; in as many statements."""
    found = _found(counter, channel, period, is_whole=True)
    return found.get(period.first, OwnDay(period.first))


def _found(
    counter: Counter, channel: Channel, period: Period, *, is_whole: bool
) -> dict[date, OwnDay]:
    since, read_at = midnight(period.first, period.zone), period.report_at
    values = {
        "counter": counter.pk,
        "channel": channel.value,
        "zone": period.zone,
        "first": period.first,
        "is_whole": is_whole,
        "target": counter.targets if channel == Channel.GOAL else "",
        "now": timezone.now(),
        "since": since,
        "until": midnight(period.last + timedelta(days=1), period.zone),
        # Without a report nothing is due in it.
        "report": read_at - REPORT_LAG if read_at else since,
    }
    days = {row["day"]: row for row in _rows(_DAYS, _NAMES, values)}
    for statement, name in ((_REPEATS, "repeats"), *_of_channel(channel)):
        for found in _rows(statement, ("day", name), values):
            days.setdefault(found["day"], {"day": found["day"]})[name] = found[name]
    return {day: OwnDay(**row) for day, row in days.items()}


def _of_channel(channel: Channel) -> tuple[tuple[str, str], ...]:
    return ((_MERGED, "merged"),) if channel == Channel.GOAL else ()


def _rows(sql: str, names: tuple[str, ...], values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        for row in cursor.fetchall():
            counts = (int(count or 0) for count in row[1:])
            yield dict(zip(names, (row[0], *counts), strict=True))


def midnight(day: date, zone: str) -> datetime:
    """Return when the day begins in the time zone."""
    return datetime.combine(day, datetime.min.time(), ZoneInfo(zone))
