"""Faults that can be switched on, and the requests they apply to.

Kept in memory: a restart ends every fault. What a fault does is in :mod:`.fault_effects` when it
can be done around a request, and in the uploads when it changes what is counted.
"""

from __future__ import annotations

import itertools
import re
import threading
from dataclasses import dataclass
from typing import Any

from .messages import ApiError, Json, Request

API = re.compile(r"/(management|stat)/")
UPLOAD = re.compile(r"/offline_conversions/(upload_calls|upload)(\.json)?$")
LISTS = re.compile(r"/offline_conversions/(calls_)?uploadings?(/[0-9]+)?(\.json)?$")
LOGS = re.compile(r"/logrequests(\.json)?$")
LOG = re.compile(r"/logrequest/[0-9]+(\.json)?$")
LOG_EVALUATION = re.compile(r"/logrequests/evaluate(\.json)?$")
LOG_PART = re.compile(r"/logrequest/[0-9]+/part/[0-9]+/download$")
TOKEN = re.compile(r"/token$")
CALLKEEPER = re.compile(r"/api/(index\.php)?$")
OAUTH = re.compile(r"/(token|revoke_token|info)$")

# Method and path a fault applies to; `match.path_contains` replaces both.
NAMES: dict[str, tuple[str, re.Pattern[str]]] = {
    "latency": ("", API),
    "status_420": ("", API),
    "status_429": ("", API),
    "status_403_quota": ("", API),
    "html_5xx": ("", API),
    "garbage_200": ("", API),
    "invalid_token": ("", API),
    "access_denied": ("", API),
    "withdraw_right": ("", API),
    "reset_before": ("POST", UPLOAD),
    "reset_middle": ("POST", UPLOAD),
    "reset_after_taken": ("POST", UPLOAD),
    "late_accept": ("POST", UPLOAD),
    "list_lag": ("POST", UPLOAD),
    "html_5xx_taken": ("POST", UPLOAD),
    "rows_refused": ("POST", UPLOAD),
    "whole_file_400": ("POST", UPLOAD),
    "refusal": ("POST", UPLOAD),
    "linkage_failure": ("POST", UPLOAD),
    "unknown_status": ("GET", LISTS),
    "logs_not_possible": ("GET", LOG_EVALUATION),
    "logs_processing_failed": ("POST", LOGS),
    "logs_awaiting_retry": ("POST", LOGS),
    "logs_too_old": ("GET", LOG),
    "logs_cut": ("GET", LOG_PART),
    "scope_cut": ("POST", TOKEN),
    "oauth_html_5xx": ("", OAUTH),
    "callkeeper_latency": ("GET", CALLKEEPER),
    "callkeeper_reset": ("GET", CALLKEEPER),
    "callkeeper_html": ("GET", CALLKEEPER),
    "callkeeper_429": ("GET", CALLKEEPER),
    "callkeeper_redirect": ("GET", CALLKEEPER),
    "callkeeper_error": ("GET", CALLKEEPER),
}
MATCHES = frozenset({"path_contains", "method", "login", "counter", "comment"})


@dataclass
class Fault:
    number: int
    name: str
    left: int | None
    match: Json
    params: Json

    def applies_to(self, request: Request) -> bool:
        return self._matches_path(request) and self._matches(request) and self._has_marker(request)

    def _matches_path(self, request: Request) -> bool:
        method, path = NAMES[self.name]
        if "path_contains" in self.match:
            return str(self.match["path_contains"]) in request.path
        return method in ("", request.method) and path.search(request.path) is not None

    def _matches(self, request: Request) -> bool:
        match = self.match
        counter = re.search(r"/counter/([0-9]+)", request.path)
        return (
            match.get("login", request.login) == request.login
            and match.get("method", request.method) == request.method
            and (
                "counter" not in match or bool(counter and int(match["counter"]) == int(counter[1]))
            )
            and str(match.get("comment", "")) in request.param("comment")
        )

    def _has_marker(self, request: Request) -> bool:
        marker = self.params.get("marker")
        return not marker or str(marker).encode() in request.body()

    def as_json(self) -> Json:
        common = {"id": self.number, "name": self.name, "times": self.left, "match": self.match}
        return common | self.params


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._faults: list[Fault] = []

    def add(self, body: dict[str, Any]) -> Json:
        """Switch a fault on: ``times`` is 1 unless given, None means until it is cleared."""
        params = dict(body)
        name, left = params.pop("name", ""), params.pop("times", 1)
        match = params.pop("match", None) or {}
        if name not in NAMES:
            raise ApiError(400, "invalid_parameter", "Faults: " + ", ".join(NAMES))
        if set(match) - MATCHES:
            raise ApiError(400, "invalid_parameter", "Match by: " + ", ".join(sorted(MATCHES)))
        fault = Fault(next(self._numbers), name, left, match, params)
        with self._lock:
            self._faults.append(fault)
        return fault.as_json()

    def take(self, request: Request) -> list[Fault]:
        """Return the faults that apply to this request, and count each down."""
        with self._lock:
            candidates = list(self._faults)
        matching = [fault for fault in candidates if fault.applies_to(request)]
        with self._lock:
            matching = [fault for fault in matching if fault.left is None or fault.left > 0]
            for fault in matching:
                if fault.left is not None:
                    fault.left -= 1
            self._faults = [fault for fault in self._faults if fault.left != 0]
        return matching

    def all(self) -> list[Json]:
        with self._lock:
            return [fault.as_json() for fault in self._faults]

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
