"""Sends a call that was loaded without sending, or a trial call, because a person ordered it.

Metrika can neither change nor delete what it took, so a trial call is never sent without a person.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from cabinets import audit
from calls.decision.redecide import decide_again
from calls.models import Call, Delivery, HeldBackOrder
from calls.states import OF_HELD_BACK, DeliveryState


def may_send(delivery: Delivery, *, now: datetime) -> bool:
    """Whether nothing but the hold keeps the delivery from being sent. Load it with its counter."""
    return (
        delivery.state == DeliveryState.SKIPPED
        and delivery.reason in OF_HELD_BACK
        and delivery.expires_at > now
        and delivery.counter.removed_at is None
    )


def send(delivery: Delivery, *, actor: User | None, now: datetime) -> bool:
    """Order the call to be sent to the counter; False when nothing waits for that any more.

    Its rows in both channels are decided again, by the current values and settings. Load the
    delivery with its counter and cabinet.
    """
    if not may_send(delivery, now=now):
        return False
    with transaction.atomic():
        # A record that is being stored comes before or after, as a whole.
        calls = Call.objects.select_for_update(no_key=True).values_list("hold_back", flat=True)
        calls.get(pk=delivery.call_id, partition_at=delivery.partition_at)
        if not _start_waiting(delivery, now):
            return False
        HeldBackOrder.objects.get_or_create(
            call_id=delivery.call_id,
            counter_id=delivery.counter_id,
            defaults={"ordered_by": actor, "ordered_at": now},
        )
        _log_order(delivery, actor)
        decide_again(delivery.counter_id, now=now, call_id=delivery.call_id)
    return True


def _start_waiting(delivery: Delivery, now: datetime) -> int:
    """Make the rows wait, so that a counter that is off holds them and does not skip them."""
    return Delivery.objects.filter(
        call_id=delivery.call_id,
        partition_at=delivery.partition_at,
        counter_id=delivery.counter_id,
        state=DeliveryState.SKIPPED,
        reason__in=OF_HELD_BACK,
        expires_at__gt=now,
    ).update(state=DeliveryState.WAITING, reason=None, compared=None, not_before=now)


def _log_order(delivery: Delivery, actor: User | None) -> None:
    audit.log_change(
        cabinet=delivery.cabinet,
        actor=actor,
        action="delivery.held_back_sent",
        subject=delivery,
        before={"reason": delivery.reason},
        after={"call": delivery.call_id, "counter": delivery.counter_id},
    )
