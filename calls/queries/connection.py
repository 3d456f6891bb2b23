"""Calls around the connection of a counter: those that wait for its settings, and those before it.

Counted are calls, not deliveries; none that is too late for Metrika.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from cabinets.models import Cabinet
from calls.decision.by_order import count_fitting
from calls.delivery.earlier import earlier_calls
from calls.models import Delivery
from counters.models import Counter


@dataclass(frozen=True)
class Earlier:
    """Calls from before the connection: all, those that fit the settings, the first one's start.

    ``unlisted`` came before the counter was added: they are not in its history.
    """

    count: int
    fitting: int
    unlisted: int
    since: datetime | None


def calls_awaiting_settings(counter: Counter, *, now: datetime) -> int:
    """Return how many calls wait for the counter's first settings."""
    return awaiting_by_counter(counter.cabinet, now=now, only=counter).get(counter.pk, 0)


def awaiting_by_counter(
    cabinet: Cabinet, *, now: datetime, only: Counter | None = None
) -> dict[int, int]:
    """Return the same by counter id, in one query; counters without such calls are left out."""
    unconfigured = cabinet.counters.present().filter(configured_at=None)
    if only is not None:
        unconfigured = unconfigured.filter(pk=only.pk)
    rows = (
        Delivery.objects.awaiting_settings(now)
        .filter(counter__in=unconfigured.order_by())
        .order_by()
        .values_list("counter_id")
        .annotate(Count("call_id", distinct=True))
    )
    return dict(rows)


def waiting_calls(counter: Counter) -> int:
    """Return how many calls wait to be sent to the counter and are in no upload."""
    waiting = Delivery.objects.waiting().filter(counter=counter)
    return int(waiting.aggregate(count=Count("call_id", distinct=True))["count"])


def count_earlier_calls(counter: Counter, *, now: datetime) -> int:
    """Return how many calls from before the counter was connected a person may order to be sent."""
    return earlier_calls(counter, now=now).count()


def earlier_of(counter: Counter, *, now: datetime) -> Earlier:
    """Return these calls in numbers, as the rules would decide now."""
    calls = earlier_calls(counter, now=now)
    numbers = dict(calls.values_list("pk", "started_at"))
    listed = Delivery.objects.filter(counter=counter, call_id__in=list(numbers))
    in_history = listed.aggregate(count=Count("call_id", distinct=True))["count"]
    return Earlier(
        count=len(numbers),
        fitting=count_fitting(counter.pk, list(numbers)),
        unlisted=len(numbers) - in_history,
        since=min(numbers.values(), default=None),
    )
