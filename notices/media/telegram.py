"""The Bot API of Telegram: sending a message, and reading what people wrote to the bot.

The token is a part of the address, so no error of `requests` is logged or stored: its text has it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import requests
from django.conf import settings
from urllib3.exceptions import NewConnectionError

from notices.choices import telegram_of
from notices.claims import Outcome, Result
from notices.models import NoticeMessage

TIMEOUT = (5, 20)
#: Telegram's limit, in UTF-16 units; most of our letters are one.
LONGEST = 4000


class TelegramUnavailable(Exception):
    """No answer, or none that can be read."""


def send(message: NoticeMessage, mark: Callable[[], None]) -> Outcome:
    """Send it to the person's chat."""
    assert message.user is not None
    link = telegram_of(message.user)
    if link is None or link.chat_id is None:
        return Outcome(Result.REFUSED, "not_linked")
    mark()
    text = f"{message.subject}\n\n{message.body}"[:LONGEST]
    return post_text(link.chat_id, text)


def post_text(chat_id: int, text: str) -> Outcome:
    """Send a text to a chat."""
    try:
        answer = _post("sendMessage", {"chat_id": chat_id, "text": text})
    except requests.ConnectTimeout:
        return Outcome(Result.RETRY, "no_connection")
    except requests.RequestException as error:
        return _without_answer(error)
    return _outcome(answer)


def updates() -> list[dict[str, Any]]:
    """Return what people wrote to the bot and was not confirmed. Raises TelegramUnavailable."""
    return _result("getUpdates", {"timeout": 0, "allowed_updates": ["message"]})


def confirm_updates(last_id: int) -> None:
    """Let Telegram forget the updates up to this one. Raises TelegramUnavailable."""
    _result("getUpdates", {"offset": last_id + 1, "timeout": 0, "limit": 1})


def _post(method: str, data: dict[str, Any]) -> requests.Response:
    url = f"{settings.TELEGRAM_API_URL}/bot{settings.TELEGRAM_BOT_TOKEN}/{method}"
    return requests.post(url, json=data, timeout=TIMEOUT, allow_redirects=False)


def _result(method: str, data: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        answer = _post(method, data)
        found = answer.json()["result"] if answer.status_code == 200 else None
    except (requests.RequestException, ValueError, KeyError, TypeError):
        raise TelegramUnavailable from None
    if not isinstance(found, list):
        raise TelegramUnavailable
    return [one for one in found if isinstance(one, dict)]


def _without_answer(error: requests.RequestException) -> Outcome:
    """Tell a connection that was never made from an answer that was lost."""
    cause = getattr(error.args[0], "reason", None) if error.args else None
    # A name that is not found is a NewConnectionError too.
    if isinstance(error, requests.exceptions.SSLError) or isinstance(cause, NewConnectionError):
        return Outcome(Result.RETRY, "no_connection")
    return Outcome(Result.UNCLEAR, "answer_lost")


def _outcome(answer: requests.Response) -> Outcome:
    if answer.status_code == 200:
        return Outcome(Result.SENT)
    if answer.status_code == 429:
        return Outcome(Result.RETRY, "telegram_429", _retry_after(answer))
    # 403: the person blocked the bot. 400: no such chat. 401, 404: the token is wrong.
    if answer.status_code in (400, 403):
        return Outcome(Result.REFUSED, f"telegram_{answer.status_code}")
    return Outcome(Result.RETRY, f"telegram_{answer.status_code}")


def _retry_after(answer: requests.Response) -> timedelta:
    try:
        seconds = float(answer.json()["parameters"]["retry_after"])
    except (ValueError, KeyError, TypeError):
        return timedelta(0)
    return timedelta(seconds=min(max(seconds, 0), 3600))
