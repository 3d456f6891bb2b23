"""Many counters: search, pages, and actions on the chosen ones."""

from __future__ import annotations

import gzip

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cabinets.models import AuditEvent, Cabinet
from counters.models import Counter
from dashboard.counter_list_page import PAGE_SIZE
from integrations.models import YandexAccount
from tests import factories

LIST = "/lk/integrations/yandex"
BULK = "/lk/integrations/yandex/counters/bulk"


@pytest.fixture
def three(account: YandexAccount) -> list[Counter]:
    return [
        factories.make_counter(account=account, name=name, site=site)
        for name, site in (("Ёлки", "elki.ru"), ("Окна", "okna.ru"), ("Двери", "dveri.ru"))
    ]


def shown(client: Client, **query: str) -> list[str]:
    return [row["counter"].name for row in client.get(LIST, query).context["rows"]]


def enabled_of(counters: list[Counter]) -> list[bool]:
    return [Counter.objects.get(pk=one.pk).enabled for one in counters]


def messages_of(client: Client) -> list[str]:
    return [str(message) for message in client.get(LIST).context["messages"]]


def test_search_finds_name_site_number_and_account(
    owner_client: Client, account: YandexAccount, three: list[Counter]
) -> None:
    assert shown(owner_client, q="елк") == ["Ёлки"]
    assert shown(owner_client, q="OKNA.ru") == ["Окна"]
    assert shown(owner_client, q=str(three[2].number)) == ["Двери"]
    assert set(shown(owner_client, q=account.login)) == {"Двери", "Ёлки", "Окна"}
    assert shown(owner_client, q="окна elki") == []


def test_state_filter_finds_those_that_are_off_or_in_trouble(
    owner_client: Client, cabinet: Cabinet, three: list[Counter]
) -> None:
    factories.make_source(cabinet=cabinet)
    Counter.objects.filter(pk=three[0].pk).update(enabled=False)
    Counter.objects.filter(pk=three[1].pk).update(configured_at=None)

    assert shown(owner_client, state="off") == ["Ёлки"]
    assert "Окна" in shown(owner_client, state="trouble", sort="name")
    assert len(shown(owner_client, state="nonsense")) == 3


def test_five_hundred_counters_are_shown_by_pages_in_as_many_queries_as_one(
    owner_client: Client, account: YandexAccount
) -> None:
    only = factories.make_counter(account=account, name="Счетчик")
    owner_client.get(LIST)
    with CaptureQueriesContext(connection) as of_one:
        owner_client.get(LIST)
    base = dict(Counter.objects.filter(pk=only.pk).values().get())
    Counter.objects.bulk_create(
        Counter(**(base | {"id": None, "number": 10_000 + place, "name": f"Счетчик {place:03}"}))
        for place in range(499)
    )

    with CaptureQueriesContext(connection) as of_many:
        page = owner_client.get(LIST, {"sort": "name", "page": "3"})

    assert len(of_many) == len(of_one)
    names = [row["counter"].name for row in page.context["rows"]]
    assert (len(names), names[0], names[-1]) == (PAGE_SIZE, "Счетчик 099", "Счетчик 148")
    assert len(gzip.compress(page.content)) < 60 * 1024
    assert page.context["found_count"] == 500
    assert shown(owner_client, page="999") == shown(owner_client, page="10")


def test_chosen_counters_are_switched_and_turned_back(
    owner_client: Client, three: list[Counter]
) -> None:
    numbers = [one.number for one in three[:2]]

    answer = owner_client.post(BULK, {"action": "off", "numbers": numbers, "sort": "name"})

    assert (answer.status_code, answer.headers["Location"]) == (302, f"{LIST}?sort=name")
    assert enabled_of(three) == [False, False, True]
    page = owner_client.get(LIST)
    (message,) = page.context["messages"]
    assert str(message).startswith("Выключена отправка в 2 счетчика.")
    undo = f"{reverse('counters:switch-back')}?ids={three[0].pk}.{three[1].pk}"
    assert f'formaction="{undo}"' in page.content.decode()
    events = AuditEvent.objects.filter(action="counter.switched")
    assert sorted(one.object_id for one in events) == sorted(str(one.pk) for one in three[:2])

    owner_client.post(undo, {"enabled": "1"})

    assert enabled_of(three) == [True, True, True]
    assert messages_of(owner_client) == ["Включена отправка в 2 счетчика."]


def test_all_found_are_switched_beyond_the_page(owner_client: Client, three: list[Counter]) -> None:
    Counter.objects.filter(pk=three[2].pk).update(configured_at=None)

    owner_client.post(BULK, {"action": "off", "all": "1", "q": "ru"})

    assert enabled_of(three) == [False, False, True]
    first, second = messages_of(owner_client)
    assert first.startswith("Выключена отправка в 2 счетчика.")
    assert second == "Пропущен 1 счетчик без настроек: сначала сохраните их."


def test_without_a_choice_nothing_happens(owner_client: Client, three: list[Counter]) -> None:
    owner_client.post(BULK, {"action": "off"})

    assert messages_of(owner_client) == ["Отметьте счетчики, с которыми нужно что-то сделать."]
    assert enabled_of(three) == [True, True, True]
    assert not AuditEvent.objects.exists()


def test_counters_of_another_cabinet_are_not_reached(
    owner_client: Client, three: list[Counter]
) -> None:
    foreign = factories.make_account(cabinet=factories.make_cabinet(name="Чужой"))
    other = factories.make_counter(account=foreign)

    owner_client.post(BULK, {"action": "off", "numbers": [other.number]})
    owner_client.post(f"{reverse('counters:switch-back')}?ids={other.pk}", {"enabled": "0"})

    assert Counter.objects.get(pk=other.pk).enabled


def test_settings_are_taken_from_a_configured_counter(
    owner_client: Client, three: list[Counter]
) -> None:
    chosen = [three[1].number, three[2].number]

    page = owner_client.post(BULK, {"action": "settings", "numbers": chosen})

    assert {one.name for one in page.context["origins"]} == {"Двери", "Окна", "Ёлки"}
    choice = owner_client.post(
        reverse("counters:settings-copy", args=[three[0].pk]), {"step": "choose", "numbers": chosen}
    )
    assert choice.context["chosen"] == set(chosen)


def test_past_calls_of_the_chosen_counters_are_offered(
    owner_client: Client, three: list[Counter]
) -> None:
    chosen = three[1:]

    answer = owner_client.post(
        BULK, {"action": "backfill", "numbers": [one.number for one in chosen]}
    )

    form = owner_client.get(answer.headers["Location"]).context["form"]
    assert form.chosen == {one.pk for one in chosen}
