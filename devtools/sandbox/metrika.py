"""Dispatch of the Metrika API: quotas, token, scopes, permissions, routes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import chart_notes, counter_answers, goal_answers, log_answers, reports, uploads
from .api_request import ApiRequest
from .counters import WRITERS
from .fault_effects import handle_with_faults
from .messages import ApiError, Json, Request, Response, json_response
from .world import World

READ = frozenset({"metrika:read"})
WRITE = frozenset({"metrika:write"})
# https://yandex.com/dev/metrika/en/intro/authorization: write makes the narrow scope unnecessary.
OFFLINE = frozenset({"metrika:offline_data", "metrika:write"})
COUNTER = r"/management/v1/counter/(?P<counter>[0-9]+)"
ANNOTATION = COUNTER + "/chart_annotation/(?P<item>[0-9]+)"
OFFLINE_PATH = COUNTER + "/offline_conversions"
LOG_PATH = COUNTER + "/logrequest/(?P<item>[0-9]+)"


@dataclass(frozen=True)
class Route:
    method: str
    pattern: re.Pattern[str]
    answer: Callable[[ApiRequest], Json | Response]
    scopes: frozenset[str]
    writes: bool


def _route(
    method: str, path: str, answer: Callable[[ApiRequest], Json | Response], scopes: frozenset[str]
) -> Route:
    return Route(method, re.compile(path + r"(\.json)?/?$"), answer, scopes, scopes is not READ)


ROUTES = (
    _route("GET", r"/management/v1/counters", counter_answers.listing, READ),
    _route("GET", COUNTER, counter_answers.one, READ),
    _route("GET", COUNTER + "/my_grant", counter_answers.my_grant, READ),
    _route("GET", COUNTER + "/goals", goal_answers.listing, READ),
    _route("POST", COUNTER + "/goals", goal_answers.create, WRITE),
    _route("GET", COUNTER + "/goal/(?P<item>[0-9]+)", goal_answers.one, READ),
    _route("PUT", COUNTER + "/goal/(?P<item>[0-9]+)", goal_answers.change, WRITE),
    _route("DELETE", COUNTER + "/goal/(?P<item>[0-9]+)", goal_answers.delete, WRITE),
    _route("POST", OFFLINE_PATH + "/upload_calls", uploads.upload_calls, OFFLINE),
    _route("GET", OFFLINE_PATH + "/calls_uploadings", uploads.call_uploadings, READ),
    _route("GET", OFFLINE_PATH + "/calls_uploading/(?P<item>[0-9]+)", uploads.call_uploading, READ),
    _route("POST", OFFLINE_PATH + "/upload", uploads.upload_conversions, OFFLINE),
    _route("GET", OFFLINE_PATH + "/uploadings", uploads.uploadings, READ),
    _route("GET", OFFLINE_PATH + "/uploading/(?P<item>[0-9]+)", uploads.uploading, READ),
    _route("POST", OFFLINE_PATH + "/calls_extended_threshold", uploads.extend_calls, OFFLINE),
    _route("DELETE", OFFLINE_PATH + "/calls_extended_threshold", uploads.restore_calls, OFFLINE),
    _route("GET", OFFLINE_PATH + "/calls_visit_join_threshold", uploads.calls_join_date, READ),
    _route("POST", OFFLINE_PATH + "/extended_threshold", uploads.extend_conversions, OFFLINE),
    _route("DELETE", OFFLINE_PATH + "/extended_threshold", uploads.restore_conversions, OFFLINE),
    _route("GET", OFFLINE_PATH + "/visit_join_threshold", uploads.conversions_join_date, READ),
    _route("GET", COUNTER + "/logrequests/evaluate", log_answers.evaluate, READ),
    _route("GET", COUNTER + "/logrequests", log_answers.listing, READ),
    _route("POST", COUNTER + "/logrequests", log_answers.create, READ),
    _route("GET", LOG_PATH, log_answers.one, READ),
    _route("GET", LOG_PATH + "/part/(?P<part>[0-9]+)/download", log_answers.download, READ),
    _route("POST", LOG_PATH + "/clean", log_answers.clean, READ),
    _route("POST", LOG_PATH + "/cancel", log_answers.cancel, READ),
    _route("GET", COUNTER + "/chart_annotations", chart_notes.listing, READ),
    _route("POST", COUNTER + "/chart_annotations", chart_notes.create, WRITE),
    _route("GET", ANNOTATION, chart_notes.one, READ),
    _route("PUT", ANNOTATION, chart_notes.change, WRITE),
    _route("DELETE", ANNOTATION, chart_notes.delete, WRITE),
    _route("GET", r"/stat/v1/data", reports.table, READ),
)


def answer(world: World, request: Request) -> Response:
    """Answer a Metrika request in its own format, errors included."""
    try:
        is_logs = "/logrequest" in request.path
        with world.quotas.request(request.client_ip, request.login, is_logs=is_logs):
            return handle_with_faults(world, request, _handle)
    except ApiError as refusal:
        return refusal.response()


def _handle(world: World, request: Request) -> Response:
    scopes = _scopes(world, request)
    route, match = _find(request)
    if not scopes & route.scopes:
        raise ApiError(403, "access_denied", "The application lacks the scope")
    ids = match.groupdict()
    counter, item, part = (int(ids.get(name) or 0) for name in ("counter", "item", "part"))
    api = ApiRequest(world, request, counter, item, part)
    if api.counter_number:
        _check_rights(api, writes=route.writes)
    found = route.answer(api)
    return found if isinstance(found, Response) else _formatted(request, found)


def _scopes(world: World, request: Request) -> set[str]:
    kind, _, access = request.header("Authorization").partition(" ")
    if kind != "OAuth" or not access.strip():
        raise ApiError(401, "unauthorized", "Authorization header is missing or garbled")
    token = world.tokens.live(access.strip())
    if token is None:
        raise ApiError(403, "invalid_token", "Invalid oauth_token")
    return set(token["scopes"].split())


def _find(request: Request) -> tuple[Route, re.Match[str]]:
    matches = [(route, route.pattern.fullmatch(request.path)) for route in ROUTES]
    found = [(route, match) for route, match in matches if match]
    for route, match in found:
        if route.method == request.method:
            return route, match
    if found:
        raise ApiError(405, "method_not_allowed", "Method is not allowed here")
    raise ApiError(404, "not_found", "No such method")


def _check_rights(api: ApiRequest, *, writes: bool) -> None:
    counter = api.world.counters.find(api.counter_number)
    if counter is None or (writes and counter["status"] == "Deleted"):
        raise ApiError(404, "not_found", "Counter not found")
    if not api.permission or (writes and api.permission not in WRITERS):
        raise ApiError(403, "access_denied", "Access is denied")


def _formatted(request: Request, content: Any) -> Response:
    """Apply ``callback`` (JSONP, reads only) and ``pretty``, as on every method of the vendor."""
    callback = request.param("callback")
    if callback and request.method == "GET" and re.fullmatch(r"[A-Za-z_$][\w$.]{0,100}", callback):
        body = f"{callback}({json.dumps(content, ensure_ascii=False)})".encode()
        return Response(200, body, {"Content-Type": "application/javascript; charset=utf-8"})
    if request.param("pretty") not in ("", "0", "false"):
        body = json.dumps(content, ensure_ascii=False, indent=4).encode()
        return Response(200, body, {"Content-Type": "application/json; charset=utf-8"})
    return json_response(content)
