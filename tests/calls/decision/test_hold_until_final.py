"""Calls are held until they are final: for the last attempt of an order, or for their tags."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from cabinets.models import Cabinet
from calls.decision.decide import decide
from calls.models import Call
from calls.states import DeliveryState
from counters.models import Counter
from tests.calls.stored import row_of, store_call
from tests.responses import text_of

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
ORDER: dict[str, Any] = {"kind": "callback", "order_key": 10, "status": "fail"}


@pytest.fixture(autouse=True)
def holding(counter: Counter) -> None:
    Counter.objects.update(
        hold_for_last_attempt=True, hold_for_tags=True, hold_hours=48, last_attempt_only=True
    )


@time_machine.travel(NOW, tick=False)
def test_call_without_tags_waits_for_them_and_goes_at_once_when_they_come(
    cabinet: Cabinet, owner_client: Client
) -> None:
    call = store_call(cabinet=cabinet, tags=[], started_at=NOW - timedelta(hours=1))
    tagged = store_call(cabinet=cabinet)
    ceiling = call.started_at + timedelta(seconds=152, hours=48)

    page = text_of(owner_client.get(reverse("calls:journey", args=[call.pk])))
    held_until = row_of(call).not_before
    with time_machine.travel(NOW + timedelta(hours=3), tick=False):
        Call.objects.filter(pk=call.pk).update(tags=["Целевой"])
        decide([call.pk], now=NOW + timedelta(hours=3))

    assert (held_until, row_of(tagged).not_before) == (ceiling, NOW)
    assert "Ждёт тегов, но не дольше, чем до 27 ноября, 14:02. Придут теги — уйдёт сразу." in page
    row = row_of(call)
    assert (row.state, row.not_before) == (DeliveryState.WAITING, NOW + timedelta(hours=3))


@time_machine.travel(NOW, tick=False)
def test_failed_attempt_waits_for_the_next_one_up_to_the_ceiling(
    cabinet: Cabinet, owner_client: Client
) -> None:
    first = store_call(cabinet=cabinet, attempt=1, **ORDER)
    held_until = row_of(first).not_before
    page = text_of(owner_client.get(reverse("calls:journey", args=[first.pk])))
    second = store_call(cabinet=cabinet, attempt=2, **ORDER | {"status": "success"})

    assert held_until == NOW + timedelta(hours=48)
    assert "Ждёт следующей попытки дозвониться, но не дольше, чем до 27 ноября, 15:00." in page
    assert row_of(first).reason == "not_last_attempt"
    assert row_of(second).not_before == NOW


@time_machine.travel(NOW, tick=False)
def test_ceiling_ends_a_day_before_metrika_cannot_link_the_call(cabinet: Cabinet) -> None:
    Counter.objects.update(hold_hours=480)
    call = store_call(cabinet=cabinet, tags=[], started_at=NOW - timedelta(hours=1))

    assert row_of(call).not_before == call.started_at + timedelta(days=20)
