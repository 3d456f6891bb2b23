"""The Logs API: https://yandex.com/dev/metrika/en/logs/openapi/"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from . import log_requests as states
from .api_request import ApiRequest
from .goals import ANY_CALL, FIRST_CALL, MISSED_CALL
from .log_requests import LINE_BYTES, part_count
from .log_rows import FIELDS, Lines, Period, Record, count, period_of, records
from .messages import ApiError, CutConnection, Json, Response
from .uploadings import CALLS

MAX_FIELDS_LENGTH = 3000
MAX_DAYS = 365
WRONG_PART = "Incorrect part number"
NOT_PREPARED = "Only log of requests in status 'processed' can be downloaded"


def evaluate(api: ApiRequest) -> Json:
    query = _query(api)
    size = count(api.world.store, query["source"], _period(api, query)) * LINE_BYTES
    left = api.world.logs.bytes_left(api.counter_number)
    is_possible = size <= left and api.request.fault("logs_not_possible") is None
    days = (date.fromisoformat(query["date2"]) - date.fromisoformat(query["date1"])).days + 1
    most = days if is_possible else max(0, days * left // size if size > left else 0)
    answer = {"possible": is_possible, "max_possible_day_quantity": most}
    return {"log_request_evaluation": answer}


def listing(api: ApiRequest) -> Json:
    logs = api.world.logs
    return {"requests": [logs.as_json(one) for one in logs.of(api.counter_number)]}


def create(api: ApiRequest) -> Json:
    query, logs = _query(api), api.world.logs
    lines = count(api.world.store, query["source"], _period(api, query))
    if lines * LINE_BYTES > logs.bytes_left(api.counter_number):
        raise ApiError(400, "invalid_parameter", "The limit of prepared logs is exceeded")
    made = logs.add(api.counter_number, query, lines=lines, fate=_fate(api))
    return {"log_request": logs.as_json(made)}


def _fate(api: ApiRequest) -> str:
    if api.request.fault("logs_processing_failed"):
        return states.FAILED
    return states.RETRIED if api.request.fault("logs_awaiting_retry") else states.PROCESSED


def one(api: ApiRequest) -> Json:
    logs = api.world.logs
    found = logs.find(api.counter_number, api.item)
    if api.request.fault("logs_too_old"):
        logs.end(found, states.TOO_OLD)
    return {"log_request": logs.as_json(logs.find(api.counter_number, api.item))}


def clean(api: ApiRequest) -> Json:
    return _end(api, {states.PROCESSED}, states.CLEANED)


def cancel(api: ApiRequest) -> Json:
    return _end(api, {states.CREATED, states.RETRIED}, states.CANCELED)


def _end(api: ApiRequest, allowed: set[str], state: str) -> Json:
    logs = api.world.logs
    found = logs.find(api.counter_number, api.item)
    if logs.status(found) not in allowed:
        raise ApiError(400, "invalid_parameter", f"The log request is {logs.status(found)}")
    logs.end(found, state)
    return {"log_request": logs.as_json(logs.find(api.counter_number, api.item))}


def download(api: ApiRequest) -> Response:
    """Send a part, whatever its size, without holding it in memory."""
    logs = api.world.logs
    found = logs.find(api.counter_number, api.item)
    if logs.status(found) != states.PROCESSED:
        raise ApiError(400, "invalid_parameter", NOT_PREPARED)
    if api.part >= part_count(found):
        raise ApiError(400, "invalid_parameter", WRONG_PART)
    names = found["fields"].split(",")
    query = {name: found[name] for name in ("source", "date1", "date2", "created_at")}
    period, most = _period(api, query), int(found["part_lines"])
    lines = Lines(query["source"], names, period.zone, _goals_reached(api))
    stream = _stream(api, lines, period, query["source"], most)
    cut = api.request.fault("logs_cut")
    if cut is not None:
        stream = _cut_after(stream, int(cut.params.get("bytes", 1)))
    headers = {"Content-Type": "text/tab-separated-values; charset=utf-8"}
    return Response(200, headers=headers, stream=stream)


def _stream(
    api: ApiRequest, lines: Lines, period: Period, source: str, most: int
) -> Iterator[bytes]:
    yield lines.header
    skip = api.part * most
    for found in records(api.world.store, source, period, skip=skip, most=most):
        yield lines.of(found)


def _cut_after(stream: Iterator[bytes], size: int) -> Iterator[bytes]:
    for piece in stream:
        yield piece[:size]
        size -= len(piece)
        if size <= 0:
            raise CutConnection


def _goals_reached(api: ApiRequest) -> Callable[[Record], list[int]]:
    """Return a function: the goals that the hit of an uploaded row is counted for."""
    goals = api.world.goals.of(api.counter_number)
    counted: dict[str, Callable[[Record], bool]] = {
        ANY_CALL: lambda record: True,
        FIRST_CALL: lambda record: record.columns.get("FirstTimeCaller") == "1",
        MISSED_CALL: lambda record: record.columns.get("CallMissed") == "1",
    }
    of_calls = [
        (goal["id"], counted[kind])
        for goal in goals
        if (kind := api.world.goals.counted_calls(goal["id"]))
    ]
    by_event: dict[str, list[int]] = {}
    for goal in goals:
        for condition in goal["conditions"] if goal["type"] == "action" else []:
            by_event.setdefault(condition["url"], []).append(goal["id"])

    def reached(record: Record) -> list[int]:
        if record.channel == CALLS:
            return [goal for goal, counts in of_calls if counts(record)]
        return by_event.get(record.columns.get("Target", ""), [])

    return reached


def _query(api: ApiRequest) -> Json:
    """Read and check the parameters of a request for logs; raise ``invalid_parameter``."""
    request = api.request
    source = request.param("source")
    if source not in FIELDS:
        raise ApiError(400, "invalid_parameter", "hits or visits", location="source")
    text = request.param("fields")
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or len(text) > MAX_FIELDS_LENGTH or set(names) - FIELDS[source]:
        raise ApiError(400, "invalid_parameter", "Unknown fields", location="fields")
    first, last = _day(api, "date1"), _day(api, "date2")
    if last < first or last - first >= timedelta(days=MAX_DAYS):
        raise ApiError(400, "invalid_parameter", "At most a year", location="date2")
    if last >= _today(api):
        raise ApiError(400, "invalid_parameter", "The day is not over", location="date2")
    return {
        "source": source,
        "fields": names,
        "date1": first.isoformat(),
        "date2": last.isoformat(),
        "attribution": request.param("attribution") or "LASTSIGN",
        "created_at": api.world.clock.now(),
    }


def _day(api: ApiRequest, name: str) -> date:
    text = api.request.param(name)
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ApiError(400, "invalid_parameter", "Not a date", location=name)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ApiError(400, "invalid_parameter", "Not a date", location=name) from None


def _today(api: ApiRequest) -> date:
    now = datetime.fromtimestamp(api.world.clock.now(), UTC)
    return now.astimezone(ZoneInfo(api.counter["time_zone_name"])).date()


def _period(api: ApiRequest, query: Json) -> Period:
    ripe_before = query["created_at"] - api.world.uploadings.ripen_seconds
    return period_of(
        api.counter,
        query["date1"],
        query["date2"],
        ripe_before,
        has_static=api.world.logs.settings.has_static,
    )
