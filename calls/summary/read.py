"""Reads the counts of a period: stored hours that are true, and marked ones counted live.

One statement, so one snapshot: the numbers are exact to the row at that moment, whatever is being
stored, sent or recounted meanwhile. Sums are by any of the columns of `CALL_KEYS` and
`DELIVERY_KEYS`, and by `day` and `hour_of_day` of a time zone.

An hour is an hour of UTC. In a zone whose days begin within one (India, +05:30), the hours at the
ends of days are counted live, so that days and periods are exact there, too; by hour of the day a
stored hour counts as a whole for the hour of the clock in which it begins.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from django.utils import timezone

from cabinets.models import Cabinet
from calls.summary.live import LIVE_CALLS, live_deliveries
from calls.summary.names import CALL_SUMS, DELIVERY_SUMS, IN_DAY
from calls.summary.statement import Statement

CALL_KEYS = ("day", "hour_of_day", "source_id", "kind")
DELIVERY_KEYS = (
    "day",
    "hour_of_day",
    "counter_id",
    "channel",
    "kind",
    "state",
    "shown",
    "reason",
)
_CALL_COLUMNS = ", ".join(("at", "source_id", "kind", *CALL_SUMS))
_DELIVERY_COLUMNS = ", ".join(
    ("at", "counter_id", "channel", "kind", "state", "shown", "reason", *DELIVERY_SUMS)
)
_TOUCHED = """
WITH touched AS MATERIALIZED (
    SELECT %s::bigint AS cabinet_id, hour FROM (
        SELECT hour FROM calls_summarymark
        WHERE cabinet_id = %s AND hour >= %s AND hour < %s
        UNION
        SELECT hour FROM calls_summaryhour
        WHERE cabinet_id = %s AND hour >= %s AND hour < %s AND valid_until <= %s
        UNION
        SELECT unnest(%s::timestamptz[])
    ) AS found
)"""
#: Days whose hours are read one by one: all of them, unless days of this zone are stored.
_OPEN_DAYS = """, open_days AS MATERIALIZED (
    SELECT day FROM (SELECT %s::date + n AS day FROM generate_series(0, %s) n) AS days
    WHERE NOT %s
       OR NOT EXISTS (SELECT FROM calls_summaryzone WHERE cabinet_id = %s AND zone = %s)
       OR day IN (SELECT (hour AT TIME ZONE %s)::date FROM touched)
)"""
# LATERAL with OFFSET: each day is read by an index.
_HOURS_OF_OPEN_DAYS = f"""
    SELECT s.*, s.hour AS at FROM open_days o CROSS JOIN LATERAL (
        SELECT * FROM calls_deliverysummary WHERE cabinet_id = %s
          AND {IN_DAY.format(day="o.day", zone="%s")}{{where}}
        OFFSET 0) AS s
    WHERE s.hour NOT IN (SELECT hour FROM touched)"""
_OTHER_DAYS = """
    SELECT *, day::timestamp AT TIME ZONE %s AS at FROM calls_deliveryday
    WHERE cabinet_id = %s AND day BETWEEN %s AND %s
      AND day NOT IN (SELECT day FROM open_days){where}"""


@dataclass(frozen=True)
class Period:
    """Days of a time zone, both included; a call belongs to the day of its first known start."""

    first: date
    last: date
    zone: tzinfo

    @property
    def start(self) -> datetime:
        """Return the first moment."""
        return datetime.combine(self.first, time(), self.zone)

    @property
    def end(self) -> datetime:
        """Return the first moment after it."""
        return datetime.combine(self.last + timedelta(days=1), time(), self.zone)

    @property
    def days(self) -> list[date]:
        """Return every day."""
        count = (self.last - self.first).days + 1
        return [self.first + timedelta(days=number) for number in range(count)]

    def before(self) -> Period:
        """Return the period of as many days that ends where this one begins."""
        count = (self.last - self.first).days + 1
        return Period(self.first - timedelta(days=count), self.first - timedelta(days=1), self.zone)

    def ended(self, today: date) -> Period | None:
        """Return its days before today, which has not ended; None when there are none."""
        last = min(self.last, today - timedelta(days=1))
        return Period(self.first, last, self.zone) if self.first <= last else None

    def split_hours(self) -> list[datetime]:
        """Return the hours of UTC in which a day begins; none in zones of whole hours."""
        starts = [datetime.combine(day, time(), self.zone) for day in self.days]
        begins = [one.astimezone(UTC) for one in (*starts, self.end)]
        return [one.replace(minute=0) for one in begins if one.minute]

    @property
    def first_hour(self) -> datetime:
        """Return the hour of UTC in which it begins."""
        return self.start.astimezone(UTC).replace(minute=0)


def calls(
    cabinet: Cabinet, period: Period, *, by: Sequence[str] = (), now: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the sums `CALL_SUMS` of the cabinet's calls, with or without a counter.

    A dict for each combination of ``by`` that has calls.
    """
    statement = _begin(cabinet, period, now or timezone.now())
    statement.add(f", live AS ({LIVE_CALLS}), counted AS (SELECT {_CALL_COLUMNS} FROM live")
    statement.add(
        f""" UNION ALL SELECT {_CALL_COLUMNS} FROM (SELECT *, hour AS at FROM calls_callsummary
        WHERE cabinet_id = %s AND hour >= %s AND hour < %s
          AND hour NOT IN (SELECT hour FROM touched)) AS stored)""",
        cabinet.pk,
        period.first_hour,
        period.end,
    )
    return _sums(statement, by, CALL_KEYS, CALL_SUMS, period)


def deliveries(
    cabinet: Cabinet,
    period: Period,
    *,
    by: Sequence[str] = (),
    counters: Collection[int] | None = None,
    channel: int | None = None,
    sums: Sequence[str] = DELIVERY_SUMS,
    now: datetime | None = None,
) -> list[dict[str, Any]]:
    """Return the sums, some of `DELIVERY_SUMS`, of the cabinet's rows of the ledger.

    A dict for each combination of ``by`` that has rows; ``counters``: only of these.
    """
    now = now or timezone.now()
    where, chosen = _conditions(counters, channel)
    zone, splits = str(period.zone), period.split_hours()
    statement = _begin(cabinet, period, now)
    count = (period.last - period.first).days
    has_days = "hour_of_day" not in by and not splits
    statement.add(_OPEN_DAYS, period.first, count, has_days, cabinet.pk, zone, zone)
    live, live_values = live_deliveries(now)
    statement.add(f", live AS ({live})", *live_values)
    statement.add(f", counted AS (SELECT {_DELIVERY_COLUMNS} FROM live WHERE true{where}", *chosen)
    hours = _HOURS_OF_OPEN_DAYS.format(where=where)
    statement.add(f" UNION ALL SELECT {_DELIVERY_COLUMNS} FROM ({hours}) AS hours")
    statement.values += [cabinet.pk, zone, zone, zone, *chosen]
    if has_days:
        days = _OTHER_DAYS.format(where=where)
        statement.add(f" UNION ALL SELECT {_DELIVERY_COLUMNS} FROM ({days}) AS days")
        statement.values += [zone, cabinet.pk, period.first, period.last, *chosen]
    statement.add(")")
    return _sums(statement, by, DELIVERY_KEYS, sums, period)


def _begin(cabinet: Cabinet, period: Period, now: datetime) -> Statement:
    """Return a statement with the hours of the period that are counted live."""
    hours = [cabinet.pk, period.first_hour, period.end]
    return Statement().add(_TOUCHED, cabinet.pk, *hours, *hours, now, period.split_hours())


def _conditions(
    counters: Collection[int] | None, channel: int | None
) -> tuple[str, list[list[int] | int]]:
    """Return what rows of these counters and of this channel fulfil, and its values."""
    where = ""
    values: list[list[int] | int] = []
    if counters is not None:
        where += " AND counter_id = ANY (%s)"
        values.append(list(counters))
    if channel is not None:
        where += " AND channel = %s"
        values.append(channel)
    return where, values


def _sums(
    statement: Statement,
    by: Sequence[str],
    allowed: Sequence[str],
    sums: Sequence[str],
    period: Period,
) -> list[dict[str, Any]]:
    """Run the statement, which has counted rows, and return their sums."""
    columns, values = _sum(by, allowed, sums, period)
    places = ", ".join(str(place) for place in range(1, len(by) + 1))
    # OFFSET: sums are made without an order, and few sums are sorted instead of many rows.
    statement.add(f"SELECT * FROM (SELECT {columns} FROM counted WHERE at >= %s AND at < %s")
    statement.add(f" GROUP BY {places} OFFSET 0) AS sums ORDER BY {places}" if by else ") AS sums")
    statement.values += [*values, period.start, period.end]
    return statement.rows()


def _sum(
    by: Sequence[str], allowed: Sequence[str], sums: Sequence[str], period: Period
) -> tuple[str, list[Any]]:
    """Return the columns and their values."""
    unknown = set(by) - set(allowed)
    if unknown:
        raise ValueError(f"no such columns: {', '.join(sorted(unknown))}")
    local = "at AT TIME ZONE %s"
    exprs = {"day": f"({local})::date", "hour_of_day": f"extract(hour FROM {local})::int"}
    keys = [f"{exprs.get(one, one)} AS {one}" for one in by]
    totals = [
        f"coalesce(sum({one}), 0)::{'float8' if one == 'linked' else 'bigint'} AS {one}"
        for one in sums
    ]
    values: list[Any] = [str(period.zone) for one in by if one in exprs]
    return ", ".join([*keys, *totals]), values
