"""Named scenarios: people, counters, permissions, and faults."""

from __future__ import annotations

from typing import Any

from .callkeeper import samples
from .callkeeper.accounts import time_of
from .messages import ApiError
from .world import World

SITES: tuple[tuple[Any, ...], ...] = (
    # id, name, site, owner, time zone, minutes, extras
    (
        91234567,
        "Окна Столица",
        "okna-stolica.example",
        "okna-stolica",
        "Europe/Moscow",
        180,
        {"mirrors": ["www.okna-stolica.example", "m.okna-stolica.example"], "favorite": 1},
    ),
    (
        91234568,
        "Окна Столица: балконы",
        "balkon.okna-stolica.example",
        "okna-stolica",
        "Europe/Moscow",
        180,
        {},
    ),
    (
        91234601,
        "Двери Столица",
        "двери-столица.рф",
        "okna-stolica",
        "Europe/Moscow",
        180,
        {
            "mirrors": ["xn----8sbehgsbx0arnm9c.xn--p1ai"],
            "create_time": "2022-03-25T15:59:52+03:00",
        },
    ),
    (
        91234602,
        "Мой сайт",
        "mysite.ru",
        "okna-stolica",
        "Europe/Moscow",
        180,
        {"create_time": "2023-09-01T09:00:00+03:00"},
    ),
    (
        91234703,
        "Окна Столица — Владивосток",
        "vl.okna-stolica.example",
        "okna-stolica",
        "Asia/Vladivostok",
        600,
        {"activity_status": "high"},
    ),
    (
        91234704,
        "Кэшбэк «Окна & Ко» <партнёр>",
        "partner.okna-stolica.example",
        "okna-stolica",
        "Europe/Moscow",
        180,
        {"type": "partner", "source": "partner"},
    ),
    (
        91234705,
        "Старый сайт",
        "old.okna-stolica.example",
        "okna-stolica",
        "Europe/Moscow",
        180,
        {"status": "Deleted", "create_time": "2016-05-11T12:00:00+03:00"},
    ),
    (
        91300042,
        "Клиника Урал",
        "klinika-ural.example",
        "klinika-ural",
        "Asia/Yekaterinburg",
        300,
        {"favorite": 1, "create_time": "2019-11-02T08:00:00+03:00"},
    ),
    (
        91300043,
        "Клиника Урал: стоматология",
        "stom.klinika-ural.example",
        "klinika-ural",
        "Asia/Yekaterinburg",
        300,
        {},
    ),
    (
        91400010,
        "Агентство «Медиа»",
        "agency-media.example",
        "agency-media",
        "Europe/Moscow",
        180,
        {"create_time": "2018-02-14T18:20:00+03:00"},
    ),
    (91400011, "Такси Ветер", "taxi-veter.example", "agency-media", "Europe/Samara", 240, {}),
    (91400012, "Мебель Дуб", "mebel-dub.example", "agency-media", "Europe/Moscow", 180, {}),
    (
        91400013,
        "Школа танцев «Ритм»",
        "ritm-dance.example",
        "agency-media",
        "Asia/Novosibirsk",
        420,
        {"code_status": "CS_ERR_UNKNOWN"},
    ),
    (91400014, "Автосервис №1", "auto1.example", "agency-media", "Europe/Kaliningrad", 120, {}),
    (91400015, "Пекарня на Мойке", "pekarnya.example", "agency-media", "Europe/Moscow", 180, {}),
    (91400016, "Юрист рядом", "юрист-рядом.рф", "agency-media", "Europe/Moscow", 180, {}),
    (91400017, "Coffee & Co", "coffee-co.example", "agency-media", "Europe/Moscow", 180, {}),
    (91400018, "Ремонт под ключ", "remont.example", "agency-media", "Asia/Omsk", 360, {}),
)

# Permissions of people other than the owners.
GUESTS = (
    (91300042, "okna-stolica", "view"),
    (91400011, "okna-stolica", "edit"),
    (91400010, "okna-stolica", "analyst"),
    (91234567, "agency-media", "edit"),
    (91234568, "agency-media", "edit"),
    (91300042, "agency-media", "edit"),
    (91234567, "viewer", "view"),
    (91300042, "viewer", "view_access_filter"),
    (91400010, "viewer", "analyst"),
)

PEOPLE = (
    ("okna-stolica", "1130000000000101", "Анна", "Столичная", "Владелец сайтов «Окна Столица»"),
    ("agency-media", "1130000000000102", "Илья", "Агентский", "Рекламное агентство"),
    ("klinika-ural", "1130000000000103", "Мария", "Уральская", "Клиника в Екатеринбурге"),
    ("novichok", "1130000000000104", "Пётр", "Новиков", "Счетчиков ещё нет"),
    ("viewer", "1130000000000105", "Вера", "Зрителева", "Только просмотр чужих счетчиков"),
)

GOALS = (
    ("Звонок коллтрекинга", "action", "calltracking_call_order"),
    ("Обратный звонок", "action", "call"),
    ("Заявка с сайта", "action", "lead-form"),
    ("Корзина", "url", "/cart"),
)

#: The key, name and days of an account of CallKeeper.
CALLKEEPER = ("okna5stolica5key", "okna-stolica", 3)

# Long enough to finish linking, too short for the first upload.
SHORT_TOKEN_SECONDS = 5

FAULTS: dict[str, list[dict[str, Any]]] = {
    "happy": [],
    "empty": [],
    "denied": [{"name": "access_denied", "times": None}],
    "expired_token": [],
    "quota": [{"name": "status_429", "times": None, "error_type": "quota_requests_by_uid"}],
    "linkage_failure": [{"name": "linkage_failure", "times": None}],
    "slow": [{"name": "latency", "times": None, "ms": 1500}],
    "outage": [{"name": "html_5xx", "times": None, "status": 502}],
    "goals_full": [],
    "cut_scopes": [{"name": "scope_cut", "times": None, "drop": ["metrika:offline_data"]}],
}


def load(world: World, name: str) -> None:
    """Clear the world and build the named scenario; an unknown name changes nothing."""
    if name not in FAULTS:
        known = ", ".join(FAULTS)
        raise ApiError(404, "not_found", f"No scenario {name}; there are {known}")
    world.clear()
    _populate(world, with_counters=name != "empty")
    for fault in FAULTS[name]:
        world.faults.add(fault)
    if name == "expired_token":
        world.tokens.set_lifetime(SHORT_TOKEN_SECONDS)
    if name == "goals_full":
        world.goals.limit = len(GOALS)
    world.store.run("REPLACE INTO settings VALUES ('scenario', ?)", name)


def _add_callkeeper(world: World) -> None:
    """Add an account of CallKeeper with two calls an hour of the last three days."""
    now = world.clock.now()
    key, name, days = CALLKEEPER
    world.callkeeper.add(key, name)
    body = {"count": days * 48, "since": now - days * 86400, "until": now}
    world.callkeeper.add_calls(key, samples.many(body, time_of))


def _populate(world: World, *, with_counters: bool) -> None:
    _add_callkeeper(world)
    for position, (login, uid, first, last, about) in enumerate(PEOPLE):
        world.people.add(login, uid, first, last, about, position)
    if not with_counters:
        return
    for number, name, site, owner, zone, minutes, extras in SITES:
        world.counters.add(
            number, name, site, owner, time_zone_name=zone, time_zone_offset=minutes, **extras
        )
        for goal_name, kind, target in GOALS:
            world.goals.add_plain(number, goal_name, kind, target)
    for number, login, permission in GUESTS:
        world.counters.set_right(number, login, permission)
