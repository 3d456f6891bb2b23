"""Funnel, statistics and ledger show the same numbers: those of plain SQL over all rows.

The reconciliation with Metrika's reports counts by uploads; what it says is added here.
"""

from __future__ import annotations

import csv
import io
from collections import Counter as Tally
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet
from calls.models import Call, Delivery
from calls.pages.funnel_steps import GROUPS
from calls.pages.period_form import PeriodForm
from calls.queries.display_state import with_display_state
from calls.states import DeliveryState, DisplayState, UploadState
from calls.summary.refresh import refresh
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.calls.summary.agreement import at

pytestmark = pytest.mark.django_db
NOW = at(20, 12)


@pytest.fixture
def calls(cabinet: Cabinet, counter: Counter) -> list[Call]:
    """Calls of two days in all places of the funnel, with two counters, half of them counted."""
    with time_machine.travel(NOW, tick=False):
        other = factories.make_counter(account=counter.account)
        made = []
        for number in range(24):
            fields = {"status": "fail", "hold_seconds": 20} if number % 4 == 0 else {}
            started_at = NOW - timedelta(hours=2 + 2 * number)
            made.append(make_call(cabinet=cabinet, started_at=started_at, **fields))
        upload = make_upload(
            counter=counter,
            rows=8,
            state=UploadState.PROCESSED,
            linked_quantity=6,
            user_not_found_quantity=2,
        )
        for call in made[:8]:
            make_delivery(call=call, counter=counter, upload=upload)
        for number, call in enumerate(made[4:20]):
            state = DeliveryState.SKIPPED if number % 2 else DeliveryState.WAITING
            reason = "too_short" if number % 2 else None
            make_delivery(call=call, counter=other, state=state, reason=reason)
            if number == 10:
                refresh(now=timezone.now())
    return made


def table(client: Client, name: str, code: str, **query: Any) -> list[list[str]]:
    """Return the rows of a table of a page as it is downloaded."""
    answer = client.get(reverse(name), {"days": 28, "export": code, **query})
    text = answer.content.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text), delimiter=";"))[1:]


def sql(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def test_pages_agree_with_plain_sql(
    calls: list[Call], counter: Counter, owner_client: Client
) -> None:
    with time_machine.travel(NOW, tick=False):
        [(received, missed)] = sql(
            "SELECT count(*), count(*) FILTER (WHERE status = 'fail') FROM calls_call"
        )
        [(rows,)] = sql("SELECT count(*) FROM calls_delivery")
        days = table(owner_client, "calls:statistics", "days")
        hours = table(owner_client, "calls:statistics", "hours")
        totals = table(owner_client, "calls:statistics", "totals")
        states = table(owner_client, "calls:statistics", "states")
        steps = table(owner_client, "calls:funnel", "steps")
        places = table(owner_client, "calls:funnel", "places")
        routing = table(owner_client, "calls:funnel", "calls")
        of_counter = table(owner_client, "calls:statistics", "days", counter=counter.pk)
        pages = [owner_client.get(reverse(f"calls:{one}")) for one in ("statistics", "funnel")]

    assert (received, missed, rows) == (24, 6, 24)
    for found in (days, hours):
        assert sum(int(row[3]) for row in found) == received
        assert sum(int(row[2]) for row in found) == missed
    assert [row[1] for row in totals[:3]] == ["24", "6", "25.0"]
    assert totals[5][1] == "75.0"
    assert sum(int(row[1]) for row in states) == rows
    # The ledger's own annotation, row by row.
    labels = dict(DisplayState.choices)
    ledger = Tally(
        labels[one.display_state] for one in with_display_state(Delivery.objects.all(), NOW)
    )
    assert {row[0]: int(row[1]) for row in states} == ledger
    assert [int(row[1]) for row in steps] == [24, 16, 8, 8, 8, 6]
    assert sum(int(row[2]) for row in places[:-1]) == int(places[-1][2]) == rows
    assert [int(row[1]) for row in routing] == [24, 4, 20]
    assert sum(int(row[3]) for row in of_counter) == 8
    assert [page.status_code for page in pages] == [200, 200]
    # The period before has no calls at all: it is not compared, and the page says so.
    assert [row[2:4] for row in totals] == [["—", "—"]] * 6
    assert "начался до первого звонка" in pages[0].content.decode()


def test_period_is_compared_when_the_one_before_has_data_from_its_first_day(
    calls: list[Call], counter: Counter, owner_client: Client
) -> None:
    # Today is left out: 27 days are compared with the 27 before them.
    first = NOW - timedelta(days=54)
    with time_machine.travel(NOW, tick=False):
        call = make_call(cabinet=counter.cabinet, started_at=first + timedelta(days=1))
        assert table(owner_client, "calls:statistics", "totals")[0][2:4] == ["—", "—"]
        make_call(cabinet=counter.cabinet, started_at=first)
        whole = table(owner_client, "calls:statistics", "totals")
        make_delivery(call=call, counter=counter)
        of_counter = table(owner_client, "calls:statistics", "totals", counter=counter.pk)
        whole_page = owner_client.get(reverse("calls:statistics"))
        alone = owner_client.get(reverse("calls:statistics"), {"period": "today"})
    # Of the 24 calls 7 are of today.
    assert whole[0][1:4] == ["24", "2", "750"]
    assert "Сравнение — без сегодняшнего дня: он не закончился." in whole_page.content.decode()
    assert "без сегодняшнего дня: 17" in whole_page.content.decode()
    assert "сегодняшний день ещё не закончился" in alone.content.decode()
    assert of_counter[0][1:4] == ["8", "—", "—"]


def test_every_state_is_in_one_group_of_the_funnel() -> None:
    assert sorted(state for group in GROUPS for state in group) == sorted(DisplayState)


def test_empty_cabinet_and_bad_dates_are_told(owner_client: Client, cabinet: Cabinet) -> None:
    for name in ("calls:statistics", "calls:funnel"):
        url = reverse(name)
        assert owner_client.get(url).status_code == 200
        mistaken = owner_client.get(url, {"from": "2026-11-20", "to": "2026-11-10"})
        assert "Раньше, чем начало." in mistaken.content.decode()
        half = owner_client.get(url, {"from": "2026-11-20"})
        assert "Укажите обе даты" in half.content.decode()
        assert owner_client.get(url, {"export": "nothing"}).status_code == 404


@pytest.mark.parametrize(
    ("query", "first", "period"),
    [
        # Dates filled in beside the period that the form stood at.
        ({"period": "28d", "shown": "", "from": "2026-11-01", "to": "2026-11-05"}, (11, 1), ""),
        # A period chosen instead of the dates that the form stood at.
        (
            {
                "period": "7d",
                "shown": "2026-11-01..2026-11-05",
                "from": "2026-11-01",
                "to": "2026-11-05",
            },
            (11, 14),
            "7d",
        ),
        ({"period": "last_month"}, (10, 1), "last_month"),
        # Addresses of earlier versions.
        ({"days": "14"}, (11, 7), "14d"),
        ({"days": "28", "from": "2026-11-01", "to": "2026-11-05"}, (11, 1), ""),
        ({}, (10, 24), "28d"),
    ],
)
def test_dates_that_were_filled_in_win_over_the_period(
    cabinet: Cabinet, query: dict[str, str], first: tuple[int, int], period: str
) -> None:
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=False):
        form = PeriodForm(query, cabinet=cabinet)
        assert form.is_valid()
        assert form.period_days().first == date(2026, *first)
    assert form["period"].value() == period
    assert form.shown == ("" if period else "2026-11-01..2026-11-05")


def test_viewer_sees_no_record_in_the_sample(calls: list[Call], viewer_client: Client) -> None:
    with time_machine.travel(NOW, tick=False):
        text = viewer_client.get(reverse("calls:funnel")).content.decode()

    assert f"№ {calls[0].pk}" in text
    assert calls[0].external_id not in text


def test_each_step_has_a_sample_of_what_came_in_and_what_went_out(
    calls: list[Call], owner_client: Client
) -> None:
    url = reverse("calls:funnel")
    stranger = make_call(cabinet=factories.make_cabinet(), started_at=NOW - timedelta(hours=1))
    with time_machine.travel(NOW, tick=False):
        tables = {one.code: one for one in owner_client.get(url).context["tables"]}
        steps = {row[0].text: row[4] for row in tables["steps"].rows}
        assert len(steps) == 6
        for cell in steps.values():
            sample = owner_client.get(cell.url).context["sample"]
            assert (cell.text, sample.is_chosen) == (f"звонок № {sample.call.pk}", True)
            assert sample.call.external_id in sample.record
        newest = owner_client.get(steps["Отнесены к счетчикам"].url).context["sample"]
        waiting = owner_client.get(url, {"sample": str(calls[10].pk)})
        others = [
            owner_client.get(url, {"sample": one}).context["sample"]
            for one in (str(stranger.pk), "1e3", "9" * 30)
        ]

    assert newest.call == calls[0]
    assert not waiting.context["sample"].is_in_file
    assert "В файл он не попал" in waiting.content.decode()
    assert [(one.call, one.is_chosen) for one in others] == [(calls[0], False)] * 3


def test_ledger_takes_several_states_and_refuses_what_is_none(
    calls: list[Call], owner_client: Client
) -> None:
    url = reverse("calls:list")
    with time_machine.travel(NOW, tick=False):
        found = owner_client.get(url, {"state": "waiting,skipped"}).context
        mistaken = [
            owner_client.get(url, {"state": one}).context["filters"].errors
            for one in ("waiting,nothing", "waiting,waiting", ",", "waiting,")
        ]

    assert [str(one.label) for one in found["filters"].several] == [
        "Ждёт отправки",
        "Не отправляется",
    ]
    assert len(found["rows"]) == 16
    assert all("state" in errors for errors in mistaken)
