"""Which days of a counter are read: those with rows of which the logs have not said the last word.

A day is over in the counter's time zone. Rows that Metrika has had for three days are final.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from calls.models import LogRequest
from calls.models.proof import FINAL_AFTER, SEARCHED_FOR
from calls.models.reports import zone_of
from calls.states import DeliveryState, LinkResult
from counters.models import Counter
from counters.sendable import REACHABLE, as_q

#: Days are read every night as long as they are no older; older ones once, when they are final.
RECENT_DAYS = 3
#: Runs of neighbouring days that are ordered at once; what is left comes the next night.
MAX_ORDERS = 3
#: After the counter's midnight, so that the last calls of the day have arrived.
NIGHT_BEGINS = timedelta(hours=2)

# Rows that were found without a visit may still be linked until they are final.
_PENDING = f"""
SELECT day, min(final_at) FROM (
    SELECT (c.started_at AT TIME ZONE %(zone)s)::date AS day,
           coalesce(u.accepted_at, u.created_at) + %(final_after)s AS final_at
    FROM calls_upload u
    JOIN calls_delivery d ON d.upload_id = u.id AND d.state = {DeliveryState.BATCHED}
    JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
    LEFT JOIN calls_linkproof p ON p.upload_id = d.upload_id AND p.row_number = d.row_number
    WHERE u.counter_id = %(counter)s AND u.uploading_id IS NOT NULL AND NOT u.is_static
      AND u.taken_over_at IS NULL AND coalesce(u.accepted_at, u.created_at) > %(since)s
      AND (p.id IS NULL OR p.result <> {LinkResult.LINKED}
           AND p.proved_at < coalesce(u.accepted_at, u.created_at) + %(final_after)s)
) AS pending
WHERE day <= %(today)s GROUP BY day ORDER BY day
"""


def pending_days(counter: Counter, now: datetime) -> list[date]:
    """Return the days that are worth reading now: never today, the earliest first."""
    today = _local(counter, now).date()
    return [day for day, final_at in _pending(counter, now) if _is_due(day, today, final_at, now)]


def _is_due(day: date, today: date, final_at: datetime, now: datetime) -> bool:
    is_recent = day >= today - timedelta(days=RECENT_DAYS)
    return day < today and (is_recent or final_at <= now)


def _pending(counter: Counter, now: datetime) -> list[tuple[date, datetime]]:
    """Return the days with rows that are looked for, each with when the first of them is final."""
    values: dict[str, Any] = {
        "zone": zone_of(counter),
        "counter": counter.pk,
        "today": _local(counter, now).date(),
        "final_after": FINAL_AFTER,
        "since": now - SEARCHED_FOR,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PENDING, values)
        return list(cursor.fetchall())


def _local(counter: Counter, now: datetime) -> datetime:
    return now.astimezone(ZoneInfo(zone_of(counter)))


def planned_days(counter: Counter, now: datetime) -> list[tuple[date, date]]:
    """Return the pending days that are not being read now, each with the day of its next night.

    The night of today means that they are read as soon as `plan` runs.
    """
    local, requests = _local(counter, now), LogRequest.objects.filter(counter=counter)
    spans = list(requests.open().values_list("date1", "date2"))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    was_planned = requests.filter(requested_by=None, requested_at__gte=midnight).exists()
    first = local.date() + timedelta(days=1 if was_planned else 0)
    return [
        (day, _night_of(day, final_at, first, local.tzinfo))
        for day, final_at in _pending(counter, now)
        if not any(begin <= day <= end for begin, end in spans)
    ]


def _night_of(day: date, final_at: datetime, first: date, zone: tzinfo | None) -> date:
    night = first
    while True:
        begins = datetime.combine(night, time(), zone) + NIGHT_BEGINS
        if _is_due(day, night, final_at, begins):
            return night
        night += timedelta(days=1)


def runs_of(days: Iterable[date]) -> list[tuple[date, date]]:
    """Return the runs of neighbouring days, each with its first and last one."""
    runs: list[tuple[date, date]] = []
    for day in sorted(days):
        if runs and day - runs[-1][1] <= timedelta(days=1):
            runs[-1] = runs[-1][0], day
        else:
            runs.append((day, day))
    return runs


def order_days(counter: Counter, *, now: datetime, actor: User | None) -> list[LogRequest]:
    """Order the pending days of a counter; empty when there are none or they are being read."""
    ordered = []
    for first, last in runs_of(pending_days(counter, now))[-MAX_ORDERS:]:
        try:
            with transaction.atomic():
                ordered.append(
                    LogRequest.objects.create(
                        counter=counter,
                        date1=first,
                        date2=last,
                        requested_by=actor,
                        requested_at=now,
                        next_at=now,
                    )
                )
        except IntegrityError:
            continue
    return ordered


def plan(now: datetime) -> int:
    """Order the days of every counter whose night it is and that had none today; return how many.

    Counters whose account cannot be used now are left for the next run.
    """
    counters = Counter.objects.present().filter(Q(link_proof=True), as_q(REACHABLE))
    planned = 0
    for counter in counters.select_related("cabinet").order_by("pk"):
        local = _local(counter, now)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        if local - midnight < NIGHT_BEGINS:
            continue
        with transaction.atomic():
            Counter.objects.select_for_update(of=("self",), no_key=True).get(pk=counter.pk)
            if not LogRequest.objects.filter(
                Q(requested_at__gte=midnight), counter=counter, requested_by=None
            ).exists():
                planned += len(order_days(counter, now=now, actor=None))
    return planned
