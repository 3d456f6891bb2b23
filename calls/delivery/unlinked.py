"""Sends a call as unlinked because a person approved it: its identifier could not be read.

Metrika can neither change nor delete what it took, so this is never done without a person.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from cabinets import audit
from calls.decision.redecide import decide_again
from calls.models import Call, Delivery, UnlinkedApproval
from calls.models.querysets import AWAITS_PERSON, DeliveryQuerySet
from calls.states import (
    IDENTIFIER_UNREADABLE,
    UNLINKED_NO_GOAL,
    CallKind,
    Channel,
    DeliveryState,
    IdKind,
)


def may_approve(delivery: Delivery, *, now: datetime) -> bool:
    """Whether the delivery waits for the decision and can be made. Load it with its call.

    Only in the channel of calls, and not of a callback, which is never sent without a visitor.
    """
    return (
        delivery.state == DeliveryState.SKIPPED
        and delivery.reason == IDENTIFIER_UNREADABLE
        and delivery.channel == Channel.CALLS
        and delivery.call.kind != CallKind.CALLBACK
        and delivery.expires_at > now
        and delivery.counter.removed_at is None
    )


def approve(delivery: Delivery, *, actor: User | None, now: datetime) -> bool:
    """Let the call go to the counter as unlinked; False when it does not wait for that any more.

    The delivery is decided again, by the current values and settings. Load it with its call,
    counter and cabinet.
    """
    if not may_approve(delivery, now=now):
        return False
    with transaction.atomic():
        # A corrected record that is being stored comes before or after, as a whole.
        calls = Call.objects.select_for_update(no_key=True).values_list("kind", flat=True)
        kind = calls.get(pk=delivery.call_id, partition_at=delivery.partition_at)
        if kind == CallKind.CALLBACK or not _start_waiting(delivery, now):
            return False
        UnlinkedApproval.objects.get_or_create(
            call_id=delivery.call_id,
            counter_id=delivery.counter_id,
            defaults={"approved_by": actor, "approved_at": now},
        )
        _log_approval(delivery, actor)
        decide_again(delivery.counter_id, now=now, call_id=delivery.call_id)
        # What cannot reach the goal was not excluded by the settings.
        _rows_of(delivery).filter(channel=Channel.GOAL, reason=UNLINKED_NO_GOAL).update(
            waited=False
        )
    return True


def _start_waiting(delivery: Delivery, now: datetime) -> bool:
    """Make the row wait, so that a counter that is off holds it and does not skip it."""
    of_call = _rows_of(delivery).filter(AWAITS_PERSON, expires_at__gt=now)
    moved = of_call.filter(channel=Channel.CALLS).update(
        state=DeliveryState.WAITING,
        reason=None,
        compared=None,
        id_kind=IdKind.CLIENT_ID,
        is_static=True,
        not_before=now,
    )
    # The row of the goal has the same cause: it is decided again together with this one.
    of_call.filter(channel=Channel.GOAL).update(waited=True)
    return bool(moved)


def _rows_of(delivery: Delivery) -> DeliveryQuerySet[Delivery]:
    """Return the rows of the call for this counter, in both channels."""
    return Delivery.objects.filter(
        call_id=delivery.call_id,
        partition_at=delivery.partition_at,
        counter_id=delivery.counter_id,
    )


def _log_approval(delivery: Delivery, actor: User | None) -> None:
    audit.log_change(
        cabinet=delivery.cabinet,
        actor=actor,
        action="delivery.sent_unlinked",
        subject=delivery,
        before={"reason": delivery.reason},
        after={"call": delivery.call_id, "counter": delivery.counter_id},
    )
