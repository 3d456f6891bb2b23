from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from counters.models import Counter, Goal
from counters.pages.status import settings_warnings, status_of_counter
from integrations.models import YandexAccount

NOW = timezone.now()


def counter_with(account_state: str = YandexAccount.State.ACTIVE, **fields: Any) -> Counter:
    values: dict[str, Any] = {"configured_at": NOW, "site_host": "site.ru"} | fields
    return Counter(account=YandexAccount(state=account_state), **values)


@pytest.mark.parametrize(
    ("account_state", "fields", "text", "tone"),
    [
        ("active", {}, "Подключено и работает", "success"),
        ("refresh_failed", {}, "Подключено и работает", "success"),
        ("reauth_required", {"access": "lost"}, "Требуется переподключение", "danger"),
        ("disconnected", {}, "Аккаунт отключён", "danger"),
        ("active", {"access": "view_only"}, "Осталось только право просмотра", "danger"),
        ("active", {"access": "lost", "enabled": False}, "Доступ потерян", "danger"),
        ("active", {"access": "deleted"}, "Удалён в Метрике", "danger"),
        (
            "active",
            {"configured_at": None},
            "Не настроен: ничего не отправляется",
            "warning",
        ),
        ("active", {"enabled": False}, "Выключен", "neutral"),
        ("active", {"goal": Goal(deleted_at=NOW)}, "Цель удалена в Метрике", "warning"),
        (
            "active",
            {"goal": Goal(), "callback_goal": Goal(deleted_at=NOW)},
            "Цель обратных звонков удалена в Метрике",
            "warning",
        ),
        ("active", {"send_calls": False}, "Ничего не выбрано для отправки", "neutral"),
        ("active", {"send_calls": False, "goal": Goal()}, "Подключено и работает", "success"),
    ],
)
def test_most_important_status_is_shown(
    account_state: str, fields: dict[str, Any], text: str, tone: str
) -> None:
    condition = status_of_counter(counter_with(account_state, **fields))

    assert (str(condition.text), condition.tone) == (text, tone)
    assert condition.is_fine == (tone == "success")


@pytest.mark.parametrize(
    ("fields", "beginnings"),
    [
        ({}, []),
        ({"site_host": ""}, ["В Метрике у счетчика не указан сайт"]),
        ({"site_host": "", "site_mode": "all"}, []),
        ({"site_host": "", "mirror_hosts": ["m.site.ru"]}, []),
        ({"defer_value": 13}, []),
        ({"defer_value": 14}, ["Отправка отложена на 14 дней"]),
        ({"defer_value": 21}, ["Отправка отложена на 21 день:"]),
        ({"defer_value": 22}, ["Отправка отложена на 22 дня:"]),
        ({"defer_value": 20, "defer_unit": "hours"}, []),
        ({"call_status": "fail"}, []),
        ({"call_status": "fail", "min_duration_seconds": 1}, ["Выбраны только неуспешные"]),
        ({"goal": Goal(name="Звонок", deleted_at=NOW)}, ["Цель «Звонок» удалена в Метрике"]),
    ],
)
def test_settings_that_are_likely_mistakes_have_a_warning(
    fields: dict[str, Any], beginnings: list[str]
) -> None:
    found = settings_warnings(counter_with(**fields))

    assert len(found) == len(beginnings)
    assert all(text.startswith(start) for text, start in zip(found, beginnings, strict=True))
