"""What Metrika's logs say of the rows of a period, where they name all that may be linked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from django.db import connection

from calls.reconciliation.own_side import OwnDay, Period, midnight
from calls.states import Channel, LinkResult
from counters.models import Counter

#: More rows of a counter's period are not counted.
MOST_COUNTED = 100_000


@dataclass(frozen=True)
class ProvedDay:
    """Rows of a day, or of several, that the logs were searched for, and the linked ones."""

    rows: int = 0
    linked: int = 0
    #: Those that the logs have, without a visit.
    no_visit: int = 0

    def __add__(self, other: ProvedDay) -> ProvedDay:
        """Sum of two days."""
        no_visit = self.no_visit + other.no_visit
        return ProvedDay(self.rows + other.rows, self.linked + other.linked, no_visit)


_PROVED_DAYS = f"""
SELECT (partition_at AT TIME ZONE %(zone)s)::date, count(*),
    count(*) FILTER (WHERE result = {LinkResult.LINKED:d}),
    count(*) FILTER (WHERE result = {LinkResult.NO_VISIT:d})
FROM (
    SELECT p.result, p.partition_at FROM calls_linkproof p
    WHERE p.counter_id = %(counter)s AND p.channel = %(channel)s
      AND p.partition_at >= %(since)s AND p.partition_at < %(until)s
      AND NOT EXISTS (SELECT 1 FROM calls_resend r WHERE r.upload_id = p.upload_id)
      AND NOT EXISTS (SELECT 1 FROM calls_upload u WHERE u.id = p.upload_id AND u.is_static)
    LIMIT %(most)s
) AS proved GROUP BY 1
"""


def proved_days(counter: Counter, channel: Channel, period: Period) -> dict[date, ProvedDay]:
    """Return the days whose rows of the channel the logs name; one query.

    Empty when the rows are more than `MOST_COUNTED`. Repeats that a person ordered are none of
    them, nor are static ones: Metrika links none of these.
    """
    values: dict[str, Any] = {
        "counter": counter.pk,
        "channel": channel.value,
        "since": midnight(period.first, period.zone),
        "until": midnight(period.last + timedelta(days=1), period.zone),
        "zone": period.zone,
        "most": MOST_COUNTED + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PROVED_DAYS, values)
        found = {day: ProvedDay(*counts) for day, *counts in cursor.fetchall()}
    return found if sum(one.rows for one in found.values()) <= MOST_COUNTED else {}


def names_all(own: OwnDay, proved: ProvedDay) -> bool:
    """Whether the logs name every row that may be linked."""
    return 0 < own.sent - own.static <= proved.rows


def with_logs(own: OwnDay, proved: ProvedDay) -> OwnDay:
    """Return a day, or a period, with the linked rows of the logs, if these name all."""
    if not names_all(own, proved):
        return own
    linked = proved.linked
    return replace(own, linked_low=linked, linked_high=linked, due_low=min(own.due_low, linked))
