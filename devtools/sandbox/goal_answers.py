"""Answers about goals: https://yandex.com/dev/metrika/en/management/openapi/goal/goals"""

from __future__ import annotations

from .api_request import ApiRequest
from .messages import ApiError, Json


def listing(api: ApiRequest) -> Json:
    with_deleted = api.request.param("useDeleted") in ("1", "true")
    return {"goals": api.world.goals.of(api.counter_number, with_deleted=with_deleted)}


def one(api: ApiRequest) -> Json:
    return {"goal": api.world.goals.find(api.counter_number, api.item)}


def create(api: ApiRequest) -> Json:
    return {"goal": api.world.goals.add(api.counter_number, _body(api))}


def change(api: ApiRequest) -> Json:
    return {"goal": api.world.goals.change(api.counter_number, api.item, _body(api))}


def delete(api: ApiRequest) -> Json:
    api.world.goals.delete(api.counter_number, api.item)
    return {"success": True}


def _body(api: ApiRequest) -> Json:
    goal = api.request.json().get("goal")
    if not isinstance(goal, dict):
        raise ApiError(400, "missing_parameter", "goal is missing", location="goal")
    return goal
