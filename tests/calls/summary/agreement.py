"""What the counts have to equal: the rows themselves, counted one by one."""

from __future__ import annotations

from collections import Counter as Tally
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from django.utils import timezone

from cabinets.models import Cabinet
from calls.models import Call, Delivery
from calls.queries.display_state import with_display_state
from calls.summary import read

WIDE = read.Period(date(2020, 1, 1), date(2035, 1, 1), UTC)
DELIVERY_KEY = ("day", "counter_id", "channel", "kind", "state", "shown", "reason")


def counted_rows(cabinet: Cabinet, zone: tzinfo = UTC) -> Tally[Any]:
    """Return the deliveries by the key of the summary, from every row of the ledger."""
    kinds = dict(Call.objects.values_list("pk", "kind"))
    rows = with_display_state(Delivery.objects.filter(cabinet=cabinet), timezone.now())
    return Tally(
        (
            row.partition_at.astimezone(zone).date(),
            row.counter_id,
            row.channel,
            kinds[row.call_id],
            row.state,
            row.display_state,
            row.why,
        )
        for row in rows
    )


def read_rows(cabinet: Cabinet, period: read.Period = WIDE) -> Tally[Any]:
    """Return the same from the summary."""
    found = read.deliveries(cabinet, period, by=DELIVERY_KEY)
    return Tally({tuple(row[key] for key in DELIVERY_KEY): row["deliveries"] for row in found})


def counted_calls(cabinet: Cabinet) -> dict[str, int]:
    """Return the sums of all calls of the cabinet, from every call."""
    calls = list(Call.objects.filter(cabinet=cabinet))
    routed = set(Delivery.objects.values_list("call_id", flat=True))
    return {
        "calls": len(calls),
        "missed": sum(one.is_finished and one.status == "fail" for one in calls),
        "unique_calls": sum(one.is_unique for one in calls),
        "target_calls": sum(one.is_target for one in calls),
        "talk_seconds": sum(one.duration_seconds for one in calls),
        "with_hold": sum(one.hold_seconds is not None for one in calls),
        "hold_seconds": sum(one.hold_seconds or 0 for one in calls),
        "unrouted": sum(one.pk not in routed for one in calls),
    }


def assert_agreement(cabinet: Cabinet) -> None:
    """The summary equals the rows, as it stands."""
    for zone in (UTC, cabinet.zone):
        period = read.Period(WIDE.first, WIDE.last, zone)
        counted = counted_rows(cabinet, zone)
        assert read_rows(cabinet, period) == counted
        by_hour = read.deliveries(cabinet, period, by=("hour_of_day",))
        assert sum(row["deliveries"] for row in by_hour) == counted.total()
    assert read.calls(cabinet, WIDE) == [counted_calls(cabinet)]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Return a moment of November 2026 in UTC."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)
