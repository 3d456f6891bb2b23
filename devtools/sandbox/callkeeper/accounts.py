"""Accounts of CallKeeper, each with a key, and their calls."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from typing import Any

from devtools.sandbox.callkeeper import samples
from devtools.sandbox.clock import MOSCOW
from devtools.sandbox.messages import ApiError, Json
from devtools.sandbox.storage import Store

#: Of the older export; that of v3 is not documented.
PAGE_LENGTH = 1000
ORDERS = {"newest": "DESC", "oldest": "ASC"}
SHAPES = ("list", "gaps")
TIME = "%Y-%m-%d %H:%M:%S"


class Accounts:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, key: str, name: str, **options: Any) -> None:
        """Create the account, or change its options: ``shape``, ``ordering``, ``page_length``."""
        shape = str(options.get("shape", "list"))
        ordering = str(options.get("ordering", "newest"))
        if shape not in SHAPES or ordering not in ORDERS:
            raise ApiError(400, "invalid_parameter", f"shape: {SHAPES}, ordering: {list(ORDERS)}")
        length = int(options.get("page_length", PAGE_LENGTH))
        values = (key, name, shape, ordering, length)
        self._store.run("REPLACE INTO ck_accounts VALUES (?, ?, ?, ?, ?)", *values)

    def all(self) -> list[sqlite3.Row]:
        return self._store.all(
            "SELECT account.*, (SELECT count(*) FROM ck_calls WHERE key = account.key) AS calls"
            " FROM ck_accounts AS account ORDER BY key"
        )

    def find(self, key: str) -> sqlite3.Row | None:
        return self._store.one("SELECT * FROM ck_accounts WHERE key = ?", key)

    def remove(self, key: str) -> int:
        """Delete the account: its key is recognised no more. The calls stay for a new one."""
        return self._store.run("DELETE FROM ck_accounts WHERE key = ?", key)

    def add_calls(self, key: str, calls: list[Json]) -> list[str]:
        """Add calls, completed to full records; return their universal ids."""
        records = [samples.record(call) for call in calls]
        rows = [
            (key, one["universalId"], moment_of(one["callTime"]), json.dumps(one))
            for one in records
        ]
        with self._store.transaction() as db:
            db.executemany("INSERT INTO ck_calls VALUES (?, ?, ?, ?)", rows)
        return [one["universalId"] for one in records]

    def change_call(self, universal_id: str, changes: Json) -> int:
        """Change fields of a call, as a late tag or status does; return how many there were."""
        found = self._store.all("SELECT body FROM ck_calls WHERE universal_id = ?", universal_id)
        for row in found:
            body = json.loads(row["body"]) | changes
            self._store.run(
                "UPDATE ck_calls SET body = ?, moment = ? WHERE universal_id = ?",
                *(json.dumps(body), moment_of(body["callTime"]), universal_id),
            )
        return len(found)

    def remove_call(self, universal_id: str) -> int:
        return self._store.run("DELETE FROM ck_calls WHERE universal_id = ?", universal_id)

    def page(self, account: sqlite3.Row, number: int, since: int, until: int) -> list[Json]:
        """Return a page of the period, both ends included, as the account orders its calls."""
        found = self._store.all(
            "SELECT body FROM ck_calls WHERE key = ? AND moment BETWEEN ? AND ?"
            f" ORDER BY moment {ORDERS[account['ordering']]}, universal_id LIMIT ? OFFSET ?",
            *(account["key"], since, until),
            *(account["page_length"], number * account["page_length"]),
        )
        return [json.loads(row["body"]) | {"page": number} for row in found]


def moment_of(text: str) -> int:
    """Return Unix seconds of a time of a record: the documentation names no zone, here Moscow."""
    return int(datetime.strptime(text, TIME).replace(tzinfo=MOSCOW).timestamp())


def time_of(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), MOSCOW).strftime(TIME)
