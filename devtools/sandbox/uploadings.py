"""Accepted files, their rows, and their statuses over time."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable

from .clock import Clock, moscow_time
from .messages import Json
from .rows import CheckedFile, Row
from .storage import Store
from .visits import Visits

CALLS, CONVERSIONS = "calls", "goal"
# A third of `ripen_seconds` each; the final status depends on what was linked.
RIPENING = ("UPLOADED", "EXPORTED", "MATCHED")


class Uploadings:
    def __init__(self, store: Store, clock: Clock, ripen_seconds: float, visits: Visits) -> None:
        self._store = store
        self._visits = visits
        self._clock = clock
        self.ripen_seconds = ripen_seconds

    def accept(
        self,
        file: CheckedFile,
        *,
        counter: int,
        login: str,
        channel: str,
        comment: str,
        links: bool = True,
        lag_seconds: float = 0,
    ) -> sqlite3.Row:
        """Store a checked file; the lists show it after ``lag_seconds``."""
        now = self._clock.now()
        visits: list[int | None] = [None] * len(file.rows)
        if links:
            visits = self._visits.of_rows(counter, file, now)
        linked = [visit is not None for visit in visits]
        static = sum(row.is_static for row in file.rows)
        missed = len(file.rows) - static - sum(linked)
        values = (
            *(counter, login, channel, now, now + lag_seconds, comment, file.client_id_type),
            *(file.source_quantity, len(file.rows), static, sum(linked), missed),
        )
        with self._store.transaction() as db:
            marks = ", ".join("?" * len(values))
            number = db.execute(f"INSERT INTO uploadings VALUES (NULL, {marks})", values).lastrowid
            db.executemany(
                "INSERT INTO rows VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                _records(int(number or 0), counter, channel, file.rows, visits),
            )
        uploading = self.find(counter, channel, int(number or 0))
        assert uploading is not None
        return uploading

    def find(self, counter: int, channel: str, number: int) -> sqlite3.Row | None:
        return self._store.one(
            "SELECT * FROM uploadings WHERE id = ? AND counter_id = ? AND channel = ?",
            *(number, counter, channel),
        )

    def visible(self, counter: int, channel: str, limit: int, offset: int) -> list[sqlite3.Row]:
        """Newest first, as the interface of Metrika shows them; ``offset`` is 0-based."""
        return self._store.all(
            "SELECT * FROM uploadings WHERE counter_id = ? AND channel = ? AND visible_at <= ?"
            " ORDER BY id DESC LIMIT ? OFFSET ?",
            *(counter, channel, self._clock.now(), limit, offset),
        )

    def status(self, uploading: sqlite3.Row) -> str:
        age = self._clock.now() - uploading["created_at"]
        if age >= self.ripen_seconds:
            return "PROCESSED" if uploading["linked_quantity"] else "LINKAGE_FAILURE"
        return RIPENING[int(age / self.ripen_seconds * len(RIPENING))]

    def as_json(self, uploading: sqlite3.Row) -> Json:
        """OfflineCallsUploading: https://yandex.com/dev/metrika/en/management/openapi/call/uploadCalls"""
        status = self.status(uploading)
        is_ripe = status not in RIPENING
        answer = {
            "id": uploading["id"],
            "create_time": moscow_time(uploading["created_at"]),
            "source_quantity": uploading["source_quantity"],
            "line_quantity": uploading["line_quantity"],
            "comment": uploading["comment"],
            "type": "CALLS" if uploading["channel"] == CALLS else "BASIC",
            "client_id_type": uploading["client_id_type"],
            "status": status,
            "linked_quantity": uploading["linked_quantity"] if is_ripe else 0,
            "user_not_found_quantity": uploading["user_not_found"] if is_ripe else 0,
            "goal_not_found_quantity": 0,
        }
        return answer | (_call_quantities(uploading) if uploading["channel"] == CALLS else {})


def _call_quantities(uploading: sqlite3.Row) -> Json:
    static = uploading["static_quantity"]
    return {
        "static_calls_quantity": static,
        "dynamic_calls_quantity": uploading["line_quantity"] - static,
    }


def _records(
    number: int, counter: int, channel: str, rows: list[Row], visits: list[int | None]
) -> Iterable[tuple[object, ...]]:
    for row, visit in zip(rows, visits, strict=True):
        columns = json.dumps(row.columns, ensure_ascii=False, sort_keys=True)
        digest = hashlib.sha256(columns.encode()).digest()[:16]
        tracker = row.columns.get("CallTrackerURL", "")
        is_linked = visit is not None
        yield (number, counter, channel, columns, digest, tracker, row.moment, is_linked, visit)
