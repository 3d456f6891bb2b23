"""Counters and the permissions on them."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from .messages import ApiError, Json
from .storage import Store

PERMISSIONS = ("own", "edit", "view", "analyst", "view_access_filter", "analyst_access_filter")
WRITERS = ("own", "edit")
EDITABLE = ("name", "site", "status", "type", "favorite", "owner_login", "create_time")
DEFAULTS: Json = {
    "status": "Active",
    "mirrors": [],
    "type": "simple",
    "source": "",
    "create_time": "2021-04-12T10:31:07+03:00",
    "time_zone_name": "Europe/Moscow",
    "time_zone_offset": 180,
    "favorite": 0,
    "activity_status": "low",
    "code_status": "CS_OK",
}


class Counters:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, number: int, name: str, site: str, owner: str, **details: Any) -> None:
        """Create a counter with its owner's right; ``details`` override :data:`DEFAULTS`."""
        fields = DEFAULTS | details
        values = {"id": number, "name": name, "site": site, "owner_login": owner} | fields
        values["mirrors"] = json.dumps(values["mirrors"], ensure_ascii=False)
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        with self._store.transaction() as db:
            db.execute(f"REPLACE INTO counters ({names}) VALUES ({marks})", tuple(values.values()))
            db.execute("REPLACE INTO rights VALUES (?, ?, 'own')", (number, owner))

    def free_number(self) -> int:
        row = self._store.one("SELECT coalesce(max(id), 0) AS top FROM counters")
        return max(row["top"] if row else 0, 92_000_000) + 1

    def find(self, number: int) -> sqlite3.Row | None:
        return self._store.one("SELECT * FROM counters WHERE id = ?", number)

    def seen_by(self, login: str) -> list[sqlite3.Row]:
        return self._store.all(
            "SELECT counters.*, rights.permission FROM counters"
            " JOIN rights ON rights.counter_id = counters.id WHERE rights.login = ?"
            " ORDER BY counters.id",
            login,
        )

    def all(self) -> list[sqlite3.Row]:
        return self._store.all("SELECT * FROM counters ORDER BY id")

    def permission(self, number: int, login: str) -> str:
        """The person's level on the counter, empty for none."""
        row = self._store.one(
            "SELECT permission FROM rights WHERE counter_id = ? AND login = ?", number, login
        )
        return str(row["permission"]) if row else ""

    def set_right(self, number: int, login: str, permission: str) -> None:
        """Give a right, or take it all with an empty one or ``none``."""
        if permission in ("", "none"):
            self._store.run("DELETE FROM rights WHERE counter_id = ? AND login = ?", number, login)
            return
        if permission not in PERMISSIONS:
            known = ", ".join(PERMISSIONS)
            raise ApiError(400, "invalid_parameter", f"permission is one of {known} or none")
        self._store.run("REPLACE INTO rights VALUES (?, ?, ?)", number, login, permission)

    def change(self, number: int, changes: Json) -> None:
        for name, value in changes.items():
            if name not in EDITABLE:
                raise ApiError(400, "invalid_parameter", f"Cannot set {name}", location=name)
            self._store.run(f"UPDATE counters SET {name} = ? WHERE id = ?", value, number)

    def set_threshold(self, number: int, column: str, moment: float | None) -> None:
        """Switch the extended threshold on (from ``moment``) or off (None)."""
        assert column in ("calls_threshold_at", "conversions_threshold_at")
        self._store.run(f"UPDATE counters SET {column} = ? WHERE id = ?", moment, number)


def brief(counter: sqlite3.Row, permission: str) -> Json:
    """CounterBrief: https://yandex.com/dev/metrika/en/management/openapi/counter/counters"""
    answer = {
        "id": counter["id"],
        "status": counter["status"],
        "owner_login": counter["owner_login"],
        "activity_status": counter["activity_status"],
        "code_status": counter["code_status"],
        "name": counter["name"],
        "type": counter["type"],
        "favorite": counter["favorite"],
        "hide_address": 0,
        "permission": permission,
        "create_time": counter["create_time"],
        "time_zone_name": counter["time_zone_name"],
        "time_zone_offset": counter["time_zone_offset"],
        "site": counter["site"],
        "site2": {"site": counter["site"], "domain": counter["site"]},
        "gdpr_agreement_accepted": 0,
    }
    return answer | ({"source": counter["source"]} if counter["source"] else {})


def mirrors(counter: sqlite3.Row) -> list[Json]:
    return [{"site": site, "domain": site} for site in json.loads(counter["mirrors"])]
