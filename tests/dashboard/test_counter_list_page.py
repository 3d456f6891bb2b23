from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet
from calls.models import Resend
from calls.states import Channel, UploadState
from counters.models import Counter
from dashboard.counter_list_page import list_context
from dashboard.counter_selection import Selection
from integrations.models import YandexAccount
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

LIST = "/lk/integrations/yandex"


def rows_of(cabinet: Cabinet, **options: Any) -> list[str]:
    selection = Selection(**options)
    context = list_context(cabinet, selection, page=1, now=timezone.now())
    return [row["counter"].name for row in context["rows"]]


@pytest.fixture
def three(account: YandexAccount) -> list[Counter]:
    now = timezone.now()

    def make(name: str, synced: int | None, added: int) -> Counter:
        return factories.make_counter(
            account=account,
            name=name,
            last_synced_at=now - timedelta(hours=synced) if synced is not None else None,
            added_at=now - timedelta(days=added),
        )

    return [make("яблоко", 1, 1), make("Арбуз", None, 2), make("груша", 0, 3)]


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("synced", ["груша", "яблоко", "Арбуз"]),
        ("name", ["Арбуз", "груша", "яблоко"]),
        ("added", ["яблоко", "Арбуз", "груша"]),
        ("sent", ["Арбуз", "груша", "яблоко"]),
        ("nonsense", ["груша", "яблоко", "Арбуз"]),
    ],
)
def test_list_is_sorted_by_the_chosen_order(
    cabinet: Cabinet, three: list[Counter], sort: str, names: list[str]
) -> None:
    assert rows_of(cabinet, sort=sort) == names


def test_counters_to_be_configured_come_first_in_the_default_order(
    cabinet: Cabinet, three: list[Counter]
) -> None:
    Counter.objects.filter(name__in=["яблоко", "Арбуз"]).update(configured_at=None)

    assert rows_of(cabinet) == ["яблоко", "Арбуз", "груша"]
    assert rows_of(cabinet, sort="name") == ["Арбуз", "груша", "яблоко"]


def test_account_filter_shows_one_account_and_ignores_other_cabinets(
    cabinet: Cabinet, three: list[Counter]
) -> None:
    second = factories.make_account(cabinet=cabinet)
    factories.make_counter(account=second, name="Другой")
    foreign = factories.make_account(cabinet=factories.make_cabinet(name="Чужой"))

    assert rows_of(cabinet, account=second.pk) == ["Другой"]
    assert len(rows_of(cabinet, account=foreign.pk)) == 4


def test_removed_counters_and_other_cabinets_are_not_listed(
    cabinet: Cabinet, account: YandexAccount
) -> None:
    factories.make_counter(account=account, removed_at=timezone.now())
    other = factories.make_account(cabinet=factories.make_cabinet(name="Чужой"))
    factories.make_counter(account=other)

    assert rows_of(cabinet) == []


def test_accounts_are_listed_with_state_and_number_of_counters(
    cabinet: Cabinet, account: YandexAccount
) -> None:
    factories.make_counter(account=account)
    factories.make_counter(account=account, removed_at=timezone.now())
    disconnected = YandexAccount.State.DISCONNECTED
    with_counters = factories.make_account(
        cabinet=cabinet, state=disconnected, access_token="", refresh_token=""
    )
    factories.make_counter(account=with_counters)
    factories.make_account(cabinet=cabinet, state=disconnected, access_token="", refresh_token="")

    accounts = list_context(cabinet, Selection(sort="name"), page=1, now=timezone.now())["accounts"]

    assert [
        (item["account"].pk, str(item["state_text"]), item["state_tone"], item["counters_count"])
        for item in accounts
    ] == [
        (account.pk, "Подключено", "success", 1),
        (with_counters.pk, "Отключено", "neutral", 1),
    ]
    assert accounts[1]["urls"]["add"] == ""
    assert accounts[1]["urls"]["disconnect"] == ""


@pytest.mark.parametrize("count", [1, 30])
def test_number_of_queries_does_not_grow_with_the_counters(
    owner_client: Client, account: YandexAccount, count: int
) -> None:
    for _each in range(count):
        counter = factories.make_counter(account=account)
        counter.goal = factories.make_goal(counter=counter)
        counter.save(update_fields=["goal"])
    owner_client.get(LIST)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = owner_client.get(LIST)

    assert len(response.context["rows"]) == count
    # session, person, membership; accounts, counters, sent, sent by day, removed; sources, newest
    # call, last uploads, pauses of counters and of accounts, uploads, calls and unknown files for a
    # person, a halt
    assert len(queries) == 18


def test_counter_without_sent_calls_says_so(owner_client: Client, account: YandexAccount) -> None:
    factories.make_counter(account=account, configured_at=None)

    text = owner_client.get(LIST).content.decode()

    assert "ещё не было" in text
    assert "Не настроен: ничего не отправляется" in text
    assert "Не указано" in text


def test_list_without_accounts_offers_to_link_one(owner_client: Client) -> None:
    text = owner_client.get(LIST).content.decode()

    assert "Яндекс ещё не подключён" in text


def test_removed_counter_is_listed_with_a_link_to_its_history(
    owner_client: Client, counter: Counter
) -> None:
    other = factories.make_counter(account=counter.account)
    removed_at = timezone.now()
    Counter.objects.filter(pk=counter.pk).update(removed_at=removed_at)

    response = owner_client.get(LIST)

    assert [row["counter"].pk for row in response.context["rows"]] == [other.pk]
    history = reverse("calls:history", args=[counter.pk])
    assert [item["url"] for item in response.context["removed"]] == [history]
    assert f'href="{history}"' in response.content.decode()
    assert owner_client.get(history).status_code == 200


def test_list_without_counters_has_a_button_to_add_one(
    owner_client: Client, viewer_client: Client, account: YandexAccount
) -> None:
    add = f'href="{reverse("counters:add", args=[account.pk])}"'

    assert owner_client.get(LIST).content.decode().count(add) == 2  # here, and in the menu
    assert add not in viewer_client.get(LIST).content.decode()


def make_counter_with_sent_calls(account: YandexAccount, *, send_calls: bool) -> Counter:
    """Return a counter with a goal; to it two calls went, one to the goal, and one again."""
    counter, cabinet = (
        factories.make_counter(account=account, send_calls=send_calls),
        account.cabinet,
    )
    goal = factories.make_goal(counter=counter)
    Counter.objects.filter(pk=counter.pk).update(goal=goal)
    for channel, days in ((Channel.CALLS, 2), (Channel.CALLS, 60), (Channel.GOAL, 60)):
        started = timezone.now() - timedelta(days=days)
        upload = make_upload(
            counter=counter,
            channel=channel,
            state=UploadState.PROCESSED,
            linked_quantity=1,
            user_not_found_quantity=0,
        )
        call = make_call(cabinet=cabinet, started_at=started)
        make_delivery(call=call, counter=counter, channel=channel, upload=upload)
        make_delivery(call=make_call(cabinet=cabinet), counter=counter, channel=channel)
    # A repeat is the same call, so neither page counts it again.
    repeat = make_upload(counter=counter, channel=channel)
    Resend.objects.create(
        call=call,
        counter=counter,
        channel=channel,
        number=1,
        upload=repeat,
        ordered_at=timezone.now(),
    )
    return counter


@pytest.mark.parametrize("send_calls", [True, False])
def test_number_of_sent_calls_is_that_of_the_ledger_it_links_to(
    owner_client: Client, cabinet: Cabinet, account: YandexAccount, send_calls: bool
) -> None:
    make_counter_with_sent_calls(account, send_calls=send_calls)

    (row,) = list_context(cabinet, Selection(sort="name"), page=1, now=timezone.now())["rows"]
    ledger = owner_client.get(row["urls"]["sent"]).context

    expected = 2 if send_calls else 1
    assert (row["sent_total"], row["sent_noun"]) == (
        expected,
        "звонка" if send_calls else "достижение цели",
    )
    assert (ledger["chart_count"], len(ledger["rows"])) == (str(expected), expected)
    assert row["sent_parts"] == [f"привязано к визитам {expected} из {expected}"]
    settings = owner_client.get(row["urls"]["settings"]).context["info"]
    assert settings["sent_total"] == expected
    assert (settings["sent_url"], settings["sent_parts"]) == (
        row["urls"]["sent"],
        row["sent_parts"],
    )


def test_account_without_counters_is_named_as_the_filter_that_hides_the_others(
    owner_client: Client, cabinet: Cabinet, account: YandexAccount
) -> None:
    factories.make_counter(account=account)
    empty = factories.make_account(cabinet=cabinet)

    page = owner_client.get(LIST, {"account": empty.pk}).content.decode()

    assert "Таких счетчиков нет" in page
    assert "Показать все счетчики" in page
    assert "Счетчиков пока нет" not in page
