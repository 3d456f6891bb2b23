"""Calls from before a counter was connected, sent by a person's order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from cabinets.models import AuditEvent, Cabinet
from calls.decision.by_order import decide_by_order
from calls.delivery import earlier as earlier_module
from calls.delivery.earlier import EarlierCalls, send_earlier
from calls.models import Call, Delivery
from calls.queries import connection
from calls.queries.connection import earlier_count, earlier_of
from calls.states import DeliveryState
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
from tests.calls.stored import row_of, store_call
from tests.responses import messages_of

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

    assert earlier_count(counter, now=NOW) == ""
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


@pytest.fixture
def small_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order takes 4 calls, in chunks of 2."""
    monkeypatch.setattr(earlier_module, "MAX_PER_ORDER", 4)
    monkeypatch.setattr(earlier_module, "CHUNK", 2)
    monkeypatch.setattr(connection, "MAX_PER_ORDER", 4)


def store_hourly(cabinet: Cabinet, count: int) -> list[Call]:
    """Store calls of one hour, two hours … before NOW; none is decided."""
    hours = range(2, count + 2)
    return [
        store_call(cabinet=cabinet, started_at=NOW - timedelta(hours=hour), decided=False)
        for hour in hours
    ]


def waiting() -> set[int]:
    return set(Delivery.objects.waiting().values_list("call_id", flat=True))


@pytest.mark.usefixtures("small_orders")
def test_order_takes_the_latest_calls_and_leaves_the_rest_to_the_next(
    cabinet: Cabinet, connected: Counter
) -> None:
    calls = store_hourly(cabinet, 7)
    shown = earlier_of(connected, now=NOW)
    assert (shown.count, shown.fitting, shown.more) == (4, 4, True)
    assert shown.since == calls[3].started_at
    assert earlier_count(connected, now=NOW) == shown.count_text == "больше 4"

    first = send_earlier(counter=connected, actor=None, now=NOW)

    assert first == EarlierCalls(count=4, sent=4, more=True)
    assert waiting() == {call.pk for call in calls[:4]}
    assert Counter.objects.get().accepts_from == calls[3].started_at
    assert earlier_count(Counter.objects.get(), now=NOW) == "3"

    second = send_earlier(counter=connected, actor=None, now=NOW)

    assert second == EarlierCalls(count=3, sent=3, more=False)
    assert waiting() == {call.pk for call in calls}
    assert earlier_count(Counter.objects.get(), now=NOW) == ""


@pytest.mark.usefixtures("small_orders")
def test_calls_of_one_moment_are_never_divided(cabinet: Cabinet, connected: Counter) -> None:
    moment = NOW - timedelta(hours=2)
    calls = [store_call(cabinet=cabinet, started_at=moment, decided=False) for _ in range(5)]

    result = send_earlier(counter=connected, actor=None, now=NOW)

    assert result == EarlierCalls(count=5, sent=5)
    assert waiting() == {call.pk for call in calls}


@pytest.mark.usefixtures("small_orders")
def test_order_that_dies_between_chunks_is_finished_by_the_next(
    cabinet: Cabinet, connected: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = store_hourly(cabinet, 4)
    decide = decide_by_order
    decided: list[int] = []

    def die_in_the_second_chunk(counter_id: int, ids: list[int], *, now: datetime) -> None:
        decide(counter_id, ids, now=now)
        decided.extend(ids)
        if len(decided) > 2:
            raise RuntimeError("killed")

    monkeypatch.setattr(earlier_module, "decide_by_order", die_in_the_second_chunk)
    with pytest.raises(RuntimeError):
        send_earlier(counter=connected, actor=None, now=NOW)
    assert waiting() == {call.pk for call in calls[:2]}
    assert Counter.objects.get().accepts_from == calls[1].started_at
    monkeypatch.setattr(earlier_module, "decide_by_order", decide)

    assert send_earlier(counter=connected, actor=None, now=NOW) == EarlierCalls(2, 2)

    assert waiting() == {call.pk for call in calls}
    assert Delivery.objects.waiting().count() == 4


@pytest.mark.usefixtures("small_orders")
def test_page_and_settings_name_no_more_calls_than_one_order_takes(
    cabinet: Cabinet, connected: Counter, owner_client: Client
) -> None:
    store_hourly(cabinet, 6)
    url = reverse("calls:send-earlier", args=[connected.pk])

    page = owner_client.get(url).content.decode()
    settings_page = owner_client.get(reverse("counters:settings", args=[connected.pk]))
    (message,) = messages_of(owner_client.post(url))

    assert "Таких звонков за последние 21 день: больше 4." in page
    assert "За один раз отправляются 4 самых поздних" in page
    assert "пришло звонков: больше 4. Сами они не уйдут." in settings_page.content.decode()
    assert message.endswith("Ещё более ранние звонки остались: отправьте их так же, ещё раз.")
