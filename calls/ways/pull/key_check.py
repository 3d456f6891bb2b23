"""Asks CallKeeper at once whether it knows a key, without storing anything."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.utils.translation import gettext as _

from cabinets.rate_limit import RateLimit, consume
from calls.callkeeper.errors import CallKeeperError, WrongKey
from calls.ways.pull.api import calls_api
from calls.ways.pull.words import error_words
from integrations.installation import guard
from integrations.limits import web_slots

#: The period that is asked for: short, because only the key matters.
PERIOD = timedelta(hours=1)
#: Checks of one cabinet: a form is no place to guess keys.
LIMIT = RateLimit("pull_key_check", units=10, window_seconds=60)

Outcome = Literal["fits", "wrong", "unknown"]


@dataclass(frozen=True)
class Checked:
    """``unknown``: there was no answer that tells; ``text`` says it in words."""

    outcome: Outcome
    text: str

    @property
    def tone(self) -> str:
        return {"fits": "success", "wrong": "danger", "unknown": "warning"}[self.outcome]


def check_key(api_key: str, *, cabinet_id: int, now: datetime) -> Checked:
    """Return whether CallKeeper knows the key; ask for a page of calls with short timeouts."""
    wait = consume(LIMIT, cabinet_id, now=now.timestamp())
    if wait:
        text = _("Слишком много проверок подряд. Повторите через %(seconds)d с.")
        return Checked("unknown", text % {"seconds": wait})
    if not guard.may_request():
        return Checked("unknown", _("Отправка остановлена, поэтому CallKeeper не спрошен."))
    try:
        with web_slots.acquire(), closing(calls_api(api_key)) as api:
            api.page(0, since=now - PERIOD, until=now)
    except web_slots.NoFreeSlot:
        return Checked("unknown", _("Сервер занят. Проверьте ключ через несколько секунд."))
    except WrongKey:
        return Checked("wrong", _("CallKeeper не принимает этот ключ: проверьте его."))
    except CallKeeperError as error:
        return Checked("unknown", error_words(error.code, error.text))
    return Checked("fits", _("Ключ подходит: CallKeeper отвечает на запрос звонков."))
