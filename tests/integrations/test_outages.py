"""An outage of Yandex is found in how requests end, and told at /status with its length."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse

from callkeeper_metrika import service_status
from calls.runtime import heartbeat
from integrations.limits import outages, outcomes, request_budget
from integrations.limits.outage_words import duration_of
from integrations.models import RequestOutcome, YandexOutage
from integrations.yandex.errors import TokenRejected, Unreachable, YandexError

NOW = datetime(2026, 11, 23, 11, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_status() -> None:
    service_status.forget()


def requests(error: YandexError | None, *, logins: int, each: int = 2) -> None:
    for login in range(logins):
        for _request in range(each):
            outcomes.record(str(login), error)


def test_outage_begins_and_ends(client: Client) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        heartbeat.beat()
        requests(None, logins=3)
        requests(Unreachable(), logins=1)
        assert outages.watch(now=NOW) == 0  # one login of three, two requests of eight
        clock.shift(12 * MINUTE)
        requests(Unreachable(), logins=3)
        began = NOW + 12 * MINUTE
        assert outages.watch(now=began + MINUTE) == 1
        assert outages.watch(now=began + MINUTE) == 0
        heartbeat.beat()
        page = client.get("/status")
        assert page.status_code == 200
        assert "Ничего не потеряно: звонки ждут и уйдут сами." in page.content.decode()
        assert f'href="{reverse("integrations:dashboard")}"' in page.content.decode()
        told = client.get("/status", headers={"accept": "application/json"}).json()
        assert (told["status"], told["sending"], told["yandex"]) == ("disrupted", "ok", "outage")
        assert [one["kind"] for one in told["incidents"]] == ["no_answer"]
        # Without requests nothing is known.
        clock.shift(30 * MINUTE)
        assert outages.watch(now=NOW + 42 * MINUTE) == 0
        requests(None, logins=2)
        assert outages.watch(now=NOW + 42 * MINUTE) == 1
    row = YandexOutage.objects.get()
    assert (row.began_at, row.ended_at) == (began, NOW + 42 * MINUTE)
    heartbeat.beat()
    service_status.forget()
    english = client.get("/status", headers={"accept-language": "en"}).content.decode()
    assert ("Everything works" in english, "30 min" in english) == (True, True)


def test_outage_that_is_over_does_not_begin_again() -> None:
    """Its failures are in the window by which the beginning is judged for some minutes more."""
    with time_machine.travel(NOW, tick=False) as clock:
        for number, error in enumerate([*[Unreachable()] * 7, *[None] * 9]):
            requests(error, logins=3)
            outages.watch(now=NOW + number * MINUTE)
            clock.shift(MINUTE)
    row = YandexOutage.objects.get()
    assert (row.began_at, row.ended_at) == (NOW, NOW + 10 * MINUTE)


def test_refused_tokens_of_few_are_no_outage() -> None:
    requests(TokenRejected(), logins=4)
    now = RequestOutcome.objects.latest("minute").minute
    assert outages.watch(now=now) == 0
    requests(TokenRejected(), logins=5)
    assert outages.watch(now=now) == 1


def fail_once() -> None:
    with request_budget.request("7", request_budget.Kind.OTHER) as lease:
        lease.before_request()
        raise Unreachable(may_have_arrived=False)


def test_requests_are_counted_by_how_they_end() -> None:
    with request_budget.request("7", request_budget.Kind.OTHER) as lease:
        lease.before_request()
    with pytest.raises(Unreachable):
        fail_once()
    counted = RequestOutcome.objects.order_by("outcome").values_list("outcome", "requests")
    assert list(counted) == [("", 1), ("Unreachable", 1)]


def test_long_times_are_told_in_days() -> None:
    times = [timedelta(hours=47, minutes=59), timedelta(hours=48), timedelta(hours=95, minutes=40)]
    assert [duration_of(one) for one in times] == ["47 ч 59 мин", "2 дн. 0 ч", "4 дн. 0 ч"]


def test_status_without_a_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.cookies["sessionid"] = "of-somebody"

    def refuse() -> None:
        raise OperationalError("no server")

    monkeypatch.setattr(connection, "cursor", refuse)
    answer = client.get("/status.json")
    assert (answer.status_code, answer.json()["cabinet"]) == (503, "down")
    assert "База данных не отвечает" in client.get("/status").content.decode()
