"""Controls of visits and logs: what really happened, and rows that nobody uploaded."""

from __future__ import annotations

import json
from datetime import date, datetime
from zoneinfo import ZoneInfo

from .messages import ApiError, Json, Request
from .uploadings import CALLS
from .world import World

Parts = dict[str, str]
DAY_SECONDS = 86_400


def add_visits(world: World, request: Request, parts: Parts) -> Json:
    """Add ``visits`` of ``counter``: ``client_id``, ``yclid``, ``user_id``, ``started_at``.

    Unless ``are_all`` is false, visitors without any visit are not linked from now on.
    """
    body = request.json()
    number, are_all = _counter(world, body), bool(body.get("are_all", True))
    return {"added": world.visits.add(number, body.get("visits") or [], are_all=are_all)}


def truth(world: World, request: Request, parts: Parts) -> Json:
    found = world.visits.truth(
        request.number("counter", 0),
        after=request.number("after", 0),
        limit=request.number("limit", 1000),
    )
    return {"truth": found}


def fill_hits(world: World, request: Request, parts: Parts) -> Json:
    """Make ``count`` hits of pages of ``counter`` on ``day``, spread over it."""
    body = request.json()
    number, count = _counter(world, body), int(body.get("count") or 0)
    counter = world.counters.find(number)
    assert counter is not None
    day = date.fromisoformat(str(body.get("day")))
    zone = ZoneInfo(counter["time_zone_name"])
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
    world.store.run(
        "WITH RECURSIVE hit (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM hit WHERE n + 1 < ?)"
        " INSERT INTO hits SELECT NULL, ?, ? + n * ? / ?,"
        " cast(? - n % 1000000 AS TEXT) || '000000001', 0 FROM hit WHERE ? > 0",
        *(count, number, midnight, DAY_SECONDS, max(count, 1), midnight, count),
    )
    return {"added": count}


def plant_hit(world: World, request: Request, parts: Parts) -> Json:
    """Put a hit into the logs that no uploaded row of ``uploading_id`` stands for.

    ``kind`` ``doubled`` repeats an accepted row (``row``, else the first one), ``foreign`` makes
    one up at ``moment`` with the given ``columns``.
    """
    body = request.json()
    number, uploading = _counter(world, body), int(body.get("uploading_id") or 0)
    kind = str(body.get("kind"))
    if kind == "doubled":
        values = _copied(world, uploading, int(body.get("row") or 0))
    elif kind == "foreign":
        columns = {str(name): str(value) for name, value in (body.get("columns") or {}).items()}
        moment = int(body.get("moment") or world.clock.now())
        values = (str(body.get("channel") or CALLS), json.dumps(columns), moment, None)
    else:
        raise ApiError(400, "invalid_parameter", "foreign or doubled", location="kind")
    world.store.run(
        "INSERT INTO planted VALUES (NULL, ?, ?, ?, ?, ?, ?)", number, uploading, *values
    )
    return {"planted": kind}


def _copied(world: World, uploading: int, row: int) -> tuple[object, ...]:
    found = world.store.one(
        "SELECT channel, columns, moment, visit FROM rows WHERE uploading_id = ? AND id >= ?"
        " ORDER BY id LIMIT 1",
        *(uploading, row),
    )
    if found is None:
        raise ApiError(404, "not_found", "No such row")
    return tuple(found)


def set_logs(world: World, request: Request, parts: Parts) -> Json:
    """Change ``seconds``, ``part_lines``, ``bytes`` or ``has_static``; answer with all of them."""
    return {"logs": world.logs.change(request.json())}


def _counter(world: World, body: Json) -> int:
    number = int(body.get("counter") or 0)
    if world.counters.find(number) is None:
        raise ApiError(404, "not_found", "Counter not found")
    return number


ROUTES = (
    ("POST", "/visits", add_visits),
    ("GET", "/truth", truth),
    ("POST", "/hits/fill", fill_hits),
    ("POST", "/hits/plant", plant_hit),
    ("POST", "/logs", set_logs),
)
