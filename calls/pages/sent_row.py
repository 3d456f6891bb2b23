"""The row of a file as it was sent, for people: our name of each column, its value, its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.pages.spreadsheet import TIME_COLUMN, TITLES, WORDS, YES_OR_NO

_TIME_TITLE = gettext_lazy("Начало звонка")
#: Column → what Metrika does with it.
MEANINGS: dict[str, str | Promise] = {
    "ClientId": gettext_lazy("По нему Метрика ищет визит посетителя."),
    "Yclid": gettext_lazy("По клику Директа Метрика ищет визит посетителя."),
    "UserId": gettext_lazy("По вашему номеру посетителя Метрика ищет его визит."),
    TIME_COLUMN: gettext_lazy("Секунды по UTC. Метрика ищет визит до этого времени."),
    "Target": gettext_lazy("Какая цель считается достигнутой."),
    "StaticCall": gettext_lazy("1 — Метрика покажет звонок, но не станет искать визит."),
    "Price": gettext_lazy("Ценность звонка по вашим правилам; попадает в отчёты."),
    "Currency": gettext_lazy("Валюта ценности."),
    "PhoneNumber": gettext_lazy("Виден в отчёте «Звонки, детально»."),
    "TalkDuration": gettext_lazy("Сколько длился разговор."),
    "HoldDuration": gettext_lazy("Сколько звонивший ждал ответа."),
    "CallMissed": gettext_lazy("1 — на звонок не ответили."),
    "Tag": gettext_lazy("По тегам звонки можно отобрать в отчёте."),
    "FirstTimeCaller": gettext_lazy("1 — этот клиент звонит впервые."),
    "URL": gettext_lazy("Страница, с которой звонили."),
    "CallTrackerURL": gettext_lazy("Ссылка из отчёта на страницу звонка."),
}


@dataclass(frozen=True)
class Cell:
    """A cell of the row."""

    column: str
    title: str
    value: str
    #: The value in words, where the value itself is a code.
    words: str
    meaning: str


def cells_of(values: Mapping[str, str]) -> list[Cell]:
    """Return the cells in the order of the file."""
    return [
        Cell(
            column=name,
            title=str(_TIME_TITLE if name == TIME_COLUMN else TITLES.get(name, name)),
            value=value,
            words=_words(name, value),
            meaning=str(MEANINGS.get(name, "")),
        )
        for name, value in values.items()
    ]


def _words(name: str, value: str) -> str:
    if name in YES_OR_NO:
        return str(WORDS.get(value, ""))
    if name == TIME_COLUMN and value.isdecimal() and len(value) <= 10:
        at = timezone.localtime(datetime.fromtimestamp(int(value), UTC))
        return _("%(moment)s по времени кабинета") % {"moment": date_format(at, "j E Y, H:i:s")}
    return ""
