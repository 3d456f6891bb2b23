"""What blocks a counter, as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from calls.queries.blockers import blocker_of, blockers_of, of_channel
from counters.models import Counter
from integrations.models import RequestDay, YandexAccount
from tests import factories

NOW = timezone.now()


def test_nothing_blocks_a_healthy_counter(counter: Counter) -> None:
    assert blocker_of(counter, now=NOW) == ""


@pytest.mark.parametrize(
    ("counter_fields", "account_fields", "begins"),
    [
        ({"enabled": False}, {}, "Счетчик выключен."),
        ({"access": Counter.Access.LOST}, {}, "Доступ к счетчику потерян"),
        ({"access": Counter.Access.VIEW_ONLY}, {}, "На счетчик осталось только право просмотра"),
        ({"access": Counter.Access.DELETED}, {}, "Счетчик удалён в Метрике"),
        ({"removed_at": NOW}, {}, "Счетчик удалён из кабинета"),
        ({}, {"state": YandexAccount.State.REAUTH_REQUIRED}, "Аккаунт Яндекса требует перепод"),
        (
            {"access": Counter.Access.LOST},
            {"state": YandexAccount.State.DISCONNECTED, "access_token": "", "refresh_token": ""},
            "Аккаунт Яндекса отключён",
        ),
        ({}, {"state": YandexAccount.State.REFRESH_FAILED}, ""),
    ],
)
def test_most_direct_blocker_is_named(
    counter: Counter, counter_fields: dict[str, Any], account_fields: dict[str, Any], begins: str
) -> None:
    YandexAccount.objects.filter(pk=counter.account_id).update(**account_fields or {"scopes": []})
    Counter.objects.filter(pk=counter.pk).update(**counter_fields or {"name": "Окна"})

    blocker = blocker_of(Counter.objects.get(pk=counter.pk), now=NOW)

    assert blocker.startswith(begins)
    assert bool(blocker) is bool(begins)


def test_pause_of_the_login_is_named_until_it_ends(counter: Counter) -> None:
    until = datetime(2027, 1, 5, 0, 4, tzinfo=UTC)
    RequestDay.objects.create(
        yandex_uid=counter.account.yandex_uid, day=NOW.date(), paused_until=until
    )

    assert blocker_of(counter, now=until - timedelta(seconds=1)) == (
        "Исчерпан лимит запросов Яндекса: продолжим 5 января, 03:04."
    )
    assert blocker_of(counter, now=until) == ""


def test_many_counters_need_one_query(counter: Counter, django_assert_num_queries: Any) -> None:
    counters = [counter, factories.make_counter(account=counter.account)]

    with django_assert_num_queries(1):
        assert blockers_of(counters, now=NOW) == {one.pk: "" for one in counters}


def test_deleted_goal_blocks_only_its_channel(counter: Counter) -> None:
    counter.goal = factories.make_goal(counter=counter, deleted_at=NOW)

    assert of_channel(counter, 2, "").startswith("Цель не найдена")
    assert of_channel(counter, 1, "") == ""
    assert of_channel(counter, 2, "Счетчик выключен.") == "Счетчик выключен."
