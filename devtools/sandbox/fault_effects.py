"""Effects of faults on a request, before and after it is handled."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable

from .faults import Fault
from .messages import ApiError, CutConnection, Request, Response, html_response
from .world import World

logger = logging.getLogger(__name__)

Handler = Callable[[World, Request], Response]
HTML = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"


def handle_with_faults(world: World, request: Request, handler: Handler) -> Response:
    """Handle a request with the faults that apply to it."""
    request.faults = world.faults.take(request)
    for fault in request.faults:
        answer = _before(world, request, fault, handler)
        if answer is not None:
            return answer
    response = handler(world, request)
    for fault in request.faults:
        response = _after(fault, response)
    return response


def _before(world: World, request: Request, fault: Fault, handler: Handler) -> Response | None:
    params = fault.params
    match fault.name:
        case "latency":
            time.sleep(float(params.get("ms", 1000)) / 1000)
        case "withdraw_right":
            _withdraw(world, request, str(params.get("permission", "view")))
        case "reset_before":
            raise CutConnection
        case "reset_middle":
            request.read_body(int(request.header("Content-Length") or 0) // 2)
            raise CutConnection
        case "late_accept":
            _accept_later(world, request, handler, float(params.get("seconds", 5)))
        case "html_5xx" | "oauth_html_5xx":
            return _gateway_page(int(params.get("status", 502)))
        case "garbage_200":
            return html_response(str(params.get("body", "<html>Проверка браузера…</html>")))
        case _:
            _refuse(fault)
    return None


def _after(fault: Fault, response: Response) -> Response:
    if fault.name == "reset_after_taken":
        raise CutConnection
    if fault.name == "html_5xx_taken":
        return _gateway_page(int(fault.params.get("status", 504)))
    return response


def _refuse(fault: Fault) -> None:
    """Raise the error of this fault, if it is one that refuses."""
    error_type = str(fault.params.get("error_type", "quota_requests_by_ip"))
    retry_after = fault.params.get("retry_after")
    refusals = {
        "status_420": (420, error_type, "Quota exceeded"),
        "status_429": (429, error_type, "Quota exceeded"),
        "status_403_quota": (403, error_type, "Quota exceeded"),
        "invalid_token": (403, "invalid_token", "Invalid oauth_token"),
        "access_denied": (403, "access_denied", "Access is denied"),
        "whole_file_400": (400, "invalid_uploading", "The file could not be accepted"),
    }
    if fault.name == "refusal":
        status = int(fault.params.get("status", 400))
        raise ApiError(status, str(fault.params.get("error_type", "")), "Refused")
    if fault.name in refusals:
        status, kind, message = refusals[fault.name]
        raise ApiError(status, kind, message, retry_after=retry_after)


def _withdraw(world: World, request: Request, permission: str) -> None:
    parts = request.path.split("/")
    if "counter" in parts:
        number = int(parts[parts.index("counter") + 1])
        world.counters.set_right(number, request.login, permission)


def _accept_later(world: World, request: Request, handler: Handler, seconds: float) -> None:
    """Cut the connection now and accept the file ``seconds`` (of real time) later."""
    request.body()
    timer = threading.Timer(seconds, _accept, (world, request, handler))
    timer.daemon = True
    timer.start()
    raise CutConnection


def _accept(world: World, request: Request, handler: Handler) -> None:
    try:
        handler(world, request)
    except (ApiError, sqlite3.Error) as refusal:
        # sqlite3.Error: the sandbox was closed in the meantime.
        logger.info("late accept refused: %s", refusal)


def _gateway_page(status: int) -> Response:
    titles = {502: "502 Bad Gateway", 503: "503 Service Temporarily Unavailable"}
    return html_response(
        HTML.format(titles.get(status, f"{status} Gateway Time-out")), status=status
    )
