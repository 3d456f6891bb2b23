"""Sends calls from before a counter was connected, because a person ordered it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from calls.decision.by_order import decide_by_order
from calls.decision.horizon import LINK_HORIZON
from calls.models import Call, Delivery
from calls.states import BY_ORDER_ONLY, DeliveryState
from counters import lifecycle
from counters.models import Counter

#: partition_at is the first known start of a call; a corrected start may differ by a day.
SLACK = timedelta(days=1)
#: No order takes more calls (but for those of one second), and no page counts further.
MAX_PER_ORDER = 10_000
#: So many are decided in one transaction, under the counter's lock.
CHUNK = 1_000


@dataclass(frozen=True)
class EarlierCalls:
    """How many calls were ordered, and how many of them the settings let through.

    ``more``: further ones are left to the next order.
    """

    count: int
    sent: int
    more: bool = False


def earlier_calls(counter: Counter, *, now: datetime) -> QuerySet[Call]:
    """Return calls from before the counter was connected that a person may order to be sent.

    Calls that came before the counter was added have no row in its ledger. None for a counter
    without a lower bound, or whose settings were never saved.
    """
    horizon = now - LINK_HORIZON
    bound = counter.accepts_from
    if counter.configured_at is None or bound is None or bound <= horizon:
        return Call.objects.none()
    rows = Delivery.objects.filter(
        call_id=OuterRef("pk"), partition_at=OuterRef("partition_at"), counter=counter
    )
    by_order = Q(state=DeliveryState.SKIPPED, reason__in=BY_ORDER_ONLY)
    return Call.objects.filter(
        ~Exists(rows.exclude(by_order)),
        cabinet_id=counter.cabinet_id,
        is_test=False,
        is_finished=True,
        started_at__gt=horizon,
        started_at__lt=bound,
        partition_at__gt=horizon - SLACK,
        partition_at__lt=bound + SLACK,
    )


def send_earlier(*, counter: Counter, actor: User | None, now: datetime) -> EarlierCalls:
    """Accept the calls of Metrika's last 21 days from before the counter was connected.

    The latest MAX_PER_ORDER of them, in chunks from the latest to the earliest. Each chunk moves
    the counter's bound to its own first call in the same transaction, so that what an interrupted
    order has left is found by the next one. An order that finds no call changes nothing. Raises
    Counter.DoesNotExist when the counter was removed.
    """
    count = sent = 0
    while count < MAX_PER_ORDER:
        chunk = _send_chunk(counter.pk, actor=actor, now=now)
        if not chunk.count:
            return EarlierCalls(count, sent)
        count, sent = count + chunk.count, sent + chunk.sent
    left = earlier_calls(Counter.objects.get(pk=counter.pk), now=now)
    return EarlierCalls(count, sent, more=left.exists())


@transaction.atomic
def _send_chunk(counter_id: int, *, actor: User | None, now: datetime) -> EarlierCalls:
    locked = Counter.objects.present().select_for_update(of=("self",)).get(pk=counter_id)
    calls = earlier_calls(locked, now=now)
    latest = calls.order_by("-started_at", "-pk").values_list("started_at", flat=True)
    earliest = min(latest[:CHUNK], default=None)
    if earliest is None:
        return EarlierCalls(0, 0)
    # With every call of the first moment: below the bound they are not found again.
    ids = list(calls.filter(started_at__gte=earliest).values_list("pk", flat=True))
    lifecycle.accept_from(counter=locked, moment=earliest, actor=actor)
    decide_by_order(locked.pk, ids, now=now)
    waiting = Delivery.objects.waiting().filter(counter=locked, call_id__in=ids)
    sent = waiting.aggregate(count=Count("call_id", distinct=True))["count"]
    return EarlierCalls(len(ids), sent)
