"""Calls around the connection of a counter: those that wait for its settings, and those before it.

Counted are calls, not deliveries; none that is too late for Metrika.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count
from django.utils.translation import gettext as _

from cabinets.models import Cabinet
from calls.decision.by_order import count_fitting
from calls.delivery.earlier import MAX_PER_ORDER, earlier_calls
from calls.models import Delivery
from counters.models import Counter


@dataclass(frozen=True)
class Earlier:
    """Calls from before the connection: all, those that fit the settings, the first one's start.

    ``unlisted`` came before the counter was added: they are not in its history. Of more than
    MAX_PER_ORDER (``more``) these are the latest, which one order takes.
    """

    count: int
    fitting: int
    unlisted: int
    since: datetime | None
    more: bool = False

    @property
    def count_text(self) -> str:
        """Return the count in words for people."""
        return more_than_one_order() if self.more else str(self.count)


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


def earlier_count(counter: Counter, *, now: datetime) -> str:
    """Return how many calls from before the counter was connected a person may order to be sent.

    '' for none, «больше 10 000» when there are more than one order takes.
    """
    count = earlier_calls(counter, now=now).order_by()[: MAX_PER_ORDER + 1].count()
    return (more_than_one_order() if count > MAX_PER_ORDER else str(count)) if count else ""


def more_than_one_order() -> str:
    """Return in words a number of calls that is larger than MAX_PER_ORDER."""
    return _("больше %(count)s") % {"count": f"{MAX_PER_ORDER:_}".replace("_", "\u00a0")}


def earlier_of(counter: Counter, *, now: datetime) -> Earlier:
    """Return these calls in numbers, as the rules would decide now."""
    latest = earlier_calls(counter, now=now).order_by("-started_at", "-pk")
    found = list(latest.values_list("pk", "started_at")[: MAX_PER_ORDER + 1])
    ids = [pk for pk, _start in found[:MAX_PER_ORDER]]
    listed = Delivery.objects.filter(counter=counter, call_id__in=ids)
    in_history = listed.aggregate(count=Count("call_id", distinct=True))["count"]
    return Earlier(
        count=len(ids),
        fitting=count_fitting(counter.pk, ids),
        unlisted=len(ids) - in_history,
        since=min((start for _pk, start in found[:MAX_PER_ORDER]), default=None),
        more=len(found) > MAX_PER_ORDER,
    )
