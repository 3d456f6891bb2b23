"""What expires past the 21 days, and what a removed counter leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import time_machine
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, expiry, recovery, sending
from calls.models import Upload
from calls.states import Attention, DeliveryState
from counters.models import Counter
from tests.calls.stored import row_of, store_call

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)


def test_calls_past_the_horizon_expire(cabinet: Cabinet, linked_counter: Counter) -> None:
    with time_machine.travel(NOW, tick=False):
        batched = store_call(cabinet=cabinet, started_at=NOW, duration_seconds=0)
        batching.build_uploads(now=NOW)
        waiting = store_call(cabinet=cabinet, started_at=NOW)

    assert expiry.expire_overdue(now=NOW + timedelta(days=21) - timedelta(seconds=1)) == 0
    assert expiry.expire_overdue(now=NOW + timedelta(days=21)) == 2

    assert row_of(waiting).state == DeliveryState.EXPIRED
    assert row_of(batched).state == DeliveryState.BATCHED
    assert Upload.objects.get().attention == Attention.EXPIRED


def test_an_upload_left_by_a_removed_counter_is_cancelled(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    Counter.objects.filter(pk=linked_counter.pk).update(removed_at=timezone.now())

    assert expiry.expire_overdue(now=timezone.now()) == 1

    upload = Upload.objects.get()
    assert (upload.state, upload.attention) == ("cancelled", Attention.COUNTER_REMOVED)


def test_an_upload_unclear_for_21_days_needs_attention(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    with time_machine.travel(NOW, tick=False):
        store_call(cabinet=cabinet, started_at=NOW, duration_seconds=0)
        batching.build_uploads(now=NOW)
        sending.claim(Upload.objects.get(), now=NOW)
    recovery.release_stuck(now=NOW + timedelta(hours=1))

    assert expiry.expire_overdue(now=NOW + timedelta(days=21) - timedelta(seconds=1)) == 0
    assert expiry.expire_overdue(now=NOW + timedelta(days=21)) == 1

    upload = Upload.objects.get()
    assert (upload.state, upload.attention) == ("needs_attention", Attention.UNKNOWN_FATE)
