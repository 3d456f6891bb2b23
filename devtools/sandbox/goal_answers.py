"""Answers about goals: https://yandex.com/dev/metrika/en/management/openapi/goal/goals"""

from __future__ import annotations

from .access import Visit
from .messages import ApiError, Json


def listing(visit: Visit) -> Json:
    with_deleted = visit.request.param("useDeleted") in ("1", "true")
    return {"goals": visit.world.goals.of(visit.counter_number, with_deleted=with_deleted)}


def one(visit: Visit) -> Json:
    return {"goal": visit.world.goals.find(visit.counter_number, visit.item)}


def create(visit: Visit) -> Json:
    return {"goal": visit.world.goals.add(visit.counter_number, _body(visit))}


def change(visit: Visit) -> Json:
    return {"goal": visit.world.goals.change(visit.counter_number, visit.item, _body(visit))}


def delete(visit: Visit) -> Json:
    visit.world.goals.delete(visit.counter_number, visit.item)
    return {"success": True}


def _body(visit: Visit) -> Json:
    goal = visit.request.json().get("goal")
    if not isinstance(goal, dict):
        raise ApiError(400, "missing_parameter", "goal is missing", location="goal")
    return goal
