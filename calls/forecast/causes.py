"""The causes of a forecast: its probability, and its sentence in words."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

LIKELY, UNLIKELY, NEVER = "likely", "unlikely", "never"

#: Values of filters and their words.
VALUES = {
    LIKELY: _("Свяжется"),
    UNLIKELY: _("Вряд ли свяжется"),
    NEVER: _("Не свяжется"),
}
#: Colour of each value.
TONES = {LIKELY: "success", UNLIKELY: "warning", NEVER: "neutral"}


@dataclass(frozen=True)
class Cause:
    """A cause by its code."""

    #: Assumed, not measured: see ADR 0076.
    probability: float
    text: Promise


CAUSES: dict[str, Cause] = {
    "static": Cause(
        0.0,
        _("Прогноз: не свяжется с визитом — звонок статический, такие Метрика не привязывает."),
    ),
    "unreadable": Cause(
        0.0,
        _(
            "Прогноз: не свяжется с визитом — идентификатор пришёл, но прочитать его нельзя. "
            "Исправьте его в источнике звонков."
        ),
    ),
    "no_identifier": Cause(
        0.0,
        _(
            "Прогноз: не свяжется с визитом — идентификатор посетителя не пришёл. Проверьте, что "
            "источник передаёт ClientID."
        ),
    ),
    "too_old": Cause(0.0, _("Прогноз: не свяжется с визитом — со звонка прошло больше 21 дня.")),
    "other_form": Cause(
        0.1,
        _(
            "Прогноз: вряд ли свяжется с визитом — ClientID не похож на те, что даёт Метрика. "
            "Проверьте, откуда источник его берёт."
        ),
    ),
    "later_visit": Cause(
        0.05,
        _(
            "Прогноз: вряд ли свяжется с визитом — судя по ClientID, посетитель впервые пришёл на "
            "сайт после звонка."
        ),
    ),
    "old": Cause(
        0.3,
        _(
            "Прогноз: вряд ли свяжется с визитом — звонку больше 14 дней, а Метрика ищет визит "
            "только за 21 день до обработки."
        ),
    ),
    "client_id": Cause(
        0.95, _("Прогноз: свяжется с визитом — ClientID похож на настоящий, звонок свежий.")
    ),
    "yclid": Cause(
        0.85, _("Прогноз: свяжется с визитом — есть метка клика Директа (yclid), звонок свежий.")
    ),
    "user_id": Cause(
        0.7,
        _(
            "Прогноз: свяжется с визитом, если сайт передаёт Метрике этот UserID (setUserID); "
            "звонок свежий."
        ),
    ),
}
