"""Answers about counters: https://yandex.com/dev/metrika/en/management/openapi/counter/counters"""

from __future__ import annotations

import sqlite3

from .api_request import ApiRequest
from .counters import PERMISSIONS, brief, mirrors
from .messages import ApiError, Json, Request

MAX_PER_PAGE = 1000
SORTS = ("None", "Default", "Visits", "Hits", "Uniques", "Name")
NO = ("", "0", "false")


def listing(api: ApiRequest) -> Json:
    """``rows`` counts all matches, whatever the page; ``offset`` is 1-based."""
    request = api.request
    found = [c for c in api.world.counters.seen_by(api.login) if _is_requested(c, request)]
    found = _sorted(found, request)
    start = max(request.number("offset", 1), 1) - 1
    size = request.number("per_page", MAX_PER_PAGE)
    if size < 1:
        raise ApiError(400, "invalid_parameter", "per_page is too small", location="per_page")
    page = found[start : start + min(size, MAX_PER_PAGE)]
    return {"rows": len(found), "counters": [_with_fields(api, row) for row in page]}


def one(api: ApiRequest) -> Json:
    counter = api.counter
    full = {
        "update_time": counter["create_time"],
        "filter_robots": 1,
        "visit_threshold": 1800,
        "autogoals_enabled": True,
        "offline_options": {
            "offline_conversion_extended_threshold": int(bool(counter["conversions_threshold_at"])),
            "offline_calls_extended_threshold": int(bool(counter["calls_threshold_at"])),
        },
    }
    answer = brief(counter, api.permission) | full
    return {"counter": answer | _fields(api, counter)}


def my_grant(api: ApiRequest) -> Json:
    grant = {
        "user_login": api.login,
        "perm": api.permission,
        "created_at": api.counter["create_time"],
        "comment": "",
        "partner_data_access": False,
    }
    return {"grant": grant}


def _is_requested(counter: sqlite3.Row, request: Request) -> bool:
    return (
        counter["status"] == (request.param("status") or "Active")
        and _is_one_of(counter["permission"], request, "permission", PERMISSIONS)
        and _is_one_of(counter["type"], request, "type", ("simple", "partner"))
        and _is_one_of(str(counter["id"]), request, "counter_ids", None)
        and (request.param("favorite") in NO or bool(counter["favorite"]))
        and _is_searched(counter, request.param("search_string"))
        and request.param("label_id") in ("", "None")
    )


def _is_one_of(value: str, request: Request, name: str, allowed: tuple[str, ...] | None) -> bool:
    wanted = [part for part in request.param(name).split(",") if part]
    if allowed and set(wanted) - set(allowed):
        raise ApiError(400, "invalid_parameter", "Unknown value", location=name)
    return not wanted or value in wanted


def _is_searched(counter: sqlite3.Row, text: str) -> bool:
    """Whether the text is part of a name, site or mirror, or the complete number."""
    texts = [counter["name"], counter["site"], *(mirror["site"] for mirror in mirrors(counter))]
    return str(counter["id"]) == text or any(text.lower() in known.lower() for known in texts)


def _sorted(counters: list[sqlite3.Row], request: Request) -> list[sqlite3.Row]:
    """Sort by name if requested; every other order is by number here."""
    order = request.param("sort") or "Default"
    if order not in SORTS:
        raise ApiError(400, "invalid_parameter", "Unknown order", location="sort")
    if order != "Name":
        return counters
    is_reverse = request.param("reverse", "1").lower() not in NO
    return sorted(counters, key=lambda counter: counter["name"].lower(), reverse=is_reverse)


def _with_fields(api: ApiRequest, counter: sqlite3.Row) -> Json:
    return brief(counter, counter["permission"]) | _fields(api, counter)


def _fields(api: ApiRequest, counter: sqlite3.Row) -> Json:
    fields = api.request.param("field").split(",")
    answer: Json = {name: [] for name in ("filters", "operations", "grants") if name in fields}
    if "goals" in fields:
        answer["goals"] = api.world.goals.of(counter["id"])
    if "mirrors" in fields:
        answer["mirrors2"] = mirrors(counter)
    if "measurement_tokens" in fields:
        answer["measurement_tokens"] = []
    if "counter_flags" in fields:
        answer["counter_flags"] = {"use_in_benchmarks": False, "measurement_enabled": False}
    return answer
