"""The causes of a forecast: its probability, and its sentence in words."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

LIKELY, UNLIKELY, NEVER = "likely", "unlikely", "never"
#: What the counter's own proved rows say goes before what the row itself tells.
RARELY_LINKED, OFTEN_LINKED = "rarely_linked", "often_linked"

#: Values of filters and their words.
VALUES = {
    LIKELY: _("Свяжется"),
    UNLIKELY: _("Вряд ли свяжется"),
    NEVER: _("Не свяжется"),
}
#: Colour of each value.
TONES = {LIKELY: "success", UNLIKELY: "warning", NEVER: "neutral"}

#: The identifier that a row of a cause has.
KINDS = {"client_id": "ClientID", "yclid": "yclid", "user_id": "UserID"}


@dataclass(frozen=True)
class Cause:
    """A cause by its code."""

    #: Measured with the sandbox: docs/forecast.md.
    probability: float
    text: Promise
    #: Metrika links none of these, by its documentation.
    is_never: bool = False


CAUSES: dict[str, Cause] = {
    "static": Cause(
        0.0,
        _("Прогноз: не свяжется с визитом — звонок статический, такие Метрика не привязывает."),
        is_never=True,
    ),
    "unreadable": Cause(
        0.0,
        _(
            "Прогноз: не свяжется с визитом — идентификатор пришёл, но прочитать его нельзя. "
            "Исправьте его в источнике звонков."
        ),
        is_never=True,
    ),
    "no_identifier": Cause(
        0.0,
        _(
            "Прогноз: не свяжется с визитом — идентификатор посетителя не пришёл. Проверьте, что "
            "источник передаёт ClientID."
        ),
        is_never=True,
    ),
    "too_old": Cause(
        0.0,
        _("Прогноз: не свяжется с визитом — со звонка прошло больше 21 дня."),
        is_never=True,
    ),
    "other_form": Cause(
        0.02,
        _(
            "Прогноз: вряд ли свяжется с визитом — ClientID не похож на те, что даёт Метрика. "
            "Проверьте, откуда источник его берёт."
        ),
    ),
    "later_visit": Cause(
        0.01,
        _(
            "Прогноз: вряд ли свяжется с визитом — судя по ClientID, посетитель впервые пришёл на "
            "сайт после звонка."
        ),
    ),
    "old": Cause(
        0.79,
        _(
            "Прогноз: свяжется с визитом, если визит был незадолго до звонка: звонку больше 14 "
            "дней, а Метрика ищет визит только за 21 день до обработки."
        ),
    ),
    "client_id": Cause(
        0.89, _("Прогноз: свяжется с визитом — ClientID похож на настоящий, звонок свежий.")
    ),
    "yclid": Cause(
        0.87, _("Прогноз: свяжется с визитом — есть метка клика Директа (yclid), звонок свежий.")
    ),
    "user_id": Cause(
        0.55,
        _(
            "Прогноз: свяжется с визитом, если сайт передаёт Метрике этот UserID (setUserID); "
            "звонок свежий."
        ),
    ),
    RARELY_LINKED: Cause(
        0.0,
        _(
            "Прогноз: вряд ли свяжется с визитом — из последних звонков этого счетчика с таким же "
            "идентификатором (%(kind)s) привязано %(linked)s из %(proved)s. Проверьте, что "
            "источник передаёт идентификатор посетителя именно этого счетчика."
        ),
    ),
    OFTEN_LINKED: Cause(
        0.0,
        _(
            "Прогноз: свяжется с визитом — из последних звонков этого счетчика с таким же "
            "идентификатором (%(kind)s) привязано %(linked)s из %(proved)s."
        ),
    ),
}
