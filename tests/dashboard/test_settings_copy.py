"""Settings copied from a counter to others: the differences first, then each one's own save."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from cabinets.models import AuditEvent
from calls.models import Delivery
from calls.states import Channel, DeliveryState
from counters.models import Counter
from tests import factories
from tests.calls.stored import store_call

SAVE = {"parts": ["goals", "calls", "data"], "step": "save", "origin_version": "1"}


@pytest.fixture
def origin(counter: Counter) -> Counter:
    goal = factories.make_goal(counter=counter)
    values = {"goal": goal, "price": Decimal("1500.50"), "min_duration_seconds": 30}
    Counter.objects.filter(pk=counter.pk).update(
        **values, campaigns=["Москва"], defer_value=3, enabled=False
    )
    counter.refresh_from_db()
    return counter


def other(origin: Counter, **fields: Any) -> Counter:
    return factories.make_counter(account=origin.account, name="Двери", **fields)


def url_of(counter: Counter) -> str:
    return reverse("counters:settings-copy", args=[counter.pk])


def test_differences_come_first_and_the_chosen_parts_are_saved(
    owner_client: Client, origin: Counter
) -> None:
    doors = other(origin)
    goal = factories.make_goal(counter=doors, name="Цель дверей")
    parts = {"parts": SAVE["parts"], "numbers": [doors.number]}

    shown = owner_client.post(url_of(origin), parts).content.decode()
    assert "Цель дверей" in shown
    assert "1\xa0500,50" in shown
    assert "Скопировать в 1 счетчик" in shown
    assert Counter.objects.get(pk=doors.pk).version == 1

    answer = owner_client.post(
        url_of(origin), SAVE | {"numbers": [doors.number], f"version-{doors.number}": "1"}
    )

    assert answer.status_code == 302
    saved = Counter.objects.get(pk=doors.pk)
    assert (saved.version, saved.goal, saved.price) == (2, goal, Decimal("1500.50"))
    assert saved.min_duration_seconds == 30
    # Other parts, and the switch, stay.
    assert (saved.campaigns, saved.defer_value, saved.enabled) == ([], 0, True)
    event = AuditEvent.objects.get()
    assert (event.action, event.object_id) == ("counter.settings_copied", str(doors.pk))
    assert event.before == {
        "goal": None,
        "min_duration_seconds": 0,
        "price": None,
        "currency": "RUB",
    }
    assert event.after == {
        "goal": "Цель дверей (calltracking_call_order)",
        "min_duration_seconds": 30,
        "price": "1500.50",
        "currency": "RUB",
        "origin": "Окна Столица",
    }


def test_counter_changed_meanwhile_is_left_and_the_others_are_saved(
    owner_client: Client, origin: Counter
) -> None:
    doors, gates = other(origin), other(origin)
    Counter.objects.filter(pk=doors.pk).update(version=2)
    versions = {f"version-{one.number}": "1" for one in (doors, gates)}

    numbers = {"numbers": [doors.number, gates.number]}
    answer = owner_client.post(url_of(origin), SAVE | versions | numbers, follow=True)

    text = answer.content.decode()
    assert "скопированы в 1 счетчик." in text
    assert "изменились, пока вы смотрели: «Двери»" in text
    assert Counter.objects.get(pk=doors.pk).min_duration_seconds == 0
    assert Counter.objects.get(pk=gates.pk).min_duration_seconds == 30


def test_changed_origin_is_shown_again_and_nothing_is_saved(
    owner_client: Client, origin: Counter
) -> None:
    doors = other(origin)
    Counter.objects.filter(pk=origin.pk).update(version=2)

    form = SAVE | {"numbers": [doors.number], f"version-{doors.number}": "1"}
    answer = owner_client.post(url_of(origin), form)

    assert "Исходные настройки изменились" in answer.content.decode()
    assert Counter.objects.get(pk=doors.pk).version == 1
    assert not AuditEvent.objects.exists()


def test_goal_that_the_counter_lacks_stays_and_is_told(
    owner_client: Client, origin: Counter
) -> None:
    doors = other(origin)

    answer = owner_client.post(url_of(origin), {"parts": ["goals"], "numbers": [doors.number]})

    text = answer.content.decode()
    assert "цели с идентификатором «calltracking_call_order» в этом счетчике нет" in text
    assert "Сохранять нечего" in text


def test_result_that_breaks_a_rule_is_not_saved(owner_client: Client, origin: Counter) -> None:
    values = {"tag_mode": "manual", "manual_tag_callback": "Заказ", "call_kind": "callback"}
    Counter.objects.filter(pk=origin.pk).update(**values)
    doors = other(origin)
    form = SAVE | {"parts": ["tags"], "numbers": [doors.number], f"version-{doors.number}": "1"}

    shown = owner_client.post(url_of(origin), form | {"step": ""}).content.decode()
    owner_client.post(url_of(origin), form)

    assert "Скопировать нельзя. Для входящих звонков: Введите тег" in shown
    assert Counter.objects.get(pk=doors.pk).version == 1


def test_first_settings_ask_about_the_calls_that_wait(
    owner_client: Client, origin: Counter
) -> None:
    added_at = timezone.now() - timedelta(hours=2)
    doors = other(origin, configured_at=None, added_at=added_at, accepts_from=None)
    store_call(cabinet=origin.cabinet)
    form = SAVE | {"parts": ["delay"], "numbers": [doors.number], f"version-{doors.number}": "1"}

    asked = owner_client.post(url_of(origin), form).content.decode()
    assert "ждут их настроек: 1" in asked
    assert "Выберите, что сделать с ждущими звонками" in asked
    assert Counter.objects.get(pk=doors.pk).configured_at is None

    owner_client.post(url_of(origin), form | {"waiting": "send"})

    saved = Counter.objects.get(pk=doors.pk)
    assert saved.configured_at is not None
    assert saved.accepts_from == added_at
    assert Delivery.objects.get(counter=doors, channel=Channel.CALLS).state == DeliveryState.WAITING


def test_preview_makes_as_many_queries_for_many_counters(
    owner_client: Client, origin: Counter, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    many = [other(origin) for _ in range(30)]
    form = {"parts": SAVE["parts"], "numbers": [one.number for one in many]}

    with django_assert_max_num_queries(12):
        assert owner_client.post(url_of(origin), form).status_code == 200
