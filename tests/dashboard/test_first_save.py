"""The settings window before the first save, while calls wait for the settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from calls.models import Delivery
from calls.states import DeliveryState
from counters.models import Counter
from counters.settings.forms import CounterSettingsForm
from dashboard.first_save import NotAsked, save_and_count
from integrations.models import YandexAccount
from tests import factories
from tests.calls.stored import row_of, store_call
from tests.counters.settings_form import posted
from tests.responses import messages_of, text_of


@pytest.fixture
def new_counter(account: YandexAccount) -> Counter:
    return factories.make_counter(
        account=account,
        added_at=timezone.now() - timedelta(hours=6),
        configured_at=None,
        settings_saved_at=None,
        goals_refreshed_at=timezone.now(),
    )


def url(counter: Counter) -> str:
    return reverse("counters:settings", args=[counter.pk])


def test_window_asks_about_the_waiting_calls_and_guesses_nothing(
    owner_client: Client, cabinet: Cabinet, new_counter: Counter
) -> None:
    store_call(cabinet=cabinet)
    store_call(cabinet=cabinet)

    page = text_of(owner_client.get(url(new_counter)))
    refused = owner_client.post(url(new_counter), posted(new_counter))

    assert "Звонков, которые начались после добавления счетчика: 2. Они ждут настроек." in page
    radios = page.split('id="waiting-calls"')[1].split("</fieldset>")[0]
    assert "Отправить их по этим настройкам" in radios
    assert "Не отправлять" in radios
    assert "checked" not in radios
    assert "Выберите, что сделать с этими звонками." in text_of(refused)
    counter = Counter.objects.get()
    assert (counter.configured_at, counter.version) == (None, new_counter.version)
    assert set(Delivery.objects.values_list("reason", flat=True)) == {"not_configured"}


def test_window_without_waiting_calls_does_not_ask(
    owner_client: Client, new_counter: Counter
) -> None:
    assert 'id="waiting-calls"' not in text_of(owner_client.get(url(new_counter)))

    response = owner_client.post(url(new_counter), posted(new_counter))

    assert messages_of(response) == ["Настройки сохранены."]
    counter = Counter.objects.get()
    assert counter.accepts_from == counter.configured_at


def test_saving_sends_them_also_those_that_came_while_the_form_was_open(
    owner_client: Client, cabinet: Cabinet, new_counter: Counter
) -> None:
    calls = [store_call(cabinet=cabinet), store_call(cabinet=cabinet, duration_seconds=5)]
    data = posted(new_counter, min_duration="60", waiting_calls="send")
    calls.append(store_call(cabinet=cabinet))

    response = owner_client.post(url(new_counter), data)

    assert messages_of(response) == [
        "Настройки сохранены. Из звонков, которые пришли до сохранения (3), отправим: 2. "
        "Не подходят под настройки: 1."
    ]
    assert [row_of(call).reason for call in calls] == [None, "too_short", None]
    assert Counter.objects.get().accepts_from == new_counter.added_at


def test_saving_does_not_send_them_and_offers_them_later(
    owner_client: Client, cabinet: Cabinet, new_counter: Counter
) -> None:
    call = store_call(cabinet=cabinet)

    response = owner_client.post(url(new_counter), posted(new_counter, waiting_calls="skip"))

    assert messages_of(response) == [
        "Настройки сохранены. Звонки, которые пришли до сохранения (1), не отправляются. Если "
        "передумаете, отправьте их отсюда: рядом со строкой «Счетчик принимает звонки с»."
    ]
    assert (row_of(call).state, row_of(call).reason) == (
        DeliveryState.SKIPPED,
        "before_connection",
    )
    page = text_of(owner_client.get(url(new_counter)))
    assert "До этого за последние 21 день пришло звонков: 1." in page
    assert reverse("calls:send-earlier", args=[new_counter.pk]) in page


def test_saving_with_the_switch_off_says_when_they_go(
    owner_client: Client, cabinet: Cabinet, new_counter: Counter
) -> None:
    store_call(cabinet=cabinet)

    data = posted(new_counter, enabled=False, waiting_calls="send")
    response = owner_client.post(url(new_counter), data)

    assert messages_of(response) == [
        "Настройки сохранены. Из звонков, которые пришли до сохранения (1), уйдут после включения "
        "счетчика: 1."
    ]


def test_form_that_did_not_ask_stores_nothing(cabinet: Cabinet, new_counter: Counter) -> None:
    form = CounterSettingsForm(posted(new_counter), counter=new_counter)
    assert form.is_valid()
    store_call(cabinet=cabinet)

    with pytest.raises(NotAsked):
        save_and_count(form, actor=factories.make_user(), now=timezone.now())

    assert Counter.objects.get().configured_at is None
    assert not AuditEvent.objects.exists()


def test_order_is_confirmed_with_its_numbers_and_given_once(
    owner_client: Client, viewer_client: Client, cabinet: Cabinet, account: YandexAccount
) -> None:
    counter = factories.make_counter(
        account=account, accepts_from=timezone.now(), goals_refreshed_at=timezone.now()
    )
    call = store_call(cabinet=cabinet)
    order = reverse("calls:send-earlier", args=[counter.pk])

    refused = viewer_client.post(order)
    assert (refused.status_code, row_of(call).reason) == (403, "before_connection")
    assert "Отправить их…" not in text_of(viewer_client.get(url(counter)))

    page = text_of(owner_client.get(order))
    assert "Таких звонков за последние 21 день: 1." in page
    assert "Подходят под настройки счетчика и уйдут: 1." in page
    assert row_of(call).reason == "before_connection"

    first, second = owner_client.post(order), owner_client.post(order)
    assert messages_of(first)[0] == "Из звонков, которые начались раньше (1), отправим: 1."
    assert messages_of(second)[-1] == "Звонков, которые начались раньше, уже нет."
    assert row_of(call).state == DeliveryState.WAITING
    assert AuditEvent.objects.filter(action="counter.accepts_earlier").count() == 1
    assert "До этого за последние" not in text_of(owner_client.get(url(counter)))


UNREADABLE: dict[str, Any] = {
    "client_id": "",
    "unreadable_identifiers": {"ClientId": "1,7E+18"},
}


def test_calls_for_a_person_are_counted_apart(
    owner_client: Client, cabinet: Cabinet, new_counter: Counter
) -> None:
    store_call(cabinet=cabinet, duration_seconds=5)
    store_call(cabinet=cabinet, **UNREADABLE)
    store_call(cabinet=cabinet)

    first = owner_client.post(
        url(new_counter), posted(new_counter, min_duration="60", waiting_calls="send")
    )
    new_counter.refresh_from_db()
    again = owner_client.post(url(new_counter), posted(new_counter, min_duration="60", price="5"))

    assert messages_of(first) == [
        "Настройки сохранены. Из звонков, которые пришли до сохранения (3), отправим: 1. "
        "Не подходят под настройки: 1. Ждут вашего решения, потому что их идентификатор не "
        "читается: 1."
    ]
    assert messages_of(again)[-2:] == [
        "Из ждавших не подходят под настройки и не отправляются: 1. Если под другие настройки они "
        "подойдут, то уйдут.",
        "Ждут вашего решения, потому что их идентификатор не читается: 1.",
    ]


def test_window_of_a_new_counter_names_the_time_of_adding(
    owner_client: Client, new_counter: Counter
) -> None:
    page = owner_client.get(url(new_counter))

    assert page.context["info"]["accepts_from"] == new_counter.added_at
    assert "Более ранние можно будет отправить отсюда после первого сохранения." in text_of(page)
    assert "Звонки, которые придут до этого" not in text_of(page)
    assert "Звонки, которые начались после добавления счетчика, ждут" in text_of(page)
