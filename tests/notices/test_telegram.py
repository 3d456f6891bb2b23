"""Linking a chat by a one-time code, and messages to it, over a real HTTP server."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from cabinets.models import Cabinet
from integrations.models import YandexAccount
from notices.models import NoticeMessage, TelegramLink
from notices.tasks import check_often, read_telegram, send
from tests.notices.http_sink import HttpSink

PAGES = "/lk/integrations/notices"
TOKEN = "123456:bot-token-which-nobody-may-read"
CHAT = 555001


@pytest.fixture
def bot(http: HttpSink, settings: Settings) -> HttpSink:
    settings.TELEGRAM_BOT_TOKEN, settings.TELEGRAM_BOT_NAME = TOKEN, "callkeeper_bot"
    return http


def update(number: int, text: str, kind: str = "private") -> dict[str, Any]:
    chat = {"id": CHAT, "type": kind}
    return {"update_id": number, "message": {"text": text, "chat": chat}}


def result(*updates: dict[str, Any]) -> tuple[int, Any]:
    return 200, {"ok": True, "result": list(updates)}


def code_of(client: Client) -> str:
    page = client.post(f"{PAGES}/telegram").content.decode()
    found = re.search(r"https://t\.me/callkeeper_bot\?start=([\w-]+)", page)
    assert found
    return found[1]


def paths(bot: HttpSink) -> list[str]:
    return [one.path.removeprefix(f"/bot{TOKEN}/") for one in bot.requests]


def test_code_links_one_private_chat_once(
    clock: time_machine.Traveller, bot: HttpSink, viewer: User, viewer_client: Client
) -> None:
    assert (read_telegram(), bot.requests) == (0, [])
    old, code = code_of(viewer_client), code_of(viewer_client)
    wrong = [
        update(7, "/start x"),
        update(8, f"/start {code}", "group"),
        update(9, f"/start {old}"),
    ]
    bot.answers = [result(*wrong), result()]
    assert read_telegram() == 0
    bot.answers = [result(update(10, f"/start {code}"), update(11, f"/start {code}"))]

    assert (read_telegram(), read_telegram()) == (1, 0)

    link = TelegramLink.objects.get()
    assert (link.user, link.chat_id, link.code_digest) == (viewer, CHAT, "")
    assert paths(bot) == [*["getUpdates"] * 3, "sendMessage", "getUpdates"]
    assert bot.requests[1].data["offset"] == 10
    assert bot.requests[3].data["text"].startswith("Готово")
    assert "Чат привязан" in viewer_client.get(f"{PAGES}/choices").content.decode()
    viewer_client.post(f"{PAGES}/telegram/unlink")
    assert not TelegramLink.objects.exists()


def test_code_that_is_too_old_links_nothing(
    clock: time_machine.Traveller, bot: HttpSink, viewer_client: Client
) -> None:
    code = code_of(viewer_client)
    clock.shift(timedelta(minutes=15))
    bot.answers = [result(update(7, f"/start {code}"))]

    assert (read_telegram(), TelegramLink.objects.get().chat_id) == (0, None)


@pytest.mark.parametrize(
    ("answer", "state", "is_linked"),
    [
        ((200, {}), ("sent", 1, ""), True),
        ((403, {}), ("failed", 1, "telegram_403"), False),
        ((0, {}), ("unclear", 1, "answer_lost"), True),
        ((429, {"parameters": {"retry_after": 90}}), ("sent", 2, ""), True),
    ],
)
def test_message_is_sent_at_most_once(
    clock: time_machine.Traveller,
    bot: HttpSink,
    cabinet: Cabinet,
    viewer: User,
    account: YandexAccount,
    caplog: pytest.LogCaptureFixture,
    answer: tuple[int, Any],
    state: tuple[str, int, str],
    is_linked: bool,
) -> None:
    TelegramLink.objects.create(user=viewer, chat_id=CHAT)
    YandexAccount.objects.update(state="reauth_required")
    check_often()
    bot.answers = [answer]

    for _run in range(5):
        clock.shift(timedelta(minutes=1))
        send()

    row = NoticeMessage.objects.get()
    assert (row.state, row.attempts, row.error) == state
    assert paths(bot) == ["sendMessage"] * row.attempts
    assert bot.requests[0].data["chat_id"] == CHAT
    assert f"Аккаунт Яндекса {account.login} нужно" in bot.requests[0].data["text"]
    assert TelegramLink.objects.filter(chat_id=CHAT).exists() is is_linked
    assert TOKEN not in caplog.text


def test_name_that_is_not_found_for_a_while_is_tried_again(
    clock: time_machine.Traveller,
    bot: HttpSink,
    settings: Settings,
    viewer: User,
    account: YandexAccount,
) -> None:
    TelegramLink.objects.create(user=viewer, chat_id=CHAT)
    YandexAccount.objects.update(state="reauth_required")
    check_often()
    clock.shift(timedelta(minutes=1))
    settings.TELEGRAM_API_URL = "http://no-such-host.invalid"
    send()
    row = NoticeMessage.objects.get()
    assert (row.state, row.error) == ("waiting", "no_connection")
    settings.TELEGRAM_API_URL = bot.url
    clock.shift(timedelta(minutes=1))

    send()

    assert (NoticeMessage.objects.get().state, len(bot.requests)) == ("sent", 1)
