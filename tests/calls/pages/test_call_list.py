"""The list of all calls of a cabinet, with the counters that each concerns or why it has none."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from unittest import mock
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from cabinets.models import Cabinet
from calls.models import Call
from calls.queries import ledger_walk
from calls.queries.call_list import PAGE_SIZE, page_of
from calls.queries.ledger_filters import CallFilters
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
from tests.calls.blocks import counted_blocks
from tests.calls.ledger import make_call, make_delivery
from tests.calls.many_rows import copy_call
from tests.calls.stored import store_call

URL = "/lk/integrations/calls"
ALONE = "Ни в одном счетчике"


@pytest.fixture
def own(account: YandexAccount) -> Counter:
    """A counter that takes the calls of one site and campaign."""
    return factories.make_counter(
        account=account,
        name="Окна",
        site_mode="own",
        site_host="own.example",
        campaigns=["1000"],
        goal=None,
    )


def show(client: Client, **query: str) -> str:
    answer: Any = client.get(URL, query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def rows_of(cabinet: Cabinet, cursor: str = "", **filters: Any) -> tuple[list[int], str]:
    page = page_of(cabinet, CallFilters(**filters), cursor=cursor, now=timezone.now())
    return [one.call.pk for one in page.calls], page.next_cursor


@pytest.mark.parametrize(
    ("fields", "settings", "reason"),
    [
        ({"site": "", "site_host": ""}, {}, "Сайт не указан"),
        ({"site": "Виджет", "site_host": ""}, {}, "В поле сайта пришёл не адрес сайта"),
        ({"site_host": "other.example"}, {}, "Нет счетчика этого сайта"),
        ({"site_host": "own.example", "campaign_id": "7"}, {}, "Нет счетчика этой кампании"),
        (
            {"site_host": "own.example"},
            {"send_calls": False},
            "У счетчика этого сайта выключена отправка звонков и нет цели",
        ),
    ],
)
def test_call_that_concerns_no_counter_is_listed_with_the_reason(
    owner_client: Client,
    own: Counter,
    fields: dict[str, Any],
    settings: dict[str, Any],
    reason: str,
) -> None:
    Counter.objects.filter(pk=own.pk).update(**{"name": "Окна"} | settings)
    store_call(cabinet=own.cabinet, **fields)

    page = show(owner_client)

    # Once as a choice of the filter.
    assert page.count(ALONE) == 2
    assert f'<div class="history__reason">{reason}</div>' in page


def test_call_is_listed_with_its_counters_and_their_states(
    owner_client: Client, own: Counter
) -> None:
    call = store_call(cabinet=own.cabinet, site_host="own.example")

    page = show(owner_client)

    assert reverse("calls:journey", args=[call.pk]) in page
    assert "Окна · Звонки" in page
    assert "Ждёт отправки" in page
    assert "Прогноз: свяжется с визитом" in page
    assert page.count(ALONE) == 1
    assert reverse("calls:journey", args=[call.pk]) in show(owner_client, forecast="likely")
    never = show(owner_client, forecast="never")
    assert reverse("calls:journey", args=[call.pk]) not in never
    note = "Прогноз есть только у звонков, которые ждут отправки"
    assert (note in never, note in show(owner_client)) == (True, False)
    # Where the state or the reason leaves no forecast, the empty list says so.
    said, other = "Звонков с прогнозом не нашлось", "Под выбранные условия не подходит ни один"
    for query in ({"state": "skipped"}, {"state": "expired,row_refused"}, {"reason": "too_short"}):
        empty = show(owner_client, forecast="likely", **query)
        assert (said in empty, other in empty) == (True, False)
        removed = f"{URL}?{urlencode(query)}"
        assert f'href="{escape(removed)}"' in empty
        assert other in show(owner_client, **query)
    states = "skipped,waiting"
    assert said not in never + show(owner_client, forecast="never", state=states)


def test_settings_that_fit_only_now_are_no_reason_to_hide_that_it_has_none(
    owner_client: Client, own: Counter
) -> None:
    store_call(cabinet=own.cabinet, site_host="other.example")
    Counter.objects.update(site_mode="all")

    assert "Сейчас подошёл бы, но когда он пришёл, не относился ни" in show(owner_client)


def test_cabinet_without_counters_says_so(owner_client: Client, cabinet: Cabinet) -> None:
    store_call(cabinet=cabinet)

    assert "В кабинете нет счетчиков" in show(owner_client)


def test_filter_shows_only_calls_of_no_counter(owner_client: Client, own: Counter) -> None:
    store_call(cabinet=own.cabinet, site_host="own.example", site="own.example")
    store_call(cabinet=own.cabinet, site_host="other.example", site="other.example")

    page = show(owner_client, concerns="none")

    assert "other.example" in page
    assert "own.example" not in page


def test_pages_show_every_call_once_newest_first(cabinet: Cabinet, own: Counter) -> None:
    moment = timezone.now() - timedelta(hours=3)
    calls = [make_call(cabinet=cabinet, started_at=moment) for _ in range(PAGE_SIZE)]
    calls += [make_call(cabinet=cabinet, started_at=moment - timedelta(days=40)) for _ in range(7)]
    for call in calls[::2]:
        make_delivery(call=call, counter=own)
    make_call(cabinet=factories.make_cabinet())
    newest_first = sorted(calls, key=lambda one: (one.started_at, one.pk), reverse=True)

    assert _all_pages(cabinet) == [one.pk for one in newest_first]
    alone = [one.pk for one in newest_first if one not in calls[::2]]
    assert _all_pages(cabinet, without_counter=True) == alone


def _all_pages(cabinet: Cabinet, **filters: Any) -> list[int]:
    seen, cursor = rows_of(cabinet, **filters)
    while cursor:
        more, cursor = rows_of(cabinet, cursor, **filters)
        seen += more
    return seen


def test_calls_of_no_counter_are_looked_for_in_bounded_steps(
    owner_client: Client, cabinet: Cabinet, own: Counter
) -> None:
    now = timezone.now()
    calls = [make_call(cabinet=cabinet, started_at=now - timedelta(hours=n)) for n in range(1, 8)]
    for call in calls[:6]:
        make_delivery(call=call, counter=own)

    with mock.patch.object(ledger_walk, "SCANNED", 3):
        first, cursor = rows_of(cabinet, without_counter=True)
        page = show(owner_client, counter="none")
        assert _all_pages(cabinet, without_counter=True) == [calls[6].pk]

    assert (first, bool(cursor)) == ([], True)
    assert "Ищем дальше кнопкой «Показать ещё»" in page
    assert "Показать ещё" in page


@pytest.mark.parametrize("cursor", ["", "1", "a.b", "1." + "9" * 30, "9" * 40 + ".1", "²"])
def test_odd_cursor_shows_a_page(owner_client: Client, own: Counter, cursor: str) -> None:
    store_call(cabinet=own.cabinet)

    show(owner_client, cursor=cursor)


def test_search_finds_by_number_and_by_the_end_of_the_phone(
    owner_client: Client, viewer_client: Client, own: Counter
) -> None:
    call = store_call(cabinet=own.cabinet, phone="+79161230001", external_id="23423423434000777")
    store_call(cabinet=own.cabinet, phone="+79161230002")
    found = reverse("calls:journey", args=[call.pk])

    for client in (owner_client, viewer_client):
        for text in ("23423423434000777", "0001"):
            page = show(client, q=text)
            assert re.findall(r"/lk/integrations/calls/\d+", page) == [found]
    assert "Звонков не нашлось" in show(owner_client, q="9999999")
    assert "Введите последние 4 цифры или номер целиком." in show(viewer_client, q="30001")


def test_days_are_those_of_the_calls(owner_client: Client, own: Counter) -> None:
    old = store_call(cabinet=own.cabinet, started_at=timezone.now() - timedelta(days=9))
    until = (timezone.localdate() - timedelta(days=5)).isoformat()

    page = show(owner_client, to=until)

    assert reverse("calls:journey", args=[old.pk]) in page
    assert "Раньше, чем начало." in show(owner_client, **{"from": "2026-02-02", "to": "2026-02-01"})


def test_viewer_sees_masked_phones_and_sites(viewer_client: Client, own: Counter) -> None:
    store_call(cabinet=own.cabinet, phone="+79161234567", site="79161234567.example", site_host="")

    assert "79161234567" not in show(viewer_client)


def test_empty_list_leads_to_the_sources(owner_client: Client, cabinet: Cabinet) -> None:
    page = show(owner_client)

    assert "Звонков ещё не было" in page
    assert reverse("cabinets:sources") in page


def test_calls_of_another_cabinet_are_not_listed(owner_client: Client, cabinet: Cabinet) -> None:
    store_call(cabinet=factories.make_cabinet())

    assert "Звонков ещё не было" in show(owner_client)


@pytest.mark.parametrize("concerns", ["", "none"])
def test_number_of_queries_does_not_grow(
    owner_client: Client, own: Counter, concerns: str, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        store_call(cabinet=own.cabinet, site_host=["own.example", "other.example"][number % 2])
    for _ in range(5):
        factories.make_counter(account=own.account, site_mode="own", site_host="x.example")

    with django_assert_max_num_queries(5):
        filters = CallFilters(without_counter=bool(concerns))
        page = page_of(own.cabinet, filters, cursor="", now=timezone.now())

    assert len(page.calls) == (10 if concerns else 20)


def test_menu_leads_to_the_list(owner_client: Client, own: Counter) -> None:
    page = owner_client.get(reverse("integrations:dashboard")).content.decode()

    assert f'href="{URL}"' in page
    assert Call.objects.count() == 0


@pytest.mark.parametrize("without_counter", [False, True])
def test_page_reads_few_blocks_of_a_large_cabinet(own: Counter, without_counter: bool) -> None:
    for site in ("own.example", "other.example"):
        call = store_call(cabinet=own.cabinet, site_host=site)
        copy_call(call, 9_999)
    filters = CallFilters(without_counter=without_counter)
    _ids, cursor = rows_of(own.cabinet, without_counter=without_counter)

    for place in ("", cursor):
        with counted_blocks() as blocks:
            page = page_of(own.cabinet, filters, cursor=place, now=timezone.now())
        assert len(page.calls) == PAGE_SIZE
        assert blocks.total < 700, blocks.worst
