"""Goals of counters, the automatic call goal among them."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from .clock import Clock
from .messages import ApiError, Json
from .options import Options
from .storage import Store

# The goals that the first upload of calls creates: «any call» and others, "within 24 hours"
# (https://yandex.com/support/metrica/en/general/call-goal). The vendor documents neither how many,
# nor their type and names: all but the first name are invented here, and so are their conditions.
ANY_CALL, FIRST_CALL, MISSED_CALL = "any", "first", "missed"
CALL_GOALS = (
    ("{name}", ANY_CALL),
    ("{name}: первичный", FIRST_CALL),
    ("{name}: пропущенный", MISSED_CALL),
)
# https://yandex.com/dev/metrika/en/management/openapi/goal/addGoal, plus older and newer kinds.
TYPES = frozenset(
    (
        *("url", "number", "step", "action", "phone", "email", "payment_system", "messenger"),
        *("file", "search", "social", "visit_duration", "form", "button", "call", "chat"),
    )
)
# https://www.yandex.ru/support/metrica/en/general/goal-js-event
FORBIDDEN_IN_EVENT = frozenset('/\\&#?="')


class Goals:
    def __init__(self, store: Store, clock: Clock, options: Options) -> None:
        self._store = store
        self._clock = clock
        self._delay = options.goal_seconds
        #: Goals that a counter may have; changed by the control API.
        self.limit = options.goal_limit

    def of(self, counter: int, *, with_deleted: bool = False) -> list[Json]:
        """Return the goals that are there by now."""
        return self._of(counter, with_deleted=with_deleted, until=self._clock.now())

    def _of(
        self, counter: int, *, with_deleted: bool = False, until: float = float("inf")
    ) -> list[Json]:
        rows = self._store.all(
            "SELECT * FROM goals WHERE counter_id = ? AND deleted <= ? AND visible_at <= ?"
            " ORDER BY id",
            *(counter, int(with_deleted), until),
        )
        return [_as_json(row) for row in rows]

    def find(self, counter: int, goal_id: int) -> Json:
        """Return the goal; raise ``not_found``."""
        for goal in self.of(counter):
            if goal["id"] == goal_id:
                return goal
        raise ApiError(404, "not_found", "Goal not found")

    def add(self, counter: int, body: Json) -> Json:
        """Check and store a goal; raise ``invalid_parameter`` or ``limit_exceeded``."""
        _check(body)
        if not self._room(counter):
            raise ApiError(400, "limit_exceeded", "Too many goals")
        return self.find(counter, self._insert(counter, body, source="user"))

    def _room(self, counter: int) -> int:
        return max(self.limit - len(self._of(counter)), 0)

    def _insert(self, counter: int, body: Json, *, source: str, visible_at: float = 0) -> int:
        with self._store.transaction() as db:
            number = db.execute(
                "INSERT INTO goals (counter_id, source, body, visible_at) VALUES (?, ?, ?, ?)",
                (counter, source, _packed(body), visible_at),
            ).lastrowid
        return int(number or 0)

    def add_plain(self, counter: int, name: str, kind: str, target: str) -> Json:
        """Create a goal with one condition: an event's identifier or a part of an address."""
        match = "exact" if kind == "action" else "contain"
        conditions = [{"type": match, "url": target}]
        return self.add(counter, {"name": name, "type": kind, "conditions": conditions})

    def change(self, counter: int, goal_id: int, body: Json) -> Json:
        merged = self.find(counter, goal_id) | body
        _check(merged)
        counts = self.counted_calls(goal_id)
        kept = merged | ({"counts": counts} if counts else {})
        self._store.run("UPDATE goals SET body = ? WHERE id = ?", _packed(kept), goal_id)
        return self.find(counter, goal_id)

    def delete(self, counter: int, goal_id: int) -> None:
        self.find(counter, goal_id)
        self._store.run("UPDATE goals SET deleted = 1 WHERE id = ?", goal_id)

    def ensure_call_goals(self, counter: int, name: str) -> None:
        """Create the automatic call goals at the first upload; afterwards the name is ignored.

        They appear one after the other, ``goal_seconds`` apart. Those without room are left out;
        raise ``limit_exceeded`` when there is room for none.
        https://yandex.com/dev/metrika/en/management/openapi/call/uploadCalls
        """
        if any(goal["goal_source"] == "auto" for goal in self._of(counter)):
            return
        room = self._room(counter)
        if not room:
            raise ApiError(400, "limit_exceeded", "Too many goals")
        now = self._clock.now()
        for position, (title, counts) in enumerate(CALL_GOALS[:room], start=1):
            body = {"name": title.format(name=name or "Звонок"), "type": "call", "counts": counts}
            self._insert(counter, body, source="auto", visible_at=now + position * self._delay)

    def counted_calls(self, goal_id: int) -> str:
        """Return which calls an automatic goal counts; '' for any other goal."""
        row = self._store.one("SELECT body FROM goals WHERE id = ?", goal_id)
        return str(json.loads(row["body"]).get("counts", "")) if row else ""

    def event_identifiers(self, counter: int) -> frozenset[str]:
        """Identifiers of the JavaScript-event goals, the only ones a ``Target`` can name."""
        return frozenset(
            condition["url"]
            for goal in self.of(counter)
            if goal["type"] == "action"
            for condition in goal["conditions"]
            if condition["type"] == "exact"
        )


def _as_json(row: sqlite3.Row) -> Json:
    defaults = {
        "default_price": 0.0,
        "is_retargeting": 0,
        "goal_source": row["source"],
        "is_favorite": 0,
        "prev_goal_id": 0,
        "conditions": [],
    }
    body: Json = json.loads(row["body"])
    body.pop("counts", None)
    deleted = {"status": "Deleted"} if row["deleted"] else {}
    return {"id": row["id"]} | defaults | body | deleted


def _packed(body: Json) -> str:
    kept = {name: value for name, value in body.items() if name not in ("id", "goal_source")}
    return json.dumps(kept, ensure_ascii=False)


def _check(body: Json) -> None:
    _check_text(body.get("name"), "name")
    if body.get("type") not in TYPES:
        raise ApiError(400, "invalid_parameter", "Unknown goal type", location="type")
    if body["type"] == "action":
        _check_event(body.get("conditions"))


def _check_text(value: Any, location: str) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= 255:
        raise ApiError(400, "invalid_parameter", "1 to 255 characters", location=location)


def _check_event(conditions: Any) -> None:
    kinds = ("exact", "contain", "start", "regexp", "action")
    if not isinstance(conditions, list) or len(conditions) != 1:
        raise ApiError(400, "invalid_parameter", "One condition needed", location="conditions")
    condition = conditions[0]
    if not isinstance(condition, dict) or condition.get("type") not in kinds:
        raise ApiError(400, "invalid_parameter", "Bad condition", location="conditions")
    _check_text(condition.get("url"), "conditions")
    if FORBIDDEN_IN_EVENT & set(condition["url"]):
        raise ApiError(400, "invalid_parameter", "Bad identifier", location="conditions")
