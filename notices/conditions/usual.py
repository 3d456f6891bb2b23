"""Renews what is usual: the profiles of counters and sources, cabinet by cabinet, each night."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from cabinets.models import Cabinet
from notices import pauses
from notices.baseline.profile import SLOTS, WEEKS, profile_of
from notices.baseline.shares import share_profile_of
from notices.conditions.series import HOUR, Counts, hour_of, read, slot_of
from notices.kinds import OF_FLOW, Kind
from notices.models import Baseline

#: A profile is renewed when it is older.
RENEWED_AFTER = timedelta(hours=20)
#: Kinds that watch a part of a whole; the others watch a count.
SHARES = (Kind.SKIPPED_UP, Kind.UNREADABLE_UP, Kind.LINKED_DOWN, Kind.REFUSED_UP)
#: The kind of the row that says when the cabinet was counted.
MARK = Kind.INFLOW_CABINET
#: A later call than this was imported or repaired: it says nothing about how calls come.
LATEST = timedelta(days=2)

# The newest calls of the cabinet, by the index call_by_cabinet.
_LAGS = """
SELECT source_id, percentile_cont(0.95) WITHIN GROUP (
           ORDER BY extract(epoch FROM received_at - started_at)), count(*)
FROM (SELECT source_id, received_at, started_at FROM calls_call
      WHERE cabinet_id = %(cabinet)s AND started_at > %(since)s AND partition_at > %(since)s
      ORDER BY started_at DESC LIMIT 2000) AS latest
WHERE received_at - started_at < %(latest)s
GROUP BY source_id"""


def renew(*, now: datetime, seconds: float) -> int:
    """Renew the profiles that are due for so many seconds; return of how many cabinets."""
    give_up_at = time.monotonic() + seconds
    fresh = Baseline.objects.filter(kind=MARK, counted_at__gt=now - RENEWED_AFTER)
    due = Cabinet.objects.exclude(pk__in=fresh.values("cabinet_id")).order_by("pk")
    renewed = 0
    for cabinet in due.iterator():
        _renew_cabinet(cabinet, now)
        renewed += 1
        if time.monotonic() > give_up_at:
            break
    return renewed


def _renew_cabinet(cabinet: Cabinet, now: datetime) -> None:
    last = hour_of(now)
    longest = timedelta(days=pauses.MOST_DAYS)
    paused = pauses.spans(last - timedelta(weeks=WEEKS) - longest, cabinet).get(cabinet.pk, [])
    days_off = sum((min(span.end, last) - min(span.begin, last) for span in paused), timedelta())
    first = hour_of(last - timedelta(weeks=WEEKS) - min(days_off, longest))
    lags = _lags(cabinet.pk, now)
    rows = []
    for (kind, subject_id), counts in read(first, last, cabinet.pk).items():
        hours = _watched(first, last, pauses.covering(paused, kind, subject_id))
        row = _profile_row(kind, counts, hours, cabinet.zone)
        if row is not None:
            row.cabinet, row.kind, row.subject_id, row.counted_at = cabinet, kind, subject_id, now
            lag = (
                lags.get(subject_id, 0)
                if kind is Kind.SOURCE_LOW
                else max(lags.values(), default=0)
            )
            row.lag_minutes = lag
            rows.append(row)
    rows.append(Baseline(cabinet=cabinet, kind=MARK, subject_id=0, counted_at=now))
    with transaction.atomic():
        Baseline.objects.filter(cabinet=cabinet, kind__in=OF_FLOW).delete()
        Baseline.objects.bulk_create(rows, batch_size=500)


def _profile_row(
    kind: Kind, counts: Counts, hours: Sequence[datetime], zone: ZoneInfo
) -> Baseline | None:
    slots = [slot_of(hour, zone) for hour in hours]
    parts = [counts.get(hour, (0, 0))[0] for hour in hours]
    if kind not in SHARES:
        profile = profile_of(slots, parts)
        if profile is None:
            return None
        return Baseline(
            values=list(profile.rates),
            dispersion=profile.dispersion,
            day_scatter=profile.day_scatter,
        )
    shares = share_profile_of(slots, parts, [counts.get(hour, (0, 0))[1] for hour in hours])
    if shares is None:
        return None
    return Baseline(values=list(shares.shares), day_scatter=shares.day_scatter)


def _watched(first: datetime, last: datetime, paused: Sequence[pauses.Span]) -> list[datetime]:
    """Return the last hours of which no part was paused, as many as the profile is made of."""
    hours = [
        hour
        for hour in _hours(first, last)
        if not any(span.begin < hour + HOUR and hour < span.end for span in paused)
    ]
    return hours[-WEEKS * SLOTS :]


def _hours(first: datetime, last: datetime) -> Iterator[datetime]:
    hour = first
    while hour < last:
        yield hour
        hour += HOUR


def _lags(cabinet_id: int, now: datetime) -> dict[int | None, int]:
    """Return by source after how many minutes nearly all of its calls are known.

    Sources with few of the calls do not delay the judgement of the counters.
    """
    values: dict[str, Any] = {
        "cabinet": cabinet_id,
        "since": now - timedelta(days=7),
        "latest": LATEST,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LAGS, values)
        rows = cursor.fetchall()
    whole = sum(row[2] for row in rows)
    return {row[0]: max(0, round(row[1] / 60)) for row in rows if row[2] * 20 >= whole}
