"""Answers about counters: https://yandex.com/dev/metrika/en/management/openapi/counter/counters"""

from __future__ import annotations

import sqlite3

from .access import Visit
from .counters import PERMISSIONS, brief, mirrors
from .messages import ApiError, Json, Request

MAX_PER_PAGE = 1000
SORTS = ("None", "Default", "Visits", "Hits", "Uniques", "Name")
NO = ("", "0", "false")


def listing(visit: Visit) -> Json:
    """``rows`` counts all matches, whatever the page; ``offset`` is 1-based."""
    request = visit.request
    found = [c for c in visit.world.counters.seen_by(visit.login) if _is_asked(c, request)]
    found = _sorted(found, request)
    start = max(request.number("offset", 1), 1) - 1
    size = request.number("per_page", MAX_PER_PAGE)
    if size < 1:
        raise ApiError(400, "invalid_parameter", "per_page is too small", location="per_page")
    page = found[start : start + min(size, MAX_PER_PAGE)]
    return {"rows": len(found), "counters": [_with_fields(visit, row) for row in page]}


def one(visit: Visit) -> Json:
    counter = visit.counter
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
    answer = brief(counter, visit.permission) | full
    return {"counter": answer | _fields(visit, counter)}


def my_grant(visit: Visit) -> Json:
    grant = {
        "user_login": visit.login,
        "perm": visit.permission,
        "created_at": visit.counter["create_time"],
        "comment": "",
        "partner_data_access": False,
    }
    return {"grant": grant}


def _is_asked(counter: sqlite3.Row, request: Request) -> bool:
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
    wished = [part for part in request.param(name).split(",") if part]
    if allowed and set(wished) - set(allowed):
        raise ApiError(400, "invalid_parameter", "Unknown value", location=name)
    return not wished or value in wished


def _is_searched(counter: sqlite3.Row, text: str) -> bool:
    """Part of a name, site or mirror, or the complete number."""
    texts = [counter["name"], counter["site"], *(mirror["site"] for mirror in mirrors(counter))]
    return str(counter["id"]) == text or any(text.lower() in known.lower() for known in texts)


def _sorted(counters: list[sqlite3.Row], request: Request) -> list[sqlite3.Row]:
    """Order by name when asked; every other order is the one of the numbers here."""
    order = request.param("sort") or "Default"
    if order not in SORTS:
        raise ApiError(400, "invalid_parameter", "Unknown order", location="sort")
    if order != "Name":
        return counters
    is_reverse = request.param("reverse", "1").lower() not in NO
    return sorted(counters, key=lambda counter: counter["name"].lower(), reverse=is_reverse)


def _with_fields(visit: Visit, counter: sqlite3.Row) -> Json:
    return brief(counter, counter["permission"]) | _fields(visit, counter)


def _fields(visit: Visit, counter: sqlite3.Row) -> Json:
    fields = visit.request.param("field").split(",")
    answer: Json = {name: [] for name in ("filters", "operations", "grants") if name in fields}
    if "goals" in fields:
        answer["goals"] = visit.world.goals.of(counter["id"])
    if "mirrors" in fields:
        answer["mirrors2"] = mirrors(counter)
    if "measurement_tokens" in fields:
        answer["measurement_tokens"] = []
    if "counter_flags" in fields:
        answer["counter_flags"] = {"use_in_benchmarks": False, "measurement_enabled": False}
    return answer
