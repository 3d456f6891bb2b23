"""Notes on charts: https://yandex.ru/dev/metrika/en/management/openapi/chart_annotation/create

The lengths and groups are documented; the list's key, and what is required, are inferred.
"""

from __future__ import annotations

import json
import re
import sqlite3

from .api_request import ApiRequest
from .messages import ApiError, Json

TABLE = """
CREATE TABLE IF NOT EXISTS annotations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, counter_id INTEGER NOT NULL, body TEXT NOT NULL)
"""
LENGTHS = {"title": 255, "message": 1023}
DATE, TIME = re.compile(r"\d{4}-\d{2}-\d{2}"), re.compile(r"\d{2}:\d{2}:\d{2}")


def listing(api: ApiRequest) -> Json:
    rows = _store(api, "SELECT * FROM annotations WHERE counter_id = ? ORDER BY id")
    return {"chart_annotations": [_as_json(row) for row in rows]}


def create(api: ApiRequest) -> Json:
    note = _checked(api)
    api.world.store.run(TABLE)
    api.world.store.run(
        "INSERT INTO annotations (counter_id, body) VALUES (?, ?)",
        *(api.counter_number, json.dumps(note, ensure_ascii=False)),
    )
    return {"chart_annotation": listing(api)["chart_annotations"][-1]}


def one(api: ApiRequest) -> Json:
    return {"chart_annotation": _found(api)}


def change(api: ApiRequest) -> Json:
    _found(api)
    body = json.dumps(_checked(api), ensure_ascii=False)
    api.world.store.run("UPDATE annotations SET body = ? WHERE id = ?", body, api.item)
    return {"chart_annotation": _found(api)}


def delete(api: ApiRequest) -> Json:
    _found(api)
    api.world.store.run("DELETE FROM annotations WHERE id = ?", api.item)
    return {"success": True}


def _found(api: ApiRequest) -> Json:
    for note in listing(api)["chart_annotations"]:
        if note["id"] == api.item:
            found: Json = note
            return found
    raise ApiError(404, "not_found", "Note not found")


def _checked(api: ApiRequest) -> Json:
    note = api.request.json().get("chart_annotation")
    if not isinstance(note, dict):
        raise ApiError(400, "missing_parameter", "chart_annotation is missing")
    texts = {name: str(note.get(name) or "") for name in ("date", "time", "group", *LENGTHS)}
    if not DATE.fullmatch(texts["date"]) or not TIME.fullmatch(texts["time"]):
        raise ApiError(400, "invalid_parameter", "Not a date or time", location="date")
    if texts["group"] not in tuple("ABCDE"):
        raise ApiError(400, "invalid_parameter", "Groups are A to E", location="group")
    for name, most in LENGTHS.items():
        if len(texts[name]) > most:
            raise ApiError(400, "invalid_parameter", "Too long", location=name)
    return texts


def _store(api: ApiRequest, sql: str) -> list[sqlite3.Row]:
    api.world.store.run(TABLE)
    return api.world.store.all(sql, api.counter_number)


def _as_json(row: sqlite3.Row) -> Json:
    return {"id": row["id"], **json.loads(row["body"])}
