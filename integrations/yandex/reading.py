"""Make records from the vendor's JSON: leniently in what they contain, strictly in what they are.

Unknown fields are ignored and missing ones stand empty, but a record without its id raises
``Misshapen``: an answer that we cannot read must not look like an answer with nothing in it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from .records import (
    CounterInfo,
    GoalInfo,
    LogEvaluation,
    LogOrder,
    Profile,
    Token,
    Uploading,
)

Record = TypeVar("Record")

# The conditions by which a goal of type ``action`` names its event. The worked example has
# ``exact``, the table of conditions ``action``:
# https://yandex.com/dev/metrika/en/management/addgoal-example
EVENT_CONDITIONS = ("exact", "action")


class Misshapen(Exception):
    """The answer is not of the documented shape. Its text quotes no value."""


def read_list(
    body: dict[str, Any], key: str, read: Callable[[dict[str, Any]], Record]
) -> list[Record]:
    """Read the list under a key. The vendor may leave the key out of an empty answer."""
    rows = body.get(key)
    if rows is None and set(body) <= {key, "rows"}:
        return []
    if not isinstance(rows, list):
        raise Misshapen(f"{key} is not a list")
    return [read(_object(row, key)) for row in rows]


def read_token(body: dict[str, Any]) -> Token:
    access_token, refresh_token = _text(body.get("access_token")), _text(body.get("refresh_token"))
    expires_in = _whole(body.get("expires_in"))
    if not access_token or not refresh_token or expires_in is None or expires_in < 0:
        raise Misshapen("the answer has no usable token")
    return Token(access_token, refresh_token, expires_in, _scopes(body.get("scope")))


def read_profile(body: dict[str, Any]) -> Profile:
    yandex_uid = _text(body.get("id"))
    if not yandex_uid:
        raise Misshapen("the profile has no id")
    return Profile(
        yandex_uid=yandex_uid,
        login=_text(body.get("login")),
        display_name=_text(body.get("display_name")) or _text(body.get("real_name")),
        client_id=_text(body.get("client_id")),
    )


def read_counter(row: dict[str, Any]) -> CounterInfo:
    """``{"id": 91234567, "site2": {"site": "okna.example"}, "permission": "own", …}``"""
    mirrors = row.get("mirrors2") or row.get("mirrors")
    return CounterInfo(
        number=_id(row, "counter"),
        name=_text(row.get("name")),
        site=_site(row.get("site2")) or _site(row.get("site")),
        mirrors=tuple(filter(None, map(_site, mirrors if isinstance(mirrors, list) else []))),
        owner_login=_text(row.get("owner_login")),
        permission=_text(row.get("permission")),
        status=_text(row.get("status")),
        type=_text(row.get("type")),
        create_time=_moment(row.get("create_time")),
        time_zone_name=_text(row.get("time_zone_name")),
    )


def read_goal(row: dict[str, Any]) -> GoalInfo:
    return GoalInfo(
        goal_id=_id(row, "goal"),
        name=_text(row.get("name")),
        type=_text(row.get("type")),
        source=_text(row.get("goal_source")),
        identifier=_event(row) if row.get("type") == "action" else None,
    )


def read_wrapped_goal(body: dict[str, Any]) -> GoalInfo:
    """``{"goal": {"id": 318204417, "name": …}}``"""
    return read_goal(_object(body.get("goal"), "goal"))


def read_uploading(row: dict[str, Any]) -> Uploading:
    return Uploading(
        uploading_id=_id(row, "uploading"),
        status=_text(row.get("status")),
        comment=_text(row.get("comment")),
        source_quantity=_whole(row.get("source_quantity")),
        line_quantity=_whole(row.get("line_quantity")),
        static_quantity=_whole(row.get("static_calls_quantity")),
        dynamic_quantity=_whole(row.get("dynamic_calls_quantity")),
        linked_quantity=_whole(row.get("linked_quantity")),
        user_not_found_quantity=_whole(row.get("user_not_found_quantity")),
        create_time=_moment(row.get("create_time")),
    )


def read_wrapped_uploading(body: dict[str, Any]) -> Uploading:
    return read_uploading(_object(body.get("uploading"), "uploading"))


def read_log_evaluation(body: dict[str, Any]) -> LogEvaluation:
    """``{"log_request_evaluation": {"possible": true, "max_possible_day_quantity": 213}}``"""
    found = _object(body.get("log_request_evaluation"), "log_request_evaluation")
    possible = found.get("possible")
    if not isinstance(possible, bool):
        raise Misshapen("the evaluation does not say whether it is possible")
    return LogEvaluation(possible, _whole(found.get("max_possible_day_quantity")))


def read_log_order(row: dict[str, Any]) -> LogOrder:
    """``{"request_id": 4102, "source": "hits", "status": "created", "parts": [], …}``"""
    number = _whole(row.get("request_id"))
    if number is None:
        raise Misshapen("a log request has no id")
    named, parts = row.get("fields"), row.get("parts")
    return LogOrder(
        request_id=number,
        source=_text(row.get("source")),
        date1=_text(row.get("date1")),
        date2=_text(row.get("date2")),
        fields=tuple(map(_text, named)) if isinstance(named, list) else (),
        status=_text(row.get("status")),
        size=_whole(row.get("size")),
        parts=tuple(_part(one) for one in parts) if isinstance(parts, list) else (),
    )


def read_wrapped_log_order(body: dict[str, Any]) -> LogOrder:
    return read_log_order(_object(body.get("log_request"), "log_request"))


def _part(value: object) -> int:
    number = _whole(_object(value, "a part").get("part_number"))
    if number is None:
        raise Misshapen("a part has no number")
    return number


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Misshapen(f"{what} is not an object")
    return value


def _id(row: dict[str, Any], what: str) -> int:
    number = _whole(row.get("id"))
    if number is None:
        raise Misshapen(f"a {what} has no id")
    return number


def _whole(value: object) -> int | None:
    """Numbers come as numbers, sometimes as text, and booleans as 0 and 1."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    is_number = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20
    return int(value) if is_number and isinstance(value, str) else None


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _site(value: object) -> str:
    """Sites come as ``{"site": …}``, in older answers as bare text."""
    return _text(value.get("site")) if isinstance(value, dict) else _text(value)


def _scopes(value: object) -> tuple[str, ...] | None:
    """Space-separated text; a missing one means that all was granted."""
    return tuple(value.split()) if isinstance(value, str) else None


def _moment(value: object) -> datetime | None:
    """Read ``2026-01-05T12:40:03+03:00``; None for a time without a zone."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def _event(row: dict[str, Any]) -> str | None:
    conditions = row.get("conditions")
    for condition in conditions if isinstance(conditions, list) else []:
        if isinstance(condition, dict) and condition.get("type") in EVENT_CONDITIONS:
            return _text(condition.get("url")) or None
    return None
