"""How soon calls are with Metrika: percentiles, late calls with their cause, page and metrics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from cabinets.audit import log_change
from callkeeper_metrika.schedule import SCHEDULE
from calls.models import Delivery, DeliveryDelay, Freshness, MovedDelay, Upload, UploadAttempt
from calls.queries import freshness, late
from calls.queries.late_arrived import arrived
from calls.states import Channel, DeliveryState, UploadState
from counters.models import Counter
from integrations.models import RequestDay, YandexOutage
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.factories import make_counter

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def accept(counter: Counter, minutes: float, *, error: str = "", **fields: Any) -> None:
    """A call of which the file was accepted half an hour ago, so many minutes after its end."""
    accepted = NOW - 30 * MINUTE
    end = accepted - minutes * MINUTE
    call = make_call(
        cabinet=counter.cabinet,
        started_at=end - 3 * MINUTE,
        duration_seconds=150,
        hold_seconds=30,
        **{"received_at": end, "updated_at": end} | fields,
    )
    upload = make_upload(
        counter=counter,
        created_at=call.received_at + MINUTE / 2,
        oldest_call_at=call.started_at,
        accepted_at=accepted,
        attempts=2 if error else 1,
    )
    if error:
        UploadAttempt.objects.create(
            upload=upload, number=1, started_at=end, ended_at=end, error_class=error
        )
    UploadAttempt.objects.create(upload=upload, number=2, started_at=accepted - MINUTE / 6)
    make_delivery(call=call, counter=counter, upload=upload, row_number=1)


def test_percentiles_and_late_calls(
    clock: time_machine.Traveller, counter: Counter, owner_client: Client
) -> None:
    for _call in range(9):
        accept(counter, 2)
    accept(counter, 180, error="Unreachable")
    freshness.count(now=NOW)
    freshness.count(now=NOW)

    stored = Freshness.objects.get(counter=counter)
    assert (stored.day_calls, stored.week_calls) == (10, 10)
    # The upper edge of a bucket that is 5 % wide.
    assert (stored.day_p50, stored.day_p95) == (126, 11147)
    overall = Freshness.objects.get(counter=None)
    assert (overall.day_calls, overall.day_p95) == (10, stored.day_p95)

    (one,), is_cut = arrived(counter.cabinet, now=NOW)
    assert (one.delay, one.cause, is_cut) == (180 * MINUTE, "Метрика не отвечала", False)
    early = make_call(cabinet=counter.cabinet, started_at=NOW - 120 * MINUTE)
    held = {"state": DeliveryState.WAITING, "not_before": NOW + 60 * MINUTE}
    make_delivery(call=early, counter=counter, **held)
    ready: dict[str, Any] = {"state": UploadState.READY, "uploading_id": None, "accepted_at": None}
    # Of a file on its way the calls that began more than an hour ago are counted.
    file = make_upload(counter=counter, rows=2, oldest_call_at=NOW - 90 * MINUTE, **ready)
    for number, minutes in enumerate((90, 30), start=1):
        call = make_call(cabinet=counter.cabinet, started_at=NOW - minutes * MINUTE)
        make_delivery(call=call, counter=counter, upload=file, row_number=number)
    goal = {"state": DeliveryState.WAITING, "channel": Channel.GOAL}
    make_delivery(call=early, counter=counter, not_before=NOW, **goal)
    waiting = [
        (row.cause, row.channel, row.calls) for row in late.waiting(counter.cabinet, now=NOW)
    ]
    assert waiting == [
        ("Отложены настройками счетчика", Channel.CALLS, 1),
        ("Ждут очереди на отправку", Channel.GOAL, 1),
        ("Ждут очереди на отправку", Channel.CALLS, 1),
    ]
    # Each number leads to exactly its calls.
    for one in owner_client.get("/lk/integrations/freshness").context["waiting"]:
        listed = owner_client.get(one["url"]).context
        assert (len(listed["rows"]), listed["chart_count"]) == (one["row"].calls, "1")
    page = owner_client.get("/lk/integrations/freshness").content.decode()
    assert ("3 ч 0 мин" in page, "Отложены настройками" in page) == (True, True)
    metrics = owner_client.get("/metrics").content.decode()
    assert f'freshness_seconds{{quantile="0.95"}} {float(stored.day_p95 or 0)}' in metrics
    assert f'counter="{counter.cabinet_id}/{counter.number}"' in metrics


def test_call_of_both_channels_is_counted_once_by_the_last_file(
    clock: time_machine.Traveller, counter: Counter, owner_client: Client
) -> None:
    accept(counter, 60)
    accept(counter, 61)
    freshness.count(now=NOW)
    one = Delivery.objects.select_related("call", "upload").earliest("pk")
    at, hour = {"started_at": NOW + 178 * MINUTE}, 60 * MINUTE
    file = make_upload(counter=counter, accepted_at=NOW + 3 * hour, uploading_id=7)
    UploadAttempt.objects.create(upload=file, number=1, **at)
    make_delivery(call=one.call, counter=counter, upload=file, channel=Channel.GOAL, row_number=1)
    for _again in range(2):
        freshness.count(now=NOW + 3 * hour + MINUTE)
        stored = Freshness.objects.get(counter=counter)
        assert (stored.day_calls, stored.week_calls) == (2, 2)
        # 4 h 30 min, and 61 minutes.
        assert 61 * 60 <= (stored.day_p50 or 0) < 65 * 60 < 270 * 60 <= (stored.day_p95 or 0)
    page = owner_client.get("/lk/integrations/freshness").content.decode()
    assert "Звонок считается один раз" in page

    # A third call has both of its files in the same hour, and the second call its other one later.
    other = Delivery.objects.select_related("call").exclude(call=one.call).get()
    late_file = make_upload(counter=counter, accepted_at=NOW + 73 * hour, uploading_id=8)
    UploadAttempt.objects.create(upload=late_file, number=1, started_at=NOW + 73 * hour)
    goal: dict[str, Any] = {"counter": counter, "channel": Channel.GOAL, "upload": late_file}
    make_delivery(call=other.call, row_number=1, **goal)
    third = make_call(cabinet=counter.cabinet, started_at=NOW + 72 * hour)
    make_delivery(call=third, row_number=2, **goal)
    first_file = make_upload(counter=counter, accepted_at=NOW + 73 * hour - MINUTE, uploading_id=9)
    UploadAttempt.objects.create(upload=first_file, number=1, started_at=NOW + 72 * hour)
    make_delivery(call=third, counter=counter, upload=first_file, row_number=1)

    def counted(now: datetime) -> tuple[int, list[tuple[Any, ...]]]:
        hours = freshness.count(now=now)
        fields = ("counter", "day_calls", "day_p50", "day_p95", "week_calls", "week_p95")
        return hours, list(Freshness.objects.order_by("pk").values_list(*fields))

    hours, later = counted(NOW + 73 * hour + MINUTE)
    # The hours since the last count, not those of the first files.
    assert (hours, [row[4] for row in later]) == (70, [3, 3])
    assert counted(NOW + 73 * hour + 2 * MINUTE) == (1, later)
    # Hours of another version, such as a delivery for each channel, are counted anew.
    Freshness.objects.update(version=None)
    DeliveryDelay.objects.create(counter=counter, hour=NOW, bucket=7, calls=99)
    assert counted(NOW + 73 * hour + 2 * MINUTE) == (168, later)
    assert sum(DeliveryDelay.objects.values_list("calls", flat=True)) == 3 + 3
    assert sum(MovedDelay.objects.values_list("calls", flat=True)) == 3


def test_page_says_what_is_counted(
    clock: time_machine.Traveller, counter: Counter, owner_client: Client
) -> None:
    assert SCHEDULE["count-freshness"]["schedule"] == freshness.COUNTED_EVERY.total_seconds()

    def page() -> str:
        return owner_client.get("/lk/integrations/freshness").content.decode()

    assert ("первый подсчёт — через 5 мин" in page(), "Посчитано:" in page()) == (True, False)
    freshness.count(now=NOW - 60 * MINUTE)
    assert "За 7 дней Метрика не приняла ни одного звонка." in page()
    accept(counter, 26 * 60, received_at=NOW - 31 * MINUTE)
    assert "Первые звонки приняты после подсчёта." in page()
    freshness.count(now=NOW)
    assert "только звонки, которые пришли к нам позже чем через сутки" in page()
    accept(counter, 2)
    freshness.count(now=NOW)
    make_counter(account=counter.account, name="Новый", number=91234568)
    assert "такого звонка в счетчиках: «Новый»." in page()
    Counter.objects.update(enabled=False)
    assert ("«Новый» (выключен)" in page(), "только включённые" in page()) == (True, True)


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"received_at": NOW - 40 * MINUTE}, "Поздно пришёл от источника"),
        # The file waited, and was taken at the first attempt.
        (
            {},
            "Ждал очереди: файл собран 23 ноября, 12:30, принят с первой попытки 23 ноября, 14:30",
        ),
    ],
)
def test_cause_is_the_longest_part_of_the_way(
    clock: time_machine.Traveller, counter: Counter, fields: dict[str, Any], cause: str
) -> None:
    accept(counter, 120, **fields)
    assert [one.cause for one in arrived(counter.cabinet, now=NOW)[0]] == [cause]


def test_wait_in_the_queue_is_explained_by_what_ended_in_it(
    clock: time_machine.Traveller, counter: Counter, owner_client: Client
) -> None:
    accept(counter, 25 * 60)
    upload, delivery = Upload.objects.get(), Delivery.objects.get()
    Delivery.objects.update(not_before=delivery.call.received_at)
    # A row of the other channel in the same file: the call is listed once.
    make_delivery(
        call=delivery.call,
        counter=counter,
        upload=upload,
        channel=Channel.GOAL,
        not_before=delivery.call.received_at,
    )

    def cause() -> str:
        (one,) = arrived(counter.cabinet, now=NOW)[0]
        assert (one.channels, one.delay) == ((Channel.CALLS, Channel.GOAL), 25 * 60 * MINUTE)
        return one.cause

    assert cause().startswith("Ждал очереди: файл собран 22 ноября, 13:30, принят с первой")
    day, hour = NOW.date(), 60 * MINUTE
    pause = {"yandex_uid": counter.account.yandex_uid, "day": day}
    RequestDay.objects.create(**pause, paused_until=NOW - 12 * hour)
    assert cause() == "Был исчерпан лимит запросов Яндекса"
    outage = {"outcome": "Unreachable", "began_at": NOW - 20 * hour}
    YandexOutage.objects.create(**outage, ended_at=NOW - 10 * hour)
    assert cause() == "У Яндекса был сбой"
    with time_machine.travel(NOW - 8 * hour, tick=False):
        log_change(
            cabinet=counter.cabinet,
            actor=None,
            action="counter.switched",
            subject=counter,
            before={"enabled": False},
            after={"enabled": True},
        )
    assert cause() == "Счетчик был выключен"
    Upload.objects.update(created_at=NOW - hour)
    Delivery.objects.update(decided_at=NOW - hour, not_before=NOW - hour)
    assert cause().startswith("Отправка разрешена позже")
    page = owner_client.get("/lk/integrations/freshness").content.decode()
    assert ("Звонки, Цель" in page, "25 ч 0 мин" in page) == (True, True)


def test_call_that_came_days_late_is_counted_from_its_arrival(
    clock: time_machine.Traveller, counter: Counter, owner_client: Client
) -> None:
    hour = 60 * MINUTE
    came: dict[str, Any] = {"received_at": NOW - 26 * hour, "updated_at": NOW - 26 * hour}
    accept(counter, 74 * 60, error="Unreachable", **came)
    Delivery.objects.update(decided_at=NOW - 26 * hour, not_before=None)
    quick: dict[str, Any] = {"received_at": NOW - hour, "updated_at": NOW - hour}
    accept(counter, 75 * 60, **quick)

    (one,) = arrived(counter.cabinet, now=NOW)[0]

    assert (one.delay, one.cause) == (25.5 * hour, "Метрика не отвечала")
    # Rounded up, as in the table of the counters.
    Upload.objects.update(accepted_at=NOW - 90 * MINUTE + MINUTE / 60)
    page = owner_client.get("/lk/integrations/freshness").content.decode()
    assert "24 ч 31 мин" in page
