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

from django.db import connection
from django.utils import timezone

from cabinets.models import Cabinet
from calls.summary.live import LIVE_CALLS, live_deliveries

CALL_KEYS = ("day", "hour_of_day", "source_id", "kind")
CALL_SUMS = (
    "calls",
    "missed",
    "unique_calls",
    "target_calls",
    "talk_seconds",
    "with_hold",
    "hold_seconds",
    "unrouted",
)
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
DELIVERY_SUMS = (
    "deliveries",
    "missed",
    "talk_seconds",
    "with_hold",
    "hold_seconds",
    "link_told",
    "linked",
)
_HOUR = timedelta(hours=1)


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

    def split_hours(self) -> list[datetime]:
        """Return the hours of UTC in which a day begins; none in zones of whole hours."""
        starts = [datetime.combine(day, time(), self.zone) for day in self.days]
        begins = [one.astimezone(UTC) for one in (*starts, self.end)]
        return [one.replace(minute=0) for one in begins if one.minute]


def calls(
    cabinet: Cabinet, period: Period, *, by: Sequence[str] = (), now: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the sums `CALL_SUMS` of the cabinet's calls, with or without a counter.

    A dict for each combination of ``by`` that has calls.
    """
    query = _Query(cabinet.pk, period, now or timezone.now())
    select, values = _sum(by, CALL_KEYS, CALL_SUMS, period)
    return query.run("callsummary", LIVE_CALLS, [], select, values)


def deliveries(
    cabinet: Cabinet,
    period: Period,
    *,
    by: Sequence[str] = (),
    counters: Collection[int] | None = None,
    channel: int | None = None,
    now: datetime | None = None,
) -> list[dict[str, Any]]:
    """Return the sums `DELIVERY_SUMS` of the cabinet's rows of the ledger.

    A dict for each combination of ``by`` that has rows; ``counters``: only of these.
    """
    now = now or timezone.now()
    query = _Query(cabinet.pk, period, now)
    live, live_values = live_deliveries(now)
    select, values = _sum(by, DELIVERY_KEYS, DELIVERY_SUMS, period)
    conditions = []
    if counters is not None:
        conditions.append("counter_id = ANY (%s)")
        values.append(list(counters))
    if channel is not None:
        conditions.append("channel = %s")
        values.append(channel)
    return query.run("deliverysummary", live, live_values, select, values, conditions)


@dataclass(frozen=True)
class _Query:
    """A statement over the stored and the live rows of a period."""

    cabinet_id: int
    period: Period
    now: datetime

    def run(
        self,
        table: str,
        live: str,
        live_values: list[Any],
        select: tuple[str, str],
        values: list[Any],
        conditions: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        columns, grouping = select
        where = "".join(f" AND {one}" for one in conditions)
        key_values = values[: columns.count("%s")]
        sql = f"""
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
), live AS ({live}), stored AS (
    SELECT *, hour AS at FROM calls_{table}
    WHERE cabinet_id = %s AND hour >= %s AND hour < %s
      AND hour NOT IN (SELECT hour FROM touched)
), counted AS (
    SELECT {_shared(table)} FROM live UNION ALL SELECT {_shared(table)} FROM stored
)
SELECT {columns} FROM counted WHERE at >= %s AND at < %s{where} {grouping}"""
        hours = [self.cabinet_id, self._first_hour(), self.period.end]
        parameters = [
            self.cabinet_id,
            *hours,
            *hours,
            self.now,
            self.period.split_hours(),
            *live_values,
            *hours,
            *key_values,
            self.period.start,
            self.period.end,
            *values[len(key_values) :],
        ]
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _first_hour(self) -> datetime:
        return self.period.start.astimezone(UTC).replace(minute=0)


def _shared(table: str) -> str:
    """Return the columns that stored and live rows have in common."""
    if table == "callsummary":
        return ", ".join(("at", "source_id", "kind", *CALL_SUMS))
    keys = ("at", "counter_id", "channel", "kind", "state", "shown", "reason")
    return ", ".join((*keys, *DELIVERY_SUMS))


def _sum(
    by: Sequence[str], allowed: Sequence[str], sums: Sequence[str], period: Period
) -> tuple[tuple[str, str], list[Any]]:
    """Return the columns and the grouping, and the values of the columns."""
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
    places = ", ".join(str(place) for place in range(1, len(by) + 1))
    grouping = f"GROUP BY {places} ORDER BY {places}" if by else ""
    return (", ".join([*keys, *totals]), grouping), values
