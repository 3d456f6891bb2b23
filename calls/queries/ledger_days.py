"""The days of the ledger of a cabinet: those of the start with which a call came.

All counts are by that day (ADR 0085), and pages are ordered by the start as it is now.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta

from django.db.models import F, Max, Min, Q
from django.db.models.functions import Coalesce

from cabinets.models import Cabinet
from calls.models import Call
from calls.queries.history import ends_of_days, in_days

#: `partition_at` of a call is its start as it was first received; a correction moves it no further.
CORRECTED_BY = timedelta(days=3)


def starts_of_days(cabinet: Cabinet, first: date | None, last: date | None) -> Q:
    """Return the condition of the starts that calls of these days have now, for the index of them.

    It is wider than the days by the calls at their ends that were corrected to another day, and so
    holds for calls of other days, too. One query, by the index of corrected calls; none without
    days.
    """
    since, until = ends_of_days(first, last)
    moved = Q()
    with suppress(OverflowError):  # at the ends of the calendar no call is near
        if since is not None:
            moved |= Q(started_at__lt=since, partition_at__lt=since + CORRECTED_BY)
        if until is not None:
            moved |= Q(started_at__gte=until, partition_at__gte=until - CORRECTED_BY)
    least = most = None
    if moved:
        calls = Call.objects.filter(in_days("partition_at", first, last), moved, cabinet=cabinet)
        corrected = calls.exclude(started_at=F("partition_at"))
        # Of the column alone PostgreSQL walks all starts of the cabinet until the first one fits.
        start = Coalesce("started_at", "partition_at")
        found = corrected.aggregate(least=Min(start), most=Max(start))
        least, most = found["least"], found["most"]
    starts = Q()
    if since is not None:
        starts &= Q(started_at__gte=min(since, least) if least else since)
    if until is not None:
        is_later = most is not None and most >= until
        starts &= Q(started_at__lte=most) if is_later else Q(started_at__lt=until)
    return starts
