"""The ledger of one upload, and of a period that is chosen by its name."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import time_machine
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from cabinets.models import AuditEvent
from calls.models import Resend, SavedFilter, Upload
from calls.pages.periods import PERIODS, days_of
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

LEDGER = "/lk/integrations/calls"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def show(client: Client, **query: Any) -> Any:
    answer = client.get(LEDGER, query)
    assert answer.status_code == 200
    return answer


def listed(answer: Any) -> list[str]:
    return [one["url"] for one in answer.context["rows"]]


@time_machine.travel(NOW, tick=False)
def test_upload_is_a_filter_of_the_page_its_counts_and_its_file(
    owner_client: Client, viewer_client: Client, counter: Counter
) -> None:
    upload = make_upload(counter=counter, rows=3)
    calls = [
        make_call(cabinet=counter.cabinet, started_at=NOW - timedelta(days=40 * number))
        for number in range(3)
    ]
    for number, call in enumerate(calls[:2], start=1):
        make_delivery(call=call, counter=counter, upload=upload, row_number=number)
    make_delivery(call=calls[2], counter=counter, upload=make_upload(counter=counter))
    urls = [reverse("calls:journey", args=[one.pk]) for one in calls]

    of_upload = owner_client.get(reverse("calls:upload", args=[upload.pk])).content.decode()
    url = f"{LEDGER}?upload={upload.pk}"
    assert f'<a href="{url}">' in of_upload
    assert "Сейчас в ней строк: 2 из 3." in of_upload
    for client in (owner_client, viewer_client):
        page = show(client, upload=upload.pk)
        assert listed(page) == urls[:2]
        # All days of the upload are counted, also those before the last thirty.
        assert (page.context["chart_count"], page.context["chart_calls"]) == ("2", "2")
        assert page.context["chart_note"] == ""
        text = page.content.decode()
        words = f"Выгрузка № {upload.pk} от 29 ноября, 15:00: {counter.name} · Звонки"
        assert f'<a href="{reverse("calls:upload", args=[upload.pk])}">{escape(words)}</a>' in text
        assert f'<a class="chosen__remove"\n           href="{LEDGER}"' in text
    # With other conditions; the link of the removed one keeps them.
    both = show(owner_client, upload=upload.pk, period="28d", kind="dynamic")
    assert listed(both) == urls[:1]
    assert [one.remove_url for one in both.context["chosen"]] == [
        f"{LEDGER}?upload={upload.pk}&kind=dynamic",
        f"{LEDGER}?period=28d&kind=dynamic",
    ]
    answer: Any = owner_client.post(f"{LEDGER}/export?upload={upload.pk}", {"format": "csv"})
    assert len(b"".join(answer.streaming_content).splitlines()) == 3
    # A number of another cabinet is told as one that does not exist.
    stranger = factories.make_counter(
        account=factories.make_account(cabinet=factories.make_cabinet())
    )
    for odd in (make_upload(counter=stranger).pk, 10**17, "x", "²", "-1"):
        refused = show(owner_client, upload=odd)
        assert "Выгрузки с таким номером в кабинете нет." in refused.content.decode()
        assert "rows" not in refused.context
    assert (
        "снимите эти условия"
        in show(owner_client, upload=upload.pk, counter="none").content.decode()
    )


def test_page_of_an_upload_without_rows_leads_to_where_they_are(
    owner_client: Client, counter: Counter
) -> None:
    split = make_upload(counter=counter, rows=2)
    parts = [make_upload(counter=counter, parent=split) for _ in range(2)]
    call = make_call(cabinet=counter.cabinet)
    make_delivery(call=call, counter=counter, upload=parts[0])
    again = make_upload(counter=counter)
    Resend.objects.create(
        call=call, counter=counter, channel=1, number=1, upload=again, ordered_at=NOW
    )

    def shown(upload: Upload) -> tuple[str, Any]:
        answer: Any = owner_client.get(reverse("calls:upload", args=[upload.pk]))
        return answer.content.decode(), answer.context["upload"]["ledger"]

    text, ledger = shown(split)
    assert (ledger.left, ledger.parts, ledger.repeated) == (0, [one.pk for one in parts], None)
    assert f"{LEDGER}?upload=" not in text
    assert all(reverse("calls:upload", args=[one.pk]) in text for one in parts)
    text, ledger = shown(again)
    assert (ledger.left, ledger.parts, ledger.repeated) == (0, [], call.pk)
    assert reverse("calls:journey", args=[call.pk]) in text
    text, ledger = shown(parts[0])
    assert (ledger.left, ledger.parts, ledger.repeated) == (1, [], None)
    assert f"{LEDGER}?upload={parts[0].pk}" in text


def test_period_is_kept_by_its_name_and_moves_with_the_days(
    owner_client: Client, counter: Counter
) -> None:
    urls: list[str] = []
    for day in (1, 28, 29):
        # At half past midnight in Moscow it is still the day before in UTC.
        started = datetime(2026, 11, day, 0, 30, tzinfo=counter.cabinet.zone)
        call = make_call(cabinet=counter.cabinet, started_at=started)
        make_delivery(call=call, counter=counter)
        urls.insert(0, reverse("calls:journey", args=[call.pk]))
    with time_machine.travel(NOW, tick=False):
        for period, expected in (("today", [0]), ("yesterday", [1]), ("7d", [0, 1])):
            page = show(owner_client, period=period)
            assert listed(page) == [urls[one] for one in expected], period
            assert page.context["chart_count"] == str(len(expected))
        assert "Период: 7 дней, 23 ноября 2026 — 29 ноября 2026" in page.content.decode()
        # Links of the chart keep the period by a state, and have own days by a day.
        (bar,) = [one for one in page.context["chart_days"] if one["name"] == "28 ноября"]
        assert bar["url"] == f"{LEDGER}?from=2026-11-28&to=2026-11-28"
        assert page.context["chart_states"][0]["url"] == f"{LEDGER}?period=7d&state=held"
        # The dates of the fields give way to a period that is chosen, and win when filled in.
        form = {"from": "2026-11-01", "to": "2026-11-28", "period": "today"}
        dates = show(owner_client, **form)
        assert (listed(dates), dates.context["address"]) == (
            urls[1:],
            "from=2026-11-01&to=2026-11-28",
        )
        chosen = show(owner_client, **form, shown="2026-11-01..2026-11-28")
        assert (listed(chosen), chosen.context["address"]) == (urls[:1], "period=today")
        owner_client.post(f"{LEDGER}/filters?{urlencode({'period': 'month'})}", {"name": "Месяц"})
        answer: Any = owner_client.post(f"{LEDGER}/export?period=month", {"format": "xlsx"})
        assert "callkeeper-calls-2026-11-01_2026-11-29.xlsx" in answer["Content-Disposition"]
        book = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
        assert "Звонки 01.11.2026–29.11.2026" in book.read("xl/workbook.xml").decode()
    assert SavedFilter.objects.get().parameters == {"period": "month"}
    logged = AuditEvent.objects.get(action="ledger.downloaded").after["filters"]
    assert logged == {"period": "month", "from": "2026-11-01", "to": "2026-11-29"}

    with time_machine.travel(datetime(2026, 12, 2, 12, tzinfo=UTC), tick=False):
        page = show(owner_client, **SavedFilter.objects.get().parameters)
        assert listed(page) == []
        assert 'aria-current="true">Месяц</a>' in page.content.decode()
        assert listed(show(owner_client, period="last_month")) == urls
        assert "Звонки не показаны" in show(owner_client, period="9d").content.decode()


def test_days_of_each_period() -> None:
    found = {name: days_of(name, date(2028, 3, 1)) for name in PERIODS}

    last = date(2028, 3, 1)
    assert found == {
        "today": (last, last),
        "yesterday": (date(2028, 2, 29), date(2028, 2, 29)),
        "7d": (date(2028, 2, 24), last),
        "14d": (date(2028, 2, 17), last),
        "28d": (date(2028, 2, 3), last),
        "90d": (date(2027, 12, 3), last),
        "last_week": (date(2028, 2, 21), date(2028, 2, 27)),
        "month": (last, last),
        "last_month": (date(2028, 2, 1), date(2028, 2, 29)),
    }
