"""The page of a call about the counters that it does not concern: computed when it is asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from calls.models import Call
from calls.pages.timeline import timelines_of
from calls.pages.unrouted import others_of
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
from tests.calls.stored import store_call

OTHERS = "Куда ещё этот звонок не уходит"
NO_COUNTER = "Не относится ни к одному счетчику"


@pytest.fixture
def counters(account: YandexAccount) -> list[Counter]:
    """Five counters, each of a site of its own."""
    return [
        factories.make_counter(
            account=account, name=f"Окна {number}", site_mode="own", site_host=f"{number}.example"
        )
        for number in range(5)
    ]


def page_of(client: Client, call: Call, only: str = "") -> str:
    url = reverse("calls:journey", args=[call.pk])
    return client.get(url, {"only": only} if only else {}).content.decode()


def test_other_counters_are_folded_by_their_reason(
    owner_client: Client, counters: list[Counter]
) -> None:
    call = store_call(cabinet=counters[0].cabinet, site_host="0.example")

    page = page_of(owner_client, call)

    assert OTHERS in page
    assert page.count(f"?only={counters[0].pk}.2") == 1
    assert [page.count(f"?only={one.pk}.1") for one in counters] == [0, 1, 1, 1, 1]
    assert page.count("Счетчиков: 4") == 1
    assert page.count("Звонок с другого сайта. Сайты счетчика заданы в настройке «Сайты».") == 1
    assert page.count("В настройках счетчика «Достижение цели» не указано.") == 1


def test_call_that_concerns_no_counter_says_why(
    owner_client: Client, counters: list[Counter]
) -> None:
    call = store_call(cabinet=counters[0].cabinet, site="", site_host="")

    page = page_of(owner_client, call)

    assert NO_COUNTER in page
    assert page.count("<h3>Звонок получен</h3>") == 1
    assert "В записи звонка не указан сайт" in page
    assert "Этот звонок никуда не отправляется" not in page


def test_reason_of_one_counter_is_computed_when_it_is_asked_for(
    owner_client: Client, counters: list[Counter]
) -> None:
    call = store_call(cabinet=counters[0].cabinet, site_host="0.example")

    page = page_of(owner_client, call, only=f"{counters[3].pk}.1")

    assert "Окна 3 · Звонки" in page
    assert "Не относится к счетчику" in page
    assert "Звонок с сайта 0.example, а в настройке «Сайты» — 3.example." in page
    assert "Все счетчики этого звонка" in page
    assert OTHERS not in page
    assert not call.deliveries.filter(counter=counters[3]).exists()


@pytest.mark.parametrize(("days", "can_be_sent"), [(20, True), (22, False)])
def test_counter_whose_settings_fit_only_now_says_that_the_call_came_before(
    owner_client: Client, counters: list[Counter], days: int, can_be_sent: bool
) -> None:
    started_at = timezone.now() - timedelta(days=days)
    call = store_call(cabinet=counters[0].cabinet, site_host="0.example", started_at=started_at)
    Counter.objects.filter(pk=counters[3].pk).update(site_mode="all")

    page = page_of(owner_client, call)
    asked = page_of(owner_client, call, only=f"{counters[3].pk}.1")

    words = (
        "Когда звонок пришёл, настройки счетчика ему не подходили или счетчика в кабинете ещё не"
    )
    assert page.count(words) == 1
    assert words in asked
    order = "Отправить такой звонок можно кнопкой"
    assert (order in page, order in asked) == (can_be_sent, can_be_sent)


@pytest.mark.parametrize("only", ["0.1", "x.1", "1.", "9" * 30 + ".1", "1.7", "²·1"])
def test_key_of_no_counter_shows_the_whole_page(
    owner_client: Client, counters: list[Counter], only: str
) -> None:
    call = store_call(cabinet=counters[0].cabinet, site_host="0.example")

    assert OTHERS in page_of(owner_client, call, only=only)


def test_counter_of_another_cabinet_is_not_explained(
    owner_client: Client, counters: list[Counter]
) -> None:
    call = store_call(cabinet=counters[0].cabinet, site_host="0.example")
    foreign = factories.make_counter(
        account=factories.make_account(cabinet=factories.make_cabinet()), name="Чужой"
    )

    assert "Чужой" not in page_of(owner_client, call, only=f"{foreign.pk}.1")


def test_number_of_queries_does_not_grow_with_counters(
    counters: list[Counter], django_assert_num_queries: Any
) -> None:
    call = store_call(cabinet=counters[0].cabinet, site_host="none.example")

    with django_assert_num_queries(2):
        groups = others_of(call, [])

    assert [group.counters for group in groups] == [5]
    assert timelines_of(call, now=call.received_at) == []


def test_viewer_sees_masked_values_of_the_reason(
    viewer_client: Client, counters: list[Counter]
) -> None:
    Counter.objects.filter(pk=counters[0].pk).update(site_mode="all", campaigns=["7"])
    call = store_call(cabinet=counters[0].cabinet, campaign_name="Осень 79161234567")

    page = page_of(viewer_client, call, only=f"{counters[0].pk}.1")

    assert "79161234567" not in page
    assert "Кампания звонка" in page


def test_goal_of_a_static_call_is_refused_for_what_the_call_is(
    owner_client: Client, counters: list[Counter]
) -> None:
    call = store_call(cabinet=counters[0].cabinet, kind="static", site_host="0.example")
    goal = factories.make_goal(counter=counters[0])
    Counter.objects.filter(pk=counters[0].pk).update(goal=goal)

    page = page_of(owner_client, call)
    asked = page_of(owner_client, call, only=f"{counters[0].pk}.2")

    sentence = "Статический звонок не связан с визитом, поэтому достичь цели не может."
    assert page.count(sentence) == 1
    assert sentence in asked
    assert "Когда звонок пришёл, настройки счетчика ему не подходили" not in page + asked
