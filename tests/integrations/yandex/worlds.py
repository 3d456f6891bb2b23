"""The two sides of the contract: recorded answers, and the sandbox over real HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import requests
import responses

from devtools.sandbox import RunningSandbox, start_sandbox
from integrations.yandex.config import YandexConfig
from tests.integrations.yandex.stage import CODE, CONFIG, COUNTER, VERIFIER, payload, vendor_error

CALLBACK = "http://127.0.0.1:8000/lk/integrations/yandex/callback"
FOREIGN_COUNTER = 91300042
TIMEOUT = 10

CONVERSIONS = f"/management/v1/counter/{COUNTER}/offline_conversions"
Reply = tuple[int, dict[str, str], str] | Exception


class World(Protocol):
    config: YandexConfig

    def allow(self, authorize_url: str) -> str:
        """Consent as a person does, and return the code of the callback."""

    def inject(self, fault: str) -> None:
        """Apply the fault to the next upload."""


class Sandbox:
    def __init__(self, running: RunningSandbox) -> None:
        self._running = running
        options = running.options
        self.config = replace(
            CONFIG,
            oauth_url=running.url,
            login_url=running.url,
            metrika_url=running.url,
            client_id=options.client_id,
            client_secret=options.client_secret,
            redirect_uri=CALLBACK,
        )

    def allow(self, authorize_url: str) -> str:
        answer = requests.post(
            authorize_url,
            data={"login": "okna-stolica", "decision": "allow"},
            allow_redirects=False,
            timeout=TIMEOUT,
        )
        return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]

    def inject(self, fault: str) -> None:
        wish = {"name": fault, "match": {"path_contains": "/upload_calls"}}
        url = f"{self._running.url}/_sandbox/faults"
        requests.post(url, json=wish, timeout=TIMEOUT).raise_for_status()


class Recorded:
    config = CONFIG

    def __init__(self, mock: responses.RequestsMock) -> None:
        self._replies: dict[tuple[str, str], Reply] = {
            ("GET", "/info"): _ok("profile.json"),
            ("POST", "/revoke_token"): (200, {}, '{"status": "ok"}'),
            ("GET", "/management/v1/counters"): _ok("counters.json"),
            ("GET", f"/management/v1/counter/{COUNTER}/goals"): _ok("goals.json"),
            ("POST", f"{CONVERSIONS}/upload_calls"): _ok("upload_calls.json"),
            ("GET", f"{CONVERSIONS}/calls_uploadings"): _ok("call_uploadings.json"),
            ("POST", f"{CONVERSIONS}/upload"): _ok("upload_conversions.json"),
            ("GET", f"{CONVERSIONS}/uploadings"): _ok("conversion_uploadings.json"),
        }
        for method in ("GET", "POST"):
            mock.add_callback(method, re.compile("https://"), self._reply)

    def allow(self, authorize_url: str) -> str:
        assert authorize_url.startswith(f"{CONFIG.oauth_url}/authorize?")
        return CODE

    def inject(self, fault: str) -> None:
        self._replies["POST", f"{CONVERSIONS}/upload_calls"] = FAULTS[fault]

    def _reply(self, request: requests.PreparedRequest) -> Any:
        path = urlsplit(request.url or "").path
        if path == "/token":
            return _token(request)
        if path.startswith("/management") and "y0_" not in request.headers["Authorization"]:
            return _refusal("invalid_token", 403)
        return self._replies.get((request.method or "", path), _refusal("access_denied", 403))


def _ok(name: str) -> Reply:
    return 200, {}, payload(name)


def _refusal(error_type: str, status: int) -> Reply:
    return status, {}, json.dumps(vendor_error(error_type, code=status))


def _token(request: requests.PreparedRequest) -> Reply:
    form = parse_qs(str(request.body))
    if form.get("code_verifier", [VERIFIER]) != [VERIFIER]:
        return 400, {}, payload("token_refused.json")
    renewed = "refresh_token" in form
    return 200, {}, payload("token.json").replace("RefreshC", "RefreshD" if renewed else "RefreshC")


FAULTS: dict[str, Reply] = {
    "status_420": _refusal("quota_requests_by_uid", 420),
    "status_429": _refusal("quota_requests_by_uid", 429),
    "status_403_quota": _refusal("quota_requests_by_uid", 403),
    "html_5xx": (502, {}, payload("gateway_502.html")),
    "garbage_200": _ok("gateway_502.html"),
    "invalid_token": _refusal("invalid_token", 403),
    "access_denied": _refusal("access_denied", 403),
    "whole_file_400": _refusal("invalid_uploading", 400),
    "reset_before": requests.ConnectionError("reset"),
    "reset_middle": requests.ConnectionError("reset"),
    "reset_after_taken": requests.ConnectionError("reset"),
}


@contextmanager
def recorded() -> Iterator[World]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Recorded(mock)


@contextmanager
def sandbox() -> Iterator[World]:
    running = start_sandbox(redirect_uris=(CALLBACK,))
    try:
        yield Sandbox(running)
    finally:
        running.close()
