"""A person releases a held call, or calls a waiting one off."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from calls.decision.decide import decide
from calls.delivery import batching, hold
from calls.models import Call, Delivery, Upload
from calls.states import DeliveryState
from counters.models import Counter
from tests.calls.stored import row_of, store_call


def state_of(call: Call) -> tuple[int, str | None]:
    row = row_of(call)
    return row.state, row.reason


def test_a_deferred_call_is_released_at_once(
    cabinet: Cabinet, counter: Counter, owner: User
) -> None:
    Counter.objects.filter(pk=counter.pk).update(defer_value=3)
    call = store_call(cabinet=cabinet)
    now = timezone.now()
    assert row_of(call).not_before == call.started_at + timedelta(days=3, seconds=152)

    assert hold.release(row_of(call), actor=owner, now=now) is True
    assert hold.release(row_of(call), actor=owner, now=now) is False

    assert row_of(call).not_before == now
    assert AuditEvent.objects.get().action == "delivery.released"
    assert batching.build_uploads(now=now + timedelta(hours=1)) == 1


def test_a_released_call_is_decided_again(cabinet: Cabinet, counter: Counter, owner: User) -> None:
    Counter.objects.filter(pk=counter.pk).update(defer_value=3)
    call = store_call(cabinet=cabinet)
    Counter.objects.filter(pk=counter.pk).update(min_duration_seconds=600)

    hold.release(row_of(call), actor=owner, now=timezone.now())

    assert state_of(call) == (DeliveryState.SKIPPED, "too_short")


def test_a_called_off_call_is_not_sent_until_a_person_releases_it(
    cabinet: Cabinet, counter: Counter, owner: User
) -> None:
    call = store_call(cabinet=cabinet)
    assert hold.call_off(row_of(call), actor=owner, now=timezone.now()) is True
    assert hold.call_off(row_of(call), actor=owner, now=timezone.now()) is False

    # CallKeeper corrects the call afterwards.
    decide([call.pk], now=timezone.now())

    assert state_of(call) == (DeliveryState.SKIPPED, "called_off")
    assert batching.build_uploads(now=timezone.now() + timedelta(hours=1)) == 0
    assert hold.release(row_of(call), actor=owner, now=timezone.now()) is True
    assert state_of(call) == (DeliveryState.WAITING, None)
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["delivery.called_off", "delivery.released"]


def test_a_call_in_a_file_is_not_called_off(
    cabinet: Cabinet, counter: Counter, owner: User
) -> None:
    call = store_call(cabinet=cabinet)
    seen: Delivery = row_of(call)
    batching.build_uploads(now=timezone.now() + timedelta(hours=1))

    assert hold.call_off(seen, actor=owner, now=timezone.now()) is False

    assert row_of(call).upload_id == Upload.objects.get().pk
    assert not AuditEvent.objects.exists()


def test_a_call_past_the_21_days_is_not_released(
    cabinet: Cabinet, counter: Counter, owner: User
) -> None:
    call = store_call(cabinet=cabinet)
    hold.call_off(row_of(call), actor=owner, now=timezone.now())
    late = call.started_at + timedelta(days=21)

    assert hold.release(row_of(call), actor=owner, now=late) is False
    assert state_of(call) == (DeliveryState.SKIPPED, "called_off")
