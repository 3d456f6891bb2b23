"""Calls and offline conversions: uploads, uploadings, thresholds.

https://yandex.com/dev/metrika/en/management/openapi/call/uploadCalls and
https://yandex.ru/dev/metrika/en/management/openapi/offline_conversions/upload_1
"""

from __future__ import annotations

import re

from .access import Visit
from .clock import moscow_time
from .csv_file import read_csv
from .messages import ApiError, Json
from .multipart import file_part
from .rows import CheckedFile, Row, check_calls, check_conversions
from .uploadings import CALLS, CONVERSIONS

# Digits and letters are documented; spaces, colons and dashes are sent by a public client.
COMMENT = re.compile(r"[0-9A-Za-zА-Яа-яЁё :\-_.]{0,255}")
JOIN_SECONDS, EXTENDED_JOIN_SECONDS = 16 * 3600, 21 * 86_400


def upload_calls(visit: Visit) -> Json:
    _check_comment(visit)
    header, lines = _file(visit)
    file = check_calls(header, lines, visit.world.clock.now())
    visit.world.goals.ensure_call_goal(visit.counter_number, visit.request.param("new_goal_name"))
    return _accepted(visit, file, CALLS)


def upload_conversions(visit: Visit) -> Json:
    _check_comment(visit)
    kind = visit.request.param("type") or "BASIC"
    if kind != "BASIC":
        raise ApiError(400, "invalid_parameter", "Only BASIC is taken here", location="type")
    header, lines = _file(visit)
    targets = visit.world.goals.event_identifiers(visit.counter_number)
    file = check_conversions(header, lines, targets, visit.world.clock.now())
    return _accepted(visit, file, CONVERSIONS)


def call_uploadings(visit: Visit) -> Json:
    return _list(visit, CALLS)


def call_uploading(visit: Visit) -> Json:
    return _one(visit, CALLS)


def uploadings(visit: Visit) -> Json:
    channels = {"BASIC": CONVERSIONS, "CALLS": CALLS}
    kind = visit.request.param("type") or "BASIC"
    if kind not in channels:
        raise ApiError(400, "invalid_parameter", "BASIC or CALLS", location="type")
    return _list(visit, channels[kind])


def uploading(visit: Visit) -> Json:
    return _one(visit, CONVERSIONS)


def extend_calls(visit: Visit) -> Json:
    return _set_threshold(visit, "calls_threshold_at", is_on=True)


def restore_calls(visit: Visit) -> Json:
    return _set_threshold(visit, "calls_threshold_at", is_on=False)


def extend_conversions(visit: Visit) -> Json:
    return _set_threshold(visit, "conversions_threshold_at", is_on=True)


def restore_conversions(visit: Visit) -> Json:
    return _set_threshold(visit, "conversions_threshold_at", is_on=False)


def calls_join_date(visit: Visit) -> Json:
    return _join_date(visit, "calls_threshold_at")


def conversions_join_date(visit: Visit) -> Json:
    return _join_date(visit, "conversions_threshold_at")


def _check_comment(visit: Visit) -> None:
    if not COMMENT.fullmatch(visit.request.param("comment")):
        raise ApiError(400, "invalid_parameter", "Letters and digits only", location="comment")


def _file(visit: Visit) -> tuple[list[str], list[list[str]]]:
    content = file_part(visit.request.header("Content-Type"), visit.request.body())
    return read_csv(content)


def _accepted(visit: Visit, file: CheckedFile, channel: str) -> Json:
    lag = visit.request.fault("list_lag")
    uploading = visit.world.uploadings.accept(
        _without_refused(visit, file),
        counter=visit.counter_number,
        login=visit.login,
        channel=channel,
        comment=visit.request.param("comment"),
        links=visit.request.fault("linkage_failure") is None,
        lag_seconds=float(lag.params.get("seconds", 60)) if lag else 0,
    )
    return {"uploading": visit.world.uploadings.shown(uploading)}


def _without_refused(visit: Visit, file: CheckedFile) -> CheckedFile:
    """Drop what the fault ``rows_refused`` names: rows holding a marker, else the first n."""
    fault = visit.request.fault("rows_refused")
    if fault is None:
        return file
    marker, left = str(fault.params.get("marker", "")), int(fault.params.get("n", 1))
    kept = [row for row in file.rows if not _holds(row, marker)] if marker else file.rows[left:]
    return CheckedFile(file.client_id_type, file.source_quantity, kept)


def _holds(row: Row, marker: str) -> bool:
    return any(marker in value for value in row.columns.values())


def _list(visit: Visit, channel: str) -> Json:
    limit, offset = visit.request.number("limit", 10_000), visit.request.number("offset", 0)
    if limit < 1 or offset < 0:
        raise ApiError(400, "invalid_parameter", "Out of range", location="limit")
    found = visit.world.uploadings.visible(
        visit.counter_number, channel, min(limit, 10_000), offset
    )
    shown = [visit.world.uploadings.shown(row) for row in found]
    return {"uploadings": [_as_faulted(visit, one) for one in shown]}


def _one(visit: Visit, channel: str) -> Json:
    found = visit.world.uploadings.find(visit.counter_number, channel, visit.item)
    if found is None:
        raise ApiError(404, "not_found", "Uploading not found")
    return {"uploading": _as_faulted(visit, visit.world.uploadings.shown(found))}


def _as_faulted(visit: Visit, shown: Json) -> Json:
    fault = visit.request.fault("unknown_status")
    return shown | ({"status": fault.params.get("status", "REPROCESSING")} if fault else {})


def _set_threshold(visit: Visit, column: str, *, is_on: bool) -> Json:
    moment = visit.world.clock.now() if is_on else None
    visit.world.counters.set_threshold(visit.counter_number, column, moment)
    return {"success": True}


def _join_date(visit: Visit, column: str) -> Json:
    """The option stretches the window by a day a day, since it keeps only what comes after it."""
    now, since = visit.world.clock.now(), visit.counter[column]
    reach = JOIN_SECONDS
    if since is not None:
        reach = min(EXTENDED_JOIN_SECONDS, JOIN_SECONDS + int(now - since))
    return {"date": moscow_time(now - reach)}
