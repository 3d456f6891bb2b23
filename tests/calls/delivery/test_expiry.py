"""What expires past the 21 days, and what a removed counter leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.redecide import decide_again
from calls.delivery import batching, expiry, recovery, sending
from calls.models import Delivery, Upload
from calls.states import Attention, DeliveryState
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
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


def unsaved_counter(account: YandexAccount) -> Counter:
    return factories.make_counter(
        account=account, added_at=NOW, configured_at=None, settings_saved_at=None
    )


def test_calls_that_waited_for_settings_expire_in_batches(
    cabinet: Cabinet, account: YandexAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsaved_counter(account)
    monkeypatch.setattr(expiry, "MOST_ROWS", 2)
    with time_machine.travel(NOW, tick=False):
        calls = [store_call(cabinet=cabinet, started_at=NOW) for _ in range(2)]
    end = NOW + timedelta(days=21)

    assert expiry.expire_overdue(now=end - timedelta(seconds=1)) == 0
    assert [expiry.expire_overdue(now=end) for _ in range(3)] == [2, 2, 0]

    for call in calls:
        assert (row_of(call).state, row_of(call).reason) == (DeliveryState.EXPIRED, None)


def test_excluded_calls_past_the_horizon_do_not_return(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    with time_machine.travel(NOW, tick=False):
        call = store_call(cabinet=cabinet, started_at=NOW)
        Counter.objects.filter(pk=linked_counter.pk).update(min_duration_seconds=600)
        decide_again(linked_counter.pk, now=NOW)
    assert (row_of(call).reason, row_of(call).waited) == ("too_short", True)
    Counter.objects.filter(pk=linked_counter.pk).update(min_duration_seconds=0, version=2)
    end = NOW + timedelta(days=21)

    decide_again(linked_counter.pk, now=end)

    assert (row_of(call).reason, row_of(call).settings_version) == ("too_short", 1)
    assert expiry.expire_overdue(now=end) == 1
    assert (row_of(call).state, row_of(call).reason) == (DeliveryState.SKIPPED, "too_short")
    assert not Delivery.objects.filter(waited=True).exists()


def test_expired_calls_are_left_alone_by_the_first_save(
    cabinet: Cabinet, account: YandexAccount
) -> None:
    counter = unsaved_counter(account)
    with time_machine.travel(NOW, tick=False):
        call = store_call(cabinet=cabinet, started_at=NOW)
    before = row_of(call)
    assert (before.reason, before.waited) == ("not_configured", True)
    end = NOW + timedelta(days=21)
    Counter.objects.filter(pk=counter.pk).update(configured_at=end, version=9)

    decide_again(counter.pk, now=end)

    assert row_of(call).settings_version == before.settings_version
    assert row_of(call).decided_at == before.decided_at
