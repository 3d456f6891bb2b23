"""Time zones for a select: those of Russia and its neighbours by city first, then all others."""

from __future__ import annotations

import zoneinfo
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

Choices = list[tuple[str, str]]

#: Where CallKeeper's customers are. Names of the tz database.
NEAR = {
    "Europe/Kaliningrad": gettext_lazy("Калининград"),
    "Europe/Moscow": gettext_lazy("Москва, Санкт-Петербург"),
    "Europe/Kirov": gettext_lazy("Киров"),
    "Europe/Volgograd": gettext_lazy("Волгоград"),
    "Europe/Simferopol": gettext_lazy("Симферополь"),
    "Europe/Samara": gettext_lazy("Самара, Ижевск"),
    "Europe/Astrakhan": gettext_lazy("Астрахань"),
    "Europe/Saratov": gettext_lazy("Саратов"),
    "Europe/Ulyanovsk": gettext_lazy("Ульяновск"),
    "Asia/Yekaterinburg": gettext_lazy("Екатеринбург, Уфа"),
    "Asia/Omsk": gettext_lazy("Омск"),
    "Asia/Novosibirsk": gettext_lazy("Новосибирск"),
    "Asia/Barnaul": gettext_lazy("Барнаул"),
    "Asia/Tomsk": gettext_lazy("Томск"),
    "Asia/Novokuznetsk": gettext_lazy("Новокузнецк, Кемерово"),
    "Asia/Krasnoyarsk": gettext_lazy("Красноярск"),
    "Asia/Irkutsk": gettext_lazy("Иркутск"),
    "Asia/Yakutsk": gettext_lazy("Якутск, Благовещенск"),
    "Asia/Chita": gettext_lazy("Чита"),
    "Asia/Khandyga": gettext_lazy("Хандыга"),
    "Asia/Vladivostok": gettext_lazy("Владивосток, Хабаровск"),
    "Asia/Ust-Nera": gettext_lazy("Усть-Нера"),
    "Asia/Magadan": gettext_lazy("Магадан"),
    "Asia/Sakhalin": gettext_lazy("Южно-Сахалинск"),
    "Asia/Srednekolymsk": gettext_lazy("Среднеколымск"),
    "Asia/Kamchatka": gettext_lazy("Петропавловск-Камчатский"),
    "Asia/Anadyr": gettext_lazy("Анадырь"),
    "Europe/Minsk": gettext_lazy("Минск"),
    "Asia/Almaty": gettext_lazy("Алматы, Астана"),
    "Asia/Aqtau": gettext_lazy("Актау"),
    "Asia/Aqtobe": gettext_lazy("Актобе"),
    "Asia/Atyrau": gettext_lazy("Атырау"),
    "Asia/Qostanay": gettext_lazy("Костанай"),
    "Asia/Qyzylorda": gettext_lazy("Кызылорда"),
    "Asia/Oral": gettext_lazy("Уральск"),
    "Asia/Tashkent": gettext_lazy("Ташкент"),
    "Asia/Samarkand": gettext_lazy("Самарканд"),
    "Asia/Ashgabat": gettext_lazy("Ашхабад"),
    "Asia/Dushanbe": gettext_lazy("Душанбе"),
    "Asia/Bishkek": gettext_lazy("Бишкек"),
    "Asia/Yerevan": gettext_lazy("Ереван"),
    "Asia/Tbilisi": gettext_lazy("Тбилиси"),
    "Asia/Baku": gettext_lazy("Баку"),
    "Europe/Chisinau": gettext_lazy("Кишинёв"),
    "Europe/Kyiv": gettext_lazy("Киев"),
    "Europe/Vilnius": gettext_lazy("Вильнюс"),
    "Europe/Riga": gettext_lazy("Рига"),
    "Europe/Tallinn": gettext_lazy("Таллин"),
    "Europe/Helsinki": gettext_lazy("Хельсинки"),
    "Asia/Ulaanbaatar": gettext_lazy("Улан-Батор"),
    "UTC": gettext_lazy("Всемирное время"),
}


def zone_choices(*, now: datetime) -> list[tuple[str, Choices]]:
    """Return groups of choices; the near ones show their UTC offset at ``now``."""
    near = [(name, f"{city} — {_offset(name, now)}") for name, city in NEAR.items()]
    # Etc/GMT+3 is three hours *behind* UTC: misleading names are not offered.
    others = sorted(
        name
        for name in zoneinfo.available_timezones()
        if "/" in name and not name.startswith("Etc/") and name not in NEAR
    )
    return [(_("Россия и соседи"), near), (_("Остальные"), [(name, name) for name in others])]


def zone_label(name: str) -> str:
    """Return the zone's cities, or its name if they are not known."""
    return str(NEAR.get(name, name))


def _offset(name: str, now: datetime) -> str:
    written = now.astimezone(zoneinfo.ZoneInfo(name)).strftime("%z")
    hours, minutes = int(written[:3]), written[3:]
    return f"UTC{hours:+d}" + (f":{minutes}" if minutes != "00" else "")
