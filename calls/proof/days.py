"""Which days of a counter are read: those with rows of which the logs have not said the last word.

A day is over in the counter's time zone. Rows that Metrika has had for three days are final.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
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
SELECT day, bool_or(is_final) FROM (
    SELECT (c.started_at AT TIME ZONE %(zone)s)::date AS day,
           coalesce(u.accepted_at, u.created_at) <= %(final)s AS is_final
    FROM calls_upload u
    JOIN calls_delivery d ON d.upload_id = u.id AND d.state = {DeliveryState.BATCHED}
    JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
    LEFT JOIN calls_linkproof p ON p.upload_id = d.upload_id AND p.row_number = d.row_number
    WHERE u.counter_id = %(counter)s AND u.uploading_id IS NOT NULL AND NOT u.is_static
      AND u.taken_over_at IS NULL AND coalesce(u.accepted_at, u.created_at) > %(since)s
      AND (p.id IS NULL OR p.result <> {LinkResult.LINKED}
           AND p.proved_at < coalesce(u.accepted_at, u.created_at) + %(final_after)s)
) AS pending
WHERE day < %(today)s GROUP BY day ORDER BY day
"""


def pending_days(counter: Counter, now: datetime) -> list[date]:
    """Return the days that are worth reading now: never today, the earliest first."""
    today = now.astimezone(ZoneInfo(zone_of(counter))).date()
    values: dict[str, Any] = {
        "zone": zone_of(counter),
        "counter": counter.pk,
        "today": today,
        "final": now - FINAL_AFTER,
        "final_after": FINAL_AFTER,
        "since": now - SEARCHED_FOR,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PENDING, values)
        found = cursor.fetchall()
    earliest = today - timedelta(days=RECENT_DAYS)
    return [day for day, is_final in found if is_final or day >= earliest]


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
        local = now.astimezone(ZoneInfo(zone_of(counter)))
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
