"""HTML pages: all counters of the sandbox, and what one counter has received."""

from __future__ import annotations

from datetime import datetime
from html import escape

from . import ledger
from .clock import MOSCOW, moscow_time
from .messages import ApiError, Request, Response, html_response
from .pages import page, table
from .rows import CALL_COLUMNS, CONVERSION_COLUMNS
from .uploadings import CALLS, CONVERSIONS
from .world import World

SHOWN_ROWS = 200
UPLOADING_HEADINGS = {
    "id": "Загрузка",
    "create_time": "Создана",
    "status": "Статус",
    "source_quantity": "Строк в файле",
    "line_quantity": "Принято",
    "linked_quantity": "Связано",
    "user_not_found_quantity": "Не найдено",
    "client_id_type": "Идентификатор",
    "comment": "Комментарий",
}


def index(world: World, request: Request) -> Response:
    counts = {
        (line["counter"], line["channel"]): line["rows"] for line in ledger.summary(world.store)
    }
    items = "".join(
        f"<li><a href='/dashboard?id={counter['id']}'>{escape(counter['name'])}</a>"
        f" <small>{counter['id']} · {escape(counter['site'])} · {escape(counter['owner_login'])}"
        f" · звонков {counts.get((counter['id'], CALLS), 0)}"
        f" · конверсий {counts.get((counter['id'], CONVERSIONS), 0)}</small></li>"
        for counter in world.counters.all()
    )
    people = table(
        ("Логин", "Имя", "Кто это"),
        (
            (p["login"], f"{p['first_name']} {p['last_name']}", p["about"])
            for p in world.people.all()
        ),
    )
    accounts = table(
        ("Ключ", "Кабинет", "Звонков"),
        ((one["key"], one["name"], one["calls"]) for one in world.callkeeper.all()),
    )
    now = escape(moscow_time(world.clock.now()))
    content = (
        f"<h1>Песочница Яндекс Метрики</h1><p class='note'>Часы песочницы: {now}</p>"
        f"<h2>Что получила Метрика</h2><ul>{items}</ul><h2>Люди</h2>{people}"
        f"<h2>CallKeeper: ключи API</h2>{accounts}"
    )
    return html_response(page("Песочница", content, "wide"))


def counter(world: World, request: Request) -> Response:
    found = world.counters.find(request.number("id", 0))
    if found is None:
        raise ApiError(404, "not_found", "Counter not found", location="id")
    name = escape(found["name"])
    parts = [
        f"<p><a href='/'>Все счетчики</a></p><h1>Что получила Метрика: {name}</h1>"
        f"<p class='note'>{found['id']} · {escape(found['site'])}</p>",
        "<h2>Загрузки звонков</h2>",
        _uploadings(world, found["id"], CALLS),
        "<h2>Звонки, детально</h2>",
        _rows(world, found["id"], CALLS, list(CALL_COLUMNS)),
        "<h2>Загрузки офлайн-конверсий</h2>",
        _uploadings(world, found["id"], CONVERSIONS),
        "<h2>Конверсии</h2>",
        _rows(world, found["id"], CONVERSIONS, list(CONVERSION_COLUMNS)),
    ]
    return html_response(page(f"Счетчик {found['id']}", "".join(parts), "wide"))


def _uploadings(world: World, number: int, channel: str) -> str:
    found = [
        world.uploadings.as_json(row)
        for row in world.uploadings.visible(number, channel, SHOWN_ROWS, 0)
    ]
    if not found:
        return "<p class='note'>Загрузок еще не было.</p>"
    return table(
        UPLOADING_HEADINGS.values(),
        ([shown.get(key, "") for key in UPLOADING_HEADINGS] for shown in found),
    )


def _rows(world: World, number: int, channel: str, columns: list[str]) -> str:
    """The newest rows, with a readable time and without empty columns."""
    total = ledger.rows(world.store, counter=number, channel=channel, limit=0)["total"]
    offset = max(0, total - SHOWN_ROWS)
    found = ledger.rows(world.store, counter=number, channel=channel, offset=offset)["rows"][::-1]
    if not found:
        return "<p class='note'>Строк еще не было.</p>"
    filled = [name for name in columns if any(row.get(name) for row in found)]
    lines = (
        [
            _in_words(int(row["DateTime"])),
            *(row.get(name, "") for name in filled),
            "да" if row["linked"] else "нет",
            row["uploading_id"],
        ]
        for row in found
    )
    note = f"<p class='note'>Всего строк: {total}, показано: {len(found)}.</p>"
    return note + table(("Время (МСК)", *filled, "Связан с визитом", "Загрузка"), lines)


def _in_words(moment: int) -> str:
    return datetime.fromtimestamp(moment, MOSCOW).strftime("%d.%m.%Y %H:%M:%S")
