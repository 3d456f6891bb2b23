"""What a person may do with a call that is in no upload: send it now, or not at all."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from cabinets import audit
from calls.decision.reasons import CALLED_OFF
from calls.decision.redecide import decide_again
from calls.models import Delivery
from calls.states import Channel, DeliveryState


def held_rows(now: datetime) -> Q:
    """Return the condition of rows that are held until later and can still be linked."""
    return Q(state=DeliveryState.WAITING, not_before__gt=now, expires_at__gt=now)


def called_off_rows(now: datetime) -> Q:
    """Return the condition of rows that a person called off and that can still be linked."""
    return Q(state=DeliveryState.SKIPPED, reason=CALLED_OFF.code, expires_at__gt=now)


def may_release(delivery: Delivery, *, now: datetime) -> bool:
    """Whether the delivery is held until later, or was called off, and can still be linked."""
    held = delivery.state == DeliveryState.WAITING and _is_later(delivery, now)
    return (held or _is_called_off(delivery)) and delivery.expires_at > now


def may_call_off(delivery: Delivery) -> bool:
    """Whether the delivery waits and is in no file yet."""
    return delivery.state == DeliveryState.WAITING


def release(delivery: Delivery, *, actor: User | None, now: datetime) -> bool:
    """Send a held or called off call with the next file; False when it is neither.

    It is decided again: since it was held, the call or the settings may have changed.
    """
    waits = Q(state=DeliveryState.WAITING, not_before__gt=now)
    # As it was loaded: another press at the same moment has moved it, to a time of its own clock.
    unmoved = waits & Q(not_before=delivery.not_before)
    with transaction.atomic():
        row = Delivery.objects.row(delivery)
        releasable = row.filter(unmoved | called_off_rows(now), expires_at__gt=now)
        if not releasable.update(state=DeliveryState.WAITING, reason=None, not_before=now):
            return False
        _log_change(delivery, actor, "delivery.released")
        decide_again(delivery.counter_id, now=now, call_id=delivery.call_id)
        # Deciding may hold it again by the settings; the person overrides them this once.
        row.filter(waits).update(not_before=now)
    return True


def call_off(delivery: Delivery, *, actor: User | None, now: datetime) -> bool:
    """Do not send a call that waits; False when it is already in a file or decided otherwise."""
    row = Delivery.objects.row(delivery).waiting()
    with transaction.atomic():
        changed = row.update(state=DeliveryState.SKIPPED, reason=CALLED_OFF.code, decided_at=now)
        if changed:
            _log_change(delivery, actor, "delivery.called_off")
    return bool(changed)


def _is_later(delivery: Delivery, now: datetime) -> bool:
    return delivery.not_before is not None and delivery.not_before > now


def _is_called_off(delivery: Delivery) -> bool:
    return delivery.state == DeliveryState.SKIPPED and delivery.reason == CALLED_OFF.code


def _log_change(delivery: Delivery, actor: User | None, action: str) -> None:
    audit.log_change(
        cabinet=delivery.cabinet,
        actor=actor,
        action=action,
        subject=delivery,
        before={"state": DeliveryState(delivery.state).name.lower(), "reason": delivery.reason},
        after={
            "call": delivery.call_id,
            "counter": delivery.counter_id,
            "channel": Channel(delivery.channel).name.lower(),
        },
    )
