"""Calls that are stored without being sent: loaded only, or trial calls (`Call.hold_back`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import AuditEvent, CallSource
from calls.decision.decide import decide
from calls.decision.redecide import decide_again
from calls.delivery import batching
from calls.delivery.send_orders import order_call
from calls.ingest.parsing.record import read_records
from calls.ingest.store import store_calls
from calls.models import Call, Delivery, SendOrder, Way
from calls.queries.stats import excluded_by_settings
from calls.states import Channel, DeliveryState, HoldBack
from counters.models import Counter
from tests import factories

LOADED, TRIAL = HoldBack.LOADED, HoldBack.TRIAL
ITEM = factories.v3_record()


@pytest.fixture
def source(counter: Counter) -> CallSource:
    return factories.make_source(cabinet=counter.cabinet)


def store(source: CallSource, hold_back: HoldBack | None, **changes: Any) -> str:
    now = timezone.now()
    items = [ITEM | changes]
    records = read_records(items, source_id=source.public_id, zone=None, now=now)
    (result,) = store_calls(
        source=source, records=records, now=now, way=Way.API, hold_back=hold_back
    )
    return result.status


def row(call: Call, channel: Channel = Channel.CALLS) -> Delivery:
    rows = Delivery.objects.select_related("call", "counter", "cabinet")
    return rows.get(call_id=call.pk, channel=channel)


def state_of(call: Call) -> tuple[int, str | None]:
    return row(call).state, row(call).reason


@pytest.mark.parametrize(("hold_back", "reason"), [(LOADED, "held_back"), (TRIAL, "trial_call")])
def test_call_that_is_held_back_goes_by_a_persons_order_only(
    source: CallSource, owner: User, owner_client: Client, hold_back: HoldBack, reason: str
) -> None:
    assert store(source, hold_back) == "created"
    call = Call.objects.get()
    assert state_of(call) == (DeliveryState.SKIPPED, reason)
    decide_again(row(call).counter_id, now=timezone.now())
    assert batching.build_uploads(now=timezone.now() + timedelta(days=1)) == 0
    url = reverse("calls:send", args=[call.pk, row(call).counter_id])
    assert url in owner_client.get(reverse("calls:journey", args=[call.pk])).content.decode()
    assert ("пробный" in owner_client.get(url).content.decode()) == (hold_back is TRIAL)

    for _press in range(2):
        owner_client.post(url)

    assert SendOrder.objects.get().ordered_by == owner
    assert AuditEvent.objects.get().action == "delivery.send_ordered"
    # The order outlives what is decided later.
    Counter.objects.update(min_duration_seconds=10_000)
    decide_again(row(call).counter_id, now=timezone.now())
    decide([call.pk], now=timezone.now())
    assert state_of(call) == (DeliveryState.WAITING, None)
    page = owner_client.get(reverse("calls:journey", args=[call.pk])).content.decode()
    assert "Заказана отправка в этот счетчик" in page
    assert batching.build_uploads(now=timezone.now() + timedelta(hours=1)) == 1


def test_order_is_for_one_counter(source: CallSource, owner: User, counter: Counter) -> None:
    other = factories.make_counter(account=counter.account)
    store(source, TRIAL)
    call = Call.objects.get()
    rows = Delivery.objects.select_related("counter", "cabinet").filter(channel=Channel.CALLS)

    assert order_call(call, other, actor=owner, now=timezone.now()).sent == 1

    assert dict(rows.values_list("counter_id", "reason")) == {
        counter.pk: "trial_call",
        other.pk: None,
    }
    late = call.started_at + timedelta(days=21)
    assert order_call(call, counter, actor=owner, now=late).late == 1


def test_ordinary_record_ends_the_hold_of_a_loaded_call(source: CallSource) -> None:
    store(source, LOADED)
    assert store(source, LOADED) == "duplicate"
    assert Call.objects.get().hold_back == LOADED

    assert store(source, None) == "updated"

    call = Call.objects.get()
    assert (call.hold_back, call.revision) == (None, 2)
    assert state_of(call) == (DeliveryState.WAITING, None)
    assert store(source, None) == "duplicate"
    # What is sent already does not stop when a file with it is loaded.
    assert store(source, LOADED, duration="99") == "updated"
    assert Call.objects.get().hold_back is None
    assert state_of(call) == (DeliveryState.WAITING, None)


def test_ordinary_record_does_not_end_that_of_a_trial_call(source: CallSource) -> None:
    store(source, TRIAL)

    assert store(source, None) == "duplicate"
    assert store(source, None, duration="99") == "updated"

    call = Call.objects.get()
    assert call.hold_back == TRIAL
    assert state_of(call) == (DeliveryState.SKIPPED, "trial_call")


def test_hold_comes_after_the_filters_and_waits_for_no_settings(
    source: CallSource, counter: Counter
) -> None:
    earlier = timezone.now() - timedelta(days=1)
    Counter.objects.update(configured_at=None, settings_saved_at=None, added_at=earlier)
    store(source, LOADED)
    call = Call.objects.get()
    assert state_of(call) == (DeliveryState.SKIPPED, "not_configured")

    now = timezone.now()
    Counter.objects.update(configured_at=now, settings_saved_at=now, min_duration_seconds=10_000)
    decide_again(counter.pk, now=now)
    assert state_of(call) == (DeliveryState.SKIPPED, "too_short")
    Counter.objects.update(min_duration_seconds=0)
    decide_again(counter.pk, now=now)

    assert state_of(call) == (DeliveryState.SKIPPED, "held_back")
    assert excluded_by_settings(counter) == 0
