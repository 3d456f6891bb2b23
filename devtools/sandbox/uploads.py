"""Calls and offline conversions: uploads, uploadings, thresholds.

https://yandex.com/dev/metrika/en/management/openapi/call/uploadCalls and
https://yandex.ru/dev/metrika/en/management/openapi/offline_conversions/upload_1
"""

from __future__ import annotations

import re

from .api_request import ApiRequest
from .clock import moscow_time
from .csv_file import read_csv
from .messages import ApiError, Json
from .multipart import file_part
from .rows import CheckedFile, Row, check_calls, check_conversions
from .uploadings import CALLS, CONVERSIONS

# Digits and letters are documented; spaces, colons and dashes are sent by a public client.
COMMENT = re.compile(r"[0-9A-Za-zА-Яа-яЁё :\-_.]{0,255}")
JOIN_SECONDS, EXTENDED_JOIN_SECONDS = 16 * 3600, 21 * 86_400


def upload_calls(api: ApiRequest) -> Json:
    _check_comment(api)
    header, lines = _file(api)
    file = check_calls(header, lines, api.world.clock.now())
    api.world.goals.ensure_call_goals(api.counter_number, api.request.param("new_goal_name"))
    return _accepted(api, file, CALLS)


def upload_conversions(api: ApiRequest) -> Json:
    _check_comment(api)
    kind = api.request.param("type") or "BASIC"
    if kind != "BASIC":
        raise ApiError(400, "invalid_parameter", "Only BASIC is taken here", location="type")
    header, lines = _file(api)
    targets = api.world.goals.event_identifiers(api.counter_number)
    file = check_conversions(header, lines, targets, api.world.clock.now())
    return _accepted(api, file, CONVERSIONS)


def call_uploadings(api: ApiRequest) -> Json:
    return _list(api, CALLS)


def call_uploading(api: ApiRequest) -> Json:
    return _one(api, CALLS)


def uploadings(api: ApiRequest) -> Json:
    channels = {"BASIC": CONVERSIONS, "CALLS": CALLS}
    kind = api.request.param("type") or "BASIC"
    if kind not in channels:
        raise ApiError(400, "invalid_parameter", "BASIC or CALLS", location="type")
    return _list(api, channels[kind])


def uploading(api: ApiRequest) -> Json:
    return _one(api, CONVERSIONS)


def extend_calls(api: ApiRequest) -> Json:
    return _set_threshold(api, "calls_threshold_at", is_on=True)


def restore_calls(api: ApiRequest) -> Json:
    return _set_threshold(api, "calls_threshold_at", is_on=False)


def extend_conversions(api: ApiRequest) -> Json:
    return _set_threshold(api, "conversions_threshold_at", is_on=True)


def restore_conversions(api: ApiRequest) -> Json:
    return _set_threshold(api, "conversions_threshold_at", is_on=False)


def calls_join_date(api: ApiRequest) -> Json:
    return _join_date(api, "calls_threshold_at")


def conversions_join_date(api: ApiRequest) -> Json:
    return _join_date(api, "conversions_threshold_at")


def _check_comment(api: ApiRequest) -> None:
    if not COMMENT.fullmatch(api.request.param("comment")):
        raise ApiError(400, "invalid_parameter", "Letters and digits only", location="comment")


def _file(api: ApiRequest) -> tuple[list[str], list[list[str]]]:
    content = file_part(api.request.header("Content-Type"), api.request.body())
    return read_csv(content)


def _accepted(api: ApiRequest, file: CheckedFile, channel: str) -> Json:
    lag = api.request.fault("list_lag")
    uploading = api.world.uploadings.accept(
        _without_refused(api, file),
        counter=api.counter_number,
        login=api.login,
        channel=channel,
        comment=api.request.param("comment"),
        links=api.request.fault("linkage_failure") is None,
        lag_seconds=float(lag.params.get("seconds", 60)) if lag else 0,
    )
    return {"uploading": api.world.uploadings.as_json(uploading)}


def _without_refused(api: ApiRequest, file: CheckedFile) -> CheckedFile:
    """Apply the fault ``rows_refused``: drop the rows with its marker, else the first n."""
    fault = api.request.fault("rows_refused")
    if fault is None:
        return file
    marker, left = str(fault.params.get("marker", "")), int(fault.params.get("n", 1))
    kept = [row for row in file.rows if not _contains(row, marker)] if marker else file.rows[left:]
    return CheckedFile(file.client_id_type, file.source_quantity, kept)


def _contains(row: Row, marker: str) -> bool:
    return any(marker in value for value in row.columns.values())


def _list(api: ApiRequest, channel: str) -> Json:
    limit, offset = api.request.number("limit", 10_000), api.request.number("offset", 0)
    if limit < 1 or offset < 0:
        raise ApiError(400, "invalid_parameter", "Out of range", location="limit")
    found = api.world.uploadings.visible(api.counter_number, channel, min(limit, 10_000), offset)
    shown = [api.world.uploadings.as_json(row) for row in found]
    return {"uploadings": [_with_fault(api, one) for one in shown]}


def _one(api: ApiRequest, channel: str) -> Json:
    found = api.world.uploadings.find(api.counter_number, channel, api.item)
    if found is None:
        raise ApiError(404, "not_found", "Uploading not found")
    return {"uploading": _with_fault(api, api.world.uploadings.as_json(found))}


def _with_fault(api: ApiRequest, shown: Json) -> Json:
    fault = api.request.fault("unknown_status")
    return shown | ({"status": fault.params.get("status", "REPROCESSING")} if fault else {})


def _set_threshold(api: ApiRequest, column: str, *, is_on: bool) -> Json:
    moment = api.world.clock.now() if is_on else None
    api.world.counters.set_threshold(api.counter_number, column, moment)
    return {"success": True}


def _join_date(api: ApiRequest, column: str) -> Json:
    """The extended window grows by a day per day: the option keeps only what comes after it."""
    now, since = api.world.clock.now(), api.counter[column]
    reach = JOIN_SECONDS
    if since is not None:
        reach = min(EXTENDED_JOIN_SECONDS, JOIN_SECONDS + int(now - since))
    return {"date": moscow_time(now - reach)}
