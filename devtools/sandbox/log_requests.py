"""Requests for logs: their queue and their states.

https://yandex.com/dev/metrika/en/logs/: requests are prepared one after the other, in parts, and
take room until they are removed.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, fields

from .clock import Clock
from .messages import ApiError, Json
from .storage import Store

CREATED, PROCESSED, FAILED = "created", "processed", "processing_failed"
RETRIED, CANCELED = "awaiting_retry", "canceled"
CLEANED, TOO_OLD = "cleaned_by_user", "cleaned_automatically_as_too_old"
#: About what a line of a few fields takes.
LINE_BYTES = 100


@dataclass
class LogSettings:
    """What the control API may change: seconds a request takes, limits, and what logs contain.

    The vendor does not say how large a part is, nor whether static calls are hits.
    """

    seconds: float
    part_lines: int = 1_000_000
    bytes: int = 10_000_000_000
    has_static: bool = True


class LogRequests:
    def __init__(self, store: Store, clock: Clock, seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._seconds = seconds
        self.reset()

    def reset(self) -> None:
        self.settings = LogSettings(self._seconds)

    def change(self, changes: Json) -> Json:
        """Change settings; raise ``invalid_parameter`` for an unknown one."""
        known = {field.name for field in fields(LogSettings)}
        if set(changes) - known:
            raise ApiError(400, "invalid_parameter", "Settings: " + ", ".join(sorted(known)))
        for name, value in changes.items():
            setattr(self.settings, name, type(getattr(self.settings, name))(value))
        return vars(self.settings)

    def add(self, counter: int, query: Json, *, lines: int, fate: str) -> sqlite3.Row:
        """Queue a request behind those of its counter; ``fate`` is the state it will end in."""
        now = self._clock.now()
        with self._store.transaction() as db:
            last = db.execute(
                "SELECT coalesce(max(ready_at), 0) FROM log_requests"
                " WHERE counter_id = ? AND ended = ''",
                (counter,),
            ).fetchone()[0]
            ready_at = max(now, last) + self.settings.seconds
            values = (
                *(counter, query["source"], query["date1"], query["date2"]),
                *(",".join(query["fields"]), query["attribution"], now, ready_at, "", fate),
                *(lines, self.settings.part_lines),
            )
            marks = ", ".join("?" * len(values))
            number = db.execute(
                f"INSERT INTO log_requests VALUES (NULL, {marks})", values
            ).lastrowid
        return self.find(counter, int(number or 0))

    def find(self, counter: int, number: int) -> sqlite3.Row:
        """Return the request; raise ``not_found``."""
        found = self._store.one(
            "SELECT * FROM log_requests WHERE id = ? AND counter_id = ?", number, counter
        )
        if found is None:
            raise ApiError(404, "not_found", "Log request not found")
        return found

    def of(self, counter: int) -> list[sqlite3.Row]:
        return self._store.all(
            "SELECT * FROM log_requests WHERE counter_id = ? ORDER BY id", counter
        )

    def status(self, request: sqlite3.Row) -> str:
        if request["ended"]:
            return str(request["ended"])
        if self._clock.now() < request["ready_at"]:
            return CREATED
        return str(request["fate"])

    def end(self, request: sqlite3.Row, state: str) -> None:
        self._store.run("UPDATE log_requests SET ended = ? WHERE id = ?", state, request["id"])

    def bytes_left(self, counter: int) -> int:
        """Return the room for prepared logs that the counter has left."""
        taken = sum(
            _size(one) for one in self.of(counter) if self.status(one) in (CREATED, PROCESSED)
        )
        return self.settings.bytes - taken

    def as_json(self, request: sqlite3.Row) -> Json:
        status = self.status(request)
        is_ready = status == PROCESSED
        answer = {
            "request_id": request["id"],
            "counter_id": request["counter_id"],
            "source": request["source"],
            "date1": request["date1"],
            "date2": request["date2"],
            "fields": request["fields"].split(","),
            "status": status,
            "attribution": request["attribution"],
            "size": _size(request) if is_ready else 0,
        }
        return answer | ({"parts": _parts(request)} if is_ready else {})


def part_count(request: sqlite3.Row) -> int:
    """Return how many parts the request has; an empty one has a part with a header."""
    return max(1, -(-int(request["lines"]) // int(request["part_lines"])))


def _size(request: sqlite3.Row) -> int:
    return int(request["lines"]) * LINE_BYTES


def _parts(request: sqlite3.Row) -> list[Json]:
    whole, most = int(request["lines"]), int(request["part_lines"])
    return [
        {"part_number": number, "size": min(most, whole - number * most) * LINE_BYTES}
        for number in range(part_count(request))
    ]
