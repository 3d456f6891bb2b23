"""The difference of the clocks: heard in answers, kept in a row, obeyed by the day's budget."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import DatabaseError
from pytest_django import Settings

from integrations import budget, metrika_clock
from integrations.budget import BudgetSpent, Kind
from integrations.clients import metrika_client
from integrations.models import MetrikaClock, RequestDay, YandexAccount
from integrations.sandbox import RunningSandbox, start_sandbox
from tests.integrations.sandbox.actor import Actor, control

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
    ("seconds", "kept"),
    [(0, 0), (29, 0), (-29, 0), (30, 30), (-30, -30), (86_400, 86_400), (86_401, 0)],
)
def test_what_is_kept_of_a_difference(db: None, seconds: int, kept: int) -> None:
    with time_machine.travel(NOON, tick=False):
        metrika_clock.hear(NOON + timedelta(seconds=seconds))

    assert metrika_clock.ahead() == timedelta(seconds=kept)


def test_row_is_written_only_when_the_difference_changes(db: None) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        metrika_clock.hear(NOON + timedelta(seconds=100))
        clock.shift(3600)
        metrika_clock.hear(NOON + timedelta(seconds=3600 + 120))
        assert MetrikaClock.objects.values_list().get() == (1, 100, NOON)

        metrika_clock.hear(NOON + timedelta(seconds=3600 + 10))

    later = NOON + timedelta(hours=1)
    assert MetrikaClock.objects.values_list().get() == (1, 0, later)


def test_database_that_cannot_note_it_spoils_no_answer(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> timedelta:
        raise DatabaseError("away")

    monkeypatch.setattr(metrika_clock, "ahead", fail)

    metrika_clock.hear(NOON)

    assert not MetrikaClock.objects.exists()


@pytest.mark.contract("C3")
def test_day_of_a_request_is_metrikas_whose_clock_is_heard_in_its_answers(
    account: YandexAccount, sandbox: RunningSandbox, settings: Settings
) -> None:
    settings.METRIKA_DAILY_REQUESTS = 1
    person = Actor(sandbox)
    person.link()
    account.access_token = person.token
    with time_machine.travel(BEFORE_MIDNIGHT, tick=False):
        budget.give_back(budget.take(UID, Kind.OTHER))
        with pytest.raises(BudgetSpent) as spent:
            budget.take(UID, Kind.OTHER)
        assert spent.value.retry_at == BEFORE_MIDNIGHT + timedelta(minutes=2)
        control(sandbox, "clock", advance_seconds=300)

        client = metrika_client(account)
        client.counters()
        client.close()

        assert metrika_clock.ahead() == timedelta(minutes=5)
        # There the next day has begun, and ends five minutes before ours.
        budget.give_back(budget.take(UID, Kind.OTHER))
        with pytest.raises(BudgetSpent) as spent:
            budget.take(UID, Kind.OTHER)
    assert spent.value.retry_at == datetime(2026, 6, 11, 23, 55, tzinfo=UTC)
    days = RequestDay.objects.order_by("day").values_list("day", "other")
    assert list(days) == [(date(2026, 6, 10), 1), (date(2026, 6, 11), 1)]
    person.browser.close()
