"""Clock skew of Metrika: read from answers, stored in a row, applied to the day of the budget."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import responses
import time_machine
from django.db import DatabaseError
from pytest_django import Settings

from devtools.sandbox import RunningSandbox, start_sandbox
from integrations.clients import metrika_client
from integrations.limits import clock_skew, request_budget
from integrations.limits.request_budget import BudgetSpent, Kind
from integrations.models import MetrikaClock, RequestDay, YandexAccount
from tests.devtools.sandbox.actor import Actor, control

NOON = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
BEFORE_MIDNIGHT = datetime(2026, 6, 10, 23, 58, tzinfo=UTC)
UID = "1100000001"


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[RunningSandbox]:
    running = start_sandbox()
    settings.METRIKA_API_URL = running.url
    yield running
    running.close()


@pytest.mark.contract("C3")
@pytest.mark.parametrize(
    ("seconds", "stored"),
    [(0, 0), (29, 0), (-29, 0), (30, 30), (-30, -30), (86_400, 86_400), (86_401, 0)],
)
def test_difference_is_stored_between_30_seconds_and_a_day(
    db: None, seconds: int, stored: int
) -> None:
    record_server_time(seconds, seconds, seconds)

    assert clock_skew.ahead() == timedelta(seconds=stored)


@pytest.mark.contract("C3")
@pytest.mark.parametrize(
    ("differences", "stored"),
    [
        ([300, 300], 0),
        ([300, 0, 300, 300], 0),
        ([300, 310, 295], 295),
        ([300, -300, 300], 0),
        ([300, 300, 300, 0, 0], 300),
        ([300, 300, 300, 0, 0, 0], 0),
        ([300, 300, 300, 320], 300),
    ],
)
def test_difference_is_adopted_after_three_answers_in_a_row(
    db: None, differences: list[int], stored: int
) -> None:
    record_server_time(*differences)

    assert clock_skew.ahead() == timedelta(seconds=stored)


def record_server_time(*differences: int) -> None:
    with time_machine.travel(NOON, tick=False):
        for seconds in differences:
            clock_skew.record_server_time(NOON + timedelta(seconds=seconds))


def test_database_error_while_recording_the_time_is_not_raised(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(seconds: int, now: datetime) -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(clock_skew, "_update", fail)

    clock_skew.record_server_time(NOON)

    assert not MetrikaClock.objects.exists()


@pytest.mark.contract("C3")
def test_day_of_a_request_follows_the_clock_of_metrikas_answers(
    account: YandexAccount, sandbox: RunningSandbox, settings: Settings
) -> None:
    settings.METRIKA_DAILY_REQUESTS = 1
    person = Actor(sandbox)
    person.link()
    account.access_token = person.token
    with time_machine.travel(BEFORE_MIDNIGHT, tick=False):
        request_budget.release(request_budget.acquire(UID, Kind.OTHER))
        with pytest.raises(BudgetSpent) as spent:
            request_budget.acquire(UID, Kind.OTHER)
        assert spent.value.retry_at == BEFORE_MIDNIGHT + timedelta(minutes=2)
        control(sandbox, "clock", advance_seconds=300)

        client = metrika_client(account)
        for _ in range(3):
            client.counters()
        client.close()

        assert clock_skew.ahead() == timedelta(minutes=5)
        # At Metrika the next day has begun; it ends five minutes before ours.
        request_budget.release(request_budget.acquire(UID, Kind.OTHER))
        with pytest.raises(BudgetSpent) as spent:
            request_budget.acquire(UID, Kind.OTHER)
    assert spent.value.retry_at == datetime(2026, 6, 11, 23, 55, tzinfo=UTC)
    days = RequestDay.objects.order_by("day").values_list("day", "other")
    assert list(days) == [(date(2026, 6, 10), 1), (date(2026, 6, 11), 1)]
    person.browser.close()


@pytest.mark.contract("C3")
@pytest.mark.parametrize(
    "header",
    [
        "Wed, 10 Jun 2026 12:00:40 GMT, Wed, 10 Jun 2026 12:00:40 GMT",
        "Wed, 10 Jun 2026 12:00:40",
        "Wed, 10 Jun 2026 15:00:40 +0300",
        "Wed, 10 Jun 2026 15:00:40 MSK",
    ],
)
@responses.activate
def test_a_date_that_is_no_http_date_never_shifts_the_clock(
    account: YandexAccount, settings: Settings, header: str
) -> None:
    responses.get(
        f"{settings.METRIKA_API_URL}/management/v1/counters",
        json={"rows": 0, "counters": []},
        headers={"Date": header},
    )
    with time_machine.travel(NOON, tick=False):
        client = metrika_client(account)
        for _ in range(5):
            client.counters()
        client.close()

    assert clock_skew.ahead() == timedelta(0)
    assert not MetrikaClock.objects.exists()
