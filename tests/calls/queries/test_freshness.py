"""How soon calls are with Metrika: percentiles, late calls with their cause, page and metrics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from callkeeper_metrika.schedule import SCHEDULE
from calls.models import Freshness, UploadAttempt
from calls.queries import freshness, late
from calls.states import DeliveryState, UploadState
from counters.models import Counter
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
    # A bucket is 5 % wide.
    assert stored.day_p50 == pytest.approx(120, 0.03)
    assert stored.day_p95 == pytest.approx(180 * 60, 0.03)
    overall = Freshness.objects.get(counter=None)
    assert (overall.day_calls, overall.day_p95) == (10, stored.day_p95)

    (one,) = late.arrived(counter.cabinet, now=NOW)
    assert (one.delay, one.cause) == (180 * MINUTE, "Метрика не отвечала")
    early = make_call(cabinet=counter.cabinet, started_at=NOW - 120 * MINUTE)
    held = {"state": DeliveryState.WAITING, "not_before": NOW + 60 * MINUTE}
    make_delivery(call=early, counter=counter, **held)
    ready: dict[str, Any] = {"state": UploadState.READY, "uploading_id": None, "accepted_at": None}
    make_upload(counter=counter, rows=7, oldest_call_at=NOW - 90 * MINUTE, **ready)
    waiting = [(row.cause, row.calls) for row in late.waiting(counter.cabinet, now=NOW)]
    assert waiting == [
        ("Отложены настройками счетчика", 1),
        ("Ждут очереди на отправку", 7),
    ]
    page = owner_client.get("/lk/integrations/freshness").content.decode()
    assert ("3 ч 0 мин" in page, "Отложены настройками" in page) == (True, True)
    metrics = owner_client.get("/metrics").content.decode()
    assert f'freshness_seconds{{quantile="0.95"}} {float(stored.day_p95 or 0)}' in metrics
    assert f'counter="{counter.cabinet_id}/{counter.number}"' in metrics


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
        ({}, "Ждал очереди на отправку"),
    ],
)
def test_cause_is_the_longest_part_of_the_way(
    clock: time_machine.Traveller, counter: Counter, fields: dict[str, Any], cause: str
) -> None:
    accept(counter, 120, **fields)
    assert [one.cause for one in late.arrived(counter.cabinet, now=NOW)] == [cause]
