"""Calls around the connection of a counter: those that wait for its settings, and those before it.

Counted are calls, not deliveries; none that is too late for Metrika.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Count
from django.utils.translation import gettext as _

from cabinets.models import Cabinet
from calls.decision.by_order import count_fitting
from calls.delivery.earlier import MAX_PER_ORDER, earlier_calls
from calls.models import Delivery
from calls.models.querysets import AWAITS_SETTINGS_SQL
from calls.states import Channel
from counters.models import Counter


@dataclass(frozen=True)
class Earlier:
    """Calls from before the connection: all, those that fit the settings, the first one's start.

    ``unlisted`` came before the counter was added, or did not concern it: they are not in its
    history. Of more than MAX_PER_ORDER (``more``) these are the latest, which one order takes.
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


def count_text(count: int) -> str:
    """Return in words a number of calls that was not counted far beyond MAX_PER_ORDER."""
    return more_than_one_order() if count > MAX_PER_ORDER else str(count)


_AWAITING = f"""
SELECT k.id, (
    SELECT count(DISTINCT call_id) FROM (
        SELECT call_id FROM calls_delivery d
        WHERE d.counter_id = k.id AND {AWAITS_SETTINGS_SQL} AND d.expires_at > %(now)s
        LIMIT %(most)s) AS waiting)
FROM counters_counter k
WHERE k.cabinet_id = %(cabinet)s AND k.removed_at IS NULL AND k.configured_at IS NULL
  AND (%(only)s::bigint IS NULL OR k.id = %(only)s::bigint)"""


def calls_awaiting_settings(counter: Counter, *, now: datetime) -> int:
    """Return how many calls wait for the counter's first settings; see `awaiting_by_counter`."""
    return awaiting_by_counter(counter.cabinet, now=now, only=counter).get(counter.pk, 0)


def awaiting_by_counter(
    cabinet: Cabinet, *, now: datetime, only: Counter | None = None
) -> dict[int, int]:
    """Return the same by counter id, in one query; counters without such calls are left out.

    Of each counter so many rows are read that a number above MAX_PER_ORDER is certain; further
    calls are not counted: see `count_text`.
    """
    parameters = {
        "cabinet": cabinet.pk,
        "only": only.pk if only else None,
        "now": now,
        "most": MAX_PER_ORDER * len(Channel) + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_AWAITING, parameters)
        return {pk: count for pk, count in cursor.fetchall() if count}


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
