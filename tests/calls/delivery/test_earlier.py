"""Calls from before a counter was connected, sent by a person's order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User

from cabinets.models import AuditEvent, Cabinet
from calls.delivery.earlier import EarlierCalls, send_earlier
from calls.models import Delivery
from calls.queries.connection import count_earlier_calls, earlier_of
from calls.states import DeliveryState
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
from tests.calls.stored import row_of, store_call

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
CONNECTED_AT = NOW - timedelta(hours=1)


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def connected(account: YandexAccount) -> Counter:
    return factories.make_counter(
        account=account, accepts_from=CONNECTED_AT, min_duration_seconds=60
    )


def test_order_sends_calls_of_the_last_21_days_that_fit(
    cabinet: Cabinet, connected: Counter, owner: User
) -> None:
    first = NOW - timedelta(days=21) + timedelta(minutes=1)
    never_decided = store_call(cabinet=cabinet, started_at=first, decided=False)
    refused = store_call(cabinet=cabinet, started_at=NOW - timedelta(days=1))
    short = store_call(cabinet=cabinet, started_at=NOW - timedelta(days=1), duration_seconds=5)
    too_old = store_call(cabinet=cabinet, started_at=NOW - timedelta(days=21))
    earlier = earlier_of(connected, now=NOW)
    assert (earlier.count, earlier.fitting, earlier.unlisted) == (3, 2, 1)
    assert earlier.since == first
    assert row_of(refused).reason == "before_connection"

    result = send_earlier(counter=connected, actor=owner, now=NOW)

    assert result == EarlierCalls(count=3, sent=2)
    assert row_of(never_decided).state == row_of(refused).state == DeliveryState.WAITING
    assert (row_of(short).reason, row_of(too_old).reason) == ("too_short", "before_connection")
    assert Counter.objects.get().accepts_from == first
    event = AuditEvent.objects.get(action="counter.accepts_earlier")
    assert (event.actor, event.before) == (owner, {"accepts_from": CONNECTED_AT.isoformat()})
    assert event.after == {"accepts_from": first.isoformat()}


def test_second_order_changes_nothing(cabinet: Cabinet, connected: Counter, owner: User) -> None:
    store_call(cabinet=cabinet, started_at=NOW - timedelta(days=1))
    send_earlier(counter=connected, actor=owner, now=NOW)
    before = list(Delivery.objects.order_by("pk").values())

    assert send_earlier(counter=connected, actor=owner, now=NOW) == EarlierCalls(0, 0)

    assert list(Delivery.objects.order_by("pk").values()) == before
    assert AuditEvent.objects.filter(action="counter.accepts_earlier").count() == 1


@pytest.mark.parametrize(
    "fields",
    [{"accepts_from": None}, {"configured_at": None, "accepts_from": None, "added_at": NOW}],
    ids=["no bound", "not configured"],
)
def test_nothing_to_order(cabinet: Cabinet, connected: Counter, fields: dict[str, Any]) -> None:
    Counter.objects.update(**fields)
    counter = Counter.objects.get()
    store_call(cabinet=cabinet, started_at=NOW - timedelta(days=1))

    assert count_earlier_calls(counter, now=NOW) == 0
    assert send_earlier(counter=counter, actor=None, now=NOW) == EarlierCalls(0, 0)
    assert Counter.objects.get().accepts_from is None


def test_calls_with_another_fate_are_left_alone(
    cabinet: Cabinet, connected: Counter, owner: User
) -> None:
    called_off = store_call(cabinet=cabinet, started_at=NOW - timedelta(days=1))
    Delivery.objects.update(state=DeliveryState.SKIPPED, reason="called_off")
    test_call = store_call(cabinet=cabinet, started_at=NOW - timedelta(days=1), is_test=True)

    going_on = store_call(
        cabinet=cabinet, started_at=NOW - timedelta(days=1), is_finished=False, decided=False
    )

    assert send_earlier(counter=connected, actor=owner, now=NOW) == EarlierCalls(0, 0)
    assert not Delivery.objects.filter(call_id=going_on.pk).exists()
    assert (row_of(called_off).reason, row_of(test_call).reason) == ("called_off", "test_call")


def test_order_for_one_counter_leaves_the_others(cabinet: Cabinet, connected: Counter) -> None:
    other = factories.make_counter(account=connected.account, accepts_from=CONNECTED_AT)
    call = store_call(cabinet=cabinet, started_at=NOW - timedelta(days=1))

    send_earlier(counter=connected, actor=None, now=NOW)

    states = Delivery.objects.filter(call_id=call.pk, channel=1).values_list("counter", "reason")
    assert dict(states) == {connected.pk: None, other.pk: "before_connection"}
    assert Counter.objects.get(pk=other.pk).accepts_from == CONNECTED_AT


def test_order_for_a_counter_that_is_off_waits_for_the_switch(
    cabinet: Cabinet, connected: Counter
) -> None:
    Counter.objects.update(enabled=False)
    call = store_call(cabinet=cabinet, started_at=NOW - timedelta(days=1))

    assert send_earlier(counter=connected, actor=None, now=NOW) == EarlierCalls(1, 1)
    assert row_of(call).state == DeliveryState.WAITING


def test_order_for_a_removed_counter_is_refused(cabinet: Cabinet, connected: Counter) -> None:
    call = store_call(cabinet=cabinet, started_at=NOW - timedelta(days=1))
    Counter.objects.update(removed_at=NOW)

    with pytest.raises(Counter.DoesNotExist):
        send_earlier(counter=connected, actor=None, now=NOW)

    assert row_of(call).reason == "before_connection"
