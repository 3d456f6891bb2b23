from __future__ import annotations

from datetime import datetime

import pytest
from django.utils import timezone

from dashboard.counter_settings_page import settings_info
from integrations.models import YandexAccount
from tests import factories
from tests.calls.ledger import make_call


@pytest.mark.parametrize(
    ("fields", "account_state", "text", "tone"),
    [
        ({}, "active", "Подключено и работает", "success"),
        (
            {"enabled": False},
            "active",
            "Выключен",
            "neutral",
        ),
        (
            {},
            "reauth_required",
            "Требуется переподключение",
            "danger",
        ),
        (
            {"configured_at": None},
            "active",
            "Не настроен: ничего не отправляется",
            "warning",
        ),
    ],
)
def test_window_shows_the_status(
    account: YandexAccount,
    fields: dict[str, datetime | bool | None],
    account_state: str,
    text: str,
    tone: str,
) -> None:
    account.state = account_state
    counter = factories.make_counter(account=account, **fields)

    factories.make_source(cabinet=account.cabinet, last_used_at=timezone.now())
    make_call(cabinet=account.cabinet)

    info = settings_info(counter, now=timezone.now())

    assert (str(info["state"].text), info["state"].tone) == (text, tone)
    assert (info["sent_total"], info["sent_today"], info["sparkline"]) == (0, 0, [0] * 14)
