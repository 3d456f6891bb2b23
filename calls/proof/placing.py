"""Places an order for logs with Metrika, and finds one whose answer was lost."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from calls.models import LogRequest, LogState
from calls.proof import errors
from calls.proof.claims import Claim
from calls.proof.fields import FIELDS
from calls.runtime.failpoints import failpoint
from integrations.api_call import MetrikaUnavailable, call_logs
from integrations.yandex.logs import HITS
from integrations.yandex.records import LOGS_PROCESSED, LOGS_WAITING, LogOrder

State = LogState

#: Until then Metrika must have room for the logs, and have prepared them.
PATIENCE = timedelta(hours=24)
NOT_POSSIBLE_PAUSE = timedelta(hours=1)
#: Requests that wait for each other do so for different times.
_APART = timedelta(minutes=1)
#: The question whether they are prepared is repeated more and more seldom.
LONGEST_POLL_PAUSE = timedelta(minutes=15)


def evaluate(claim: Claim) -> None:
    """Ask whether the days can be ordered; if not, say so and ask again later."""
    one = claim.request
    if _is_off(one):
        claim.move(State.FAILED, error=errors.SWITCHED_OFF, finished_at=timezone.now())
        return
    found = call_logs(
        one.counter.account,
        lambda client, _lease: client.evaluate(
            one.counter.number, first=one.date1, last=one.date2, fields=FIELDS
        ),
        counter=one.counter.number,
    )
    if found.is_possible:
        claim.move(State.POSTING, error="", failures=0)
        _order(claim)
    else:
        _wait(claim, errors.NOT_POSSIBLE, NOT_POSSIBLE_PAUSE)


def find_lost(claim: Claim) -> None:
    """An order whose answer was lost: take it from Metrika's list, or place it anew.

    Of the same days of a counter that is in two cabinets, Metrika's list does not tell whose an
    order is. While another cabinet's worker may be about to record its own, this one waits.
    """
    one = claim.request
    listed = call_logs(
        one.counter.account,
        lambda client, _lease: client.orders(one.counter.number),
        counter=one.counter.number,
    )
    # After the list was read: what another worker records later was not in it.
    if _others_at_work(one):
        claim.move(next_at=timezone.now() + _APART + timedelta(seconds=one.pk % 60))
        return
    known = LogRequest.objects.filter(
        counter__number=one.counter.number, request_id__in=[order.request_id for order in listed]
    ).values_list("request_id", flat=True)
    lost = [
        order for order in listed if order.request_id not in set(known) and _is_ours(one, order)
    ]
    if lost:
        _ordered(claim, max(lost, key=lambda order: order.request_id))
    else:
        claim.move(State.ORDERED)


def _others_at_work(one: LogRequest) -> bool:
    """Whether a worker is just ordering the same days of this counter for another cabinet."""
    others = LogRequest.objects.filter(
        state=State.POSTING,
        lease_until__gt=timezone.now(),
        counter__number=one.counter.number,
        date1=one.date1,
        date2=one.date2,
    )
    return others.exclude(pk=one.pk).exists()


def _is_ours(one: LogRequest, order: LogOrder) -> bool:
    days = (one.date1.isoformat(), one.date2.isoformat())
    is_there = order.status in LOGS_WAITING or order.status == LOGS_PROCESSED
    is_same = order.source == HITS and (order.date1, order.date2) == days
    return is_there and is_same and sorted(order.fields) == sorted(FIELDS)


def _order(claim: Claim) -> None:
    one = claim.request
    try:
        order = call_logs(
            one.counter.account,
            lambda client, _lease: client.create(
                one.counter.number, first=one.date1, last=one.date2, fields=FIELDS
            ),
            counter=one.counter.number,
        )
    except MetrikaUnavailable as problem:
        if not getattr(problem.__cause__, "may_have_arrived", False):
            claim.move(State.ORDERED)
        raise
    failpoint("after_log_order")
    _ordered(claim, order)


def _ordered(claim: Claim, order: LogOrder) -> None:
    now = timezone.now()
    claim.move(
        State.PREPARING,
        request_id=order.request_id,
        posted_at=now,
        next_at=now + poll_pause(0),
        failures=0,
    )


def _is_off(one: LogRequest) -> bool:
    return one.counter.removed_at is not None or not one.counter.link_proof


def _wait(claim: Claim, error: str, pause: timedelta) -> None:
    """Ask again later, for a day; then the next night plans the days anew."""
    one, now = claim.request, timezone.now()
    if now - one.requested_at > PATIENCE:
        claim.move(State.FAILED, error=error, finished_at=now)
    else:
        claim.move(error=error, next_at=now + pause)


def poll_pause(polls: int) -> timedelta:
    """Return how long to wait before the next question."""
    first = timedelta(seconds=min(60, settings.POLL_SECONDS))
    return min(first * int(2 ** min(polls, 10)), LONGEST_POLL_PAUSE)
